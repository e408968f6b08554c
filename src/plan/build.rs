//! Builds a plan: selectors resolved, loops expanded, variables merged, policy and checks attached.

use super::{
    PLAN_FORMAT, Place, Plan, PlanError, PlannedBackup, PlannedCheck, PlannedQuiesce, PlannedServer,
    PlannedVersion, Release, render, steps,
};
use crate::{
    backup::{self, BackupSpec, Item, Quiesce, Source},
    check::{Check, Port, Question},
    expression::{self, Scope},
    inventory::{Environment, Inventory},
    model::{PlaybookKind, Server, ServerName, SystemName, Value},
    playbook::{Playbook, variables, without_steps},
    system::SystemSheet,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a plan is made of.
pub struct BuildInput<'a> {
    /// The release, whose digest the plan names.
    pub release: &'a Release,
    /// The data sheet in it.
    pub sheet: &'a SystemSheet,
    /// The playbook in it; for a backup alone, a playbook without steps.
    pub playbook: &'a Playbook,
    /// The backup playbook in it.
    pub backup: Option<&'a BackupSpec>,
    /// The environment.
    pub environment: &'a Environment,
    /// The inventory, for jump servers of other environments.
    pub inventory: &'a Inventory,
    /// The phases of the playbook that are wanted, in the order in which they are to run; none means
    /// the whole playbook.
    pub phases: &'a [String],
}

/// A plan and the documents that it was built from.
pub struct RebuildInput<'a> {
    /// The release.
    pub release: &'a Release,
    /// The data sheet in it.
    pub sheet: &'a SystemSheet,
    /// The playbook in it.
    pub playbook: &'a Playbook,
    /// The backup playbook in it.
    pub backup: Option<&'a BackupSpec>,
    /// The plan, whose servers, variables and policy are taken as they are.
    pub plan: &'a Plan,
}

/// Builds the plan of a release on an environment.
pub fn build(input: &BuildInput<'_>) -> Result<Plan, PlanError> {
    let place = Place {
        name: input.environment.name.clone(),
        kind: input.environment.kind,
        policy: input.environment.policy.clone(),
    };
    let all = planned_servers(input)?;
    let documents = Documents {
        release: input.release,
        sheet: input.sheet,
        playbook: input.playbook,
        backup: input.backup,
    };
    assemble(&documents, input.phases, place, all, |servers| jumps(input.inventory, servers))
}

/// Builds a plan once more from the same release: equal digests mean that nothing was lost or
/// reinterpreted since.
pub fn rebuild(input: &RebuildInput<'_>) -> Result<Plan, PlanError> {
    let plan = input.plan;
    let place =
        Place { name: plan.environment.clone(), kind: plan.environment_kind, policy: plan.policy.clone() };
    let jumps = plan.jumps.clone();
    let documents = Documents {
        release: input.release,
        sheet: input.sheet,
        playbook: input.playbook,
        backup: input.backup,
    };
    assemble(&documents, &plan.phases, place, plan.servers.clone(), |_| jumps)
}

/// What is written, of which a plan is made.
struct Documents<'a> {
    release: &'a Release,
    sheet: &'a SystemSheet,
    playbook: &'a Playbook,
    backup: Option<&'a BackupSpec>,
}

fn assemble(
    documents: &Documents<'_>,
    phases: &[String],
    place: Place,
    all: BTreeMap<ServerName, PlannedServer>,
    jumps: impl FnOnce(&BTreeMap<ServerName, PlannedServer>) -> BTreeMap<ServerName, Server>,
) -> Result<Plan, PlanError> {
    let Documents { release, sheet, playbook, backup: backup_spec } = *documents;
    let inputs = &release.inputs;
    let expand = |written: &[crate::playbook::Step]| -> Result<Vec<_>, PlanError> {
        let mut planned = Vec::new();
        for step in written {
            planned.extend(steps::expand(step, &place, &all, inputs)?);
        }
        Ok(planned)
    };
    let planned_steps = steps::of_phases(expand(&playbook.steps)?, phases);
    let mut handlers = expand(&playbook.handlers)?;
    if !phases.is_empty() {
        handlers.retain(|handler| planned_steps.iter().any(|step| step.notify.contains(&handler.id)));
    }
    let backup = backup_spec.map(|spec| planned_backup(spec, &place, &all, inputs)).transpose()?;
    let quiesce =
        backup_spec.map(|spec| planned_quiesce(spec, &place, &all, inputs)).transpose()?.unwrap_or_default();
    let checks = planned_checks(&sheet.checks, &place, &all, inputs)?;
    let version = planned_version(sheet, &place, inputs, &all)?;
    let touched: BTreeSet<ServerName> = planned_steps
        .iter()
        .chain(&handlers)
        .flat_map(|step| step.servers.iter().cloned())
        .chain(backup.iter().flat_map(|backup| backup.items.iter().map(|item| item.server.clone())))
        .chain(quiesce.iter().map(|quiesce| quiesce.server.clone()))
        .chain(checks.iter().map(|check| check.server.clone()))
        .chain(version.iter().flat_map(|version| version.servers.iter().cloned()))
        .collect();
    let servers: BTreeMap<_, _> = all.into_iter().filter(|(name, _)| touched.contains(name)).collect();
    Ok(Plan {
        format: PLAN_FORMAT,
        release: release.digest()?,
        system: sheet.system.clone(),
        title: sheet.title.clone(),
        kind: playbook.kind,
        playbook: release.playbook.clone(),
        environment: place.name,
        environment_kind: place.kind,
        policy: place.policy,
        jumps: jumps(&servers),
        servers,
        inputs: inputs.clone(),
        phases: phases.to_vec(),
        steps: if playbook.kind == PlaybookKind::Backup { Vec::new() } else { planned_steps },
        handlers,
        requires: playbook.requires.clone(),
        version,
        quiesce,
        backup,
        checks,
    })
}

