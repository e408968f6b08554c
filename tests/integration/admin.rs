//! The verbs that set a project up and look after it: init, trust, doctor, secret, keys, state, server.

mod leaks;

use esclusa::transport::server::{Settings, serve};
use esclusa::transport::{fingerprint, generate_key};
use serde_json::Value as Json;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::net::TcpListener;

/// What nobody may ever print.
const SECRET: &str = "s3cret-Value-9f2c";

/// A home folder, a project in it, and at most one server.
struct Place {
    folder: tempfile::TempDir,
    port: u16,
    host_key: String,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// What a command printed, and how it ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.out, self.err);
        self
    }
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, public) = generate_key("me").unwrap();
        let ssh = folder.path().join(".ssh");
        std::fs::create_dir(&ssh).unwrap();
        write(&ssh.join("id_ed25519"), &key, 0o600);
        write(&ssh.join("id_ed25519.pub"), &public, 0o644);
        std::fs::create_dir(folder.path().join("there")).unwrap();
        let mut place = Self { folder, port: 0, host_key: String::new(), tasks: Vec::new() };
        place.serve(public).await;
        place
    }

    /// Starts a server with a new host key.
    async fn serve(&mut self, public: String) {
        let (host, host_public) = generate_key("host").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        self.host_key = host_public.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let settings = Settings {
            host_key: host.to_string(),
            authorized: vec![public],
            home: self.folder.path().join("there"),
            shell: "sh".into(),
        };
        self.tasks
            .push(tokio::spawn(async move { serve(listener, settings, Arc::new(|| {})).await.unwrap() }));
    }

    fn fingerprint(&self) -> String {
        fingerprint(&esclusa::model::HostKey(self.host_key.clone())).unwrap()
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    async fn run(&self, words: &[&str]) -> Ended {
        self.run_with(words, "").await
    }

    async fn run_with(&self, words: &[&str], input: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_esclusa"));
        command.args(words).current_dir(self.folder.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.folder.path()).env("ESCLUSA_PROJECT", self.project());
        command.env("ESCLUSA_STORE_IS_KEPT", "1").env("SECRET_VARIABLE", SECRET);
        let input = input.to_owned();
        let ended = tokio::task::spawn_blocking(move || {
            let mut child =
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            let output = child.wait_with_output().unwrap();
            Ended {
                code: output.status.code().unwrap(),
                out: String::from_utf8(output.stdout).unwrap(),
                err: String::from_utf8(output.stderr).unwrap(),
            }
        })
        .await
        .unwrap();
        for text in [&ended.out, &ended.err] {
            assert!(!text.contains(SECRET), "a secret was printed: {text}");
            assert!(!text.contains("panicked"), "{text}");
        }
        ended
    }

    /// Makes a project and gives its test environment the server.
    async fn started(&self) -> String {
        let made = self.run(&["init", "notes", "--dir", self.project().to_str().unwrap()]).await.expect(0);
        let path = self.project().join("inventory.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let at = text.find("192.0.2.12").unwrap();
        let (before, rest) = text.split_at(at);
        let rest = rest.replacen("192.0.2.12", &format!("127.0.0.1\n        port: {}", self.port), 1);
        let rest = rest.replacen("become: sudo", "become: no", 1);
        std::fs::write(&path, format!("{before}{rest}")).unwrap();
        let key = made.out.lines().map(str::trim).find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
        key.to_owned()
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn narrow(text: &str) {
    for line in text.lines().filter(|line| !line.contains("AGE-SECRET-KEY-")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[tokio::test]
async fn a_new_project_is_good_but_for_its_named_placeholders() {
    let place = Place::new().await;
    let made = place.run(&["init", "notes", "--dir", place.project().to_str().unwrap()]).await.expect(0);
    narrow(&made.out);
    let keys: Vec<_> = made.out.lines().filter(|line| line.contains("AGE-SECRET-KEY-")).collect();
    assert_eq!(keys.len(), 1, "the recovery key is shown once");
    let root = place.project();
    assert_eq!((mode(&root.join("state")), mode(&root.join("state/keys"))), (0o700, 0o700));
    assert_eq!(mode(&root.join("state/keys/control.age")), 0o600);
    assert!(std::fs::read_to_string(root.join(".gitignore")).unwrap().contains("/state/"));
    // The recovery key is nowhere in the project.
    let kept = Command::new("grep").args(["-r", keys[0].trim()]).arg(&root).output().unwrap();
    assert!(kept.stdout.is_empty());
    let found = place.run(&["validate", "--format", "json"]).await.json();
    for one in found["diagnostics"].as_array().unwrap() {
        let message = one["message"].as_str().unwrap();
        let named = message.contains("director") || message.contains("placeholder");
        assert!(named, "only what is named as one is a placeholder: {one}");
    }
    // With a key of the director's, and addresses of servers, everything can work.
    let (_, key) = generate_key("director").unwrap();
    let path = root.join("people.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("# keys: ssh-ed25519 AAAA…", &format!("keys: {key}"))).unwrap();
    let inventory = root.join("inventory.yaml");
    let text = std::fs::read_to_string(&inventory).unwrap();
    std::fs::write(&inventory, text.replace("   # PLACEHOLDER", "")).unwrap();
    place.run(&["validate"]).await.expect(0);
}

#[tokio::test]
async fn init_overwrites_nothing_and_leaves_nothing_behind() {
    let place = Place::new().await;
    place.started().await;
    let before = std::fs::read_to_string(place.project().join("esclusa.yaml")).unwrap();
    let again = place.run(&["init", "notes", "--dir", "project"]).await.expect(2);
    assert!(again.err.contains("nothing is overwritten"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(place.project().join("esclusa.yaml")).unwrap(), before);
    // A second system of the same project.
    let second = place.run(&["init", "forum", "--dir", "project"]).await.expect(0);
    assert!(!second.out.contains("AGE-SECRET-KEY-"));
    assert!(place.project().join("playbooks/forum/backup.yaml").is_file());
    for bad in ["", "-x", "../x", "A", "a/b", "a.b"] {
        place.run(&["init", "--dir", "other", "--", bad]).await.expect(2);
    }
    place.run(&["init", "x", "--dir", "other", "--from", "nobody"]).await.expect(2);
    let from = format!("me@127.0.0.1:{}", place.port);
    place.run(&["init", "x", "--dir", "other", "--from", &from]).await.expect(2);
    place.run(&["init", "x", "--dir", "other", "--from", &from, "--fingerprint", "SHA256:x"]).await.expect(2);
    place
        .run(&["init", "x", "--dir", "other", "--from", "me@127.0.0.1:1", "--fingerprint", "SHA256:x"])
        .await
        .expect(4);
    assert!(!place.folder.path().join("other").exists());
}

#[tokio::test]
async fn a_server_that_is_there_fills_the_start() {
    let place = Place::new().await;
    let from = format!("me@127.0.0.1:{}", place.port);
    let root = place.project();
    let words = [
        "init",
        "notes",
        "--dir",
        root.to_str().unwrap(),
        "--from",
        &from,
        "--fingerprint",
        &place.fingerprint(),
    ];
    place.run(&words).await.expect(0);
    let inventory = std::fs::read_to_string(root.join("inventory.yaml")).unwrap();
    assert!(inventory.contains(&format!("host_key: {}", place.host_key)), "{inventory}");
    assert!(
        inventory.contains("notes-live:") && inventory.contains(&format!("port: {}", place.port)),
        "{inventory}"
    );
    assert!(
        std::fs::read_to_string(root.join("playbooks/notes/system.yaml"))
            .unwrap()
            .contains("# What me@127.0.0.1")
    );
    let found = place.run(&["validate", "--format", "json"]).await.json();
    assert!(
        found["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["message"].as_str().unwrap())
            .all(|words| words.contains("director") || words.contains("placeholder"))
    );
}

#[tokio::test]
async fn a_key_is_pinned_only_by_its_fingerprint_and_a_changed_one_is_shown() {
    let mut place = Place::new().await;
    place.started().await;
    let path = place.project().join("inventory.yaml");
    let before = std::fs::read_to_string(&path).unwrap();
    let asked = place.run(&["trust", "notes-test"]).await.expect(2);
    assert!(asked.out.contains(&place.fingerprint()), "{}", asked.out);
    assert!(asked.err.contains("nobody is here to compare"), "{}", asked.err);
    narrow(&asked.out);
    place.run(&["trust", "notes-test", "--yes"]).await.expect(2);
    place.run(&["trust", "notes-test", "--fingerprint", "SHA256:AAAA"]).await.expect(2);
    place.run(&["trust", "nothing", "--fingerprint", &place.fingerprint()]).await.expect(2);
    place.run(&["trust", "notes-test", "--env", "production"]).await.expect(2);
    place.run(&["trust", "notes-test", "--env", "nowhere"]).await.expect(2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before, "nothing was pinned so far");

    place.run(&["trust", "notes-test", "--fingerprint", &place.fingerprint()]).await.expect(0);
    let after = std::fs::read_to_string(&path).unwrap();
    let line = format!("        host_key: {}\n", place.host_key);
    assert_eq!(after.replace(&line, ""), before, "one line was added");
    let again = place.run(&["trust", "notes-test", "--format", "json"]).await.expect(0).json();
    assert_eq!((&again["pinned"], &again["changed"]), (&Json::Bool(true), &Json::Bool(false)));

    // The same address with another key.
    let old = place.fingerprint();
    let port = place.port;
    let public = std::fs::read_to_string(place.folder.path().join(".ssh/id_ed25519.pub")).unwrap();
    place.serve(public).await;
    std::fs::write(&path, after.replace(&format!("port: {port}"), &format!("port: {}", place.port))).unwrap();
    let changed = place.run(&["trust", "notes-test"]).await.expect(2);
    assert!(changed.out.contains("THE KEY HAS CHANGED"), "{}", changed.out);
    assert!(changed.out.contains(&old) && changed.out.contains(&place.fingerprint()), "{}", changed.out);
    place.run(&["trust", "notes-test", "--fingerprint", &place.fingerprint()]).await.expect(0);
    let last = std::fs::read_to_string(&path).unwrap();
    assert!(last.contains(&place.host_key) && last.matches("host_key:").count() == 1, "{last}");
}

#[tokio::test]
async fn doctor_says_what_is_good_and_what_is_not() {
    let place = Place::new().await;
    place.started().await;
    let find = |report: &Json, where_: &str, what: &str| -> String {
        let all = report["findings"].as_array().unwrap();
        let one = all.iter().find(|one| one["place"] == where_ && one["what"] == what);
        one.unwrap_or_else(|| panic!("{where_} {what}: {report}"))["verdict"].as_str().unwrap().to_owned()
    };
    // Not pinned yet.
    let report = place.run(&["doctor", "--env", "test", "--format", "json"]).await.expect(1).json();
    assert_eq!(find(&report, "notes-test", "line"), "good");
    assert_eq!(find(&report, "notes-test", "host key"), "bad");
    place.run(&["trust", "notes-test", "--fingerprint", &place.fingerprint()]).await.expect(0);
    let report = place.run(&["doctor", "--env", "test", "--format", "json"]).await.expect(0).json();
    for what in ["line", "host key", "login", "root", "tools", "space", "clock"] {
        assert_eq!(find(&report, "notes-test", what), "good", "{what}: {report}");
    }
    for what in ["space", "database", "vault", "caller", "gate"] {
        assert_eq!(find(&report, "here", what), "good", "{what}: {report}");
    }
    let text = place.run(&["doctor", "--env", "test"]).await.expect(0).out;
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

    // A secret without a value, a tool that is nowhere, a damaged database.
    let path = place.project().join("esclusa.yaml");
    let project = std::fs::read_to_string(&path).unwrap();
    let secrets = "secrets: {there: {environment: SECRET_VARIABLE}, gone: {environment: NOT_SET}}";
    std::fs::write(&path, project.replace("secrets: {}", secrets)).unwrap();
    let install = place.project().join("playbooks/notes/install.yaml");
    let text = std::fs::read_to_string(&install).unwrap();
    std::fs::write(&install, text.replace("{disk_free:", "{commands: [no-such-tool], disk_free:")).unwrap();
    std::fs::write(place.project().join("state/esclusa.db"), "no database").unwrap();
    let report = place.run(&["doctor", "--env", "test", "--format", "json"]).await.expect(1).json();
    assert_eq!(find(&report, "here", "secrets"), "bad");
    assert_eq!(find(&report, "here", "database"), "bad");
    assert_eq!(find(&report, "notes-test", "tools"), "bad");
    narrow(&place.run(&["doctor", "--env", "test"]).await.expect(1).out);

    place.run(&["doctor", "--env", "nowhere"]).await.expect(2);
    // Nobody listens at port 1, and a director without a key cannot approve.
    let path = place.project().join("inventory.yaml");
    let inventory = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, inventory.replace("192.0.2.13", "127.0.0.1\n        port: 1")).unwrap();
    let report = place.run(&["doctor", "--env", "production", "--format", "json"]).await.expect(4).json();
    assert_eq!(find(&report, "notes-live", "line"), "bad");
    assert_ne!(find(&report, "here", "gate"), "good");
    assert_eq!(find(&report, "here", "recovery key"), "unknown");
}

#[tokio::test]
async fn secrets_go_in_by_standard_input_and_never_come_out() {
    let place = Place::new().await;
    place.started().await;
    let path = place.project().join("esclusa.yaml");
    let before = std::fs::read_to_string(&path).unwrap();
    place.run(&["secret", "set", "token", SECRET]).await.expect(2);
    place.run_with(&["secret", "set", "token"], "").await.expect(2);
    place.run_with(&["secret", "set", "NO"], SECRET).await.expect(2);
    for file in ["../out.age", "/tmp/out.age", ""] {
        place.run_with(&["secret", "set", "token", "--file", file], SECRET).await.expect(2);
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    place.run_with(&["secret", "set", "token"], &format!("{SECRET}\n")).await.expect(0);
    let after = std::fs::read_to_string(&path).unwrap();
    assert_eq!(after, before.replace("secrets: {}", "secrets: {token: {age: secrets.age}}"));
    assert_eq!(mode(&place.project().join("secrets.age")), 0o600);
    let sealed = std::fs::read(place.project().join("secrets.age")).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains(SECRET));
    place.run_with(&["secret", "set", "token", "--file", "other.age"], SECRET).await.expect(2);
    let list = place.run(&["secret", "list", "--format", "json"]).await.expect(0).json();
    assert_eq!(list["secrets"][0]["state"], "there");
    place.run(&["secret", "list"]).await.expect(0);
    place.run(&["secret", "remove", "token"]).await.expect(0);
    place.run(&["secret", "remove", "token"]).await.expect(2);
    place.run(&["secret", "list"]).await.expect(1);
    // With `project` deleted from under it, the file still is not readable without the key.
    std::fs::remove_file(place.project().join("state/keys/control.age")).unwrap();
    let refused = place.run_with(&["secret", "set", "token"], SECRET).await;
    assert_ne!(refused.code, 0, "the other secrets of the file would be lost");
}

#[tokio::test]
async fn the_recovery_key_opens_the_newest_backup_and_the_day_is_recorded() {
    let place = Place::new().await;
    let recovery = place.started().await;
    place.run_with(&["keys", "check", "--recovery", "-"], &recovery).await.expect(1);
    place.run(&["trust", "notes-test", "--fingerprint", &place.fingerprint()]).await.expect(0);
    // What the start's backup copies, as far as an account without root can have it.
    let copied = place.folder.path().join("copied");
    std::fs::create_dir(&copied).unwrap();
    std::fs::write(copied.join("VERSION"), "1.0\n").unwrap();
    for name in ["backup", "system", "install", "update"] {
        let path = place.project().join(format!("playbooks/notes/{name}.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("/srv/notes", copied.to_str().unwrap())).unwrap();
    }
    place.run(&["backup", "notes", "--env", "test"]).await.expect(0);
    let own = std::fs::read_to_string(place.project().join("state/keys/control.age")).unwrap();
    place.run_with(&["keys", "check", "--recovery", "-"], &own).await.expect(2);
    for bad in ["", "no key", "AGE-SECRET-KEY-1QQQQ"] {
        assert_ne!(place.run_with(&["keys", "check", "--recovery", "-"], bad).await.code, 0);
    }
    place.run(&["keys", "check", "--recovery", "/no/such/file"]).await.expect(2);
    let stranger = place.run(&["keys", "new", "--format", "json"]).await.expect(0).json();
    let stranger = stranger["identity"].as_str().unwrap().to_owned();
    place.run_with(&["keys", "check", "--recovery", "-"], &stranger).await.expect(1);
    let checked = place.run_with(&["keys", "check", "--recovery", "-"], &recovery).await.expect(0);
    assert!(!checked.out.contains("AGE-SECRET-KEY-"));
    let file = place.folder.path().join("new.age");
    let made = place.run(&["keys", "new", "--output", file.to_str().unwrap()]).await.expect(0);
    assert!(made.out.contains("age1") && !made.out.contains("AGE-SECRET-KEY-"));
    assert_eq!(mode(&file), 0o600);
    place.run(&["keys", "new", "--output", file.to_str().unwrap()]).await.expect(1);
    let report = place.run(&["doctor", "--env", "production", "--format", "json"]).await.json();
    let all = report["findings"].as_array().unwrap();
    assert!(all.iter().any(|one| one["what"] == "recovery key" && one["verdict"] == "good"), "{report}");

    // Its own loss: all of the state goes, and comes back with the recovery key alone.
    let saved = place.folder.path().join("state.age");
    let saved = saved.to_str().unwrap();
    place.run(&["state", "backup", saved]).await.expect(0);
    assert_eq!(mode(Path::new(saved)), 0o600);
    place.run(&["state", "backup", saved]).await.expect(2);
    place.run(&["state", "restore", saved]).await.expect(2);
    let backups = place.run(&["backups", "--format", "json"]).await.expect(0).json();
    let root = place.project();
    std::fs::rename(root.join("state"), place.folder.path().join("lost")).unwrap();
    place.run(&["state", "restore", saved]).await.expect(2);
    let refused = place.run_with(&["state", "restore", saved, "--key", "-"], &stranger).await;
    assert_ne!(refused.code, 0);
    let mut damaged = std::fs::read(saved).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let broken = place.folder.path().join("broken.age");
    std::fs::write(&broken, &damaged).unwrap();
    let broken = broken.to_str().unwrap();
    assert_ne!(place.run_with(&["state", "restore", broken, "--key", "-"], &recovery).await.code, 0);
    assert!(!root.join("state/esclusa.db").exists() && !root.join("state/depot").exists());
    place.run_with(&["state", "restore", saved, "--key", "-"], &recovery).await.expect(0);
    assert_eq!(std::fs::read_to_string(root.join("state/keys/control.age")).unwrap(), own);
    assert_eq!(place.run(&["backups", "--format", "json"]).await.expect(0).json(), backups);
    place.run_with(&["state", "restore", saved, "--key", "-"], &recovery).await.expect(2);
}

#[tokio::test]
async fn a_server_is_adopted_from_another_store_and_that_is_recorded() {
    let place = Place::new().await;
    place.started().await;
    place.run(&["trust", "notes-test", "--fingerprint", &place.fingerprint()]).await.expect(0);
    let guard = place.folder.path().join("there/.esclusa/guard");
    std::fs::create_dir_all(guard.parent().unwrap()).unwrap();
    std::fs::write(&guard, "0198-another-store 7\n").unwrap();
    let doctor = ["doctor", "--env", "test", "--format", "json"];
    let store = |report: Json| -> (String, String) {
        let all = report["findings"].as_array().unwrap();
        let one = all.iter().find(|one| one["place"] == "notes-test" && one["what"] == "store").unwrap();
        assert_eq!(one["verdict"] == "bad", one["advice"].is_string(), "{one}");
        let advice = one["advice"].as_str().unwrap_or_default();
        assert!(advice.is_empty() || advice.contains("server adopt notes-test --env test"), "{one}");
        (one["verdict"].as_str().unwrap().to_owned(), one["words"].as_str().unwrap().to_owned())
    };
    let (verdict, words) = store(place.run(&doctor).await.expect(1).json());
    assert!(verdict == "bad" && words.contains("0198-another-store"), "{words}");
    place.run(&["server", "adopt", "notes-test", "--env", "test"]).await.expect(2);
    place.run(&["server", "adopt", "notes-test", "--env", "test", "--reason", " "]).await.expect(2);
    place
        .run(&["server", "adopt", "notes-test", "--env", "production", "--reason", "moved here"])
        .await
        .expect(2);
    assert_eq!(std::fs::read_to_string(&guard).unwrap(), "0198-another-store 7\n");
    let words = [
        "server",
        "adopt",
        "notes-test",
        "--env",
        "test",
        "--reason",
        "the old host is gone",
        "--format",
        "json",
    ];
    let taken = place.run(&words).await.expect(0).json();
    assert_eq!(taken["before"]["store"], "0198-another-store");
    let held = std::fs::read_to_string(&guard).unwrap();
    assert_eq!(held.trim(), format!("{} {}", taken["store"].as_str().unwrap(), taken["epoch"]));
    assert_eq!(store(place.run(&doctor).await.expect(0).json()).0, "good");
    // Again, now its own, and higher: the database is older than what it has done.
    std::fs::write(&guard, format!("{} 500\n", taken["store"].as_str().unwrap())).unwrap();
    let (verdict, words_seen) = store(place.run(&doctor).await.expect(1).json());
    assert!(verdict == "bad" && words_seen.contains("remembers epoch 500"), "{words_seen}");
    let again = place.run(&words).await.expect(0).json();
    assert!(again["epoch"].as_u64().unwrap() > 500, "{again}");
    std::fs::write(&guard, "x 18446744073709551615\n").unwrap();
    place.run(&words).await.expect(1);
}
