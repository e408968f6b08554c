//! Why a run is over, or cannot go on without a person: what it is, so that each reader is told in
//! their own language. What servers and tools said stays in their words.

use crate::model::PersonName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a run is over, or stopped for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant's sentence explains its fields")]
pub enum Ending {
    /// Changed, and the checks are good.
    Done,
    /// Nothing was to change, and the checks are good.
    Unchanged,
    /// Nothing was to change, and the checks are not good.
    UnchangedAndBad,
    /// A backup alone, taken and read back.
    BackedUp,
    /// A backup was put back by hand, and the checks are good.
    Restored,
    /// It failed, and what was there is back and its checks are good.
    WentBack,
    /// It failed with these words.
    Failed { words: String },
    /// It ended with these checks not good, and nothing was put back.
    ChecksFailed { checks: String },
    /// A later stage failed, and putting the backup back would take away what people did since.
    RestoreUndecided { words: String },
    /// Somebody said no.
    Rejected { by: PersonName, reason: String },
    /// Nobody decided in time, or the approval ran out.
    Expired,
    /// More would change than was approved.
    MoreThanApproved,
    /// Each look at the servers finds something else.
    ServersChange,
    /// The people file changed after the gate was opened.
    PeopleChanged,
    /// The policy in force became stricter after the run was opened.
    PolicyStricter,
    /// Another run holds a server.
    Claimed { server: String, run: String },
    /// A server could not be reached, and nothing was changed.
    Unreached { words: String },
    /// Cancelled before anything was changed.
    Cancelled { by: String },
    /// Cancelled, and what was changed stays.
    CancelledAsItIs { by: String },
    /// Cancelled, and services do not start.
    CancelledStopped { by: String, words: String },
    /// A server was lost after a change, and what was there must be put back.
    RestoreOwed { words: String },
    /// A server was lost while services may be stopped.
    LostStopped { words: String },
    /// Somebody rejected after the change had begun.
    RejectedLate { by: PersonName },
    /// The approval no longer holds after the change had begun.
    ApprovalVoid { why: String },
    /// The run's own backup cannot be opened.
    OwnBackupClosed,
    /// The backup to put back cannot be opened.
    BackupClosed,
    /// What was there is back, and its checks are not good.
    BackAndBad,
    /// It was cancelled with a restore, and has no backup.
    NothingToPutBack,
    /// It was cancelled after a change without saying what becomes of it.
    Undecided,
    /// Something else, in these words.
    Other { words: String },
    /// An ending of a later version; the event's words tell it.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done; all checks good"),
            Self::Unchanged => f.write_str("nothing to change; all checks good"),
            Self::UnchangedAndBad => f.write_str("nothing to change, but checks failed"),
            Self::BackedUp => f.write_str("backup taken and verified"),
            Self::Restored => f.write_str("restored; all checks good"),
            Self::WentBack => f.write_str("failed; the previous state is back and its checks are good"),
            Self::Failed { words } | Self::Other { words } => f.write_str(words),
            Self::ChecksFailed { checks } => write!(f, "checks failed: {checks}"),
            Self::RestoreUndecided { words } => write!(
                f,
                "{words}; people may have worked since the backup: cancel with `--restore` puts it back, after a \
                 copy of what is there, with `--keep` leaves it"
            ),
            Self::Rejected { by, reason } => write!(f, "rejected by {by}: {reason}"),
            Self::Expired => f.write_str("the time to decide, or the approval, ran out"),
            Self::MoreThanApproved => f.write_str("more would change than was approved"),
            Self::ServersChange => f.write_str("the servers change while they are looked at"),
            Self::PeopleChanged => f.write_str("the people file changed after the gate was opened"),
            Self::PolicyStricter => {
                f.write_str("the environment's policy has become stricter since the run was opened")
            }
            Self::Claimed { server, run } => write!(f, "server `{server}` is claimed by run {run}"),
            Self::Unreached { words } => write!(f, "{words}; nothing was changed"),
            Self::Cancelled { by } => write!(f, "cancelled by {by}"),
            Self::CancelledAsItIs { by } => write!(f, "cancelled by {by}; left as it is"),
            Self::CancelledStopped { by, words } => write!(f, "cancelled by {by}; {words}"),
            Self::RestoreOwed { words } => write!(f, "{words}; restore owed"),
            Self::LostStopped { words } => write!(f, "{words}; services may be stopped"),
            Self::RejectedLate { by } => {
                write!(f, "{by} rejected after the change had begun; resume or cancel")
            }
            Self::ApprovalVoid { why } => write!(f, "the approval no longer holds: {why}"),
            Self::OwnBackupClosed => f.write_str("the run's own backup cannot be opened"),
            Self::BackupClosed => f.write_str("the backup to put back cannot be opened"),
            Self::BackAndBad => f.write_str("the previous state was put back, but its checks are not good"),
            Self::NothingToPutBack => {
                f.write_str("there is no backup of this run to put back; cancel with `--keep`")
            }
            Self::Undecided => {
                f.write_str("the run has changed something: cancel it with `--restore` or `--keep`")
            }
            Self::Unknown => f.write_str("an ending of a later version"),
        }
    }
}
