//! What several integration tests stand on: the lab of real servers and a slow line.

pub mod lab;
pub mod slow_line;
