//! The data sheet's contents.

use crate::{
    check::Check,
    model::{SystemName, Value},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a system's software comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Published with its source.
    OpenSource,
    /// Written by the institution.
    InHouse,
    /// Bought.
    Proprietary,
}

/// Who answers for a system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The person's name.
    pub person: Option<String>,
    /// The unit of the institution.
    pub unit: Option<String>,
    /// Where mail goes.
    pub mail: Option<String>,
}

/// How the installed version is observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionProbe {
    /// Selector of servers; the first one answers.
    pub at: String,
    /// Words of a command that prints the version and changes nothing; fails where nothing is installed.
    pub run: Vec<String>,
    /// Account to run as; the login user when absent.
    pub as_user: Option<String>,
}

/// A system's data sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemSheet {
    /// Its name.
    pub system: SystemName,
    /// Its name as people write it.
    pub title: String,
    /// What it is for.
    pub objective: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// SPDX expression.
    pub licence: String,
    /// Services that it offers.
    pub services: Vec<String>,
    /// Units that use it.
    pub units: Vec<String>,
    /// Who answers for it.
    pub owner: Owner,
    /// How its version is observed.
    pub version: Option<VersionProbe>,
    /// Its optimal parameters.
    pub checks: Vec<Check>,
    /// Variables for its playbooks.
    pub variables: BTreeMap<String, Value>,
}
