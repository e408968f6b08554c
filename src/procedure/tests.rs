//! The six procedures of TI-P01, ours and as printed.

mod events;
mod findings;
mod scenarios;
mod walks;

use super::{Parsed, Procedure, parse_procedure};
use crate::{
    document::{Diagnostics, Files, Source},
    model::{People, Person, PersonName, Role},
};
use std::{collections::BTreeMap, fs, path::Path};

pub(super) const NUMBERS: [&str; 6] = ["3.2.1", "3.2.2", "3.2.3", "3.2.4", "3.2.5", "3.2.6"];

pub(super) struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
    }
}

pub(super) struct Memory(pub(super) BTreeMap<String, String>);

impl Files for Memory {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.clone().into_bytes())
    }
}

pub(super) fn read(files: &dyn Files, path: &str) -> Result<Parsed, String> {
    let mut diagnostics = Diagnostics::default();
    let parsed = Source::read(files, path, &mut diagnostics)
        .and_then(|source| parse_procedure(&source, files, &mut diagnostics));
    match parsed {
        Some(parsed) if !diagnostics.has_errors() => Ok(parsed),
        _ => Err(diagnostics.render(false)),
    }
}

pub(super) fn ours(number: &str) -> Procedure {
    read(&Disk, &format!("playbooks/ti-p01/{number}.yaml")).unwrap_or_else(|text| panic!("{text}")).procedure
}

pub(super) fn printed(number: &str) -> Procedure {
    let path = format!("tests/golden/procedure/printed/{number}.yaml");
    read(&Disk, &path).unwrap_or_else(|text| panic!("{text}")).procedure
}

/// A procedure of these activities, written as flow maps in lines.
pub(super) fn small(activities: &str) -> Procedure {
    let text = format!(
        "kind: procedure\nnumber: 9.1\ntitle: {{es: a, en: a}}\nroles:\n  boss: {{es: a, en: a}}\n  hand: {{es: b, en: b}}\n\
         processes: {{shop: {{es: a, en: a}}}}\nexceptions: [boss]\nactivities:\n{activities}"
    );
    let files = Memory(BTreeMap::from([("p.yaml".to_owned(), text)]));
    read(&files, "p.yaml").unwrap_or_else(|text| panic!("{text}")).procedure
}

/// One person for each role, called like it, and one machine with all of them.
pub(super) fn everybody(procedure: &Procedure) -> People {
    let person = |name: &str, roles: Vec<Role>, machine: bool| {
        let name = PersonName::parse(name).unwrap();
        let person = Person {
            name: name.clone(),
            full_name: name.to_string(),
            roles: roles.into_iter().collect(),
            language: None,
            mail: None,
            keys: vec!["a key".to_owned()],
            account: None,
            database_login: None,
            machine,
        };
        (name, person)
    };
    let mut people: BTreeMap<_, _> =
        procedure.roles.keys().map(|role| person(role.as_str(), vec![role.clone()], false)).collect();
    people.extend([person("robot", procedure.roles.keys().cloned().collect(), true)]);
    People(people)
}
