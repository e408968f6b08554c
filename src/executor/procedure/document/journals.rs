//! The journals that a document is made from: the procedure's, those of the runs that it called, and
//! those of the procedures that called it.

use super::super::{KIND, Stored, load, pen::Pen};
use crate::{
    executor::{self, ExecutorError, Site},
    model::{RunId, SystemName, Timestamp},
    procedure::{self, ActivityId, ProcedureRun},
    run,
    store::{RunFilter, RunRow},
};

/// Deepest chain of callers that is followed.
const CALLERS_MAX: usize = 8;
/// Earlier runs of the system that are looked at.
const RUNS_MAX: u32 = 200;

/// A run that was called, with its journal.
pub struct Call {
    /// The activity that called it.
    pub activity: ActivityId,
    /// Its row.
    pub row: RunRow,
    /// The run of a playbook; nothing for a procedure's.
    pub run: Option<run::Run>,
    /// Its events.
    pub events: Vec<(run::Event, Timestamp)>,
}

/// Everything that is read.
pub struct Journals<'a> {
    /// The run.
    pub run: &'a ProcedureRun,
    /// Its events.
    pub events: &'a [(procedure::Event, Timestamp)],
    /// The runs that it called, each once, in the order of calling.
    pub calls: Vec<Call>,
    /// The procedures that called it, the nearest first.
    pub callers: Vec<Stored>,
    /// Runs of the same system that have ended, the newest first.
    pub earlier: Vec<RunRow>,
    /// When the document is made.
    pub now: Timestamp,
}

impl<'a> Journals<'a> {
    /// Reads them.
    pub async fn load(site: &Site, pen: &'a Pen<'_>) -> Result<Self, ExecutorError> {
        let mut calls: Vec<Call> = Vec::new();
        for (event, _) in &pen.events {
            let procedure::Event::CallStarted { activity, run } = event else { continue };
            if calls.iter().all(|call| call.row.new.id != *run) {
                calls.push(call(site, activity, run).await?);
            }
        }
        Ok(Self {
            run: &pen.run,
            events: &pen.events,
            calls,
            callers: callers(site, &pen.run.header.id).await?,
            earlier: earlier(site, pen.run.header.system.as_ref()).await?,
            now: site.store.now().await?,
        })
    }
}

async fn call(site: &Site, activity: &ActivityId, id: &RunId) -> Result<Call, ExecutorError> {
    let row = site.store.run(id).await?;
    let (mut run, mut events) = (None, Vec::new());
    if row.new.kind != KIND {
        run = Some(executor::load(&site.store, id).await?);
        for row in site.store.events(id).await? {
            let event =
                serde_json::from_str(&row.body).map_err(|error| ExecutorError::document("event", error))?;
            events.push((event, row.at));
        }
    }
    Ok(Call { activity: activity.clone(), row, run, events })
}

async fn callers(site: &Site, id: &RunId) -> Result<Vec<Stored>, ExecutorError> {
    let mut found = Vec::new();
    let mut row = site.store.run(id).await?;
    while let Some((caller, _)) = row.new.route.as_deref().and_then(|route| route.split_once('/')) {
        row = site.store.run(&RunId(caller.to_owned())).await?;
        if row.new.kind != KIND || found.len() >= CALLERS_MAX {
            break;
        }
        found.push(load(&site.store, &row.new.id).await?);
    }
    Ok(found)
}

async fn earlier(site: &Site, system: Option<&SystemName>) -> Result<Vec<RunRow>, ExecutorError> {
    let Some(system) = system else { return Ok(Vec::new()) };
    let filter = RunFilter {
        system: Some(system.clone()),
        ended: Some(true),
        limit: Some(RUNS_MAX),
        ..RunFilter::default()
    };
    Ok(site.store.runs(&filter).await?.into_iter().filter(|row| row.new.kind != KIND).collect())
}
