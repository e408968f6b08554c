//! `esclusa audit`: proves that nobody edited the record, or names the first thing that is wrong.

use super::{
    CliError, Format, Global, Terminal, procedural,
    records::{Door, Records},
};
use crate::{
    approval::{self, Gate, KeyFingerprint, Statement, Verdict, testimony::Heard},
    executor::{self, ExecutorError, recorded, sheet},
    model::{Digest, ExitCode, Language, People, PersonName, RunId, Timestamp},
    procedure::ActivityId,
    report::{escape, language::records as say, lines::COLUMNS, roles},
    run::Event,
    store::{LedgerHead, LedgerRow, RunFilter, RunRow, StoreError},
};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Arguments of `esclusa audit`.
#[derive(Args)]
pub struct AuditArgs {
    #[command(flatten)]
    door: Door,
}

/// What was proven.
#[derive(Default)]
struct Proven {
    runs: usize,
    events: u64,
    decisions: usize,
    signed: usize,
    answers: usize,
    /// Signatures by keys that the people file does not list now.
    strange: Vec<Strange>,
    heads: Vec<LedgerHead>,
}

/// A good signature by a key that is not the person's any more, or that somebody put into the record.
#[derive(Serialize)]
struct Strange {
    run: RunId,
    activity: ActivityId,
    person: PersonName,
    key: KeyFingerprint,
}

/// Performs `esclusa audit`.
pub async fn audit(global: &Global, terminal: &Terminal, args: AuditArgs) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let language = records.language(terminal, None);
    let bad = |what: String| CliError::failed(say::audit_bad(language, what));
    let head = records.store.verify_ledger(&[]).await.map_err(|error| bad(error.to_string()))?;
    let proven = prove(&records, language).await.map_err(|wrong| bad(wrong.0))?;
    // The chain once more, against every head that somebody has signed.
    records.store.verify_ledger(&proven.heads).await.map_err(|error| bad(error.to_string()))?;
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "good": true, "ledger": { "entries": head.seq, "head": head.hash }, "runs": proven.runs,
            "events": proven.events, "decisions": proven.decisions, "signed": proven.signed,
            "signed_answers": proven.answers,
            "keys_not_listed": proven.strange, "known_heads": proven.heads.len(),
        }));
        return Ok(ExitCode::Done);
    }
    terminal.result(&say::audit_ledger(language, head.seq, head.hash.short()));
    terminal.result(&say::audit_heads(language, proven.heads.len()));
    terminal.result(&say::audit_runs(language, proven.runs, proven.events));
    terminal.result(&say::audit_decisions(language, proven.decisions, proven.signed));
    terminal.result(&say::audit_answers(language, proven.answers));
    for Strange { run, activity, person, key } in &proven.strange {
        for line in escape::wrap(&say::audit_strange(language, run, activity, person, key), COLUMNS) {
            terminal.result(&line);
        }
    }
    terminal.result(&say::audit_good(language));
    Ok(ExitCode::Done)
}

/// What is wrong, in words.
struct Wrong(String);

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<ExecutorError> for Wrong {
    fn from(error: ExecutorError) -> Self {
        Self(error.to_string())
    }
}

/// The ledger, by what is looked up in it.
struct Chain {
    /// Where and when each hash came about.
    entries: BTreeMap<Digest, (u64, Timestamp)>,
    /// Where each run was opened.
    opened: BTreeMap<RunId, u64>,
}

impl Chain {
    fn of(ledger: &[LedgerRow]) -> Self {
        let opened = ledger.iter().filter(|row| row.entry.kind == "run_opened");
        Self {
            entries: ledger.iter().map(|row| (row.hash, (row.seq, row.at))).collect(),
            opened: opened.filter_map(|row| Some((row.entry.run.clone()?, row.seq))).collect(),
        }
    }
}

/// Replays every journal and verifies every decision again.
async fn prove(records: &Records, language: Language) -> Result<Proven, Wrong> {
    let store = &records.store;
    let chain = Chain::of(&store.ledger().await?);
    let mut proven = Proven::default();
    let filter = RunFilter { limit: Some(u32::MAX), ..RunFilter::default() };
    let mut rows = store.runs(&filter).await?;
    rows.reverse();
    for row in &rows {
        proven.runs += 1;
        if procedural::is_one(row) {
            answers(records, row, &chain, &mut proven, language).await?;
            continue;
        }
        let run = executor::load(store, &row.new.id).await?;
        proven.events += run.events;
        decisions(records, row, &chain, &mut proven, language).await?;
    }
    Ok(proven)
}

