//! Logging in: keys of files and agent, certificates, password, keyboard-interactive.

use super::TransportError;
use super::config::Route;
use super::connect::Client;
use crate::model::ServerName;
use russh::client::{AuthResult, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Largest key file that is read, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Why a key file was not offered.
pub(super) const LOCKED: &str = "it needs a passphrase";
/// Why nothing more was offered.
pub(super) const HUNG_UP: &str = "then the server hung up (`MaxAuthTries`)";
/// How long a server that hangs up may take.
const HANG_UP_NOTICE: Duration = Duration::from_millis(30);
/// Most rounds of questions that a server may ask.
const QUESTION_ROUNDS_MAX: usize = 8;

type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// What may be offered to one host.
pub(super) struct Offer<'a> {
    pub(super) server: &'a ServerName,
    pub(super) route: &'a Route,
    pub(super) password: Option<&'a SecretString>,
    pub(super) passphrase: Option<&'a SecretString>,
}

/// A login in progress.
struct Login<'a> {
    client: &'a mut Client,
    offer: &'a Offer<'a>,
    hash: Option<Option<HashAlg>>,
    /// Keys that were offered, so that none is offered twice.
    offered: Vec<PublicKey>,
    tried: Vec<String>,
    remaining: Option<MethodSet>,
}

/// Logs in, or says what was tried.
pub(super) async fn log_in(client: &mut Client, offer: &Offer<'_>) -> Result<(), TransportError> {
    let mut login =
        Login { client, offer, hash: None, offered: Vec::new(), tried: Vec::new(), remaining: None };
    if login.keys().await || login.passwords().await {
        return Ok(());
    }
    if !login.tried.is_empty() {
        // The end of the line is noticed after the refusal.
        tokio::time::sleep(HANG_UP_NOTICE).await;
    }
    if !login.open() && !login.tried.is_empty() {
        login.tried.push(HUNG_UP.to_owned());
    }
    let tried =
        if login.tried.is_empty() { "nothing, no key was found".to_owned() } else { login.tried.join(", ") };
    Err(TransportError::LoginRefused { server: offer.server.clone(), user: offer.route.user.clone(), tried })
}

