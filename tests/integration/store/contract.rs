//! What every engine of the store promises.

use super::ground::{
    Ground, a_run, ends, environment, events, lease, open_run, open_run_in, put_documents, server,
};
use esclusa::model::{Digest, PersonName, Role, RunId, Server, SystemName, canonical};
use esclusa::store::{
    Append, BackupFilter, BackupMark, BackupRow, Claimed, Lease, LedgerError, Message, NewDecision, NewGate,
    NewRun, RunFilter, RunRow, Store, StoreError, Taken,
};

pub async fn a_store_is_made_once_and_keeps_its_id(ground: &Ground) {
    assert!(matches!(Store::open(ground.location()).await, Err(StoreError::NotFound { .. })));
    let (one, two) = tokio::join!(Store::create(ground.location()), Store::create(ground.location()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.id(), two.id());
    assert_eq!(Store::open(ground.location()).await.unwrap().id(), one.id());
    one.set_meta("vault", "v1").await.unwrap();
    one.set_meta("vault", "v2").await.unwrap();
    assert_eq!(two.meta("vault").await.unwrap().as_deref(), Some("v2"));
    assert_eq!(two.meta("none").await.unwrap(), None);
    assert!(one.set_meta("store_id", "x").await.is_err());
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let off = one.now().await.unwrap().0 - i64::try_from(clock).unwrap();
    assert!(off.abs() < 5_000, "the database's clock is {off} ms away");
}

pub async fn a_newer_format_is_refused(ground: &Ground) {
    ground.store().await.close().await;
    ground.tamper(&["UPDATE meta SET value = '99' WHERE key = 'format'"]).await.unwrap();
    for refused in [Store::open(ground.location()).await, Store::create(ground.location()).await] {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::NewerFormat { found: 99, known: 2 }), "{error:?}");
    }
}

pub async fn a_run_is_opened_found_and_listed(ground: &Ground) {
    let store = ground.store().await;
    assert!(matches!(store.find_run("latest").await, Err(StoreError::NoRun { .. })));
    let missing = store.open_run(a_run("test")).await.unwrap_err();
    assert!(matches!(missing, StoreError::Conflict { .. }), "documents come first: {missing:?}");
    let first = open_run_in(&store, "test").await;
    let second = open_run(&store).await;
    assert_eq!(store.run(&first.new.id).await.unwrap(), first);
    assert_eq!((first.state.as_str(), first.events, first.epoch), ("planned", 0, 0));
    assert_eq!(store.find_run("latest").await.unwrap(), second);
    assert_eq!(store.find_run(first.new.id.as_str()).await.unwrap(), first);
    let shared = &first.new.id.as_str()[..8];
    assert!(matches!(store.find_run(shared).await, Err(StoreError::NoRun { .. })));
    for hostile in ["", "%", "' OR 1=1", "_", "zz"] {
        assert!(store.find_run(hostile).await.is_err(), "{hostile}");
    }
    assert!(matches!(store.find_run("ffffffff").await, Err(StoreError::NoRun { .. })));
    let ids = |runs: Vec<RunRow>| runs.into_iter().map(|run| run.new.id).collect::<Vec<_>>();
    let all = store.runs(&RunFilter::default()).await.unwrap();
    assert_eq!(ids(all), [second.new.id.clone(), first.new.id.clone()]);
    let filter = RunFilter { environment: Some(environment("test")), ..RunFilter::default() };
    assert_eq!(ids(store.runs(&filter).await.unwrap()), vec![first.new.id.clone()]);
    let filter = RunFilter { ended: Some(true), ..RunFilter::default() };
    assert!(store.runs(&filter).await.unwrap().is_empty());
    let taken = lease(&store, &first, "one").await;
    assert!(store.passed(first.new.release, &environment("test")).await.unwrap().is_empty());
    store.append(&taken, ends("succeeded", 0)).await.unwrap();
    assert_eq!(ids(store.runs(&filter).await.unwrap()), vec![first.new.id.clone()]);
    assert_eq!(store.passed(first.new.release, &environment("test")).await.unwrap(), [first.new.plan]);
    assert!(store.passed(first.new.release, &environment("production")).await.unwrap().is_empty());
    let wiki = SystemName::parse("wiki").unwrap();
    let last = store.last_success(&wiki, &environment("test")).await.unwrap().unwrap();
    assert_eq!(last.new.id, first.new.id);
    assert!(store.last_success(&wiki, &environment("production")).await.unwrap().is_none());
}

