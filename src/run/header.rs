//! What a run is opened with; it never changes.

use crate::approval::Judged;
use crate::model::{Digest, EnvironmentKind, EnvironmentName, PersonName, Role, RunId, SystemName};
use serde::{Deserialize, Serialize};

/// What a run is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Put a system where there is none, or change one: install, update, maintenance.
    Change,
    /// Take a backup and change nothing.
    Backup,
    /// Put a backup back.
    Restore {
        /// The backup's id.
        backup: String,
    },
}

/// What a run is opened with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHeader {
    /// The version of this format.
    pub format: u32,
    /// Its id.
    pub id: RunId,
    /// What it is for.
    pub goal: Goal,
    /// The system.
    pub system: SystemName,
    /// The environment.
    pub environment: EnvironmentName,
    /// Its kind.
    pub environment_kind: EnvironmentKind,
    /// The playbook's path.
    pub playbook: String,
    /// What the playbook is called, where it says so and the run is of its steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The release's version, for people.
    pub version: Option<String>,
    /// Digest of the release.
    pub release: Digest,
    /// Digest of the plan.
    pub plan: Digest,
    /// Who asked for it; nobody for an account that the people file does not name.
    pub requested_by: Option<PersonName>,
    /// The account that asked for it.
    pub requested_account: String,
    /// Whether a machine asked.
    pub requested_by_machine: bool,
    /// Why, in the words of who asked.
    pub why: Option<String>,
    /// The judged policy (what it is judged under) in canonical JSON.
    pub judged: Judged,
    /// What the judged policy takes from the plan's that is stricter.
    pub weakening: Vec<crate::approval::Weakening>,
    /// The procedure's run that allows this one's stages; nothing for a run that goes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged_by: Option<RunId>,
    /// Roles whose approval the procedure asks for, beyond the environment's policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_by_procedure: Vec<Role>,
    /// Digest of the people file, as text of `approval::people_digest`.
    pub people: Digest,
}

impl RunHeader {
    /// The policy that it is judged under, with the kind that headers of before have beside it.
    #[must_use]
    pub fn judged(&self) -> Judged {
        Judged { kind: self.judged.kind.or(Some(self.environment_kind)), ..self.judged.clone() }
    }

    /// Whether its environment is treated as production: also where the inventory has lowered its kind
    /// and those whom the policy in force names have not agreed to that yet.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.judged().kind == Some(EnvironmentKind::Production)
    }
}
