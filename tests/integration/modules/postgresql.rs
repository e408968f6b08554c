//! The `database` module against a PostgreSQL server.

use super::harness::Files;
use crate::store::postgres::{PASSWORD, socket_folder};
use esclusa::{
    model::{Answer, Script, Status, Value},
    module::{Outcome, Place, parse},
};
use serde_json::json;
use std::process::{Command, Output};

/// `psql` and what finds it, as this login.
fn command(program: &str, login: &str, password: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PGHOST", socket_folder().unwrap()).env("PGUSER", login).env("PGPASSWORD", password);
    command
}

fn psql(login: &str, password: &str, sql: &str) -> Output {
    command("psql", login, password).args(["-X", "-A", "-t", "-d", "postgres", "-c", sql]).output().unwrap()
}

/// Runs a script where the server keeps passwords like this.
fn run(script: &Script, encryption: &str) -> Answer {
    let mut command = command("sh", "esclusa", PASSWORD);
    command.env("PGOPTIONS", format!("-c password_encryption={encryption}"));
    let output = command.args(["-c", &script.0]).output().unwrap();
    let status = Status::Exited(output.status.code().unwrap());
    Answer { status, stdout: output.stdout, stderr: output.stderr, truncated: false }
}

#[test]
fn an_account_is_made_without_telling_the_server_its_password() {
    if socket_folder().is_none() {
        return;
    }
    // One is spelled in two ways in Unicode, and the server takes both.
    for (encryption, password) in [("scram-sha-256", "man\u{303}ana-x1"), ("md5", "plain-x1")] {
        let name = format!("role_{}", uuid::Uuid::new_v4().simple());
        let args = json!({"engine": "postgresql", "database": name, "account": name, "password": password});
        let args: Value = serde_json::from_value(args).unwrap();
        let files = Files::default();
        let action = parse("database", &args, &Place { files: &files }).unwrap();
        let outcome = || action.change(Some(&run(&action.probe().unwrap(), encryption))).unwrap();
        let Outcome::Change(change) = outcome() else { panic!("there is no such account yet") };
        let made = run(&change.script, encryption);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert!(matches!(outcome(), Outcome::Unchanged(_)), "{encryption}: a second run changes nothing");
        let stored =
            psql("esclusa", PASSWORD, &format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{name}'"));
        let stored = String::from_utf8(stored.stdout).unwrap();
        assert!(stored.to_lowercase().starts_with(&encryption[..3]), "{stored}");
        // The server's logins are by SCRAM alone.
        if encryption != "md5" {
            for spelled in [password, "ma\u{f1}ana-x1"] {
                let login = psql(&name, spelled, "SELECT 1");
                assert!(login.status.success(), "{}", String::from_utf8_lossy(&login.stderr));
            }
            assert!(!psql(&name, "another", "SELECT 1").status.success());
        }
        // Somebody gave it another password: it gets its own again.
        assert!(
            psql("esclusa", PASSWORD, &format!("ALTER ROLE {name} PASSWORD 'other-x1'")).status.success()
        );
        let Outcome::Change(change) = outcome() else { panic!("another password is a change") };
        assert!(run(&change.script, encryption).status.success());
        assert!(matches!(outcome(), Outcome::Unchanged(_)));
    }
}