pub async fn documents_are_kept_as_they_are(ground: &Ground) {
    let store = ground.store().await;
    let text = "{\"ñ\":\"' OR 1=1; -- \\u0000\"}";
    let digest = Digest::of(text.as_bytes());
    assert!(matches!(store.document(digest).await, Err(StoreError::NotFound { .. })));
    for _ in 0..2 {
        store.put_document("plan", digest, text).await.unwrap();
    }
    assert_eq!(store.document(digest).await.unwrap(), text);
    assert!(store.put_document("plan", Digest::of(b"other"), text).await.is_err());
}

pub async fn an_append_is_whole_or_absent(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let lease = lease(&store, &run, "one").await;
    let gate = |id: &str| NewGate { id: id.to_owned(), subject: "{}".to_owned(), decide_by: None };
    let message = Message { kind: "gate_opened".to_owned(), body: "{}".to_owned() };
    let first = Append {
        open_gates: vec![gate("g")],
        outbox: vec![message.clone()],
        waiting_for: Some("director".to_owned()),
        ..events("waiting", &["{\"n\":1}"])
    };
    let rows = store.append(&lease, first).await.unwrap();
    assert_eq!(store.events(&run.new.id).await.unwrap(), rows);
    let before = store.run(&run.new.id).await.unwrap();
    assert_eq!((before.state.as_str(), before.waiting_for.as_deref()), ("waiting", Some("director")));
    assert_eq!((before.events, before.head), (1, rows[0].hash));
    let ledger = store.ledger_head().await.unwrap();
    // The second gate has an id that is taken; nothing of the append may stay.
    let bad = Append {
        open_gates: vec![gate("h"), gate("g")],
        outbox: vec![message],
        policy: Some("{\"p\":1}".to_owned()),
        ..ends("succeeded", 0)
    };
    assert!(matches!(store.append(&lease, bad).await, Err(StoreError::Conflict { .. })));
    assert_eq!(store.run(&run.new.id).await.unwrap(), before);
    assert_eq!(store.events(&run.new.id).await.unwrap(), rows);
    assert_eq!(store.gates_waiting().await.unwrap().len(), 1);
    assert_eq!(store.outbox_due(10).await.unwrap().len(), 1);
    assert_eq!(store.ledger_head().await.unwrap(), ledger);
    let wrong_gate = Append { close_gates: vec![("h".into(), "approved".into())], ..events("x", &["{}"]) };
    assert!(matches!(store.append(&lease, wrong_gate).await, Err(StoreError::Conflict { .. })));
    assert_eq!(store.run(&run.new.id).await.unwrap(), before);
    store.append(&lease, events("running", &["{\"n\":2}"])).await.unwrap();
    assert_eq!(store.events(&run.new.id).await.unwrap().len(), 2);
}

pub async fn what_is_not_json_or_too_large_is_refused(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let lease = lease(&store, &run, "one").await;
    let large = format!("\"{}\"", "x".repeat(esclusa::store::EVENT_BYTES_MAX));
    assert!(matches!(store.append(&lease, events("s", &[&large])).await, Err(StoreError::TooLarge { .. })));
    for bad in ["", "{", "{} {}"] {
        assert!(matches!(store.append(&lease, events("s", &[bad])).await, Err(StoreError::Conflict { .. })));
    }
    assert!(store.append(&lease, events("", &["{}"])).await.is_err(), "a state is needed");
    assert!(store.events(&run.new.id).await.unwrap().is_empty());
}

