//! The ledger: one chain over the whole store. It notes every run that was opened or ended, every
//! decision, claim, policy and waiver, so that editing or deleting any of them shows.

use super::append::check_json;
use super::database::{Result, Row, Write, binds};
use super::error::StoreError;
use super::opening::Store;
use super::runs::RunRow;
use crate::model::{Digest, EnvironmentName, RunId, Timestamp, canonical};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Entries that are read at once.
pub(super) const PAGE: u64 = 1000;
/// The kind of an entry with an environment's policy.
const POLICY: &str = "policy";
/// The kind of an entry with a waiver.
const WAIVER: &str = "waiver";

/// An entry to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLedgerEntry {
    /// What it is.
    pub kind: String,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// The environment that it belongs to.
    pub environment: Option<EnvironmentName>,
    /// Canonical JSON.
    pub body: String,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its place, from 1.
    pub seq: u64,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// Hash over this entry and the hash before it.
    pub hash: Digest,
    /// What it says.
    pub entry: NewLedgerEntry,
}

/// The end of the ledger at some moment; whoever knows it can tell later whether it was rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHead {
    /// The last entry's place; 0 for an empty ledger.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
}

/// The policy that is in force in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Canonical JSON.
    pub policy: String,
    /// The run that brought it.
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Every entry in order.
    pub async fn ledger(&self) -> Result<Vec<LedgerRow>> {
        let mut rows = Vec::new();
        loop {
            let after = rows.last().map_or(0, |row: &LedgerRow| row.seq);
            let page = self.ledger_after(after).await?;
            if page.is_empty() {
                return Ok(rows);
            }
            rows.extend(page);
        }
    }

    /// The entries after `seq`, a page of them.
    pub(super) async fn ledger_after(&self, seq: u64) -> Result<Vec<LedgerRow>> {
        let sql = "SELECT * FROM ledger WHERE seq > $1 ORDER BY seq LIMIT $2";
        self.database.read(sql, binds![seq, PAGE]).await?.iter().map(read).collect()
    }

    /// Where the ledger ends now.
    pub async fn ledger_head(&self) -> Result<LedgerHead> {
        let rows = self.database.read("SELECT seq, hash FROM ledger_head WHERE id = 1", Vec::new()).await?;
        rows.first().map(head).unwrap_or_else(|| Err(gone()))
    }

    /// Adds an entry that belongs to no running run.
    pub async fn record(&self, entry: NewLedgerEntry) -> Result<LedgerRow> {
        check_json("a ledger entry", &entry.body)?;
        let mut write = self.database.write().await?;
        let now = write.now().await?;
        let row = add(&mut write, now, entry).await?;
        write.commit().await?;
        Ok(row)
    }

    /// Records that a rule is waived in an environment; the body says which, by whom, why, until when.
    pub async fn record_waiver(&self, environment: &EnvironmentName, body: &str) -> Result<LedgerRow> {
        let entry = NewLedgerEntry {
            kind: WAIVER.to_owned(),
            run: None,
            environment: Some(environment.clone()),
            body: body.to_owned(),
        };
        self.record(entry).await
    }

    /// Every waiver of an environment, the oldest first; whether one still holds is not judged here.
    pub async fn waivers(&self, environment: &EnvironmentName) -> Result<Vec<LedgerRow>> {
        let sql = "SELECT * FROM ledger WHERE kind = $1 AND environment = $2 ORDER BY seq";
        self.database.read(sql, binds![WAIVER, environment.as_str()]).await?.iter().map(checked).collect()
    }

    /// The policy that the last finished run of an environment left in force.
    pub async fn policy_in_force(&self, environment: &EnvironmentName) -> Result<Option<PolicyRow>> {
        let rows = self.database.read(LAST_POLICY, binds![POLICY, environment.as_str()]).await?;
        let last = rows.first().map(checked).transpose()?;
        Ok(last.map(|row| PolicyRow { policy: row.entry.body, run: row.entry.run, at: row.at }))
    }
}

