//! `esclusa trust`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa trust`.
#[derive(Args)]
pub struct TrustArgs {}

/// Performs `esclusa trust`.
pub async fn trust(_global: &Global, _terminal: &Terminal, _args: TrustArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
