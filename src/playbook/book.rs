//! The contents of a playbook, with `use:` resolved and every key known.

use crate::model::{EnvironmentName, GroupName, PlaybookKind, Role, StepId, SystemName, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A playbook of any kind but backup (see `backup::BackupSpec`) and procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playbook {
    /// Path relative to the project's folder, with forward slashes.
    pub path: String,
    /// What it is for.
    pub kind: PlaybookKind,
    /// Whose playbook it is.
    pub system: SystemName,
    /// What it is called on screens; its path when absent.
    pub title: Option<String>,
    /// What the caller gives.
    pub inputs: BTreeMap<String, InputSpec>,
    /// Files that come from outside the project.
    pub artifacts: BTreeMap<String, ArtifactSpec>,
    /// What the servers must have.
    pub requires: Requires,
    /// Environments in the order of promotion; empty means only where it is told to run.
    pub route: Vec<EnvironmentName>,
    /// The lowest layer of variables.
    pub variables: BTreeMap<String, Value>,
    /// The steps in order; loops are not yet expanded.
    pub steps: Vec<Step>,
    /// Steps that run once, after the others, when notified.
    pub handlers: Vec<Step>,
}

/// A playbook that has no steps: what a backup alone, or a restore, is planned from.
#[must_use]
pub fn without_steps(path: &str, kind: PlaybookKind, system: &SystemName) -> Playbook {
    Playbook {
        path: path.to_owned(),
        kind,
        system: system.clone(),
        title: None,
        inputs: BTreeMap::new(),
        artifacts: BTreeMap::new(),
        requires: Requires::default(),
        route: Vec::new(),
        variables: BTreeMap::new(),
        steps: Vec::new(),
        handlers: Vec::new(),
    }
}

/// One module call, as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in its playbook.
    pub id: StepId,
    /// What it is called on screens.
    pub name: String,
    /// `path:line` of the step, for messages about it at run time.
    pub place: String,
    /// The module's name.
    pub module: String,
    /// The module's arguments; text may hold templates.
    pub args: Value,
    /// Selector: words, `and`, `or`, `not`, parentheses over groups, server names and `all`.
    pub at: String,
    /// An expression that yields a boolean.
    pub when: Option<String>,
    /// Values to repeat the step for: a list, a map (items `{key, value}`), or an expression that
    /// yields one; known when planning.
    pub repeat: Option<Value>,
    /// The name under which its answer is known to later steps.
    pub register: Option<String>,
    /// Handlers to run when it changed something.
    pub notify: Vec<StepId>,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// Seconds between two attempts.
    pub delay_seconds: u32,
    /// Time limit of its change in seconds.
    pub timeout_seconds: u32,
    /// Account to run as; the server's way of becoming root when absent.
    pub as_user: Option<String>,
    /// Part of the playbook that a procedure can call.
    pub phase: Option<String>,
    /// The person's role that starts it in a procedure.
    pub role: Option<Role>,
    /// Numbers of the procedure's activities that it fulfils.
    pub procedure: Vec<String>,
    /// Variables that a `use:` gave it; they win over every layer but inputs.
    pub variables: BTreeMap<String, Value>,
}

/// What the caller may or must give.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSpec {
    /// Whether it must be given.
    pub required: bool,
    /// The value when it is not given.
    pub default: Option<Value>,
    /// A regular expression that the whole value must match.
    pub pattern: Option<String>,
    /// The only values allowed, when there are any.
    pub choices: Vec<String>,
    /// What it means.
    pub description: Option<String>,
}

/// A file from outside the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactSpec {
    /// Where it is; may hold templates over the inputs.
    pub source: ArtifactSource,
    /// What it must be.
    pub sha256: Sha256Source,
    /// A signature to verify.
    pub signature: Option<SignatureSpec>,
    /// Who provides it.
    pub origin: Option<ArtifactOrigin>,
    /// SPDX expression of its licence, checked against the project's allow-list.
    pub licence: Option<String>,
    /// Manuals that are kept beside it: paths or URLs.
    pub manuals: Vec<String>,
}

/// Who provides an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactOrigin {
    /// A public platform.
    Platform,
    /// The institution's development group.
    Development,
    /// A vendor.
    Vendor,
}

/// Where an artifact is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactSource {
    /// A path relative to the project's folder.
    Path(String),
    /// An `https:` or `http:` address.
    Url(String),
}

/// Where an artifact's digest is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sha256Source {
    /// 64 hexadecimal digits; may be a template.
    Value(String),
    /// A digest for each value of the input `version`.
    PerVersion(BTreeMap<String, String>),
    /// A file in the format of `sha256sum`, relative to the project's folder.
    From(String),
}

/// A detached signature and the key that must have made it.
#[expect(missing_docs, reason = "the fields are the keys of the file, explained at each variant")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureSpec {
    /// minisign: signature file (path or URL) and public key (its base64 line).
    Minisign { signature: String, key: String },
    /// GPG: detached signature (path or URL) and keyring file of the project.
    Gpg { signature: String, keyring: String },
}

/// What every selected server must have before anything starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requires {
    /// Bytes of memory in all.
    pub memory_bytes: Option<u64>,
    /// Free bytes on the file system of each path.
    pub disk_free_bytes: BTreeMap<String, u64>,
    /// Operating systems, any of them: `debian >= 12`.
    pub os: Vec<String>,
    /// Commands that must be found.
    pub commands: Vec<String>,
    /// Groups that must have at least one server.
    pub groups: Vec<GroupName>,
}
