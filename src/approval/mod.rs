//! Policies, people, decisions, what people testify in procedures, and the signatures of both.
//!
//! Says who decides and whether they have. Fails closed: whatever cannot be verified is "not approved".
//! Knows neither the clock nor where anything is stored: time, people and decisions are arguments.

pub mod approved;
pub mod gate;
pub mod lint;
pub mod policy;
pub mod quorum;
pub mod refusal;
pub mod signature;
pub mod statement;
pub mod testimony;
pub mod verdict;
pub mod weakening;
pub mod window;

#[cfg(test)]
mod trial;

pub use approved::{Approved, Consent};
pub use gate::{Gate, Subject, eligible};
pub use lint::{GateFinding, lint};
pub use policy::{Judged, asking, in_force_after, may_run, people_digest, stricter};
pub use refusal::Refusal;
pub use signature::{KeyFingerprint, Purpose, SignError, key_fingerprint, verify_signature};
pub use signature::{assemble, public_half, sign, signed_bytes};
pub use statement::{Decision, STATEMENT_FORMAT, Statement};
pub use testimony::{Occasion, Testimony, TestimonyRefusal, Witness};
pub use verdict::{Caller, RecordedDecision, Verdict, Verified, admit, evaluate, verify};
pub use weakening::Weakening;
pub use window::Opening;
