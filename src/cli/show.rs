//! `esclusa show`: one run, its plan, its journal, its end.

use super::{
    CliError, Format, Global, Terminal, history, junit, procedural,
    records::{Door, Records},
    status::{self, Standing, title},
    summary,
};
use crate::{
    approval::{self, Gate},
    backup::spec::Part,
    depot::Depot,
    executor::{Shown, code, recorded, sheet},
    model::{Digest, ExitCode, Language, People, ServerName, Timestamp},
    plan::Plan,
    report::{
        changes, duration, escape, journal,
        language::{self as words, records as say},
        lines::Lines,
        moment, roles,
    },
    run::{Event, Goal, Run, StepEnd},
    store::{DecisionRow, EventRow, RunRow},
};
use clap::Args;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Lines shown of each step's difference and of each output; `-v` shows more.
const LINES_SHOWN: usize = 12;
/// The same with `-v`.
const LINES_SHOWN_VERBOSE: usize = 400;
/// Largest output that is read, in bytes.
const OUTPUT_BYTES_MAX: u64 = 16 << 20;
/// Columns of a moment with its seconds.
const MOMENT_COLUMNS: usize = 19;

/// Arguments of `esclusa show`.
#[derive(Args)]
pub struct ShowArgs {
    /// The run: its id, the first characters of it, or `latest`
    run: String,
    #[command(flatten)]
    door: Door,
}

/// A run with everything that belongs to it.
struct Whole {
    standing: Standing,
    plan: Plan,
    shown: Shown,
    events: Vec<(EventRow, Event)>,
    decisions: Vec<Decided>,
    put_back: Option<PutBack>,
}

/// What a restore by hand puts back.
struct PutBack {
    /// The backup's id.
    backup: String,
    /// When it was taken, where the store still knows.
    taken_at: Option<Timestamp>,
    /// Its items by server: id and part.
    items: BTreeMap<ServerName, Vec<(String, Part)>>,
}

/// A decision as it was recorded, its gate, and the people file that it is judged by.
struct Decided {
    row: DecisionRow,
    gate: Gate,
    people: People,
}

/// Performs `esclusa show`.
pub async fn show(global: &Global, terminal: &Terminal, args: ShowArgs) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let language = records.language(terminal, None);
    let named = records.find(&args.run, language).await?;
    if procedural::is_one(&named) {
        return procedural::show(&records, terminal, &named.new.id).await;
    }
    let (row, run) = records.run(&args.run, language).await?;
    let exit = row.final_exit.map_or_else(|| open_code(&run), code);
    match terminal.format {
        Format::Junit => terminal.result(&junit::run(&run, exit)),
        Format::Json => terminal.json(&document(&records, &whole(&records, row, &run).await?, exit)),
        Format::Text => {
            let whole = whole(&records, row, &run).await?;
            let mut page =
                Page { records: &records, language, verbose: terminal.verbose, lines: Lines::default() };
            page.head(&whole);
            match &whole.put_back {
                Some(put_back) => page.put_back(put_back),
                None => page.plan(&whole.plan),
            }
            page.prediction(&whole.shown);
            page.journal(&whole);
            page.decisions(&whole.decisions);
            page.checks(&whole.standing.run);
            if terminal.verbose {
                page.outputs(&whole);
            }
            terminal.result(&page.lines.text());
        }
    }
    Ok(ExitCode::Done)
}

/// The code with which a verb that meets the open run ends.
fn open_code(run: &Run) -> ExitCode {
    match run.label() {
        "waiting" => ExitCode::Waiting,
        "waiting_window" => ExitCode::WindowClosed,
        "stuck" => ExitCode::Stuck,
        _ => ExitCode::Interrupted,
    }
}

