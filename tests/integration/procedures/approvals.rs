//! Fields that name an approval: runs in which a gate was approved, and nothing else.

use super::{
    super::approve::keyboard::Session,
    office::{Office, text},
    signed::{SIGNED, at_the_gate},
};
use serde_json::Value as Json;

/// The fields of the last answer at an activity of a run.
fn fields(office: &Office, run: &str, activity: &str) -> Json {
    let shown = office.json(&["show", run]);
    let journal = shown["journal"].as_array().unwrap();
    let answered =
        |event: &&Json| event["event"]["event"] == "answered" && event["event"]["activity"] == activity;
    journal.iter().rfind(answered).unwrap()["event"]["fields"].clone()
}

fn newest(office: &Office) -> String {
    office.runs().pop().unwrap()["run"].as_str().unwrap().to_owned()
}

#[test]
fn an_approval_is_a_run_of_this_system_whose_gate_was_approved() {
    let (office, bought) = at_the_gate();
    office.done_as("luis", &["request", "new", "ti-p01/3.2.2", "--system", "library"]);
    let install = newest(&office);
    office.done_as("luis", &["request", "new", "buy", "--system", "other"]);
    let other = newest(&office);
    office.done_as("luis", &["request", "new", "buy", "--system", "library"]);
    let ended = newest(&office);
    for id in [&other, &ended] {
        office.done_as("ana", &["do", id, "--answer", "yes", "--reason", "yes"]);
        office.done_as("eva", &["do", id, "--answer", "yes", "--reason", "yes"]);
    }
    office.done_as("ana", &["cancel", &ended, "--reason", "changed our mind"]);
    let before = office.journal(&install);
    let give = |approval: &str| {
        let field = format!("approval={approval}");
        office.try_as("luis", &["do", &install, "--field", "unit=Library", "--field", &field])
    };
    for (approval, why) in [
        (bought.as_str(), "has no gate that was approved"),
        (&install, "has no gate that was approved"),
        (&ended, "has no gate that was approved"),
        (&other, "is about `other`"),
        ("latest", "named by its id"),
        ("0", "several runs start with `0`"),
        ("ffffffff", "no run's id starts with"),
        ("oral", "is not the start of a run's id"),
        ("%", "is not the start of a run's id"),
        ("", "is not the start of a run's id"),
    ] {
        let output = give(approval);
        assert_eq!(output.status.code(), Some(2), "{approval}: {output:?}");
        let words = text(&output.stderr);
        assert!(words.contains(why) && words.contains("--field approval=RUN"), "{approval}: {words}");
    }
    let missing = office.try_as("luis", &["do", &install, "--field", "unit=Library"]);
    assert!(text(&missing.stderr).contains("the field `approval` is missing"), "{missing:?}");
    assert_eq!(office.journal(&install), before);

    office.done_as("ana", &["do", &bought, "--answer", "yes", "--reason", "yes"]);
    assert_eq!(give(&bought).status.code(), Some(2), "one of two has approved");
    office.done_as("eva", &["do", &bought, "--answer", "yes", "--reason", "yes"]);
    // The last characters are random, so everything but one of them is a prefix of this run alone.
    let output = give(&bought[..35]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fields(&office, &install, "3.2.2-02")["approval"], *bought);
}

#[test]
fn a_run_that_was_called_is_approved_by_its_caller() {
    let caller = SIGNED
        .replace("kind: external", "kind: call")
        .replace("    process: purchase\n    signed: true\n", "");
    let caller =
        caller.replace("    returns: {es: La factura, en: The invoice}\n", "    playbook: ti-p01/3.2.2\n");
    for (language, reason, unit, approval) in [
        ("", "", "", ""),
        ("es", "Qué se hizo", "Unidad que recibe", "Identificación de la ejecución"),
        ("en", "What was done", "Receiving unit", "Id of the run"),
    ] {
        let office = Office::with_procedure("buy", &caller);
        office.done_as("luis", &["request", "new", "buy", "--system", "library"]);
        let caller = newest(&office);
        office.done_as("ana", &["do", "9.3-02", "--answer", "yes", "--reason", "yes"]);
        office.done_as("eva", &["do", "9.3-02", "--answer", "yes", "--reason", "yes"]);
        let called = newest(&office);
        assert_ne!(called, caller);
        if language.is_empty() {
            office.done_as("luis", &["do", "3.2.2-02", "--field", "unit=Library"]);
        } else {
            office.sit_down("luis");
            let words = format!("do 3.2.2-02 --lang {language}");
            let mut session = Session::start(office.folder.path(), &words);
            session.at(reason, "x\r");
            session.at(unit, "Library\r");
            let (code, seen) = session.end();
            assert_eq!(code, Some(0), "{seen}");
            assert!(!seen.contains(approval), "{seen}");
        }
        assert_eq!(fields(&office, &called, "3.2.2-02")["approval"], *caller);
        assert!(office.done_as("ana", &["audit"]).contains("2 signed"));
    }
}
