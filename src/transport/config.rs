//! The SSH configuration of one name, as OpenSSH itself resolves it where it is installed.

use super::TransportError;
use super::options::{ConfigSource, Options};
use crate::model::Server;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Time that `ssh -G` may take; `Match exec` runs commands.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(15);
/// Most bytes of a file of known hosts that are read.
const KNOWN_HOSTS_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Where and how to connect.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// Private keys that the inventory names, then those of the configuration.
    pub(super) identities: Vec<PathBuf>,
    pub(super) certificates: Vec<PathBuf>,
    pub(super) identities_only: bool,
    pub(super) agent: Option<PathBuf>,
    pub(super) jumps: Vec<String>,
    pub(super) command: Option<String>,
    pub(super) known_hosts: Vec<PathBuf>,
    pub(super) alias: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
}

impl Route {
    /// The route to `server`; the inventory wins over the configuration.
    pub(super) async fn of_server(server: &Server, options: &Options) -> Result<Self, TransportError> {
        let mut route = Self::resolve(&server.address, server.user.as_deref(), server.port, options).await?;
        if let Some(file) = &server.identity_file {
            // An absolute path, or one that begins with `~`, stands for itself.
            route.identities.insert(0, options.folder.join(expand_home(file, &options.home)));
        }
        Ok(route)
    }

    /// The route to a name of the configuration.
    pub(super) async fn resolve(
        address: &str,
        user: Option<&str>,
        port: Option<u16>,
        options: &Options,
    ) -> Result<Self, TransportError> {
        if address.is_empty()
            || address.starts_with('-')
            || address.contains(|c: char| c.is_control() || c == ' ')
        {
            return Err(config_error(address, "it is not a host name"));
        }
        let mut route = Self::plain(address, options);
        if let Some(text) = ask_ssh(address, user, port, options).await? {
            route.read(&text, options);
        }
        if let Some(user) = user {
            user.clone_into(&mut route.user);
        }
        if let Some(port) = port {
            route.port = port;
        }
        if !options.known_hosts.is_empty() {
            route.known_hosts.clone_from(&options.known_hosts);
        }
        Ok(route)
    }

    fn plain(address: &str, options: &Options) -> Self {
        let ssh = options.home.join(".ssh");
        Self {
            host: address.to_owned(),
            port: 22,
            user: options.user.clone(),
            identities: ["id_ed25519", "id_ecdsa", "id_rsa"].iter().map(|name| ssh.join(name)).collect(),
            certificates: Vec::new(),
            identities_only: false,
            agent: options.agent.clone(),
            jumps: Vec::new(),
            command: None,
            known_hosts: vec![ssh.join("known_hosts"), PathBuf::from("/etc/ssh/ssh_known_hosts")],
            alias: None,
            connect_timeout: None,
        }
    }

    /// Reads the output of `ssh -G`: a key and its value on each line.
    fn read(&mut self, text: &str, options: &Options) {
        self.identities.clear();
        self.known_hosts.clear();
        let pairs: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        for (key, value) in &pairs {
            match *key {
                "hostname" => (*value).clone_into(&mut self.host),
                "port" => self.port = value.parse().unwrap_or(22),
                "user" => (*value).clone_into(&mut self.user),
                "hostkeyalias" => self.alias = Some((*value).to_owned()),
                "identitiesonly" => self.identities_only = *value == "yes",
                "connecttimeout" => self.connect_timeout = value.parse().ok().map(Duration::from_secs),
                "proxyjump" if *value != "none" => self.jumps = value.split(',').map(str::to_owned).collect(),
                _ => {}
            }
        }
        // Tokens name host and user, so files are read once these are known.
        for (key, value) in pairs {
            match key {
                "identityfile" if value != "none" => self.identities.push(self.file(value, options)),
                "certificatefile" if value != "none" => self.certificates.push(self.file(value, options)),
                "userknownhostsfile" | "globalknownhostsfile" => {
                    let files = value.split(' ').filter(|file| *file != "none" && !file.is_empty());
                    let files: Vec<PathBuf> = files.map(|file| self.file(file, options)).collect();
                    self.known_hosts.extend(files);
                }
                "identityagent" if value == "none" => self.agent = None,
                "identityagent" if value != "SSH_AUTH_SOCK" && !value.starts_with('$') => {
                    self.agent = Some(self.file(value, options));
                }
                "proxycommand" if value != "none" => self.command = Some(self.tokens(value, options)),
                _ => {}
            }
        }
    }

