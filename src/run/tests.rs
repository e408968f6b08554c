//! A model of the world performs effects at random; the promises must hold on every path.

use super::{
    BackupState, CancelChoice, Effect, Event, Evidence, Failure, FindingSummary, Goal, Observed, Run,
    RunHeader, Stage, StepEnd, decide,
};
use crate::{
    approval::{Approved, Gate, Judged, Subject, Verdict, window::Opening},
    backup::{BackupId, VerifiedBackupRecord},
    inventory::default_policy,
    model::{
        ApproveRule, BackupRule, Digest, EnvironmentKind, EnvironmentName, PersonName, RunId, ServerName,
        StepId, SystemName, Timestamp,
    },
    plan::{Predicted, Prediction},
};
use proptest::prelude::*;

mod replay;

const NOW: Timestamp = Timestamp(1_000_000);

fn header(goal: Goal, gated: bool, older: bool) -> RunHeader {
    let kind = if gated { EnvironmentKind::Production } else { EnvironmentKind::Test };
    let mut policy = default_policy(kind);
    if older {
        policy.backup = BackupRule::MaxAgeSeconds(3600);
    }
    RunHeader {
        format: 1,
        id: RunId("018f".into()),
        goal,
        system: SystemName::parse("wiki").unwrap(),
        environment: EnvironmentName::parse("production").unwrap(),
        environment_kind: kind,
        playbook: "playbooks/wiki/update.yaml".into(),
        title: None,
        version: None,
        release: Digest::of(b"release"),
        plan: Digest::of(b"plan"),
        requested_by: None,
        requested_account: "ada".into(),
        requested_by_machine: false,
        why: None,
        judged: Judged::from(&policy),
        weakening: Vec::new(),
        staged_by: None,
        asked_by_procedure: Vec::new(),
        people: Digest::of(b"people"),
    }
}

fn record() -> VerifiedBackupRecord {
    VerifiedBackupRecord {
        backup: BackupId::parse("b1").unwrap(),
        system: SystemName::parse("wiki").unwrap(),
        environment: EnvironmentName::parse("production").unwrap(),
        run: RunId("018f".into()),
        taken_at: NOW,
        manifest: Digest::of(b"manifest"),
        size: 1,
        items: 1,
        warnings: Vec::new(),
    }
}

fn gate(rule: &ApproveRule) -> Gate {
    Gate {
        id: "g1".into(),
        run: RunId("018f".into()),
        environment: EnvironmentName::parse("production").unwrap(),
        environment_kind: EnvironmentKind::Production,
        system: SystemName::parse("wiki").unwrap(),
        subject: Subject {
            release: Digest::of(b"release"),
            plan: Digest::of(b"plan"),
            prediction: Digest::of(b"prediction"),
            policy: Digest::of(b"policy"),
        },
        rule: rule.clone(),
        requested_by: PersonName::parse("ada").unwrap(),
        requested_by_machine: false,
        people: Digest::of(b"people"),
        opened_at: NOW,
        decide_by: NOW.plus_seconds(60),
        weakening: Vec::new(),
    }
}

fn server() -> ServerName {
    ServerName::parse("web").unwrap()
}

fn failure(words: &str) -> Failure {
    Failure { at: None, words: words.into(), hint: None, unreachable: false }
}

/// The world: what it does next is read from a list of numbers.
struct World {
    choices: Vec<u8>,
    at: usize,
    journal: Vec<Event>,
}

impl World {
    fn choose(&mut self, of: u8) -> u8 {
        let choice = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        choice % of
    }