const LAST_POLICY: &str =
    "SELECT * FROM ledger WHERE kind = $1 AND environment = $2 ORDER BY seq DESC LIMIT 1";

/// Adds `entry` at the end of the chain.
pub(super) async fn add(write: &mut Write, now: Timestamp, entry: NewLedgerEntry) -> Result<LedgerRow> {
    // Touching the head's row first makes writers take turns.
    let sql = "UPDATE ledger_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash";
    let rows = write.fetch(sql, Vec::new()).await?;
    let LedgerHead { seq, hash: previous } = rows.first().map(head).unwrap_or_else(|| Err(gone()))?;
    let hash = link(seq, now, previous, &entry)?;
    let sql = "INSERT INTO ledger (seq, at, kind, run, environment, body, previous, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let binds = binds![
        seq,
        now,
        entry.kind.as_str(),
        entry.run.as_ref().map(RunId::as_str),
        entry.environment.as_ref().map(EnvironmentName::as_str),
        entry.body.as_str(),
        previous,
        hash,
    ];
    write.execute(sql, binds).await?;
    write.execute("UPDATE ledger_head SET hash = $1 WHERE id = 1", binds![hash]).await?;
    Ok(LedgerRow { seq, at: now, hash, entry })
}

/// Notes the policy of `run` as the one in force, unless it is already.
pub(super) async fn set_policy(
    write: &mut Write,
    now: Timestamp,
    run: &RunRow,
    policy: String,
) -> Result<()> {
    check_json("a policy", &policy)?;
    let environment = &run.new.environment;
    let rows = write.fetch(LAST_POLICY, binds![POLICY, environment.as_str()]).await?;
    if rows.first().map(|row| row.text("body")).transpose()?.as_ref() == Some(&policy) {
        return Ok(());
    }
    let entry = NewLedgerEntry {
        kind: POLICY.to_owned(),
        run: Some(run.new.id.clone()),
        environment: Some(environment.clone()),
        body: policy,
    };
    add(write, now, entry).await.map(drop)
}

/// What the first entry follows: 64 zeros, as the migration writes it.
pub(super) fn genesis() -> Result<Digest> {
    Digest::parse(&"0".repeat(64)).ok_or_else(gone)
}

/// The hash of an entry in its place.
pub(super) fn link(seq: u64, at: Timestamp, previous: Digest, entry: &NewLedgerEntry) -> Result<Digest> {
    let link = json!({
        "at": at, "body": entry.body, "environment": entry.environment, "kind": entry.kind,
        "previous": previous, "run": entry.run, "seq": seq,
    });
    let text = canonical(&link).map_err(|error| StoreError::conflict(error.to_string()))?;
    Ok(Digest::of(text.as_bytes()))
}

/// Reads a row of `ledger`.
pub(super) fn read(row: &Row) -> Result<LedgerRow> {
    let environment = row.optional_text("environment")?.map(|name| EnvironmentName::parse(&name)).transpose();
    Ok(LedgerRow {
        seq: row.count("seq")?,
        at: row.time("at")?,
        hash: row.digest("hash")?,
        entry: NewLedgerEntry {
            kind: row.text("kind")?,
            run: row.optional_text("run")?.map(RunId),
            environment: environment
                .map_err(|error| StoreError::corrupt("column `environment`", error.to_string()))?,
            body: row.text("body")?,
        },
    })
}

/// Reads a row whose hash must fit what it says.
fn checked(row: &Row) -> Result<LedgerRow> {
    let entry = read(row)?;
    if link(entry.seq, entry.at, row.digest("previous")?, &entry.entry)? != entry.hash {
        let what = format!("entry {} of the ledger", entry.seq);
        return Err(StoreError::corrupt(what, "its hash does not fit, so it was edited"));
    }
    Ok(entry)
}

fn head(row: &Row) -> Result<LedgerHead> {
    Ok(LedgerHead { seq: row.count("seq")?, hash: row.digest("hash")? })
}

fn gone() -> StoreError {
    StoreError::corrupt("the ledger", "its head is gone")
}
