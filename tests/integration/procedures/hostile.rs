//! Somebody who can write to the database, but has nobody's key: whatever they add, the run is refused.

use super::{
    super::approve::ground::{site, tamper},
    office::text,
    signed::at_the_gate,
};
use esclusa::{
    approval::{Occasion, Purpose, Testimony, sign},
    executor::{
        self,
        procedure::{Attached, Deed},
    },
    model::{Digest, PersonName, Role, RunId, Timestamp, canonical},
    procedure::{ActivityId, Answer, Event, Seal},
    store::{Append, Location, Store, Taken},
};
use std::{collections::BTreeMap, fs, path::Path};

async fn store(folder: &Path) -> Store {
    Store::open(&Location::parse("sqlite:state/esclusa.db", folder, None).unwrap()).await.unwrap()
}

/// Appends events as the store takes them: with a chain that fits, and without asking anybody.
async fn append(folder: &Path, id: &str, events: &[Event]) {
    let store = store(folder).await;
    let Taken::Lease(lease) = store.take_lease(&RunId(id.to_owned()), "somebody", 60).await.unwrap() else {
        panic!("the lease is held")
    };
    let events = events.iter().map(|event| canonical(event).unwrap()).collect();
    store.append(&lease, Append { events, state: "waiting".to_owned(), ..Append::default() }).await.unwrap();
    store.release_lease(&lease).await.unwrap();
}

fn yes() -> Event {
    Event::Answered {
        activity: ActivityId("9.3-02".to_owned()),
        by: PersonName::parse("ana").unwrap(),
        role: Role::parse("director").unwrap(),
        answer: Answer::Yes,
        reason: "so it is".to_owned(),
        fields: BTreeMap::new(),
        evidence: vec![Digest::of(b"file")],
        seal: None,
    }
}

/// The testimony that Ana would sign now.
async fn testimony(folder: &Path, id: &str) -> Testimony {
    let store = store(folder).await;
    let run = executor::procedure::load(&store, &RunId(id.to_owned())).await.unwrap().run;
    let occasion = Occasion {
        people: run.people.unwrap(),
        time: store.now().await.unwrap(),
        nonce: "0123456789abcdef".to_owned(),
        ledger_head: store.ledger_head().await.unwrap().hash,
    };
    Testimony::of(&run, &yes(), occasion).unwrap()
}

fn sealed(folder: &Path, testimony: &Testimony, key: &str, purpose: Purpose) -> Seal {
    let private = fs::read_to_string(folder.join(format!("key-{key}"))).unwrap();
    let statement = testimony.text();
    let signature = sign(purpose, &statement, &private, None).unwrap();
    Seal { statement, signature }
}

