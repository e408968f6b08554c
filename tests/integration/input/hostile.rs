//! Broken input of every kind: no panic, one cause, what to do, the right code.

use super::{Desk, finish};
use std::fs;

#[test]
fn a_closed_reader_and_a_closed_output_harm_nothing() {
    let desk = Desk::new();
    let program = env!("CARGO_BIN_EXE_esclusa");
    for script in
        ["explain | head -n 1", "explain >&-", "validate <&-", "schema playbook | head -n 1 >/dev/null"]
    {
        let mut command = desk.command(&[]);
        command = {
            let mut shell = std::process::Command::new("sh");
            shell
                .args(["-c", &format!("{program} {script}")])
                .current_dir(command.get_current_dir().unwrap());
            shell
        };
        finish(command, "").expect(0);
    }
}

#[test]
fn what_is_no_file_is_told_as_what_it_is() {
    let desk = Desk::new();
    let people = desk.path("people.yaml");
    fs::remove_file(&people).unwrap();
    fs::create_dir(&people).unwrap();
    for words in [&["status"][..], &["validate"], &["plan", "notes/update", "--env", "test"]] {
        desk.run(words).expect(2).says(&["people.yaml: cannot be read: it is a folder"]);
    }
    fs::remove_dir(&people).unwrap();
    std::os::unix::fs::symlink("people.yaml", &people).unwrap();
    desk.run(&["validate"]).expect(2).says(&["people.yaml: cannot be read: Too many levels"]);
    fs::remove_file(&people).unwrap();
    desk.run(&["validate"]).expect(2).says(&["people.yaml: there is no such file"]);
}

#[test]
fn a_link_among_the_playbooks_is_read_like_a_file() {
    let desk = Desk::new();
    desk.write("other.txt", "kind: update\nsystem: notes\nstep: []\n");
    std::os::unix::fs::symlink("../other.txt", desk.path("playbooks/other.yaml")).unwrap();
    std::os::unix::fs::symlink("lost.yaml", desk.path("playbooks/lost.yaml")).unwrap();
    desk.run(&["validate"]).expect(2).says(&["unknown key `step`", "playbooks/lost.yaml: cannot be read"]);
}

#[test]
fn a_start_in_the_place_of_a_file_is_refused() {
    let desk = Desk::new();
    for dir in ["people.yaml", "people.yaml/below"] {
        desk.run(&["init", "forum", "--dir", dir]).expect(2).says(&["`people.yaml` is no folder"]);
    }
}

#[test]
fn a_state_that_cannot_be_written_is_told_with_its_cause_and_a_next_step() {
    let desk = Desk::new();
    // Nothing can be made below a file, whoever asks.
    desk.edit("esclusa.yaml", "depot: state/depot", "depot: people.yaml/depot");
    let ended = desk.run(&["plan", "notes/update", "--env", "test", "-i", "version=1.0"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.err.contains("people.yaml/depot") && ended.err.contains("os error"), "{}", ended.err);
    desk.edit("esclusa.yaml", "sqlite:state/esclusa.db", "sqlite:people.yaml/esclusa.db");
    let ended = desk.run(&["plan", "notes/update", "--env", "test", "-i", "version=1.0"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.err.contains("hint:"), "{}", ended.err);
}

#[test]
fn arguments_that_are_no_text_or_no_use_are_refused_without_harm() {
    use std::os::unix::ffi::OsStrExt as _;
    let desk = Desk::new();
    let long = "x".repeat(100_000);
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    for verb in ["validate", "plan", "run", "do", "show", "explain", "init", "cancel", "trust"] {
        for word in [odd, std::ffi::OsStr::new("\u{1b}[2J\u{202e}"), std::ffi::OsStr::new(&long)] {
            let mut command = desk.command(&[verb]);
            command.arg(word);
            if matches!(verb, "plan" | "run") {
                command.args(["--env", "test"]);
            }
            let ended = finish(command, "");
            assert!(matches!(ended.code, 1 | 2), "{verb}: {} {}", ended.code, ended.err);
            assert!(
                !ended.err.contains("panicked") && !ended.err.contains('\u{1b}'),
                "{verb}: {}",
                ended.err
            );
            assert!(ended.err.len() < 2_000, "{verb} repeats {} bytes", ended.err.len());
        }
    }
}
