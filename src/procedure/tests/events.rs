//! Single events: what may follow what.

use super::{everybody, small, walks::header};
use crate::{
    model::{Digest, PersonName, Role, RunId, Timestamp},
    procedure::{
        ActivityId, Answer, Effect, Event, Form, Made, Procedure, ProcedureHeader, ProcedureRun, Refusal,
        Standing, coverage, decide,
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
    run.apply(&Event::CallEnded { activity: id("02"), run: child, exit: 1, fulfilled: Vec::new() }, at)
        .unwrap();
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

const SEARCHED: &str = "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: attest, roles: [hand], search: catalogue, files: 1, text: {es: a, en: a}, next: 03}
  - {id: 03, kind: end, text: {es: a, en: a}}
";

#[test]
fn what_asks_for_a_search_is_answered_with_what_it_found_and_that_is_a_file() {
    let mut run = run_of(SEARCHED);
    advance(&mut run);
    let (found, other) = (Digest::of(b"found"), Digest::of(b"other"));
    let answer = |named: Option<Digest>, evidence: Vec<Digest>| Event::Answered {
        activity: id("02"),
        by: PersonName::parse("luis").unwrap(),
        role: Role::parse("hand").unwrap(),
        answer: Answer::Done,
        reason: String::new(),
        fields: named.map(|digest| ("search".to_owned(), digest.to_string())).into_iter().collect(),
        evidence,
        seal: None,
    };
    for (named, evidence) in [(None, vec![other]), (Some(found), vec![other]), (Some(found), Vec::new())] {
        let refusal = run.apply(&answer(named, evidence), Timestamp(0));
        assert_eq!(refusal, Err(Refusal::Search(id("02"))));
    }
    run.apply(&answer(Some(found), vec![found]), Timestamp(0)).unwrap();
    advance(&mut run);
    assert_eq!(run.record(&id("02")).unwrap().evidence, [found]);
}

const DELIVERED: &str = "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: deliver, signers: [hand, boss], documents: [delivery-act, data-sheet], files: 1, text: {es: a, en: a}, next: 03}
  - {id: 03, kind: end, text: {es: a, en: a}}
";

#[test]
fn a_delivery_makes_its_documents_before_anybody_signs_and_every_signature_names_them() {
    let mut run = run_of(DELIVERED);
    let effects = advance(&mut run);
    assert_eq!(effects, [Effect::Record { activity: id("02") }]);
    let at = Timestamp(0);
    let act = Made { form: Form::DeliveryAct, digest: Digest::of(b"act") };
    let sheet = Made { form: Form::DataSheet, digest: Digest::of(b"sheet") };
    let signed =
        |by: &str, role: &str, evidence: Vec<Digest>| match answered("02", by, role, Answer::Done, "") {
            Event::Answered { activity, by, role, answer, reason, fields, .. } => {
                Event::Answered { activity, by, role, answer, reason, fields, evidence, seal: None }
            }
            other => other,
        };
    let file = Digest::of(b"file");
    let early = run.apply(&signed("luis", "hand", vec![file]), at);
    assert!(matches!(early, Err(Refusal::Misplaced { .. })), "{early:?}");
    let made = |documents: Vec<Made>| Event::Performed { activity: id("02"), document: None, documents };
    for wrong in [Vec::new(), vec![act], vec![sheet, act]] {
        assert!(matches!(run.apply(&made(wrong), at), Err(Refusal::Misplaced { .. })));
    }
    run.apply(&made(vec![act, sheet]), at).unwrap();
    assert!(matches!(run.apply(&made(vec![act, sheet]), at), Err(Refusal::Misplaced { .. })));
    let both = vec![act.digest, sheet.digest];
    let without = run.apply(&signed("luis", "hand", vec![file, act.digest]), at);
    assert_eq!(without, Err(Refusal::Documents(id("02"))));
    let no_file = run.apply(&signed("luis", "hand", both.clone()), at);
    assert_eq!(no_file, Err(Refusal::Evidence { activity: id("02"), wanted: 1 }), "a document is no file");
    run.apply(&signed("luis", "hand", [both.clone(), vec![file]].concat()), at).unwrap();
    run.apply(&signed("ana", "boss", both), at).unwrap();
    advance(&mut run);
    let covered = coverage(&run).into_iter().find(|one| one.activity == id("02")).unwrap();
    assert_eq!(covered.documents, [act, sheet]);
    assert_eq!(covered.evidence, [act.digest, sheet.digest, file]);
}

const STEPS: &str = "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: remote, playbook: a/b, environment: test, text: {es: a, en: a}, next: 03}
  - {id: 03, kind: remote, playbook: a/b, environment: test, text: {es: a, en: a}, next: 04}
  - {id: 04, kind: decision, roles: [hand], text: {es: a, en: a}, on_yes: 05, on_no: 02, attempts: {limit: 2, then: 05}}
  - {id: 05, kind: end, text: {es: a, en: a}}
";

#[test]
fn a_step_of_a_later_run_stands_for_what_failed_and_never_for_a_decision() {
    let ended = |short: &str, run: &str, exit, fulfilled: &[&str]| Event::CallEnded {
        activity: id(short),
        run: RunId(run.to_owned()),
        exit,
        fulfilled: fulfilled.iter().map(|short| id(short)).collect(),
    };
    let started =
        |short: &str, run: &str| Event::CallStarted { activity: id(short), run: RunId(run.to_owned()) };
    let mut run = run_of(STEPS);
    advance(&mut run);
    let at = Timestamp(0);
    run.apply(&started("02", "r2"), at).unwrap();
    run.apply(&ended("02", "r2", 1, &[]), at).unwrap();
    advance(&mut run);
    run.apply(&started("03", "r3"), at).unwrap();
    let standing =
        |run: &ProcedureRun| coverage(run).into_iter().find(|one| one.activity == id("02")).unwrap();
    assert_eq!(standing(&run).standing, Standing::Missing);
    for wrong in ["04", "09"] {
        let refusal = run.apply(&ended("03", "r3", 0, &[wrong]), at);
        assert!(matches!(refusal, Err(Refusal::Misplaced { .. })), "{wrong}: {refusal:?}");
    }
    run.apply(&ended("03", "r3", 0, &["02"]), at).unwrap();
    assert_eq!(standing(&run).standing, Standing::Done);
    assert_eq!(standing(&run).runs, [RunId("r2".to_owned()), RunId("r3".to_owned())]);
}

/// A run that fails leads on by its own way; what lies ahead is on either.
const FAILING: &str = "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: remote, playbook: a/b, environment: test, text: {es: a, en: a}, on_yes: 03, on_no: 04}
  - {id: 03, kind: remote, playbook: a/b, environment: test, text: {es: a, en: a}, next: 05}
  - {id: 04, kind: attest, roles: [hand], text: {es: a, en: a}, next: 05}
  - {id: 05, kind: end, text: {es: a, en: a}}
";

#[test]
fn what_failed_and_led_on_is_not_done_and_what_lies_ahead_is_not_missing() {
    let mut run = run_of(FAILING);
    let standings =
        |run: &ProcedureRun| -> Vec<Standing> { coverage(run).into_iter().map(|one| one.standing).collect() };
    advance(&mut run);
    use Standing::{Attested, Done, Failed, NotReached, NotTaken, Open};
    assert_eq!(standings(&run), [Done, Open, NotReached, NotReached, NotReached]);
    let at = Timestamp(0);
    run.apply(&Event::CallStarted { activity: id("02"), run: RunId("r2".to_owned()) }, at).unwrap();
    let ended =
        Event::CallEnded { activity: id("02"), run: RunId("r2".to_owned()), exit: 1, fulfilled: Vec::new() };
    run.apply(&ended, at).unwrap();
    advance(&mut run);
    assert_eq!(standings(&run), [Done, Failed, NotTaken, Open, NotReached]);
    let took = coverage(&run).swap_remove(1).took;
    assert_eq!(took, Some(crate::procedure::Took::No));
    run.apply(&answered("04", "ana", "hand", Answer::Done, "by hand"), at).unwrap();
    advance(&mut run);
    let attested = Attested { by: vec![PersonName::parse("ana").unwrap()], signed: false };
    assert_eq!(standings(&run)[..4], [Done, Failed, NotTaken, attested]);
}

#[test]
fn journals_and_procedures_of_earlier_versions_are_read() {
    let performed = r#"{"event": "performed", "activity": "9.1-02", "document": null}"#;
    let wanted = Event::Performed { activity: id("02"), document: None, documents: Vec::new() };
    assert_eq!(serde_json::from_str::<Event>(performed).unwrap(), wanted);
    assert!(!serde_json::to_string(&wanted).unwrap().contains("documents"));
    let ended = r#"{"event": "call_ended", "activity": "9.1-02", "run": "r", "exit": 0}"#;
    assert!(
        matches!(serde_json::from_str(ended).unwrap(), Event::CallEnded { fulfilled, .. } if fulfilled.is_empty())
    );
    // A delivery that was stored without documents is signed as it was.
    let mut procedure = serde_json::to_value(small(DELIVERED)).unwrap();
    procedure["activities"][1].as_object_mut().unwrap().remove("documents").unwrap();
    let procedure = Arc::new(serde_json::from_value::<Procedure>(procedure).unwrap());
    let mut run = ProcedureRun::open(procedure.clone(), header(&procedure)).unwrap();
    assert!(matches!(advance(&mut run)[0], Effect::AskPerson { .. }));
}

#[test]
fn keys_that_mean_nothing_on_a_kind_are_refused() {
    let refused = |activity: &str| {
        let text = format!(
            "kind: procedure\nnumber: 9.1\ntitle: {{es: a, en: a}}\nroles: {{}}\nactivities:\n  - {activity}\n"
        );
        let files = super::Memory(BTreeMap::from([("p.yaml".to_owned(), text)]));
        super::read(&files, "p.yaml").unwrap_err()
    };
    let words = "text: {es: a, en: a}";
    for (activity, why) in [
        (format!("{{id: 01, kind: attest, documents: [logbook], {words}}}"), "makes no documents"),
        (format!("{{id: 01, kind: record, search: catalogue, {words}}}"), "nobody searches"),
        (
            format!(
                "{{id: 01, kind: request, search: catalogue, fields: [{{name: search, {words}}}], {words}}}"
            ),
            "holds what the search finds",
        ),
        (format!("{{id: 01, kind: record, documents: [letter], {words}}}"), "letter"),
    ] {
        let report = refused(&activity);
        assert!(report.contains(why), "{report}");
    }
}

#[test]
fn nobody_answers_at_a_gate_for_what_they_asked_for() {
    for format in [1, 2, 3] {
        let mut run = run_of(GATE);
        advance(&mut run);
        let people = everybody(&run.procedure);
        let ana = PersonName::parse("ana").unwrap();
        (run.header.format, run.header.requester) = (format, ana.clone());
        let refused = Refusal::OwnRequest { activity: id("02"), person: ana };
        for answer in [Answer::Yes, Answer::No] {
            let own = answered("02", "ana", "boss", answer, "good");
            // Nothing new of that kind is recorded, and what was recorded before it was refused still replays.
            assert_eq!(run.admit(&own, &people), Err(refused.clone()));
            let applied = run.clone().apply(&own, Timestamp(0));
            assert_eq!(applied, if format < 3 { Ok(()) } else { Err(refused.clone()) });
        }
        run.apply(&answered("02", "luis", "hand", Answer::Yes, "good"), Timestamp(0)).unwrap();
    }
}
