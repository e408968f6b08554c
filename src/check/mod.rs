//! Questions about a system that works, and their findings.
//!
//! Pure: it says what to ask and judges the answer. An answer that cannot be read is *unknown*,
//! never a number, and unknown is not good.

pub mod spec;

pub use spec::{Check, Condition, Expectation, Question};
