//! Procedures' runs: opened, replayed and taken as far as they go without a person.
//!
//! They lie beside the other runs, under the same leases and in the same kind of journal. While a
//! person is waited for no process lives; whoever answers takes the run on.

mod advance;
mod answer;
mod approval;
mod checks;
mod document;
pub mod fulfilled;
mod open;
mod pen;
mod search;
mod signing;
mod staged;
mod subordinate;
mod telling;

pub use advance::{go_on, go_on_all};
pub use answer::{Attached, Deed, answer, cancel, roles_of};
pub use approval::given_by_caller;
pub use open::{Request, Stored, load, open, parse};
pub use signing::{Draft, draft};

/// The kind of a procedure's run in the store.
pub const KIND: &str = "procedure";

/// What stands in the place of an environment: a procedure goes through several.
pub const ENVIRONMENT: &str = "procedures";