pub async fn a_lease_is_held_renewed_released_and_taken_over(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let id = &run.new.id;
    let one = lease(&store, &run, "one").await;
    let Taken::Held { owner, until } = store.take_lease(id, "two", 60).await.unwrap() else { panic!() };
    assert_eq!((owner.as_str(), until), ("one", one.until()));
    assert!(store.renew_lease(&one, 600).await.unwrap() > until);
    store.release_lease(&one).await.unwrap();
    assert!(matches!(store.release_lease(&one).await, Err(StoreError::LeaseLost { .. })));
    // Expires at once by the database's clock; until somebody takes it over it may still write.
    let Taken::Lease(two) = store.take_lease(id, "two", 0).await.unwrap() else { panic!() };
    store.append(&two, events("running", &["{\"by\":2}"])).await.unwrap();
    let three = lease(&store, &run, "three").await;
    assert!(three.epoch() > two.epoch() && two.epoch() > one.epoch());
    assert!(matches!(store.append(&two, events("s", &["{}"])).await, Err(StoreError::LeaseLost { .. })));
    store.append(&three, events("running", &["{\"by\":3}"])).await.unwrap();
    let unknown = RunId("none".to_owned());
    assert!(matches!(store.take_lease(&unknown, "x", 60).await, Err(StoreError::NotFound { .. })));
}

pub async fn a_stale_lease_writes_nothing(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let Taken::Lease(stale) = store.take_lease(&run.new.id, "same", 0).await.unwrap() else { panic!() };
    // The same owner's name: the epoch alone tells them apart.
    let fresh = lease(&store, &run, "same").await;
    let before = (store.run(&run.new.id).await.unwrap(), store.ledger_head().await.unwrap());
    let lost = |error: StoreError| assert!(matches!(error, StoreError::LeaseLost { .. }), "{error:?}");
    lost(store.append(&stale, events("s", &["{}"])).await.unwrap_err());
    lost(store.append(&stale, ends("succeeded", 0)).await.unwrap_err());
    lost(store.renew_lease(&stale, 60).await.unwrap_err());
    lost(store.release_lease(&stale).await.unwrap_err());
    lost(store.claim(&stale, &[server("production", "wiki")]).await.unwrap_err());
    assert_eq!((store.run(&run.new.id).await.unwrap(), store.ledger_head().await.unwrap()), before);
    assert!(store.claims().await.unwrap().is_empty());
    store.append(&fresh, events("s", &["{}"])).await.unwrap();
}

pub async fn epochs_grow_over_the_whole_store(ground: &Ground) {
    let store = ground.store().await;
    let mut last = 0;
    for place in ["test", "production", "test"] {
        let run = open_run_in(&store, place).await;
        let taken = lease(&store, &run, "one").await;
        assert!(taken.epoch() > last);
        assert_eq!(store.run(&run.new.id).await.unwrap().epoch, taken.epoch());
        last = taken.epoch();
    }
}

pub async fn a_run_that_has_ended_stays_so(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let taken = lease(&store, &run, "one").await;
    store.append(&taken, ends("succeeded", 0)).await.unwrap();
    let ended = store.run(&run.new.id).await.unwrap();
    assert_eq!(
        (ended.final_exit, ended.state.as_str(), ended.owner.as_deref()),
        (Some(0), "succeeded", None)
    );
    assert!(ended.ended_at.is_some());
    assert!(matches!(store.append(&taken, events("s", &["{}"])).await, Err(StoreError::LeaseLost { .. })));
    assert!(matches!(store.take_lease(&run.new.id, "two", 60).await, Err(StoreError::Conflict { .. })));
    let entry = store.ledger().await.unwrap().pop().unwrap().entry;
    assert_eq!(entry.kind, "run_ended");
    assert!(entry.body.contains(&ended.head.to_string()), "{}", entry.body);
    store.verify_ledger(&[]).await.unwrap();
}

