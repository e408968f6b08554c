//! Two runs on one production.

use super::{
    notes::{self, Seen, seen},
    project::Access,
};

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_second_run_on_the_same_servers_ends_at_once_and_names_the_first() {
    let project = notes::installed(&Access { production: "pause: 6", ..Access::default() });
    notes::update(&project, 2);
    let first = project.approve();
    notes::update(&project, 3);
    let second = project.approve();
    let mut started = project.start(&["resume", &first.to_string()]);
    started.until("migrate started");
    project.esclusa(&["resume", &second.to_string()]).code(14).says(&first.to_string());

    // The first one's process is gone; its claim is not.
    started.child.kill().unwrap();
    let _ = started.end();
    project.esclusa(&["resume", &second.to_string()]).code(14).says(&first.to_string());
    project.esclusa(&["backup", "notes", "--env", "production"]).code(14).says(&first.to_string());
    project.esclusa(&["resume", &first.to_string()]).code(0);
    assert_eq!(seen(&project, "prod"), Seen::updated(2));

    // What the director approved for the second one was a change from version 1.
    let ended = project.esclusa(&["resume", &second.to_string()]);
    assert!([0, 15].contains(&ended.status.code().unwrap()), "{}", ended.text());
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_fresh_backup_does_not_stand_in_for_a_runs_own() {
    let project = notes::installed(&Access::default());
    project.esclusa(&["backup", "notes", "--env", "production"]).code(0);
    let there = project.backups("production");
    assert_eq!(there.len(), 1);
    notes::update(&project, 2);
    let run = project.approve();
    project.esclusa(&["resume", &run.to_string()]).code(0);
    let backups = project.backups("production");
    assert_eq!(backups.len(), 2);
    let own = backups.iter().find(|backup| backup["run"] == run.to_string()).unwrap();
    assert_eq!(own["verified"], true);
    assert_ne!(own["id"], there[0]["id"]);
}
