//! What a full backup of a system consists of: the contents of its backup playbook.

use crate::model::{ServerName, SystemName};
use serde::{Deserialize, Serialize};

/// The parts of a full backup, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Software packages: versions and the files needed to go back.
    Packages,
    /// Configuration files.
    Configuration,
    /// Databases.
    Databases,
    /// Complementary software and files of the system.
    Complementary,
    /// Logs; optional.
    Logs,
}

impl Part {
    /// The four parts that a full backup must have, or leave out with a reason.
    pub const REQUIRED: [Part; 4] =
        [Part::Packages, Part::Configuration, Part::Databases, Part::Complementary];

    /// The key in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Configuration => "configuration",
            Self::Databases => "databases",
            Self::Complementary => "complementary",
            Self::Logs => "logs",
        }
    }
}

/// What is copied for one part on the servers that `at` selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Debian packages by name.
    Apt(Vec<String>),
    /// Absolute paths of files and folders, with everything below them.
    Paths(Vec<String>),
    /// One PostgreSQL database of the server's cluster.
    Postgresql(String),
    /// One MariaDB or MySQL database.
    Mariadb(String),
    /// One SQLite database file.
    Sqlite(String),
    /// Commands of the author: `dump` writes to standard output, `load` reads standard input,
    /// `check` (reading the dump on standard input) proves that the dump is whole.
    Custom {
        /// Name of the item in manifest and messages.
        name: String,
        /// Words of the command that writes the copy.
        dump: Vec<String>,
        /// Words of the command that puts it back.
        load: Vec<String>,
        /// Words of the command that checks it, if there is one.
        check: Option<Vec<String>>,
        /// Words of a command that succeeds when nothing is left to copy; asked before a restore,
        /// where otherwise a dump that fails stops it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gone: Option<Vec<String>>,
    },
}

/// An entry of a part as it is written: selector and source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Selector of servers, as in a step's `at`.
    pub at: String,
    /// Account to run as; root when absent.
    pub as_user: Option<String>,
    /// What is copied.
    pub source: Source,
}

/// One part: what it holds, or why it is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartSpec {
    /// Its entries, at least one.
    Entries(Vec<Entry>),
    /// The written reason for leaving it out; the gate shows it.
    None(String),
}

/// What is stopped while the backup and the change are under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiesce {
    /// Selector of servers.
    pub at: String,
    /// Systemd units; stopped in this order, started in the opposite one.
    pub services: Vec<String>,
    /// Words of a command that stops what is no systemd unit.
    pub stop: Option<Vec<String>>,
    /// Words of the command that starts it again.
    pub start: Option<Vec<String>>,
    /// Account for `stop` and `start`; root when absent.
    pub as_user: Option<String>,
}

/// How many backups stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// The newest so many.
    pub last: Option<u32>,
    /// One for each of so many days.
    pub daily: Option<u32>,
    /// One for each of so many weeks.
    pub weekly: Option<u32>,
    /// One for each of so many months.
    pub monthly: Option<u32>,
}

/// A system's backup playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSpec {
    /// Whose backup it is.
    pub system: SystemName,
    /// What is stopped meanwhile.
    pub quiesce: Vec<Quiesce>,
    /// The parts; every one of [`Part::REQUIRED`] is there.
    pub parts: Vec<(Part, PartSpec)>,
    /// How many stay.
    pub keep: Keep,
}

/// One thing to copy from one server: an [`Entry`] with its selector resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Position in the backup: `packages.web-1.0`, unique, a good file name.
    pub id: String,
    /// Its part.
    pub part: Part,
    /// Where it is.
    pub server: ServerName,
    /// As whom it is read and written; root when absent.
    pub as_user: Option<String>,
    /// What it is.
    pub source: Source,
}
