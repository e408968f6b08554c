//! What people and machines read.
//!
//! Everything that a person of the institution reads exists in Spanish and English; everything untrusted
//! passes through [`escape`]. Knows neither the store nor the terminal: it makes text of plain data.

pub mod changes;
pub mod deeds;
pub mod documents;
pub mod duration;
pub mod endings;
pub mod escape;
pub mod graph;
pub mod journal;
pub mod language;
pub mod lines;
pub mod moment;
pub mod roles;
pub mod sheet;
pub mod size;
pub mod table;

pub use sheet::Sheet;
