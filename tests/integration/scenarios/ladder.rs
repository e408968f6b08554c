//! The real wiki from its request to its delivery, and its update with every "no", as the persons involved do
//! it: 3.2.1 calls 3.2.2, then 3.2.5.

use super::wiki;
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
