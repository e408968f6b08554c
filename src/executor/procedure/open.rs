//! Opens procedures' runs and replays them.

use super::{ENVIRONMENT, KIND, signing};
use crate::{
    approval::Witness,
    document::{Diagnostics, Source},
    executor::{ExecutorError, ProjectFiles, Site, intake::store_files},
    model::{Digest, EnvironmentName, PersonName, RunId, SystemName, Timestamp, canonical},
    procedure::{self, ActivityId, Event, Parsed, Procedure, ProcedureHeader, ProcedureRun, event},
    store::{NewRun, RunRow, Store},
};
use serde_json::json;
use std::sync::Arc;

/// What a procedure's run is opened with.
pub struct Request {
    /// Path of the procedure in the project.
    pub procedure: String,
    /// The system that it is about.
    pub system: SystemName,
    /// Who asks; whoever calls when not said.
    pub requester: Option<PersonName>,
    /// Why.
    pub reason: Option<String>,
    /// Where it begins, when not at its start.
    pub entry: Option<ActivityId>,
    /// What it was opened for, so that the same is never opened twice.
    pub route: Option<String>,
}

/// A procedure's run as the store has it.
pub struct Stored {
    /// Its row.
    pub row: RunRow,
    /// The run, replayed.
    pub run: ProcedureRun,
    /// Its journal.
    pub events: Vec<(Event, Timestamp)>,
    /// Who judged the signatures in it.
    pub witness: Witness,
}

/// Reads a procedure of the project; all of its faults at once.
pub fn parse(site: &Site, path: &str) -> Result<Parsed, ExecutorError> {
    let files = ProjectFiles::new(&site.root);
    let mut diagnostics = Diagnostics::default();
    let parsed = Source::read(&files, path, &mut diagnostics)
        .and_then(|source| procedure::read_procedure(&source, &files, &mut diagnostics));
    for finding in parsed.iter().flat_map(|parsed| parsed.findings(Some(&site.people))) {
        diagnostics.push(finding);
    }
    match parsed {
        Some(parsed) if !diagnostics.has_errors() => Ok(parsed),
        _ => Err(ExecutorError::input_hint(
            diagnostics.render(false).trim_end(),
            format!("mend the file and run `esclusa procedure lint {path}`"),
        )),
    }
}

/// Opens a run of a procedure as it is now; a later change of its files does not touch it.
pub async fn open(site: &Site, request: Request) -> Result<RunId, ExecutorError> {
    let caller = site.caller.person.as_ref().filter(|person| !person.machine);
    let requester = request.requester.or_else(|| caller.map(|person| person.name.clone()));
    let requester = requester.ok_or_else(|| nobody(site))?;
    let parsed = parse(site, &request.procedure)?;
    let text = canonical(&parsed.procedure).map_err(|error| ExecutorError::document("procedure", error))?;
    let digest = Digest::of(text.as_bytes());
    site.store.put_document("procedure", digest, &text).await?;
    let release = release(site, &parsed).await?;
    let id = RunId(uuid::Uuid::now_v7().to_string());
    let header = ProcedureHeader {
        format: event::FORMAT,
        id: id.clone(),
        procedure: request.procedure.clone(),
        digest,
        system: Some(request.system.clone()),
        requester: requester.clone(),
        reason: request.reason,
        entry: request.entry,
        opened: site.store.now().await?,
        people: Some(signing::keep_people(site).await?),
    };
    // Refused here rather than replayed in vain: a header that no run can begin with.
    ProcedureRun::open(Arc::new(parsed.procedure), header.clone())
        .map_err(|refusal| ExecutorError::refused(refusal.to_string()))?;
    let environment =
        EnvironmentName::parse(ENVIRONMENT).map_err(|error| ExecutorError::input(error.to_string()))?;
    let new = NewRun {
        id: id.clone(),
        system: request.system,
        environment,
        kind: KIND.to_owned(),
        playbook: request.procedure,
        plan: digest,
        release,
        prediction: None,
        requested_by: requester.to_string(),
        requested_by_machine: false,
        state: "opened".to_owned(),
        route: request.route,
        body: canonical(&header).map_err(|error| ExecutorError::document("run", error))?,
    };
    site.store.open_run(new).await?;
    Ok(id)
}

/// The procedure's files by content, stored.
async fn release(site: &Site, parsed: &Parsed) -> Result<Digest, ExecutorError> {
    let named = parsed.sources.iter().map(|source| source.path().to_owned()).collect();
    let files = store_files(site, &ProjectFiles::new(&site.root), named)?;
    let release = json!({ "format": event::FORMAT, "procedure": parsed.procedure.path, "files": files });
    let text = canonical(&release).map_err(|error| ExecutorError::document("release", error))?;
    let digest = Digest::of(text.as_bytes());
    site.store.put_document("procedure-files", digest, &text).await?;
    Ok(digest)
}

/// Replays a procedure's run.
pub async fn load(store: &Store, id: &RunId) -> Result<Stored, ExecutorError> {
    let row = store.run(id).await?;
    if row.new.kind != KIND {
        return Err(ExecutorError::input(format!("run {id} is no procedure's")));
    }
    let header: ProcedureHeader =
        serde_json::from_str(&row.new.body).map_err(|error| ExecutorError::document("run", error))?;
    if header.id != *id || header.digest != row.new.plan {
        return Err(ExecutorError::document("run", "its header belongs to another run"));
    }
    let procedure: Procedure = serde_json::from_str(&store.document(header.digest).await?)
        .map_err(|error| ExecutorError::document("procedure", error))?;
    let mut events = Vec::new();
    for row in store.events(id).await? {
        let event: Event =
            serde_json::from_str(&row.body).map_err(|error| ExecutorError::document("event", error))?;
        events.push((event, row.at));
    }
    let damaged = |source| ExecutorError::Damaged { run: id.to_string(), source };
    let mut run = ProcedureRun::open(Arc::new(procedure), header).map_err(damaged)?;
    let mut witness = signing::witness(store, &run, &events).await?;
    for (event, at) in &events {
        signing::examine(&mut witness, &run, event, *at)?;
        run.apply(event, *at).map_err(damaged)?;
    }
    Ok(Stored { row, run, events, witness })
}

/// The account belongs to no person.
pub(super) fn nobody(site: &Site) -> ExecutorError {
    ExecutorError::Refused {
        words: format!("account `{}` belongs to no person of the people file", site.caller.account),
        hint: Some("whoever acts in a procedure must be known: add `account:` there".to_owned()),
    }
}
