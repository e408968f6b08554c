//! What the verbs answer about a project like any other: the demonstration's, while its update waits.

use super::stage::Stage;
use serde_json::Value as Json;

/// The update of production waits at its gate; the run's id.
fn waiting() -> (Stage, String) {
    let stage = Stage::new();
    let said = stage.demo(&[]);
    said.ends_with(10);
    let run = said.stdout.lines().rev().find_map(|line| line.trim().split(" resume ").nth(1)).unwrap();
    let run = run.to_owned();
    (stage, run)
}

fn json(stage: &Stage, arguments: &[&str]) -> (Option<i32>, Json) {
    let said = stage.project(&[arguments, &["--format", "json"]].concat());
    (said.code, serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}", said.all())))
}

#[test]
fn everything_that_the_environments_need_is_found_from_any_folder() {
    let (stage, _) = waiting();
    for environment in ["development", "test", "production"] {
        let said = stage.project(&["doctor", "--env", environment]);
        said.ends_with(0);
        said.says(" 0 bad");
        assert!(!said.all().contains("{{"), "{}", said.all());
    }
    // It looks for what the backup calls there.
    std::fs::remove_file(stage.root("test").join("bin/notes")).unwrap();
    let said = stage.project(&["doctor", "--env", "test"]);
    said.ends_with(1);
    said.says("missing:");
}

#[test]
fn a_rejected_run_is_remembered_with_who_rejected_it_and_why() {
    let (stage, run) = waiting();
    let key = format!("{}/keys/director", stage.dir());
    let words = ["approve", &run, "--decide", "reject", "--reason", "exams this week", "--key", &key];
    stage.project(&words).ends_with(0);
    stage.project(&["resume", &run]).ends_with(11);
    let said = stage.project(&["history", "--limit", "1", "--lang", "en"]);
    said.says("rejected by Director");
    said.says("exams this week");
    assert!(!said.all().contains("no approval was asked"), "{}", said.all());
    let said = stage.project(&["history", "--limit", "1", "--lang", "es"]);
    said.says("rechazó Director");
    let (_, history) = json(&stage, &["history", "--limit", "1"]);
    assert_eq!(history["runs"][0]["rejected_by"], "demo-director");
    assert_eq!(history["runs"][0]["rejection_reason"], "exams this week");
}

#[test]
fn a_director_reads_what_a_maintenance_is_called_and_what_it_was_given() {
    let (stage, run) = waiting();
    let key = format!("{}/keys/director", stage.dir());
    stage.project(&["approve", &run, "--lang", "en", "--key", &key]).says("“Update the notes”");
    stage.project(&["cancel", &run, "--reason", "another test"]).ends_with(0);
    let playbook = "kind: maintenance\nsystem: notes\ntitle: Renew the certificate\n\
        inputs:\n  host: {required: true}\n  days: {default: 90}\nsteps:\n  - name: Write it down\n    at: web\n    \
        copy: {content: \"{{ host }} {{ days }}\", dest: \"{{ root }}/lib/certificate\"}\n";
    std::fs::write(stage.path().join("playbooks/notes/maintenance.yaml"), playbook).unwrap();
    let words = ["run", "notes/maintenance", "-i", "host=wiki.example.org", "--env"];
    stage.project(&[&words[..], &["test"]].concat()).ends_with(0);
    stage.project(&[&words[..], &["production", "--why", "it ends on Friday"]].concat()).ends_with(10);
    let page = stage.project(&["approve", "latest", "--lang", "es", "--key", &key]);
    page.says("Guion        “Renew the certificate”");
    page.says("Datos        days: 90, host: wiki.example.org");
}

#[test]
fn a_restore_is_shown_with_what_it_puts_back_and_from_which_backup() {
    let (stage, _) = waiting();
    let (_, backups) = json(&stage, &["backups", "notes", "--env", "development"]);
    let backup = backups["backups"][0]["id"].as_str().unwrap();
    stage.project(&["restore", backup, "--why", "a rehearsal"]).ends_with(0);
    let said = stage.project(&["show", "latest", "--lang", "en"]);
    let plan = said.stdout.split_once("PLAN").unwrap().1.split_once("\n\n").unwrap().0;
    let plan = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plan.contains(&format!("puts back backup {backup} of ")), "{plan}");
    assert!(plan.contains("notes-development") && plan.contains("(databases)"), "{plan}");
    assert!(!plan.contains("(logs)"), "{plan}");
    let said = stage.project(&["show", "latest", "--lang", "es"]);
    said.says("repone la copia");
    said.says("(bases de datos)");
}

