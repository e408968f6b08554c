//! `esclusa state`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa state`.
#[derive(Args)]
pub struct StateArgs {}

/// Performs `esclusa state`.
pub async fn state(_global: &Global, _terminal: &Terminal, _args: StateArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
