//! A pipeline, a director and others, each with an account of their own on the control host.

use super::{
    notes::{self, Seen, seen},
    project::{Access, Ended, Project},
};
use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

const FOLDER: &str = "/srv/esclusa";
const DATABASE: &str = "postgres:///esclusa?host=/var/run/postgresql";

/// Puts the project on the control host: a PostgreSQL store, the pipeline's folder, everybody's key.
fn on_control(project: &Project) {
    let lab = project.lab;
    let public = |account: &str| fs::read_to_string(lab.key(account).with_extension("pub")).unwrap();
    let key = |account: &str| public(account).split(' ').take(2).collect::<Vec<_>>().join(" ");
    project.write(
        "people.yaml",
        &format!(
            "people:\n  ana: {{name: Ana Ruiz, roles: [director], account: director, keys: \"{}\"}}\n  \
             luis: {{name: Luis Mora, roles: [professional], account: professional, keys: \"{}\"}}\n  \
             ci: {{name: The pipeline, roles: [director], machine: true, account: pipeline, keys: \"{}\"}}\n",
            key("director"),
            key("professional"),
            key("pipeline")
        ),
    );
    let replace = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(project.path(name)).unwrap();
        project.write(name, &text.replace(from, to));
    };
    replace("esclusa.yaml", "sqlite:state/esclusa.db", DATABASE);
    replace("inventory.yaml", lab.key("deploy").to_str().unwrap(), &format!("{FOLDER}/keys/deploy"));
    fs::copy(lab.key("deploy"), project.path("keys/deploy")).unwrap();
    as_root(
        project,
        "rm -f /etc/systemd/system/postgresql.service && systemctl daemon-reload && systemctl start postgresql
         cd / && runuser -u postgres -- dropdb --if-exists --force esclusa
         for account in pipeline director professional; do
             runuser -u postgres -- createuser \"$account\" 2>/dev/null || :
         done
         runuser -u postgres -- createdb -O pipeline esclusa
         rm -rf /srv/esclusa && mkdir /srv/esclusa",
    );
    let packed = project.path("packed.tar");
    let tar = Command::new("tar")
        .args(["-C", project.path(".").to_str().unwrap(), "-cf"])
        .arg(&packed)
        .args(["esclusa.yaml", "inventory.yaml", "people.yaml", "playbooks", "keys"])
        .status();
    assert!(tar.unwrap().success());
    let unpack = format!("sudo tar --no-same-owner -xf - -C {FOLDER}");
    assert!(lab.feed("deploy", "control", &unpack, File::open(packed).unwrap()).status.success());
    as_root(
        project,
        "chown -R pipeline: /srv/esclusa && chmod 755 /srv/esclusa && chmod 700 /srv/esclusa/keys",
    );
    for account in ["director", "professional", "pipeline", "stranger"] {
        let store = format!("umask 077; cat >/home/{account}/.ssh/id_ed25519");
        assert!(lab.feed(account, "control", &store, File::open(lab.key(account)).unwrap()).status.success());
    }
}

fn as_root(project: &Project, script: &str) {
    project.write("as-root", script);
    let input = File::open(project.path("as-root")).unwrap();
    let output = project.lab.feed("deploy", "control", "sudo sh -e -s", input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A job of the pipeline: on a machine of its own with an empty home folder, which ends with it.
fn job(project: &Project, words: &[&str]) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ci/esclusa-remote.sh");
    Command::new("ssh-agent")
        .args(["sh", "-c", "ssh-add -q \"$KEY\" && exec \"$@\"", "job", script])
        .args(words)
        .env("KEY", project.lab.key("pipeline"))
        .env("HOME", home.path())
        .env("CI", "true")
        .env("ESCLUSA_CONTROL", format!("pipeline@{}", project.lab.server("control").address))
        .env("ESCLUSA_PROJECT", FOLDER)
        .env("ESCLUSA_KNOWN_HOSTS", project.lab.known_hosts())
        .current_dir(home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
        .into()
}

/// Somebody at a terminal on the control host.
fn at_terminal(project: &Project, account: &str, words: &str) -> Ended {
    Command::new("ssh")
        .args(["-tt", "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"])
        .arg("-i")
        .arg(project.lab.key(account))
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", project.lab.known_hosts().display()))
        .arg(format!("{account}@{}", project.lab.server("control").address))
        .arg(format!("ESCLUSA_DATABASE='{DATABASE}' esclusa {words}"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
        .into()
}

/// The run that a command printed.
fn run_of(ended: &Ended) -> String {
    let line = ended.stdout.lines().rev().find_map(|line| line.trim().strip_prefix("run "));
    line.unwrap_or_else(|| panic!("no run in: {}", ended.text())).trim().to_owned()
}

fn approve(project: &Project, account: &str, run: &str) -> Ended {
    at_terminal(project, account, &format!("approve {run} --decide approve --reason tested"))
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn jobs_without_a_home_promote_what_the_director_alone_can_approve() {
    let project = notes::project(&Access::default());
    on_control(&project);
    let run = run_of(&job(&project, &["run", "notes/install"]).code(10));
    as_root(
        &project,
        "cd / && runuser -u pipeline -- psql -q esclusa -c \
         'GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO director, professional'",
    );
    approve(&project, "director", &run).code(0);
    job(&project, &["resume", &run]).code(0);
    assert_eq!(seen(&project, "prod"), Seen::installed());

    job(&project, &["run", "notes/update", "-i", "version=2", "--to", "test"]).code(0);
    let run = run_of(&job(&project, &["promote", "notes", "--to", "production"]).code(10));
    let mut told: Vec<_> = ["professional", "pipeline", "stranger"]
        .iter()
        .map(|account| {
            let ended = approve(&project, account, &run);
            assert!(![Some(0), None].contains(&ended.status.code()), "{account}: {}", ended.text());
            job(&project, &["resume", &run]).code(10);
            ended.stdout.lines().last().unwrap_or_default().to_owned()
        })
        .collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 3, "{told:?}");
    approve(&project, "director", &run).code(0);
    job(&project, &["resume", &run]).code(0);
    assert_eq!(seen(&project, "prod"), Seen::updated(2));

    let listed = job(&project, &["backups", "--env", "production", "--format", "json"]).code(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let backups = listed["backups"].as_array().unwrap();
    let own = backups.iter().find(|backup| backup["run"] == run).unwrap();
    let run = run_of(&job(&project, &["restore", own["id"].as_str().unwrap()]).code(10));
    approve(&project, "director", &run).code(0);
    job(&project, &["resume", &run]).code(0);
    assert_eq!(seen(&project, "prod"), Seen::installed());
}
