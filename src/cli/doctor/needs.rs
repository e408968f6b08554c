//! What the playbooks of the project ask of each server of an environment.

use crate::{
    backup::{PartSpec, Source as Copied},
    cli::project::Read,
    document::{Diagnostics, Files as _, Severity, Source},
    executor::ProjectFiles,
    expression::{self, selector::Selector},
    inventory::Environment,
    model::{ServerName, SystemName},
    module, plan, playbook,
    system::{SystemSheet, parse_sheet},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most systems that are looked at.
const SYSTEMS_MAX: usize = 500;

/// Commands by server; words with `|` between them are alternatives.
#[derive(Default)]
pub struct Needs {
    /// Commands that each server must have.
    pub tools: BTreeMap<ServerName, BTreeSet<String>>,
    /// Files that cannot be read, with the first thing that is wrong.
    pub findings: Vec<(String, String)>,
}

/// Reads every playbook of every system.
pub fn needs(read: &Read, environment: &Environment) -> Needs {
    let mut needs = Needs::default();
    let files = ProjectFiles::new(&read.root);
    let folder = read.root.join(&read.project.playbooks);
    let Ok(systems) = std::fs::read_dir(folder) else { return needs };
    let mut names: Vec<_> =
        systems.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for system in names.iter().take(SYSTEMS_MAX) {
        let base = format!("{}/{system}", read.project.playbooks);
        let sheet = needs.sheet(&files, &format!("{base}/system.yaml"));
        for kind in ["install", "update", "maintenance"] {
            needs.steps(&files, &format!("{base}/{kind}.yaml"), environment);
        }
        needs.backup(&files, &format!("{base}/backup.yaml"), environment, sheet.as_ref());
    }
    needs
}

impl Needs {
    fn steps(&mut self, files: &ProjectFiles, path: &str, environment: &Environment) {
        let Some(source) = self.source(files, path) else { return };
        let mut faults = Diagnostics::default();
        let parsed = playbook::parse_playbook(&source, files, module::SHAPES, &mut faults);
        self.note(path, &faults);
        let Some(playbook) = parsed.map(|parsed| parsed.playbook) else { return };
        for step in playbook.steps.iter().chain(&playbook.handlers) {
            let tools = match step.module.as_str() {
                "package" => &["apt-get", "dpkg-query"][..],
                "service" => &["systemctl"],
                "archive" => &["tar"],
                _ => &[],
            };
            let own = playbook.requires.commands.iter().map(String::as_str);
            self.add(environment, &step.at, tools.iter().copied().chain(own));
        }
    }

    /// The data sheet; what is wrong with it is `validate`'s to say, its variables are wanted.
    fn sheet(&mut self, files: &ProjectFiles, path: &str) -> Option<SystemSheet> {
        parse_sheet(&self.source(files, path)?, &mut Diagnostics::default())
    }

    fn backup(
        &mut self,
        files: &ProjectFiles,
        path: &str,
        environment: &Environment,
        sheet: Option<&SystemSheet>,
    ) {
        let Some(source) = self.source(files, path) else { return };
        let mut faults = Diagnostics::default();
        let spec = playbook::parse_backup(&source, &mut faults);
        self.note(path, &faults);
        let Some(spec) = spec else { return };
        for (_, part) in &spec.parts {
            let PartSpec::Entries(entries) = part else { continue };
            for entry in entries {
                let tools: &[&str] = match &entry.source {
                    Copied::Apt(_) => &["dpkg-query", "apt-get"],
                    Copied::Paths(_) => &["tar"],
                    Copied::Postgresql(_) => &["pg_dump", "pg_restore", "psql"],
                    Copied::Mariadb(_) => &["mariadb-dump|mysqldump", "mariadb|mysql"],
                    Copied::Sqlite(_) => &["sqlite3"],
                    Copied::Custom { dump, .. } => {
                        self.command(environment, &entry.at, dump, (&spec.system, sheet));
                        continue;
                    }
                };
                self.add(environment, &entry.at, tools.iter().copied());
            }
        }
    }

    fn add<'a>(&mut self, environment: &Environment, at: &str, tools: impl Iterator<Item = &'a str> + Clone) {
        let Ok(selector) = Selector::parse(at) else { return };
        for server in environment.servers.values().filter(|one| selector.selects(&environment.name, one)) {
            let all = self.tools.entry(server.name.clone()).or_default();
            all.extend(tools.clone().map(str::to_owned));
        }
    }

    /// The program of a command: its first word, with the variables of each server in their places. One
    /// that hangs on an input is known only when it runs.
    fn command(
        &mut self,
        environment: &Environment,
        at: &str,
        words: &[String],
        (system, sheet): (&SystemName, Option<&SystemSheet>),
    ) {
        let (Ok(selector), Some(program)) = (Selector::parse(at), words.first()) else { return };
        for server in environment.servers.values().filter(|one| selector.selects(&environment.name, one)) {
            let scope = plan::server_scope(system, sheet, environment, server);
            if let Ok(program) = expression::render(program, &scope) {
                self.tools.entry(server.name.clone()).or_default().insert(program);
            }
        }
    }

    fn source(&mut self, files: &ProjectFiles, path: &str) -> Option<Source> {
        let bytes = files.read(path)?;
        match Source::from_bytes(path, &bytes) {
            Ok(source) => Some(source),
            Err(fault) => {
                self.findings.push((path.to_owned(), fault.message.clone()));
                None
            }
        }
    }

    fn note(&mut self, path: &str, faults: &Diagnostics) {
        if let Some(first) = faults.sorted().into_iter().find(|fault| fault.severity == Severity::Error) {
            self.findings.push((path.to_owned(), first.message.clone()));
        }
    }
}
