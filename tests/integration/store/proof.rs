//! What was written once shows when somebody edits it.

use super::ground::{Ground, a_run, ends, environment, events, lease, put_documents};
use esclusa::model::{Digest, PersonName, Role};
use esclusa::store::{Append, LedgerError, NewDecision, NewGate, RunRow, Store, StoreError};

pub async fn the_engine_refuses_to_edit_what_was_written(ground: &Ground) {
    let (store, run) = a_run_with_a_life(ground).await;
    let table = [
        "UPDATE events SET body = '{}'",
        "DELETE FROM events",
        "UPDATE ledger SET body = '{}'",
        "DELETE FROM ledger WHERE seq = 1",
        "UPDATE decisions SET decision = 'approve'",
        "DELETE FROM decisions",
        "UPDATE documents SET body = '{}'",
        "DELETE FROM documents",
        "UPDATE runs SET release = plan",
        "UPDATE runs SET final_exit = 0",
        "DELETE FROM runs",
        "UPDATE gates SET subject = '{}'",
        "UPDATE gates SET outcome = 'approved'",
        "DELETE FROM gates",
    ];
    for statement in table {
        let error = ground.by_hand(&[statement], false).await.expect_err(statement);
        assert!(error.to_string().contains("never"), "{statement}: {error}");
    }
    assert_eq!(store.events(&run.new.id).await.unwrap().len(), 4);
    store.verify_ledger(&[]).await.unwrap();
}

pub async fn an_edited_event_is_named(ground: &Ground) {
    let (store, run) = a_run_with_a_life(ground).await;
    ground.tamper(&["UPDATE events SET body = '{\"event\":\"two!\"}' WHERE seq = 2"]).await.unwrap();
    assert_corrupt(&store, &run, "event 2 ").await;
    let error = store.verify_ledger(&[]).await.unwrap_err();
    assert!(matches!(&error, LedgerError::RunEdited { run: found, .. } if *found == run.new.id), "{error}");
    assert!(error.to_string().contains("event 2 "), "{error}");
}

pub async fn a_journal_cut_at_its_end_shows(ground: &Ground) {
    let (store, run) = a_run_with_a_life(ground).await;
    ground.tamper(&["DELETE FROM events WHERE seq = 4"]).await.unwrap();
    assert_corrupt(&store, &run, "event 4 ").await;
    // Covered up in the run's row: the ledger's entry of the end still knows.
    let cover = "UPDATE runs SET events = 3, head = (SELECT hash FROM events WHERE seq = 3)";
    ground.tamper(&[cover]).await.unwrap();
    store.events(&run.new.id).await.unwrap();
    let error = store.verify_ledger(&[]).await.unwrap_err();
    assert!(matches!(error, LedgerError::RunEdited { .. }), "{error}");
}

pub async fn a_deleted_event_is_named(ground: &Ground) {
    let (store, run) = a_run_with_a_life(ground).await;
    ground.tamper(&["DELETE FROM events WHERE seq = 2"]).await.unwrap();
    assert_corrupt(&store, &run, "event 2 ").await;
}

pub async fn an_edited_ledger_entry_is_named(ground: &Ground) {
    let (store, _) = a_run_with_a_life(ground).await;
    ground.tamper(&["UPDATE ledger SET at = at + 1 WHERE seq = 2"]).await.unwrap();
    let error = store.verify_ledger(&[]).await.unwrap_err();
    assert!(matches!(error, LedgerError::Edited { seq: 2 }), "{error}");
    ground.tamper(&["DELETE FROM ledger WHERE seq = 2"]).await.unwrap();
    let error = store.verify_ledger(&[]).await.unwrap_err();
    assert!(matches!(error, LedgerError::Missing { seq: 2 }), "{error}");
}

pub async fn a_truncated_ledger_shows(ground: &Ground) {
    let (store, _) = a_run_with_a_life(ground).await;
    let head = store.verify_ledger(&[]).await.unwrap();
    ground.tamper(&["DELETE FROM ledger WHERE kind = 'run_ended'"]).await.unwrap();
    let error = store.verify_ledger(&[]).await.unwrap_err();
    let LedgerError::Truncated { expected, found } = error else { panic!("{error}") };
    assert_eq!((expected, found), (head.seq, head.seq - 1));
    // Covered up in the head: whoever knew the old one still sees it.
    let cover = "UPDATE ledger_head SET seq = seq - 1,
        hash = (SELECT hash FROM ledger ORDER BY seq DESC LIMIT 1)";
    ground.tamper(&[cover]).await.unwrap();
    let error = store.verify_ledger(&[head]).await.unwrap_err();
    assert!(matches!(error, LedgerError::Truncated { .. }), "{error}");
    let error = store.verify_ledger(&[]).await.unwrap_err();
    assert!(matches!(error, LedgerError::RunEdited { .. }), "an end that nobody noted: {error}");
}

pub async fn a_rewritten_ledger_shows_by_a_known_head(ground: &Ground) {
    let (store, _) = a_run_with_a_life(ground).await;
    let mut head = store.ledger_head().await.unwrap();
    store.verify_ledger(&[head]).await.unwrap();
    head.hash = Digest::of(b"another life");
    let error = store.verify_ledger(&[head]).await.unwrap_err();
    assert!(matches!(error, LedgerError::Rewritten { seq } if seq == head.seq), "{error}");
}

