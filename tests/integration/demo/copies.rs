//! Copies that do not come to their end: the services run again, and who asks is told why.

use super::stage::{Said, Stage};
use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// Replaces the words with which the notes are dumped.
fn dump_with(stage: &Stage, words: &str) {
    let path = stage.path().join("playbooks/notes/backup.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("check:"));
    let changed: Vec<String> = lines
        .map(|line| match line.trim_start().strip_prefix("dump:") {
            Some(_) => format!("        dump: {words}"),
            None => line.to_owned(),
        })
        .collect();
    std::fs::write(path, changed.join("\n") + "\n").unwrap();
}

/// A small file system in place of the vault.
struct Small(PathBuf);

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_vault_that_is_full_fails_the_backup_and_the_services_run_again() {
    let stage = Stage::new();
    stage.demo(&["--approve"]).ends_with(0);
    let vault = stage.path().join("state/vault");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=80m", "none"]).arg(&vault).status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("left out: nothing can be mounted here");
        return;
    }
    let _small = Small(vault);
    dump_with(&stage, "[head, -c, \"120000000\", /dev/urandom]");
    let failed: Said = stage.project(&["backup", "notes", "--env", "production"]);
    failed.ends_with(1);
    failed.says("No space left on device");
    assert!(!failed.all().contains("broken pipe"), "{}", failed.all());
    assert!(stage.page().contains("version 2"), "the service runs again");
}

#[test]
fn a_copy_that_does_not_end_can_be_interrupted() {
    let stage = Stage::new();
    stage.demo(&["--approve"]).ends_with(0);
    dump_with(&stage, "[sleep, \"600\"]");
    let begun = Instant::now();
    let mut running = Stage::command(&["-C", stage.dir(), "backup", "notes", "--env", "production"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let spool = || {
        std::fs::read_dir(stage.path().join("state/vault"))
            .unwrap()
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with(".spool-"))
    };
    let copying = || {
        let folder = spool()?.path();
        std::fs::read_dir(folder)
            .ok()?
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("databases."))
    };
    while copying().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the copy does not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    let pid = running.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let asked = Instant::now();
    while running.try_wait().unwrap().is_none() {
        assert!(asked.elapsed() < Duration::from_secs(30), "it does not stop");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(running.wait().unwrap().code(), Some(130));
    // Taken up again, with what it was opened with, it still waits for a dump that does not end.
    let status = stage.project(&["status"]);
    status.says("resume");
}

#[test]
fn a_backup_that_a_waiting_restore_names_is_kept() {
    let stage = Stage::new();
    stage.demo(&["--approve"]).ends_with(0);
    let path = stage.path().join("playbooks/notes/backup.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("keep:")).collect();
    let listed = || {
        let said = stage.project(&["backups", "notes", "--env", "production", "--format", "json"]);
        let list: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let ids =
            list["backups"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<String>>()
    };
    let before = listed();
    stage.project(&["backup", "notes", "--env", "production"]).ends_with(0);
    let wanted = listed().into_iter().find(|id| !before.contains(id)).unwrap();
    stage.project(&["restore", &wanted, "--why", "it may be needed"]).ends_with(10);
    std::fs::write(&path, kept.join("\n") + "\nkeep: {last: 1}\n").unwrap();
    stage.project(&["backup", "notes", "--env", "production"]).ends_with(0);
    let after = listed();
    assert!(after.contains(&wanted), "{after:?}");
    assert!(!before.is_empty() && before.iter().all(|id| !after.contains(id)), "the others go: {after:?}");
}