pub async fn eight_writers_append_fifty_times_each(ground: &Ground) {
    let store = ground.store().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        // Connections of their own, as processes of their own would have.
        let store = Store::open(ground.location()).await.unwrap();
        let run = open_run(&store).await;
        tasks.spawn(async move {
            let lease = lease(&store, &run, &format!("task {task}")).await;
            for n in 0..50 {
                let body = format!("{{\"n\":{n}}}");
                store.append(&lease, events("running", &[&body])).await.unwrap();
            }
            let rows = store.events(&run.new.id).await.unwrap();
            assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), (1..=50).collect::<Vec<_>>());
            store.append(&lease, ends("succeeded", 0)).await.unwrap();
            store.close().await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let head = store.verify_ledger(&[]).await.unwrap();
    assert_eq!(head.seq, 16);
}

pub async fn two_writers_of_one_run_never_both_hold_it(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..6 {
        let (store, id) = (Store::open(ground.location()).await.unwrap(), run.new.id.clone());
        tasks.spawn(async move { store.take_lease(&id, &format!("task {task}"), 60).await.unwrap() });
    }
    let taken = tasks.join_all().await;
    let held: Vec<&Lease> =
        taken.iter().filter_map(|t| if let Taken::Lease(lease) = t { Some(lease) } else { None }).collect();
    assert_eq!(held.len(), 1, "{taken:?}");
    store.append(held[0], events("running", &["{}"])).await.unwrap();
}

pub async fn claims_survive_a_crash_and_end_with_the_run(ground: &Ground) {
    let place = [server("production", "wiki"), server("production", "db")];
    let first = {
        let store = ground.store().await;
        let run = open_run(&store).await;
        let Taken::Lease(lease) = store.take_lease(&run.new.id, "crashes", 0).await.unwrap() else {
            panic!()
        };
        assert_eq!(store.claim(&lease, &place).await.unwrap(), Claimed::Ok);
        assert_eq!(store.claim(&lease, &place).await.unwrap(), Claimed::Ok, "claiming again changes nothing");
        store.close().await;
        run
    };
    let store = Store::open(ground.location()).await.unwrap();
    let second = open_run(&store).await;
    let other = lease(&store, &second, "other").await;
    let Claimed::HeldBy { run, since, server: held, .. } = store.claim(&other, &place).await.unwrap() else {
        panic!()
    };
    assert_eq!((run, held.as_str()), (first.new.id.clone(), "db"));
    assert!(since <= store.now().await.unwrap());
    let resumed = lease(&store, &first, "resumes").await;
    store.append(&resumed, events("stuck", &["{}"])).await.unwrap();
    assert_eq!(store.claims().await.unwrap().len(), 2, "a stuck run keeps its claims");
    store.append(&resumed, ends("failed, restored", 3)).await.unwrap();
    assert_eq!(store.claim(&other, &place).await.unwrap(), Claimed::Ok);
    let claimed = store.ledger().await.unwrap().iter().filter(|row| row.entry.kind == "claimed").count();
    assert_eq!(claimed, 2);
}

/// A server at this address, with these pinned keys.
fn machine(name: &str, address: &str, keys: &[&str]) -> Server {
    let text = format!(
        "{{\"name\":\"{name}\",\"address\":\"{address}\",\"become\":\"sudo\",\"host_keys\":{keys:?},\"groups\":[],\"variables\":{{}}}}"
    );
    serde_json::from_str(&text).unwrap()
}

/// A run in `place` whose plan touches this server.
async fn on_machine(store: &Store, place: &str, server: &Server) -> RunRow {
    put_documents(store).await;
    let text =
        format!("{{\"servers\":{{\"{0}\":{{\"server\":{1}}}}}}}", server.name, canonical(server).unwrap());
    let plan = Digest::of(text.as_bytes());
    store.put_document("plan", plan, &text).await.unwrap();
    store.note_machines(plan, [server].into_iter()).await.unwrap();
    store.open_run(NewRun { plan, ..a_run(place) }).await.unwrap()
}

