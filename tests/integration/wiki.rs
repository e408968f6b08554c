//! The real example, `playbooks/wiki`: its files are read without a finding, and its steps, module
//! by module on a real server, bring MediaWiki to life and to its next version.

use crate::support::lab::Lab;
use esclusa::{
    document::{Diagnostics, Files, Source},
    expression::{
        scope::Scope,
        template::{render, render_value},
    },
    model::{Answer, BlobRef, Digest, Status, Value, script::quote},
    module::{Content, ContentSource, Outcome, Place, SHAPES, parse},
    playbook::{
        Playbook, Step,
        backup_file::parse_backup,
        playbook_file::{Parsed, parse_playbook},
    },
    system::sheet_file::parse_sheet,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Seek as _, Write as _},
    path::{Path, PathBuf},
    process::Output,
};

const FOLDER: &str = "playbooks/wiki";
const PAGE: &str = "http://localhost/wiki/api.php?action=query&meta=siteinfo&format=json";

struct Repository;

impl Files for Repository {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
    }
}

fn source(name: &str) -> Source {
    let path = format!("{FOLDER}/{name}");
    let bytes = Repository.read(&path).unwrap();
    Source::from_bytes(&path, &bytes).unwrap()
}

/// What `read` makes of a file that must give no finding.
fn clean<T>(name: &str, read: impl FnOnce(&Source, &mut Diagnostics) -> Option<T>) -> T {
    let mut found = Diagnostics::default();
    let value = read(&source(name), &mut found);
    let messages: Vec<String> = found.sorted().iter().map(|one| one.render(false)).collect();
    assert!(messages.is_empty(), "{}", messages.join("\n"));
    value.unwrap()
}

fn playbook(name: &str) -> Playbook {
    let Parsed { playbook, .. } =
        clean(name, |source, found| parse_playbook(source, &Repository, SHAPES, found));
    playbook
}

#[test]
fn its_files_are_read_without_a_finding() {
    let sheet = clean("system.yaml", parse_sheet);
    let backup = clean("backup.yaml", parse_backup);
    assert_eq!(sheet.system, backup.system);
    for name in ["install.yaml", "update.yaml"] {
        assert_eq!(playbook(name).system, sheet.system);
    }
}

/// A server of the lab on which steps are done one after the other.
struct Bench<'a> {
    lab: &'static Lab,
    server: &'a str,
    scope: Scope,
    artifacts: BTreeMap<String, PathBuf>,
}

impl ContentSource for Bench<'_> {
    fn content(&self, src: &str) -> Result<Content, String> {
        if let Some(path) = self.artifacts.get(src) {
            let bytes = fs::read(path).map_err(|error| error.to_string())?;
            return Ok(Content::Blob(BlobRef { digest: Digest::of(&bytes), size: bytes.len() as u64 }));
        }
        let bytes = Repository.read(&format!("{FOLDER}/{src}")).ok_or("there is no such file")?;
        let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        Ok(Content::Bytes(render(&text, &self.scope).map_err(|error| error.to_string())?.into_bytes()))
    }
}

