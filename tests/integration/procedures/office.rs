//! A project with the six procedures and the people that do them.

use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

pub const PEOPLE: &[(&str, &str, &str)] = &[
    ("ana", "Ana Ruiz", "director"),
    // Whoever acts between the decision on a run and its first change must be one person: moving the account
    // to another one edits the people file, and that voids the decision.
    ("luis", "Luis Mora", "professional, dba"),
    ("eva", "Eva Paz", "unit"),
    ("dora", "Dora Gil", "development"),
    ("oto", "Oto Rey", "server-admin, vendor, contract-supervisor, directors"),
];

/// A project with the six procedures, in which one person after the other sits at the keyboard. Each has
/// a home with a key of their own, which is `key-NAME` in the project's folder too.
pub struct Office {
    pub folder: Folder,
    pub account: String,
    /// What the program finds in its environment beyond the usual.
    pub environment: Vec<(String, String)>,
    keys: BTreeMap<&'static str, String>,
}

/// The project's folder: of the office alone, or of somebody who lends it.
pub struct Folder {
    path: PathBuf,
    _own: Option<tempfile::TempDir>,
}

impl Folder {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Copies a folder; links and rights stay as they are.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if from.is_dir() {
            copy(&from, &to.join(name))
        } else {
            fs::copy(&from, to.join(name)).map(drop).unwrap()
        }
    }
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Office {
    pub fn open() -> Self {
        let own = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/first-run"), own.path());
        let office = Self::at(own.path());
        Self { folder: Folder { path: own.path().to_owned(), _own: Some(own) }, ..office }
    }

    /// An office in a project that is there already.
    pub fn at(path: &Path) -> Self {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/ti-p01"), &path.join("playbooks/ti-p01"));
        fs::write(path.join("paper.txt"), "what was found\n").unwrap();
        let account = Command::new("id").arg("-un").output().unwrap();
        let mut keys = BTreeMap::new();
        for (name, ..) in PEOPLE {
            let (private, public) = esclusa::transport::generate_key(name).unwrap();
            let home = path.join(format!("home-{name}/.ssh"));
            fs::create_dir_all(&home).unwrap();
            for file in [home.join("id_ed25519"), path.join(format!("key-{name}"))] {
                fs::write(&file, private.as_bytes()).unwrap();
                fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
            }
            fs::write(path.join(format!("key-{name}.pub")), &public).unwrap();
            keys.insert(*name, public);
        }
        let folder = Folder { path: path.to_owned(), _own: None };
        Self { folder, account: text(&account.stdout).trim().to_owned(), environment: Vec::new(), keys }
    }

    /// The project with a procedure of its own.
    pub fn with_procedure(name: &str, text: &str) -> Self {
        let office = Self::open();
        fs::write(office.folder.path().join(format!("playbooks/{name}.yaml")), text).unwrap();
        office
    }

    pub fn sit_down(&self, person: &str) {
        let mut people = "people:\n".to_owned();
        for (name, full, roles) in PEOPLE {
            people += &format!("  {name}:\n    name: {full}\n    roles: [{roles}]\n    language: en\n");
            people += &format!("    keys: {}\n", self.keys[name]);
            if *name == person {
                people += &format!("    account: {}\n", self.account);
            }
        }
        fs::write(self.folder.path().join("people.yaml"), people).unwrap();
    }

    pub fn command(&self, person: &str, words: &[&str]) -> Command {
        self.sit_down(person);
        let mut command = Command::new(env!("CARGO_BIN_EXE_esclusa"));
        command.current_dir(self.folder.path()).args(words).env("NO_COLOR", "1").env("ESCLUSA_LANG", "en");
        command.env("ESCLUSA_STORE_IS_KEPT", "1").env("NOTES_TOKEN", "a-token-of-notes");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("HOME", self.folder.path().join(format!("home-{person}")));
        for name in ["ESCLUSA_PROJECT", "ESCLUSA_DATABASE", "ESCLUSA_FAULT_KILL_AFTER_EVENT", "SSH_AUTH_SOCK"]
        {
            command.env_remove(name);
        }
        command
    }

    pub fn try_as(&self, person: &str, words: &[&str]) -> Output {
        self.command(person, words).output().unwrap()
    }

    pub fn done_as(&self, person: &str, words: &[&str]) -> String {
        let output = self.try_as(person, words);
        assert!(output.status.success(), "{person} {words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    pub fn json(&self, words: &[&str]) -> Json {
        let output = self.try_as("ana", &[words, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"))
    }

    /// Whether anything was run yet.
    pub fn has_store(&self) -> bool {
        self.folder.path().join("state/esclusa.db").exists()
    }

    /// Everything that waits for anybody.
    pub fn waiting(&self) -> Vec<Json> {
        self.json(&["todo", "--all"])["waiting"].as_array().unwrap().clone()
    }

    /// Every procedure's run, the oldest first.
    pub fn runs(&self) -> Vec<Json> {
        let procedures = |verb: &str| self.json(&[verb])["procedures"].as_array().unwrap().clone();
        let mut runs = [procedures("status"), procedures("history")].concat();
        runs.sort_by_key(|run| run["run"].as_str().unwrap().to_owned());
        runs
    }

    /// A run's journal without what is different each time.
    pub fn journal(&self, run: &str) -> Vec<Json> {
        let mut shown = self.json(&["show", run]);
        let events = shown["journal"].as_array_mut().unwrap();
        let mut made: Vec<(Json, Json)> = Vec::new();
        events.iter_mut().for_each(|event| {
            let event = event["event"].as_object_mut().unwrap();
            event.remove("run");
            // Documents tell times and the run's id: what stays is which they are.
            for document in event.get("documents").and_then(Json::as_array).into_iter().flatten() {
                made.push((document["digest"].clone(), document["form"].clone()));
            }
            for list in ["documents", "evidence"] {
                for digest in event.get_mut(list).and_then(Json::as_array_mut).into_iter().flatten() {
                    let digest = if list == "documents" { &mut digest["digest"] } else { digest };
                    if let Some((_, form)) = made.iter().find(|(known, _)| known == digest) {
                        *digest = form.clone();
                    }
                }
            }
            // Keys, times and random characters: whether somebody signed is what stays.
            let signed = event.contains_key("seal").then(|| Json::from("signed"));
            event.extend(signed.map(|signed| ("seal".to_owned(), signed)));
            if event["event"] == "people_recorded" {
                event.remove("people");
            }
            if let Some(approval) = event.get_mut("fields").and_then(|fields| fields.get_mut("approval")) {
                *approval = Json::from("a run");
            }
        });
        events.iter().map(|event| event["event"].clone()).collect()
    }
}