    fn file(&self, text: &str, options: &Options) -> PathBuf {
        expand_home(&self.tokens(text, options), &options.home)
    }

    fn tokens(&self, text: &str, options: &Options) -> String {
        let mut expanded = String::new();
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            if c != '%' {
                expanded.push(c);
                continue;
            }
            match characters.next() {
                Some('h' | 'n') => expanded.push_str(&self.host),
                Some('p') => expanded.push_str(&self.port.to_string()),
                Some('r') => expanded.push_str(&self.user),
                Some('u') => expanded.push_str(&options.user),
                Some('d') => expanded.push_str(&options.home.display().to_string()),
                Some('%') | None => expanded.push('%'),
                Some(other) => {
                    expanded.push('%');
                    expanded.push(other);
                }
            }
        }
        expanded
    }

    /// The files of known hosts that can be read, with their text.
    pub(super) async fn known_hosts_files(&self) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        for path in &self.known_hosts {
            let small = tokio::fs::metadata(path).await.is_ok_and(|meta| meta.len() <= KNOWN_HOSTS_BYTES_MAX);
            if let Some(bytes) = if small { tokio::fs::read(path).await.ok() } else { None } {
                files.push((path.clone(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        files
    }
}

/// Splits `user@host:port`, `ssh://user@host:port` and `[v6]:port`.
pub(super) fn split_jump(text: &str) -> (Option<String>, String, Option<u16>) {
    let text = text.trim().trim_start_matches("ssh://").trim_end_matches('/');
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    };
    if let Some((host, port)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (user, host.to_owned(), port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match rest.split_once(':') {
        Some((host, port)) if !port.contains(':') => (user, host.to_owned(), port.parse().ok()),
        _ => (user, rest.to_owned(), None),
    }
}

pub(super) fn expand_home(text: &str, home: &Path) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None if text == "~" => home.to_owned(),
        None => PathBuf::from(text),
    }
}

fn config_error(address: &str, cause: &str) -> TransportError {
    let clean: String = address.chars().map(|c| if c.is_control() { '?' } else { c }).take(200).collect();
    TransportError::Config { address: clean, cause: cause.to_owned() }
}

async fn ask_ssh(
    address: &str,
    user: Option<&str>,
    port: Option<u16>,
    options: &Options,
) -> Result<Option<String>, TransportError> {
    let mut command = tokio::process::Command::new("ssh");
    command.arg("-G").stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    match &options.ssh_config {
        ConfigSource::None => return Ok(None),
        ConfigSource::File(file) => {
            command.arg("-F").arg(file);
        }
        ConfigSource::User => {}
    }
    if let Some(user) = user {
        command.args(["-l", user]);
    }
    if let Some(port) = port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["--", address]);
    let output = match tokio::time::timeout(RESOLVE_TIMEOUT, command.output()).await {
        Err(_) => return Err(config_error(address, "`ssh -G` did not answer")),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(error)) => return Err(config_error(address, &error.to_string())),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
    } else {
        let text = String::from_utf8_lossy(&output.stderr);
        let first = text.lines().next().unwrap_or("`ssh -G` failed").to_owned();
        Err(config_error(address, first.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_split_into_user_host_and_port() {
        for (text, user, host, port) in [
            ("bastion", None, "bastion", None),
            ("me@bastion:2222", Some("me"), "bastion", Some(2222)),
            ("ssh://me@bastion:22", Some("me"), "bastion", Some(22)),
            ("[::1]:23", None, "::1", Some(23)),
            ("::1", None, "::1", None),
        ] {
            assert_eq!(split_jump(text), (user.map(str::to_owned), host.to_owned(), port), "{text}");
        }
    }
}
