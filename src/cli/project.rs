//! Finds the project, reads its files, opens its doors.

use super::{CliError, Global, Terminal};
use crate::{
    document::{Diagnostics, Source},
    executor::{ProjectFiles, Site},
    inventory::{Inventory, Project, parse_inventory, parse_people, parse_project},
    model::People,
};
use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
};

pub use crate::store::account;

/// The name of the file that marks a project.
pub const PROJECT_FILE: &str = "esclusa.yaml";

/// The files of a project, read.
pub struct Read {
    /// Its folder.
    pub root: PathBuf,
    /// The project file.
    pub project: Project,
    /// The inventory.
    pub inventory: Inventory,
    /// The people file.
    pub people: People,
}

/// Finds the project's folder: the one given, or the nearest one upwards with an esclusa.yaml.
pub fn root(global: &Global) -> Result<PathBuf, CliError> {
    let start = match &global.project {
        Some(given) => given.clone(),
        None => std::env::current_dir()
            .map_err(|error| CliError::input(format!("the current folder: {error}")))?,
    };
    let start =
        start.canonicalize().map_err(|error| CliError::input(format!("`{}`: {error}", start.display())))?;
    let found = if global.project.is_some() {
        start.join(PROJECT_FILE).is_file().then(|| start.clone())
    } else {
        start.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file()).map(Path::to_owned)
    };
    found.ok_or_else(|| {
        CliError::input(format!("there is no `{PROJECT_FILE}` in `{}`", start.display()))
            .hint("make a project with `esclusa init SYSTEM`, or name one with `--project DIR`")
    })
}

/// Reads the project's own files; all errors of all of them at once.
pub fn read(global: &Global) -> Result<Read, CliError> {
    let root = root(global)?;
    let files = ProjectFiles::new(&root);
    let mut diagnostics = Diagnostics::default();
    let project = source(&files, PROJECT_FILE, &mut diagnostics)
        .and_then(|source| parse_project(&source, &mut diagnostics));
    let Some(project) = project else { return Err(CliError::report(diagnostics.render(false))) };
    let inventory = source(&files, &project.inventory, &mut diagnostics)
        .and_then(|source| parse_inventory(&source, &project.zone, &mut diagnostics));
    let people = source(&files, &project.people, &mut diagnostics)
        .and_then(|source| parse_people(&source, &mut diagnostics));
    match (inventory, people) {
        (Some(inventory), Some(people)) if !diagnostics.has_errors() => {
            Ok(Read { root, project, inventory, people })
        }
        _ => Err(CliError::report(diagnostics.render(false))),
    }
}

/// The project file as it is now, for whoever changes it.
pub fn reread(read: &Read) -> Result<Project, CliError> {
    let mut diagnostics = Diagnostics::default();
    source(&ProjectFiles::new(&read.root), PROJECT_FILE, &mut diagnostics)
        .and_then(|source| parse_project(&source, &mut diagnostics))
        .ok_or_else(|| CliError::report(diagnostics.render(false)))
}

fn source(files: &ProjectFiles, path: &str, diagnostics: &mut Diagnostics) -> Option<Source> {
    Source::read(files, path, diagnostics)
}

/// Opens the project with everything around it.
pub async fn open(global: &Global) -> Result<Site, CliError> {
    let read = read(global)?;
    refuse_throw_away_store(&read)?;
    let mut site = Site::open(&read.root, read.project, read.inventory, read.people, account()).await?;
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        site.ask = Some(std::sync::Arc::new(Terminal::password));
    }
    Ok(site)
}

/// A pipeline's runner is thrown away after the job, and with it a store in its files: the next job
/// would find neither gate nor backup.
fn refuse_throw_away_store(read: &Read) -> Result<(), CliError> {
    let ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    let runner = ["GITLAB_CI", "GITHUB_ACTIONS", "JENKINS_URL", "TF_BUILD", "BUILDKITE"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let kept = std::env::var_os("ESCLUSA_STORE_IS_KEPT").is_some();
    if ci
        && !kept
        && (runner || std::env::var_os("ESCLUSA_DEMO").is_none())
        && read.project.database.starts_with("sqlite:")
    {
        return Err(CliError::input(
            "the store would lie in the files of a pipeline's runner, which are thrown away",
        )
        .hint("ask the control host instead: `ssh control esclusa promote SYSTEM --to ENVIRONMENT --no-wait`")
        .hint(
            "or use a PostgreSQL database; where this runner's files are kept, set ESCLUSA_STORE_IS_KEPT=1",
        ));
    }
    Ok(())
}