    /// Performs an effect: the events that come of it.
    fn perform(&mut self, run: &Run, effect: &Effect) -> Vec<Event> {
        let finding = |verdict: &str| {
            vec![FindingSummary {
                check: "c".into(),
                server: server(),
                verdict: verdict.into(),
                lines: Vec::new(),
                measured: Vec::new(),
            }]
        };
        match effect {
            Effect::Predict => match self.choose(5) {
                0 => vec![Event::PreflightFailed { failure: failure("no memory") }],
                choice => {
                    let mut value = Prediction::default();
                    let predicted =
                        if choice == 1 { Predicted::NoChange } else { Predicted::Change(Digest::of(b"d")) };
                    value.insert(&server(), &StepId("s".into()), predicted);
                    let observed = Observed { version: None, absent: choice == 4 };
                    let prediction = Digest::of(b"prediction");
                    vec![Event::Predicted { prediction, value, shown: prediction, observed }]
                }
            },
            Effect::OpenGate => {
                let rule = run.header.judged.approve.clone().unwrap();
                vec![Event::GateOpened { gate: Box::new(gate(&rule)) }]
            }
            Effect::RecordApproval(_) => {
                vec![Event::GateApproved {
                    gate: "g1".into(),
                    by: Vec::new(),
                    signed: true,
                    valid_until: None,
                }]
            }
            Effect::RecordRejection(by, reason) => vec![
                Event::GateRejected { gate: "g1".into(), by: by.clone(), reason: reason.clone() },
                Event::Ended { exit: 11, words: "rejected".into(), how: None },
            ],
            Effect::RecordExpiry => {
                vec![
                    Event::GateExpired { gate: "g1".into() },
                    Event::Ended { exit: 12, words: "expired".into(), how: None },
                ]
            }
            Effect::AwaitWindow(opens) => vec![Event::WindowAwaited { opens: *opens }],
            Effect::Claim(_) => vec![Event::Claimed { servers: vec![server()], epoch: 1 }],
            Effect::Recheck(_) => match self.choose(4) {
                0 => vec![Event::WentStale {
                    prediction: Digest::of(b"other"),
                    value: run.prediction.clone().unwrap().1,
                    shown: Digest::of(b"other"),
                    observed: run.observed.clone(),
                    differences: vec![(server(), StepId("s".into()), "other".into())],
                }],
                1 => vec![Event::PreflightFailed { failure: failure("disk full") }],
                _ => vec![Event::Rechecked { prediction: Digest::of(b"prediction") }],
            },
            Effect::TakeBackup(_) => match self.choose(4) {
                0 => vec![Event::BackupFailed { failure: failure("no room") }],
                1 => vec![Event::QuiesceStarted, Event::BackupFailed { failure: failure("will not stop") }],
                2 => vec![
                    Event::QuiesceStarted,
                    Event::ServerLost { server: server(), words: "line cut".into(), hint: None },
                ],
                _ if run.header.judged.backup != BackupRule::Own && run.header.goal == Goal::Change => vec![
                    Event::QuiesceStarted,
                    Event::Quiesced,
                    Event::BackupAdmitted { backup: "old".into(), taken_at: NOW },
                ],
                _ => vec![
                    Event::QuiesceStarted,
                    Event::Quiesced,
                    Event::BackupStarted { backup: "b1".into() },
                    Event::BackupVerified { record: record() },
                ],
            },
            // Before anything is changed again, the server is asked what became of what was detached.
            Effect::Change(_) if run.flights().next().is_some() => self.settle(run),
            Effect::Change(_) => {
                let step = StepId(format!("s{}", run.stages.len()));
                let done = match &run.stage {
                    Some(stage) => Event::StageStepsCompleted { stage: stage.id.clone() },
                    None => Event::StepsCompleted,
                };
                let started = Event::StepStarted {
                    server: server(),
                    step: step.clone(),
                    attempt: 1,
                    unit: (self.choose(2) == 0).then(|| "u1".to_owned()),
                    summary: String::new(),
                    diff: None,
                };
                let end = |end| Event::StepEnded { server: server(), step: step.clone(), attempt: 1, end };
                match self.choose(6) {
                    0 => vec![
                        started,
                        end(StepEnd::Failed { words: "exit 1".into(), output: None, last: true }),
                    ],
                    1 => vec![started, end(StepEnd::InDoubt { words: "nobody knows".into() })],
                    2 => vec![
                        started,
                        Event::ServerLost { server: server(), words: "line cut".into(), hint: None },
                    ],
                    3 => vec![Event::ServerLost { server: server(), words: "line cut".into(), hint: None }],
                    _ => vec![started, end(StepEnd::Changed { registered: None, output: None }), done],
                }
            }
            Effect::Settle => self.settle(run),
            Effect::Quiesce => match self.choose(4) {
                0 => vec![Event::QuiesceStarted, Event::RestoreFailed { failure: failure("will not stop") }],
                _ => vec![Event::QuiesceStarted, Event::Quiesced],
            },
            Effect::SafetyCopy => match self.choose(4) {
                0 => vec![
                    Event::SafetyCopyStarted { backup: "s1".into() },
                    Event::SafetyCopyFailed { failure: failure("no room") },
                ],
                _ => vec![
                    Event::SafetyCopyStarted { backup: "s1".into() },
                    Event::SafetyCopyTaken { backup: "s1".into(), bytes: 1 },
                ],
            },
            Effect::Restore(_) => match self.choose(4) {
                0 => vec![
                    Event::ItemRestoreStarted { item: "i".into() },
                    Event::RestoreFailed { failure: failure("tar") },
                ],
                _ => vec![
                    Event::ItemRestoreStarted { item: "i".into() },
                    Event::ItemRestored { item: "i".into() },
                    Event::RestoreCompleted,
                ],
            },
            Effect::StartServices => match self.choose(4) {
                0 => vec![Event::ServicesStarting, Event::ServicesFailed { failure: failure("services") }],
                _ => vec![Event::ServicesStarting, Event::ServicesStarted],
            },
            Effect::Verify => match self.choose(3) {
                0 => vec![Event::ChecksFailed { findings: finding("bad") }],
                _ => vec![Event::ChecksPassed { findings: finding("good") }],
            },
            Effect::End(exit, words) => vec![Event::ended(exit.number(), words.clone())],
            // The procedure: a copy alone, stages with and without services and checks, a no, a yes.
            Effect::AwaitStage => {
                assert!(run.is_held(), "{run:?}");
                let settled = run.stage.as_ref().is_some_and(|stage| stage.settles);
                let choice = self.choose(6);
                match choice {
                    0 => vec![Event::UndoAsked { why: "no".into() }],
                    1 | 2 if settled => vec![Event::Accepted { by: "17".into() }],
                    _ => vec![Event::StageAllowed {
                        stage: Stage {
                            id: format!("{}", run.stages.len()),
                            phases: if choice == 3 { Vec::new() } else { vec![format!("{choice}")] },
                            settles: choice > 4,
                            handlers: Vec::new(),
                        },
                    }],
                }
            }
            Effect::Halt(why) if run.stuck.is_none() => vec![Event::stuck(why.clone())],
            Effect::AwaitDecision | Effect::Halt(_) | Effect::Over(_) => Vec::new(),
        }
    }

