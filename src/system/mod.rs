//! The data sheet of a system (*ficha*).

pub mod check_file;
pub mod sheet;
pub mod sheet_file;

pub use sheet::{Origin, Owner, SystemSheet, VersionProbe};
pub use sheet_file::{SHEET, parse_sheet, read_sheet};
