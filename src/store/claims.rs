//! Claims: a run's hold on the servers that it touches, from its first change to its end.
//!
//! A claim outlives the process that made it; it ends only when the run does.

use super::database::{Result, Row, Write, binds};
use super::error::StoreError;
use super::leases::{self, Lease};
use super::ledger::{self, NewLedgerEntry};
use super::opening::Store;
use crate::model::{EnvironmentName, RunId, ServerName, Timestamp, canonical};
use serde_json::json;

/// What came of claiming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// All of the servers are the run's.
    Ok,
    /// Another run holds one of them; nothing was claimed.
    HeldBy {
        /// That run.
        run: RunId,
        /// Since when.
        since: Timestamp,
        /// The environment of the server that it holds.
        environment: EnvironmentName,
        /// The server.
        server: ServerName,
    },
}

/// A claim that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// The server's environment.
    pub environment: EnvironmentName,
    /// The server.
    pub server: ServerName,
    /// The run that holds it.
    pub run: RunId,
    /// Since when.
    pub since: Timestamp,
}

impl Store {
    /// Claims all of `servers` or none, each as the machine that it is: a machine belongs to one run at a
    /// time, whatever it is called in how many environments. What the run holds already stays its own.
    pub async fn claim(&self, lease: &Lease, servers: &[(EnvironmentName, ServerName)]) -> Result<Claimed> {
        let mut servers = servers.to_vec();
        // One order for everybody, so that two runs never wait for each other.
        servers.sort();
        servers.dedup();
        let mut write = self.database.write().await?;
        leases::hold(&mut write, lease).await?;
        let now = write.now().await?;
        let mut new = Vec::new();
        for (environment, server) in &servers {
            let sql = "INSERT INTO claims (environment, server, run, since) VALUES ($1, $2, $3, $4)
                ON CONFLICT (environment, server) DO NOTHING";
            let binds = binds![environment.as_str(), server.as_str(), lease.run(), now];
            if write.execute(sql, binds).await? == 1 {
                new.push(json!({"environment": environment, "server": server}));
                continue;
            }
            let sql = "SELECT * FROM claims WHERE environment = $1 AND server = $2";
            let rows = write.fetch(sql, binds![environment.as_str(), server.as_str()]).await?;
            let held = rows.first().map(claim).transpose()?.ok_or_else(|| {
                StoreError::conflict(format!("server `{server}` was released this moment; try again"))
            })?;
            if held.run != *lease.run() {
                let ClaimRow { environment, server, run, since } = held;
                return Ok(Claimed::HeldBy { run, since, environment, server });
            }
        }
        if let Some(held) = claim_machines(&mut write, lease, now, &servers).await? {
            let ClaimRow { environment, server, run, since } = held;
            return Ok(Claimed::HeldBy { run, since, environment, server });
        }
        if !new.is_empty() {
            let body = canonical(&json!({"servers": new}))
                .map_err(|error| StoreError::conflict(error.to_string()))?;
            let entry = NewLedgerEntry {
                kind: "claimed".to_owned(),
                run: Some(lease.run().clone()),
                environment: servers.first().map(|(environment, _)| environment.clone()),
                body,
            };
            ledger::add(&mut write, now, entry).await?;
        }
        write.commit().await?;
        Ok(Claimed::Ok)
    }

    /// Every claim that is held.
    pub async fn claims(&self) -> Result<Vec<ClaimRow>> {
        let sql = "SELECT * FROM claims ORDER BY environment, server";
        self.database.read(sql, Vec::new()).await?.iter().map(claim).collect()
    }
}

/// Claims the machines of the run's servers; the claim that stands in the way, if there is one.
async fn claim_machines(
    write: &mut Write,
    lease: &Lease,
    now: Timestamp,
    servers: &[(EnvironmentName, ServerName)],
) -> Result<Option<ClaimRow>> {
    let sql = "SELECT m.machine, m.server, r.environment FROM machines m JOIN runs r ON r.plan = m.plan
        WHERE r.id = $1 ORDER BY m.machine, m.server";
    for row in write.fetch(sql, binds![lease.run()]).await? {
        let (machine, server) = (row.text("machine")?, row.parsed("server", ServerName::parse)?);
        let environment = row.parsed("environment", EnvironmentName::parse)?;
        if !servers.contains(&(environment.clone(), server.clone())) {
            continue;
        }
        let sql = "INSERT INTO claimed_machines (machine, environment, server, run, since)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT (machine) DO NOTHING";
        let binds = binds![machine.as_str(), environment.as_str(), server.as_str(), lease.run(), now];
        if write.execute(sql, binds).await? == 1 {
            continue;
        }
        let sql = "SELECT * FROM claimed_machines WHERE machine = $1";
        let rows = write.fetch(sql, binds![machine]).await?;
        let held = rows.first().map(claim).transpose()?.ok_or_else(|| {
            StoreError::conflict(format!("server `{server}` was released this moment; try again"))
        })?;
        if held.run != *lease.run() {
            return Ok(Some(held));
        }
    }
    Ok(None)
}

fn claim(row: &Row) -> Result<ClaimRow> {
    Ok(ClaimRow {
        environment: row.parsed("environment", EnvironmentName::parse)?,
        server: row.parsed("server", ServerName::parse)?,
        run: RunId(row.text("run")?),
        since: row.time("since")?,
    })
}
