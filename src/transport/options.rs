//! How connections are made, and with what.

use super::bridge::Bridges;
use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;

/// Where OpenSSH's client configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// The caller's own and the system's, as `ssh -G` resolves them.
    User,
    /// This file alone.
    File(PathBuf),
    /// None.
    None,
}

/// How connections are made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time for TCP and key exchange of one attempt; default 15 s.
    pub connect_timeout: Duration,
    /// Silence after which a sign of life is asked for; default 5 s.
    pub keepalive_interval: Duration,
    /// How many unanswered ones mean that the line is lost; default 4.
    pub keepalive_max: usize,
    /// Files of known host keys; when empty, those of the SSH configuration.
    pub known_hosts: Vec<PathBuf>,
    /// The SSH configuration.
    pub ssh_config: ConfigSource,
    /// The caller's home folder.
    pub home: PathBuf,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    /// Login name where nobody says one.
    pub user: String,
    /// Where the relative key files of the inventory lie: the project's folder.
    pub folder: PathBuf,
    /// The jump servers that are connected to.
    pub bridges: Bridges,
}

impl Default for Options {
    fn default() -> Self {
        let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        Self {
            connect_timeout: Duration::from_secs(15),
            keepalive_interval: Duration::from_secs(5),
            keepalive_max: 4,
            known_hosts: Vec::new(),
            ssh_config: ConfigSource::User,
            home,
            agent: std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from),
            user: user.unwrap_or_else(|| "root".to_owned()),
            folder: PathBuf::new(),
            bridges: Bridges::default(),
        }
    }
}

/// The secrets of one server's connection. They never leave by argv, log or error.
#[derive(Clone, Default)]
pub struct Credentials {
    /// For the login, where keys are not accepted.
    pub password: Option<SecretString>,
    /// For `sudo`.
    pub sudo_password: Option<SecretString>,
    /// For the private key files.
    pub passphrase: Option<SecretString>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}
