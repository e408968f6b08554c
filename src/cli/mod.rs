//! The command line: one file per verb. Nobody uses this folder.

pub mod disk_files;
pub mod explain;
pub mod schema;
pub mod validate;
