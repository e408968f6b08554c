//! The one integration binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

mod admin;
mod approve;
mod architecture;
mod demo;
mod documents;
mod input;
mod lab;
mod modules;
mod policy;
mod procedure;
mod procedures;
mod scenarios;
mod store;
mod support;
mod transport;
mod vault;
mod wiki;
