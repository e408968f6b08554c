//! Single events: what may follow what.

use super::{small, walks::header};
use crate::{
    model::{Digest, PersonName, Role, RunId, Timestamp},
    procedure::{
        ActivityId, Answer, Effect, Event, ProcedureHeader, ProcedureRun, Refusal, Standing, coverage, decide,
    },
};
use std::{collections::BTreeMap, sync::Arc};

fn run_of(activities: &str) -> ProcedureRun {
    let procedure = small(activities);
    let header = ProcedureHeader { reason: None, ..header(&procedure) };
    ProcedureRun::open(Arc::new(procedure), header).unwrap()
}

fn id(short: &str) -> ActivityId {
    ActivityId(format!("9.1-{short}"))
}

fn answered(short: &str, by: &str, role: &str, answer: Answer, reason: &str) -> Event {
    Event::Answered {
        activity: id(short),
        by: PersonName::parse(by).unwrap(),
        role: Role::parse(role).unwrap(),
        answer,
        reason: reason.to_owned(),
        fields: BTreeMap::new(),
        evidence: Vec::new(),
        seal: None,
    }
}

/// Does what needs no person, up to where somebody or something is waited for.
fn advance(run: &mut ProcedureRun) -> Vec<Effect> {
    loop {
        let effects = decide(run, Timestamp(0));
        let event = match effects.first() {
            Some(Effect::Open { activity, attempt }) => {
                Event::ActivityOpened { activity: activity.clone(), attempt: *attempt }
            }
            Some(Effect::Complete { activity, took, next }) => {
                Event::Completed { activity: activity.clone(), took: took.clone(), next: next.clone() }
            }
            Some(Effect::ReachLimit { activity, times, opens }) => {
                Event::LimitReached { activity: activity.clone(), times: *times, opens: opens.clone() }
            }
            _ => return effects,
        };
        run.apply(&event, Timestamp(0)).unwrap();
    }
}

#[test]
fn a_journal_from_before_signatures_is_read_and_written_as_it_was() {
    let old = r#"{"activity":"9.1-02","answer":"yes","by":"ana","event":"answered","evidence":[],"fields":{},"reason":"so","role":"boss"}"#;
    let event: Event = serde_json::from_str(old).unwrap();
    assert_eq!((event.seal(), crate::model::canonical(&event).unwrap().as_str()), (None, old));
    let header = header(&small("  - {id: 01, kind: start, text: {es: a, en: a}, next: 01}\n"));
    let text = crate::model::canonical(&header).unwrap();
    assert!(!text.contains("people"), "{text}");
    assert_eq!(serde_json::from_str::<ProcedureHeader>(&text).unwrap(), header);
}

const GATE: &str = "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: gate, signers: [boss, hand], text: {es: a, en: a}, on_yes: 03, on_no: 02, attempts: {limit: 2, then: 03r}}
  - {id: 03, kind: end, text: {es: a, en: a}}
  - {id: 03r, kind: end, outcome: rejected, text: {es: a, en: a}}
";

#[test]
fn a_gate_wants_every_signer_once_and_a_reason() {
    let mut run = run_of(GATE);
    advance(&mut run);
    let at = Timestamp(0);
    assert_eq!(
        run.apply(&answered("02", "ana", "boss", Answer::Yes, " "), at),
        Err(Refusal::Reason(id("02")))
    );
    run.apply(&answered("02", "ana", "boss", Answer::Yes, "good"), at).unwrap();
    for (by, role, again) in [("ana", "hand", "ana"), ("eva", "boss", "boss")] {
        let refusal = run.apply(&answered("02", by, role, Answer::Yes, "good"), at);
        assert_eq!(refusal, Err(Refusal::Twice(again.to_owned())));
    }
    let waits = decide(&run, at);
    assert_eq!(waits[0].waits_for(), Some([Role::parse("hand").unwrap()].as_slice()));
    run.apply(&answered("02", "luis", "hand", Answer::Yes, "good"), at).unwrap();
    let close = Effect::Close { end: id("03"), outcome: "done".to_owned() };
    assert_eq!(advance(&mut run), [close]);
}

#[test]
fn one_no_rejects_and_the_second_rejection_ends_it() {
    let mut run = run_of(GATE);
    advance(&mut run);
    run.apply(&answered("02", "ana", "boss", Answer::Yes, "good"), Timestamp(0)).unwrap();
    run.apply(&answered("02", "luis", "hand", Answer::No, "too early"), Timestamp(0)).unwrap();
    advance(&mut run);
    assert_eq!(run.record(&id("02")).unwrap().opened, 2);
    run.apply(&answered("02", "luis", "hand", Answer::No, "still"), Timestamp(0)).unwrap();
    let close = Effect::Close { end: id("03r"), outcome: "rejected".to_owned() };
    assert_eq!(advance(&mut run), [close]);
}

const WORK: &str = "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: remote, started_by: [hand], playbook: wiki/update, text: {es: a, en: a}, next: 03}
  - {id: 03, kind: end, text: {es: a, en: a}}
