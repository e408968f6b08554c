//! Gathers what a director reads before deciding: from the database alone.

use super::{ExecutorError, Shown, gate::recorded, journal::load};
use crate::{
    approval::{self, Gate, RecordedDecision, Verdict, window},
    backup::spec::Part,
    model::BackupRule,
    model::{
        Digest, EnvironmentName, People, PersonName, Role, ServerName, StepId, Timestamp, Value, canonical,
    },
    plan::Plan,
    report::sheet::{
        BackupShown, ChangeLine, EarlierResult, OnFailure, Outcome, Proof, ServerChanges, Sheet,
    },
    run::{Event, Goal, Run},
    store::{BackupFilter, RunFilter, RunRow, Store},
};
use std::collections::{BTreeMap, BTreeSet};

/// The store's entry with the institution's time zone.
pub const ZONE: &str = "institution_zone";
/// The store's entry with the institution's language.
pub const LANGUAGE: &str = "institution_language";
/// Longest line of a change on the sheet, in characters; the rest is in `show`.
const CHANGE_CHARS_MAX: usize = 400;
/// Runs of a release, and of an environment, that are looked at.
const RUNS_MAX: u32 = 200;

/// A gate with everything that judging and showing it takes.
pub struct Asked {
    /// The gate.
    pub gate: Gate,
    /// The people file that it names.
    pub people: People,
    /// Whether the run has gone on from it, so that nothing more is recorded.
    pub closed: bool,
    /// Its run.
    pub run: Run,
    /// The run's plan.
    pub plan: Plan,
    /// The decisions so far.
    pub decisions: Vec<RecordedDecision>,
    /// What they amount to.
    pub verdict: Verdict,
    /// Now, by the database's clock.
    pub now: Timestamp,
}

impl Asked {
    /// Loads the gate with this id.
    pub async fn load(store: &Store, gate: &str) -> Result<Self, ExecutorError> {
        let row = store.gate(gate).await?;
        let gate: Gate =
            serde_json::from_str(&row.subject).map_err(|error| ExecutorError::document("gate", error))?;
        let people = people(store, gate.people).await?;
        let run = load(store, &gate.run).await?;
        let plan = document(store, "plan", gate.subject.plan).await?;
        let login = store.database_login().await?.is_some();
        let decisions: Vec<_> =
            store.decisions(&gate.id).await?.iter().map(|row| recorded(row, login)).collect();
        let now = store.now().await?;
        let verdict = approval::evaluate(&gate, &decisions, &people, now);
        let closed = row.closed_at.is_some();
        Ok(Self { gate, people, closed, run, plan, decisions, verdict, now })
    }
}

/// The people file with this digest, as a gate recorded it.
pub async fn people(store: &Store, digest: Digest) -> Result<People, ExecutorError> {
    document(store, "people file", digest).await
}

/// A stored document.
pub async fn document<T: serde::de::DeserializeOwned>(
    store: &Store,
    what: &'static str,
    digest: Digest,
) -> Result<T, ExecutorError> {
    serde_json::from_str(&store.document(digest).await?).map_err(|error| ExecutorError::document(what, error))
}

