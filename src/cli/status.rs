//! `esclusa status`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa status`.
#[derive(Args)]
pub struct StatusArgs {}

/// Performs `esclusa status`.
pub async fn status(_global: &Global, _terminal: &Terminal, _args: StatusArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
