//! Servers: where to connect, as whom, and how to know that it is the right one.

use super::{GroupName, SecretName, ServerName, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A server of one environment, as the inventory describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its name; unique in the inventory.
    pub name: ServerName,
    /// Host name or IP address; also what `ssh -G` is asked for.
    pub address: String,
    /// TCP port; the SSH configuration's, or 22, when absent.
    pub port: Option<u16>,
    /// Login name; the SSH configuration's, or the caller's, when absent.
    pub user: Option<String>,
    /// How steps become root.
    #[serde(rename = "become")]
    pub escalation: Become,
    /// The password for `sudo`, where it asks for one.
    pub sudo_password: Option<SecretName>,
    /// The password for the login, where keys are not accepted.
    pub password: Option<SecretName>,
    /// Private key file, `~` allowed; tried before the agent's keys.
    pub identity_file: Option<String>,
    /// Passphrase of the private key file.
    pub passphrase: Option<SecretName>,
    /// Another server of the inventory, or a name of the SSH configuration, to go through.
    pub jump: Option<String>,
    /// Pinned host keys; when empty, known_hosts decides.
    pub host_keys: Vec<HostKey>,
    /// What it is for.
    pub groups: BTreeSet<GroupName>,
    /// Its own variables.
    pub variables: BTreeMap<String, Value>,
}

/// The servers that lie before `server`, the nearest to here first; `find` knows servers by name.
///
/// A `jump` that nobody knows is a host of the SSH configuration, and ends it; so does a circle.
pub fn way_to<'a>(server: &'a Server, find: impl Fn(&str) -> Option<&'a Server>) -> Vec<&'a Server> {
    let mut way: Vec<&Server> = Vec::new();
    let mut next = server.jump.as_deref().and_then(&find);
    while let Some(jump) = next {
        if jump.name == server.name || way.iter().any(|before| before.name == jump.name) {
            break;
        }
        way.insert(0, jump);
        next = jump.jump.as_deref().and_then(&find);
    }
    way
}

/// A pinned public key in OpenSSH's form without comment: `ssh-ed25519 AAAA…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostKey(pub String);

/// How a step's script becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Become {
    /// It does not: everything runs as the login user.
    No,
    /// With `sudo`.
    Sudo,
    /// With `doas`, where it asks for no password.
    Doas,
}
