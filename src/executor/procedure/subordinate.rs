//! Runs that a procedure opens and waits for, and the checks that it asks.

use super::{
    KIND, Request,
    advance::{Engine, advance},
    open,
    pen::Pen,
};
use crate::{
    document::{self, Diagnostics, Source},
    executor::{
        self, ExecutorError, Loaded, Opening, Patience, ProjectFiles, Site, copy::SAFETY_PREFIX,
        fleet::Fleet, loaded::source,
    },
    model::{EnvironmentKind, EnvironmentName, RunId, SystemName, Value, canonical},
    module, playbook,
    procedure::{ActivityId, ActivityKind, Event},
    run::Goal,
    store::{BackupFilter, BackupRow, RunFilter, RunRow},
};
use std::{collections::BTreeMap, sync::Arc};

/// Deepest chain of procedures that call procedures.
const CALL_DEPTH_MAX: usize = 8;

/// What an activity wants run.
pub(super) struct Wanted {
    pub kind: ActivityKind,
    pub playbook: Option<String>,
    pub environment: Option<EnvironmentKind>,
    pub phases: Vec<String>,
    pub max_age_seconds: Option<u64>,
}

/// The run for an activity: the one that was opened before this process was, or a new one.
pub(super) async fn start(
    site: &Site,
    pen: &Pen<'_>,
    activity: &ActivityId,
    wanted: &Wanted,
) -> Result<RunId, ExecutorError> {
    let header = &pen.run.header;
    let attempt = pen.run.record(activity).map_or(1, |record| record.opened);
    let route = format!("{}/{activity}/{attempt}", header.id);
    let filter = RunFilter { route: Some(route.clone()), limit: Some(1), ..RunFilter::default() };
    if let Some(row) = site.store.runs(&filter).await?.pop() {
        return Ok(row.new.id);
    }
    if !wanted.phases.is_empty() {
        return Err(not_yet(activity, "runs a phase of a playbook alone"));
    }
    let system = header.system.clone().ok_or_else(|| ExecutorError::input("the run names no system"))?;
    let why = Some(format!("{activity}: {}", header.id));
    if wanted.kind == ActivityKind::Call
        && let Some(path) = procedure_path(site, wanted)
    {
        refuse_depth(site, &header.id).await?;
        let request = Request {
            procedure: path,
            system,
            requester: Some(header.requester.clone()),
            reason: why,
            entry: None,
            route: Some(route),
        };
        return open(site, request).await;
    }
    let environment = environment(site, activity, wanted.environment)?;
    let (release, goal) = match wanted.kind {
        ActivityKind::Backup => {
            if let Some(row) = young_backup(site, &system, &environment, wanted.max_age_seconds).await? {
                return Ok(row.run);
            }
            (executor::take_in_system(site, &system).await?, Goal::Backup)
        }
        ActivityKind::Recovery => {
            let newest = backups(site, &system, &environment).await?.into_iter().next();
            let Some(backup) = newest else {
                return Err(ExecutorError::input(format!(
                    "`{activity}` restores, and there is no verified backup of `{system}` in `{environment}`"
                )));
            };
            (executor::take_in_system(site, &system).await?, Goal::Restore { backup: backup.id })
        }
        _ => {
            let path = path(site, wanted)
                .ok_or_else(|| ExecutorError::input(format!("`{activity}` names no playbook")))?;
            let inputs = inputs(site, pen, &path)?;
            (executor::take_in(site, &executor::Wanted { playbook: path, inputs }).await?, Goal::Change)
        }
    };
    executor::open(site, &release, Opening { goal, environment, why, route: Some(route) }).await
}

/// Looks at a run that was opened, and takes it on where it can go on; its exit code once it has ended.
pub(super) async fn look_at(engine: Engine<'_>, id: &RunId) -> Result<Option<u8>, ExecutorError> {
    let Engine { site, interrupt, watch } = engine;
    let row = site.store.run(id).await?;
    if row.final_exit.is_some() {
        return Ok(row.final_exit);
    }
    let watch = Arc::clone(watch);
    let result = match row.state.as_str() {
        _ if row.new.kind == KIND => Box::pin(advance(engine, id)).await.map(drop),
        // What needs a person is taken up again by one.
        "stuck" => Ok(()),
        "planned" | "waiting" | "waiting_window" => {
            executor::drive(site, id, Patience::NONE, interrupt, watch).await.map(drop)
        }
        _ => executor::resume(site, id, Patience::NONE, interrupt, watch).await.map(drop),
    };
    match result {
        // Whoever drives it tells its end.
        Ok(()) | Err(ExecutorError::Driven { .. }) => Ok(site.store.run(id).await?.final_exit),
        Err(error) => Err(error),
    }
}

/// Asks the checks of the system; the report lies in the depot.
pub(super) async fn check(
    engine: Engine<'_>,
    pen: &Pen<'_>,
    activity: ActivityId,
    kind: Option<EnvironmentKind>,
    groups: &[String],
) -> Result<Event, ExecutorError> {
    let site = engine.site;
    if !groups.is_empty() {
        return Err(not_yet(&activity, "asks some of the checks alone"));
    }
    let system = pen.run.header.system.clone();
    let system = system.ok_or_else(|| ExecutorError::input("the run names no system"))?;
    let environment = environment(site, &activity, kind)?;
    let release = executor::take_in_system(site, &system).await?;
    let plan = executor::plan(site, &release, &environment).await?;
    let digest = plan.digest().map_err(|error| ExecutorError::document("plan", error))?;
    let loaded = Loaded::of(site, digest).await?;
    if loaded.plan.checks.is_empty() {
        return Err(ExecutorError::input(format!("`{activity}` asks checks, and `{system}` has none")));
    }
    let fleet = Fleet::asking(site, &loaded.plan);
    let findings = executor::verify(site, &loaded, &fleet, engine.interrupt).await;
    fleet.close().await;
    let findings = findings?;
    let good = findings.iter().all(|finding| finding.verdict == "good");
    let text = canonical(&findings).map_err(|error| ExecutorError::document("report", error))?;
    let report = site.depot.put_bytes(site.redact(&text).as_bytes())?.digest;
    Ok(Event::Measured { activity, good, report })
}

