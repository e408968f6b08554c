//! The one write of a running run: its events and everything that must be true with them.

use super::backups::{self, BackupRow};
use super::database::{Result, Write, binds};
use super::error::StoreError;
use super::events::{self, EventRow};
use super::gates::{self, NewGate};
use super::leases::{self, Lease};
use super::ledger::{self, NewLedgerEntry};
use super::opening::Store;
use super::outbox::{self, Message};
use super::runs::{self, RunRow};
use crate::model::{Timestamp, canonical};
use serde_json::json;

/// Largest event in bytes; long outputs go to the depot and the event names their digest.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// Everything that one append writes, or does not write.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// Events in order, each canonical JSON.
    pub events: Vec<String>,
    /// The run's state from now on.
    pub state: String,
    /// Whom or what it waits for from now on.
    pub waiting_for: Option<String>,
    /// The run ends with this code: its claims and lease are released, its open gates closed, and the
    /// ledger notes its head.
    pub final_exit: Option<u8>,
    /// Gates that open.
    pub open_gates: Vec<NewGate>,
    /// Gates that close, each with its outcome.
    pub close_gates: Vec<(String, String)>,
    /// Backups that were taken.
    pub backups: Vec<BackupRow>,
    /// Messages to people.
    pub outbox: Vec<Message>,
    /// The policy that is in force in the run's environment from now on, as canonical JSON.
    pub policy: Option<String>,
    /// Further entries of the ledger.
    pub ledger: Vec<NewLedgerEntry>,
}

impl Store {
    /// Writes `append` as a whole and returns the events with their places in the chain.
    pub async fn append(&self, lease: &Lease, append: Append) -> Result<Vec<EventRow>> {
        check(&append)?;
        let mut write = self.database.write().await?;
        leases::hold(&mut write, lease).await?;
        let now = write.now().await?;
        let run = runs::one(&mut write, lease.run()).await?;
        let rows = events::add(&mut write, &run, lease.epoch(), now, &append.events).await?;
        gates::close(&mut write, &run, now, &append.close_gates).await?;
        gates::open(&mut write, &run, now, &append.open_gates).await?;
        for backup in &append.backups {
            backups::add(&mut write, backup).await?;
        }
        outbox::add(&mut write, now, &append.outbox).await?;
        if let Some(policy) = append.policy {
            ledger::set_policy(&mut write, now, &run, policy).await?;
        }
        for entry in append.ledger {
            ledger::add(&mut write, now, entry).await?;
        }
        let head = rows.last().map_or(run.head, |event| event.hash);
        let count = run.events + rows.len() as u64;
        let sql = "UPDATE runs SET state = $2, waiting_for = $3, events = $4, head = $5 WHERE id = $1";
        let binds = binds![lease.run(), append.state.as_str(), append.waiting_for.as_deref(), count, head];
        write.execute(sql, binds).await?;
        if let Some(exit) = append.final_exit {
            end(&mut write, now, &RunRow { head, events: count, ..run }, exit, &append.state).await?;
        }
        write.commit().await?;
        Ok(rows)
    }
}

/// Ends the run: nothing of it is left to do or to hold.
async fn end(write: &mut Write, now: Timestamp, run: &RunRow, exit: u8, state: &str) -> Result<()> {
    let id = &run.new.id;
    gates::supersede_open(write, now, id).await?;
    write.execute("DELETE FROM claims WHERE run = $1", binds![id]).await?;
    write.execute("DELETE FROM claimed_machines WHERE run = $1", binds![id]).await?;
    let sql =
        "UPDATE runs SET final_exit = $2, ended_at = $3, owner = NULL, lease_until = NULL WHERE id = $1";
    write.execute(sql, binds![id, i64::from(exit), now]).await?;
    let entry = NewLedgerEntry {
        kind: "run_ended".to_owned(),
        run: Some(id.clone()),
        environment: Some(run.new.environment.clone()),
        body: ending(run, exit, state)?,
    };
    ledger::add(write, now, entry).await.map(drop)
}

/// The body of the ledger's entry of a run that ended.
pub(super) fn ending(run: &RunRow, exit: u8, state: &str) -> Result<String> {
    let body = json!({"events": run.events, "exit": exit, "head": run.head, "state": state});
    canonical(&body).map_err(|error| StoreError::conflict(error.to_string()))
}

fn check(append: &Append) -> Result<()> {
    if append.state.is_empty() {
        return Err(StoreError::conflict("an append must name the run's state"));
    }
    append.events.iter().try_for_each(|event| check_json("an event", event))?;
    append.open_gates.iter().try_for_each(|gate| check_json("a gate's subject", &gate.subject))?;
    append.outbox.iter().try_for_each(|message| check_json("a message", &message.body))?;
    append.ledger.iter().try_for_each(|entry| check_json("a ledger entry", &entry.body))
}

/// Refuses what is too large, and what is not JSON.
pub(super) fn check_json(what: &'static str, text: &str) -> Result<()> {
    if text.len() > EVENT_BYTES_MAX {
        return Err(StoreError::TooLarge { what, bytes: text.len(), limit: EVENT_BYTES_MAX });
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map(drop)
        .map_err(|error| StoreError::conflict(format!("{what} is not JSON: {error}")))
}
