//! `esclusa promote`: the next run of a release that has passed.

use super::{CliError, Global, Terminal, project, run};
use crate::{
    executor::{self, Opening, Patience, Site},
    model::{Digest, EnvironmentName, ExitCode, SystemName},
    plan::Release,
    run::Goal,
    store::{RunFilter, RunRow},
};
use clap::Args;

/// Arguments of `esclusa promote`.
#[derive(Args)]
pub struct PromoteArgs {
    /// The system
    system: String,
    /// Where to
    #[arg(long, value_name = "ENVIRONMENT")]
    to: String,
    /// The release, by the first digits of its digest; the newest that passed otherwise
    #[arg(long, value_name = "DIGEST")]
    release: Option<String>,
    #[command(flatten)]
    waiting: run::Waiting,
    /// Do not drive the run: leave it waiting and end with 10, whoever may drive it later
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Why, for those who decide and for the record
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// Performs `esclusa promote`.
pub async fn promote(global: &Global, terminal: &Terminal, args: PromoteArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let system = SystemName::parse(&args.system).map_err(|error| CliError::input(error.to_string()))?;
    let to = run::name(&site, &args.to)?;
    let passed = passed(&site, &system, &to, args.release.as_deref()).await?;
    let release = executor::release(&site, passed.new.release).await?;
    let opening =
        Opening { why: args.why, route: passed.new.route.clone(), ..Opening::new(Goal::Change, to) };
    let id = executor::open(&site, &release, opening).await?;
    let patience = if args.no_wait { Patience::NONE } else { args.waiting.patience() };
    run::follow(&site, terminal, &id, patience, &run::interrupt(terminal)).await
}

/// The newest run that passed in the environment before `to` on the route.
async fn passed(
    site: &Site,
    system: &SystemName,
    to: &EnvironmentName,
    digest: Option<&str>,
) -> Result<RunRow, CliError> {
    let filter = RunFilter { system: Some(system.clone()), ended: Some(true), ..RunFilter::default() };
    let rows = site.store.runs(&filter).await?;
    let wanted = |row: &RunRow| digest.is_none_or(|text| row.new.release.to_string().starts_with(text));
    for row in rows.into_iter().filter(|row| row.final_exit == Some(0) && wanted(row)) {
        if !matches!(row.new.kind.as_str(), "install" | "update" | "maintenance") {
            continue;
        }
        let release = executor::release(site, row.new.release).await?;
        let route = run::route(site, &release)?;
        let before = route.iter().position(|environment| environment == to).and_then(|at| at.checked_sub(1));
        if before.is_some_and(|at| route[at] == row.new.environment) {
            return Ok(row);
        }
    }
    Err(CliError::input(format!("no release of `{system}` has passed in the environment before `{to}`"))
        .hint(format!("run it there first: `esclusa run {system}/update --to ENVIRONMENT`")))
}

/// The route that the release's playbook writes.
pub fn written_route(site: &Site, release: &Release) -> Result<Vec<EnvironmentName>, CliError> {
    let digest = release.files.get(&release.playbook).map(|file| file.digest);
    let Some(digest) = digest else { return Ok(Vec::new()) };
    let text = read(site, digest)?;
    let source = crate::document::Source::from_bytes(&release.playbook, &text)
        .map_err(|diagnostic| CliError::report(diagnostic.render(false)))?;
    let files = executor::ProjectFiles::new(&site.root);
    let mut diagnostics = crate::document::Diagnostics::default();
    let parsed = crate::playbook::parse_playbook(&source, &files, crate::module::SHAPES, &mut diagnostics);
    Ok(parsed.map(|parsed| parsed.playbook.route).unwrap_or_default())
}

fn read(site: &Site, digest: Digest) -> Result<Vec<u8>, CliError> {
    site.depot.read(&digest, 1 << 20).map_err(|error| CliError::failed(error.to_string()))
}
