//! `esclusa secret`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa secret`.
#[derive(Args)]
pub struct SecretArgs {}

/// Performs `esclusa secret`.
pub async fn secret(_global: &Global, _terminal: &Terminal, _args: SecretArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
