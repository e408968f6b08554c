//! A hostile reader's tricks, each refused with its own words.

use super::{Occasion, Testimony, TestimonyRefusal as Refusal, Witness};
use crate::{
    approval::{Purpose, people_digest, sign, trial},
    document::{Diagnostics, Files, Source},
    model::{Digest, Language, People, PersonName, Role, RunId, Timestamp},
    procedure::{
        ActivityId, Answer, Event, Procedure, ProcedureHeader, ProcedureRun, Seal, Took, parse_procedure,
    },
};
use std::{collections::BTreeMap, sync::Arc};

const TEXT: &str = "kind: procedure
number: 9.1
title: {es: a, en: a}
roles: {director: {es: a, en: a}, unit: {es: b, en: b}}
processes: {shop: {es: a, en: a}}
exceptions: [director]
activities:
  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}
  - {id: 02, kind: gate, signers: [director, unit], signed: true, text: {es: a, en: a}, on_yes: 03, on_no: 02, attempts: {limit: 3, then: 04}}
  - {id: 03, kind: external, roles: [unit], process: shop, returns: {es: a, en: a}, signed: true, text: {es: a, en: a}, next: 04}
  - {id: 04, kind: end, text: {es: a, en: a}}
";

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
}

fn procedure() -> Procedure {
    let mut diagnostics = Diagnostics::default();
    let source = Source::from_bytes("p.yaml", TEXT.as_bytes()).unwrap();
    let parsed = parse_procedure(&source, &NoFiles, &mut diagnostics);
    parsed.unwrap_or_else(|| panic!("{}", diagnostics.render(false))).procedure
}

const NOW: Timestamp = Timestamp(5_000);

fn id(short: &str) -> ActivityId {
    ActivityId(format!("9.1-{short}"))
}

/// A run at the gate, and a witness that knows its people.
fn at_the_gate() -> (ProcedureRun, Witness) {
    let header = ProcedureHeader {
        format: 2,
        id: RunId("run".to_owned()),
        procedure: "p.yaml".to_owned(),
        digest: Digest::of(b"procedure"),
        system: None,
        requester: trial::person("pablo"),
        reason: None,
        entry: None,
        opened: Timestamp(0),
        people: Some(people_digest(&trial::people())),
    };
    let mut run = ProcedureRun::open(Arc::new(procedure()), header).unwrap();
    for event in [
        Event::ActivityOpened { activity: id("01"), attempt: 1 },
        Event::Completed { activity: id("01"), took: Took::Next, next: id("02") },
        Event::ActivityOpened { activity: id("02"), attempt: 1 },
    ] {
        run.apply(&event, Timestamp(1_000)).unwrap();
    }
    let mut witness = Witness::default();
    witness.know(trial::people());
    (run, witness)
}

fn answered(by: &str, role: &str, answer: Answer) -> Event {
    Event::Answered {
        activity: id("02"),
        by: trial::person(by),
        role: trial::role(role),
        answer,
        reason: "so it is".to_owned(),
        fields: BTreeMap::new(),
        evidence: vec![Digest::of(b"file")],
        seal: None,
    }
}

fn occasion(nonce: &str) -> Occasion {
    Occasion {
        people: people_digest(&trial::people()),
        time: Timestamp(2_000),
        nonce: format!("{nonce:0>16}"),
        ledger_head: Digest::of(b"head"),
    }
}

fn seal(testimony: &Testimony, signer: &str) -> Option<Seal> {
    let statement = testimony.text();
    let signature = sign(Purpose::Testimony, &statement, &trial::key(signer).private, None).unwrap();
    Some(Seal { statement, signature })
}

/// The event, signed by `signer` after the testimony was changed.
fn forged(run: &ProcedureRun, event: &Event, signer: &str, change: impl Fn(&mut Testimony)) -> Event {
    let mut testimony = Testimony::of(run, event, occasion("1")).unwrap();
    change(&mut testimony);
    event.clone().sealed(seal(&testimony, signer))
}

