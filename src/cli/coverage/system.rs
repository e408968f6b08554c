//! Coverage over all procedures of a system: the newest run of each, and what other runs fulfilled.

use super::{Counts, describe, document};
use crate::{
    cli::{CliError, Format, Terminal, procedural::Standing, records::Records},
    executor::procedure::{KIND, fulfilled},
    model::{ExitCode, RunId, SystemName},
    procedure::{self, ActivityId, Covered, Standing as How},
    report::{
        language::{documents as say, records as common},
        lines::Lines,
        moment,
    },
    store::{RunFilter, RunRow},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The newest run of a procedure.
struct Newest {
    standing: Standing,
    covered: Vec<Covered>,
}

impl Newest {
    fn counts(&self) -> Counts {
        Counts::of(&self.covered)
    }
}

/// Performs `esclusa coverage --system`: fails while something is missing, or nothing was ever run.
pub async fn coverage(records: &Records, terminal: &Terminal, name: &str) -> Result<ExitCode, CliError> {
    let language = records.language(terminal, None);
    let system = SystemName::parse(name).map_err(|error| CliError::input(error.to_string()))?;
    let newest = newest(records, &system).await?;
    let missing: usize = newest.iter().map(|one| one.counts().missing).sum();
    let ahead: usize = newest.iter().map(|one| one.counts().ahead()).sum();
    let code = if missing + ahead == 0 && !newest.is_empty() { ExitCode::Done } else { ExitCode::Failed };
    if terminal.format == Format::Json {
        let procedures: Vec<_> = newest.iter().map(json_of).collect();
        terminal.json(&json!({
            "system": system, "complete": code == ExitCode::Done, "missing": missing,
            "procedures": procedures,
        }));
        return Ok(code);
    }
    let mut lines = Lines::default();
    lines.title(&say::system_coverage(language, &system));
    for one in &newest {
        let stored = &one.standing.stored;
        lines.heading(&one.standing.title(language));
        lines.pair(&common::run_label(language), stored.run.header.id.as_str());
        let opened = moment::words(stored.row.opened_at, &records.zone, language);
        lines.pair(&common::opened_label(language), &opened);
        lines.pair(&common::state_label(language), &one.standing.state(language));
        lines.pair(&say::counts_label(language), &one.counts().words(language));
        for covered in &one.covered {
            if terminal.verbose || matches!(covered.standing, How::Missing | How::Failed | How::Open) {
                describe(covered, &one.standing, records, language, &mut lines);
            }
        }
    }
    lines.heading(&match (newest.len(), missing, ahead) {
        (0, ..) => say::no_procedures(language, &system),
        (count, 0, 0) => say::system_complete(language, count),
        (count, 0, ahead) => say::system_goes_on(language, ahead, count),
        (count, missing, _) => say::system_incomplete(language, missing, count),
    });
    terminal.result(&lines.text());
    Ok(code)
}

fn json_of(one: &Newest) -> Json {
    let counts = one.counts();
    let mut value = one.standing.document();
    value["counts"] = counts.document();
    value["complete"] = json!(counts.is_complete());
    value["activities"] = one.covered.iter().map(|covered| document(covered, &one.standing)).collect();
    value
}

/// The newest run of each procedure that was run for the system, in the order of the numbers.
async fn newest(records: &Records, system: &SystemName) -> Result<Vec<Newest>, CliError> {
    let filter = RunFilter { system: Some(system.clone()), limit: Some(u32::MAX), ..RunFilter::default() };
    let rows = records.store.runs(&filter).await?;
    let by_steps = by_steps(records, &rows).await?;
    let mut found: BTreeMap<String, Newest> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.new.kind == KIND) {
        if found.contains_key(&row.new.playbook) {
            continue;
        }
        let standing = Standing::load(&records.store, &row.new.id).await?;
        let mut covered = procedure::coverage(&standing.stored.run);
        for one in &mut covered {
            let kind = standing.stored.run.procedure.activity(&one.activity).map(|activity| activity.kind);
            let Some(run) = by_steps.get(&one.activity) else { continue };
            if kind.is_some_and(|kind| kind.may_be_fulfilled()) {
                fulfil(one, run);
            }
        }
        found.insert(row.new.playbook.clone(), Newest { standing, covered });
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|one| one.standing.stored.run.procedure.number.clone());
    Ok(found)
}

/// A step of an ordinary run stands for what the procedure's own run has not done.
fn fulfil(one: &mut Covered, run: &RunId) {
    if matches!(one.standing, How::Missing | How::NotReached | How::NotTaken) {
        one.standing = How::Done;
    }
    if !one.runs.contains(run) {
        one.runs.push(run.clone());
    }
}

/// The newest ordinary run that fulfilled each activity by one of its steps.
async fn by_steps(records: &Records, rows: &[RunRow]) -> Result<BTreeMap<ActivityId, RunId>, CliError> {
    let mut found = BTreeMap::new();
    for row in rows {
        for activity in fulfilled::activities(&records.store, row).await? {
            found.entry(activity).or_insert_with(|| row.new.id.clone());
        }
    }
    Ok(found)
}
