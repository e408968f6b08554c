//! Ways around production's gate, each tried: policy, kind, route, template and people file edited.

use super::{
    notes::{self, Seen, seen},
    project::{Access, Project},
};
use std::fs;

/// Replaces text in a file of the project; it must be there.
fn edit(project: &Project, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(project.path(name)).unwrap();
    assert!(text.contains(from), "`{from}` is not in {name}");
    project.write(name, &text.replace(from, to));
}

const POLICY: &str = "    policy: {approve: {each: [director], decide_within: 7d, valid_for: 24h}}\n";

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_policy_that_is_deleted_or_a_kind_that_is_changed_opens_no_gate() {
    let project = notes::installed(&Access::default());
    let inventory = fs::read_to_string(project.path("inventory.yaml")).unwrap();
    let update = ["run", "notes/update", "-i", "version=2"];

    edit(&project, "inventory.yaml", POLICY, "");
    project.esclusa(&update).code(10).says("director");

    edit(&project, "inventory.yaml", "kind: production", "kind: development");
    project.esclusa(&update).code(10).says("director");

    project.write("inventory.yaml", &inventory);
    edit(&project, "inventory.yaml", "each: [director]", "each: [professional]");
    project.esclusa(&update).code(2).says("only the requester has the role `professional`");
    assert_eq!(seen(&project, "prod"), Seen::installed());
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_route_without_test_and_a_template_that_test_has_not_seen_are_refused() {
    let project = notes::installed(&Access::default());
    let update = ["run", "notes/update", "-i", "version=2"];
    edit(&project, "playbooks/notes/update.yaml", "route: [test, production]", "route: [production]");
    project.esclusa(&update).code(2).says("has not passed");
    project
        .esclusa(&["run", "notes/update", "-i", "version=2", "--env", "production"])
        .code(2)
        .says("has not passed");

    edit(&project, "playbooks/notes/update.yaml", "route: [production]", "route: [test, production]");
    project.esclusa(&["run", "notes/update", "-i", "version=2", "--to", "test"]).code(0);
    project.write("playbooks/notes/notes.conf.j2", "version = {{ version }} and more\n");
    project
        .esclusa(&["run", "notes/update", "-i", "version=2", "--env", "production"])
        .code(2)
        .says("has not passed");
    project.esclusa(&["promote", "notes", "--to", "production"]).code(10);
    assert_eq!(seen(&project, "prod"), Seen::installed());

    // What was approved is what runs, whatever the files say by now.
    let run = project.approve();
    project.write("playbooks/notes/update.yaml", "nonsense");
    project.esclusa(&["resume", &run.to_string()]).code(0);
    assert_eq!(seen(&project, "prod"), Seen::updated(2));
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_people_file_that_changes_under_an_open_gate_makes_the_approval_stale() {
    let project = notes::installed(&Access::default());
    notes::update(&project, 2);
    let run = project.approve();
    edit(&project, "people.yaml", "roles: [professional]", "roles: [professional, director]");
    project.esclusa(&["resume", &run.to_string()]).code(15).says("people file");
    assert_eq!(seen(&project, "prod"), Seen::installed());
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn whoever_asked_a_machine_and_a_stranger_approve_nothing() {
    let project = notes::installed(&Access::default());
    for name in ["luis", "robot", "stranger"] {
        project.key(name);
    }
    let public =
        |name: &str| fs::read_to_string(project.path(&format!("keys/{name}.pub"))).unwrap().trim().to_owned();
    let people = format!(
        "people:\n  ana: {{name: Ana Ruiz, roles: [director], keys: \"{}\"}}\n  \
         luis: {{name: Luis Mora, roles: [professional, director], account: root, keys: \"{}\"}}\n  \
         robot: {{name: The pipeline, roles: [director], machine: true, keys: \"{}\"}}\n",
        public("director"),
        public("luis"),
        public("robot")
    );
    project.write("people.yaml", &people);
    notes::update(&project, 2);
    let run = project.latest().header.id.to_string();
    let mut told = Vec::new();
    for name in ["luis", "robot", "stranger"] {
        let key = project.path(&format!("keys/{name}"));
        let ended = project.esclusa(&[
            "approve",
            &run,
            "--decide",
            "approve",
            "--reason",
            "me",
            "--key",
            key.to_str().unwrap(),
        ]);
        assert!(![Some(0), None].contains(&ended.status.code()), "{name}: {}", ended.text());
        told.push(ended.stderr);
        project.esclusa(&["resume", &run]).code(10);
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 3, "{told:?}");
    project.approve();
    project.esclusa(&["resume", &run]).code(0);
}
