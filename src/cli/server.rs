//! `esclusa server`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa server`.
#[derive(Args)]
pub struct ServerArgs {}

/// Performs `esclusa server`.
pub async fn server(_global: &Global, _terminal: &Terminal, _args: ServerArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