impl Bench<'_> {
    /// Does the steps and the handlers that they notify; returns the ids of those that changed something.
    fn play(&self, book: &Playbook) -> Vec<String> {
        let mut changed = Vec::new();
        let mut notified = BTreeSet::new();
        for step in &book.steps {
            if self.step(step) {
                changed.push(step.id.to_string());
                notified.extend(step.notify.iter().cloned());
            }
        }
        for handler in book.handlers.iter().filter(|handler| notified.contains(&handler.id)) {
            self.step(handler);
        }
        changed
    }

    fn step(&self, step: &Step) -> bool {
        let args = render_value(&step.args, &self.scope).unwrap();
        let action = parse(&step.module, &args, &Place { files: self }).unwrap();
        let account = step.as_user.as_deref().unwrap_or("root");
        let seen = action.probe().map(|script| self.run(account, &script.0));
        let change = match action.change(seen.as_ref()).unwrap() {
            Outcome::Unchanged(_) => return false,
            Outcome::Change(change) => change,
        };
        for blob in &change.blobs {
            self.send(blob);
        }
        let answer = self.run(account, &change.script.0);
        let stderr = String::from_utf8_lossy(&answer.stderr);
        action.result(&answer).unwrap_or_else(|error| panic!("`{}`: {error}\n{stderr}", step.name));
        true
    }

    fn run(&self, account: &str, script: &str) -> Answer {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(script.as_bytes()).unwrap();
        input.rewind().unwrap();
        let command = format!(
            "file=$(mktemp) && cat >\"$file\" && chmod 755 \"$file\" && \
             sudo -u {account} env BLOBS=/var/tmp/blobs sh \"$file\" </dev/null; status=$?; rm -f \"$file\"; exit $status",
            account = quote(account)
        );
        let Output { status, stdout, stderr } = self.lab.feed("deploy", self.server, &command, input);
        Answer { status: Status::Exited(status.code().unwrap()), stdout, stderr, truncated: false }
    }

    fn send(&self, blob: &BlobRef) {
        let path = self.artifacts.values().find(|path| Digest::of(&fs::read(path).unwrap()) == blob.digest);
        let command = format!("mkdir -p /var/tmp/blobs && cat >/var/tmp/blobs/{}", blob.digest);
        let output = self.lab.feed("deploy", self.server, &command, File::open(path.unwrap()).unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn ask(&self, command: &str) -> String {
        self.lab.answer("deploy", self.server, command)
    }
}

/// Variables of the data sheet, inputs, secrets and artifacts as steps see them.
fn scope(version: &str, artifacts: &BTreeMap<String, PathBuf>) -> Scope {
    let text = |text: &str| Value::Text(text.to_owned());
    let names = |pairs: &[(&str, &str)]| {
        Value::Map(pairs.iter().map(|(key, value)| ((*key).to_owned(), text(value))).collect())
    };
    let mut scope = Scope::default();
    for (name, value) in clean("system.yaml", parse_sheet).variables {
        scope.set(name, value);
    }
    scope.set("wiki_title", text("Wiki d'institución"));
    scope.set("version", text(version));
    scope.set(
        "secret",
        names(&[("wiki_database", "db'pass $1"), ("wiki_administrator", "long enough \"10\"")]),
    );
    let paths = artifacts.keys().map(|key| (key.clone(), text(key))).collect();
    scope.set("artifacts", Value::Map(paths));
    scope
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn its_steps_install_mediawiki_and_bring_it_to_the_next_version() {
    let lab = Lab::get();
    let _turn = lab.turn();
    lab.fresh(&["dev"]);
    let file = |name: &str| {
        let mut found = fs::read_dir(lab.artifacts()).unwrap().map(|entry| entry.unwrap().path());
        found.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name)).unwrap()
    };
    let artifacts = BTreeMap::from([
        ("core".to_owned(), file("mediawiki_")),
        ("classes".to_owned(), file("mediawiki-classes_")),
    ]);
    let bench = Bench { lab, server: "dev", scope: scope("1.43", &artifacts), artifacts };
    let version =
        || bench.ask(&format!("curl -fsS -m 30 '{PAGE}' | grep -o 'MediaWiki 1[.][0-9]*' | head -n 1"));
    let raw = "curl -fsS -m 30 'http://localhost/wiki/index.php?title=Acta&action=raw'";

    let install = playbook("install.yaml");
    bench.play(&install);
    assert_eq!(version(), "MediaWiki 1.39");
    assert_eq!(bench.play(&install), Vec::<String>::new(), "a second install changes something");
    bench.ask("echo 'Written before' | sudo -u www-data php /usr/share/mediawiki/maintenance/edit.php -u Administrador Acta");
    assert_eq!(bench.ask(raw), "Written before");

    let update = playbook("update.yaml");
    bench.play(&update);
    assert_eq!(version(), "MediaWiki 1.43");
    assert_eq!(bench.ask(raw), "Written before");
    // Migrations are commands: they run once for each time they are asked.
    assert_eq!(bench.play(&update), ["migrate"]);
    assert_eq!(bench.ask("! grep -rlF 'long enough' /tmp /var/tmp /etc 2>/dev/null && echo none"), "none");
}