async fn whole(records: &Records, row: RunRow, run: &Run) -> Result<Whole, CliError> {
    let store = &records.store;
    let plan = sheet::document(store, "plan", run.header.plan).await?;
    let shown = match run.shown {
        Some(digest) => sheet::document(store, "forecast", digest).await?,
        None => Shown::default(),
    };
    let mut events = Vec::new();
    for row in store.events(&row.new.id).await? {
        let event = serde_json::from_str(&row.body).map_err(|error| CliError::failed(error.to_string()))?;
        events.push((row, event));
    }
    let mut decisions = Vec::new();
    for gate_row in store.gates_of(&row.new.id).await? {
        let gate: Gate =
            serde_json::from_str(&gate_row.subject).map_err(|error| CliError::failed(error.to_string()))?;
        let people = sheet::people(store, gate.people).await?;
        for row in store.decisions(&gate.id).await? {
            decisions.push(Decided { row, gate: gate.clone(), people: people.clone() });
        }
    }
    let now = store.now().await?;
    let standing = status::standing(store, records.people.as_ref(), row, now).await?;
    let put_back = match &run.header.goal {
        Goal::Restore { backup } => Some(put_back(records, backup, &plan).await),
        Goal::Change | Goal::Backup => None,
    };
    Ok(Whole { standing, plan, shown, events, decisions, put_back })
}

async fn put_back(records: &Records, backup: &str, plan: &Plan) -> PutBack {
    let taken_at = records.store.backup(backup).await.ok().map(|row| row.taken_at);
    let mut items: BTreeMap<ServerName, Vec<_>> = BTreeMap::new();
    for item in plan.backup.iter().flat_map(|backup| &backup.items).filter(|item| item.part != Part::Logs) {
        items.entry(item.server.clone()).or_default().push((item.id.clone(), item.part));
    }
    PutBack { backup: backup.to_owned(), taken_at, items }
}

impl Decided {
    /// Whether it counts, and with which key it was signed.
    fn verified(&self, login: bool) -> Result<approval::Verified, approval::Refusal> {
        approval::verify(&self.gate, &recorded(&self.row, login), &self.people)
    }
}

/// The page as it is written.
struct Page<'a> {
    records: &'a Records,
    language: Language,
    verbose: bool,
    lines: Lines,
}

