//! `esclusa show`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa show`.
#[derive(Args)]
pub struct ShowArgs {}

/// Performs `esclusa show`.
pub async fn show(_global: &Global, _terminal: &Terminal, _args: ShowArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