    /// What a server says of a detached change.
    fn settle(&mut self, run: &Run) -> Vec<Event> {
        let (server, step, flight) = run.flights().next().unwrap();
        let end = match self.choose(3) {
            0 => StepEnd::InDoubt { words: "nobody knows".into() },
            1 => StepEnd::Failed { words: "ended".into(), output: None, last: true },
            _ => StepEnd::Changed { registered: None, output: None },
        };
        let attempt = flight.attempt;
        vec![Event::StepEnded { server: server.clone(), step: step.clone(), attempt, end }]
    }

    fn evidence(&mut self, run: &Run) -> Evidence {
        let verdict = run.gate.as_ref().map(|gate| match self.choose(8) {
            0 if !run.gate_approved => {
                Verdict::Rejected { by: PersonName::parse("eva").unwrap(), reason: "no".into() }
            }
            1 if !run.gate_approved => Verdict::Expired,
            2 => Verdict::Void(crate::approval::Refusal::PeopleChanged),
            _ => Verdict::Approved(Approved::for_tests(gate)),
        });
        let window = match self.choose(9) {
            0 => Opening::Closed { opens: None },
            _ => Opening::Open { closes: None },
        };
        let backup = match (&run.header.goal, &run.backup) {
            (Goal::Restore { .. }, _) if run.claimed => record().replay(&run.header.id).ok(),
            (_, BackupState::Verified(record)) => record.replay(&run.header.id).ok(),
            _ => None,
        };
        // Time passes between a crash and the next life: an approval may have run out.
        let now = if self.choose(7) == 0 { NOW.plus_seconds(90 * 86_400) } else { NOW };
        Evidence { now, verdict, window, backup }
    }

    /// Lives a run to its end, or to the point where a person is waited for.
    fn live(&mut self, header: RunHeader) -> Run {
        let mut run = Run::new(header);
        let mut resumes = 0;
        for _ in 0..200 {
            let evidence = self.evidence(&run);
            let effect = decide(&run, &evidence);
            let events = self.perform(&run, &effect);
            if matches!(effect, Effect::Over(_)) {
                return run;
            }
            // A crash anywhere: what is recorded is all there is.
            let kept = if self.choose(5) == 0 {
                usize::from(self.choose(4)).min(events.len())
            } else {
                events.len()
            };
            for event in &events[..kept] {
                run.apply(event, NOW).unwrap_or_else(|error| panic!("{effect:?}: {error}"));
                self.journal.push(event.clone());
            }
            let replayed =
                Run::replay(run.header.clone(), self.journal.iter().map(|event| (NOW, event.clone())))
                    .unwrap();
            assert_eq!(format!("{replayed:?}"), format!("{run:?}"));
            if kept < events.len() || matches!(effect, Effect::Halt(_)) {
                resumes += 1;
                let event = match (self.choose(6), run.changed) {
                    (0, true) => Event::CancelAsked {
                        by: "ada".into(),
                        choice: if self.choose(2) == 0 { CancelChoice::Restore } else { CancelChoice::Keep },
                        reason: String::new(),
                    },
                    (0, false) => Event::CancelAsked {
                        by: "ada".into(),
                        choice: CancelChoice::End,
                        reason: String::new(),
                    },
                    _ => Event::Resumed { by: "ada".into(), epoch: 2 },
                };
                if run.ended.is_none() {
                    run.apply(&event, NOW).unwrap();
                    self.journal.push(event);
                }
            } else {
                let waits = matches!(effect, Effect::AwaitDecision | Effect::AwaitWindow(_));
                assert!(!events.is_empty() || waits, "{effect:?} leads nowhere: {:?}", self.journal);
            }
            if resumes > 30 {
                return run;
            }
        }
        panic!("the run does not end: {:?}", self.journal);
    }
}