pub async fn a_machine_belongs_to_one_run_whatever_it_is_called(ground: &Ground) {
    let store = ground.store().await;
    let first =
        on_machine(&store, "production", &machine("wiki", "Wiki.example.org", &["ssh-ed25519 A"])).await;
    let taken = lease(&store, &first, "one").await;
    let wiki = [server("production", "wiki")];
    assert_eq!(store.claim(&taken, &wiki).await.unwrap(), Claimed::Ok);
    assert_eq!(store.claim(&taken, &wiki).await.unwrap(), Claimed::Ok, "claiming again changes nothing");
    let (address, key) =
        (machine("old", "wiki.example.org", &[]), machine("old", "10.0.0.9", &["ssh-ed25519 A"]));
    for other in [address, key] {
        let other = on_machine(&store, "staging", &other).await;
        let other = lease(&store, &other, "two").await;
        let old = [server("staging", "old")];
        let held = store.claim(&other, &old).await.unwrap();
        let Claimed::HeldBy { run, environment: place, server: name, .. } = held else { panic!("{held:?}") };
        assert_eq!((run, place, name.as_str()), (first.new.id.clone(), environment("production"), "wiki"));
        assert_eq!(store.claims().await.unwrap().len(), 1, "nothing was claimed");
    }
    let third = on_machine(&store, "staging", &machine("new", "10.0.0.9", &["ssh-ed25519 B"])).await;
    let third = lease(&store, &third, "three").await;
    assert_eq!(store.claim(&third, &[server("staging", "new")]).await.unwrap(), Claimed::Ok);
    store.append(&taken, ends("succeeded", 0)).await.unwrap();
    let fourth = on_machine(&store, "staging", &machine("old", "wiki.example.org", &[])).await;
    let fourth = lease(&store, &fourth, "four").await;
    assert_eq!(store.claim(&fourth, &[server("staging", "old")]).await.unwrap(), Claimed::Ok);
}

/// What the database held before machines were: the same, without format 2.
const FORMAT_1: &[&str] = &[
    "DROP TABLE claimed_machines",
    "DROP TABLE machines",
    "DROP INDEX runs_by_plan",
    "UPDATE meta SET value = '1' WHERE key = 'format'",
];

pub async fn a_store_of_format_1_learns_its_machines(ground: &Ground) {
    let store = ground.store().await;
    let (ended, held) =
        (machine("w", "W.example", &["ssh-ed25519 A", "ssh-rsa R"]), machine("x", "10.0.0.2", &[]));
    let first = on_machine(&store, "production", &ended).await;
    let taken = lease(&store, &first, "one").await;
    store.append(&taken, ends("succeeded", 0)).await.unwrap();
    let second = on_machine(&store, "test", &held).await;
    let taken = lease(&store, &second, "two").await;
    store.claim(&taken, &[server("test", "x")]).await.unwrap();
    store.close().await;
    ground.tamper(FORMAT_1).await.unwrap();
    let store = Store::open(ground.location()).await.unwrap();
    for (address, keys, known) in
        [("w.example", &[][..], true), ("1.2.3.4", &["ssh-rsa R"], true), ("1.2.3.4", &["ssh-rsa S"], false)]
    {
        let found = store.environments_of([machine("new", address, keys)].iter()).await.unwrap();
        assert_eq!(found.contains(&environment("production")), known, "{address} {keys:?}");
    }
    let third = on_machine(&store, "other", &machine("y", "10.0.0.2", &[])).await;
    let third = lease(&store, &third, "three").await;
    assert!(matches!(store.claim(&third, &[server("other", "y")]).await.unwrap(), Claimed::HeldBy { .. }));
    let changed = ground.by_hand(&["DELETE FROM machines"], false).await;
    assert!(changed.is_err());
}

