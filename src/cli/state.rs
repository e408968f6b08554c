//! `esclusa state`: Esclusa's own memory saved as one encrypted file, and brought back.

mod archive;
mod restore;
mod save;

use super::{CliError, Global, Terminal};
use crate::{model::ExitCode, store::LedgerHead};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of the saved form.
const FORMAT: u32 = 1;
/// What the file says of itself; the first entry.
const MANIFEST: &str = "manifest.json";
/// The database.
const DATABASE: &str = "esclusa.db";
/// The control host's key.
const IDENTITY: &str = "control.age";
/// Blobs are `depot/SHA256`.
const DEPOT: &str = "depot/";

/// Arguments of `esclusa state`.
#[derive(Args)]
pub struct StateArgs {
    #[command(subcommand)]
    verb: StateVerb,
}

#[derive(Subcommand)]
enum StateVerb {
    /// Save database, depot and the control host's key, encrypted to `vault.recipients`
    Backup {
        /// The file to write, which must not exist
        file: PathBuf,
    },
    /// Bring a saved state back into a project that has none
    Restore {
        /// The file
        file: PathBuf,
        /// File with a key that opens it, the recovery key for example; `-` reads standard input
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// What a saved state says of itself.
#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    store: String,
    saved_at: String,
    /// The ledger's end when the database was copied: what is brought back must have it.
    head: LedgerHead,
    blobs: usize,
}

/// Performs `esclusa state`.
pub async fn state(global: &Global, terminal: &Terminal, args: StateArgs) -> Result<ExitCode, CliError> {
    match args.verb {
        StateVerb::Backup { file } => save::save(global, terminal, file).await,
        StateVerb::Restore { file, key } => restore::restore(global, terminal, file, key).await,
    }
}
