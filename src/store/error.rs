//! What can go wrong with the database, sorted by what the caller must do about it.

use crate::model::RunId;

/// Says why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or gave up for a reason that may pass. Where the line broke during
    /// the commit the write may have happened: read before writing again.
    #[error("the database is not available: {0}")]
    Unavailable(sqlx::Error),
    /// Another process drives this run now; the caller must stop and write nothing more.
    #[error("the lease of run `{run}` is lost: another process drives it, or it was released")]
    LeaseLost {
        /// The run.
        run: RunId,
    },
    /// A newer Esclusa wrote this store.
    #[error("the store has format {found}, this program knows {known}; use a newer `esclusa`")]
    NewerFormat {
        /// The store's format.
        found: i64,
        /// The newest that this program writes.
        known: i64,
    },
    /// What is stored is not what was written.
    #[error("{what} is damaged: {detail}")]
    Corrupt {
        /// What is damaged.
        what: String,
        /// How that shows.
        detail: String,
    },
    /// There is no such thing.
    #[error("{what} is not in the store")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// A caller's word names no run, or several.
    #[error("{0}")]
    NoRun(NoRun),
    /// The store's state does not admit it; trying again does not help.
    #[error("{what}")]
    Conflict {
        /// What stands against it.
        what: String,
    },
    /// More than a row may hold.
    #[error("{what} has {bytes} bytes, at most {limit} are stored")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The database's address cannot be used.
    #[error("the database `{address}` cannot be used: {why}")]
    Location {
        /// The address without secrets.
        address: String,
        /// Why not, and what would.
        why: String,
    },
    /// This engine cannot do it.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// Why a caller's word names no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRun {
    /// There is none at all.
    #[error("there is no run yet")]
    None,
    /// It is no part of an id; what a terminal would obey is escaped.
    #[error("`{text}` is not the start of a run's id")]
    NoId {
        /// The word.
        text: String,
    },
    /// No id starts like that.
    #[error("no run's id starts with `{start}`")]
    NoneStarts {
        /// The word.
        start: String,
    },
    /// Several ids do.
    #[error("several runs start with `{start}`, such as `{}`; write more of the id", ids.join("`, `"))]
    Several {
        /// The word.
        start: String,
        /// Some of them.
        ids: Vec<String>,
    },
}

impl StoreError {
    /// Something that was looked for and is not there.
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// A state that does not admit what was asked.
    pub(super) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }

    /// Stored content that is not what was written.
    pub(super) fn corrupt(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), detail: detail.into() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &error {
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::corrupt(format!("column {index}"), "it does not hold what it should")
            }
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => Self::conflict("this is stored already"),
                ErrorKind::ForeignKeyViolation => {
                    Self::conflict("what this refers to is not in the store yet")
                }
                ErrorKind::NotNullViolation | ErrorKind::CheckViolation => {
                    Self::conflict(format!("the database refuses the value: {}", database.message()))
                }
                _ => by_code(database.code().as_deref(), database.message())
                    .unwrap_or(Self::Unavailable(error)),
            },
            _ => Self::Unavailable(error),
        }
    }
}

/// Sorts errors that only the engine's own codes tell apart.
fn by_code(code: Option<&str>, message: &str) -> Option<StoreError> {
    match code? {
        // SQLite: SQLITE_CORRUPT and SQLITE_NOTADB, with their extended codes.
        "11" | "26" | "267" | "523" | "779" => Some(StoreError::corrupt("the database file", message)),
        // SQLite: RAISE(ABORT) of our triggers. PostgreSQL: RAISE EXCEPTION of ours.
        "1811" | "P0001" => Some(StoreError::conflict(message)),
        // PostgreSQL: index or data corrupted.
        "XX001" | "XX002" => Some(StoreError::corrupt("the database", message)),
        // PostgreSQL: a value that it cannot store, and a right that is missing.
        code if code.starts_with("22") => {
            Some(StoreError::conflict(format!("the database refuses the value: {message}")))
        }
        "42501" => Some(StoreError::conflict(format!("the database login may not do this: {message}"))),
        _ => None,
    }
}