pub async fn claims_are_all_or_none(ground: &Ground) {
    let store = ground.store().await;
    let (a, b) = (open_run(&store).await, open_run(&store).await);
    let (a, b) = (lease(&store, &a, "a").await, lease(&store, &b, "b").await);
    store.claim(&a, &[server("production", "m")]).await.unwrap();
    let wanted = [server("production", "z"), server("production", "m"), server("production", "a")];
    assert!(matches!(store.claim(&b, &wanted).await.unwrap(), Claimed::HeldBy { .. }));
    assert_eq!(store.claims().await.unwrap().len(), 1);
    // The same name elsewhere is another server.
    assert_eq!(store.claim(&b, &[server("test", "m")]).await.unwrap(), Claimed::Ok);
}

pub async fn gates_open_and_close_with_the_run(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let lease = lease(&store, &run, "one").await;
    let decide_by = Some(store.now().await.unwrap().plus_seconds(3600));
    let gate = |id: &str| NewGate { id: id.to_owned(), subject: "{\"s\":1}".to_owned(), decide_by };
    let opens = Append { open_gates: vec![gate("g1"), gate("g2")], ..events("waiting", &["{}"]) };
    store.append(&lease, opens).await.unwrap();
    assert_eq!(store.gates_waiting().await.unwrap().len(), 2);
    assert_eq!(store.gate("g1").await.unwrap().decide_by, decide_by);
    let closes = Append { close_gates: vec![("g1".into(), "approved".into())], ..events("running", &["{}"]) };
    store.append(&lease, closes).await.unwrap();
    assert_eq!(store.gate("g1").await.unwrap().outcome.as_deref(), Some("approved"));
    store.append(&lease, ends("cancelled", 1)).await.unwrap();
    assert!(store.gates_waiting().await.unwrap().is_empty());
    let outcomes: Vec<_> =
        store.gates_of(&run.new.id).await.unwrap().into_iter().map(|g| g.outcome).collect();
    assert_eq!(outcomes, [Some("approved".to_owned()), Some("superseded".to_owned())]);
    assert!(matches!(store.gate("none").await, Err(StoreError::NotFound { .. })));
}

pub async fn decisions_are_recorded_once(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let lease = lease(&store, &run, "one").await;
    let gate = NewGate { id: "g".to_owned(), subject: "{}".to_owned(), decide_by: None };
    store.append(&lease, Append { open_gates: vec![gate], ..events("waiting", &["{}"]) }).await.unwrap();
    let decision = |nonce: &str| NewDecision {
        gate: "g".to_owned(),
        person: PersonName::parse("diego").unwrap(),
        roles: vec![Role::parse("director").unwrap()],
        decision: "approve".to_owned(),
        reason: "probado en test; '); DROP TABLE runs; --".to_owned(),
        statement: format!("{{\"nonce\":\"{nonce}\"}}"),
        signature: Some("-----BEGIN SSH SIGNATURE-----\n…".to_owned()),
        nonce: nonce.to_owned(),
        account: None,
    };
    let first = store.record_decision(decision("n1")).await.unwrap();
    assert!(matches!(store.record_decision(decision("n1")).await, Err(StoreError::Conflict { .. })));
    let (a, b) = tokio::join!(store.record_decision(decision("n2")), store.record_decision(decision("n2")));
    assert!(a.is_ok() != b.is_ok(), "one nonce counts once: {a:?} {b:?}");
    let found = store.decisions("g").await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], first);
    let noted = store.ledger().await.unwrap();
    assert_eq!(noted.iter().filter(|row| row.entry.kind == "decision").count(), 2);
    let closes = Append { close_gates: vec![("g".into(), "approved".into())], ..events("running", &["{}"]) };
    store.append(&lease, closes).await.unwrap();
    let late = store.record_decision(decision("n3")).await.unwrap_err();
    assert!(late.to_string().contains("closed"), "{late}");
    let unknown = NewDecision { gate: "none".to_owned(), ..decision("n4") };
    assert!(matches!(store.record_decision(unknown).await, Err(StoreError::NotFound { .. })));
    let now = store.now().await.unwrap();
    let gate = NewGate { id: "late".to_owned(), subject: "{}".to_owned(), decide_by: Some(now) };
    store.append(&lease, Append { open_gates: vec![gate], ..events("waiting", &["{}"]) }).await.unwrap();
    let over = NewDecision { gate: "late".to_owned(), ..decision("n5") };
    let late = store.record_decision(over).await.unwrap_err();
    assert!(late.to_string().contains("over"), "{late}");
    assert!(store.decisions("late").await.unwrap().is_empty());
    store.verify_ledger(&[]).await.unwrap();
}

