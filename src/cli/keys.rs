//! `esclusa keys`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa keys`.
#[derive(Args)]
pub struct KeysArgs {}

/// Performs `esclusa keys`.
pub async fn keys(_global: &Global, _terminal: &Terminal, _args: KeysArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