/// The open procedure that a run was opened for.
pub(super) async fn caller(site: &Site, row: &RunRow) -> Result<Option<RunRow>, ExecutorError> {
    let Some((caller, _)) = row.new.route.as_deref().and_then(|route| route.split_once('/')) else {
        return Ok(None);
    };
    let caller = site.store.run(&RunId(caller.to_owned())).await?;
    Ok(Some(caller).filter(|row| row.new.kind == KIND && row.final_exit.is_none()))
}

async fn refuse_depth(site: &Site, id: &RunId) -> Result<(), ExecutorError> {
    let mut row = site.store.run(id).await?;
    for _ in 0..CALL_DEPTH_MAX {
        match caller(site, &row).await? {
            Some(caller) => row = caller,
            None => return Ok(()),
        }
    }
    Err(ExecutorError::refused(format!("procedures call one another more than {CALL_DEPTH_MAX} deep")))
}

fn not_yet(activity: &ActivityId, what: &str) -> ExecutorError {
    ExecutorError::Refused {
        words: format!("`{activity}` {what}, which this version cannot do"),
        hint: Some(format!(
            "do it by hand and have `{activity}` left out with `esclusa do --except {activity} --reason TEXT`"
        )),
    }
}

fn path(site: &Site, wanted: &Wanted) -> Option<String> {
    let name = wanted.playbook.as_ref()?;
    Some(format!("{}/{name}.yaml", site.project.playbooks))
}

/// The path of what is called, if that is a procedure.
fn procedure_path(site: &Site, wanted: &Wanted) -> Option<String> {
    let path = path(site, wanted)?;
    let files = ProjectFiles::new(&site.root);
    let mut ignored = Diagnostics::default();
    let source = Source::read(&files, &path, &mut ignored)?;
    let node = document::parse(&source).ok()?;
    (node.text("kind").as_deref() == Some(KIND)).then_some(path)
}

/// The only environment of a kind.
fn environment(
    site: &Site,
    activity: &ActivityId,
    kind: Option<EnvironmentKind>,
) -> Result<EnvironmentName, ExecutorError> {
    let Some(kind) = kind else {
        return Err(ExecutorError::input(format!("`{activity}` does not say in which environment")));
    };
    let mut found = site.inventory.environments.iter().filter(|one| one.kind == kind);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only.name.clone()),
        (None, _) => Err(ExecutorError::input(format!(
            "`{activity}` needs an environment of kind `{kind}`, and the inventory has none"
        ))),
        (Some(_), Some(_)) => Err(ExecutorError::input(format!(
            "`{activity}` needs the environment of kind `{kind}`, and the inventory has several"
        ))),
    }
}

/// What the requests of the run gave that the playbook asks for.
fn inputs(site: &Site, pen: &Pen<'_>, path: &str) -> Result<BTreeMap<String, Value>, ExecutorError> {
    let files = ProjectFiles::new(&site.root);
    let mut diagnostics = Diagnostics::default();
    let parsed = source(&files, path, &mut diagnostics)
        .and_then(|source| playbook::parse_playbook(&source, &files, module::SHAPES, &mut diagnostics));
    let Some(parsed) = parsed else {
        return Err(ExecutorError::input_hint(
            diagnostics.render(false).trim_end(),
            "mend the file and run `esclusa validate`",
        ));
    };
    let mut given = BTreeMap::new();
    for (event, _) in &pen.events {
        let Event::Answered { fields, .. } = event else { continue };
        for (name, value) in fields {
            if parsed.playbook.inputs.contains_key(name) {
                given.insert(name.clone(), Value::plain(value));
            }
        }
    }
    Ok(given)
}

/// The verified backups of a system in an environment, the newest first.
async fn backups(
    site: &Site,
    system: &SystemName,
    environment: &EnvironmentName,
) -> Result<Vec<BackupRow>, ExecutorError> {
    let filter = BackupFilter {
        system: Some(system.clone()),
        environment: Some(environment.clone()),
        ..BackupFilter::default()
    };
    let rows = site.store.backups(&filter).await?.into_iter();
    // What was there just before a restore is no backup to go back to.
    let whole = |row: &BackupRow| {
        row.verified_at.is_some() && row.broken.is_none() && !row.id.starts_with(SAFETY_PREFIX)
    };
    Ok(rows.filter(whole).collect())
}

/// A verified backup that is young enough, of a run that has ended well.
async fn young_backup(
    site: &Site,
    system: &SystemName,
    environment: &EnvironmentName,
    max_age_seconds: Option<u64>,
) -> Result<Option<BackupRow>, ExecutorError> {
    let Some(most) = max_age_seconds else { return Ok(None) };
    let now = site.store.now().await?;
    for row in backups(site, system, environment).await? {
        let young = u64::try_from(now.seconds_since(row.taken_at)).is_ok_and(|age| age <= most);
        if young && site.store.run(&row.run).await?.final_exit == Some(0) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
