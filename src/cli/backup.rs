//! `esclusa backup` and `esclusa backups`.

use super::{CliError, Format, Global, Terminal, project, run};
use crate::{
    executor::{self, Opening, Patience},
    model::{ExitCode, Language, SystemName},
    report::{moment, size, table::Table},
    run::Goal,
    store::BackupFilter,
};
use clap::Args;
use serde_json::json;

/// Arguments of `esclusa backup`.
#[derive(Args)]
pub struct BackupArgs {
    /// The system
    system: String,
    /// The environment
    #[arg(long, value_name = "ENVIRONMENT")]
    env: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// Performs `esclusa backup`.
pub async fn backup(global: &Global, terminal: &Terminal, args: BackupArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let system = SystemName::parse(&args.system).map_err(|error| CliError::input(error.to_string()))?;
    let environment = run::name(&site, &args.env)?;
    let release = executor::take_in_system(&site, &system).await?;
    let opening = Opening { why: args.why, ..Opening::new(Goal::Backup, environment) };
    let id = executor::open(&site, &release, opening).await?;
    run::follow(&site, terminal, &id, Patience::NONE, &run::interrupt(terminal)).await
}

/// Arguments of `esclusa backups`.
#[derive(Args)]
pub struct BackupsArgs {
    /// Only this system
    system: Option<String>,
    /// Only this environment
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Option<String>,
}

/// Performs `esclusa backups`.
pub async fn backups(global: &Global, terminal: &Terminal, args: BackupsArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let filter = BackupFilter {
        system: args
            .system
            .map(|text| SystemName::parse(&text))
            .transpose()
            .map_err(|error| CliError::input(error.to_string()))?,
        environment: args.env.map(|text| run::name(&site, &text)).transpose()?,
        ..BackupFilter::default()
    };
    let rows = site.store.backups(&filter).await?;
    if terminal.format == Format::Json {
        let list: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "id": row.id, "run": row.run, "system": row.system, "environment": row.environment,
                    "taken_at": row.taken_at.to_string(), "size_bytes": row.size_bytes,
                    "verified": row.verified_at.is_some() && row.broken.is_none(), "broken": row.broken,
                })
            })
            .collect();
        terminal.json(&json!({ "backups": list }));
        return Ok(ExitCode::Done);
    }
    if rows.is_empty() {
        terminal.note("no backups.");
        return Ok(ExitCode::Done);
    }
    let mut table = Table::new(&["taken", "system", "environment", "size", "state"]);
    let mut ids = String::new();
    for row in &rows {
        let state = match (&row.broken, row.verified_at) {
            (Some(_), _) => "broken",
            (None, Some(_)) => "verified",
            (None, None) => "unverified",
        };
        table = table.row(vec![
            moment::short(row.taken_at, &site.project.zone),
            row.system.to_string(),
            row.environment.to_string(),
            size::words(row.size_bytes, Language::En),
            state.to_owned(),
        ]);
        ids.push_str(&format!("{}  {}\n", moment::short(row.taken_at, &site.project.zone), row.id));
    }
    terminal.result(&table.render(80));
    terminal.result(&format!("\n{ids}"));
    Ok(ExitCode::Done)
}