fn planned_servers(input: &BuildInput<'_>) -> Result<BTreeMap<ServerName, PlannedServer>, PlanError> {
    let mut planned = BTreeMap::new();
    for server in input.environment.servers.values() {
        let resolved = variables::resolve(
            Some(input.sheet),
            input.playbook,
            input.environment,
            server,
            &input.release.inputs,
            &BTreeMap::new(),
        )
        .into_iter()
        .map(|(name, resolved)| (name, resolved.value))
        .collect();
        let known = Server { variables: BTreeMap::new(), ..server.clone() };
        planned.insert(server.name.clone(), PlannedServer { server: known, variables: resolved });
    }
    Ok(planned)
}

/// The names that a system's templates see on a server whatever playbook runs: no inputs, and no
/// variables of a playbook.
#[must_use]
pub fn server_scope(
    system: &SystemName,
    sheet: Option<&SystemSheet>,
    environment: &Environment,
    server: &Server,
) -> Scope {
    let nothing = BTreeMap::new();
    let playbook = without_steps("", PlaybookKind::Backup, system);
    let variables = variables::resolve(sheet, &playbook, environment, server, &nothing, &nothing)
        .into_iter()
        .map(|(name, resolved)| (name, resolved.value))
        .collect();
    let place =
        Place { name: environment.name.clone(), kind: environment.kind, policy: environment.policy.clone() };
    let on = PlannedServer { server: server.clone(), variables };
    render::planning_scope(&on, &place, &nothing, &nothing)
}

/// Servers of the inventory, of whatever environment, that lead to the planned ones.
fn jumps(
    inventory: &Inventory,
    servers: &BTreeMap<ServerName, PlannedServer>,
) -> BTreeMap<ServerName, Server> {
    let way = servers.values().flat_map(|planned| inventory.way_to(&planned.server));
    way.map(|jump| (jump.name.clone(), Server { variables: BTreeMap::new(), ..jump.clone() })).collect()
}

fn planned_backup(
    spec: &BackupSpec,
    place: &Place,
    servers: &BTreeMap<ServerName, PlannedServer>,
    inputs: &BTreeMap<String, Value>,
) -> Result<PlannedBackup, PlanError> {
    let mut wrong = None;
    let found = std::cell::RefCell::new(&mut wrong);
    let items = backup::items(spec, |selector| {
        steps::select(selector, "backup", &place.name, servers).unwrap_or_else(|error| {
            **found.borrow_mut() = Some(error);
            Vec::new()
        })
    });
    if let Some(error) = wrong {
        return Err(error);
    }
    let items = items.map_err(|error| PlanError::Backup(error.to_string()))?;
    let items =
        items.into_iter().map(|item| rendered(item, place, servers, inputs)).collect::<Result<_, _>>()?;
    Ok(PlannedBackup { items, left_out: backup::waivers(spec), keep: spec.keep.clone() })
}

/// Renders the templates of a backup item: paths and names may hold variables of its server.
fn rendered(
    item: Item,
    place: &Place,
    servers: &BTreeMap<ServerName, PlannedServer>,
    inputs: &BTreeMap<String, Value>,
) -> Result<Item, PlanError> {
    let scope = render::planning_scope(&servers[&item.server], place, &BTreeMap::new(), inputs);
    let place = format!("backup item `{}`", item.id);
    let source = match item.source {
        Source::Apt(names) => Source::Apt(words(&names, &scope, &place)?),
        Source::Paths(paths) => Source::Paths(words(&paths, &scope, &place)?),
        Source::Postgresql(name) => Source::Postgresql(render_text(&name, &scope, &place)?),
        Source::Mariadb(name) => Source::Mariadb(render_text(&name, &scope, &place)?),
        Source::Sqlite(path) => Source::Sqlite(render_text(&path, &scope, &place)?),
        Source::Custom { name, dump, load, check, gone } => Source::Custom {
            dump: words(&dump, &scope, &place)?,
            load: words(&load, &scope, &place)?,
            check: check.as_ref().map(|run| words(run, &scope, &place)).transpose()?,
            gone: gone.as_ref().map(|run| words(run, &scope, &place)).transpose()?,
            name,
        },
    };
    let item = Item { source, ..item };
    item.check().map_err(|error| PlanError::Backup(error.to_string()))?;
    Ok(item)
}

