//! Playbooks, their steps, inputs and artifacts.

pub mod book;

pub use book::{
    ArtifactOrigin, ArtifactSource, ArtifactSpec, InputSpec, Playbook, Requires, Sha256Source, SignatureSpec,
    Step,
};
