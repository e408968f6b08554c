//! The whole program on real servers: what a promise says, tried until it would break.

mod claims;
mod faults;
mod gates;
mod ladder;
mod notes;
mod project;
mod secrets;
mod sudo;
mod teams;
mod wiki;