pub async fn a_deleted_run_shows(ground: &Ground) {
    let (store, run) = a_run_with_a_life(ground).await;
    let traces = ["DELETE FROM decisions", "DELETE FROM gates", "DELETE FROM events", "DELETE FROM runs"];
    ground.tamper(&traces).await.unwrap();
    let error = store.verify_ledger(&[]).await.unwrap_err();
    let LedgerError::RunDeleted { run: found, seq } = error else { panic!("{error}") };
    assert_eq!((found, seq), (run.new.id, 1));
}

pub async fn an_edited_run_shows(ground: &Ground) {
    let (store, run) = a_run_with_a_life(ground).await;
    let table = [
        ("requested_by = 'nobody'", "requested_by = 'carla'"),
        ("final_exit = 0", "final_exit = 3"),
        ("state = 'succeeded'", "state = 'failed, restored'"),
        ("environment = 'test'", "environment = 'production'"),
    ];
    for (edit, back) in table {
        ground.tamper(&[&format!("UPDATE runs SET {edit}")]).await.unwrap();
        let error = store.verify_ledger(&[]).await.unwrap_err();
        assert!(
            matches!(&error, LedgerError::RunEdited { run: found, .. } if *found == run.new.id),
            "{error}"
        );
        ground.tamper(&[&format!("UPDATE runs SET {back}")]).await.unwrap();
        store.verify_ledger(&[]).await.unwrap();
    }
}

pub async fn a_run_added_by_hand_shows(ground: &Ground) {
    let (store, _) = a_run_with_a_life(ground).await;
    let copy = "INSERT INTO runs (id, system, environment, kind, playbook, plan, release, requested_by,
            requested_by_machine, body, first_state, opened_at, opened_seq, opened_hash, state, head)
        SELECT 'forged', system, environment, kind, playbook, plan, release, requested_by,
            requested_by_machine, body, first_state, opened_at, 9999, opened_hash, state, opened_hash FROM runs";
    ground.tamper(&[copy]).await.unwrap();
    let error = store.verify_ledger(&[]).await.unwrap_err();
    assert!(matches!(&error, LedgerError::RunUnknown { run } if run.as_str() == "forged"), "{error}");
}

pub async fn a_deleted_or_edited_decision_shows(ground: &Ground) {
    let (store, _) = a_run_with_a_life(ground).await;
    let decision = store.decisions("gate-1").await.unwrap().remove(0);
    ground.tamper(&["UPDATE decisions SET decision = 'approve'"]).await.unwrap();
    assert!(matches!(store.decisions("gate-1").await, Err(StoreError::Corrupt { .. })));
    let error = store.verify_ledger(&[]).await.unwrap_err();
    assert!(matches!(error, LedgerError::DecisionEdited { seq } if seq == decision.seq), "{error}");
    ground.tamper(&["DELETE FROM decisions"]).await.unwrap();
    let error = store.verify_ledger(&[]).await.unwrap_err();
    assert!(matches!(error, LedgerError::DecisionDeleted { seq } if seq == decision.seq), "{error}");
}

pub async fn an_edited_document_is_refused(ground: &Ground) {
    let (store, run) = a_run_with_a_life(ground).await;
    assert_eq!(store.document(run.new.plan).await.unwrap(), "{\"plan\":1}");
    ground.tamper(&["UPDATE documents SET body = '{\"plan\":2}' WHERE kind = 'plan'"]).await.unwrap();
    assert!(matches!(store.document(run.new.plan).await, Err(StoreError::Corrupt { .. })));
}

/// A run that waited at a gate, was rejected there by a person, and failed with four events.
async fn a_run_with_a_life(ground: &Ground) -> (Store, RunRow) {
    let store = ground.store().await;
    put_documents(&store).await;
    let run = store.open_run(a_run("production")).await.unwrap();
    let lease = lease(&store, &run, "one").await;
    store.append(&lease, events("running", &["{\"event\":\"one\"}", "{\"event\":\"two\"}"])).await.unwrap();
    let gate = NewGate { id: "gate-1".to_owned(), subject: "{\"s\":1}".to_owned(), decide_by: None };
    let opens = Append { open_gates: vec![gate], ..events("waiting", &["{\"event\":\"three\"}"]) };
    store.append(&lease, opens).await.unwrap();
    let decision = NewDecision {
        gate: "gate-1".to_owned(),
        person: PersonName::parse("diego").unwrap(),
        roles: vec![Role::parse("director").unwrap()],
        decision: "reject".to_owned(),
        reason: "the maintenance window is too short".to_owned(),
        statement: "{\"gate\":\"gate-1\"}".to_owned(),
        signature: None,
        nonce: "n1".to_owned(),
        account: Some("diego".to_owned()),
    };
    store.record_decision(decision).await.unwrap();
    store.append(&lease, ends("failed, restored", 3)).await.unwrap();
    assert!(store.policy_in_force(&environment("production")).await.unwrap().is_none());
    store.verify_ledger(&[]).await.unwrap();
    (store, run)
}

async fn assert_corrupt(store: &Store, run: &RunRow, named: &str) {
    let error = store.events(&run.new.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains(named), "{error}");
}
