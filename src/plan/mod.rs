//! Release, plan and prediction: the three digests that a decision names.
//!
//! A [`Release`] is what is promoted: the same bytes in every environment. A [`Plan`] is a release
//! on one environment, with nothing left to choose. A [`Prediction`] says what the plan would change
//! as the servers are now. All three are values; nothing here asks a server or reads a file.

mod artifact;
mod build;
mod digests;
mod prediction;
mod release;
mod render;
mod steps;

pub use artifact::{ArtifactRequest, RequestedSource, artifact_request, inputs};
pub use build::{BuildInput, RebuildInput, build, rebuild, server_scope};
pub use digests::{
    DEFAULT_PHASE, Place, Plan, PlannedBackup, PlannedCheck, PlannedQuiesce, PlannedServer, PlannedStep,
    PlannedVersion, Stretch,
};
pub use prediction::{Predicted, Prediction, Staleness};
pub use release::{Artifact, FileRef, Release, ReleaseFiles};
pub use render::{
    Ground, Known, Prepared, SECRET_MARK, SecretValues, Unready, planning_scope, prepare, scope, secrets_used,
};
pub use steps::expand;

use crate::expression::ExpressionError;

/// The version of the plan's format; a plan of another one is rebuilt, and continues only with
/// equal digests.
pub const PLAN_FORMAT: u32 = 1;

/// Says why no plan can be made of a release and an environment.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A template or condition cannot be evaluated.
    #[error("{place}: step `{step}`: {source}")]
    Expression {
        /// `path:line` of the step.
        place: String,
        /// Its id.
        step: String,
        /// What is wrong with it.
        source: ExpressionError,
    },
    /// A selector cannot be read.
    #[error("{place}: `{selector}` is not a selector: {why}")]
    Selector {
        /// Where it is written.
        place: String,
        /// Its text.
        selector: String,
        /// What is wrong with it.
        why: String,
    },
    /// The loop's value is neither a list nor a map.
    #[error("{place}: step `{step}`: `loop` is {kind}, expected a list or a map")]
    Loop {
        /// `path:line` of the step.
        place: String,
        /// Its id.
        step: String,
        /// What it is instead.
        kind: &'static str,
    },
    /// A variable of a server cannot be resolved.
    #[error("variables of server `{server}`: {why}")]
    Variables {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The value has no canonical form.
    #[error(transparent)]
    Canonical(#[from] crate::model::CanonicalError),
    /// The backup playbook does not fit the environment.
    #[error("backup: {0}")]
    Backup(String),
    /// A check cannot be asked of a server.
    #[error("check `{check}`: {why}")]
    Check {
        /// The check.
        check: String,
        /// What is wrong with it.
        why: String,
    },
    /// An input is missing, unknown or not as its pattern asks.
    #[error("input `{name}`: {why}")]
    Input {
        /// The input.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}
