//! A run's journal as a state machine.
//!
//! State is a fold over events ([`Run::apply`]); what to do next is a pure function of it
//! ([`decide`]). A change needs a [`Permit`], which only [`decide`] makes, from an approval that
//! holds and from a way back. This folder knows no servers, no database and no clock.

mod decide;
mod ending;
mod event;
mod free_text;
mod header;
mod permit;
mod phase;
mod promise;
mod stage;
mod state;
#[cfg(test)]
mod tests;
mod told;

pub use decide::{Effect, Evidence, decide};
pub use ending::Ending;
pub use event::{CancelChoice, Event, Failure, FindingSummary, Observed, StepEnd};
pub use header::{Goal, RunHeader};
pub use permit::{Permit, RestorePermit, WayBack};
pub use phase::{BackupState, InFlight, Phase, StepState};
pub use stage::Stage;
pub use state::{Run, RunError};
