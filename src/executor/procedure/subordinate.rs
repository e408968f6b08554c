//! Runs that a procedure opens and waits for.

use super::{
    KIND, Request,
    advance::{Engine, advance},
    open,
    pen::Pen,
    staged,
};
use crate::{
    document::{self, Diagnostics, Source},
    executor::{
        self, ExecutorError, Opening, Patience, ProjectFiles, Site, Staged, copy::SAFETY_PREFIX,
        loaded::source,
    },
    model::{Digest, EnvironmentKind, EnvironmentName, RunId, SystemName, Value},
    module,
    plan::Release,
    playbook,
    procedure::{ActivityId, ActivityKind, Event},
    run::Goal,
    store::{BackupFilter, BackupRow, RunFilter, RunRow},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
    let staged = staged(pen, activity)?;
    if let Some(run) = young_enough(site, &system, &environment, wanted).await? {
        return Ok(run);
    }
    let (release, goal) = match wanted.kind {
        ActivityKind::Backup => (executor::take_in_system(site, &system).await?, Goal::Backup),
        ActivityKind::Recovery => {
            let backup = to_put_back(site, pen, activity, &system, &environment).await?;
            (executor::take_in_system(site, &system).await?, Goal::Restore { backup })
        }
        _ => (release(site, pen, activity, wanted).await?, Goal::Change),
    };
    let phases = wanted.phases.clone();
    // Nobody approves what they asked for, whoever's process opens the run.
    let requester = Some(header.requester.clone());
    let opening =
        Opening { why, route: Some(route), phases, staged, requester, ..Opening::new(goal, environment) };
    executor::open(site, &release, opening).await
}

/// How a run in stages is opened by the activity; nothing for a run of its own.
fn staged(pen: &Pen<'_>, activity: &ActivityId) -> Result<Option<Staged>, ExecutorError> {
    let procedure = &pen.run.procedure;
    let Some(activity) = procedure.activity(activity) else { return Ok(None) };
    let Some(word) = &activity.run else { return Ok(None) };
    let is_gate = activity.kind == ActivityKind::Gate;
    let opens = is_gate || (activity.kind == ActivityKind::Remote && procedure.gate_of(word).is_none());
    if !opens {
        return Err(ExecutorError::refused(format!(
            "`{}` is a stage of the run `{word}`, which nothing has opened",
            activity.id
        )));
    }
    let approve = if is_gate { activity.answering().to_vec() } else { Vec::new() };
    Ok(Some(Staged { by: pen.run.header.id.clone(), approve }))
}

/// The release that the activity runs: behind a gate the one that passed the tests of this procedure,
/// the same bytes; otherwise the playbook as it is in the project.
async fn release(
    site: &Site,
    pen: &Pen<'_>,
    activity: &ActivityId,
    wanted: &Wanted,
) -> Result<Release, ExecutorError> {
    let name = wanted.playbook.as_ref();
    let name = name.ok_or_else(|| ExecutorError::input(format!("`{activity}` names no playbook")))?;
    let path = path(site, name);
    if wanted.kind == ActivityKind::Gate
        && let Some(digest) = passed(site, pen, &path).await?
    {
        return executor::release(site, digest).await;
    }
    let inputs = inputs(site, pen, &path)?;
    executor::take_in(site, &executor::Wanted { playbook: path, inputs }).await
}

/// The release of the newest run of this procedure that ended well in a test environment.
async fn passed(site: &Site, pen: &Pen<'_>, playbook: &str) -> Result<Option<Digest>, ExecutorError> {
    let runs: BTreeSet<&RunId> = pen.run.records.values().flat_map(|record| &record.runs).collect();
    let mut newest: Option<RunRow> = None;
    for id in runs {
        let row = site.store.run(id).await?;
        let tested = site.inventory.environments.iter().any(|environment| {
            environment.name == row.new.environment && environment.kind == EnvironmentKind::Test
        });
        let good = row.final_exit == Some(0) && row.new.playbook == playbook && tested;
        if good && newest.as_ref().is_none_or(|other| other.opened_at < row.opened_at) {
            newest = Some(row);
        }
    }
    Ok(newest.map(|row| row.new.release))
}

/// The run of a backup that is young enough, where the activity is content with one.
async fn young_enough(
    site: &Site,
    system: &SystemName,
    environment: &EnvironmentName,
    wanted: &Wanted,
) -> Result<Option<RunId>, ExecutorError> {
    if wanted.kind != ActivityKind::Backup {
        return Ok(None);
    }
    Ok(young_backup(site, system, environment, wanted.max_age_seconds).await?.map(|row| row.run))
}

/// The backup that an activity puts back: the one that another activity took, wherever that was, or
/// the newest verified one of the environment.
async fn to_put_back(
    site: &Site,
    pen: &Pen<'_>,
    activity: &ActivityId,
    system: &SystemName,
    environment: &EnvironmentName,
) -> Result<String, ExecutorError> {
    let from = pen.run.procedure.activity(activity).and_then(|activity| activity.from.as_ref());
    let rows = match from {
        Some(from) => {
            let taken = pen.run.record(from).and_then(|record| record.runs.last()).cloned();
            let taken = taken.ok_or_else(|| ExecutorError::input(format!("`{from}` has taken no backup")))?;
            site.store.backups(&BackupFilter { run: Some(taken), ..BackupFilter::default() }).await?
        }
        None => backups(site, system, environment).await?,
    };
    // A copy of what a restore found is what somebody wanted to get away from.
    let usable = rows
        .into_iter()
        .find(|row| row.verified_at.is_some() && row.broken.is_none() && !row.id.starts_with(SAFETY_PREFIX));
    usable.map(|row| row.id).ok_or_else(|| {
        ExecutorError::input(format!(
            "`{activity}` restores, and there is no verified backup of `{system}` for it"
        ))
    })
}

/// Looks at a run that was opened, and takes it on where it can go on; its exit code, or that of the
/// stage of it that the activity is, once it is there.
pub(super) async fn look_at(
    engine: Engine<'_>,
    pen: &Pen<'_>,
    activity: &ActivityId,
    id: &RunId,
) -> Result<Option<u8>, ExecutorError> {
    let Engine { site, interrupt, watch } = engine;
    let row = site.store.run(id).await?;
    let stage = pen.run.procedure.activity(activity).filter(|activity| activity.run.is_some());
    if let Some(stage) = stage {
        return staged::lead(engine, pen, stage, &row).await;
    }
    if row.final_exit.is_some() {
        return Ok(row.final_exit);
    }
    // As with stages: it waits for somebody who may run there.
    match site.may_drive(id).await {
        Err(ExecutorError::Refused { words, .. }) => {
            watch.note(&format!("run {id} waits for `esclusa resume`: {words}"));
            return Ok(None);
        }
        other => other?,
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

/// The path of a playbook that an activity names.
pub(super) fn path(site: &Site, name: &str) -> String {
    format!("{}/{name}.yaml", site.project.playbooks)
}

/// The path of what is called, if that is a procedure.
fn procedure_path(site: &Site, wanted: &Wanted) -> Option<String> {
    let path = path(site, wanted.playbook.as_ref()?);
    let files = ProjectFiles::new(&site.root);
    let mut ignored = Diagnostics::default();
    let source = Source::read(&files, &path, &mut ignored)?;
    let node = document::parse(&source).ok()?;
    (node.text("kind").as_deref() == Some(KIND)).then_some(path)
}

/// The only environment of a kind.
pub(super) fn environment(
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
pub(super) fn inputs(
    site: &Site,
    pen: &Pen<'_>,
    path: &str,
) -> Result<BTreeMap<String, Value>, ExecutorError> {
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
