//! What pages, records and documents tell of a run in one way everywhere.

use super::{Goal, Run};

impl Run {
    /// Seconds for which services were stopped, in all: one begun counts, so that nothing tells a stop
    /// shorter than it was.
    #[must_use]
    pub fn outage_seconds(&self) -> i64 {
        (self.outage_ms + 999) / 1000
    }

    /// The backup that a restore by hand puts back.
    #[must_use]
    pub fn puts_back(&self) -> Option<&str> {
        match &self.header.goal {
            Goal::Restore { backup } => Some(backup),
            Goal::Change | Goal::Backup => None,
        }
    }
}
