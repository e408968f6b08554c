//! The command line: one file per verb.

pub mod disk_files;
pub mod explain;
pub mod schema;
pub mod validate;
