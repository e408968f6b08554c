//! Machines: what tells one from another, whatever a server or an environment is called.
//!
//! A machine has several marks: where it is reached, and the host keys that are pinned. Two servers that
//! share one of them are the same machine.

use super::database::{Result, binds};
use super::opening::Store;
use crate::model::{Digest, EnvironmentName, Server};
use std::collections::BTreeSet;

/// The marks of a server's machine. Migrations make the same ones from stored plans.
fn marks(server: &Server) -> BTreeSet<String> {
    let at = format!("at {}:{}", server.address.to_ascii_lowercase(), server.port.unwrap_or(22));
    server.host_keys.iter().map(|key| format!("key {}", key.0)).chain([at]).collect()
}

impl Store {
    /// Notes which machines a stored plan touches; noting it again changes nothing.
    pub async fn note_machines<'s>(
        &self,
        plan: Digest,
        servers: impl Iterator<Item = &'s Server>,
    ) -> Result<()> {
        let mut write = self.database.write().await?;
        for server in servers {
            for mark in marks(server) {
                let sql = "INSERT INTO machines (plan, server, machine) VALUES ($1, $2, $3)
                    ON CONFLICT (plan, server, machine) DO NOTHING";
                write.execute(sql, binds![plan, server.name.as_str(), mark]).await?;
            }
        }
        write.commit().await
    }

    /// Every environment in which a run has ended well that touched one of these servers' machines.
    pub async fn environments_of<'s>(
        &self,
        servers: impl Iterator<Item = &'s Server>,
    ) -> Result<BTreeSet<EnvironmentName>> {
        let mut environments = BTreeSet::new();
        for mark in servers.flat_map(marks).collect::<BTreeSet<_>>() {
            let sql = "SELECT DISTINCT r.environment FROM machines m JOIN runs r ON r.plan = m.plan
                WHERE m.machine = $1 AND r.final_exit = 0";
            for row in self.database.read(sql, binds![mark]).await? {
                environments.insert(row.parsed("environment", EnvironmentName::parse)?);
            }
        }
        Ok(environments)
    }
}
