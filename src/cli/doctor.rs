//! `esclusa doctor`.

use super::{CliError, Global, Terminal};
use crate::model::ExitCode;
use clap::Args;

/// Arguments of `esclusa doctor`.
#[derive(Args)]
pub struct DoctorArgs {}

/// Performs `esclusa doctor`.
pub async fn doctor(_global: &Global, _terminal: &Terminal, _args: DoctorArgs) -> Result<ExitCode, CliError> {
    Err(CliError::failed("not built yet"))
}
