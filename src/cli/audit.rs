//! `esclusa audit`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa audit`.
#[derive(Args)]
pub struct AuditArgs {}

/// Performs `esclusa audit`.
pub async fn audit(_global: &Global, _terminal: &Terminal, _args: AuditArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
