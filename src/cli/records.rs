//! The door of the verbs that read the record and decide: a project's database, or a database alone.
//!
//! Opens neither depot nor vault nor any file that only the one who runs needs: a director has none.

use super::{CliError, Global, Terminal, procedural, project};
use crate::{
    executor::{self, ExecutorError, sheet},
    inventory::Project,
    model::{EnvironmentName, Language, People, Person, RunId, SystemName},
    report::language::records as say,
    run::Run,
    secret,
    store::{Location, NoRun, RunFilter, RunRow, Store, StoreError},
};
use clap::Args;
use std::{collections::BTreeSet, path::PathBuf};

/// Which database.
#[derive(Args, Clone)]
pub struct Door {
    /// Only this database, without a project: sqlite:PATH or postgres://user@host/database
    #[arg(long, env = "ESCLUSA_DATABASE", value_name = "URL")]
    database: Option<String>,
}

/// The record, open.
pub struct Records {
    /// The database.
    pub store: Store,
    /// The project's folder and file, where there is one.
    pub project: Option<(PathBuf, Project)>,
    /// The people file as it is now, where there is a project.
    pub people: Option<People>,
    /// The operating-system account of this process.
    pub account: String,
    /// Its login in the database, where that has logins.
    pub login: Option<String>,
    /// The institution's time zone.
    pub zone: String,
    institution: Language,
    /// The environments of the inventory, where there is a project.
    environments: Vec<EnvironmentName>,
}

impl Records {
    /// Opens the database that was named, or the project's.
    pub async fn open(global: &Global, door: &Door) -> Result<Self, CliError> {
        let (store, project, people, environments) = match &door.database {
            Some(url) => {
                let here = std::env::current_dir()
                    .map_err(|error| CliError::input(format!("the current folder: {error}")))?;
                (open(&Location::parse(url, &here, None)?).await?, None, None, Vec::new())
            }
            None => {
                let read = project::read(global)
                    .map_err(|error| error.hint("or name the database alone with `--database URL`"))?;
                let password = match &read.project.database_password {
                    Some(name) => Some(password(&read, name).await?),
                    None => None,
                };
                let location = Location::parse(&read.project.database, &read.root, password)?;
                let environments = read.inventory.environments.into_iter().map(|one| one.name).collect();
                let project = Some((read.root, read.project));
                (open(&location).await?, project, Some(read.people), environments)
            }
        };
        let (zone, institution) = match &project {
            Some((_, project)) => (project.zone.clone(), project.language),
            None => (
                store.meta(sheet::ZONE).await?.unwrap_or_else(|| "UTC".to_owned()),
                store
                    .meta(sheet::LANGUAGE)
                    .await?
                    .and_then(|text| Language::parse(&text))
                    .unwrap_or(Language::Es),
            ),
        };
        let login = store.database_login().await?;
        let account = project::account();
        Ok(Self { store, project, people, account, login, zone, institution, environments })
    }

