//! Which of a session's shells works for an account.

use super::TransportError;
use super::session::Session;
use super::shell::{Shell, said};
use crate::model::{Become, RunAs, Value};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;

/// Accounts other than login and root that have a shell of their own.
const ACCOUNTS_MAX: usize = 4;

/// Which of the shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Login,
    Root,
    /// That of an account, where root is refused and the account is not.
    Account(usize),
}

/// The shells of accounts, on a server that gives those and no root.
#[derive(Default)]
pub(super) struct Accounts {
    names: std::sync::Mutex<Vec<String>>,
    shells: [Mutex<Option<Shell>>; ACCOUNTS_MAX],
    /// Root was refused once, and is not asked for again: every refusal is reported to somebody.
    rootless: AtomicBool,
}

impl Accounts {
    pub(super) fn shell(&self, at: usize) -> Option<&Mutex<Option<Shell>>> {
        self.shells.get(at)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The account of a shell; root and the login have no name here.
    pub(super) fn name(&self, place: Place) -> Option<String> {
        let Place::Account(at) = place else { return None };
        self.names.lock().unwrap_or_else(PoisonError::into_inner).get(at).cloned()
    }

    pub(super) fn is_rootless(&self) -> bool {
        self.rootless.load(Ordering::Relaxed)
    }

    fn position(&self, name: &str) -> Option<usize> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().position(|known| known == name);
        known.or_else(|| {
            (names.len() < ACCOUNTS_MAX).then(|| {
                names.push(name.to_owned());
                names.len() - 1
            })
        })
    }
}

impl Session {
    /// Which shell works for an account, and the account's name where it is not the shell's own.
    pub(super) fn place(&self, as_user: &RunAs) -> Result<(Place, String), TransportError> {
        let is_root = self.facts.get("uid") == Some(&Value::Int(0));
        let escalates = self.server.escalation != Become::No && !is_root;
        match as_user {
            RunAs::Login => Ok((Place::Login, String::new())),
            RunAs::Root => Ok((if escalates { Place::Root } else { Place::Login }, String::new())),
            RunAs::User(name) if self.facts.get("user").and_then(Value::as_text) == Some(name) => {
                Ok((Place::Login, String::new()))
            }
            RunAs::User(name) if account_name(name) && is_root => Ok((Place::Login, name.clone())),
            RunAs::User(name) if account_name(name) && escalates => Ok((Place::Root, name.clone())),
            RunAs::User(name) => {
                let user = said(name.as_bytes());
                Err(TransportError::NoEscalation { server: self.server.name.clone(), user })
            }
        }
    }

    /// Like [`Session::place`], after asking whether there is a root shell that can become the account;
    /// where root is refused, the account's own shell is asked for.
    pub(super) async fn settle(&self, as_user: &RunAs) -> Result<(Place, String), TransportError> {
        let (place, account) = self.place(as_user)?;
        if place != Place::Root || account.is_empty() {
            return Ok((place, account));
        }
        if !self.accounts.is_rootless() {
            match self.shell(Place::Root).await {
                Ok(_) => return Ok((place, account)),
                // Who may not become root is asked for a password first, even where the account needs none.
                Err(TransportError::SudoRefused { .. } | TransportError::SudoPasswordMissing { .. }) => {
                    self.accounts.rootless.store(true, Ordering::Relaxed);
                }
                Err(error) => return Err(error),
            }
        }
        let at = self.accounts.position(&account).ok_or_else(|| {
            let cause = format!("more than {ACCOUNTS_MAX} accounts are used, and there is no root");
            TransportError::Shell { server: self.server.name.clone(), cause }
        })?;
        Ok((Place::Account(at), String::new()))
    }
}

/// Whether a text may be the name of an account: it becomes part of shell text.
fn account_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(good)
}