fn names(journal: &[Event]) -> Vec<String> {
    journal.iter().map(Event::name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_path_keeps_the_promises(
        choices in prop::collection::vec(any::<u8>(), 0..160),
        gated in any::<bool>(),
        older in any::<bool>(),
        staged in any::<bool>(),
        goal in prop_oneof![
            4 => Just(Goal::Change),
            1 => Just(Goal::Backup),
            1 => Just(Goal::Restore { backup: "b1".into() }),
        ],
    ) {
        let mut world = World { choices, at: 0, journal: Vec::new() };
        let mut header = header(goal.clone(), gated, older);
        if staged && goal == Goal::Change {
            header.staged_by = Some(RunId("procedure".into()));
        }
        let run = world.live(header);
        let names = names(&world.journal);
        let first = |name: &str| names.iter().position(|other| other == name);
        if let Some(change) = first("step_started") {
            prop_assert!(first("claimed").is_some_and(|at| at < change));
            prop_assert!(!gated || first("gate_approved").is_some_and(|at| at < change));
            let backup = first("backup_verified").or_else(|| first("backup_admitted").filter(|_| older));
            prop_assert!(run.observed.absent || backup.is_some_and(|at| at < change));
            prop_assert!(!run.is_staged() || first("stage_allowed").is_some_and(|at| at < change));
        }
        if run.is_staged() && run.ended.as_ref().is_some_and(|(exit, _)| *exit == 0) {
            // It ends well because somebody was content with it, or because there was nothing to do.
            prop_assert!(run.accepted || !run.claimed, "{names:?}");
        }
        if let Some(restore) = first("item_restore_started") {
            prop_assert!(first("safety_copy_taken").is_some_and(|at| at < restore));
            // An older backup is put back by a person only, in a run of its own.
            prop_assert!(first("backup_admitted").is_none());
        }
        // What is overwritten was copied in the same life of the run: between two, people may have worked.
        let (mut copied, mut person, mut served) = (false, false, false);
        let (mut settled, mut changed) = (false, false);
        for event in &world.journal {
            match event {
                Event::SafetyCopyTaken { .. } => copied = true,
                Event::Resumed { .. } | Event::CancelAsked { .. } | Event::ServicesStarting => copied = false,
                Event::ItemRestoreStarted { .. } => prop_assert!(copied, "{names:?}"),
                _ => {}
            }
            // Once a stage was over with its services running, only a person takes back what people did since.
            match event {
                Event::CancelAsked { choice: CancelChoice::Restore, .. } | Event::UndoAsked { .. } => person = true,
                Event::StageAllowed { stage } => {
                    served |= settled && changed;
                    settled = stage.settles;
                }
                Event::StepStarted { .. } => changed = true,
                Event::ItemRestoreStarted { .. } => prop_assert!(person || !served, "{names:?}"),
                _ => {}
            }
        }
        // While something is put back, no detached change of this run is still under way.
        let mut flying = false;
        for event in &world.journal {
            match event {
                Event::StepStarted { unit: Some(_), .. } => flying = true,
                Event::StepEnded { .. } => flying = false,
                Event::ItemRestoreStarted { .. } | Event::SafetyCopyStarted { .. } => prop_assert!(!flying, "{names:?}"),
                _ => {}
            }
        }
        if let Some((exit, words)) = &run.ended {
            prop_assert!(!run.quiet || ![12, 15].contains(exit), "ended with services stopped: {names:?}");
            // Done means: no service was left stopped and no failure forgotten.
            prop_assert!(*exit != 0 || !run.quiet, "{words}: {names:?}");
            prop_assert!(*exit != 0 || goal != Goal::Change || run.checks_passed == Some(true), "{names:?}");
            prop_assert!(*exit != 3 || (run.restore_completed && run.checks_passed == Some(true)));
            // "Nothing was changed" is said only when nothing was.
            prop_assert!(*exit != 4 || !run.changed);
        }
    }
}
