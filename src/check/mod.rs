//! Questions about a system that works, and their findings.
//!
//! Pure: it says what to ask and judges the answer. An answer that cannot be read is *unknown*,
//! never a number, and unknown is not good. Questions that go over a connection (http, tcp,
//! certificate) are measured by whoever holds the connection and judged here all the same.

pub mod groups;
pub mod judge;
pub mod measure;
pub mod question;
pub mod spec;
pub mod unit;

pub use judge::{Finding, FindingLine, Verdict, judge};
pub use measure::{Measured, Measurements, STATISTICS, statistic};
pub use spec::{Check, Condition, Expectation, Port, Question};
