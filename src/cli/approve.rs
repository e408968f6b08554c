//! `esclusa approve`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa approve`.
#[derive(Args)]
pub struct ApproveArgs {}

/// Performs `esclusa approve`.
pub async fn approve(
    _global: &Global,
    _terminal: &Terminal,
    _args: ApproveArgs,
) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
