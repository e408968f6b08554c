//! The one integration binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod architecture;
mod documents;
mod lab;
mod modules;
mod procedure;
mod store;
mod support;
mod transport;
mod vault;
mod wiki;
