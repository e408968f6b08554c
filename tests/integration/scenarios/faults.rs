//! Lines cut, servers and controllers killed in the middle of a change.

use super::{
    notes::{self, Seen, migrations, seen},
    project::{Access, Project},
};
use esclusa::{
    model::RunId,
    run::{BackupState, Event},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const SLOW: Access = Access { account: "deploy", more: "", production: "pause: 12" };

/// A project whose update to version 2 is approved, and its run.
fn approved(access: &Access) -> (Project, RunId) {
    let project = notes::installed(access);
    notes::update(&project, 2);
    let run = project.approve();
    (project, run)
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_failed_migration_puts_back_what_was_there_when_the_run_began() {
    let (project, run) = approved(&Access { production: "after: 'false'", ..Access::default() });
    project.on(
        "prod",
        "mariadb notes -e \"INSERT INTO page VALUES ('Between', 7)\"; echo between >/srv/notes/between",
    );
    project.esclusa(&["resume", &run.to_string()]).code(3).says("the previous state is back");
    assert_eq!(seen(&project, "prod"), Seen::installed());
    assert_eq!(
        project.on("prod", "mariadb -N notes -e \"SELECT version FROM page WHERE title='Between'\""),
        "7"
    );
    assert_eq!(project.on("prod", "cat /srv/notes/between"), "between");
    project.esclusa(&["resume", &run.to_string()]).code(3);
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_line_that_is_cut_for_five_seconds_does_not_end_a_run() {
    let (project, run) = approved(&SLOW);
    let mut started = project.start(&["resume", &run.to_string()]);
    started.until("migrate started");
    project.lab.cut("prod");
    std::thread::sleep(Duration::from_secs(5));
    project.lab.mend("prod");
    started.end().code(0);
    assert_eq!(seen(&project, "prod"), Seen::updated(2));
    assert_eq!(migrations(&project, 2), 1);
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_line_that_is_cut_for_good_ends_within_a_minute_and_the_run_goes_on_when_it_is_back() {
    let (project, run) = approved(&SLOW);
    let mut started = project.start(&["resume", &run.to_string()]);
    started.until("migrate started");
    project.lab.cut("prod");
    let cut = Instant::now();
    let ended = started.end();
    let took = cut.elapsed();
    project.lab.mend("prod");
    ended.code(20).says("restore owed");
    assert!(took < Duration::from_secs(60), "{took:?}");
    project.esclusa(&["resume", &run.to_string()]).code(0);
    assert_eq!(seen(&project, "prod"), Seen::updated(2));
    assert_eq!(migrations(&project, 2), 1);
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_server_that_loses_power_in_a_migration_is_asked_and_put_back() {
    let (project, run) = approved(&SLOW);
    let mut started = project.start(&["resume", &run.to_string()]);
    started.until("migrate started");
    std::thread::sleep(Duration::from_secs(1));
    project.lab.kill("prod");
    let ended = started.end().code(20);
    assert!(ended.text().contains("restore owed"), "{}", ended.text());
    project.lab.boot("prod");
    project.esclusa(&["resume", &run.to_string()]).code(3);
    assert_eq!(seen(&project, "prod"), Seen::installed());
    assert_eq!(migrations(&project, 2), 1);
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_controller_killed_at_twelve_points_ends_as_if_it_had_not_been() {
    let project = notes::installed(&Access::default());
    // The first update is not disturbed: how many events it has says where to kill the others.
    notes::update(&project, 2);
    let run = project.approve();
    let before = project.journal(&run).len();
    project.esclusa(&["resume", &run.to_string()]).code(0);
    let all = project.journal(&run).len();
    for point in 0..12 {
        let version = 3 + point;
        notes::update(&project, version);
        let run = project.approve();
        let at = before + 1 + (all - before - 1) * (point as usize) / 11;
        let mut command = project.command(&["resume", &run.to_string()]);
        let status = command.env("ESCLUSA_FAULT_KILL_AFTER_EVENT", at.to_string()).output().unwrap().status;
        assert_eq!(status.code(), None, "nothing killed it at event {at} of {all}");
        let ended = project.esclusa(&["resume", &run.to_string()]);
        ended.code(0);
        assert_eq!(seen(&project, "prod"), Seen::updated(version), "killed after event {at}");
        assert_eq!(migrations(&project, version), 1, "killed after event {at}");
        no_change_before_its_own_backup(&project, &run);
    }
}

/// Reads the journal once more: no step before the run's own backup is proven, none begun twice that runs once.
fn no_change_before_its_own_backup(project: &Project, run: &RunId) {
    let mut verified = false;
    let mut begun: BTreeMap<String, u32> = BTreeMap::new();
    for event in project.journal(run) {
        match event {
            Event::BackupVerified { .. } => verified = true,
            Event::StepStarted { unit, step, .. } => {
                assert!(verified, "a change without a backup");
                if unit.is_some() {
                    *begun.entry(step.to_string()).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    assert!(begun.values().all(|count| *count == 1), "{begun:?}");
    let BackupState::Verified(_) =
        project.store(async |store| esclusa::executor::load(&store, run).await.unwrap().backup)
    else {
        panic!("the run has no backup");
    };
}
