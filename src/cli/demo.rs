//! `esclusa demo`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa demo`.
#[derive(Args)]
pub struct DemoArgs {}

/// Arguments of the demonstration's own processes.
#[derive(Args)]
pub struct ProcessArgs {}

/// Performs `esclusa demo`.
pub async fn demo(_global: &Global, _terminal: &Terminal, _args: DemoArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}

/// Performs one of the demonstration's own processes.
pub async fn process(_args: ProcessArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