pub async fn the_policy_of_the_last_run_is_in_force(ground: &Ground) {
    let store = ground.store().await;
    assert!(store.policy_in_force(&environment("production")).await.unwrap().is_none());
    for (policy, entries) in [("{\"p\":1}", 1), ("{\"p\":1}", 1), ("{\"p\":2}", 2)] {
        let run = open_run(&store).await;
        let lease = lease(&store, &run, "one").await;
        let ends = Append { policy: Some(policy.to_owned()), ..ends("succeeded", 0) };
        store.append(&lease, ends).await.unwrap();
        let found = store.policy_in_force(&environment("production")).await.unwrap().unwrap();
        assert_eq!(found.policy, policy);
        let noted = store.ledger().await.unwrap();
        assert_eq!(noted.iter().filter(|row| row.entry.kind == "policy").count(), entries);
    }
    assert!(store.policy_in_force(&environment("test")).await.unwrap().is_none());
    store.record_waiver(&environment("test"), "{\"rule\":\"passed\"}").await.unwrap();
    assert_eq!(store.waivers(&environment("test")).await.unwrap().len(), 1);
    assert!(store.waivers(&environment("production")).await.unwrap().is_empty());
    ground.tamper(&["UPDATE ledger SET body = '{\"p\":0}' WHERE kind = 'policy'"]).await.unwrap();
    assert!(matches!(
        store.policy_in_force(&environment("production")).await,
        Err(StoreError::Corrupt { .. })
    ));
    assert!(matches!(store.verify_ledger(&[]).await, Err(LedgerError::Edited { .. })));
}

pub async fn backups_are_listed_and_marked(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let lease = lease(&store, &run, "one").await;
    let now = store.now().await.unwrap();
    let backup = |id: &str, seconds: i64| BackupRow {
        id: id.to_owned(),
        run: run.new.id.clone(),
        system: SystemName::parse("wiki").unwrap(),
        environment: environment("production"),
        taken_at: now.plus_seconds(seconds),
        size_bytes: 5_000_000_000,
        vault: "/srv/vault".to_owned(),
        manifest: Digest::of(b"manifest"),
        verified_at: None,
        broken: None,
        removed_at: None,
    };
    store.append(&lease, Append { backups: vec![backup("b1", 0)], ..events("r", &["{}"]) }).await.unwrap();
    store.put_backup(&backup("b2", 5)).await.unwrap();
    assert!(matches!(store.put_backup(&backup("b2", 5)).await, Err(StoreError::Conflict { .. })));
    let ids = |rows: Vec<BackupRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let all = BackupFilter::default();
    assert_eq!(ids(store.backups(&all).await.unwrap()), ["b2", "b1"]);
    store.mark_backup("b1", BackupMark::Broken("part `databases` is short".to_owned())).await.unwrap();
    assert!(store.backup("b1").await.unwrap().broken.is_some());
    store.mark_backup("b1", BackupMark::Verified).await.unwrap();
    let verified = store.backup("b1").await.unwrap();
    assert!(verified.verified_at >= Some(now) && verified.broken.is_none());
    store.mark_backup("b1", BackupMark::Removed).await.unwrap();
    assert_eq!(ids(store.backups(&all).await.unwrap()), ["b2"]);
    let also = BackupFilter { removed: true, run: Some(run.new.id.clone()), ..BackupFilter::default() };
    assert_eq!(ids(store.backups(&also).await.unwrap()), ["b2", "b1"]);
    let elsewhere = BackupFilter { environment: Some(environment("test")), ..BackupFilter::default() };
    assert!(store.backups(&elsewhere).await.unwrap().is_empty());
    assert!(store.mark_backup("none", BackupMark::Verified).await.is_err());
}

