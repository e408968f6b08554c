//! `esclusa history`: runs that have ended, and who approved them.

use super::{
    CliError, Format, Global, Terminal, procedural,
    records::{Door, Records},
    status::title,
};
use crate::{
    executor::{self, sheet},
    model::{EnvironmentName, ExitCode, Language, People, PersonName, SystemName},
    report::{escape, journal, language::records as say, lines::Lines, moment},
    run::{BackupState, Event, Run},
    store::{RunFilter, RunRow},
};
use clap::Args;
use serde_json::{Value as Json, json};

/// Columns of a moment.
const MOMENT_COLUMNS: usize = 16;

/// Arguments of `esclusa history`.
#[derive(Args)]
pub struct HistoryArgs {
    /// Only this system
    system: Option<String>,
    /// Only this environment
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Option<String>,
    /// At most so many runs, the newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    #[command(flatten)]
    door: Door,
}

/// A run that has ended.
struct Past {
    row: RunRow,
    run: Run,
    /// Who asked, as people write the name.
    asked: String,
    /// Who approved, as people write the names.
    approved: Vec<String>,
    /// Whether they signed; nothing when nobody approved.
    signed: Option<bool>,
    /// Who rejected, as people write the name.
    rejected: Option<String>,
}

/// Performs `esclusa history`.
pub async fn history(global: &Global, terminal: &Terminal, args: HistoryArgs) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let language = records.language(terminal, None);
    let bad = |error: crate::model::NameError| CliError::input(error.to_string());
    let filter = RunFilter {
        system: args.system.as_deref().map(SystemName::parse).transpose().map_err(bad)?,
        environment: args.env.as_deref().map(EnvironmentName::parse).transpose().map_err(bad)?,
        ended: Some(true),
        limit: Some(args.limit),
        ..RunFilter::default()
    };
    let mut all = Vec::new();
    for row in records.store.runs(&filter).await? {
        all.push(match procedural::is_one(&row) {
            true => {
                Entry::Procedure(Box::new(procedural::Standing::load(&records.store, &row.new.id).await?))
            }
            false => Entry::Run(Box::new(past(&records, row).await?)),
        });
    }
    if all.is_empty() {
        records.known(filter.system.as_ref(), filter.environment.as_ref(), language).await?;
    }
    if terminal.format == Format::Json {
        let (mut runs, mut procedures) = (Vec::new(), Vec::new());
        for entry in &all {
            match entry {
                Entry::Run(past) => runs.push(document(past)),
                Entry::Procedure(standing) => procedures.push(standing.document()),
            }
        }
        terminal.json(&json!({ "runs": runs, "procedures": procedures }));
    } else if all.is_empty() {
        terminal.result(&say::nothing_ended(language));
    } else {
        let mut lines = Lines::default();
        for entry in &all {
            match entry {
                Entry::Run(past) => describe(past, &records.zone, language, &mut lines),
                Entry::Procedure(standing) => standing.describe_ended(&records.zone, language, &mut lines),
            }
        }
        terminal.result(&lines.text());
    }
    Ok(ExitCode::Done)
}

/// What has ended: in one list, the newest first.
enum Entry {
    Run(Box<Past>),
    Procedure(Box<procedural::Standing>),
}

async fn past(records: &Records, row: RunRow) -> Result<Past, CliError> {
    let run = executor::load(&records.store, &row.new.id).await?;
    let people = match &run.gate {
        Some(gate) => sheet::people(&records.store, gate.people).await?,
        None => records.people.clone().unwrap_or_default(),
    };
    let mut signed = None;
    for event in records.store.events(&row.new.id).await? {
        if let Ok(Event::GateApproved { signed: how, .. }) = serde_json::from_str(&event.body) {
            signed = Some(how);
        }
    }
    let asked = match &run.header.requested_by {
        Some(name) => full_name(&people, name.as_str()),
        None => run.header.requested_account.clone(),
    };
    let approved = run.approved_by.iter().map(|name| full_name(&people, name)).collect();
    let rejected = run.rejected.as_ref().map(|(name, _)| full_name(&people, name));
    Ok(Past { row, run, asked, approved, signed, rejected })
}

/// A person's name as people write it.
pub fn full_name(people: &People, name: &str) -> String {
    let person = PersonName::parse(name).ok().and_then(|name| people.0.get(&name));
    person.map_or_else(|| name.to_owned(), |person| person.full_name.clone())
}

/// The id of the run's verified backup.
pub fn backup_of(run: &Run) -> Option<String> {
    match &run.backup {
        BackupState::Verified(record) => Some(record.backup.to_string()),
        _ => None,
    }
}

fn describe(past: &Past, zone: &str, language: Language, lines: &mut Lines) {
    let Past { row, run, asked, .. } = past;
    let when = row.ended_at.map(|at| moment::short(at, zone)).unwrap_or_default();
    let exit = row.final_exit.unwrap_or_default();
    let outcome = journal::state(run, language);
    lines.named(
        &when,
        MOMENT_COLUMNS,
        &say::ended_line(language, title(run, &row.new.kind, language), outcome, exit),
    );
    let mut name = escape::capped(asked, 60);
    if run.header.requested_by_machine {
        name = say::machine(language, name);
    }
    let decision = decision(past, language);
    lines.named("", MOMENT_COLUMNS, &format!("{}; {decision}", say::asked(language, name)));
    if let Some(id) = run.puts_back() {
        lines.named("", MOMENT_COLUMNS, &say::puts_back(language, escape::capped(id, 60)));
    }
    if let Some(id) = backup_of(run) {
        lines.named("", MOMENT_COLUMNS, &say::backup(language, id));
    }
    lines.named("", MOMENT_COLUMNS, &format!("esclusa show {}", run.header.id));
}

/// What people decided on the run: approved, rejected, nobody in time, nobody at all, or not asked.
fn decision(past: &Past, language: Language) -> String {
    let run = &past.run;
    if let Some((_, reason)) = &run.rejected {
        let name = escape::capped(past.rejected.as_deref().unwrap_or_default(), 60);
        return say::rejected(language, name, escape::capped(reason.trim(), 200));
    }
    match past.signed {
        // An approval that ran out before the first change was given all the same.
        Some(signed) => {
            let names: Vec<_> = past.approved.iter().map(|name| escape::capped(name, 60)).collect();
            let how = journal::how(signed, language);
            say::approved(language, say::approved_by(language, names.join(", "), how))
        }
        None if run.gate.is_none() => say::not_approved(language),
        None => say::nobody_decided(language),
    }
}

fn document(past: &Past) -> Json {
    let Past { row, run, signed, .. } = past;
    let header = &run.header;
    json!({
        "run": header.id, "system": header.system, "environment": header.environment,
        "playbook": header.playbook, "kind": row.new.kind, "puts_back": run.puts_back(), "version": header.version,
        "opened_at": row.opened_at.to_string(), "ended_at": row.ended_at.map(|at| at.to_string()),
        "outcome": run.label(), "exit": row.final_exit, "release": header.release,
        "requested_by": row.new.requested_by, "requested_by_machine": header.requested_by_machine,
        "approved_by": run.approved_by, "signed": signed, "approval_asked": run.gate.is_some(),
        "rejected_by": run.rejected.as_ref().map(|(name, _)| name),
        "rejection_reason": run.rejected.as_ref().map(|(_, reason)| reason), "backup": backup_of(run),
        "outage_seconds": run.outage_seconds(),
    })
}
