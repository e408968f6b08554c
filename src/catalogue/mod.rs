//! The catalogue of systems: the data sheets of a project, and the search in them.
//!
//! A search folds case and accents, wants every word, and finds words by their beginning.

pub mod entry;
mod fold;
pub mod search;

pub use entry::{Catalogue, Entry};
pub use search::{Hit, Matched, Part, search, words};
