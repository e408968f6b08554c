//! The project file, the inventory of environments and servers, and the people file.
//!
//! Each kind of file has its shape, which editors get as JSON Schema, and its reading into types.

pub mod environment;
pub mod environment_file;
mod jumps;
pub mod people_file;
pub mod policy_file;
pub mod project;
pub mod project_file;
pub mod ssh_key;
pub mod variables;

pub use environment::{Environment, Inventory};
pub use environment_file::{INVENTORY, parse_inventory, read_inventory};
pub use people_file::{PEOPLE, parse_people};
pub use policy_file::default_policy;
pub use project::{NotifySpec, Project, SecretSource, VaultSpec};
pub use project_file::{PROJECT, parse_project, read_project};
