//! What directors and auditors read, in both languages: every page fits its columns, says who has to do
//! what, and names a restore as one.

use super::stage::{Said, Stage};
use serde_json::Value as Json;
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

/// The update of production waits at its gate; the run's id.
fn waiting() -> (Stage, String) {
    let stage = Stage::new();
    let said = stage.demo(&[]);
    said.ends_with(10);
    let run = said.stdout.lines().rev().find_map(|line| line.trim().split(" resume ").nth(1)).unwrap();
    let run = run.to_owned();
    (stage, run)
}

fn json(stage: &Stage, arguments: &[&str]) -> Json {
    let said = stage.project(&[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}", said.all()))
}

fn decide(stage: &Stage, run: &str, decision: &str) {
    let key = format!("{}/keys/director", stage.dir());
    stage.project(&["approve", run, "--decide", decision, "--reason", "seen", "--key", &key]).ends_with(0);
}

/// The page in a language, which must fit.
#[track_caller]
fn page(stage: &Stage, arguments: &[&str], language: &str) -> Said {
    let said = stage.project(&[arguments, &["--lang", language]].concat());
    for line in said.stdout.lines() {
        assert!(line.chars().count() <= 80, "{arguments:?}: `{line}`");
    }
    said
}

#[test]
fn a_restore_is_called_one_with_its_backup_and_who_asked_for_it() {
    let (stage, _) = waiting();
    let backups = json(&stage, &["backups", "notes", "--env", "development"]);
    let backup = backups["backups"][0]["id"].as_str().unwrap();
    stage.project(&["restore", backup, "--why", "a rehearsal"]).ends_with(0);
    for (language, kind, puts_back) in [
        ("en", "restore: notes in development", format!("puts back backup {backup}")),
        ("es", "restauración: notes en development", format!("repone la copia {backup}")),
    ] {
        let history = page(&stage, &["history", "--limit", "1"], language);
        history.says(kind);
        history.says(&puts_back);
        history.says("The person at this keyboard");
        let shown = page(&stage, &["show", "latest"], language);
        assert!(shown.stdout.starts_with(kind), "{}", shown.stdout);
    }
    let history = json(&stage, &["history", "--limit", "1"]);
    let shown = json(&stage, &["show", "latest"]);
    for run in [&history["runs"][0], &shown] {
        assert_eq!((&run["kind"], &run["puts_back"]), (&Json::from("restore"), &Json::from(backup)), "{run}");
    }
}

#[test]
fn backups_are_listed_with_ids_that_restore_takes_and_in_the_readers_language() {
    let (stage, _) = waiting();
    let backups = json(&stage, &["backups", "--env", "test"]);
    let id = backups["backups"][0]["id"].as_str().unwrap().to_owned();
    let spanish = page(&stage, &["backups", "notes"], "es");
    spanish.says("notes en test: ");
    spanish.says("verificada");
    spanish.says(&format!("esclusa restore {id}"));
    page(&stage, &["backups"], "en").says("verified");
    page(&stage, &["backups", "--env", "production"], "es").says("No hay copias.");
    for words in [["history", "nope"], ["backups", "nope"]] {
        let said = page(&stage, &words, "en");
        said.ends_with(2);
        said.says("no system `nope` is known");
        said.says("known: `notes`");
        let said = page(&stage, &words, "es");
        said.says("no se conoce ningún sistema `nope`");
    }
    let said = page(&stage, &["history", "--env", "nope"], "es");
    said.ends_with(2);
    said.says("no se conoce ningún entorno `nope`");
}

#[test]
fn a_word_that_names_no_run_is_answered_in_the_readers_language() {
    let (stage, _) = waiting();
    for verb in ["show", "approve", "wait", "resume", "cancel", "coverage"] {
        let said = page(&stage, &[verb, "ffffffff"], "es");
        said.ends_with(2);
        said.says("el id de ninguna ejecución empieza por `ffffffff`");
        said.says("muestra las ejecuciones abiertas");
    }
}

#[test]
fn waiting_goes_on_after_the_approval_and_says_who_has_to_do_what() {
    let (stage, run) = waiting();
    let late = page(&stage, &["wait", &run, "--timeout", "1s"], "en");
    late.ends_with(10);
    late.says("waiting for approval by director");
    late.says("Director of the demonstration");
    late.says(&format!("`esclusa approve {run}`"));

    decide(&stage, &run, "approve");
    let late = page(&stage, &["wait", &run, "--timeout", "1s"], "en");
    late.ends_with(10);
    late.says(&format!("approved; it can go on; nobody drives it now: `esclusa resume {run}`"));
    assert!(!late.all().contains("waiting for approval"), "{}", late.all());
    let late = page(&stage, &["wait", &run, "--timeout", "1s"], "es");
    late.says("nadie la conduce ahora");
    assert!(!late.all().contains("espera la aprobación"), "{}", late.all());

    let waits = Stage::command(&["-C", stage.dir(), "wait", &run, "--timeout", "2m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.project(&["resume", &run]).ends_with(0);
    let begun = Instant::now();
    let ended = waits.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_rejected_run_needs_nobody_but_for_its_record() {
    let (stage, run) = waiting();
    decide(&stage, &run, "reject");
    let waits = page(&stage, &["wait", &run], "en");
    waits.ends_with(11);
    waits.says("rejected (11)");
    let status = page(&stage, &["status"], "en");
    status.says("State        rejected");
    waits.says("it only records the end");
    let words = status.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("esclusa resume {run} (only records the end)")), "{words}");
    assert_eq!(json(&stage, &["status"])["runs"][0]["decided"], "rejected");
    stage.project(&["resume", "--approved"]).ends_with(11);
    page(&stage, &["status"], "es").says("No hay ejecuciones abiertas.");
}