impl Login<'_> {
    async fn keys(&mut self) -> bool {
        let mut agent = connect_agent(self.offer.route.agent.as_deref()).await;
        let identities = match &mut agent {
            Some(agent) => agent.request_identities().await.unwrap_or_default(),
            None => Vec::new(),
        };
        let files = self.offer.route.identities.clone();
        // The first file is the one that the inventory or the configuration puts first; then the agent.
        let listed: Vec<PublicKey> = files.iter().filter_map(|file| public_key_of(file)).collect();
        let in_agent = |identity: &AgentIdentity| {
            listed.iter().any(|key| key.key_data() == identity.public_key().key_data())
        };
        let (named, others): (Vec<_>, Vec<_>) = identities.into_iter().partition(in_agent);
        for file in &files {
            if self.file(file).await {
                return true;
            }
        }
        let others = if self.offer.route.identities_only { Vec::new() } else { others };
        if let Some(agent) = &mut agent {
            for identity in named.into_iter().chain(others) {
                if self.agent_identity(agent, &identity).await {
                    return true;
                }
            }
        }
        false
    }

    fn open(&self) -> bool {
        !self.client.is_closed()
    }

    fn note(&mut self, what: String, result: Result<AuthResult, String>) -> bool {
        match result {
            Ok(AuthResult::Success) => return true,
            Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
                self.remaining = Some(remaining_methods);
                self.tried.push(if partial_success {
                    format!("{what} (accepted, more is asked)")
                } else {
                    what
                });
            }
            Err(cause) => self.tried.push(format!("{what} ({cause})")),
        }
        false
    }

    async fn hash_for(&mut self, key: &PublicKey) -> Option<HashAlg> {
        if !key.algorithm().is_rsa() {
            return None;
        }
        if self.hash.is_none() {
            // SHA-1 is never used, even where the server offers nothing else.
            let best = self.client.best_supported_rsa_hash().await.ok().flatten().flatten();
            self.hash = Some(Some(best.unwrap_or(HashAlg::Sha512)));
        }
        self.hash.flatten()
    }

    async fn file(&mut self, file: &Path) -> bool {
        let Some(text) = read_small(file) else { return false };
        if !self.open() {
            return false;
        }
        let name = format!("key file `{}`", file.display());
        let passphrase = self.offer.passphrase.map(|secret| secret.expose_secret());
        let key = match russh::keys::decode_secret_key(&text, None).or_else(|error| {
            passphrase.map_or(Err(error), |secret| russh::keys::decode_secret_key(&text, Some(secret)))
        }) {
            Ok(key) => key,
            Err(_) => {
                let cause = if passphrase.is_some() { "its passphrase is wrong" } else { LOCKED };
                self.tried.push(format!("{name} ({cause})"));
                return false;
            }
        };
        let key = Arc::new(key);
        for certificate in self.certificates_for(file, &key) {
            let user = self.offer.route.user.clone();
            let kind = if has_expired(&certificate) { "an expired" } else { "a" };
            let result = self.client.authenticate_openssh_cert(user, key.clone(), certificate).await;
            if self.note(format!("{name} with {kind} certificate"), result.map_err(|error| error.to_string()))
            {
                return true;
            }
        }
        self.offered.push(key.public_key().clone());
        let hash = self.hash_for(&key.public_key().clone()).await;
        let user = self.offer.route.user.clone();
        let result = self.client.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash)).await;
        self.note(name, result.map_err(|error| error.to_string()))
    }

    fn certificates_for(&self, file: &Path, key: &PrivateKey) -> Vec<Certificate> {
        let mut beside = file.as_os_str().to_owned();
        beside.push("-cert.pub");
        let files =
            std::iter::once(PathBuf::from(beside)).chain(self.offer.route.certificates.iter().cloned());
        files
            .filter_map(|file| read_small(&file))
            .filter_map(|text| Certificate::from_openssh(text.trim()).ok())
            .filter(|certificate| certificate.public_key() == key.public_key().key_data())
            .collect()
    }

    async fn agent_identity(&mut self, agent: &mut Agent, identity: &AgentIdentity) -> bool {
        let key = identity.public_key().into_owned();
        let user = self.offer.route.user.clone();
        let hash = self.hash_for(&key).await;
        if !self.open() {
            return false;
        }
        let name = format!("agent key {}", key.fingerprint(HashAlg::Sha256));
        let result = match identity {
            AgentIdentity::Certificate { certificate, .. } => {
                self.client.authenticate_certificate_with(user, certificate.clone(), hash, agent).await
            }
            AgentIdentity::PublicKey { key, .. } => {
                if self.offered.iter().any(|offered| offered.key_data() == key.key_data()) {
                    return false;
                }
                self.client.authenticate_publickey_with(user, key.clone(), hash, agent).await
            }
        };
        self.note(name, result.map_err(|error| error.to_string()))
    }

    fn allows(&self, method: MethodKind) -> bool {
        self.remaining.as_ref().is_none_or(|methods| methods.contains(&method))
    }

    async fn passwords(&mut self) -> bool {
        let Some(password) = self.offer.password else { return false };
        let user = self.offer.route.user.clone();
        if self.open() && self.allows(MethodKind::Password) {
            let result = self.client.authenticate_password(user.clone(), password.expose_secret()).await;
            if self.note("password".to_owned(), result.map_err(|error| error.to_string())) {
                return true;
            }
        }
        if !self.open() || !self.allows(MethodKind::KeyboardInteractive) {
            return false;
        }
        let done = self.questions(user, password).await.unwrap_or(false);
        if !done {
            self.tried.push("keyboard-interactive".to_owned());
        }
        done
    }

    async fn questions(&mut self, user: String, password: &SecretString) -> Result<bool, russh::Error> {
        let mut response = self.client.authenticate_keyboard_interactive_start(user, None).await?;
        let mut answered = false;
        for _ in 0..QUESTION_ROUNDS_MAX {
            let prompts = match response {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            // The password answers one hidden question, once; nothing else is known to us.
            let hidden = prompts.iter().filter(|prompt| !prompt.echo).count();
            if !prompts.is_empty() && (answered || hidden != 1 || prompts.len() != 1) {
                return Ok(false);
            }
            answered = answered || !prompts.is_empty();
            let answers = prompts.iter().map(|_| password.expose_secret().to_owned()).collect();
            response = self.client.authenticate_keyboard_interactive_respond(answers).await?;
        }
        Ok(false)
    }
}

/// Connects to an agent, if there is one.
pub(super) async fn connect_agent(socket: Option<&Path>) -> Option<Agent> {
    let client = AgentClient::connect_uds(socket?).await.ok()?;
    Some(client.dynamic())
}

/// By the clock here; the server decides by its own.
fn has_expired(certificate: &Certificate) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    now >= certificate.valid_before()
}

fn read_small(file: &Path) -> Option<String> {
    let meta = std::fs::metadata(file).ok()?;
    if !meta.is_file() || meta.len() > KEY_FILE_BYTES_MAX {
        return None;
    }
    std::fs::read_to_string(file).ok()
}

/// The public half of a key file, from beside it or from within.
fn public_key_of(file: &Path) -> Option<PublicKey> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".pub");
    let from_pub = read_small(Path::new(&beside)).and_then(|text| PublicKey::from_openssh(text.trim()).ok());
    from_pub.or_else(|| Some(PrivateKey::from_openssh(read_small(file)?).ok()?.public_key().clone()))
}
