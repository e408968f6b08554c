//! A release on one environment, with nothing left to choose.

use crate::{
    backup::{Item, Keep, Quiesce, Waiver},
    check::Check,
    model::{
        CanonicalError, Digest, EnvironmentKind, EnvironmentName, PlaybookKind, Policy, Role, Server,
        ServerName, StepId, SystemName, Value, canonical, way_to,
    },
    playbook::Requires,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The environment as far as a plan holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: EnvironmentName,
    /// Its kind.
    pub kind: EnvironmentKind,
    /// Its policy.
    pub policy: Policy,
}

/// An immutable list of what will be done where. Its digest is what people approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`super::PLAN_FORMAT`] when it was made.
    pub format: u32,
    /// The release.
    pub release: Digest,
    /// The system.
    pub system: SystemName,
    /// What the system is called by people.
    pub title: String,
    /// The playbook's kind.
    pub kind: PlaybookKind,
    /// The playbook's path.
    pub playbook: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// Its kind.
    pub environment_kind: EnvironmentKind,
    /// Its policy as the inventory has it.
    pub policy: Policy,
    /// The servers that steps, backup or checks touch.
    pub servers: BTreeMap<ServerName, PlannedServer>,
    /// Servers of the inventory that lead to others, of whatever environment.
    pub jumps: BTreeMap<ServerName, Server>,
    /// The inputs.
    pub inputs: BTreeMap<String, Value>,
    /// The phases of the playbook that it is made of, in the order in which they run; empty means the
    /// whole playbook in the order of its file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<String>,
    /// The steps in order, loops expanded.
    pub steps: Vec<PlannedStep>,
    /// The handlers in order.
    pub handlers: Vec<PlannedStep>,
    /// What must be so before anything starts.
    pub requires: Requires,
    /// How the installed version is observed.
    pub version: Option<PlannedVersion>,
    /// What is stopped from the backup to the checks, in order.
    pub quiesce: Vec<PlannedQuiesce>,
    /// The way back; nothing for a system without a backup playbook, which only an install may be.
    pub backup: Option<PlannedBackup>,
    /// What decides success, in order.
    pub checks: Vec<PlannedCheck>,
}

/// A server with everything that is known of it before it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedServer {
    /// How to reach it; its own variables are left out here.
    pub server: Server,
    /// Every variable of it, all layers merged. Templates in them are kept.
    pub variables: BTreeMap<String, Value>,
}

/// One module call on some servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Unique in the plan.
    pub id: StepId,
    /// What it is called on screens.
    pub name: String,
    /// `path:line` where it is written.
    pub place: String,
    /// The module.
    pub module: String,
    /// Its arguments, templates kept: some of them need facts or registered values.
    pub args: Value,
    /// Where.
    pub servers: Vec<ServerName>,
    /// The condition, if there is one.
    pub when: Option<String>,
    /// The loop's item, if it is one of a loop.
    pub item: Option<Value>,
    /// The name of its answer.
    pub register: Option<String>,
    /// Handlers that a change of it notifies.
    pub notify: Vec<StepId>,
    /// Further attempts after a failure.
    pub retries: u32,
    /// Seconds between attempts.
    pub delay_seconds: u32,
    /// Time limit of one attempt in seconds.
    pub timeout_seconds: u32,
    /// Account it runs as; root when absent.
    pub as_user: Option<String>,
    /// Part of the playbook; see [`PlannedStep::phase`].
    pub phase: Option<String>,
    /// Who starts it in a procedure.
    pub role: Option<Role>,
    /// Activities that it fulfils.
    pub procedure: Vec<String>,
    /// Variables that `use:` gave it.
    pub variables: BTreeMap<String, Value>,
}

/// How the installed version is observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedVersion {
    /// The servers that are asked.
    pub servers: Vec<ServerName>,
    /// Words of the command.
    pub run: Vec<String>,
    /// Account it runs as; the login user when absent.
    pub as_user: Option<String>,
}

/// What is stopped on one server; words and services rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedQuiesce {
    /// Where.
    pub server: ServerName,
    /// What, in the order of stopping.
    pub quiesce: Quiesce,
}

/// The backup that a run takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBackup {
    /// What is copied, in order.
    pub items: Vec<Item>,
    /// Parts that are left out, each with its written reason.
    pub left_out: Vec<Waiver>,
    /// How many backups stay.
    pub keep: Keep,
}

/// A check and where it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCheck {
    /// The check, templates in its question rendered.
    pub check: Check,
    /// Where.
    pub server: ServerName,
}

/// Consecutive steps with the same servers: each server goes through them at its own pace, and all
/// have finished before the next stretch starts anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// Where.
    pub servers: &'a [ServerName],
    /// What.
    pub steps: &'a [PlannedStep],
}

/// The phase of a step that names none.
pub const DEFAULT_PHASE: &str = "install";

impl PlannedStep {
    /// The part of the playbook that the step belongs to.
    #[must_use]
    pub fn phase(&self) -> &str {
        self.phase.as_deref().unwrap_or(DEFAULT_PHASE)
    }
}

impl Plan {
    /// The plan's digest.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(canonical(self)?.as_bytes()))
    }

    /// The steps in stretches.
    #[must_use]
    pub fn stretches(&self) -> Vec<Stretch<'_>> {
        self.steps
            .chunk_by(|one, next| one.servers == next.servers)
            .map(|steps| Stretch { servers: &steps[0].servers, steps })
            .collect()
    }

    /// The step or handler with this id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&PlannedStep> {
        self.steps.iter().chain(&self.handlers).find(|step| step.id == *id)
    }

    /// The servers that lie before `server`, the nearest to here first.
    #[must_use]
    pub fn way_to<'a>(&'a self, server: &'a Server) -> Vec<&'a Server> {
        way_to(server, |name| {
            let name = ServerName::parse(name).ok()?;
            let planned = self.servers.get(&name).map(|planned| &planned.server);
            planned.or_else(|| self.jumps.get(&name))
        })
    }

    /// The environment.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { name: self.environment.clone(), kind: self.environment_kind, policy: self.policy.clone() }
    }

    /// Whether anything but asking is in it.
    #[must_use]
    pub fn is_backup_alone(&self) -> bool {
        self.kind == PlaybookKind::Backup
    }
}