/// Verifies everything that was signed in a procedure's run.
async fn answers(
    records: &Records,
    row: &RunRow,
    chain: &Chain,
    proven: &mut Proven,
    language: Language,
) -> Result<(), Wrong> {
    let id = &row.new.id;
    let stored = executor::procedure::load(&records.store, id).await.map_err(|error| match error {
        ExecutorError::Unproven { run, activity, source } => {
            Wrong(say::audit_answer(language, run, activity, source.message(language)))
        }
        other => other.into(),
    })?;
    proven.events += stored.run.events;
    for heard in stored.witness.heard() {
        // Signed after the run was opened and before it was recorded, so its head lies between.
        let opened = chain.opened.get(id);
        let head = chain.entries.get(&heard.ledger_head);
        let head = head.filter(|(seq, at)| *at <= heard.at && opened.is_some_and(|opened| opened <= seq));
        let (seq, _) = head.ok_or_else(|| Wrong(say::audit_answer_head(language, id, &heard.activity)))?;
        proven.heads.push(LedgerHead { seq: *seq, hash: heard.ledger_head });
        proven.answers += 1;
        if records.people.as_ref().is_some_and(|people| !lists(people, heard)) {
            let (activity, person, key) = (heard.activity.clone(), heard.by.clone(), heard.key.clone());
            proven.strange.push(Strange { run: id.clone(), activity, person, key });
        }
    }
    Ok(())
}

/// Whether the people file as it is now lists the key as the person's.
fn lists(people: &People, heard: &Heard) -> bool {
    let keys = people.0.get(&heard.by).map(|person| person.keys.as_slice()).unwrap_or_default();
    keys.iter().any(|key| approval::key_fingerprint(key).as_ref() == Some(&heard.key))
}

/// Verifies the decisions at every gate of a run, and that what it took for approved was.
async fn decisions(
    records: &Records,
    row: &RunRow,
    chain: &Chain,
    proven: &mut Proven,
    language: Language,
) -> Result<(), Wrong> {
    let store = &records.store;
    let login = records.login.is_some();
    let Told { opened, approvals } = told(records, row).await?;
    let mut gates = Vec::new();
    for gate_row in store.gates_of(&row.new.id).await? {
        let gate: Gate = serde_json::from_str(&gate_row.subject)
            .map_err(|error| Wrong(format!("gate `{}`: {error}", gate_row.id)))?;
        if !opened.contains(&gate) {
            return Err(Wrong(say::audit_gate(language, &gate.id, &row.new.id)));
        }
        gates.push(gate.id.clone());
        let people = sheet::people(store, gate.people).await?;
        let mut all = Vec::new();
        for decision in store.decisions(&gate.id).await? {
            let one = recorded(&decision, login);
            let wrong = |why: String| Wrong(say::audit_decision(language, decision.seq, why));
            let verified =
                approval::verify(&gate, &one, &people).map_err(|refusal| wrong(refusal.message(language)))?;
            let known = head_of(&verified.statement, chain).filter(|head| head.seq < decision.seq);
            proven.heads.push(known.ok_or_else(|| Wrong(say::audit_head_unknown(language, decision.seq)))?);
            proven.decisions += 1;
            proven.signed += usize::from(verified.key.is_some());
            all.push(one);
        }
        for (_, at) in approvals.iter().filter(|(id, _)| *id == gate.id) {
            let why = match approval::evaluate(&gate, &all, &people, *at) {
                Verdict::Approved(_) => continue,
                // A rejection that came after the approval was recorded undoes nothing that was true then.
                Verdict::Rejected { .. } if approved_then(&gate, &all, &people, *at) => continue,
                Verdict::Rejected { by, .. } => say::gate_was_rejected(language, by),
                Verdict::Expired => approval::Refusal::Expired.message(language),
                Verdict::Void(refusal) => refusal.message(language),
                Verdict::Open { missing, .. } => {
                    say::still_missing(language, roles::titles(missing.iter(), language))
                }
            };
            return Err(Wrong(say::audit_unproven(language, &row.new.id, why)));
        }
    }
    if approvals.iter().any(|(gate, _)| !gates.contains(gate)) {
        let why = say::audit_no_gate(language);
        return Err(Wrong(say::audit_unproven(language, &row.new.id, why)));
    }
    Ok(())
}

fn head_of(statement: &Statement, chain: &Chain) -> Option<LedgerHead> {
    let (seq, _) = *chain.entries.get(&statement.ledger_head)?;
    Some(LedgerHead { seq, hash: statement.ledger_head })
}

fn approved_then(
    gate: &Gate,
    decisions: &[approval::RecordedDecision],
    people: &People,
    at: Timestamp,
) -> bool {
    let before: Vec<_> = decisions.iter().filter(|one| one.recorded_at <= at).cloned().collect();
    matches!(approval::evaluate(gate, &before, people, at), Verdict::Approved(_))
}

/// What the run's journal says of gates.
#[derive(Default)]
struct Told {
    /// The gates as they were opened.
    opened: Vec<Gate>,
    /// Which was approved, and when that was noted.
    approvals: Vec<(String, Timestamp)>,
}

async fn told(records: &Records, row: &RunRow) -> Result<Told, Wrong> {
    let mut told = Told::default();
    for event in records.store.events(&row.new.id).await? {
        match serde_json::from_str(&event.body) {
            Ok(Event::GateOpened { gate }) => told.opened.push(*gate),
            Ok(Event::GateApproved { gate, .. }) => told.approvals.push((gate, event.at)),
            _ => {}
        }
    }
    Ok(told)
}