type Trick = (fn(&mut Testimony), &'static str, Purpose, &'static str, &'static str);

const TRICKS: [Trick; 9] = [
    (|_| {}, "luis", Purpose::Testimony, "not one of the keys of `ana`", "no es de `ana`"),
    (|_| {}, "ana", Purpose::Decision, "not made for an activity", "no se hizo para una actividad"),
    (
        |said| said.run = RunId("other".into()),
        "ana",
        Purpose::Testimony,
        "about another run",
        "otra ejecución",
    ),
    (
        |said| said.activity = ActivityId("9.3-05".into()),
        "ana",
        Purpose::Testimony,
        "another activity",
        "otra actividad",
    ),
    (|said| said.attempt = 2, "ana", Purpose::Testimony, "about another attempt", "otro intento"),
    (|said| said.evidence.clear(), "ana", Purpose::Testimony, "other files of evidence", "otros archivos"),
    (
        |said| said.answer = Some(Answer::No),
        "ana",
        Purpose::Testimony,
        "says something else",
        "dice otra cosa",
    ),
    (
        |said| said.people = Digest::of(b"mine"),
        "ana",
        Purpose::Testimony,
        "another people file",
        "otro archivo de personas",
    ),
    (
        |said| said.time = Timestamp(0),
        "ana",
        Purpose::Testimony,
        "the time of the signature",
        "la fecha de la firma",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_with_a_signature_that_does_not_fit_is_refused_by_whoever_reads_it() {
    for (change, key, purpose, english, spanish) in TRICKS {
        let (office, id) = at_the_gate();
        let folder = office.folder.path();
        let mut said = testimony(folder, &id).await;
        change(&mut said);
        append(folder, &id, &[yes().sealed(Some(sealed(folder, &said, key, purpose)))]).await;
        for (words, code) in [
            (&["show", &id][..], 20),
            (&["do", &id, "--answer", "yes", "--reason", "y"], 20),
            (&["coverage", &id], 20),
            (&["audit"], 1),
        ] {
            let output = office.try_as("eva", words);
            let seen = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{words:?}: {seen}");
            assert!(seen.contains(english) && seen.contains("9.3-02"), "{words:?}: {seen}");
        }
        let audit = office.try_as("ana", &["audit", "--lang", "es"]);
        assert!(text(&audit.stderr).contains(spanish), "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recorded_with_a_signature_that_does_not_fit() {
    let (office, id) = at_the_gate();
    let folder = office.folder.path();
    office.sit_down("ana");
    let site = site(folder, &office.account).await;
    let (run, activity) = (RunId(id.clone()), yes().testifies().unwrap().clone());
    let digest = site.depot.put_bytes(b"file").unwrap().digest;
    let deed = Deed {
        answer: Some(Answer::Yes),
        reason: "so it is".to_owned(),
        evidence: vec![Attached { digest, name: "file".to_owned() }],
        ..Deed::default()
    };
    let draft = executor::procedure::draft(&site, &run, &activity, &deed).await.unwrap().unwrap();
    let before = office.journal(&id);
    let answer = async |seal| {
        let answered = executor::procedure::answer(&site, &run, &activity, deed.clone(), seal).await;
        answered.map_err(|error| (error.to_string(), error.exit_code().number()))
    };
    let (words, code) = answer(None).await.unwrap_err();
    assert!(code == 2 && words.contains("the answer is not"), "{words}");
    for (change, key, purpose, english, _) in TRICKS {
        let mut said = Testimony::parse(&draft.statement).unwrap();
        change(&mut said);
        let (words, code) = answer(Some(sealed(folder, &said, key, purpose))).await.unwrap_err();
        assert!(code == 2 && words.contains(english), "{english}: {words}");
    }
    assert_eq!(office.journal(&id), before);
    let said = Testimony::parse(&draft.statement).unwrap();
    answer(Some(sealed(folder, &said, "ana", Purpose::Testimony))).await.unwrap();
    assert_eq!(office.journal(&id).iter().filter(|event| event["seal"] == "signed").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_signature_is_refused_where_one_is_asked_for() {
    let (office, id) = at_the_gate();
    append(office.folder.path(), &id, &[yes()]).await;
    let output = office.try_as("eva", &["show", &id]);
    assert!(text(&output.stderr).contains("this activity is signed, and the answer is not"), "{output:?}");
    assert_eq!(office.try_as("eva", &["audit"]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_before_is_not_accepted_again() {
    let (office, id) = at_the_gate();
    let folder = office.folder.path();
    office.done_as("ana", &["do", &id, "--answer", "no", "--reason", "not like that"]);
    let store = store(folder).await;
    let before = executor::procedure::load(&store, &RunId(id.clone())).await.unwrap();
    let answered = before.events.iter().find(|(event, _)| event.seal().is_some()).unwrap().0.clone();
    append(folder, &id, &[answered]).await;
    let output = office.try_as("eva", &["show", &id]);
    assert!(text(&output.stderr).contains("the same signature was used before"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_names_a_head_of_the_ledger_since_the_run_was_opened() {
    for (place, good) in [(Some(1), true), (Some(0), false), (None, false)] {
        let (office, _) = at_the_gate();
        let folder = office.folder.path();
        // The second entry of the ledger opens the second run.
        office.done_as("luis", &["request", "new", "buy", "--system", "other"]);
        let id = office.runs()[1]["run"].as_str().unwrap().to_owned();
        let mut said = testimony(folder, &id).await;
        let ledger = store(folder).await.ledger().await.unwrap();
        said.ledger_head = place.map_or(Digest::of(b"nowhere"), |place: usize| ledger[place].hash);
        append(folder, &id, &[yes().sealed(Some(sealed(folder, &said, "ana", Purpose::Testimony)))]).await;
        let audit = office.try_as("eva", &["audit"]);
        let wrong = text(&audit.stderr).contains("names a head that is not on the chain");
        let code = if good { 0 } else { 1 };
        assert_eq!((audit.status.code(), wrong), (Some(code), !good), "{place:?}: {audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_people_file_is_refused() {
    let (office, id) = at_the_gate();
    let folder = office.folder.path();
    office.done_as("ana", &["do", &id, "--answer", "no", "--reason", "not like that"]);
    let key = |name: &str| fs::read_to_string(folder.join(format!("key-{name}.pub"))).unwrap();
    let (ana, luis) = (key("ana"), key("luis"));
    let part = |key: &str| key.split_whitespace().nth(1).unwrap().to_owned();
    let (ana, luis) = (part(&ana), part(&luis));
    tamper(
        folder,
        &format!("UPDATE documents SET body = replace(body, '{ana}', '{luis}') WHERE kind = 'people'"),
    )
    .await;
    for words in [&["show", &id][..], &["audit"]] {
        let output = office.try_as("eva", words);
        assert_ne!(output.status.code(), Some(0));
        assert!(text(&output.stderr).contains("its text has another digest"), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_people_file_that_nobody_kept_proves_nothing() {
    let (office, id) = at_the_gate();
    let folder = office.folder.path();
    let mut said = testimony(folder, &id).await;
    said.people = Digest::of(b"mine");
    let seal = sealed(folder, &said, "ana", Purpose::Testimony);
    append(folder, &id, &[Event::PeopleRecorded { people: said.people }, yes().sealed(Some(seal))]).await;
    let output = office.try_as("eva", &["show", &id]);
    assert_ne!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("is not in the store"), "{output:?}");
}
