//! Playbooks, their steps, inputs and artifacts.

pub mod artifact_file;
pub mod backup_file;
pub mod book;
pub mod playbook_file;
pub mod step_file;
pub mod use_file;
pub mod validate;
pub mod variables;

pub use backup_file::{BACKUP, parse_backup};
pub use book::{
    ArtifactOrigin, ArtifactSource, ArtifactSpec, InputSpec, Playbook, Requires, Sha256Source, SignatureSpec,
    Step, without_steps,
};
pub use playbook_file::{PLAYBOOK, Parsed, StepSource, parse_playbook, read_playbook};
pub use variables::{Layer, Resolved, resolve};
