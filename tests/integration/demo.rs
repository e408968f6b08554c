//! The demonstration from end to end: servers, gate, backup, promotion, restore; and the promises
//! under `kill -9`, after every event of production's update.

mod answers;
mod copies;
mod idle;
mod keyboard;
mod killed;
pub mod stage;
mod words;

use stage::{Stage, run_of};

#[test]
fn it_installs_updates_and_promotes_and_a_second_call_changes_nothing() {
    let stage = Stage::new();
    let first = stage.demo(&["--approve"]);
    first.ends_with(0);
    for words in
        ["approved by demo-director, signed", "read back and verified", "production   3 changes made"]
    {
        first.says(words);
    }
    assert_eq!(stage.version(), "2");
    assert_eq!(stage.migrations("production"), 1);
    assert!(stage.notes().contains(&"Written after the approval, before the update".to_owned()));
    let before = stage.home_files();

    let second = stage.demo(&[]);
    second.ends_with(0);
    second.says("production   version 2 is installed, nothing would change");
    assert!(!second.all().contains("gate"), "{}", second.all());
    assert!(!second.all().contains("backup"), "{}", second.all());
    assert_eq!(stage.home_files(), before, "a second call changes no file of production");

    let stopped = stage.esclusa(&["demo", "--stop", "--dir", stage.dir()]);
    stopped.ends_with(0);
    stopped.says("3 servers stopped");
    let again = stage.esclusa(&["demo", "--stop", "--dir", stage.dir()]);
    again.says("0 servers stopped");
}

#[test]
fn a_failed_update_puts_production_back_with_everything_that_was_written_until_it_began() {
    let stage = Stage::new();
    let failed = stage.demo(&["--approve", "--fail"]);
    failed.ends_with(3);
    failed.says("migrate FAILED");
    failed.says("the previous state is back");
    assert_eq!(stage.version(), "1");
    assert!(stage.page().contains("version 1"), "{}", stage.page());
    let notes = stage.notes();
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(notes.contains(&"Written after the approval, before the update".to_owned()));

    // With the data mended, the same update goes through.
    stage.demo(&["--approve"]).ends_with(0);
    assert_eq!(stage.version(), "2");
    assert_eq!(stage.notes().len(), 5);
}

#[test]
fn without_a_terminal_it_waits_at_the_gate_and_the_printed_commands_go_on() {
    let stage = Stage::new();
    let waiting = stage.demo(&[]);
    waiting.ends_with(10);
    assert_eq!(stage.version(), "1");
    let commands: Vec<&str> = waiting.stdout.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(commands.len(), 2, "{}", waiting.stdout);
    // A resume before the decision changes nothing.
    stage.shell(commands[1]).ends_with(10);
    stage.shell(commands[0]).ends_with(0);
    let resumed = stage.shell(commands[1]);
    resumed.ends_with(0);
    assert_eq!(stage.version(), "2");
    let shown = stage.esclusa(&["-C", stage.dir(), "show", &run_of(commands[1])]);
    shown.ends_with(0);
    shown.says("demo-director");
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let stage = Stage::new();
    std::fs::write(stage.path().join("thesis.txt"), "years of work").unwrap();
    let refused = stage.demo(&[]);
    refused.ends_with(2);
    refused.says("--dir");
    assert_eq!(std::fs::read_dir(stage.path()).unwrap().count(), 1);
}
