//! What the catalogue holds.

use crate::{
    model::{CanonicalError, Digest, SystemName, canonical},
    system::{Origin, Owner, SystemSheet},
};
use serde::{Deserialize, Serialize};

/// What a data sheet says to whoever looks for a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The system's name.
    pub system: SystemName,
    /// Its name as people write it.
    pub title: String,
    /// What it is for.
    pub objective: Option<String>,
    /// Services that it offers.
    pub services: Vec<String>,
    /// Units that use it.
    pub units: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// SPDX expression of its licence.
    pub licence: String,
    /// Who answers for it.
    pub owner: Owner,
}

impl From<&SystemSheet> for Entry {
    fn from(sheet: &SystemSheet) -> Self {
        Self {
            system: sheet.system.clone(),
            title: sheet.title.clone(),
            objective: sheet.objective.clone(),
            services: sheet.services.clone(),
            units: sheet.units.clone(),
            origin: sheet.origin,
            licence: sheet.licence.clone(),
            owner: sheet.owner.clone(),
        }
    }
}

/// Every data sheet of a project, as it is at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// The systems, by name.
    pub entries: Vec<Entry>,
    /// Paths of data sheets that cannot be read: what they hold was not searched.
    pub unreadable: Vec<String>,
}

impl Catalogue {
    /// A catalogue of these entries, in the order of their names.
    #[must_use]
    pub fn of(mut entries: Vec<Entry>, mut unreadable: Vec<String>) -> Self {
        entries.sort_by(|a, b| a.system.cmp(&b.system).then_with(|| a.title.cmp(&b.title)));
        unreadable.sort();
        Self { entries, unreadable }
    }

    /// The digest of everything in it: the same for the same data sheets in any order of reading.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(canonical(self)?.as_bytes()))
    }
}
