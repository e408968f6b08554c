//! Real copies into a real vault and back: files, SQLite, PostgreSQL, MariaDB.
//!
//! Scripts run on this machine by `sh`, as they would on a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use esclusa::backup::{
    BackupId, Estimate, Header, Item, Manifest, Part, Purpose, Source, VerifiedBackup, Waiver,
};
use esclusa::model::{Answer, EnvironmentName, RunId, Script, ServerName, Status, SystemName, Timestamp};
use esclusa::vault::{Vault, VaultError, generate_identity, write_identity};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

mod databases;
mod trees;

/// A vault with two holders in a temporary folder.
struct Bench {
    root: tempfile::TempDir,
    vault: Vault,
    recovery: SecretString,
    shell: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Bench {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (own, own_recipient) = generate_identity();
        let (recovery, recovery_recipient) = generate_identity();
        let key = root.path().join("key");
        write_identity(&key, &own).await.unwrap();
        let recipients = [own_recipient, recovery_recipient];
        let vault = Vault::open(&root.path().join("vault"), &recipients, &key, true).await.unwrap();
        Self { root, vault, recovery, shell: vec!["sh".into()], environment: Vec::new() }
    }

    fn command(&self, script: &Script) -> Command {
        let file = self.root.path().join(format!("script-{}", uuid::Uuid::now_v7()));
        std::fs::write(&file, &script.0).unwrap();
        let blobs = self.root.path().join("blobs");
        std::fs::create_dir_all(&blobs).unwrap();
        let mut command = Command::new(&self.shell[0]);
        command.args(&self.shell[1..]).arg(file).stdin(Stdio::null()).env("BLOBS", blobs);
        command.envs(self.environment.clone());
        command
    }

    fn run(&self, script: &Script) -> Answer {
        let output = self.command(script).output().unwrap();
        let status = Status::Exited(output.status.code().unwrap_or(-1));
        Answer { status, stdout: output.stdout, stderr: output.stderr, truncated: false }
    }

    /// Copies the items and seals them.
    async fn back_up(&self, id: &str, items: &[Item]) -> Result<VerifiedBackup, VaultError> {
        let mut spool = self.vault.begin(header(id, items)).await?;
        for item in items {
            let estimate = item.read_preflight(&self.run(&item.preflight()))?;
            let answer = self.run(&item.dump());
            let mut writer = spool.receive(item, &estimate).await?;
            let _ = writer.write_all(&answer.stdout).await;
            spool.accept(writer, &answer.status, &answer.stderr).await?;
        }
        spool.seal().await
    }

    /// Puts an item back, twice, since a restore may be repeated.
    async fn restore(&self, id: &str, item: &Item) {
        for _ in 0..2 {
            let answer = self.restore_once(id, item).await;
            assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        }
    }

    async fn restore_once(&self, id: &str, item: &Item) -> Answer {
        let id = BackupId::parse(id).unwrap();
        let manifest: Manifest = self.vault.manifest(&id).await.unwrap();
        let copied = manifest.item(&item.id).unwrap();
        let mut plain = Vec::new();
        self.vault.open_item(&id, &item.id).await.unwrap().read_to_end(&mut plain).await.unwrap();
        assert_eq!(plain.len() as u64, copied.size);
        let blobs = self.root.path().join("blobs");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join(copied.digest.to_string()), plain).unwrap();
        self.run(&item.restore(copied))
    }

    fn file(&self, backup: &str, item: &Item) -> PathBuf {
        self.root.path().join("vault").join(backup).join(format!("{}.zst.age", item.id))
    }
}

fn item(part: Part, source: Source) -> Item {
    let server = ServerName::parse("web-1").unwrap();
    Item { id: format!("{}.web-1.0", part.as_str()), part, server, as_user: None, source }
}

fn header(id: &str, items: &[Item]) -> Header {
    let missing = Part::REQUIRED.iter().filter(|part| !items.iter().any(|item| item.part == **part));
    Header {
        id: BackupId::parse(id).unwrap(),
        system: SystemName::parse("wiki").unwrap(),
        environment: EnvironmentName::parse("test").unwrap(),
        run: RunId("run-1".into()),
        purpose: Purpose::Full,
        taken_at: Timestamp(1_795_000_000_000),
        items: items.to_vec(),
        waived: missing.map(|part| Waiver { part: *part, reason: "not in this test".into() }).collect(),
        quiesced: Vec::new(),
    }
}

/// Whether a program is here; in a pipeline it must be.
fn is_here(program: &str) -> bool {
    let found =
        Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap().status.success();
    if !found {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "`{program}` is needed in a pipeline");
        println!("left out: `{program}` is not installed");
    }
    found
}

fn paths_item(part: Part, path: &Path) -> Item {
    item(part, Source::Paths(vec![path.to_str().unwrap().to_owned()]))
}

async fn send(vault: &Vault, item: &Item, bytes: &[u8], status: Status) -> Result<(), VaultError> {
    let mut spool = vault.begin(header("sent", std::slice::from_ref(item))).await?;
    let mut writer = spool.receive(item, &Estimate::default()).await?;
    let _ = writer.write_all(bytes).await;
    let accepted = spool.accept(writer, &status, b"words").await.map(|_| ());
    match accepted {
        Ok(()) => spool.seal().await.map(|_| ()),
        Err(error) => {
            assert!(spool.seal().await.is_err(), "a spool without its item must not be sealed");
            Err(error)
        }
    }
}
