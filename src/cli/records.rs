//! The door of the verbs that read the record and decide: a project's database, or a database alone.
//!
//! Opens neither depot nor vault nor any file that only the one who runs needs: a director has none.

use super::{CliError, Global, Terminal, procedural, project};
use crate::{
    executor::{self, ExecutorError, sheet},
    inventory::Project,
    model::{Language, People, Person, RunId},
    run::Run,
    secret,
    store::{Location, RunRow, Store},
};
use clap::Args;
use std::path::PathBuf;

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
}

impl Records {
    /// Opens the database that was named, or the project's.
    pub async fn open(global: &Global, door: &Door) -> Result<Self, CliError> {
        let (store, project, people) = match &door.database {
            Some(url) => {
                let here = std::env::current_dir()
                    .map_err(|error| CliError::input(format!("the current folder: {error}")))?;
                (open(&Location::parse(url, &here, None)?).await?, None, None)
            }
            None => {
                let read = project::read(global)
                    .map_err(|error| error.hint("or name the database alone with `--database URL`"))?;
                let password = match &read.project.database_password {
                    Some(name) => Some(password(&read, name).await?),
                    None => None,
                };
                let location = Location::parse(&read.project.database, &read.root, password)?;
                (open(&location).await?, Some((read.root, read.project)), Some(read.people))
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
        Ok(Self { store, project, people, account, login, zone, institution })
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
    pub async fn run(&self, text: &str) -> Result<(RunRow, Run), CliError> {
        let row = self.store.find_run(text).await?;
        if procedural::is_one(&row) {
            let id = &row.new.id;
            return Err(CliError::input(format!("run {id} is a procedure's: its gates are activities"))
                .hint(format!("answer them with `esclusa do {id}`")));
        }
        let run = self.load(&row.new.id).await?;
        Ok((row, run))
    }

    /// A run, replayed.
    pub async fn load(&self, id: &RunId) -> Result<Run, CliError> {
        Ok(executor::load(&self.store, id).await?)
    }
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
