//! `esclusa restore`: puts a backup back, through the environment's gate.

use super::{CliError, Global, Terminal, project, run};
use crate::{
    backup::{BackupId, Part, travels},
    executor::{self, ExecutorError, Opening},
    model::{EnvironmentKind, ExitCode, Language},
    report::{escape, moment, size},
    run::Goal,
};
use clap::Args;

/// Arguments of `esclusa restore`.
#[derive(Args)]
pub struct RestoreArgs {
    /// The backup: its id or the first characters of it, see `esclusa backups`
    backup: String,
    /// Put it back there instead of where it was taken: a rehearsal, on servers of the same parts
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Option<String>,
    #[command(flatten)]
    waiting: run::Waiting,
    /// Why, for those who decide and for the record
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// Performs `esclusa restore`.
pub async fn restore(global: &Global, terminal: &Terminal, args: RestoreArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let rows = site.store.backups(&crate::store::BackupFilter::default()).await?;
    let mut found = rows.into_iter().filter(|row| row.id.starts_with(&args.backup));
    let row = match (found.next(), found.next()) {
        (Some(row), None) => row,
        (None, _) => {
            return Err(CliError::input(format!("there is no backup `{}`", args.backup))
                .hint("see `esclusa backups`"));
        }
        (Some(_), Some(_)) => {
            return Err(CliError::input(format!("`{}` begins the ids of several backups", args.backup)));
        }
    };
    let production = site.environment(&row.environment)?.kind == EnvironmentKind::Production;
    let id = BackupId::parse(&row.id).map_err(|error| CliError::input(error.to_string()))?;
    let manifest = site.vault(production).await?.manifest(&id).await.map_err(ExecutorError::from)?;
    terminal.note(&format!(
        "backup {} of {} in {}, taken {}:",
        row.id,
        row.system,
        row.environment,
        moment::short(row.taken_at, &site.project.zone)
    ));
    let elsewhere = args.env.as_ref().is_some_and(|name| *name != row.environment.as_str());
    let goes = |part| part != Part::Logs && (!elsewhere || travels(part));
    for item in manifest.items.iter().filter(|item| goes(item.item.part)) {
        terminal.note(&format!(
            "  {}  {}",
            escape::visible(&item.item.id),
            size::words(item.size, Language::En)
        ));
    }
    let there = args.env.as_ref().map(|name| format!("in {name} ")).unwrap_or_default();
    terminal.note(&format!(
        "what is there {there}now is copied first; then it is replaced by what the backup holds."
    ));
    let release = executor::take_in_system(&site, &row.system).await?;
    let environment = match &args.env {
        Some(name) => run::name(&site, name)?,
        None => row.environment,
    };
    let opening = Opening { why: args.why, ..Opening::new(Goal::Restore { backup: row.id }, environment) };
    let id = executor::open(&site, &release, opening).await?;
    run::follow(&site, terminal, &id, args.waiting.patience(), &run::interrupt(terminal)).await
}