impl Page<'_> {
    fn head(&mut self, whole: &Whole) {
        let (language, zone) = (self.language, self.records.zone.as_str());
        let Whole { standing, .. } = whole;
        let Standing { row, run, .. } = standing;
        let lines = &mut self.lines;
        lines.title(&title(run, &row.new.kind, language));
        lines.pair(&say::run_label(language), run.header.id.0.as_str());
        let path = escape::capped(&run.header.playbook, 200);
        let playbook = match &run.header.title {
            Some(title) => format!("“{}” ({path})", escape::capped(title, 120)),
            None => path,
        };
        lines.pair(&say::playbook_label(language), &playbook);
        let state = match &run.ended {
            Some((exit, _)) => format!("{} ({exit})", journal::state(run, language)),
            None => standing.state(language),
        };
        lines.pair(&say::state_label(language), &state);
        lines.pair(&say::opened_label(language), &moment::words(row.opened_at, zone, language));
        if let Some(at) = row.ended_at {
            lines.pair(&say::ended_label(language), &moment::words(at, zone, language));
        }
        let people = whole.decisions.first().map(|decided| &decided.people).or(standing.people());
        let mut asked = match (&run.header.requested_by, people) {
            (Some(name), Some(people)) => history::full_name(people, name.as_str()),
            (Some(name), None) => name.to_string(),
            (None, _) => run.header.requested_account.clone(),
        };
        if run.header.requested_by_machine {
            asked = say::machine(language, asked);
        }
        lines.pair(&say::asked_label(language), &escape::capped(&asked, 80));
        if let Some(why) = &run.header.why {
            lines.pair(&words::reason_label(language), &format!("“{}”", escape::capped(why, 400)));
        }
        if let Some(backup) = history::backup_of(run) {
            lines.pair(&say::backup_label(language), &backup);
        }
        if run.outage_ms > 0 {
            lines.pair(&say::outage_label(language), &duration::short(run.outage_seconds()));
        }
        if let Some(failure) = &run.failure {
            lines.pair_text(&say::failure_label(language), &failure.words, 800);
        }
        let [release, plan] = [run.header.release, run.header.plan].map(|digest| digest.short());
        let prediction = run.prediction.as_ref().map_or_else(|| "-".to_owned(), |(digest, _)| digest.short());
        let digests = words::digests(language, release, plan, prediction);
        lines.pair(&words::digests_label(language), &digests);
        lines.pair(&words::zone_label(language), &escape::capped(zone, 60));
        if let Some(next) = standing.next() {
            lines.pair(&say::next_label(language), &next);
        }
    }

    fn plan(&mut self, plan: &Plan) {
        self.lines.heading(&say::heading_plan(self.language));
        for server in plan.servers.keys() {
            self.lines.item(server.as_str());
            let here = plan.steps.iter().chain(&plan.handlers).filter(|step| step.servers.contains(server));
            for step in here {
                let name = escape::capped(&step.name, 120);
                self.lines.sub_item(&format!("{} ({}, {})", name, step.id, step.module));
            }
        }
    }

    /// A restore has no steps: its plan is what is put back, and from where.
    fn put_back(&mut self, put_back: &PutBack) {
        let language = self.language;
        self.lines.heading(&say::heading_plan(language));
        let id = escape::capped(&put_back.backup, 60);
        self.lines.item(&match put_back.taken_at {
            Some(at) => say::puts_back_of(language, id, moment::words(at, &self.records.zone, language)),
            None => say::puts_back(language, id),
        });
        for (server, items) in &put_back.items {
            self.lines.item(server.as_str());
            for (item, part) in items {
                let part = words::part(*part, language);
                self.lines.sub_item(&format!("{} ({part})", escape::capped(item, 120)));
            }
        }
    }

    fn prediction(&mut self, shown: &Shown) {
        if shown.servers.is_empty() {
            return;
        }
        let language = self.language;
        self.lines.heading(&say::heading_prediction(language));
        for (server, steps) in &shown.servers {
            self.lines.item(server.as_str());
            for step in steps {
                let kind = say::step_kind(&step.kind, language);
                self.lines.sub_item(&format!("{}: {kind}", escape::capped(&step.name, 120)));
                let words = changes::words(&step.words, language);
                self.capped(words.lines().filter(|line| !line.trim().is_empty()));
                self.capped(step.diff.iter().flat_map(|diff| diff.lines()));
            }
        }
    }

    /// The beginning of a long text, and how much more there is.
    fn capped<'t>(&mut self, text: impl Iterator<Item = &'t str>) {
        let most = if self.verbose { LINES_SHOWN_VERBOSE } else { LINES_SHOWN };
        let mut more = 0_usize;
        for (at, line) in text.enumerate() {
            if at < most {
                self.lines.verbatim(line);
            } else {
                more += 1;
            }
        }
        if more > 0 {
            self.lines.verbatim(&say::lines_more(self.language, more));
        }
    }

    fn journal(&mut self, whole: &Whole) {
        self.lines.heading(&say::heading_journal(self.language));
        // Each event is told with the run as it was just after it.
        let mut run = Run::new(whole.standing.run.header.clone());
        for (row, event) in &whole.events {
            if run.apply(event, row.at).is_err() {
                break;
            }
            let when = moment::exact(row.at, &self.records.zone);
            for words in journal::words(&run, event, &self.records.zone, self.language) {
                for (at, line) in words.lines().enumerate() {
                    let when = if at == 0 { when.as_str() } else { "" };
                    self.lines.named(when, MOMENT_COLUMNS, line.trim());
                }
            }
        }
    }

    fn decisions(&mut self, decisions: &[Decided]) {
        if decisions.is_empty() {
            return;
        }
        let language = self.language;
        self.lines.heading(&say::heading_decisions(language));
        for decided in decisions {
            let new = &decided.row.new;
            let word = match new.decision.as_str() {
                "approve" => say::word_approved(language),
                _ => say::word_rejected(language),
            };
            let name = escape::capped(&history::full_name(&decided.people, new.person.as_str()), 60);
            let roles = roles::titles(&new.roles, language);
            let reason = match new.reason.trim() {
                "" => String::new(),
                reason => format!(": “{}”", escape::capped(reason, 400)),
            };
            let when = moment::exact(decided.row.at, &self.records.zone);
            let text = format!("{name} ({roles}) {word}{reason}");
            self.lines.named(&when, MOMENT_COLUMNS, &text);
            let account = escape::capped(new.account.as_deref().unwrap_or("-"), 60);
            let how = match decided.verified(self.records.login.is_some()) {
                Ok(approval::Verified { key: Some(key), .. }) => say::key_signed(language, key),
                Ok(_) => say::key_unsigned(language, account),
                Err(refusal) => say::does_not_count(language, refusal.message(language)),
            };
            self.lines.named("", MOMENT_COLUMNS, &how);
        }
    }

    fn checks(&mut self, run: &Run) {
        if run.findings.is_empty() {
            return;
        }
        self.lines.heading(&say::heading_checks(self.language));
        for finding in &run.findings {
            self.lines.item(&escape::capped(&journal::finding_words(finding, self.language), 800));
        }
    }

    /// What commands printed, as the depot keeps it: it was redacted before it was kept.
    fn outputs(&mut self, whole: &Whole) {
        let outputs: Vec<_> = whole.events.iter().filter_map(|(_, event)| output(event)).collect();
        let Some((root, project)) = self.records.project.as_ref().filter(|_| !outputs.is_empty()) else {
            return;
        };
        self.lines.heading(&say::heading_outputs(self.language));
        let depot = Depot::open(&root.join(&project.depot)).map_err(|error| error.to_string());
        for (place, digest) in outputs {
            self.lines.item(&escape::capped(&place, 200));
            let read = depot
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|depot| depot.read(&digest, OUTPUT_BYTES_MAX).map_err(|error| error.to_string()));
            match read {
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    self.capped(text.lines());
                }
                Err(why) => self.lines.sub_item(&say::output_unreadable(self.language, why)),
            }
        }
    }
}

