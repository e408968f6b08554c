//! `esclusa backup` and `esclusa backups`.

use super::{
    CliError, Format, Global, Terminal, project,
    records::{Door, Records},
    run,
};
use crate::{
    executor::{self, Opening, Patience},
    model::{EnvironmentName, ExitCode, Language, SystemName},
    report::{escape, language::records as say, lines::Lines, moment, size},
    run::Goal,
    store::{BackupFilter, BackupRow},
};
use clap::Args;
use serde_json::{Value as Json, json};

/// Columns of a moment.
const MOMENT_COLUMNS: usize = 16;

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
    #[command(flatten)]
    door: Door,
}

/// Performs `esclusa backups`.
pub async fn backups(global: &Global, terminal: &Terminal, args: BackupsArgs) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let language = records.language(terminal, None);
    let bad = |error: crate::model::NameError| CliError::input(error.to_string());
    let filter = BackupFilter {
        system: args.system.as_deref().map(SystemName::parse).transpose().map_err(bad)?,
        environment: args.env.as_deref().map(EnvironmentName::parse).transpose().map_err(bad)?,
        ..BackupFilter::default()
    };
    let rows = records.store.backups(&filter).await?;
    if rows.is_empty() {
        records.known(filter.system.as_ref(), filter.environment.as_ref(), language).await?;
    }
    if terminal.format == Format::Json {
        let list: Vec<_> = rows.iter().map(document).collect();
        terminal.json(&json!({ "backups": list }));
    } else if rows.is_empty() {
        terminal.result(&say::no_backups(language));
    } else {
        let mut lines = Lines::default();
        for row in &rows {
            describe(row, &records.zone, language, &mut lines);
        }
        terminal.result(&lines.text());
    }
    Ok(ExitCode::Done)
}

fn describe(row: &BackupRow, zone: &str, language: Language, lines: &mut Lines) {
    let state = match (&row.broken, row.verified_at) {
        (Some(why), _) => say::backup_broken(language, escape::capped(why, 200)),
        (None, Some(_)) => say::backup_verified(language),
        (None, None) => say::backup_unverified(language),
    };
    let what = say::system_in(language, &row.system, &row.environment);
    let size = size::words(row.size_bytes, language);
    let when = moment::short(row.taken_at, zone);
    lines.named(&when, MOMENT_COLUMNS, &format!("{what}: {size}, {state}"));
    // The id as it is given to `restore`.
    lines.named("", MOMENT_COLUMNS, &format!("esclusa restore {}", row.id));
}

fn document(row: &BackupRow) -> Json {
    json!({
        "id": row.id, "run": row.run, "system": row.system, "environment": row.environment,
        "taken_at": row.taken_at.to_string(), "size_bytes": row.size_bytes,
        "verified": row.verified_at.is_some() && row.broken.is_none(), "broken": row.broken,
    })
}
