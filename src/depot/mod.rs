//! Blobs by SHA-256: releases' files, artifacts, evidence and long outputs.
//!
//! What is in the depot is named by what it holds, so it is fetched once, every environment gets the
//! same bytes, and a file that somebody edited is refused when it is read. Secrets never get here.

mod blobs;
mod error;
mod intake;
mod output;
mod signature;
mod sums;

pub use blobs::{BlobWriter, Depot};
pub use error::DepotError;
pub use intake::{Progress, fetch_small};
pub use output::{CappedOutput, OUTPUT_BYTES_MAX};
pub use signature::{verify_gpg, verify_minisign};
pub use sums::{SumLine, SumsError, parse_sums, sum_of};
