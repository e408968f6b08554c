//! `esclusa check`: asks the checks of a system.

use super::{CliError, Format, Global, Terminal, junit, progress, project, run};
use crate::{
    check::groups,
    executor::{self, Loaded, fleet::Fleet, interrupt::Interrupt},
    model::{ExitCode, SystemName},
    report::{escape, journal, language::journal as say, lines::Lines},
};
use clap::Args;
use serde_json::json;

/// Longest text of a finding, in columns.
const FINDING_COLUMNS_MAX: usize = 2_000;

/// Arguments of `esclusa check`.
#[derive(Args)]
pub struct CheckArgs {
    /// The system
    system: String,
    /// The environment
    #[arg(long, value_name = "ENVIRONMENT")]
    env: String,
    /// Only the checks of this group; as often as needed
    #[arg(long = "group", value_name = "GROUP", value_parser = clap::builder::PossibleValuesParser::new(groups::WORDS))]
    groups: Vec<String>,
}

/// Performs `esclusa check`.
pub async fn check(global: &Global, terminal: &Terminal, args: CheckArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let system = SystemName::parse(&args.system).map_err(|error| CliError::input(error.to_string()))?;
    let environment = run::name(&site, &args.env)?;
    let release = executor::take_in_system(&site, &system).await?;
    let plan = executor::plan(&site, &release, &environment, &[]).await?;
    let digest = plan.digest().map_err(|error| CliError::failed(error.to_string()))?;
    let loaded = Loaded::of(&site, digest).await?;
    let fleet = Fleet::asking(&site, &loaded.plan);
    let findings = executor::verify(&site, &loaded, &fleet, &Interrupt::never(), &args.groups).await?;
    fleet.close().await;
    if findings.is_empty() && !args.groups.is_empty() {
        let groups = args.groups.join(", ");
        let message = format!("`{system}` has no check of the group {groups} in `{environment}`");
        return Err(CliError::input(message).hint("give checks of its data sheet these `groups:`"));
    }
    let good = findings.iter().all(|finding| finding.verdict == "good");
    let code = if good { ExitCode::Done } else { ExitCode::Failed };
    match terminal.format {
        Format::Json => terminal.json(&json!({
            "exit": code.number(), "system": system, "environment": environment, "findings": findings,
        })),
        Format::Junit => terminal.result(&junit::checks(&system, &environment, &findings)),
        Format::Text => {
            let language = progress::site_language(terminal, &site);
            let mut lines = Lines::default();
            for finding in &findings {
                lines.entry(&escape::capped(&journal::finding_words(finding, language), FINDING_COLUMNS_MAX));
            }
            lines.entry(&match good {
                true => say::checks_all_good(language),
                false => say::checks_not_all_good(language),
            });
            terminal.result(&lines.text());
        }
    }
    Ok(code)
}
