//! A project in a folder of its own, on the lab's servers, and the program that works in it.

use crate::support::lab::{Lab, Turn};
use esclusa::{
    executor::load,
    model::RunId,
    run::{Event, Run},
    store::{Location, RunFilter, Store},
};
use serde_json::Value as Json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
};
use tempfile::TempDir;

/// A project on the lab's three servers, for as long as a test has its turn.
pub struct Project {
    pub lab: &'static Lab,
    _turn: Turn,
    folder: TempDir,
    secrets: Vec<(String, String)>,
}

/// What the program did: its exit code and everything that it printed.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Fails the test with everything that was printed unless this is the exit code.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(self.status.code(), Some(wanted), "{}\n{}", self.stderr, self.stdout);
        self
    }

    /// Both streams.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Fails the test unless one of the streams has these words.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.text().contains(words), "`{words}` is not in:\n{}", self.text());
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// How the project reaches its servers and what its production says.
#[derive(Clone)]
pub struct Access {
    pub account: &'static str,
    /// Keys of a server's entry beyond the usual, in YAML's flow form: `, sudo_password: sudo`.
    pub more: &'static str,
    /// Variables of production, in YAML's flow form without braces.
    pub production: &'static str,
}

impl Default for Access {
    fn default() -> Self {
        Self { account: "deploy", more: "", production: "" }
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_esclusa");

impl Project {
    /// Waits for its turn and makes the project: development, test and production with a director's gate.
    pub fn new(access: &Access) -> Self {
        let lab = Lab::get();
        let turn = lab.turn();
        let folder = tempfile::tempdir().unwrap();
        let project = Self { lab, _turn: turn, folder, secrets: Vec::new() };
        fs::create_dir_all(project.path("keys")).unwrap();
        fs::create_dir_all(project.path("playbooks")).unwrap();
        project.key("director");
        let director = fs::read_to_string(project.path("keys/director.pub")).unwrap();
        project.write(
            "people.yaml",
            &format!(
                "people:\n  ana: {{name: Ana Ruiz, roles: [director], keys: \"{}\"}}\n  luis: {{name: Luis Mora, roles: [professional], account: root}}\n",
                director.trim()
            ),
        );
        let recipients = ["control", "recovery"].map(|holder| {
            let (identity, recipient) = esclusa::vault::generate_identity();
            let key = format!("keys/{holder}.age");
            project.write(&key, &format!("{}\n", secret_text(&identity)));
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(project.path(&key), private).unwrap();
            recipient
        });
        project.write_project(&recipients.join(", "), &[]);
        project.write_inventory(access);
        for server in ["dev", "test", "prod"] {
            // Another project's hold on the server; a person would say `esclusa server adopt`.
            lab.answer(
                "deploy",
                server,
                "sudo sh -c 'rm -rf /var/lib/esclusa /home/*/.esclusa /root/.esclusa'",
            );
        }
        project
    }

    fn write_project(&self, recipients: &str, secrets: &[(&str, &str)]) {
        let secrets: String = secrets
            .iter()
            .map(|(name, _)| format!("  {name}: {{environment: {}}}\n", variable(name)))
            .collect();
        let secrets = if secrets.is_empty() { String::new() } else { format!("secrets:\n{secrets}") };
        self.write(
            "esclusa.yaml",
            &format!(
                "institution: {{name: Lab University, language: en}}\n\
                 database: sqlite:state/esclusa.db\ndepot: state/depot\n\
                 vault: {{path: state/vault, recipients: [{recipients}], identity: keys/control.age}}\n{secrets}"
            ),
        );
    }

    /// Gives the project secrets, which the program finds in its environment.
    pub fn with_secrets(mut self, secrets: &[(&str, &str)]) -> Self {
        let text = fs::read_to_string(self.path("esclusa.yaml")).unwrap();
        let recipients = text.split_once("recipients: [").unwrap().1.split_once(']').unwrap().0.to_owned();
        self.write_project(&recipients, secrets);
        self.secrets = secrets.iter().map(|(name, value)| (variable(name), (*value).to_owned())).collect();
        self
    }

    /// The environment in which the program finds the secrets.
    pub fn secrets(&self) -> &[(String, String)] {
        &self.secrets
    }

    /// Writes the inventory.
    pub fn write_inventory(&self, access: &Access) {
        let server = |name: &str| {
            let server = self.lab.server(name);
            format!(
                "{{address: {}, user: {}, become: sudo, groups: [web, db], identity_file: {}, host_key: \"{}\"{}}}",
                server.address,
                access.account,
                self.lab.key(access.account).display(),
                server.host_key,
                access.more
            )
        };
        self.write(
            "inventory.yaml",
            &format!(
                "environments:\n  development: {{kind: development, servers: {{one-dev: {}}}}}\n  \
                 test: {{kind: test, servers: {{one-test: {}}}}}\n  \
                 production:\n    kind: production\n    servers: {{one: {}}}\n    variables: {{{}}}\n    \
                 policy: {{approve: {{each: [director], decide_within: 7d, valid_for: 24h}}}}\n",
                server("dev"),
                server("test"),
                server("prod"),
                access.production
            ),
        );
    }

    /// A path in the project's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The program, ready to be started in the project.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env("HOME", self.folder.path())
            .env_remove("SSH_AUTH_SOCK")
            .env("ESCLUSA_STORE_IS_KEPT", "1")
            .envs(self.secrets.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub fn esclusa(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    /// Starts the program and lets it run; its output goes to files of the project.
    pub fn start(&self, arguments: &[&str]) -> Started {
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| self.path(&format!("{name}-of-started")));
        let child = self
            .command(arguments)
            .stdout(fs::File::create(&stdout).unwrap())
            .stderr(fs::File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Started { child, stdout, stderr }
    }

    /// The project's database.
    pub fn store<T>(&self, work: impl AsyncFnOnce(Store) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let at = Location::parse("sqlite:state/esclusa.db", self.folder.path(), None).unwrap();
            work(Store::open(&at).await.unwrap()).await
        })
    }

    /// The run that was opened last.
    pub fn latest(&self) -> Run {
        self.store(async |store| {
            let rows = store.runs(&RunFilter::default()).await.unwrap();
            let last = rows.iter().max_by_key(|row| row.new.id.to_string()).unwrap();
            load(&store, &last.new.id).await.unwrap()
        })
    }

    /// The journal of a run.
    pub fn journal(&self, run: &RunId) -> Vec<Event> {
        self.store(async |store| {
            let rows = store.events(run).await.unwrap();
            rows.iter().map(|row| serde_json::from_str(&row.body).unwrap()).collect()
        })
    }

    /// The director's yes at the gate of the run that was opened last.
    pub fn approve(&self) -> RunId {
        let run = self.latest().header.id;
        let key = self.path("keys/director");
        let decision = ["--decide", "approve", "--reason", "tested", "--key", key.to_str().unwrap()];
        self.esclusa(&[&["approve", &run.to_string()][..], &decision].concat()).code(0);
        run
    }

    /// A new SSH key in the project's folder `keys`.
    pub fn key(&self, name: &str) {
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
            .arg(self.path(&format!("keys/{name}")));
        assert!(command.status().unwrap().success());
    }

    /// The backups as `esclusa backups` lists them.
    pub fn backups(&self, environment: &str) -> Vec<Json> {
        let listed = self.esclusa(&["backups", "--env", environment, "--format", "json"]).code(0);
        let listed: Json = serde_json::from_str(&listed.stdout).unwrap();
        listed["backups"].as_array().unwrap().clone()
    }

    /// What a command prints on a server, as root.
    pub fn on(&self, server: &str, command: &str) -> String {
        self.lab.answer("deploy", server, &format!("sudo sh -c {}", esclusa::model::script::quote(command)))
    }
}

/// The program while it runs.
pub struct Started {
    pub child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Started {
    /// Waits until the program has written these words to standard error.
    #[track_caller]
    pub fn until(&mut self, words: &str) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let said = fs::read_to_string(&self.stderr).unwrap();
            if said.contains(words) {
                return;
            }
            let over = self.child.try_wait().unwrap();
            assert!(over.is_none() && std::time::Instant::now() < deadline, "`{words}` never came: {said}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        Ended { status, stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }
}

fn variable(secret: &str) -> String {
    format!("LAB_{}", secret.to_uppercase())
}

fn secret_text(secret: &secrecy::SecretString) -> String {
    secrecy::ExposeSecret::expose_secret(secret).to_owned()
}
