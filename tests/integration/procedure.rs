//! `esclusa procedure` and `esclusa validate` on procedures, as a person calls them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn esclusa(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esclusa"));
    command.current_dir(folder).args(words).env_remove("ESCLUSA_PROJECT").env("ESCLUSA_LANG", "es");
    command.env("NO_COLOR", "1").output().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if from.is_dir() {
            copy(&from, &to.join(name))
        } else {
            fs::copy(&from, to.join(name)).map(drop).unwrap()
        }
    }
}

/// The first example with the six procedures and these people beside its own.
fn project(people: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&home().join("examples/first-run"), folder.path());
    copy(&home().join("playbooks/ti-p01"), &folder.path().join("playbooks/ti-p01"));
    let file = folder.path().join("people.yaml");
    let text = fs::read_to_string(&file).unwrap() + people;
    fs::write(file, text).unwrap();
    folder
}

/// Whoever signs needs a key; nobody has the other half of this one.
const EVERYBODY: &str = "  eva:\n    name: Eva Paz\n    roles: [professional, unit, development, dba, vendor, contract-supervisor, directors]\n    \
    keys: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIiYwNB5vzYxx/f+sbm51GF+X2OZl770nb9X5gMjGbjj\n";

#[test]
fn lint_has_nothing_to_say_about_ours_and_places_the_flaws_of_the_printed_text() {
    for number in 1..=6 {
        let good = esclusa(&home(), &["procedure", "lint", &format!("playbooks/ti-p01/3.2.{number}.yaml")]);
        assert!(good.status.success(), "{good:?}");
        let path = format!("tests/golden/procedure/printed/3.2.{number}.yaml");
        let bad = esclusa(&home(), &["procedure", "lint", &path]);
        assert_eq!(bad.status.code(), Some(2), "{bad:?}");
        let words = String::from_utf8(bad.stderr).unwrap();
        assert!(words.contains(&format!("--> {path}:")), "{words}");
    }
}

#[test]
fn the_messages_about_the_printed_text_are_the_golden_ones() {
    let mut different = String::new();
    for number in 1..=6 {
        let path = format!("tests/golden/procedure/printed/3.2.{number}.yaml");
        let words = String::from_utf8(esclusa(&home(), &["procedure", "lint", &path]).stderr).unwrap();
        let golden = home().join(&path).with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &words).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != words {
            different += &words;
        }
    }
    assert!(different.is_empty(), "these messages are not the golden ones:\n{different}");
}

#[test]
fn show_draws_text_within_80_columns_and_an_svg_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = home().join("playbooks/ti-p01/3.2.5.yaml");
    let file = file.to_str().unwrap();
    let text = esclusa(folder.path(), &["procedure", "show", file]);
    assert!(text.status.success(), "{text:?}");
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("¿Cumple los requisitos?") && text.lines().all(|line| line.chars().count() <= 80));
    let drawn = esclusa(folder.path(), &["procedure", "show", file, "--svg", "graph.svg"]);
    assert!(drawn.status.success(), "{drawn:?}");
    let drawing = fs::read_to_string(folder.path().join("graph.svg")).unwrap();
    assert!(drawing.starts_with("<svg ") && drawing.ends_with("</svg>\n"));
}

#[test]
fn validate_takes_procedures_and_names_the_roles_that_nobody_has() {
    let good = project(EVERYBODY);
    let report = esclusa(good.path(), &["validate"]);
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));

    let lonely = project("");
    let report = esclusa(lonely.path(), &["validate", "playbooks/ti-p01/3.2.4.yaml"]);
    assert_eq!(report.status.code(), Some(2));
    let words = String::from_utf8(report.stderr).unwrap();
    for role in ["dba", "unit"] {
        assert!(words.contains(&format!("waits for the role `{role}`, which nobody has")), "{words}");
    }

    let wrong = good.path().join("playbooks/ti-p01/3.2.1.yaml");
    let text =
        fs::read_to_string(&wrong).unwrap().replace("playbook: ti-p01/3.2.4", "playbook: ti-p01/3.2.9");
    fs::write(&wrong, text).unwrap();
    let report = esclusa(good.path(), &["validate"]);
    let words = String::from_utf8(report.stderr).unwrap();
    assert!(words.contains("`3.2.1-19c` calls `ti-p01/3.2.9`, which does not exist"), "{words}");
}

#[test]
fn a_file_that_is_not_there_or_no_procedure_is_refused_with_its_cause() {
    for (file, words) in [("nothing.yaml", "nothing.yaml"), ("playbooks/wiki/update.yaml", "unknown key")] {
        let refused = esclusa(&home(), &["procedure", "show", file]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(words), "{refused:?}");
    }
}
