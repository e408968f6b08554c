//! The program itself, with its servers behind a jump server of another environment: two real sshds.

use super::*;
use crate::approve::keyboard;
use std::process::Output;

/// A project whose one server lies behind `bastion`.
struct Behind {
    project: tempfile::TempDir,
    bastion: Place,
    place: Place,
    web: u16,
}

impl Behind {
    /// Nothing where OpenSSH is not installed. `more` is said of the bastion in the inventory.
    async fn new(more: &str) -> Option<Self> {
        let (bastion, place) = (sshd("MaxSessions 0")?, sshd("")?);
        let behind = Self { project: tempfile::tempdir().unwrap(), web: site().await, bastion, place };
        let (identity, recipient) = esclusa::vault::generate_identity();
        let (_, recovery) = esclusa::vault::generate_identity();
        behind.write("state/keys/control.age", secrecy::ExposeSecret::expose_secret(&identity));
        behind.write(
            "esclusa.yaml",
            &format!(
                "institution: {{name: University}}\nssh_config: none\nsecrets: {{word: {{environment: WORD}}}}\n\
                 vault:\n  path: state/vault\n  identity: state/keys/control.age\n  recipients: [{recipient}, {recovery}]\n"
            ),
        );
        behind.write("people.yaml", "people: {}\n");
        behind.inventory(more);
        behind.playbooks();
        Some(behind)
    }

    fn inventory(&self, more: &str) {
        let entry = |place: &Place| {
            format!(
                "address: 127.0.0.1, port: {}, user: {}, identity_file: \"{}\"",
                place.server.port.unwrap(),
                user(),
                place.path(".ssh/id_ed25519").display(),
            )
        };
        let key = |place: &Place| place.server.host_keys[0].0.clone();
        self.write(
            "inventory.yaml",
            &format!(
                "environments:\n  gates:\n    kind: development\n    servers:\n      bastion: {{{}, {more} host_key: \"{}\"}}\n\
                 \x20 development:\n    kind: development\n    servers:\n      there: {{{}, jump: bastion, groups: [web], host_key: \"{}\"}}\n",
                entry(&self.bastion),
                key(&self.bastion),
                entry(&self.place),
                key(&self.place),
            ),
        );
    }

    fn playbooks(&self) {
        let home = self.place.path("system");
        std::fs::create_dir(&home).unwrap();
        let home = home.display();
        self.write(
            "playbooks/notes/system.yaml",
            &format!(
                "system: notes\ntitle: Notes\norigin: in-house\nlicence: MIT\nchecks:\n  - id: page\n    at: web\n    \
                 http: {{url: \"http://127.0.0.1:{0}/\"}}\n    expect: [{{value: status, is: 200}}]\n  \
                 - id: port\n    at: web\n    tcp: {{host: 127.0.0.1, port: {0}}}\n    expect: [{{value: open, is: true}}]\n",
                self.web
            ),
        );
        let steps = |word: &str| {
            format!(
                "steps:\n  - name: Write\n    at: web\n    copy: {{content: \"{word}\\n\", dest: {home}/notes.conf}}\n"
            )
        };
        self.write(
            "playbooks/notes/install.yaml",
            &format!("kind: install\nsystem: notes\n{}", steps("one")),
        );
        self.write("playbooks/notes/update.yaml", &format!("kind: update\nsystem: notes\n{}", steps("two")));
        self.write(
            "playbooks/notes/backup.yaml",
            &format!(
                "kind: backup\nsystem: notes\nparts:\n  packages: {{none: \"There are no packages in it\"}}\n  configuration: \
                 [{{at: web, paths: [{home}]}}]\n  databases: {{none: \"There is no database in it\"}}\n  complementary: \
                 {{none: \"There is nothing else in it\"}}\n"
            ),
        );
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.project.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_private(&path, text);
    }

    async fn run(&self, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_esclusa"));
        command.args(words.split(' ')).current_dir(self.project.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.place.folder.path());
        command.env("WORD", "open sesame").env("LANG", "C").stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// What was printed, by a command that must end so.
    async fn ends(&self, words: &str, code: i32) -> String {
        let output = self.run(words).await;
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words}: {text}");
        assert!(!text.contains("sesame"), "{text}");
        text
    }
}

/// A page that is always there.
async fn site() -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                    .await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_behind_a_jump_server_lives_as_any_other() {
    let Some(behind) = Behind::new("passphrase: word,").await else { return };
    keygen(&behind.bastion.path(".ssh/id_ed25519"), &["-p", "-P", "", "-N", "open sesame"]);
    behind.ends("validate", 0).await;
    let seen = behind.ends("doctor --env development", 0).await;
    assert!(seen.contains("through bastion"), "{seen}");
    let seen = behind.ends("trust there", 0).await;
    assert!(seen.contains("pinned"), "{seen}");
    behind.ends("plan notes/install --env development", 0).await;
    behind.ends("run notes/install --env development", 0).await;
    let file = behind.place.path("system/notes.conf");
    assert_eq!(read(&file), "one\n");
    behind.ends("check notes --env development", 0).await;
    behind.ends("run notes/update --env development", 0).await;
    assert_eq!(read(&file), "two\n");
    behind.ends("backup notes --env development", 0).await;
    std::fs::write(&file, "broken\n").unwrap();
    let list = behind.ends("backups notes --format json", 0).await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let all = list["backups"].as_array().unwrap_or_else(|| panic!("{list}"));
    let id = all[0]["id"].as_str().unwrap_or_else(|| panic!("{list}"));
    behind.ends(&format!("restore {id}"), 0).await;
    assert_eq!(read(&file), "two\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_jump_server_lacks_is_said_of_it_and_asked_of_a_person() {
    let Some(behind) = Behind::new("").await else { return };
    keygen(&behind.bastion.path(".ssh/id_ed25519"), &["-p", "-P", "", "-N", "open sesame"]);
    for command in ["plan notes/install --env development", "doctor --env development", "trust there"] {
        let output = behind.run(command).await;
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!output.status.success(), "{command}: {text}");
        assert!(
            text.contains("lies behind `bastion`") && text.contains("needs a passphrase"),
            "{command}: {text}"
        );
    }
    let folder = behind.project.path().to_owned();
    let session = tokio::task::spawn_blocking(move || {
        let mut session = keyboard::Session::start(&folder, "plan notes/install --env development --lang en");
        session.at("passphrase of the key for bastion", "open sesame\r");
        session.end()
    });
    let (code, seen) = session.await.unwrap();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("sesame"), "{seen}");

    // Its key is unknown: the hint pins it, and not another one.
    behind.inventory("");
    let path = behind.project.path().join("inventory.yaml");
    let text = read(&path).replace(&format!(", host_key: \"{}\"", behind.bastion.server.host_keys[0].0), "");
    let text = text.replace(&format!(",  host_key: \"{}\"", behind.bastion.server.host_keys[0].0), "");
    std::fs::write(&path, text).unwrap();
    let seen = behind.ends("plan notes/install --env development", 4).await;
    assert!(seen.contains("esclusa trust bastion"), "{seen}");
}
