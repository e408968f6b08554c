//! Runs: what they were opened with, and where they stand.

use super::database::{Bind, Result, Row, Write, binds, stored};
use super::error::{NoRun, StoreError};
use super::ledger::{self, NewLedgerEntry};
use super::opening::Store;
use crate::model::{Digest, EnvironmentName, RunId, SystemName, Timestamp, canonical};
use serde::{Deserialize, Serialize};

/// Runs that a question returns when it names no limit.
const RUNS_DEFAULT: u32 = 1000;

/// What a run is opened with; none of it ever changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRun {
    /// A UUIDv7.
    pub id: RunId,
    /// The system that it is about.
    pub system: SystemName,
    /// Where it runs.
    pub environment: EnvironmentName,
    /// The playbook's kind.
    pub kind: String,
    /// The playbook's path.
    pub playbook: String,
    /// Digest of the plan, a stored document.
    pub plan: Digest,
    /// Digest of the release, a stored document.
    pub release: Digest,
    /// Digest of the first prediction, a stored document.
    pub prediction: Option<Digest>,
    /// Who asked for it.
    pub requested_by: String,
    /// Whether a machine asked.
    pub requested_by_machine: bool,
    /// The state that it begins in.
    pub state: String,
    /// The route that it belongs to.
    pub route: Option<String>,
    /// Whatever else belongs to it, as canonical JSON.
    pub body: String,
}

/// A run as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// What it was opened with; `new.state` is its first state.
    pub new: NewRun,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The state that it is in.
    pub state: String,
    /// Whom or what it waits for.
    pub waiting_for: Option<String>,
    /// The exit code, once it has ended.
    pub final_exit: Option<u8>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who drives it.
    pub owner: Option<String>,
    /// Until when, by the database's clock.
    pub lease_until: Option<Timestamp>,
    /// The epoch of its newest lease; 0 before the first.
    pub epoch: u64,
    /// How many events it has.
    pub events: u64,
    /// Hash of the last event, or of its entry in the ledger before the first.
    pub head: Digest,
    /// Its `run_opened` entry in the ledger.
    pub(super) opened_seq: u64,
    /// That entry's hash, which the events' chain starts from.
    pub(super) opened_hash: Digest,
}

/// Which runs; what is not named does not matter.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this system.
    pub system: Option<SystemName>,
    /// In this environment.
    pub environment: Option<EnvironmentName>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Of this release.
    pub release: Option<Digest>,
    /// Of this route.
    pub route: Option<String>,
    /// Whether they have ended.
    pub ended: Option<bool>,
    /// How many at most; 1000 when not said.
    pub limit: Option<u32>,
}

impl NewRun {
    /// The body of its entry in the ledger.
    pub(super) fn opening(&self) -> Result<String> {
        canonical(self).map_err(|error| StoreError::conflict(format!("the run cannot be stored: {error}")))
    }
}