#[test]
fn a_word_that_names_no_run_is_bad_input_with_a_hint() {
    let (stage, run) = waiting();
    for verb in ["show", "resume", "cancel", "wait", "coverage", "do", "approve"] {
        for word in ["nosuch", "ffffffff", "0"] {
            let said = stage.project(&[verb, word]);
            assert_eq!(said.code, Some(2), "{verb} {word}: {}", said.all());
            said.says("hint: ");
            said.says("esclusa status");
        }
    }
    stage.project(&["show", &run]).ends_with(0);
}

#[test]
fn what_has_no_junit_form_is_refused_before_anything_is_done() {
    let (stage, run) = waiting();
    for words in [
        &["plan", "notes/update", "-i", "version=2", "--env", "test"][..],
        &["status"],
        &["history"],
        &["backups"],
        &["validate"],
        &["doctor", "--env", "test"],
        &["audit"],
        &["todo", "--all"],
    ] {
        let said = stage.project(&[words, &["--format", "junit"]].concat());
        said.ends_with(2);
        said.says("cannot be written as `junit`");
        assert_eq!(said.stdout, "", "{words:?}");
    }
    for words in [&["show", &run][..], &["check", "notes", "--env", "test"]] {
        let said = stage.project(&[words, &["--format", "junit"]].concat());
        said.ends_with(0);
        assert!(said.stdout.starts_with("<?xml"), "{}", said.stdout);
    }
}

#[test]
fn a_plan_that_cannot_ask_a_server_has_no_prediction_and_says_so() {
    let (stage, _) = waiting();
    stage.esclusa(&["demo", "--stop", "--dir", stage.dir()]).ends_with(0);
    let words = ["plan", "notes/update", "-i", "version=2", "--env", "production"];
    let said = stage.project(&words);
    said.ends_with(4);
    said.says("no prediction: 1 of 1 servers could not be asked");
    said.says("notes-production");
    assert!(!said.stdout.contains("would change"), "{}", said.stdout);
    assert!(!said.stdout.contains("  prediction "), "{}", said.stdout);
    let (code, plan) = json(&stage, &words);
    assert_eq!(code, Some(4));
    assert_eq!((plan["exit"].as_u64(), &plan["prediction"]), (Some(4), &Json::Null));
    assert_eq!(plan["problems"][0]["unreachable"], true);
}

#[test]
fn who_reads_spanish_is_answered_in_spanish() {
    let (stage, run) = waiting();
    let key = format!("{}/keys/director", stage.dir());
    let page = stage.project(&["approve", &run, "--key", &key, "--lang", "es"]);
    page.says("Write the configuration: escribir");
    let waits = stage.project(&["resume", &run, "--lang", "es"]);
    waits.ends_with(10);
    waits.says("notes 2 en production: espera la aprobación de director (10)");
    let words = ["approve", &run, "--decide", "approve", "--reason", "bien", "--key", &key];
    stage.project(&words).ends_with(0);
    let done = stage.project(&["resume", &run, "--lang", "es"]);
    done.ends_with(0);
    done.says("notes 2 en production: hecho; todas las comprobaciones bien (0)");
    done.says("3 hechos, 2 ya como deben ser");
    let shown = stage.project(&["show", &run, "--lang", "es"]);
    shown.says("terminada con éxito: hecho; todas las");
    shown.says("(se espera: igual a");
    for english in ["done;", "checks good", "wanted", "all steps", " write ", "as wanted"] {
        assert!(!shown.stdout.contains(english), "`{english}` in:\n{}", shown.stdout);
    }
    let checked = stage.project(&["check", "notes", "--env", "production", "--lang", "es"]);
    checked.ends_with(0);
    let words = checked.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("status: 200 (se espera: igual a 200)"), "{words}");
    checked.says("todas las comprobaciones están bien.");
    let (_, checked) = json(&stage, &["check", "notes", "--env", "production"]);
    assert_eq!(checked["findings"][0]["lines"][0], "status: 200 (wanted: is 200)");
}

