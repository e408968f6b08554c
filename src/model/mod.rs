//! The nouns that every other folder shares: names, digests, values, time, servers, policies.
//!
//! Knows nothing of files, networks, clocks or databases; everything here is plain data.

pub mod canonical;
pub mod digest;
pub mod exit;
pub mod free_text;
pub mod kind;
pub mod name;
pub mod people;
pub mod policy;
pub mod redact;
pub mod script;
pub mod server;
pub mod time;
pub mod value;

pub use canonical::{CanonicalError, canonical};
pub use digest::Digest;
pub use exit::ExitCode;
pub use free_text::FreeText;
pub use kind::{EnvironmentKind, Language, PlaybookKind};
pub use name::*;
pub use people::{People, Person};
pub use policy::{ApproveRule, BackupRule, Policy, Window};
pub use redact::Redactor;
pub use script::{Answer, BlobRef, RunAs, Script, Status};
pub use server::{Become, HostKey, Server, way_to};
pub use time::Timestamp;
pub use value::Value;
