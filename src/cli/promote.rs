//! `esclusa promote`: the next run of a release that has passed.

use super::{CliError, Global, Terminal, project, run};
use crate::{
    executor::{self, Opening, Patience, Site},
    model::{Digest, EnvironmentName, ExitCode, SystemName, Value},
    plan::Release,
    report::{escape, moment},
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

/// Most releases that a message lists.
const LISTED_MAX: usize = 10;

/// A release that passed in the environment before the wanted one on its route.
struct Passed {
    row: RunRow,
    version: Option<String>,
}

/// The newest run that passed in the environment before `to` on the route, of the release that is named.
async fn passed(
    site: &Site,
    system: &SystemName,
    to: &EnvironmentName,
    digest: Option<&str>,
) -> Result<RunRow, CliError> {
    let filter = RunFilter {
        system: Some(system.clone()),
        ended: Some(true),
        limit: Some(u32::MAX),
        ..RunFilter::default()
    };
    let rows = site.store.runs(&filter).await?;
    let mut all: Vec<Passed> = Vec::new();
    let mut before: Option<EnvironmentName> = None;
    for row in rows.into_iter().filter(|row| row.final_exit == Some(0)) {
        let changes = matches!(row.new.kind.as_str(), "install" | "update" | "maintenance");
        if !changes || all.iter().any(|one| one.row.new.release == row.new.release) {
            continue;
        }
        let release = executor::release(site, row.new.release).await?;
        let route = run::route(site, &release)?;
        let at = route.iter().position(|environment| environment == to).and_then(|at| at.checked_sub(1));
        let Some(there) = at.map(|at| &route[at]) else { continue };
        if *there == row.new.environment {
            before = before.or_else(|| Some(there.clone()));
            let version = release.inputs.get("version").and_then(Value::scalar);
            all.push(Passed { row, version });
        }
    }
    choose(all, site, (system, to, before.as_ref()), digest)
}

/// Refuses a system that the project does not have, rather than send somebody to run it.
fn refuse_unknown_system(site: &Site, system: &SystemName) -> Result<(), CliError> {
    let folder = site.root.join(&site.project.playbooks);
    if folder.join(system.as_str()).join("system.yaml").is_file() {
        return Ok(());
    }
    let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
    let systems = entries.filter(|entry| entry.path().join("system.yaml").is_file());
    let mut known: Vec<_> = systems.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    known.sort();
    known.truncate(20);
    let error = CliError::input(format!("there is no system `{system}` in this project"));
    Err(match known.is_empty() {
        true => error,
        false => error.hint(format!("it has {}", escape::visible(&known.join(", ")))),
    })
}

/// The release that is meant, of those that passed; the newest comes first.
fn choose(
    mut all: Vec<Passed>,
    site: &Site,
    (system, to, before): (&SystemName, &EnvironmentName, Option<&EnvironmentName>),
    digest: Option<&str>,
) -> Result<RunRow, CliError> {
    let Some(before) = before.filter(|_| !all.is_empty()) else {
        refuse_unknown_system(site, system)?;
        let words = format!("no release of `{system}` has passed in the environment before `{to}`");
        return Err(CliError::input(words)
            .hint(format!("run it there first: `esclusa run {system}/update --env ENVIRONMENT`")));
    };
    let Some(text) = digest else { return Ok(all.swap_remove(0).row) };
    let wanted = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    let is_meant = |one: &Passed| !wanted.is_empty() && one.row.new.release.to_string().starts_with(&wanted);
    let meant: Vec<usize> = (0..all.len()).filter(|at| is_meant(&all[*at])).collect();
    let shown = escape::capped(text, 80);
    let (words, listed): (String, Vec<&Passed>) = match meant.as_slice() {
        [only] => return Ok(all.swap_remove(*only).row),
        [] => {
            let words = format!("no release `{shown}` of `{system}` has passed in `{before}`");
            (words, all.iter().collect())
        }
        several => {
            let words = format!("`{shown}` is the start of {} releases of `{system}`", several.len());
            (words, several.iter().map(|at| &all[*at]).collect())
        }
    };
    let error = listed.iter().take(LISTED_MAX).fold(CliError::input(words), |error, one| {
        let at = moment::exact(one.row.ended_at.unwrap_or(one.row.opened_at), &site.project.zone);
        let version =
            one.version.as_deref().map(|version| format!(", version {}", escape::capped(version, 40)));
        let release = one.row.new.release.short();
        error.hint(format!("{release} passed {at}{}", version.unwrap_or_default()))
    });
    Err(match listed.len().saturating_sub(LISTED_MAX) {
        0 => error,
        more => error.hint(format!("{more} older ones: `esclusa history`")),
    })
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
