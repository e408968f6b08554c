//! A run's journal: a chain of events, each hashed together with the one before it.

use super::database::{Result, Write, binds};
use super::error::StoreError;
use super::opening::Store;
use super::runs::RunRow;
use crate::model::{Digest, RunId, Timestamp, canonical};
use serde_json::json;

/// An event in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its place, from 1.
    pub seq: u64,
    /// When it was written, by the database's clock.
    pub at: Timestamp,
    /// The epoch of the lease that wrote it.
    pub epoch: u64,
    /// Hash over this event and the hash before it.
    pub hash: Digest,
    /// Canonical JSON.
    pub body: String,
}

impl EventRow {
    fn hashed(
        run: &RunId,
        previous: Digest,
        seq: u64,
        at: Timestamp,
        epoch: u64,
        body: String,
    ) -> Result<Self> {
        let link =
            json!({"at": at, "body": body, "epoch": epoch, "previous": previous, "run": run, "seq": seq});
        let text = canonical(&link).map_err(|error| StoreError::conflict(error.to_string()))?;
        Ok(Self { seq, at, epoch, hash: Digest::of(text.as_bytes()), body })
    }
}

impl Store {
    /// The events of a run in their order. A chain that does not hold is an error that names the
    /// first bad event.
    pub async fn events(&self, run: &RunId) -> Result<Vec<EventRow>> {
        let row = self.run(run).await?;
        self.events_of(&row).await
    }

    /// The events that `run` had when its row was read.
    pub(super) async fn events_of(&self, run: &RunRow) -> Result<Vec<EventRow>> {
        let id = &run.new.id;
        let sql = "SELECT seq, at, epoch, body, hash FROM events WHERE run = $1 ORDER BY seq";
        let rows = self.database.read(sql, binds![id]).await?;
        let mut events = Vec::with_capacity(rows.len());
        let mut previous = run.opened_hash;
        for row in &rows {
            let seq = events.len() as u64 + 1;
            if seq > run.events {
                // Written since the run's row was read, or added by hand: the head decides.
                break;
            }
            let found = row.count("seq")?;
            if found != seq {
                return Err(broken(id, seq, "it is missing"));
            }
            let event =
                EventRow::hashed(id, previous, seq, row.time("at")?, row.count("epoch")?, row.text("body")?)?;
            if event.hash != row.digest("hash")? {
                return Err(broken(id, seq, "its hash does not fit, so it was edited"));
            }
            previous = event.hash;
            events.push(event);
        }
        let count = events.len() as u64;
        if count < run.events {
            return Err(broken(id, count + 1, "it is missing at the end"));
        }
        if previous != run.head {
            return Err(broken(id, count, "it is not the event that the run ends with"));
        }
        Ok(events)
    }
}

fn broken(run: &RunId, seq: u64, how: &str) -> StoreError {
    StoreError::corrupt(format!("event {seq} of run `{run}`"), how)
}

/// Adds `bodies` to the journal of `run`, whose row is locked.
pub(super) async fn add(
    write: &mut Write,
    run: &RunRow,
    epoch: u64,
    now: Timestamp,
    bodies: &[String],
) -> Result<Vec<EventRow>> {
    let mut rows = Vec::with_capacity(bodies.len());
    let mut previous = run.head;
    for (index, body) in bodies.iter().enumerate() {
        let seq = run.events + index as u64 + 1;
        let event = EventRow::hashed(&run.new.id, previous, seq, now, epoch, body.clone())?;
        let sql = "INSERT INTO events (run, seq, at, epoch, body, hash) VALUES ($1, $2, $3, $4, $5, $6)";
        write
            .execute(sql, binds![&run.new.id, event.seq, now, epoch, event.body.as_str(), event.hash])
            .await?;
        previous = event.hash;
        rows.push(event);
    }
    Ok(rows)
}