fn planned_quiesce(
    spec: &BackupSpec,
    place: &Place,
    servers: &BTreeMap<ServerName, PlannedServer>,
    inputs: &BTreeMap<String, Value>,
) -> Result<Vec<PlannedQuiesce>, PlanError> {
    let mut planned = Vec::new();
    for quiesce in &spec.quiesce {
        for server in steps::select(&quiesce.at, "quiesce", &place.name, servers)? {
            let scope = render::planning_scope(&servers[&server], place, &BTreeMap::new(), inputs);
            let quiesce = Quiesce {
                services: words(&quiesce.services, &scope, "quiesce")?,
                stop: quiesce.stop.as_ref().map(|run| words(run, &scope, "quiesce")).transpose()?,
                start: quiesce.start.as_ref().map(|run| words(run, &scope, "quiesce")).transpose()?,
                ..quiesce.clone()
            };
            planned.push(PlannedQuiesce { quiesce, server });
        }
    }
    Ok(planned)
}

fn planned_version(
    sheet: &SystemSheet,
    place: &Place,
    inputs: &BTreeMap<String, Value>,
    servers_known: &BTreeMap<ServerName, PlannedServer>,
) -> Result<Option<PlannedVersion>, PlanError> {
    let Some(probe) = &sheet.version else { return Ok(None) };
    let servers = steps::select(&probe.at, "version", &place.name, servers_known)?;
    let Some(first) = servers.first() else { return Ok(None) };
    let scope = render::planning_scope(&servers_known[first], place, &BTreeMap::new(), inputs);
    Ok(Some(PlannedVersion {
        run: words(&probe.run, &scope, "version")?,
        as_user: probe.as_user.clone(),
        servers,
    }))
}

fn planned_checks(
    checks: &[Check],
    place: &Place,
    servers: &BTreeMap<ServerName, PlannedServer>,
    inputs: &BTreeMap<String, Value>,
) -> Result<Vec<PlannedCheck>, PlanError> {
    let mut planned = Vec::new();
    for check in checks {
        for server in steps::select(&check.at, &format!("check `{}`", check.id), &place.name, servers)? {
            let scope = render::planning_scope(&servers[&server], place, &BTreeMap::new(), inputs);
            let mut check = check.clone();
            check.question = question(&check.question, &scope, &check.id)?;
            planned.push(PlannedCheck { check, server });
        }
    }
    Ok(planned)
}

/// Renders the templates of a question: variables of the server and inputs are known by now.
fn question(question: &Question, scope: &Scope, id: &str) -> Result<Question, PlanError> {
    let place = format!("check `{id}`");
    let one = |text: &String| render_text(text, scope, &place);
    let not = |key, wanted, rendered: &str| PlanError::Check {
        check: id.to_owned(),
        why: format!("`{key}` must be {wanted}, not `{}`", crate::module::printable(rendered, 60)),
    };
    let number = |port: &Port| match port {
        Port::Number(number) => Ok(Port::Number(*number)),
        Port::Template(text) => {
            let rendered = one(text)?;
            let known = Port::parse(&rendered).filter(|port| port.number().is_some());
            known.ok_or_else(|| not("port", "a whole number from 1 to 65535", &rendered))
        }
    };
    let path = |written: &String| {
        let rendered = one(written)?;
        let good = rendered.starts_with('/') && !rendered.split('/').any(|part| part == "..");
        if good { Ok(rendered) } else { Err(not("path", "an absolute path", &rendered)) }
    };
    Ok(match question.clone() {
        Question::Http { url, timeout_ms, samples, method } => {
            Question::Http { url: one(&url)?, timeout_ms, samples, method }
        }
        Question::Tcp { host, port, timeout_ms, samples } => {
            Question::Tcp { host: one(&host)?, port: number(&port)?, timeout_ms, samples }
        }
        Question::Service { name } => Question::Service { name: one(&name)? },
        Question::Process { name } => Question::Process { name: one(&name)? },
        Question::Command { run, timeout_ms } => {
            Question::Command { run: words(&run, scope, &place)?, timeout_ms }
        }
        Question::File { path: written } => Question::File { path: path(&written)? },
        Question::Disk { path: written } => Question::Disk { path: path(&written)? },
        Question::Memory => Question::Memory,
        Question::Certificate { host, port, name } => Question::Certificate {
            host: one(&host)?,
            port: number(&port)?,
            name: name.as_ref().map(one).transpose()?,
        },
        Question::Query { engine, database, sql } => {
            Question::Query { engine, database: one(&database)?, sql: one(&sql)? }
        }
    })
}

fn words(words: &[String], scope: &Scope, place: &str) -> Result<Vec<String>, PlanError> {
    words.iter().map(|word| render_text(word, scope, place)).collect()
}

fn render_text(text: &str, scope: &Scope, place: &str) -> Result<String, PlanError> {
    expression::render(text, scope).map_err(|source| PlanError::Expression {
        place: place.to_owned(),
        step: "-".to_owned(),
        source,
    })
}
