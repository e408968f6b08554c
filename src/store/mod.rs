//! The database: runs with their journals, leases and claims, gates with their decisions, the ledger,
//! backups and the outbox. SQLite for one control host, PostgreSQL for several controllers.
//!
//! Documents are canonical JSON text and states are labels: this folder knows nothing of what a run
//! means. It keeps four things true, whoever writes at the same time: an append is whole or absent,
//! only the holder of a run's newest lease appends, a server belongs to one run at a time, and what
//! was written once shows when it is edited or deleted.

mod account;
mod append;
mod backups;
mod claims;
mod database;
mod decisions;
mod documents;
mod error;
mod events;
mod gates;
mod leases;
mod ledger;
mod location;
mod machines;
mod opening;
mod outbox;
mod runs;
mod verify;

pub use account::account;
pub use append::{Append, EVENT_BYTES_MAX};
pub use backups::{BackupFilter, BackupMark, BackupRow};
pub use claims::{ClaimRow, Claimed};
pub use decisions::{DecisionRow, NewDecision};
pub use documents::DOCUMENT_BYTES_MAX;
pub use error::{NoRun, StoreError};
pub use events::EventRow;
pub use gates::{GateRow, NewGate};
pub use leases::{Lease, Taken};
pub use ledger::{LedgerHead, LedgerRow, NewLedgerEntry, PolicyRow};
pub use location::Location;
pub use opening::{FORMAT, Store};
pub use outbox::{Message, OUTBOX_HOLD_SECONDS, OutboxRow};
pub use runs::{NewRun, RunFilter, RunRow};
pub use verify::LedgerError;