#[test]
fn where_nothing_has_run_yet_that_is_what_is_said() {
    let stage = Stage::new();
    stage.shell(&format!("cd {} && {} init notes", stage.dir(), env!("CARGO_BIN_EXE_esclusa"))).ends_with(0);
    for words in
        [&["status"][..], &["history"], &["show", "latest"], &["todo", "--all"], &["approve"], &["audit"]]
    {
        let said = stage.project(words);
        assert_eq!(said.code, Some(2), "{words:?}: {}", said.all());
        said.says("nothing has run here yet");
    }
    assert!(!stage.path().join("state/esclusa.db").exists(), "who only reads makes no database");
}

#[test]
fn a_handler_that_another_servers_change_notifies_is_predicted_and_run() {
    let (stage, run) = waiting();
    stage.project(&["cancel", &run, "--reason", "another test"]).ends_with(0);
    // The server of development stands in front of the one of test, too.
    let inventory = std::fs::read_to_string(stage.path().join("inventory.yaml")).unwrap();
    let at = inventory.find("      notes-development:").unwrap();
    let server = &inventory[at..at + inventory[at..].find("    variables: {title").unwrap()];
    let server = server.replace("notes-development:", "front:").replace("[web]", "[front]");
    let test = inventory.find("      notes-test:").unwrap();
    let inventory = format!("{}{server}{}", &inventory[..test], &inventory[test..]);
    std::fs::write(stage.path().join("inventory.yaml"), inventory).unwrap();
    let playbook = "kind: maintenance\nsystem: notes\ntitle: Notify\nsteps:\n  - name: Write it down\n    at: web\n    \
        copy: {content: one, dest: \"{{ root }}/lib/one\"}\n    notify: reload\nhandlers:\n  - id: reload\n    \
        at: front\n    name: Reload\n    command: {run: [touch, \"{{ root }}/lib/reloaded\"], repeatable: true}\n";
    std::fs::write(stage.path().join("playbooks/notes/maintenance.yaml"), playbook).unwrap();
    let words = ["notes/maintenance", "--env", "test"];
    let (code, plan) = json(&stage, &[&["plan"], &words[..]].concat());
    assert_eq!(code, Some(0), "{plan}");
    assert!(plan.to_string().contains("\"reload\""), "{plan}");
    stage.project(&[&["run"], &words[..]].concat()).ends_with(0);
    assert!(stage.root("development").join("lib/reloaded").exists());
    // Nothing is written any more, and nothing is reloaded.
    let (_, plan) = json(&stage, &[&["plan"], &words[..]].concat());
    assert!(!plan.to_string().contains("\"reload\""), "{plan}");
}

#[test]
fn a_run_that_another_keeps_from_its_servers_ends_at_once_and_does_not_disturb_it() {
    let (stage, run) = waiting();
    stage.project(&["cancel", &run, "--reason", "another test"]).ends_with(0);
    let playbook = "kind: maintenance\nsystem: notes\ntitle: Slow\nsteps:\n  - name: Take a while\n    at: web\n    \
        command: {run: [sh, -c, \"echo begun >>{{ root }}/lib/slow; sleep 8; echo done >>{{ root }}/lib/slow\"], repeatable: true}\n";
    std::fs::write(stage.path().join("playbooks/notes/maintenance.yaml"), playbook).unwrap();
    let words = ["-C", stage.dir(), "run", "notes/maintenance", "--env", "test"];
    let mut first = Stage::command(&words).stdout(std::process::Stdio::null()).spawn().unwrap();
    let slow = stage.root("test").join("lib/slow");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !slow.exists() {
        assert!(std::time::Instant::now() < until, "the first run does not begin");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let second = stage.project(&["run", "notes/maintenance", "--env", "test"]);
    second.ends_with(14);
    second.says("server `notes-test` is claimed by run ");
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(std::fs::read_to_string(slow).unwrap(), "begun\ndone\n");
}
