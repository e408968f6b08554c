//! The exit codes: one table for the README, `--help`, JSON and the process itself.

use serde::Serialize;

/// How a command of Esclusa ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Bad input: files, arguments, rights.
    BadInput = 2,
    /// The update failed and the previous state is back.
    Restored = 3,
    /// A server could not be reached; nothing was changed.
    Unreachable = 4,
    /// Waiting for approval.
    Waiting = 10,
    /// Rejected.
    Rejected = 11,
    /// The time to decide, or the approval itself, ran out.
    Expired = 12,
    /// Outside the environment's window.
    WindowClosed = 13,
    /// Another run holds the servers.
    Claimed = 14,
    /// What would run is no longer what was approved.
    Stale = 15,
    /// Stuck: needs a person.
    Stuck = 20,
    /// Interrupted from the keyboard or by a signal; resumable.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code with what it means, in the order of the table.
    pub const TABLE: &'static [(ExitCode, &'static str)] = &[
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::BadInput, "bad input"),
        (Self::Restored, "failed, previous state restored"),
        (Self::Unreachable, "server unreachable, nothing changed"),
        (Self::Waiting, "waiting for approval"),
        (Self::Rejected, "rejected"),
        (Self::Expired, "expired"),
        (Self::WindowClosed, "window closed"),
        (Self::Claimed, "claimed by another run"),
        (Self::Stale, "stale, approve again"),
        (Self::Stuck, "stuck, needs a person"),
        (Self::Interrupted, "interrupted"),
    ];

    /// The number that the process returns.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What the number means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        Self::TABLE.iter().find(|(code, _)| *code == self).map_or("", |(_, meaning)| meaning)
    }
}

impl Serialize for ExitCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}
