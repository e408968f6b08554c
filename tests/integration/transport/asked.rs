//! Passwords that nobody configured: a person at the terminal is asked for them, unseen, and they stay
//! nowhere.

use super::{Place, bare, embedded, keygen, porter, user, with_sudo};
use crate::approve::keyboard::Session;
use std::{fs, path::Path};

const PLAN: &str = "plan notes/install --env development --lang en";

/// A project with this one server, and a playbook that looks at a file as root.
fn project(port: u16, host_key: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "esclusa.yaml",
        "institution: {name: University}\nssh_config: none\nvault:\n  path: state/vault\n  recipients:\n    \
         - age1wmjfrwng94tpnj47xqt9pt58ku9q5ah35ypye0dvn8s6y3mcycps46cfe8\n",
    );
    write("people.yaml", "people: {}\n");
    let server = format!(
        "address: 127.0.0.1, port: {port}, user: {}, host_key: \"{}\", groups: [web], {more}",
        user(),
        bare(host_key)
    );
    write(
        "inventory.yaml",
        &format!("environments:\n  development: {{kind: development, servers: {{there: {{{server}}}}}}}\n"),
    );
    write("playbooks/notes/system.yaml", "system: notes\ntitle: Notes\norigin: in-house\nlicence: MIT\n");
    write(
        "playbooks/notes/install.yaml",
        "kind: install\nsystem: notes\nsteps:\n  - name: Look\n    at: web\n    \
         copy: {content: x, dest: /nowhere/to/be/found}\n",
    );
    folder
}

fn with_key(place: &Place, more: &str) -> tempfile::TempDir {
    let key = place.path(".ssh/id_ed25519");
    let host_key = &place.server.host_keys[0].0;
    let more = format!("identity_file: \"{}\", {more}", key.display());
    project(place.server.port.unwrap(), host_key, &more)
}

/// Whether a word lies in any file below a folder.
fn holds(folder: &Path, word: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, word);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        bytes.windows(word.len()).any(|part| part == word.as_bytes())
    })
}

async fn ends(session: Session) -> (Option<i32>, String) {
    tokio::task::spawn_blocking(|| session.end()).await.unwrap()
}

/// Starts the plan and answers one question.
async fn answer(folder: &Path, question: &'static str, word: &'static str) -> (Option<i32>, String) {
    answers(folder, &[(question, word)]).await
}

/// Starts the plan and answers what it asks.
async fn answers(folder: &Path, all: &[(&'static str, &'static str)]) -> (Option<i32>, String) {
    let (folder, all) = (folder.to_owned(), all.to_vec());
    let session = tokio::task::spawn_blocking(move || {
        let mut session = Session::start(&folder, PLAN);
        for (question, word) in all {
            session.at(question, &format!("{word}\r"));
        }
        session
    });
    ends(session.await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_for_sudo_is_asked_for_unseen_and_kept_nowhere() {
    let place = with_sudo("ask || exit 1").await;
    let project = with_key(&place, "become: sudo");
    let (code, seen) = answer(project.path(), "sudo password for there", "root word").await;
    assert_eq!(code, Some(1), "{seen}");
    // Root has looked: the folder is missing there, which is the plan's only fault.
    assert!(seen.contains("/nowhere/to/be"), "{seen}");
    assert!(!seen.contains("root word") && !holds(project.path(), "root word"), "{seen}");

    let (code, seen) = answer(project.path(), "sudo password for there", "another word").await;
    assert_eq!(code, Some(4), "{seen}");
    assert!(seen.contains("sudo") && !seen.contains("another word"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passphrase_of_a_key_is_asked_for_unseen_and_kept_nowhere() {
    let place = embedded().await;
    keygen(&place.path(".ssh/id_ed25519"), &["-p", "-P", "", "-N", "sesame-open-1"]);
    let project = with_key(&place, "become: no");
    let (code, seen) = answer(project.path(), "passphrase of the key for there", "sesame-open-1").await;
    assert_eq!(code, Some(1), "{seen}");
    assert!(seen.contains("/nowhere/to/be"), "{seen}");
    assert!(!seen.contains("sesame") && !holds(project.path(), "sesame"), "{seen}");

    // As with `ssh`, the password comes last.
    let wrong = [("passphrase of the key for there", "sesame-shut-2"), ("password for there", "sesame-3")];
    let (code, seen) = answers(project.path(), &wrong).await;
    assert_eq!(code, Some(4), "{seen}");
    assert!(seen.contains("its passphrase is wrong") && !seen.contains("sesame"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_a_login_is_asked_for_unseen_and_sent() {
    for interactive in [false, true] {
        let (port, host_key) = porter(interactive).await;
        let project = project(port, &host_key, "become: no");
        for (word, refused) in [("wrong", true), ("right", false)] {
            let (code, seen) = answer(project.path(), "password for there", word).await;
            assert_eq!(code, Some(4), "{seen}");
            // Who is let in finds a server that opens no channel.
            assert_eq!(seen.contains("refused the login"), refused, "{interactive} {word}: {seen}");
            assert!(!seen.contains(word), "{seen}");
        }
    }
}
