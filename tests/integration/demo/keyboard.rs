//! The demonstration on a terminal: whoever sits there plays the director.

use super::stage::Stage;
use crate::approve::keyboard::{DOWN, Session};

#[test]
fn the_person_at_the_terminal_decides_as_the_director() {
    let stage = Stage::new();
    let mut session = Session::start(stage.path(), "demo --lang en --plain --dir there");
    let there = Stops(&stage);
    session.at("THE DECISION:", &format!("{DOWN}\r"));
    session.at("Reason", "it was tested\r");
    let (code, seen) = session.end();
    assert_eq!(code, Some(0), "{seen}");
    for words in
        ["You are the director now", "approved by demo-director, signed", "version 2 is in production"]
    {
        assert!(seen.contains(words), "`{words}` is not in:\n{seen}");
    }
    drop(there);
}

#[test]
fn a_director_who_rejects_ends_the_demonstration_without_a_change() {
    let stage = Stage::new();
    let mut session = Session::start(stage.path(), "demo --lang en --plain --dir there");
    let there = Stops(&stage);
    session.at("THE DECISION:", &format!("{DOWN}{DOWN}\r"));
    session.at("Reason", "not today\r");
    let (code, seen) = session.end();
    assert_eq!(code, Some(11), "{seen}");
    let version = stage.path().join("there/servers/production/home/srv/notes/lib/VERSION");
    assert_eq!(std::fs::read_to_string(version).unwrap(), "1\n");
    drop(there);
}

/// Stops the servers, whatever becomes of the test.
struct Stops<'a>(&'a Stage);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        let folder = self.0.path().join("there");
        let _ = Stage::command(&["demo", "--stop", "--dir", folder.to_str().unwrap()]).output();
    }
}