";

#[test]
fn a_run_waits_for_whoever_starts_it_and_a_failure_is_missing_until_it_is_excepted() {
    let mut run = run_of(WORK);
    let hand = Role::parse("hand").unwrap();
    let luis = PersonName::parse("luis").unwrap();
    assert_eq!(advance(&mut run), [Effect::AskToStart { activity: id("02"), roles: vec![hand.clone()] }]);
    let child = RunId("child".to_owned());
    let at = Timestamp(0);
    let started = Event::CallStarted { activity: id("02"), run: child.clone() };
    assert!(matches!(run.apply(&started, at), Err(Refusal::Misplaced { .. })));
    run.apply(&Event::StartAllowed { activity: id("02"), by: luis.clone(), role: hand.clone() }, at).unwrap();
    run.apply(&started, at).unwrap();
    run.apply(&Event::CallEnded { activity: id("02"), run: child, exit: 1 }, at).unwrap();
    let boss = Role::parse("boss").unwrap();
    let wait = Effect::AskExceptions { roles: vec![boss.clone()], missing: vec![id("02")] };
    assert_eq!(advance(&mut run), [wait]);
    let closed = Event::Closed { end: id("03"), outcome: "done".to_owned() };
    assert_eq!(run.apply(&closed, at), Err(Refusal::Missing(id("02"))));
    let except = |role: &Role| Event::Excepted {
        activity: id("02"),
        by: luis.clone(),
        role: role.clone(),
        reason: "done by hand".to_owned(),
        until: None,
        seal: None,
    };
    assert!(matches!(run.apply(&except(&hand), at), Err(Refusal::Role { .. })));
    run.apply(&except(&boss), at).unwrap();
    run.apply(&closed, at).unwrap();
    let standing = coverage(&run).into_iter().find(|one| one.activity == id("02")).unwrap().standing;
    assert!(matches!(standing, Standing::Excepted { .. }), "{standing:?}");
    assert_eq!(run.apply(&closed, at), Err(Refusal::Ended));
}

#[test]
fn a_question_about_bad_tests_cannot_be_answered_with_yes() {
    let mut run = run_of(
        "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: test, text: {es: a, en: a}, next: 03}
  - {id: 03, kind: decision, of: [02], roles: [hand], text: {es: a, en: a}, on_yes: 04, on_no: 02, attempts: {limit: 2, then: 04}}
  - {id: 04, kind: end, text: {es: a, en: a}}
",
    );
    advance(&mut run);
    let measured = |good| Event::Measured { activity: id("02"), good, report: Digest::of(b"r") };
    run.apply(&measured(false), Timestamp(0)).unwrap();
    advance(&mut run);
    let yes = answered("03", "luis", "hand", Answer::Yes, "fine");
    let refusal = run.apply(&yes, Timestamp(0));
    assert_eq!(refusal, Err(Refusal::NotGood { activity: id("03"), of: id("02") }));
    run.apply(&answered("03", "luis", "hand", Answer::No, "slow"), Timestamp(0)).unwrap();
    advance(&mut run);
    run.apply(&measured(true), Timestamp(0)).unwrap();
    advance(&mut run);
    run.apply(&yes, Timestamp(0)).unwrap();
    assert_eq!(advance(&mut run), [Effect::Close { end: id("04"), outcome: "done".to_owned() }]);
}

#[test]
fn reminders_and_deadlines_come_once_each() {
    let mut run = run_of(
        "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: attest, roles: [hand], deadline: 3d, remind: 1d, text: {es: a, en: a}, next: 03}
  - {id: 03, kind: end, text: {es: a, en: a}}
",
    );
    advance(&mut run);
    let names = |run: &ProcedureRun, days: i64| {
        let effects = decide(run, Timestamp(0).plus_seconds(days * 86_400));
        let name = |effect: &Effect| match effect {
            Effect::Remind { number, .. } => format!("remind {number}"),
            Effect::Overdue { .. } => "overdue".to_owned(),
            Effect::AskPerson { .. } => "ask".to_owned(),
            other => format!("{other:?}"),
        };
        effects.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&run, 0), ["ask"]);
    assert_eq!(names(&run, 1), ["remind 1", "ask"]);
    run.apply(&Event::Reminded { activity: id("02"), number: 1 }, Timestamp(0)).unwrap();
    assert_eq!(names(&run, 1), ["ask"]);
    assert_eq!(names(&run, 4), ["overdue", "remind 4", "ask"]);
    run.apply(&Event::DeadlinePassed { activity: id("02") }, Timestamp(0)).unwrap();
    run.apply(&Event::Reminded { activity: id("02"), number: 4 }, Timestamp(0)).unwrap();
    assert_eq!(names(&run, 4), ["ask"]);
}

#[test]
fn an_event_of_a_later_version_is_read_and_refused() {
    let event: Event = serde_json::from_str(r#"{"event":"danced","with":"nobody"}"#).unwrap();
    assert_eq!(run_of(WORK).apply(&event, Timestamp(0)), Err(Refusal::Unknown));
}
