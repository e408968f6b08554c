//! People, keys, gates and decisions for the tests of this folder.

use super::{
    Caller, Decision, Gate, Judged, Purpose, RecordedDecision, Statement, Subject, people_digest, sign,
};
use crate::model::{
    ApproveRule, BackupRule, Digest, EnvironmentKind, EnvironmentName, People, Person, PersonName, Policy,
    Role, RunId, SystemName, Timestamp, Window,
};
use russh::keys::ssh_key::{LineEnding, PrivateKey, private::Ed25519Keypair};
use std::collections::BTreeSet;

/// 2026-11-23 06:12 UTC, a Monday.
pub(super) const OPENED: Timestamp = Timestamp(1_795_414_320_000);

pub(super) struct Key {
    pub(super) private: String,
    pub(super) public: String,
}

/// The key of `name`: always the same.
pub(super) fn key(name: &str) -> Key {
    let seed = Digest::of(name.as_bytes());
    let key = PrivateKey::from(Ed25519Keypair::from_seed(seed.as_bytes()));
    Key {
        private: key.to_openssh(LineEnding::LF).unwrap().to_string(),
        public: key.public_key().to_openssh().unwrap(),
    }
}

pub(super) fn role(name: &str) -> Role {
    Role::parse(name).unwrap()
}

pub(super) fn person(name: &str) -> PersonName {
    PersonName::parse(name).unwrap()
}

/// Pablo asks; Diana is a director, Ursula of the unit, Dario both, the robot a machine with every role.
pub(super) fn people() -> People {
    let all = [
        ("pablo", &["professional", "director"][..], true, false),
        ("diana", &["director"], true, false),
        ("ursula", &["unit"], true, false),
        ("dario", &["director", "unit"], true, false),
        ("robot", &["director", "unit", "professional"], true, true),
        ("keyless", &["director"], false, false),
    ];
    let people = all.map(|(name, roles, has_key, machine)| {
        let person = Person {
            name: person(name),
            full_name: name.to_owned(),
            roles: roles.iter().map(|name| role(name)).collect(),
            language: None,
            mail: None,
            keys: if has_key { vec![key(name).public] } else { Vec::new() },
            account: Some(name.to_owned()),
            database_login: None,
            machine,
        };
        (person.name.clone(), person)
    });
    People(people.into_iter().collect())
}

pub(super) fn policy(each: &[&str], signed: bool) -> Policy {
    Policy {
        approve: Some(ApproveRule {
            each: each.iter().map(|name| role(name)).collect(),
            decide_within_seconds: 7 * 86_400,
            valid_for_seconds: 86_400,
            signed,
        }),
        passed_in_test: true,
        backup: BackupRule::Own,
        restore_on_failure: true,
        window: None,
        run: BTreeSet::new(),
    }
}

pub(super) fn window(days: &[u8], from_minute: u16, to_minute: u16) -> Window {
    Window { days: days.iter().copied().collect(), from_minute, to_minute, zone: "America/Bogota".to_owned() }
}

pub(super) fn gate(each: &[&str], signed: bool) -> Gate {
    let policy = policy(each, signed);
    let rule = policy.approve.clone().unwrap();
    Gate {
        id: "gate-1".to_owned(),
        run: RunId("0193".to_owned()),
        environment: EnvironmentName::parse("production").unwrap(),
        environment_kind: EnvironmentKind::Production,
        system: SystemName::parse("wiki").unwrap(),
        subject: Subject {
            release: Digest::of(b"release"),
            plan: Digest::of(b"plan"),
            prediction: Digest::of(b"prediction"),
            policy: Judged::from(&policy).digest(),
        },
        requested_by: person("pablo"),
        requested_by_machine: false,
        people: people_digest(&people()),
        opened_at: OPENED,
        decide_by: Gate::deadline(OPENED, &rule),
        rule,
        weakening: Vec::new(),
    }
}

pub(super) fn statement(gate: &Gate, name: &str, decision: Decision) -> Statement {
    let time = gate.opened_at.plus_seconds(60);
    gate.statement(decision, "because", &person(name), time, "n".repeat(16), Digest::of(b"ledger"))
}

pub(super) fn decide(gate: &Gate, name: &str, decision: Decision) -> RecordedDecision {
    decide_as(gate, name, name, decision)
}

/// A decision in the name of `name`, signed with the key of `signer` and recorded from that account.
pub(super) fn decide_as(gate: &Gate, name: &str, signer: &str, decision: Decision) -> RecordedDecision {
    let statement = statement(gate, name, decision);
    let text = statement.text();
    RecordedDecision {
        signature: Some(sign(Purpose::Decision, &text, &key(signer).private, None).unwrap()),
        caller: Some(Caller::Account(signer.to_owned())),
        recorded_at: statement.time.plus_seconds(1),
        text,
    }
}
