//! A secret is looked for wherever the program writes.

use super::{notes, project::Access};
use std::{fs, path::Path};

fn update() -> String {
    r#"kind: update
system: notes
title: Update notes
inputs: {version: {required: true}}
route: [test]
steps:
  - name: Echo it
    at: web
    command:
      shell: 'echo "the token is $TOKEN"; echo "$TOKEN" >&2'
      environment: {TOKEN: "{{ secret.token }}"}
  - name: Write it
    at: web
    template: {src: token.j2, dest: /etc/notes.conf, mode: "0600"}
  - name: Keep what it says
    at: web
    command: {run: [cat, /etc/notes.conf], reads: true}
    register: kept
  - name: Say the version
    at: web
    copy: {dest: /srv/notes/VERSION, content: "{{ version }}\n"}
  - name: Fail with it
    at: web
    command:
      shell: 'echo "bad token $TOKEN" >&2; exit 7'
      environment: {TOKEN: "{{ secret.token }}"}
"#
    .to_owned()
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_secret_that_servers_echo_is_nowhere_but_on_the_servers() {
    // A new one each time: servers may still know the old ones, from tests that failed.
    let secret = uuid::Uuid::new_v4().to_string();
    let project = notes::installed(&Access::default()).with_secrets(&[("token", &secret)]);
    project.write("playbooks/notes/leaky.yaml", &update());
    project.write("playbooks/notes/token.j2", "token = {{ secret.token }}\n");
    let run = ["-v", "run", "playbooks/notes/leaky.yaml", "-i", "version=2"];
    let mut written = String::new();
    for format in ["text", "json", "junit"] {
        let mut arguments = run.to_vec();
        arguments.extend(["--env", "test", "--format", format]);
        let ended = project.esclusa(&arguments).code(3);
        written.push_str(&ended.text());
        assert!(written.contains("secret:token"), "{written}");
        // Wherever the file is left with the secret in it, the next run's diff begins from there.
        // On standard input, since sudo writes down the arguments of what it runs.
        project.write("old", &format!("token = old {secret}\n"));
        let old = fs::File::open(project.path("old")).unwrap();
        assert!(project.lab.feed("deploy", "test", "sudo tee /etc/notes.conf", old).status.success());
        fs::remove_file(project.path("old")).unwrap();
    }
    for verb in [
        &["plan", "playbooks/notes/leaky.yaml", "-i", "version=2", "--env", "test"][..],
        &["backups"],
        &["status"],
        &["history"],
        &["show", "latest"],
    ] {
        written.push_str(&project.esclusa(verb).text());
    }
    assert!(!written.contains(&secret), "{written}");
    let found = holders(&project.path("."), secret.as_bytes());
    assert!(found.is_empty(), "the secret is in {found:?}");
    project.write("old", &secret);
    let wanted = fs::File::open(project.path("old")).unwrap();
    let search = "sudo grep -rlF -f - /tmp /var/tmp /var/lib/esclusa /home /root /run /var/log";
    let found = project.lab.feed("deploy", "test", search, wanted);
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

/// The files below a folder that hold these bytes, also where they are compressed.
fn holders(folder: &Path, wanted: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holders(&path, wanted));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let plain = zstd::decode_all(bytes.as_slice()).unwrap_or_default();
        let holds = |bytes: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        if holds(&bytes) || holds(&plain) {
            found.push(path.display().to_string());
        }
    }
    found
}
