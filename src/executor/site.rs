//! A project with its doors open: database, depot, vault, secrets and connections.

use super::ExecutorError;
use crate::{
    approval::{self, Judged, Weakening},
    depot::Depot,
    inventory::{Environment, Inventory, Project},
    model::{Digest, EnvironmentName, People, Person, Redactor, RunId, SecretName, redact::SECRET_BYTES_MIN},
    plan::{Plan, SecretValues},
    run::RunHeader,
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

/// Asks the person at the keyboard for a password, and gives nothing where nobody is there.
pub type Ask = Arc<dyn Fn(&str) -> Option<secrecy::SecretString> + Send + Sync>;

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
    /// How a person is asked for passwords that no secret holds.
    pub ask: Option<Ask>,
    /// What was answered, by question.
    answers: Mutex<BTreeMap<String, secrecy::SecretString>>,
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
        let location = Location::parse(&project.database, root, password.clone())?;
        let store = Store::create(&location).await?;
        let depot = Depot::open(&root.join(&project.depot))?;
        let mut caller = Caller { person: people.by_account(&account).cloned(), account };
        if caller.person.is_none()
            && let Some(login) = store.database_login().await?
        {
            caller.person = people.0.values().find(|p| p.database_login.as_deref() == Some(&login)).cloned();
        }
        let mut redactor = Redactor::default();
        if let (Some(name), Some(password)) = (&project.database_password, &password) {
            redactor.learn(name, password.expose_secret());
        }
        Ok(Self {
            root: root.to_owned(),
            options: options(root, &project),
            project,
            inventory,
            people,
            store,
            depot,
            redactor: Arc::new(Mutex::new(redactor)),
            caller,
            ask: None,
            answers: Mutex::default(),
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
        if value.expose_secret().len() < SECRET_BYTES_MIN {
            return Err(ExecutorError::input_hint(
                format!("secret `{name}` is too short to be kept out of what is shown"),
                format!("use at least {SECRET_BYTES_MIN} characters"),
            ));
        }
        if let Ok(mut redactor) = self.redactor.lock() {
            redactor.learn(name, value.expose_secret());
        }
        Ok(value)
    }

    /// A password that a person is asked for, once a process; nothing where nobody can be asked.
    pub fn asked(&self, what: &str, server: &str) -> Option<secrecy::SecretString> {
        let mut answers = self.answers.lock().ok()?;
        let question = format!("{what} for {server}");
        if let Some(known) = answers.get(&question) {
            return Some(known.clone());
        }
        let answer = self.ask.as_ref()?(&question)?;
        if let (Ok(mut redactor), Ok(name)) =
            (self.redactor.lock(), SecretName::parse(&crate::model::slug(&question)))
        {
            redactor.learn(&name, answer.expose_secret());
        }
        answers.insert(question, answer.clone());
        Some(answer)
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

    /// The policy in force where the plan goes: of the environment, and of every other one that has
    /// held one of its servers. A new name for the same machine changes nothing.
    pub async fn policy_in_force(&self, plan: &Plan) -> Result<Option<Judged>, ExecutorError> {
        let servers = plan.servers.values().map(|planned| &planned.server);
        let mut names = self.store.environments_of(servers).await?;
        names.insert(plan.environment.clone());
        let mut in_force: Option<Judged> = None;
        for name in names {
            let Some(judged) = self.left_in_force(&name).await? else { continue };
            in_force = Some(match in_force {
                None => judged,
                Some(other) => approval::stricter(&other, &judged).0,
            });
        }
        Ok(in_force)
    }

    /// The policy that the last finished run of an environment left. One that was recorded without the
    /// environment's kind has that of the run that brought it.
    async fn left_in_force(&self, environment: &EnvironmentName) -> Result<Option<Judged>, ExecutorError> {
        let Some(row) = self.store.policy_in_force(environment).await? else { return Ok(None) };
        let mut judged: Judged =
            serde_json::from_str(&row.policy).map_err(|error| ExecutorError::document("policy", error))?;
        if let (None, Some(run)) = (judged.kind, &row.run) {
            let body = self.store.run(run).await?.new.body;
            let header: RunHeader =
                serde_json::from_str(&body).map_err(|error| ExecutorError::document("run", error))?;
            judged.kind = Some(header.environment_kind);
        }
        Ok(Some(judged))
    }

    /// The policy that a run of this plan is judged under now, and what the plan would loosen.
    pub async fn judged(&self, plan: &Plan) -> Result<(Judged, Vec<Weakening>), ExecutorError> {
        let planned = Judged::planned(&plan.policy, plan.environment_kind);
        Ok(match self.policy_in_force(plan).await? {
            Some(in_force) => approval::stricter(&in_force, &planned),
            None => (planned, Vec::new()),
        })
    }

    /// Refuses a caller who may not run where the run goes. Asked of everybody who takes a run on, not
    /// only of who opened it.
    pub async fn may_drive(&self, id: &RunId) -> Result<(), ExecutorError> {
        let row = self.store.run(id).await?;
        if row.final_exit.is_some() || row.new.kind == super::procedure::KIND {
            return Ok(());
        }
        let header: RunHeader =
            serde_json::from_str(&row.new.body).map_err(|error| ExecutorError::document("run", error))?;
        self.may_run(&header.judged, &header.environment)
    }

    /// Refuses a caller who may not run under this policy of an environment.
    pub fn may_run(&self, judged: &Judged, environment: &EnvironmentName) -> Result<(), ExecutorError> {
        approval::may_run(judged, self.caller.person.as_ref()).map_err(|refusal| {
            let sets = judged
                .run
                .iter()
                .map(|roles| roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(" or "));
            let roles = sets.collect::<Vec<_>>().join(", and ");
            ExecutorError::Refused {
                words: refusal.to_string(),
                hint: Some(format!("by the policy of `{environment}`, whoever has {roles} may run there")),
            }
        })
    }

    /// The people file's digest, which gates record.
    #[must_use]
    pub fn people_digest(&self) -> Digest {
        approval::people_digest(&self.people)
    }
}

/// How the connections of a project are made.
#[must_use]
pub fn options(root: &Path, project: &Project) -> transport::Options {
    let ssh_config = match project.ssh_config.as_deref() {
        None => transport::ConfigSource::User,
        Some("none") => transport::ConfigSource::None,
        Some(file) => transport::ConfigSource::File(root.join(file)),
    };
    transport::Options { ssh_config, folder: root.to_owned(), ..transport::Options::default() }
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
