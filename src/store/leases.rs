//! Leases: a process's right to drive a run now.
//!
//! A lease ends by the database's clock, and each taking gets a higher epoch from one counter of the
//! whole store, so that a server can tell a superseded controller from the present one. Writing asks
//! for the epoch, not the clock: an expired lease that nobody took over is still the only one.

use super::database::{Result, Write, binds};
use super::error::StoreError;
use super::opening::Store;
use super::runs;
use crate::model::{RunId, Timestamp};

/// The right to drive a run; made by [`Store::take_lease`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    run: RunId,
    epoch: u64,
    owner: String,
    until: Timestamp,
}

impl Lease {
    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Higher than every epoch that any run of this store had before.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Who holds it.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// When it ends unless renewed, as it was when taken.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }
}

/// What came of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is ours.
    Lease(Lease),
    /// Another process drives the run.
    Held {
        /// Who.
        owner: String,
        /// Until when, by the database's clock, unless it renews.
        until: Timestamp,
    },
}

impl Store {
    /// Takes the lease of a run that nobody drives, for `seconds`.
    pub async fn take_lease(&self, run: &RunId, owner: &str, seconds: u32) -> Result<Taken> {
        self.take(run, None, owner, seconds).await
    }

    /// Takes the lease from `holder`, of whom the caller knows that it is gone, before it expires. The
    /// epoch rises all the same, so a holder that was not gone loses its lease and its servers.
    pub async fn seize_lease(&self, run: &RunId, holder: &str, owner: &str, seconds: u32) -> Result<Taken> {
        self.take(run, Some(holder), owner, seconds).await
    }

    async fn take(&self, run: &RunId, holder: Option<&str>, owner: &str, seconds: u32) -> Result<Taken> {
        let mut write = self.database.write().await?;
        let now = write.now().await?;
        let until = now.plus_seconds(i64::from(seconds));
        let sql = "UPDATE runs SET owner = $2, lease_until = $3
            WHERE id = $1 AND final_exit IS NULL AND (owner IS NULL OR lease_until <= $4 OR owner = $5)";
        // No owner is called by the empty name.
        let holder = holder.unwrap_or_default();
        if write.execute(sql, binds![run, owner, until, now, holder]).await? == 0 {
            return refusal(&mut write, run).await;
        }
        let counter = "UPDATE epoch_counter SET last = last + 1 WHERE id = 1 RETURNING last";
        let rows = write.fetch(counter, Vec::new()).await?;
        let row = rows.first().ok_or_else(|| StoreError::corrupt("the epoch counter", "it is gone"))?;
        let epoch = row.count("last")?;
        write.execute("UPDATE runs SET epoch = $2 WHERE id = $1", binds![run, epoch]).await?;
        write.commit().await?;
        Ok(Taken::Lease(Lease { run: run.clone(), epoch, owner: owner.to_owned(), until }))
    }

    /// The highest epoch that this database has given; raises nothing.
    pub async fn last_epoch(&self) -> Result<u64> {
        let rows = self.database.read("SELECT last FROM epoch_counter WHERE id = 1", Vec::new()).await?;
        let row = rows.first().ok_or_else(|| StoreError::corrupt("the epoch counter", "it is gone"))?;
        row.count("last")
    }

    /// Raises the counter of epochs above `least` and returns the epoch that is taken: for a server
    /// that has seen epochs which this database does not remember.
    pub async fn raise_epoch(&self, least: u64) -> Result<u64> {
        let mut write = self.database.write().await?;
        let sql = "UPDATE epoch_counter SET last = (CASE WHEN last < $1 THEN $1 ELSE last END) + 1
            WHERE id = 1 RETURNING last";
        let rows = write.fetch(sql, binds![least]).await?;
        let row = rows.first().ok_or_else(|| StoreError::corrupt("the epoch counter", "it is gone"))?;
        let epoch = row.count("last")?;
        write.commit().await?;
        Ok(epoch)
    }

    /// Holds the lease for `seconds` from now on.
    pub async fn renew_lease(&self, lease: &Lease, seconds: u32) -> Result<Timestamp> {
        let mut write = self.database.write().await?;
        let until = write.now().await?.plus_seconds(i64::from(seconds));
        let sql = "UPDATE runs SET lease_until = $4 WHERE id = $1 AND epoch = $2 AND owner = $3";
        let held = write.execute(sql, binds![&lease.run, lease.epoch, lease.owner.as_str(), until]).await?;
        ensure(lease, held)?;
        write.commit().await?;
        Ok(until)
    }

    /// Gives the lease back, so that another process can go on at once.
    pub async fn release_lease(&self, lease: &Lease) -> Result<()> {
        let mut write = self.database.write().await?;
        let sql = "UPDATE runs SET owner = NULL, lease_until = NULL
            WHERE id = $1 AND epoch = $2 AND owner = $3";
        let held = write.execute(sql, binds![&lease.run, lease.epoch, lease.owner.as_str()]).await?;
        ensure(lease, held)?;
        write.commit().await
    }
}

/// Says why a lease was not given.
async fn refusal(write: &mut Write, run: &RunId) -> Result<Taken> {
    let row = runs::one(write, run).await?;
    if row.final_exit.is_some() {
        return Err(StoreError::conflict(format!("run `{run}` has ended")));
    }
    match (row.owner, row.lease_until) {
        (Some(owner), Some(until)) => Ok(Taken::Held { owner, until }),
        _ => Err(StoreError::conflict(format!("run `{run}` was released this moment; try again"))),
    }
}

/// Locks the run's row for the rest of the transaction, if `lease` is its newest.
pub(super) async fn hold(write: &mut Write, lease: &Lease) -> Result<()> {
    let sql = "UPDATE runs SET epoch = epoch WHERE id = $1 AND epoch = $2 AND owner = $3";
    let held = write.execute(sql, binds![&lease.run, lease.epoch, lease.owner.as_str()]).await?;
    ensure(lease, held)
}

/// No row touched: the lease is lost.
fn ensure(lease: &Lease, rows: u64) -> Result<()> {
    if rows == 0 { Err(StoreError::LeaseLost { run: lease.run.clone() }) } else { Ok(()) }
}
