//! The data sheet of a system (*ficha*).

pub mod sheet;

pub use sheet::{Origin, Owner, SystemSheet, VersionProbe};
