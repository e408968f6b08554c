//! What a journal may say, and what becomes of it.

use super::*;

#[test]
fn a_change_without_its_own_backup_is_refused_at_replay() {
    let mut run = Run::new(header(Goal::Change, false, false));
    let started = Event::StepStarted {
        server: server(),
        step: StepId("s".into()),
        attempt: 1,
        unit: None,
        summary: String::new(),
        diff: None,
    };
    assert_eq!(run.apply(&started, NOW).unwrap_err().why, "a change without a claim");
    run.apply(&Event::Claimed { servers: vec![server()], epoch: 1 }, NOW).unwrap();
    assert_eq!(run.apply(&started, NOW).unwrap_err().why, "a change without a verified backup");
    run.apply(&Event::BackupVerified { record: record() }, NOW).unwrap();
    run.apply(&started, NOW).unwrap();
}

#[test]
fn a_gated_run_is_not_claimed_before_it_is_approved() {
    let mut run = Run::new(header(Goal::Change, true, false));
    let claimed = Event::Claimed { servers: vec![server()], epoch: 1 };
    assert_eq!(run.apply(&claimed, NOW).unwrap_err().why, "a claim without approval");
}

#[test]
fn what_failed_half_way_and_is_found_done_was_changed_by_the_run() {
    let mut run = Run::new(header(Goal::Change, false, false));
    run.apply(&Event::Claimed { servers: vec![server()], epoch: 1 }, NOW).unwrap();
    run.apply(&Event::BackupVerified { record: record() }, NOW).unwrap();
    let step = |name: &str| StepId(name.into());
    let failed = |name: &str| Event::StepEnded {
        server: server(),
        step: step(name),
        attempt: 1,
        end: StepEnd::Failed { words: "exit 1".into(), output: None, last: false },
    };
    // One began to change something; of the other only the probe failed.
    let events = [
        Event::StepStarted {
            server: server(),
            step: step("begun"),
            attempt: 1,
            unit: None,
            summary: String::new(),
            diff: None,
        },
        failed("begun"),
        failed("asked"),
        Event::StepsUnchanged {
            server: server(),
            steps: vec![step("begun"), step("asked")],
            registered: Vec::new(),
        },
    ];
    for event in &events {
        run.apply(event, NOW).unwrap();
    }
    let changed: Vec<_> = run.changed_steps(&server()).cloned().collect();
    assert_eq!(changed, [step("begun")]);
}
