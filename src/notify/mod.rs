//! Messages to people: stored in the outbox together with what they tell of, delivered afterwards by
//! the project's own command. A message that cannot be sent never stops or fails a run.
//!
//! Delivery is at least once: after a crash a message may come again, with the same `id`.

mod courier;
mod notice;
mod schedule;

pub use courier::{Courier, Delivered, DeliveryError};
pub use notice::{Notice, NoticeKind, Recipient};
pub use schedule::{AGE_SECONDS_MAX, ATTEMPTS_MAX, retry_after};
