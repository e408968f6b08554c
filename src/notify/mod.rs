//! Messages to people, through the outbox.
