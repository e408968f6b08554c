//! Why a secret cannot be had.

use crate::model::{SecretName, redact::SECRET_BYTES_MIN};
use std::io;

/// Says why a secret cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or not text.
    #[error("environment variable `{variable}` for secret `{name}` is not set")]
    Environment {
        /// The secret.
        name: SecretName,
        /// The variable.
        variable: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {doing} `{path}`")]
    File {
        /// A verb.
        doing: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that others can read is no place for a secret.
    #[error("`{path}` can be read by others (mode {mode:04o})")]
    Open {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The command could not be started, failed, or took too long.
    #[error("the command for secret `{name}` {reason}")]
    Command {
        /// The secret.
        name: SecretName,
        /// How it ended; its output is never shown, as it may hold the value.
        reason: String,
    },
    /// The value is empty, too long, holds a zero byte, or is not UTF-8.
    #[error("the value of secret `{name}` {reason}")]
    Value {
        /// The secret.
        name: SecretName,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The value is so short that it could not be told from ordinary text where it is printed.
    #[error(
        "the value of secret `{name}` is too short to be kept out of logs: it must have {SECRET_BYTES_MIN} bytes or more beside blanks"
    )]
    Short {
        /// The secret.
        name: SecretName,
    },
    /// The file of secrets cannot be decrypted or holds something else.
    #[error("`{path}` is no file of secrets: {reason}")]
    Sealed {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The file of secrets does not have this one.
    #[error("`{path}` holds no secret `{name}`")]
    Unknown {
        /// The secret.
        name: SecretName,
        /// The file.
        path: String,
    },
    /// A text that should be an age recipient, or none at all.
    #[error("`{0}` is no age recipient")]
    Recipient(String),
    /// A task of the process ended early.
    #[error("the work on secrets was interrupted")]
    Interrupted,
}

impl SecretError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Environment { variable, .. } => Some(format!("set `{variable}` where esclusa runs")),
            Self::Short { .. } => Some("choose a longer one, where it is used and here".to_owned()),
            Self::Open { path, .. } => Some(format!("run `chmod 600 {path}`")),
            Self::Unknown { name, .. } => Some(format!("add it with `esclusa secret set {name}`")),
            _ => None,
        }
    }
}