#[test]
fn what_is_signed_is_exactly_what_is_recorded() {
    let (run, witness) = at_the_gate();
    let event = answered("diana", "director", Answer::Yes);
    let judge = |event: &Event| witness.clone().examine(&run, event, NOW);
    assert_eq!(judge(&forged(&run, &event, "diana", |_| {})), Ok(()));
    assert_eq!(judge(&event), Err(Refusal::Unsigned));

    type Change = fn(&mut Testimony);
    let changes: [(Change, Refusal); 14] = [
        (|said| said.run = RunId("other".to_owned()), Refusal::OtherRun),
        (|said| said.procedure = Digest::of(b"other"), Refusal::OtherProcedure),
        (|said| said.activity = id("03"), Refusal::OtherActivity),
        (|said| said.attempt = 2, Refusal::OtherAttempt),
        (|said| said.by = trial::person("dario"), Refusal::OtherPerson),
        (|said| said.role = trial::role("unit"), Refusal::OtherPerson),
        (|said| said.evidence.clear(), Refusal::OtherEvidence),
        (|said| said.answer = Some(Answer::No), Refusal::OtherWords),
        (|said| said.reason.push('!'), Refusal::OtherWords),
        (|said| said.act = super::Act::Excepted, Refusal::OtherWords),
        (|said| drop(said.fields.insert("a".to_owned(), "b".to_owned())), Refusal::OtherWords),
        (|said| said.people = Digest::of(b"other"), Refusal::PeopleChanged),
        (|said| said.time = Timestamp(999), Refusal::WrongTime),
        (|said| said.time = Timestamp(NOW.0 + 1), Refusal::WrongTime),
    ];
    for (change, refusal) in changes {
        assert_eq!(judge(&forged(&run, &event, "diana", change)), Err(refusal));
    }
    for (change, refusal) in [
        (
            Box::new(|said: &mut Testimony| said.format = 2) as Box<dyn Fn(&mut Testimony)>,
            Refusal::NewerFormat { format: 2 },
        ),
        (Box::new(|said: &mut Testimony| said.nonce = "short".to_owned()), Refusal::Unreadable),
    ] {
        assert_eq!(judge(&forged(&run, &event, "diana", change)), Err(refusal));
    }
}

#[test]
fn only_a_key_of_that_person_for_this_purpose_counts() {
    let (run, witness) = at_the_gate();
    let event = answered("diana", "director", Answer::Yes);
    let judge = |event: &Event| witness.clone().examine(&run, event, NOW);
    let diana = || trial::person("diana");
    assert_eq!(
        judge(&forged(&run, &event, "ursula", |_| {})),
        Err(Refusal::KeyNotListed { person: diana() })
    );

    let testimony = Testimony::of(&run, &event, occasion("1")).unwrap();
    let statement = testimony.text();
    let other_purpose = sign(Purpose::Decision, &statement, &trial::key("diana").private, None).unwrap();
    let other_text = sign(Purpose::Testimony, "text", &trial::key("diana").private, None).unwrap();
    for (signature, refusal) in [
        (other_purpose, Refusal::WrongNamespace),
        (other_text, Refusal::TextChanged),
        (String::new(), Refusal::BadSignature),
    ] {
        let seal = Seal { statement: statement.clone(), signature };
        assert_eq!(judge(&event.clone().sealed(Some(seal))), Err(refusal));
    }
    let mut spaced = seal(&testimony, "diana").unwrap();
    spaced.statement.push(' ');
    assert_eq!(judge(&event.clone().sealed(Some(spaced))), Err(Refusal::Unreadable));

    let person = trial::person;
    for (by, role, refusal) in [
        ("nobody", "director", Refusal::NotInPeopleFile { person: person("nobody") }),
        ("robot", "director", Refusal::Machine { person: person("robot") }),
        ("keyless", "director", Refusal::NoKey { person: person("keyless") }),
        (
            "ursula",
            "director",
            Refusal::NoSuchRole { person: person("ursula"), role: trial::role("director") },
        ),
    ] {
        let event = answered(by, role, Answer::Yes);
        assert_eq!(judge(&forged(&run, &event, by, |_| {})), Err(refusal.clone()), "{by}");
        assert!(!refusal.message(Language::Es).is_empty());
    }
}

/// The run and its witness after the recorded people file became `people`.
fn with_people(people: People) -> (ProcedureRun, Witness, Digest) {
    let (mut run, mut witness) = at_the_gate();
    let digest = people_digest(&people);
    run.apply(&Event::PeopleRecorded { people: digest }, Timestamp(1_500)).unwrap();
    witness.know(people);
    (run, witness, digest)
}

#[test]
fn a_signature_is_held_against_the_people_file_of_its_time() {
    let event = answered("diana", "director", Answer::Yes);
    let mut shared = trial::people();
    let key = shared.0[&trial::person("diana")].keys.clone();
    shared.0.get_mut(&trial::person("ursula")).unwrap().keys.extend(key);
    let mut stranger = trial::people();
    stranger.0.get_mut(&trial::person("diana")).unwrap().keys = vec![trial::key("other").public];
    let (diana, ursula) = (trial::person("diana"), trial::person("ursula"));
    for (people, refusal) in [
        (shared, Refusal::SharedIdentity { person: diana.clone(), other: ursula }),
        (stranger, Refusal::KeyNotListed { person: diana }),
    ] {
        let (run, mut witness, digest) = with_people(people);
        let forged = forged(&run, &event, "diana", |said| said.people = digest);
        assert_eq!(witness.examine(&run, &forged, NOW), Err(refusal));
        // The file from before the change is not what counts any more.
        let old = self::forged(&run, &event, "diana", |_| {});
        assert_eq!(witness.examine(&run, &old, NOW), Err(Refusal::PeopleChanged));
    }
    let (run, _) = at_the_gate();
    let signed = forged(&run, &event, "diana", |_| {});
    assert_eq!(Witness::default().examine(&run, &signed, NOW), Err(Refusal::PeopleUnknown));
}

