//! `esclusa history`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa history`.
#[derive(Args)]
pub struct HistoryArgs {}

/// Performs `esclusa history`.
pub async fn history(
    _global: &Global,
    _terminal: &Terminal,
    _args: HistoryArgs,
) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
