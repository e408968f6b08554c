//! The executor's error: what kind it is, one cause, what to do next.

use crate::{
    approval::TestimonyRefusal, depot::DepotError, model::ExitCode, plan::PlanError, procedure,
    run::RunError, secret::SecretError, store::StoreError, transport::TransportError, vault::VaultError,
};
use std::io::ErrorKind;

/// Why the executor could not go on. What goes wrong on a server is an event of the run, not this.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// Something given by the caller or written in a file is wrong.
    #[error("{words}")]
    Input {
        /// What.
        words: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The caller may not do this.
    #[error("{words}")]
    Refused {
        /// Why.
        words: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Another process drives the run.
    #[error("run {run} is being driven by {owner}")]
    Driven {
        /// The run.
        run: String,
        /// Process and host.
        owner: String,
    },
    /// Another run holds a server.
    #[error("server `{server}` is claimed by run {run}")]
    Claimed {
        /// The run that holds it.
        run: String,
        /// One of the servers.
        server: String,
    },
    /// A server could not be used.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The depot.
    #[error(transparent)]
    Depot(#[from] DepotError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A secret could not be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal is damaged.
    #[error("the journal of run {run} is damaged: {source}")]
    Journal {
        /// The run.
        run: String,
        /// Where.
        source: RunError,
    },
    /// The journal of a procedure's run is damaged.
    #[error("the journal of run {run} is damaged: {source}")]
    Damaged {
        /// The run.
        run: String,
        /// Where.
        source: procedure::Refusal,
    },
    /// What was signed in a procedure does not bear out its journal.
    #[error("the journal of run {run} is damaged: `{activity}`: {source}")]
    Unproven {
        /// The run.
        run: String,
        /// The activity.
        activity: procedure::ActivityId,
        /// Why not.
        source: TestimonyRefusal,
    },
    /// A signature is not accepted; nothing was recorded.
    #[error("`{activity}`: {source}")]
    Unsigned {
        /// The activity.
        activity: procedure::ActivityId,
        /// Why not.
        source: TestimonyRefusal,
    },
    /// A stored document cannot be read.
    #[error("a stored {what} cannot be read: {why}")]
    Document {
        /// What it is.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// The process was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl ExecutorError {
    /// An input error.
    pub fn input(words: impl Into<String>) -> Self {
        Self::Input { words: words.into(), hint: None }
    }

    /// An input error with what to do.
    pub fn input_hint(words: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Input { words: words.into(), hint: Some(hint.into()) }
    }

    /// A refusal.
    pub fn refused(words: impl Into<String>) -> Self {
        Self::Refused { words: words.into(), hint: None }
    }

    /// A stored document that cannot be read.
    pub fn document(what: &'static str, why: impl ToString) -> Self {
        Self::Document { what, why: why.to_string() }
    }

    /// What the process returns.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            // What the caller named is not there; a disk that is full is no fault of theirs.
            Self::Depot(DepotError::File { source, .. })
                if !matches!(source.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) =>
            {
                ExitCode::Failed
            }
            Self::Input { .. }
            | Self::Refused { .. }
            | Self::Unsigned { .. }
            | Self::Plan(_)
            | Self::Secret(_)
            | Self::Depot(_)
            | Self::Store(StoreError::NoRun(_)) => ExitCode::BadInput,
            Self::Driven { .. } | Self::Claimed { .. } => ExitCode::Claimed,
            Self::Transport(_) => ExitCode::Unreachable,
            Self::Store(_) | Self::Vault(_) => ExitCode::Failed,
            Self::Journal { .. } | Self::Damaged { .. } | Self::Unproven { .. } | Self::Document { .. } => {
                ExitCode::Stuck
            }
            Self::Interrupted => ExitCode::Interrupted,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Input { hint, .. } | Self::Refused { hint, .. } => hint.clone(),
            Self::Driven { run, .. } => Some(format!("wait for it with `esclusa wait {run}`")),
            Self::Claimed { run, .. } => Some(format!(
                "see it with `esclusa show {run}`, end it with `esclusa resume {run}` or `esclusa cancel {run}`"
            )),
            Self::Unproven { .. } => Some("see everything that is wrong with `esclusa audit`".to_owned()),
            Self::Store(StoreError::NoRun(_)) => Some(
                "`esclusa status` shows the open runs, `esclusa history` those that have ended; `latest` is the newest"
                    .to_owned(),
            ),
            Self::Transport(error) => error.hint(),
            Self::Vault(error) => error.hint().or_else(|| disk(self)),
            Self::Store(StoreError::Unavailable(error)) => Some(match error.to_string() {
                words if words.contains("disk is full") => ROOM.to_owned(),
                _ => "look at `database` in esclusa.yaml: whether it answers there, and whether this account may write; \
                      `esclusa doctor` looks at everything"
                    .to_owned(),
            }),
            Self::Store(StoreError::Location { .. }) => Some(
                "look at `database` in esclusa.yaml: the file's folder must be one, and this account must be able to write there"
                    .to_owned(),
            ),
            _ => disk(self),
        }
    }
}

/// What to do about a full disk.
const ROOM: &str = "make room on that disk, and do it again";

/// What to do about a disk, where that is the cause.
fn disk(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(ROOM.to_owned()),
                ErrorKind::ReadOnlyFilesystem => Some(
                    "that disk can only be read: name another place in esclusa.yaml, or mount it for writing"
                        .to_owned(),
                ),
                ErrorKind::PermissionDenied => {
                    Some("give this account the right to it, or call with the account that has it".to_owned())
                }
                _ => None,
            };
        }
        cause = error.source();
    }
    None
}