#[test]
fn a_signature_counts_once() {
    let (mut run, mut witness) = at_the_gate();
    let no = forged(&run, &answered("diana", "director", Answer::No), "diana", |_| {});
    witness.examine(&run, &no, NOW).unwrap();
    run.apply(&no, NOW).unwrap();
    assert_eq!(witness.examine(&run, &no, NOW), Err(Refusal::Replayed));
    for event in [
        Event::Completed { activity: id("02"), took: Took::No, next: id("02") },
        Event::ActivityOpened { activity: id("02"), attempt: 2 },
    ] {
        run.apply(&event, Timestamp(6_000)).unwrap();
    }
    // At the next attempt neither the old signature nor its text with another nonce counts.
    assert_eq!(witness.examine(&run, &no, Timestamp(7_000)), Err(Refusal::Replayed));
    let again = forged(&run, &answered("diana", "director", Answer::No), "diana", |said| {
        (said.attempt, said.nonce) = (1, "another-nonce-16".to_owned());
    });
    assert_eq!(witness.examine(&run, &again, Timestamp(7_000)), Err(Refusal::OtherAttempt));
    assert_eq!(witness.heard().len(), 1);
}

#[test]
fn other_processes_and_exceptions_are_signed_too() {
    let (mut run, mut witness) = at_the_gate();
    let (ursula, unit) = (trial::person("ursula"), trial::role("unit"));
    for (index, (by, role)) in [("diana", "director"), ("ursula", "unit")].into_iter().enumerate() {
        let nonce = format!("nonce-of-signer-{index}");
        let yes = forged(&run, &answered(by, role, Answer::Yes), by, |said| said.nonce.clone_from(&nonce));
        witness.examine(&run, &yes, NOW).unwrap();
        run.apply(&yes, NOW).unwrap();
    }
    for event in [
        Event::Completed { activity: id("02"), took: Took::Yes, next: id("03") },
        Event::ActivityOpened { activity: id("03"), attempt: 1 },
    ] {
        run.apply(&event, Timestamp(1_000)).unwrap();
    }
    let opened = |reference: &str| Event::ExternalOpened {
        activity: id("03"),
        by: ursula.clone(),
        role: unit.clone(),
        reference: reference.to_owned(),
        sent: Vec::new(),
        seal: None,
    };
    let signed = forged(&run, &opened("case 7"), "ursula", |said| said.nonce = "nonce-of-opening".to_owned());
    let seal = signed.seal().cloned();
    assert_eq!(witness.examine(&run, &opened("case 8").sealed(seal), NOW), Err(Refusal::OtherWords));
    witness.examine(&run, &signed, NOW).unwrap();
    run.apply(&signed, NOW).unwrap();
    let returned = |by: &PersonName, role: &Role| Event::ExternalReturned {
        activity: id("03"),
        by: by.clone(),
        role: role.clone(),
        answer: Answer::Done,
        reason: "solved".to_owned(),
        evidence: Vec::new(),
        seal: None,
    };
    let back = returned(&ursula, &unit);
    let other_case = forged(&run, &back, "ursula", |said| said.reference = Some("case 8".to_owned()));
    assert_eq!(witness.clone().examine(&run, &other_case, NOW), Err(Refusal::OtherWords));
    assert_eq!(witness.clone().examine(&run, &forged(&run, &back, "ursula", |_| {}), NOW), Ok(()));

    let except = Event::Excepted {
        activity: id("03"),
        by: trial::person("diana"),
        role: trial::role("director"),
        reason: "not needed".to_owned(),
        until: None,
        seal: None,
    };
    assert_eq!(witness.examine(&run, &except, NOW), Err(Refusal::Unsigned));
    let longer = forged(&run, &except, "diana", |said| said.until = Some(NOW));
    assert_eq!(witness.examine(&run, &longer, NOW), Err(Refusal::OtherWords));
    assert_eq!(witness.examine(&run, &forged(&run, &except, "diana", |_| {}), NOW), Ok(()));
}
