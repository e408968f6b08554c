//! Procedures from request to delivery with answers that are known, and each "no" with its way back.

use super::{
    ours,
    walks::{evidence, header, made, signed},
};
use crate::{
    model::{Digest, EnvironmentKind, PersonName, RunId, Timestamp},
    procedure::{
        Activity, ActivityKind, Answer, Effect, Event, FieldKind, ProcedureRun, Standing, Took, coverage,
        decide, graph::Graph, state::Position,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// What is answered at an activity that has more than one way, by its short id and how often it was
/// answered before.
type Script<'s> = &'s dyn Fn(&str, u32) -> Option<Answer>;

fn answer(run: &ProcedureRun, activity: &Activity, script: Script<'_>) -> Answer {
    let opened = run.record(&activity.id).map_or(0, |record| record.opened);
    let (targets, wanted) = (&activity.targets, script(activity.id.short(), opened));
    if let Some(answer) = wanted {
        return answer;
    }
    match targets.branches.keys().next() {
        Some(branch) => Answer::Choice(branch.clone()),
        None if targets.on_yes.is_some() => Answer::Yes,
        None => Answer::Done,
    }
}

fn fields(activity: &Activity) -> BTreeMap<String, String> {
    let value = |kind| match kind {
        FieldKind::Number => "1".to_owned(),
        FieldKind::Date => "2026-11-23".to_owned(),
        FieldKind::Url => "https://example.org".to_owned(),
        FieldKind::Package => Digest::of(b"p").to_string(),
        FieldKind::Approval => uuid::Uuid::nil().to_string(),
        _ => "a".to_owned(),
    };
    activity.fields.iter().map(|spec| (spec.name.clone(), value(spec.kind))).collect()
}

/// Runs a procedure to its end where all runs and checks are good, and returns what was opened.
fn play(number: &str, script: Script<'_>) -> (ProcedureRun, Vec<String>) {
    let procedure = Arc::new(ours(number));
    let mut run = ProcedureRun::open(procedure.clone(), header(&procedure)).unwrap();
    let mut opened = Vec::new();
    let by = |role: &crate::model::Role| PersonName::parse(role.as_str()).unwrap();
    while let Some(effect) = decide(&run, Timestamp(0)).pop() {
        let event = match effect {
            Effect::Open { activity, attempt } => {
                opened.push(activity.short().to_owned());
                Event::ActivityOpened { activity, attempt }
            }
            Effect::AskPerson { activity, roles, .. } | Effect::OpenGate { activity, roles, .. } => {
                let written = procedure.activity(&activity).unwrap();
                let mut fields = fields(written);
                let evidence = evidence(written, &mut fields);
                Event::Answered {
                    by: by(&roles[0]),
                    role: roles[0].clone(),
                    answer: answer(&run, written, script),
                    reason: "because".to_owned(),
                    fields,
                    evidence,
                    seal: None,
                    activity,
                }
            }
            Effect::AskToStart { activity, roles } => {
                Event::StartAllowed { activity, by: by(&roles[0]), role: roles[0].clone() }
            }
            Effect::StartRun { activity, .. } => {
                Event::CallStarted { activity, run: RunId(format!("r{}", opened.len())) }
            }
            Effect::JoinRun { activity, run } => Event::CallStarted { activity, run },
            Effect::AcceptRun { activity, run } => Event::StagedRunEnded { activity, run, exit: 0 },
            Effect::UndoRun { activity, run } => Event::StagedRunEnded { activity, run, exit: 3 },
            Effect::AwaitRun { activity, run: called } => {
                let written = procedure.activity(&activity).unwrap();
                // The gate of a run is decided there.
                let rejected =
                    written.kind == ActivityKind::Gate && answer(&run, written, script) == Answer::No;
                Event::CallEnded {
                    activity,
                    run: called,
                    exit: if rejected { 11 } else { 0 },
                    fulfilled: Vec::new(),
                }
            }
            Effect::Check { activity, .. } => {
                let good = script(activity.short(), 1) != Some(Answer::No);
                Event::Measured { activity, good, report: Digest::of(b"report") }
            }
            Effect::OpenExternal { activity, roles, .. } => Event::ExternalOpened {
                activity,
                by: by(&roles[0]),
                role: roles[0].clone(),
                reference: "1".to_owned(),
                sent: Vec::new(),
                seal: None,
            },
            Effect::AwaitExternal { activity, roles, .. } => Event::ExternalReturned {
                activity,
                by: by(&roles[0]),
                role: roles[0].clone(),
                answer: Answer::Done,
                reason: "solved".to_owned(),
                evidence: Vec::new(),
                seal: None,
            },
            Effect::Record { activity } | Effect::Notify { activity, .. } => {
                let documents = made(run.procedure.activity(&activity).unwrap());
                Event::Performed { activity, document: None, documents }
            }
            Effect::Complete { activity, took, next } => Event::Completed { activity, took, next },
            Effect::ReachLimit { activity, times, opens } => Event::LimitReached { activity, times, opens },
            Effect::Close { end, outcome } => Event::Closed { end, outcome },
            other => panic!("{number}: {other:?} after {opened:?}"),
        };
        let event = signed(&run, event);
        run.apply(&event, Timestamp(0)).unwrap_or_else(|refusal| panic!("{number}: {refusal}: {event:?}"));
    }
    (run, opened)
}

#[test]
fn from_request_to_delivery_each_procedure_goes_its_straight_way() {
    let cases = [
        (
            "3.2.2",
            "01 02 03 04 05 06t 06p 06 08 09 10 11 12 13 14 15 16 17 18 18g 08p 10p 12p 13p 14p 15p 16p 17p 18p 19 19t 19d 20 21 22",
        ),
        (
            "3.2.3",
            "01 02 03 04 05 06t 06p 06 08 09 10a 11 12 13 14 15 10t 11t 12t 13t 14t 15t 16 10b 17 18 19 20 21 22 22t 22d 23 24 25",
        ),
        (
            "3.2.4",
            "01 02 03 04 05 06t 06p 06 08 09 10 11 12 13 14 15 16 17 17g 08p 10p 12p 13p 14p 15p 16p 17p 18 18t 18d 19 20 21",
        ),
        (
            "3.2.5",
            "01 02 03 04b 05 06 10 11 11v 12 13 14 15 16 17 18 19 11r 20 21a 21b 22 23 24 25 26 26t 26d 27 28 29",
        ),
        ("3.2.6", "01 02 03 04 07 08 09 10 11 12 13 14 15 16 17"),
    ];
    for (number, way) in cases {
        let (run, opened) = play(number, &|_, _| None);
        assert_eq!(opened.join(" "), way, "{number}");
        assert_eq!(run.position, Position::Ended("done".to_owned()));
        for covered in coverage(&run) {
            let taken = opened.contains(&covered.activity.short().to_owned());
            assert_eq!(covered.standing != Standing::NotTaken, taken, "{covered:?}");
            assert_ne!(covered.standing, Standing::Missing, "{covered:?}");
        }
    }
}

#[test]
fn each_no_has_its_way_back_and_the_work_still_ends() {
    let cases: [(&str, &[&str], &str); 23] = [
        ("3.2.2", &["06"], "06 07 06t 06p 06 08"),
        ("3.2.2", &["08"], "08 11"),
        ("3.2.2", &["15"], "15 08 09"),
        ("3.2.2", &["18"], "18 08 09"),
        ("3.2.2", &["18g"], "18g 08 09"),
        ("3.2.2", &["15p"], "15p 15pr 15pv 15pa 15ps 08"),
        ("3.2.2", &["18p"], "18p 18pr 18pv 18pa 18ps 08"),
        ("3.2.3", &["13"], "13 09 10a"),
        ("3.2.3", &["15"], "15 15s 03"),
        ("3.2.3", &["16"], "16 12 13"),
        ("3.2.3", &["21"], "21 21r 21v 21a 21s 03"),
        ("3.2.4", &["15"], "15 15s 08"),
        ("3.2.4", &["17"], "17 17s 08"),
        ("3.2.5", &["06"], "06 07 08m 08 10"),
        ("3.2.5", &["06", "08"], "06 07 08m 08 09 08m 08 10"),
        ("3.2.5", &["15"], "15 15s 12"),
        ("3.2.5", &["17"], "17 17s 12"),
        ("3.2.5", &["19"], "19 12 13"),
        ("3.2.5", &["23"], "23 23r 23v 23a 23s 12"),
        ("3.2.5", &["25"], "25 25r 25v 25a 25s 12"),
        ("3.2.4", &["17p"], "17p 17pr 17pv 17pa 17ps 08"),
        ("3.2.5", &["26d"], "26d 25r 25v 25a 25s 12"),
        ("3.2.6", &["14"], "14 12 13 14 15"),
    ];
    for (number, noes, way) in cases {
        let once = |id: &str, opened: u32| (opened == 1 && noes.contains(&id)).then_some(Answer::No);
        let (run, opened) = play(number, &once);
        assert!(opened.join(" ").contains(way), "{number} {noes:?}: {}", opened.join(" "));
        assert_eq!(run.position, Position::Ended("done".to_owned()), "{number} {noes:?}");
    }
}

#[test]
fn intake_ends_in_each_of_its_branches() {
    let cases: [(&[&str], &str, &str); 6] = [
        (&[], "05 06 20e", "reused"),
        (&["05"], "08 09 11 12 20", "done"),
        (&["05", "08"], "08 13 14 16 17 17c 20", "done"),
        (&["05", "08", "13"], "13 18 19 19c 20", "done"),
        (&["05", "11", "16"], "11 13 14 16 18 19 19c 20", "done"),
        (&["05", "08", "16", "18"], "16 18 18n 20u", "unsolved"),
    ];
    for (noes, way, outcome) in cases {
        let (run, opened) = play("3.2.1", &|id, _| noes.contains(&id).then_some(Answer::No));
        assert!(opened.join(" ").ends_with(way), "{noes:?}: {}", opened.join(" "));
        assert_eq!(run.position, Position::Ended(outcome.to_owned()));
    }
}

#[test]
fn whoever_always_says_no_comes_to_an_end_without_a_solution() {
    for (number, id) in [("3.2.2", "15"), ("3.2.3", "21"), ("3.2.4", "17"), ("3.2.5", "25"), ("3.2.6", "14")]
    {
        let (run, opened) = play(number, &|at, _| (at == id).then_some(Answer::No));
        let Position::Ended(outcome) = &run.position else { panic!("{number}") };
        assert!(["unsolved", "unrecovered"].contains(&outcome.as_str()), "{number}: {outcome}");
        // A support case, or several, came before it.
        let cases = opened.iter().filter(|one| **one == format!("{id}s")).count();
        assert!(cases >= 1, "{number}: {opened:?}");
    }
}

#[test]
fn nothing_is_installed_in_production_before_the_gate_said_yes() {
    for number in ["3.2.2", "3.2.3", "3.2.4", "3.2.5"] {
        let procedure = ours(number);
        let rejected = |one: &Activity, took: &Took| one.kind != ActivityKind::Gate || *took != Took::Yes;
        let reached = Graph::keeping(&procedure, rejected).reached_from(&procedure.start().unwrap().id);
        let production = procedure.activities.iter().filter(|one| {
            one.kind == ActivityKind::Remote && one.environment == Some(EnvironmentKind::Production)
        });
        for activity in production {
            assert!(!reached.contains(&activity.id), "{}", activity.id);
        }
    }
}

#[test]
fn a_cycle_of_monitoring_begins_where_the_last_one_says() {
    let procedure = Arc::new(ours("3.2.6"));
    let end = procedure.activities.iter().find(|one| one.kind == ActivityKind::End).unwrap();
    let entry = end.again.clone().unwrap().to;
    let mut header = header(&procedure);
    header.entry = Some(entry.clone());
    let run = ProcedureRun::open(procedure.clone(), header.clone()).unwrap();
    assert_eq!(run.position, Position::Next(entry));
    header.entry = Some(procedure.activities[5].id.clone());
    assert!(ProcedureRun::open(procedure, header).is_err());
}

#[test]
fn the_phases_of_a_run_come_in_the_order_of_the_work() {
    let phases = |number: &str| ours(number).phases("production").join(" ");
    assert_eq!(phases("3.2.2"), "database dependencies install configure brand harden");
    assert_eq!(phases("3.2.3"), "dependencies install database configure brand harden");
    assert_eq!(phases("3.2.5"), "dependencies install database configure brand harden");
}
