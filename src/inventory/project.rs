//! The project file, `esclusa.yaml`.

use crate::model::{Language, SecretName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What `esclusa.yaml` says. Paths are as written: relative ones start at the file's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The institution's name.
    pub institution: String,
    /// The language of records and of people who name none.
    pub language: Language,
    /// IANA time zone of windows and records.
    pub zone: String,
    /// Path of the inventory.
    pub inventory: String,
    /// Path of the people file.
    pub people: String,
    /// Folder of the playbooks, `playbooks` by default; each system has a folder in it.
    pub playbooks: String,
    /// `sqlite:PATH` or `postgres://…`.
    pub database: String,
    /// A secret with the password of the database, where there is one.
    pub database_password: Option<SecretName>,
    /// Folder of the depot.
    pub depot: String,
    /// Where backups go.
    pub vault: VaultSpec,
    /// How messages are sent.
    pub notify: Option<NotifySpec>,
    /// Where each secret comes from.
    pub secrets: BTreeMap<SecretName, SecretSource>,
    /// SPDX identifiers that artifacts may have; empty allows every licence.
    pub licences: Vec<String>,
    /// Servers worked on at once, 1 to 100.
    pub parallel: u32,
    /// OpenSSH's client configuration: the caller's own when nothing is said, `none`, or a file.
    pub ssh_config: Option<String>,
}

/// Where backups go and who can open them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultSpec {
    /// Folder.
    pub path: String,
    /// age recipients.
    pub recipients: Vec<String>,
    /// File with the control host's age identity, which reads backups back.
    pub identity: String,
}

/// How messages are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifySpec {
    /// Words of a command that is fed one JSON document.
    pub command: Vec<String>,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable of the controller.
    Environment(String),
    /// A file; one final newline is removed.
    File(String),
    /// The standard output of a command; one final newline is removed.
    Command(Vec<String>),
    /// An age-encrypted file of the project with one secret for each name, see `esclusa secret`.
    Age(String),
}
