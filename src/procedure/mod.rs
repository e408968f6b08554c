//! Procedures: graphs of activities with responsible roles, some of them automatic, some done,
//! decided, approved or waited for by people.
//!
//! A file becomes a [`Procedure`], whatever its graph looks like; [`lint()`] says what is wrong with the
//! graph. A run of a procedure is a fold over its events ([`ProcedureRun::apply`]); what to do next
//! is a pure function of it ([`decide()`]), and [`coverage()`] tells each activity's standing. This folder
//! knows no servers, no database and no clock.

pub mod activity;
mod answering;
pub mod coverage;
pub mod decide;
pub mod event;
pub mod field;
pub mod file;
pub mod form;
mod free_text;
pub mod graph;
pub mod kind;
pub mod lint;
mod lint_runs;
pub mod part;
pub mod refusal;
pub mod route;
pub mod seal;
pub mod staged;
pub mod state;
#[cfg(test)]
mod tests;

pub use activity::{
    Activity, ActivityId, Attempts, FieldKind, FieldSpec, Procedure, SEARCH, Search, Target, Targets, Text,
};
pub use coverage::{Covered, Standing, coverage};
pub use decide::{Effect, decide};
pub use event::{Answer, Event, ProcedureHeader};
pub use field::{FieldFault, field_faults};
pub use file::{PROCEDURE, Parsed, Reading, parse_procedure, read_procedure};
pub use form::{Form, Made};
pub use kind::{ActivityKind, Work};
pub use lint::{Finding, Rule, lint};
pub use refusal::Refusal;
pub use route::Took;
pub use seal::Seal;
pub use staged::StagedRun;
pub use state::{ProcedureRun, Record};