/// The director's page of a gate.
pub async fn sheet(store: &Store, asked: &Asked, zone: &str) -> Result<Sheet, ExecutorError> {
    let Asked { gate, people, run, plan, now, .. } = asked;
    let header = &run.header;
    let shown = match run.shown {
        Some(digest) => document(store, "forecast", digest).await?,
        None => Shown::default(),
    };
    let requester = people.0.get(&gate.requested_by);
    let (missing, decided) = decided(asked);
    let first_install = header.goal == Goal::Change && run.observed.absent;
    let on_failure = match &header.goal {
        _ if first_install => OnFailure::FirstInstall,
        Goal::Change if header.judged.restore_on_failure && plan.backup.is_some() => OnFailure::Restores,
        _ => OnFailure::Person,
    };
    Ok(Sheet {
        title: plan.title.clone(),
        environment: gate.environment.clone(),
        environment_kind: gate.environment_kind,
        kind: match header.goal {
            Goal::Change => plan.kind,
            Goal::Backup => crate::model::PlaybookKind::Backup,
            Goal::Restore { .. } => crate::model::PlaybookKind::Restore,
        },
        playbook: header.title.clone(),
        inputs: inputs(plan, header.version.is_some()),
        from_version: run.observed.version.clone(),
        to_version: header.version.clone(),
        requested_by: requester
            .map_or_else(|| header.requested_account.clone(), |person| person.full_name.clone()),
        requested_by_machine: gate.requested_by_machine,
        requested_at: gate.opened_at,
        why: header.why.clone().unwrap_or_default(),
        only_difference: !run.stale.is_empty(),
        changes: changes(&shown, &run.stale),
        earlier: earlier(store, run).await?,
        backup: backup(store, run, plan, first_install).await?,
        proof: proof(store, run).await?,
        on_failure,
        weakening: gate.weakening.clone(),
        missing,
        decided,
        decide_by: gate.decide_by,
        valid_for_seconds: gate.rule.valid_for_seconds,
        window: (!header.judged.windows.is_empty()).then(|| window::is_open(&header.judged.windows, *now)),
        signed: gate.rule.signed,
        subject: gate.subject,
        zone: zone.to_owned(),
    })
}

/// What the caller gave, as it is written; the version has a place of its own.
fn inputs(plan: &Plan, has_version: bool) -> Vec<(String, String)> {
    let others = plan.inputs.iter().filter(|(name, _)| !(has_version && *name == "version"));
    let written = |value: &Value| value.scalar().unwrap_or_else(|| canonical(value).unwrap_or_default());
    others.map(|(name, value)| (name.clone(), written(value))).collect()
}

/// The roles for which nobody has approved yet, and who has approved in which role.
fn decided(asked: &Asked) -> (Vec<Role>, Vec<(String, Role)>) {
    let full = |name: &PersonName| {
        asked.people.0.get(name).map_or_else(|| name.to_string(), |person| person.full_name.clone())
    };
    match &asked.verdict {
        Verdict::Approved(approved) => {
            let by = approved.by().iter().map(|one| (full(&one.person), one.role.clone()));
            (Vec::new(), by.collect())
        }
        Verdict::Open { missing, .. } => {
            let verified = asked
                .decisions
                .iter()
                .filter_map(|one| approval::verify(&asked.gate, one, &asked.people).ok());
            let by = verified.filter_map(|one| {
                let role = one.roles.iter().find(|role| !missing.contains(role)).or(one.roles.first())?;
                Some((full(&one.statement.person), role.clone()))
            });
            (missing.clone(), by.collect())
        }
        _ => (asked.gate.rule.each.clone(), Vec::new()),
    }
}

fn changes(shown: &Shown, stale: &[(ServerName, StepId, String)]) -> Vec<ServerChanges> {
    let differs: BTreeSet<_> = stale.iter().map(|(server, step, _)| (server, step)).collect();
    let mut all = Vec::new();
    for (server, steps) in &shown.servers {
        let count = |kinds: &[&str]| steps.iter().filter(|step| kinds.contains(&step.kind.as_str())).count();
        let (changes, unknown) = (count(&["change", "restore", "problem"]), count(&["unknown"]));
        let weight = |kind: &str| match kind {
            "problem" => Some(0),
            "change" | "restore" => Some(1),
            "unknown" => Some(2),
            _ => None,
        };
        let mut lines: Vec<_> = steps
            .iter()
            .filter(|step| stale.is_empty() || differs.contains(&(server, &step.step)))
            .filter_map(|step| {
                let words = step.words.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                let short = |text: &str| text.chars().take(CHANGE_CHARS_MAX).collect::<String>();
                let line = ChangeLine { step: short(&step.name), words: short(words.trim()) };
                Some((weight(&step.kind)?, line))
            })
            .collect();
        lines.sort_by_key(|(weight, _)| *weight);
        if !stale.is_empty() && lines.is_empty() {
            continue;
        }
        let lines = lines.into_iter().map(|(_, line)| line).collect();
        let unchanged = steps.len() - changes - unknown;
        all.push(ServerChanges { server: server.clone(), changes, unknown, unchanged, lines });
    }
    all
}

