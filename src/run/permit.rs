//! The right to change a server: an approval that holds and a way back.

use crate::{approval::Approved, backup::VerifiedBackup};

/// The right to change the servers of a run. Only [`super::decide`] makes one.
#[derive(Debug, Clone)]
pub struct Permit {
    approved: Approved,
    way_back: WayBack,
}

/// How the state before the change can be had again.
#[derive(Debug, Clone)]
pub enum WayBack {
    /// The run's own verified full backup.
    Backup(Box<VerifiedBackup>),
    /// An older backup that the policy admits: a person may put it back, nobody else does.
    Older(String),
    /// There was nothing: a first install.
    FirstInstall,
}

impl Permit {
    pub(super) fn new(approved: Approved, way_back: WayBack) -> Self {
        Self { approved, way_back }
    }

    /// Who allowed it.
    #[must_use]
    pub fn approved(&self) -> &Approved {
        &self.approved
    }

    /// How to undo it.
    #[must_use]
    pub fn way_back(&self) -> &WayBack {
        &self.way_back
    }
}

/// The right to put a verified backup back. Only [`super::decide`] makes one.
#[derive(Debug, Clone)]
pub struct RestorePermit {
    backup: Box<VerifiedBackup>,
}

impl RestorePermit {
    pub(super) fn new(backup: VerifiedBackup) -> Self {
        Self { backup: Box::new(backup) }
    }

    /// What is put back.
    #[must_use]
    pub fn backup(&self) -> &VerifiedBackup {
        &self.backup
    }
}
