//! Environments and their servers.

use crate::model::{EnvironmentKind, EnvironmentName, GroupName, Policy, Server, ServerName, Value, way_to};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// What it is for.
    pub kind: EnvironmentKind,
    /// Its servers.
    pub servers: BTreeMap<ServerName, Server>,
    /// Its policy, with the defaults of its kind filled in.
    pub policy: Policy,
    /// Variables of the environment.
    pub variables: BTreeMap<String, Value>,
    /// Variables of its groups; the inventory's own group variables are merged in below them.
    pub group_variables: BTreeMap<GroupName, BTreeMap<String, Value>>,
}

/// Every environment, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The environments.
    pub environments: Vec<Environment>,
}

impl Inventory {
    /// The environment with this name.
    #[must_use]
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.name == *name)
    }

    /// The servers that lie before `server`, of whatever environment; the nearest to here first.
    #[must_use]
    pub fn way_to<'a>(&'a self, server: &'a Server) -> Vec<&'a Server> {
        way_to(server, |name| {
            let name = ServerName::parse(name).ok()?;
            self.environments.iter().find_map(|environment| environment.servers.get(&name))
        })
    }
}