/// The newest run of the same release in every other environment.
async fn earlier(store: &Store, run: &Run) -> Result<Vec<EarlierResult>, ExecutorError> {
    let header = &run.header;
    let filter = RunFilter { release: Some(header.release), limit: Some(RUNS_MAX), ..RunFilter::default() };
    let mut newest: BTreeMap<EnvironmentName, RunRow> = BTreeMap::new();
    for row in store.runs(&filter).await? {
        let over = row.final_exit.is_some() || row.state == "stuck";
        if over && row.new.environment != header.environment && row.new.kind != "restore" {
            newest.entry(row.new.environment.clone()).or_insert(row);
        }
    }
    let mut results = Vec::new();
    for (environment, row) in newest {
        let run = load(store, &row.new.id).await?;
        let outcome = match row.final_exit {
            Some(0) => Outcome::Succeeded,
            Some(3) => Outcome::Restored,
            Some(_) => Outcome::Failed,
            None => Outcome::Stuck,
        };
        let result = EarlierResult {
            environment,
            finished_at: row.ended_at.unwrap_or(run.last_at),
            outcome,
            checks_passed: run.findings.iter().filter(|finding| finding.verdict == "good").count(),
            checks_total: run.findings.len(),
            outage_seconds: Some(run.outage_seconds()).filter(|seconds| *seconds > 0),
        };
        results.push((run.header.environment_kind, result));
    }
    results.sort_by_key(|(kind, result)| (*kind, result.finished_at));
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

async fn backup(
    store: &Store,
    run: &Run,
    plan: &Plan,
    first_install: bool,
) -> Result<BackupShown, ExecutorError> {
    let Some(planned) = plan.backup.as_ref().filter(|_| !first_install) else {
        return Ok(BackupShown::None);
    };
    let mut parts: Vec<Part> = planned.items.iter().map(|item| item.part).collect();
    parts.sort();
    parts.dedup();
    if let Goal::Restore { backup } = &run.header.goal {
        let taken_at = store.backup(backup).await?.taken_at;
        parts.retain(|part| *part != Part::Logs);
        return Ok(BackupShown::Safety { taken_at, parts });
    }
    let filter = BackupFilter {
        system: Some(run.header.system.clone()),
        environment: Some(run.header.environment.clone()),
        removed: true,
        ..BackupFilter::default()
    };
    let rows = store.backups(&filter).await?;
    if let BackupRule::MaxAgeSeconds(seconds) = run.header.judged.backup {
        let now = store.now().await?;
        let young =
            rows.iter().find(|row| row.removed_at.is_none() && now.seconds_since(row.taken_at) <= seconds);
        if let Some(row) = young {
            return Ok(BackupShown::Older { taken_at: row.taken_at });
        }
    }
    let expected_bytes = rows.first().map(|row| row.size_bytes);
    let left_out = planned.left_out.iter().map(|waiver| (waiver.part, waiver.reason.clone())).collect();
    Ok(BackupShown::Own { parts, left_out, expected_bytes })
}

/// When something was last put back here, and how long that took: from the first safety copy until
/// everything was back.
async fn proof(store: &Store, run: &Run) -> Result<Option<Proof>, ExecutorError> {
    let header = &run.header;
    let filter = RunFilter {
        system: Some(header.system.clone()),
        environment: Some(header.environment.clone()),
        limit: Some(RUNS_MAX),
        ..RunFilter::default()
    };
    for row in store.runs(&filter).await? {
        let restored = row.new.kind == "restore" || row.state == "restored";
        if !restored || row.new.id == header.id {
            continue;
        }
        let (mut began, mut back) = (None, None);
        for event in store.events(&row.new.id).await? {
            match serde_json::from_str(&event.body) {
                Ok(Event::SafetyCopyStarted { .. }) => began = began.or(Some(event.at)),
                Ok(Event::RestoreCompleted) => back = Some(event.at),
                _ => {}
            }
        }
        if let (Some(began), Some(back)) = (began, back) {
            let took_seconds = back.seconds_since(began).max(1);
            return Ok(Some(Proof { at: back, rehearsal: false, took_seconds }));
        }
    }
    Ok(None)
}
