//! Persons and machine identities, as the people file names them.

use super::{Language, PersonName, Role};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A person, or a machine that acts in somebody's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name in files and records.
    pub name: PersonName,
    /// The name as people write it.
    pub full_name: String,
    /// What this person may do.
    pub roles: BTreeSet<Role>,
    /// The language of prompts and messages.
    pub language: Option<Language>,
    /// Where messages go.
    pub mail: Option<String>,
    /// SSH public keys in OpenSSH's form; with them decisions are signed.
    pub keys: Vec<String>,
    /// Operating-system account on the control host.
    pub account: Option<String>,
    /// Login of the PostgreSQL store.
    pub database_login: Option<String>,
    /// Whether this is a machine: it may run, and never satisfies a gate.
    pub machine: bool,
}

/// Everybody that the people file names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct People(pub BTreeMap<PersonName, Person>);

impl People {
    /// Everyone with `role`, machines left out.
    pub fn with_role<'a>(&'a self, role: &'a Role) -> impl Iterator<Item = &'a Person> {
        self.0.values().filter(move |person| !person.machine && person.roles.contains(role))
    }

    /// The person whose operating-system account is `account`.
    #[must_use]
    pub fn by_account(&self, account: &str) -> Option<&Person> {
        self.0.values().find(|person| person.account.as_deref() == Some(account))
    }
}