pub async fn messages_leave_the_outbox_once(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let lease = lease(&store, &run, "one").await;
    let messages = (0..5)
        .map(|n| Message { kind: "gate_opened".to_owned(), body: format!("{{\"n\":{n}}}") })
        .collect::<Vec<_>>();
    store.append(&lease, Append { outbox: messages, ..events("waiting", &["{}"]) }).await.unwrap();
    let other = Store::open(ground.location()).await.unwrap();
    let (a, b) = tokio::join!(store.outbox_due(3), other.outbox_due(3));
    let (a, b) = (a.unwrap(), b.unwrap());
    let mut ids: Vec<&str> = a.iter().chain(&b).map(|row| row.id.as_str()).collect();
    let taken = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), taken, "no message went to both couriers");
    let rest = store.outbox_due(10).await.unwrap();
    assert_eq!(taken + rest.len(), 5, "held messages are not due");
    let all: Vec<_> = a.into_iter().chain(b).chain(rest).collect();
    store.outbox_done(&all[0].id).await.unwrap();
    assert!(store.outbox_done(&all[0].id).await.is_err());
    let now = store.now().await.unwrap();
    store.outbox_failed(&all[1].id, "exit status 1", Some(now)).await.unwrap();
    store.outbox_failed(&all[2].id, "no such command", None).await.unwrap();
    store.outbox_failed(&all[3].id, "later", Some(now.plus_seconds(600))).await.unwrap();
    let again = store.outbox_due(10).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].id.as_str(), again[0].attempts), (all[1].id.as_str(), 1));
    let late = Message { kind: "gate_opened".to_owned(), body: "{}".to_owned() };
    store.outbox_add(&[late.clone(), late]).await.unwrap();
    let soon = store.now().await.unwrap().plus_seconds(60);
    assert_eq!(store.outbox_expire(now.plus_seconds(-60), "too old").await.unwrap(), 0);
    assert_eq!(store.outbox_expire(soon, "too old").await.unwrap(), 2, "held and later ones stay");
    assert!(store.outbox_due(10).await.unwrap().is_empty());
}

pub async fn hostile_text_is_only_text(ground: &Ground) {
    let store = ground.store().await;
    put_documents(&store).await;
    let hostile = "'); DROP TABLE events; -- \u{202e} \u{1b}[2J $1 %s";
    let mut new = a_run("production");
    new.requested_by = hostile.to_owned();
    new.playbook = hostile.to_owned();
    new.route = Some(hostile.to_owned());
    let run = store.open_run(new).await.unwrap();
    assert_eq!(store.run(&run.new.id).await.unwrap().new.requested_by, hostile);
    let lease = lease(&store, &run, hostile).await;
    let waits = Append { waiting_for: Some(hostile.to_owned()), ..events(hostile, &["{}"]) };
    store.append(&lease, waits).await.unwrap();
    let filter = RunFilter { route: Some(hostile.to_owned()), ..RunFilter::default() };
    let found = store.runs(&filter).await.unwrap().remove(0);
    assert_eq!((found.state.as_str(), found.waiting_for.as_deref()), (hostile, Some(hostile)));
    // PostgreSQL cannot store a zero byte; whatever the engine says, it is no fault of the line.
    match store.set_meta("zero", "a\0b").await {
        Ok(()) => assert_eq!(store.meta("zero").await.unwrap().as_deref(), Some("a\0b")),
        Err(error) => assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}"),
    }
    store.verify_ledger(&[]).await.unwrap();
}
