//! Coverage over all procedures of a system: the newest run of each, and what other runs fulfilled.

use super::{document, words};
use crate::{
    cli::{CliError, Format, Terminal, procedural::Standing, records::Records},
    executor::procedure::{KIND, fulfilled},
    model::{ExitCode, RunId, SystemName},
    procedure::{self, ActivityId, Covered, Standing as How},
    report::{
        escape,
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
    fn count(&self, wanted: impl Fn(&How) -> bool) -> usize {
        self.covered.iter().filter(|one| wanted(&one.standing)).count()
    }

    fn missing(&self) -> usize {
        self.count(|how| *how == How::Missing)
    }

    /// Done, attested, excepted, missing.
    fn counts(&self) -> [usize; 4] {
        [
            self.count(|how| *how == How::Done),
            self.count(|how| matches!(how, How::Attested { .. })),
            self.count(|how| matches!(how, How::Excepted { .. })),
            self.missing(),
        ]
    }
}

/// Performs `esclusa coverage --system`: fails while something is missing, or nothing was ever run.
pub async fn coverage(records: &Records, terminal: &Terminal, name: &str) -> Result<ExitCode, CliError> {
    let language = records.language(terminal, None);
    let system = SystemName::parse(name).map_err(|error| CliError::input(error.to_string()))?;
    let newest = newest(records, &system).await?;
    let missing: usize = newest.iter().map(Newest::missing).sum();
    let code = if missing == 0 && !newest.is_empty() { ExitCode::Done } else { ExitCode::Failed };
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
        let [done, attested, excepted, missing] = one.counts();
        lines.pair(&say::counts_label(language), &say::counts(language, done, attested, excepted, missing));
        for covered in &one.covered {
            if terminal.verbose || covered.standing == How::Missing {
                let how = escape::capped(&words(covered, records, language), 400);
                lines.named(covered.activity.as_str(), super::ID_COLUMNS, &how);
            }
        }
    }
    lines.heading(&match (newest.len(), missing) {
        (0, _) => say::no_procedures(language, &system),
        (count, 0) => say::system_complete(language, count),
        (count, missing) => say::system_incomplete(language, missing, count),
    });
    terminal.result(&lines.text());
    Ok(code)
}

fn json_of(one: &Newest) -> Json {
    let [done, attested, excepted, missing] = one.counts();
    let mut value = one.standing.document();
    value["counts"] = json!({ "done": done, "attested": attested, "excepted": excepted, "missing": missing });
    value["complete"] = json!(missing == 0);
    value["activities"] = one.covered.iter().map(document).collect();
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
    if matches!(one.standing, How::Missing | How::NotTaken) {
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
