//! The real wiki from its request to its delivery, and its update with every "no", as the persons involved do
//! it: 3.2.1 calls 3.2.2, then 3.2.5.

use super::{
    notes::{Seen, project, seen},
    project::{Access, Project},
    wiki,
};
use crate::procedures::{
    cast::{Part, Played, play},
    office::Office,
};

/// Whether these ids come one after the other.
fn passes(played: &Played, way: &str) -> bool {
    format!(" {} ", played.opened.join(" ")).contains(&format!(" {way} "))
}

fn complete(office: &Office, run: &str) {
    let coverage = office.json(&["coverage", run]);
    assert_eq!(coverage["complete"], true, "{coverage}");
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn the_wiki_is_asked_for_installed_delivered_and_updated_with_every_no_and_its_way_back() {
    let (project, version) = wiki::project();
    let mut office = Office::at(&project.path(""));
    office.environment = project.secrets().to_vec();
    let part = Part { noes: &["3.2.1-05"], fields: &[("version", "1.39")], ..Part::default() };
    let played = play(&office, "ti-p01/3.2.1", "wiki", &part);
    assert_eq!(played.outcome, "done", "{:?}", played.opened);
    complete(&office, &played.run);
    for server in ["test", "prod"] {
        assert_eq!(project.on(server, wiki::INFO), "MediaWiki 1.39");
    }

    wiki::write_page(&project, "Written before");
    let noes = ["06", "08", "15", "17", "19", "23", "25"].map(|short| format!("3.2.5-{short}"));
    let noes: Vec<&str> = noes.iter().map(String::as_str).collect();
    let part =
        Part { noes: &noes, fields: &[("version", &version)], branch: "open-source", ..Part::default() };
    let played = play(&office, "ti-p01/3.2.5", "wiki", &part);
    assert_eq!(played.outcome, "done", "{:?}", played.opened);
    for way in [
        "06 07 08m 08 09 08m 08 10 11 11v 12",
        "15 15s 12",
        "17 17s 12",
        "19 12",
        "23 23r 23v 23a 23s 12",
        "25 25r 25v 25a 25s 12",
        "25 26 26t 26d 27 28 29",
    ] {
        assert!(passes(&played, way), "{way}: {:?}", played.opened);
    }
    complete(&office, &played.run);
    office.done_as("ana", &["audit"]);
    assert_eq!(project.on("prod", wiki::INFO), "MediaWiki 1.43");
    assert_eq!(project.on("prod", wiki::RAW), "Written before");
}

/// An office with notes on none of its servers.
fn notes_office() -> (Project, Office) {
    let project = project(&Access::default());
    let office = Office::at(&project.path(""));
    (project, office)
}

/// The run of a called procedure, which must have ended well.
fn called(office: &Office, procedure: &str) -> String {
    let runs = office.runs();
    let run = runs.iter().find(|run| run["procedure"].as_str().unwrap().contains(procedure)).unwrap();
    assert_eq!(run["outcome"], "done");
    run["run"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn what_was_developed_goes_its_ladder_with_two_noes_and_an_incident_is_recovered_by_a_restore() {
    let (project, office) = notes_office();
    let noes = ["3.2.1-05", "3.2.1-08", "3.2.3-15", "3.2.3-21"];
    let part = Part { noes: &noes, fields: &[("version", "1")], ..Part::default() };
    let played = play(&office, "ti-p01/3.2.1", "notes", &part);
    assert_eq!(played.outcome, "done", "{:?}", played.opened);
    complete(&office, &played.run);
    complete(&office, &called(&office, "3.2.3"));
    for server in ["dev", "test", "prod"] {
        assert_eq!(seen(&project, server), Seen::installed());
    }

    // A day without a failure; then the data is gone, and nothing but the backup brings it back.
    project.esclusa(&["backup", "notes", "--env", "production"]).code(0);
    let part = Part { noes: &["3.2.6-09"], ..Part::default() };
    let quiet = play(&office, "ti-p01/3.2.6", "notes", &part);
    assert_eq!(quiet.outcome, "done");
    assert!(passes(&quiet, "04 07 08 09 16 17"), "{:?}", quiet.opened);
    complete(&office, &quiet.run);
    project.on("prod", "systemctl stop notes; mariadb -e 'DROP DATABASE notes'");
    let incident = play(&office, "ti-p01/3.2.6", "notes", &Part::default());
    assert_eq!(incident.outcome, "done", "{:?}", incident.opened);
    assert!(passes(&incident, "04 05 06 07 08 09 10 11 12 13 14 15 16 17"), "{:?}", incident.opened);
    complete(&office, &incident.run);
    assert_eq!(seen(&project, "prod"), Seen::installed());
    office.done_as("ana", &["audit"]);
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn what_was_bought_is_installed_after_the_vendor_answered_a_case() {
    let (project, office) = notes_office();
    let noes = ["3.2.1-05", "3.2.1-08", "3.2.1-13", "3.2.4-15", "3.2.4-17", "3.2.4-17p"];
    let part = Part { noes: &noes, fields: &[("version", "1")], ..Part::default() };
    let played = play(&office, "ti-p01/3.2.1", "notes", &part);
    assert_eq!(played.outcome, "done", "{:?}", played.opened);
    complete(&office, &played.run);
    let bought = called(&office, "3.2.4");
    complete(&office, &bought);
    let journal = office.journal(&bought);
    let cases = journal.iter().filter(|event| event["event"] == "external_opened");
    let cases: Vec<_> = cases.map(|event| event["activity"].as_str().unwrap()).collect();
    for case in ["3.2.4-15s", "3.2.4-17s", "3.2.4-17ps"] {
        assert!(cases.contains(&case), "{case}: {cases:?}");
    }
    for server in ["test", "prod"] {
        assert_eq!(seen(&project, server), Seen::installed());
    }
}
