//! The backups that were taken, and what became of them.

use super::database::{Result, Row, Write, binds};
use super::error::StoreError;
use super::opening::Store;
use crate::model::{Digest, EnvironmentName, RunId, SystemName, Timestamp};

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRow {
    /// Its id.
    pub id: String,
    /// The run that took it.
    pub run: RunId,
    /// The system that it is a copy of.
    pub system: SystemName,
    /// Where that runs.
    pub environment: EnvironmentName,
    /// When it was begun.
    pub taken_at: Timestamp,
    /// Its size in the vault.
    pub size_bytes: u64,
    /// The vault that it lies in.
    pub vault: String,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// When it was last read back and found whole.
    pub verified_at: Option<Timestamp>,
    /// What was wrong with it when it was last read back.
    pub broken: Option<String>,
    /// When it was removed from the vault.
    pub removed_at: Option<Timestamp>,
}

/// Which backups; what is not named does not matter.
#[derive(Debug, Clone, Default)]
pub struct BackupFilter {
    /// Of this system.
    pub system: Option<SystemName>,
    /// In this environment.
    pub environment: Option<EnvironmentName>,
    /// Taken by this run.
    pub run: Option<RunId>,
    /// Also those that were removed.
    pub removed: bool,
}

/// What became of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupMark {
    /// It was read back and is whole.
    Verified,
    /// It was read back and is not.
    Broken(String),
    /// It was removed from the vault.
    Removed,
}

impl Store {
    /// Notes a backup that was taken.
    pub async fn put_backup(&self, backup: &BackupRow) -> Result<()> {
        let mut write = self.database.write().await?;
        add(&mut write, backup).await?;
        write.commit().await
    }

    /// The backup with this id.
    pub async fn backup(&self, id: &str) -> Result<BackupRow> {
        let rows = self.database.read("SELECT * FROM backups WHERE id = $1", binds![id]).await?;
        rows.first().map(read).unwrap_or_else(|| Err(unknown(id)))
    }

    /// The backups that `filter` admits, the newest first.
    pub async fn backups(&self, filter: &BackupFilter) -> Result<Vec<BackupRow>> {
        let sql = "SELECT * FROM backups
            WHERE ($1 IS NULL OR system = $1) AND ($2 IS NULL OR environment = $2)
              AND ($3 IS NULL OR run = $3) AND ($4 = 1 OR removed_at IS NULL)
            ORDER BY taken_at DESC, id DESC";
        let binds = binds![
            filter.system.as_ref().map(SystemName::as_str),
            filter.environment.as_ref().map(EnvironmentName::as_str),
            filter.run.as_ref().map(RunId::as_str),
            i64::from(filter.removed),
        ];
        self.database.read(sql, binds).await?.iter().map(read).collect()
    }

    /// Notes what became of a backup.
    pub async fn mark_backup(&self, id: &str, mark: BackupMark) -> Result<()> {
        let mut write = self.database.write().await?;
        let now = write.now().await?;
        let touched = match mark {
            BackupMark::Verified => {
                let sql = "UPDATE backups SET verified_at = $2, broken = NULL WHERE id = $1";
                write.execute(sql, binds![id, now]).await?
            }
            BackupMark::Broken(why) => {
                write.execute("UPDATE backups SET broken = $2 WHERE id = $1", binds![id, why]).await?
            }
            BackupMark::Removed => {
                let sql = "UPDATE backups SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL";
                write.execute(sql, binds![id, now]).await?
            }
        };
        if touched == 0 {
            return Err(unknown(id));
        }
        write.commit().await
    }
}

fn unknown(id: &str) -> StoreError {
    StoreError::not_found(format!("backup `{}`", id.escape_default()))
}

/// Notes `backup`.
pub(super) async fn add(write: &mut Write, backup: &BackupRow) -> Result<()> {
    let sql = "INSERT INTO backups (id, run, system, environment, taken_at, size_bytes, vault, manifest,
            verified_at, broken, removed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let binds = binds![
        backup.id.as_str(),
        &backup.run,
        backup.system.as_str(),
        backup.environment.as_str(),
        backup.taken_at,
        backup.size_bytes,
        backup.vault.as_str(),
        backup.manifest,
        backup.verified_at,
        backup.broken.as_deref(),
        backup.removed_at,
    ];
    write.execute(sql, binds).await.map(drop)
}

fn read(row: &Row) -> Result<BackupRow> {
    Ok(BackupRow {
        id: row.text("id")?,
        run: RunId(row.text("run")?),
        system: row.parsed("system", SystemName::parse)?,
        environment: row.parsed("environment", EnvironmentName::parse)?,
        taken_at: row.time("taken_at")?,
        size_bytes: row.count("size_bytes")?,
        vault: row.text("vault")?,
        manifest: row.digest("manifest")?,
        verified_at: row.optional_time("verified_at")?,
        broken: row.optional_text("broken")?,
        removed_at: row.optional_time("removed_at")?,
    })
}