/// Where a kept output came from, and its digest.
fn output(event: &Event) -> Option<(String, Digest)> {
    let Event::StepEnded { server, step, end, .. } = event else { return None };
    match end {
        StepEnd::Changed { output: Some(digest), .. } | StepEnd::Failed { output: Some(digest), .. } => {
            Some((format!("{server}: {step}"), *digest))
        }
        _ => None,
    }
}

fn document(records: &Records, whole: &Whole, exit: ExitCode) -> Json {
    let Whole { standing: Standing { row, run, .. }, plan, shown, events, decisions, .. } = whole;
    let events: Vec<_> = events
        .iter()
        .map(|(row, event)| json!({ "seq": row.seq, "at": row.at.to_string(), "hash": row.hash, "event": event }))
        .collect();
    let decisions: Vec<_> = decisions
        .iter()
        .map(|decided| {
            let verified = decided.verified(records.login.is_some());
            let new = &decided.row.new;
            json!({
                "ledger": decided.row.seq, "at": decided.row.at.to_string(), "gate": new.gate,
                "person": new.person, "roles": new.roles, "decision": new.decision, "reason": new.reason,
                "account": new.account, "signature": new.signature, "statement": new.statement,
                "counts": verified.is_ok(),
                "key": verified.as_ref().ok().and_then(|one| one.key.as_ref()),
                "refusal": verified.as_ref().err().map(ToString::to_string),
            })
        })
        .collect();
    json!({
        "kind": row.new.kind, "puts_back": run.puts_back(),
        "summary": summary::document(run, exit), "header": run.header,
        "opened_at": row.opened_at.to_string(), "ended_at": row.ended_at.map(|at| at.to_string()),
        "plan": plan, "shown": shown, "observed": run.observed, "journal": events,
        "decisions": decisions, "findings": run.findings,
    })
}