    /// Whom a people file knows this process as; only for its language, never for a right.
    #[must_use]
    pub fn caller<'a>(&self, people: &'a People) -> Option<&'a Person> {
        match &self.login {
            Some(login) => people.0.values().find(|one| one.database_login.as_ref() == Some(login)),
            None => people.by_account(&self.account),
        }
    }

    /// The language to speak with `person`, or with whoever calls.
    #[must_use]
    pub fn language(&self, terminal: &Terminal, person: Option<&Person>) -> Language {
        let caller = self.people.as_ref().and_then(|people| self.caller(people));
        let language = person.or(caller).and_then(|person| person.language);
        terminal.language(language, self.institution)
    }

    /// The run that a text names, replayed.
    pub async fn run(&self, text: &str, language: Language) -> Result<(RunRow, Run), CliError> {
        let row = self.find(text, language).await?;
        if procedural::is_one(&row) {
            let id = &row.new.id;
            return Err(CliError::input(say::run_is_procedure(language, id))
                .hint(say::run_is_procedure_hint(language, id)));
        }
        let run = self.load(&row.new.id).await?;
        Ok((row, run))
    }

    /// Refuses a system and an environment of which neither the record nor the project knows anything:
    /// an empty list would say that they exist.
    pub async fn known(
        &self,
        system: Option<&SystemName>,
        environment: Option<&EnvironmentName>,
        language: Language,
    ) -> Result<(), CliError> {
        let all = RunFilter { limit: Some(u32::MAX), ..RunFilter::default() };
        let rows = self.store.runs(&all).await?;
        let mut systems: BTreeSet<&str> = rows.iter().map(|row| row.new.system.as_str()).collect();
        let mut environments: BTreeSet<&str> = rows
            .iter()
            .filter(|row| !procedural::is_one(row))
            .map(|row| row.new.environment.as_str())
            .collect();
        environments.extend(self.environments.iter().map(EnvironmentName::as_str));
        let sheets =
            self.project.as_ref().map(|(root, project)| executor::catalogue(root, &project.playbooks));
        systems.extend(sheets.iter().flat_map(|sheets| &sheets.entries).map(|entry| entry.system.as_str()));
        let names = |known: &BTreeSet<&str>| {
            let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let unknown = |words: String, known: &BTreeSet<&str>| match known.is_empty() {
            true => Err(CliError::input(words)),
            false => Err(CliError::input(words).hint(say::known_names(language, names(known)))),
        };
        match (system, environment) {
            (Some(system), _) if !systems.contains(system.as_str()) => {
                unknown(say::unknown_system(language, system), &systems)
            }
            (_, Some(environment)) if !environments.contains(environment.as_str()) => {
                unknown(say::unknown_environment(language, environment), &environments)
            }
            _ => Ok(()),
        }
    }

    /// The row of the run that a text names.
    pub async fn find(&self, text: &str, language: Language) -> Result<RunRow, CliError> {
        self.store.find_run(text).await.map_err(|error| no_run(error, language))
    }

    /// A run, replayed.
    pub async fn load(&self, id: &RunId) -> Result<Run, CliError> {
        Ok(executor::load(&self.store, id).await?)
    }
}

/// A word that names no run, in the reader's language.
pub fn no_run(error: StoreError, language: Language) -> CliError {
    let words = match &error {
        StoreError::NoRun(NoRun::None) => say::no_run_yet(language),
        StoreError::NoRun(NoRun::NoId { text }) => say::no_run_id(language, text),
        StoreError::NoRun(NoRun::NoneStarts { start }) => say::no_run(language, start),
        StoreError::NoRun(NoRun::Several { start, ids }) => {
            let ids: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
            say::several_runs(language, start, ids.join(", "))
        }
        _ => return error.into(),
    };
    CliError::input(words).hint(say::no_run_hint(language))
}

/// Opens a store; one that nothing has written to yet is no failure of the database. It is not made
/// here: its files belong to whoever runs first.
async fn open(location: &Location) -> Result<Store, CliError> {
    if location.file().is_some_and(|file| !file.exists()) {
        return Err(CliError::input("nothing has run here yet: there is no database")
            .hint("the first `esclusa plan` or `esclusa run` makes it; look at `database` in esclusa.yaml otherwise"));
    }
    Ok(Store::open(location).await?)
}

async fn password(
    read: &project::Read,
    name: &crate::model::SecretName,
) -> Result<secrecy::SecretString, CliError> {
    let source = read.project.secrets.get(name).ok_or_else(|| {
        CliError::input(format!("secret `{name}` has no source"))
            .hint(format!("add `{name}:` under `secrets:` in esclusa.yaml"))
    })?;
    let identity = read.root.join(&read.project.vault.identity);
    let resolved = secret::resolve(name, source, &read.root, &identity).await;
    Ok(resolved.map_err(ExecutorError::from)?)
}
