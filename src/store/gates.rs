//! Gates: stops for people. A gate is a row with a deadline; no process waits at it.

use super::database::{Result, Row, Write, binds};
use super::error::StoreError;
use super::opening::Store;
use super::runs::RunRow;
use crate::model::{EnvironmentName, RunId, Timestamp};

/// A gate to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGate {
    /// Its id.
    pub id: String,
    /// What is to be decided, exactly as it is shown and signed: canonical JSON.
    pub subject: String,
    /// When it expires.
    pub decide_by: Option<Timestamp>,
}

/// A gate as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRow {
    /// Its id.
    pub id: String,
    /// The run that waits at it.
    pub run: RunId,
    /// Where that runs.
    pub environment: EnvironmentName,
    /// What is to be decided.
    pub subject: String,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it expires.
    pub decide_by: Option<Timestamp>,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// What came of it: `approved`, `rejected`, `expired`, `superseded`, …
    pub outcome: Option<String>,
}

impl Store {
    /// The gate with this id.
    pub async fn gate(&self, id: &str) -> Result<GateRow> {
        let rows = self.database.read("SELECT * FROM gates WHERE id = $1", binds![id]).await?;
        rows.first().map(gate).unwrap_or_else(|| Err(unknown(id)))
    }

    /// The gates that are open, the oldest first.
    pub async fn gates_waiting(&self) -> Result<Vec<GateRow>> {
        let sql = "SELECT * FROM gates WHERE closed_at IS NULL ORDER BY opened_at, id";
        self.database.read(sql, Vec::new()).await?.iter().map(gate).collect()
    }

    /// The gates of a run, the oldest first.
    pub async fn gates_of(&self, run: &RunId) -> Result<Vec<GateRow>> {
        let sql = "SELECT * FROM gates WHERE run = $1 ORDER BY opened_at, id";
        self.database.read(sql, binds![run]).await?.iter().map(gate).collect()
    }
}

/// There is no such gate.
pub(super) fn unknown(id: &str) -> StoreError {
    StoreError::not_found(format!("gate `{}`", id.escape_default()))
}

/// Opens `gates` for `run`.
pub(super) async fn open(write: &mut Write, run: &RunRow, now: Timestamp, gates: &[NewGate]) -> Result<()> {
    let sql = "INSERT INTO gates (id, run, environment, subject, opened_at, decide_by)
        VALUES ($1, $2, $3, $4, $5, $6)";
    for gate in gates {
        let binds = binds![
            gate.id.as_str(),
            &run.new.id,
            run.new.environment.as_str(),
            gate.subject.as_str(),
            now,
            gate.decide_by,
        ];
        write.execute(sql, binds).await?;
    }
    Ok(())
}

/// Closes open gates of `run`, each with its outcome.
pub(super) async fn close(
    write: &mut Write,
    run: &RunRow,
    now: Timestamp,
    gates: &[(String, String)],
) -> Result<()> {
    let sql = "UPDATE gates SET closed_at = $3, outcome = $4
        WHERE id = $1 AND run = $2 AND closed_at IS NULL";
    for (id, outcome) in gates {
        if write.execute(sql, binds![id.as_str(), &run.new.id, now, outcome.as_str()]).await? == 0 {
            return Err(StoreError::conflict(format!(
                "gate `{}` is not an open gate of run `{}`",
                id.escape_default(),
                run.new.id
            )));
        }
    }
    Ok(())
}

/// Closes whatever gate of `run` is still open: nothing waits at it any more.
pub(super) async fn supersede_open(write: &mut Write, now: Timestamp, run: &RunId) -> Result<()> {
    let sql = "UPDATE gates SET closed_at = $2, outcome = 'superseded' WHERE run = $1 AND closed_at IS NULL";
    write.execute(sql, binds![run, now]).await.map(drop)
}

fn gate(row: &Row) -> Result<GateRow> {
    Ok(GateRow {
        id: row.text("id")?,
        run: RunId(row.text("run")?),
        environment: row.parsed("environment", EnvironmentName::parse)?,
        subject: row.text("subject")?,
        opened_at: row.time("opened_at")?,
        decide_by: row.optional_time("decide_by")?,
        closed_at: row.optional_time("closed_at")?,
        outcome: row.optional_text("outcome")?,
    })
}
