//! A project whose production waits at a gate; no server is needed for it, and none is asked.

use esclusa::{
    approval::Judged,
    backup::{BackupId, VerifiedBackupRecord},
    document::{Diagnostics, Files as _, Source},
    executor::journal::Extra,
    executor::{
        self, ExecutorError, Journal, Loaded, Opening, ProjectFiles, Shown, ShownStep, Site, Wanted, Watch,
    },
    inventory::{parse_inventory, parse_people, parse_project},
    model::{Digest, EnvironmentName, PersonName, RunId, ServerName, StepId, Timestamp, Value, canonical},
    plan::{Predicted, Prediction},
    run::{Event, FindingSummary, Goal, Observed, Run, StepEnd},
    store::BackupRow,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

/// What a step says that would like to write on the director's terminal.
pub const EVIL: &str = "\u{1b}[2J\u{1b}[31mAPROBADO\u{202e}";

const PEOPLE: [(&str, &str, &str); 5] = [
    ("ana", "Ana Ruiz", "[director]"),
    ("luis", "Luis Mora", "[professional, director]"),
    ("rosa", "Rosa Gil", "[unit]"),
    ("pipeline", "The pipeline", "[director, professional]"),
    ("stranger", "", ""),
];

pub struct Ground {
    folder: tempfile::TempDir,
}

struct Silent;

impl Watch for Silent {
    fn event(&self, _: &Run, _: &Event, _: Timestamp) {}
    fn note(&self, _: &str) {}
    fn output(&self, _: &str, _: &str, _: &str) {}
}

impl Ground {
    /// A project; `approve` is production's rule, as its file has it.
    pub fn new(approve: &str) -> Self {
        let ground = Self { folder: tempfile::tempdir().unwrap() };
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/first-run");
        copy(&example, ground.path());
        let (identity, recipient) = esclusa::vault::generate_identity();
        let (_, recovery) = esclusa::vault::generate_identity();
        fs::create_dir_all(ground.path().join("state/keys")).unwrap();
        let control = ground.path().join("state/keys/control.age");
        fs::write(&control, secrecy::ExposeSecret::expose_secret(&identity)).unwrap();
        fs::set_permissions(&control, fs::Permissions::from_mode(0o600)).unwrap();
        for (shown, own) in [("age1wmj", recipient), ("age1xsr", recovery)] {
            let text = fs::read_to_string(ground.path().join("esclusa.yaml")).unwrap();
            let line = text.lines().find(|line| line.contains(shown)).unwrap();
            ground.edit("esclusa.yaml", line, &format!("    - {own}"));
        }
        let mut people = "people:\n".to_owned();
        for (name, full_name, roles) in PEOPLE {
            let (private, public) = esclusa::transport::generate_key(name).unwrap();
            fs::write(ground.key(name), private.as_bytes()).unwrap();
            fs::set_permissions(ground.key(name), fs::Permissions::from_mode(0o600)).unwrap();
            if !full_name.is_empty() {
                let machine = name == "pipeline";
                people += &format!(
                    "  {name}: {{name: {full_name}, roles: {roles}, keys: {public}, account: of-{name}, machine: {machine}}}\n"
                );
            }
        }
        fs::write(ground.path().join("people.yaml"), people).unwrap();
        let inventory = fs::read_to_string(ground.path().join("inventory.yaml")).unwrap();
        let old = "approve: {each: [director], decide_within: 7d, valid_for: 24h}";
        assert!(inventory.contains(old));
        let inventory = inventory.replace(old, &format!("approve: {approve}"));
        fs::write(ground.path().join("inventory.yaml"), inventory).unwrap();
        ground
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn key(&self, name: &str) -> PathBuf {
        self.path().join(format!("key-{name}"))
    }

    pub fn edit(&self, file: &str, old: &str, new: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// The project as `account` opens it.
    pub async fn site(&self, account: &str) -> Site {
        site(self.path(), account).await
    }

    /// A run that has passed in test, and one that waits in production; asked for by `of-luis`.
    pub async fn waiting(&self) -> RunId {
        let site = self.site("of-luis").await;
        self.run(&site, "test", true).await;
        self.run(&site, "production", false).await
    }

    pub async fn run(&self, site: &Site, environment: &str, to_the_end: bool) -> RunId {
        self.try_run(site, environment, to_the_end).await.unwrap()
    }

    /// The same, where it may be refused to open one.
    pub async fn try_run(
        &self,
        site: &Site,
        environment: &str,
        to_the_end: bool,
    ) -> Result<RunId, ExecutorError> {
        let inputs = BTreeMap::from([("version".to_owned(), Value::plain("1.2"))]);
        let wanted = Wanted { playbook: "playbooks/notes/update.yaml".to_owned(), inputs };
        let release = executor::take_in(site, &wanted).await.unwrap();
        let opening = Opening {
            why: Some(format!("Corrige una falla {EVIL}")),
            ..Opening::new(Goal::Change, EnvironmentName::parse(environment).unwrap())
        };
        let id = executor::open(site, &release, opening).await?;
        let journal = Journal::take(site, &id, Arc::new(Silent)).await.unwrap();
        let plan = journal.run().header.plan;
        let loaded = Loaded::of(site, plan).await.unwrap();
        journal.append(predicted(site, &loaded).await).await.unwrap();
        let gated = journal.run().header.judged.approve.is_some();
        if gated || !to_the_end {
            site.open_gate(&loaded, &journal).await.unwrap();
        }
        if to_the_end {
            let gate = journal.run().gate.clone();
            if let Some(gate) = gate {
                let (gate, by) = (gate.id, vec![PersonName::parse("ana").unwrap()]);
                let event = Event::GateApproved { gate, by, signed: true, valid_until: None };
                journal.append(event).await.unwrap();
            }
            for event in passed(&loaded) {
                journal.append(event).await.unwrap();
            }
            // As the program ends a run: what its plan asks for is in force from now on.
            let judged = Judged::planned(&loaded.plan.policy, loaded.plan.environment_kind);
            let extra = Extra { policy: Some(canonical(&judged).unwrap()), ..Extra::default() };
            let ended = Event::Ended { exit: 0, words: "done".to_owned(), how: None };
            journal.append_with(vec![ended], extra).await.unwrap();
        }
        journal.release().await;
        Ok(id)
    }

    /// A run of production that failed, took two seconds to put back what was there, and says of itself
    /// that somebody approved it.
    pub async fn restored(&self, site: &Site) -> RunId {
        let id = self.run(site, "production", false).await;
        let journal = Journal::take(site, &id, Arc::new(Silent)).await.unwrap();
        let header = journal.run().header.clone();
        let loaded = Loaded::of(site, header.plan).await.unwrap();
        let gate = journal.run().gate.clone().unwrap().id;
        let backup = BackupId::parse("notes-1").unwrap();
        let record = VerifiedBackupRecord {
            backup: backup.clone(),
            system: header.system.clone(),
            environment: header.environment.clone(),
            run: id.clone(),
            taken_at: journal.run().last_at,
            manifest: Digest::of(b"manifest"),
            size: 3 << 20,
            items: 1,
            warnings: Vec::new(),
        };
        let row = BackupRow {
            id: backup.to_string(),
            run: id.clone(),
            system: header.system,
            environment: header.environment,
            taken_at: record.taken_at,
            size_bytes: 1_500_000_000,
            vault: "vault".to_owned(),
            manifest: record.manifest,
            verified_at: Some(record.taken_at),
            broken: None,
            removed_at: None,
        };
        site.store.put_backup(&row).await.unwrap();
        let (server, step) = (server(&loaded), loaded.plan.steps[0].id.clone());
        let (by, attempt) = (vec![PersonName::parse("ana").unwrap()], 1);
        let summary = "write".to_owned();
        let end = StepEnd::Failed { words: format!("no space {EVIL}"), output: None, last: true };
        for event in [
            Event::GateApproved { gate, by, signed: true, valid_until: None },
            Event::Claimed { servers: vec![server.clone()], epoch: 1 },
            Event::BackupVerified { record },
            Event::StepStarted {
                server: server.clone(),
                step: step.clone(),
                attempt,
                unit: None,
                summary,
                diff: None,
            },
            Event::StepEnded { server, step, attempt, end },
            Event::SafetyCopyStarted { backup: "safety-1".to_owned() },
            Event::SafetyCopyTaken { backup: "safety-1".to_owned(), bytes: 1 },
        ] {
            journal.append(event).await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
        journal.append(Event::RestoreCompleted).await.unwrap();
        journal.append(Event::Ended { exit: 3, words: "restored".to_owned(), how: None }).await.unwrap();
        journal.release().await;
        id
    }

    /// Runs the program in the project's folder, without a terminal, a home or an agent.
    pub fn esclusa(&self, arguments: &[&str]) -> Output {
        self.command(arguments).current_dir(self.path()).output().unwrap()
    }

    /// The program with nothing of this process's surroundings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_esclusa"));
        command.args(arguments).env_clear().env("HOME", self.path().join("home")).env("LANG", "C");
        command.stdin(Stdio::null());
        command
    }

    /// Decides as whoever has the key.
    pub fn decide(&self, run: &RunId, name: &str, decision: &str, reason: &str) -> Output {
        let key = self.key(name);
        let key = key.to_str().unwrap();
        self.esclusa(&["approve", &run.0, "--decide", decision, "--reason", reason, "--key", key])
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn server(loaded: &Loaded) -> ServerName {
    loaded.plan.servers.keys().next().unwrap().clone()
}

async fn predicted(site: &Site, loaded: &Loaded) -> Event {
    let mut prediction = Prediction::default();
    let mut shown = Vec::new();
    for step in &loaded.plan.steps {
        prediction.insert(&server(loaded), &step.id, Predicted::Change(Digest::of(step.id.0.as_bytes())));
        shown.push(ShownStep {
            step: step.id.clone(),
            name: step.name.clone(),
            kind: "change".to_owned(),
            words: format!("write 3 lines {EVIL}"),
            diff: Some("-a\n+b\n".repeat(100)),
        });
    }
    let shown = Shown { servers: BTreeMap::from([(server(loaded), shown)]) };
    let text = canonical(&prediction).unwrap();
    site.store.put_document("prediction", Digest::of(text.as_bytes()), &text).await.unwrap();
    Event::Predicted {
        prediction: Digest::of(text.as_bytes()),
        value: prediction,
        shown: shown.store(site).await.unwrap(),
        observed: Observed { version: Some("1.1".to_owned()), absent: false },
    }
}

/// What a run writes that changes nothing and whose checks are good.
fn passed(loaded: &Loaded) -> Vec<Event> {
    let server = server(loaded);
    let steps: Vec<StepId> = loaded.plan.steps.iter().map(|step| step.id.clone()).collect();
    let finding = FindingSummary {
        check: "front-page".to_owned(),
        server: server.clone(),
        verdict: "good".to_owned(),
        lines: vec!["status is 200".to_owned()],
        measured: Vec::new(),
    };
    vec![
        Event::Claimed { servers: vec![server.clone()], epoch: 1 },
        Event::QuiesceStarted,
        Event::Quiesced,
        Event::StepsUnchanged { server, steps, registered: Vec::new() },
        Event::StepsCompleted,
        Event::ServicesStarting,
        Event::ServicesStarted,
        Event::ChecksPassed { findings: vec![finding.clone(), finding] },
    ]
}

impl Ground {
    /// Edits the database as somebody with its own tools would.
    pub async fn tamper(&self, statement: &str) {
        tamper(self.path(), statement).await;
    }
}

/// Edits a project's database as somebody with its own tools would.
pub async fn tamper(folder: &Path, statement: &str) {
    use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};
    let file = folder.join("state/esclusa.db");
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'";
    for row in sqlx::query(triggers).fetch_all(&mut connection).await.unwrap() {
        let drop = format!("DROP TRIGGER {}", row.get::<String, _>("name"));
        sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    }
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
}

/// A project as `account` opens it.
pub async fn site(folder: &Path, account: &str) -> Site {
    let files = ProjectFiles::new(folder);
    let mut found = Diagnostics::default();
    let source = |name: &str| Source::from_bytes(name, &files.read(name).unwrap()).unwrap();
    let project = parse_project(&source("esclusa.yaml"), &mut found);
    let inventory = parse_inventory(&source("inventory.yaml"), "America/Bogota", &mut found);
    let people = parse_people(&source("people.yaml"), &mut found);
    assert!(!found.has_errors(), "{}", found.render(false));
    let account = account.to_owned();
    Site::open(folder, project.unwrap(), inventory.unwrap(), people.unwrap(), account).await.unwrap()
}
