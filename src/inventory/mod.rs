//! The project file, the inventory of environments and servers, and the people file.

pub mod environment;
pub mod project;

pub use environment::{Environment, Inventory};
pub use project::{NotifySpec, Project, SecretSource, VaultSpec};
