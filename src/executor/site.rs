//! A project with its doors open: database, depot, vault, secrets and connections.

use super::ExecutorError;
use crate::{
    approval,
    depot::Depot,
    inventory::{Environment, Inventory, Project},
    model::{Digest, EnvironmentName, People, Person, Redactor, SecretName},
    plan::SecretValues,
    secret,
    store::{Location, Store},
    transport,
    vault::Vault,
};
use secrecy::ExposeSecret;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Everything that a run needs around it.
pub struct Site {
    /// The project's folder.
    pub root: PathBuf,
    /// The project file.
    pub project: Project,
    /// The inventory.
    pub inventory: Inventory,
    /// The people file.
    pub people: People,
    /// The database.
    pub store: Store,
    /// The depot.
    pub depot: Depot,
    /// How connections are made.
    pub options: transport::Options,
    /// Takes secrets out of everything that leaves the process.
    pub redactor: Arc<Mutex<Redactor>>,
    /// Who calls.
    pub caller: Caller,
}

/// The account that this process belongs to, and whom the people file knows by it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Operating-system account.
    pub account: String,
    /// The person or machine, where the people file names the account.
    pub person: Option<Person>,
}

impl Site {
    /// Opens the doors of a project whose files have been read. The store is made where there is none.
    pub async fn open(
        root: &Path,
        project: Project,
        inventory: Inventory,
        people: People,
        account: String,
    ) -> Result<Self, ExecutorError> {
        let password = match &project.database_password {
            Some(name) => Some(resolve(root, &project, name).await?),
            None => None,
        };
        let location = Location::parse(&project.database, root, password)?;
        let store = Store::create(&location).await?;
        let depot = Depot::open(&root.join(&project.depot))?;
        let mut caller = Caller { person: people.by_account(&account).cloned(), account };
        if caller.person.is_none()
            && let Some(login) = store.database_login().await?
        {
            caller.person = people.0.values().find(|p| p.database_login.as_deref() == Some(&login)).cloned();
        }
        let ssh_config = match project.ssh_config.as_deref() {
            None => transport::ConfigSource::User,
            Some("none") => transport::ConfigSource::None,
            Some(file) => transport::ConfigSource::File(root.join(file)),
        };
        Ok(Self {
            root: root.to_owned(),
            project,
            inventory,
            people,
            store,
            depot,
            options: transport::Options { ssh_config, ..transport::Options::default() },
            redactor: Arc::default(),
            caller,
        })
    }

    /// The environment with this name.
    pub fn environment(&self, name: &EnvironmentName) -> Result<&Environment, ExecutorError> {
        self.inventory.environment(name).ok_or_else(|| {
            let known: Vec<_> = self.inventory.environments.iter().map(|e| e.name.to_string()).collect();
            ExecutorError::input_hint(
                format!("there is no environment `{name}`"),
                format!("the inventory has {}", known.join(", ")),
            )
        })
    }

    /// Opens the vault; production needs two recipients.
    pub async fn vault(&self, production: bool) -> Result<Vault, ExecutorError> {
        let spec = &self.project.vault;
        let path = self.root.join(&spec.path);
        let identity = self.root.join(&spec.identity);
        Ok(Vault::open(&path, &spec.recipients, &identity, production).await?)
    }

    /// Resolves one secret and teaches the redactor its value.
    pub async fn secret(&self, name: &SecretName) -> Result<secrecy::SecretString, ExecutorError> {
        let value = resolve(&self.root, &self.project, name).await?;
        if let Ok(mut redactor) = self.redactor.lock() {
            redactor.learn(name, value.expose_secret());
        }
        Ok(value)
    }

    /// Resolves every named secret: only after the gate.
    pub async fn secrets<'a>(
        &self,
        names: impl IntoIterator<Item = &'a SecretName>,
    ) -> Result<SecretValues, ExecutorError> {
        let mut values = BTreeMap::new();
        for name in names {
            values.insert(name.clone(), self.secret(name).await?.expose_secret().to_owned());
        }
        Ok(SecretValues::known(values))
    }

    /// Marks in place of every secret's value.
    #[must_use]
    pub fn secret_marks(&self) -> SecretValues {
        SecretValues::marks(self.project.secrets.keys())
    }

    /// Takes secrets out of a text.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.redactor.lock().map_or_else(|_| "<withheld>".to_owned(), |redactor| redactor.text(text))
    }

    /// Takes secrets out of bytes.
    #[must_use]
    pub fn redact_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.redactor.lock().map_or_else(|_| b"<withheld>".to_vec(), |redactor| redactor.bytes(bytes))
    }

    /// The people file's digest, which gates record.
    #[must_use]
    pub fn people_digest(&self) -> Digest {
        approval::people_digest(&self.people)
    }
}

async fn resolve(
    root: &Path,
    project: &Project,
    name: &SecretName,
) -> Result<secrecy::SecretString, ExecutorError> {
    let source = project.secrets.get(name).ok_or_else(|| {
        ExecutorError::input_hint(
            format!("secret `{name}` has no source"),
            format!("add `{name}:` under `secrets:` in esclusa.yaml"),
        )
    })?;
    Ok(secret::resolve(name, source, root, &root.join(&project.vault.identity)).await?)
}
