//! What opens a server and the jump servers before it: secrets by name, and what a person is asked for.

use super::{ExecutorError, Site};
use crate::{
    model::{SecretName, Server},
    transport::{Credentials, Jump, TransportError, Way},
};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// Everything that is needed for a login at a server.
#[derive(Debug, Clone)]
pub struct Approach {
    /// What lies before it.
    pub way: Way,
    /// What opens the server itself.
    pub credentials: Credentials,
}

impl Approach {
    /// The secrets that the connection needs, of the server and of those before it.
    pub fn secrets<'a>(server: &'a Server, before: &[&'a Server]) -> Vec<&'a SecretName> {
        let own = [&server.password, &server.sudo_password, &server.passphrase];
        own.into_iter().flatten().chain(Self::secrets_before(before)).collect()
    }

    /// The secrets that only the way to a server needs. Nothing is done there as root.
    pub fn secrets_before<'a>(before: &[&'a Server]) -> impl Iterator<Item = &'a SecretName> {
        before.iter().flat_map(|jump| [&jump.password, &jump.passphrase]).flatten()
    }

    /// The way with these secrets.
    #[must_use]
    pub fn new(server: &Server, before: &[&Server], secrets: &BTreeMap<SecretName, SecretString>) -> Self {
        let of = |name: &Option<SecretName>| name.as_ref().and_then(|name| secrets.get(name)).cloned();
        let credentials = Credentials {
            password: of(&server.password),
            sudo_password: of(&server.sudo_password),
            passphrase: of(&server.passphrase),
        };
        let jump = |jump: &&Server| Jump {
            server: (*jump).clone(),
            credentials: Credentials {
                password: of(&jump.password),
                passphrase: of(&jump.passphrase),
                sudo_password: None,
            },
        };
        let way = Way { jumps: before.iter().map(jump).collect(), ..Way::default() };
        Self { way, credentials }
    }

    /// The way with the secrets of an open project.
    pub async fn of(site: &Site, server: &Server, before: &[&Server]) -> Result<Self, ExecutorError> {
        let mut secrets = BTreeMap::new();
        for name in Self::secrets(server, before) {
            secrets.insert(name.clone(), site.secret(name).await?);
        }
        Ok(Self::new(server, before, &secrets))
    }

    /// Asks a person for what a refused login lacks: what, and whose. Says whether there is something
    /// new to try.
    ///
    /// As with `ssh`, a key is unlocked first, and the password is the last thing.
    pub fn learn(
        &mut self,
        error: &TransportError,
        server: &Server,
        ask: impl FnOnce(&str, &str) -> Option<SecretString>,
    ) -> bool {
        let (TransportError::LoginRefused { .. }, hop) = error.place() else { return false };
        let credentials = match hop {
            Some(hop) => self.way.credentials_of(hop),
            None => &mut self.credentials,
        };
        let (slot, what) = if error.wants_passphrase() {
            (&mut credentials.passphrase, "passphrase of the key")
        } else {
            (&mut credentials.password, "password")
        };
        if slot.is_some() {
            return false;
        }
        *slot = ask(what, hop.unwrap_or(server.name.as_str()));
        slot.is_some()
    }
}