impl Store {
    /// Opens a run and notes it in the ledger.
    pub async fn open_run(&self, run: NewRun) -> Result<RunRow> {
        super::append::check_json("a run's body", &run.body)?;
        let mut write = self.database.write().await?;
        let entry = NewLedgerEntry {
            kind: "run_opened".to_owned(),
            run: Some(run.id.clone()),
            environment: Some(run.environment.clone()),
            body: run.opening()?,
        };
        let now = write.now().await?;
        let opened = ledger::add(&mut write, now, entry).await?;
        let sql = "INSERT INTO runs (id, system, environment, kind, playbook, plan, release, prediction,
                requested_by, requested_by_machine, route, body, first_state, opened_at, opened_seq,
                opened_hash, state, head)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $13, $16)";
        let binds = binds![
            run.id.as_str(),
            run.system.as_str(),
            run.environment.as_str(),
            run.kind.as_str(),
            run.playbook.as_str(),
            run.plan,
            run.release,
            run.prediction,
            run.requested_by.as_str(),
            i64::from(run.requested_by_machine),
            run.route.as_deref(),
            run.body.as_str(),
            run.state.as_str(),
            now,
            opened.seq,
            opened.hash,
        ];
        write.execute(sql, binds).await?;
        let row = one(&mut write, &run.id).await?;
        write.commit().await?;
        Ok(row)
    }

    /// The run with this id.
    pub async fn run(&self, id: &RunId) -> Result<RunRow> {
        let rows = self.database.read("SELECT * FROM runs WHERE id = $1", binds![id.as_str()]).await?;
        rows.first().map(row).unwrap_or_else(|| Err(unknown(id.as_str())))
    }

    /// The runs that `filter` admits, the newest first.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>> {
        let sql = "SELECT * FROM runs
            WHERE ($1 IS NULL OR system = $1) AND ($2 IS NULL OR environment = $2)
              AND ($3 IS NULL OR kind = $3) AND ($4 IS NULL OR state = $4)
              AND ($5 IS NULL OR release = $5) AND ($6 IS NULL OR route = $6)
              AND ($7 IS NULL OR $7 = CASE WHEN final_exit IS NULL THEN 0 ELSE 1 END)
            ORDER BY opened_seq DESC LIMIT $8";
        let binds = binds![
            filter.system.as_ref().map(SystemName::as_str),
            filter.environment.as_ref().map(EnvironmentName::as_str),
            filter.kind.as_deref(),
            filter.state.as_deref(),
            filter.release,
            filter.route.as_deref(),
            filter.ended.map(i64::from),
            i64::from(filter.limit.unwrap_or(RUNS_DEFAULT)),
        ];
        self.database.read(sql, binds).await?.iter().map(row).collect()
    }

    /// The run that `text` means: `latest`, or the one whose id starts with it.
    pub async fn find_run(&self, text: &str) -> Result<RunRow> {
        if text == "latest" {
            let filter = RunFilter { limit: Some(1), ..RunFilter::default() };
            let newest = self.runs(&filter).await?.pop();
            return newest.ok_or_else(|| StoreError::NoRun(NoRun::None));
        }
        let text = text.to_ascii_lowercase();
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
            return Err(StoreError::NoRun(NoRun::NoId { text: text.escape_default().to_string() }));
        }
        let sql = "SELECT * FROM runs WHERE id LIKE $1 ORDER BY opened_seq DESC LIMIT 3";
        let found = self.database.read(sql, binds![format!("{text}%")]).await?;
        match found.as_slice() {
            [] => Err(StoreError::NoRun(NoRun::NoneStarts { start: text })),
            [only] => row(only),
            several => {
                let ids: Result<Vec<String>> = several.iter().map(|row| row.text("id")).collect();
                Err(StoreError::NoRun(NoRun::Several { start: text, ids: ids? }))
            }
        }
    }

    /// The plans of this release whose runs have ended well in this environment.
    pub async fn passed(&self, release: Digest, environment: &EnvironmentName) -> Result<Vec<Digest>> {
        let sql = "SELECT DISTINCT plan FROM runs WHERE release = $1 AND environment = $2 AND final_exit = 0";
        let rows = self.database.read(sql, binds![release, environment.as_str()]).await?;
        rows.iter().map(|row| row.digest("plan")).collect()
    }

    /// The plans of this release whose runs have ended well anywhere; taking or putting back a backup is no
    /// such run.
    pub async fn changed_well(&self, release: Digest) -> Result<Vec<Digest>> {
        let sql = "SELECT DISTINCT plan FROM runs WHERE release = $1 AND final_exit = 0
            AND kind NOT IN ('backup', 'restore')";
        let rows = self.database.read(sql, binds![release]).await?;
        rows.iter().map(|row| row.digest("plan")).collect()
    }

    /// The newest install or update of this system that ended well in this environment.
    pub async fn last_success(
        &self,
        system: &SystemName,
        environment: &EnvironmentName,
    ) -> Result<Option<RunRow>> {
        let sql = "SELECT * FROM runs WHERE system = $1 AND environment = $2 AND final_exit = 0
            AND kind IN ('install', 'update') ORDER BY opened_seq DESC LIMIT 1";
        let rows = self.database.read(sql, binds![system.as_str(), environment.as_str()]).await?;
        rows.first().map(row).transpose()
    }
}

/// The run with this id, within a transaction.
pub(super) async fn one(write: &mut Write, id: &RunId) -> Result<RunRow> {
    let rows = write.fetch("SELECT * FROM runs WHERE id = $1", binds![id.as_str()]).await?;
    rows.first().map(row).unwrap_or_else(|| Err(unknown(id.as_str())))
}

/// There is no such run.
pub(super) fn unknown(id: &str) -> StoreError {
    StoreError::not_found(format!("run `{}`", id.escape_default()))
}

/// Reads a row of `runs`.
pub(super) fn row(row: &Row) -> Result<RunRow> {
    let final_exit = row.optional_integer("final_exit")?.map(|code| {
        u8::try_from(code).map_err(|_| StoreError::corrupt("column `final_exit`", "it is not an exit code"))
    });
    Ok(RunRow {
        new: NewRun {
            id: RunId(row.text("id")?),
            system: row.parsed("system", SystemName::parse)?,
            environment: row.parsed("environment", EnvironmentName::parse)?,
            kind: row.text("kind")?,
            playbook: row.text("playbook")?,
            plan: row.digest("plan")?,
            release: row.digest("release")?,
            prediction: row.optional_digest("prediction")?,
            requested_by: row.text("requested_by")?,
            requested_by_machine: row.integer("requested_by_machine")? != 0,
            state: row.text("first_state")?,
            route: row.optional_text("route")?,
            body: row.text("body")?,
        },
        opened_at: row.time("opened_at")?,
        state: row.text("state")?,
        waiting_for: row.optional_text("waiting_for")?,
        final_exit: final_exit.transpose()?,
        ended_at: row.optional_time("ended_at")?,
        owner: row.optional_text("owner")?,
        lease_until: row.optional_time("lease_until")?,
        epoch: row.count("epoch")?,
        events: row.count("events")?,
        head: row.digest("head")?,
        opened_seq: row.count("opened_seq")?,
        opened_hash: row.digest("opened_hash")?,
    })
}

impl From<&RunId> for Bind {
    fn from(run: &RunId) -> Self {
        Self::Text(Some(run.as_str().to_owned()))
    }
}

impl From<u32> for Bind {
    fn from(value: u32) -> Self {
        Self::Integer(Some(stored(u64::from(value))))
    }
}
