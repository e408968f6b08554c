//! `esclusa init`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa init`.
#[derive(Args)]
pub struct InitArgs {}

/// Performs `esclusa init`.
pub async fn init(_global: &Global, _terminal: &Terminal, _args: InitArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
