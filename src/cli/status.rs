//! `esclusa status`: what runs, what waits, for whom, and the next command.

use super::{
    CliError, Format, Global, Terminal, procedural,
    records::{Door, Records},
    summary,
};
use crate::{
    approval::{self, Refusal, Verdict},
    executor::{ExecutorError, sheet::Asked},
    model::{ExitCode, Language, People, PersonName, PlaybookKind, Timestamp},
    report::{
        endings, escape, journal,
        language::{self as words, records as say},
        lines::Lines,
        moment, roles,
    },
    run::{Phase, Run},
    store::{ClaimRow, RunFilter, RunRow, Store},
};
use clap::Args;
use serde_json::{Value as Json, json};

/// Arguments of `esclusa status`.
#[derive(Args)]
pub struct StatusArgs {
    #[command(flatten)]
    door: Door,
}

/// An open run and what it needs.
pub struct Standing {
    /// Its row.
    pub row: RunRow,
    /// The run, replayed.
    pub run: Run,
    asked: Option<Asked>,
    /// Whether a process drives it now.
    driven: bool,
}

/// Performs `esclusa status`.
pub async fn status(global: &Global, terminal: &Terminal, args: StatusArgs) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let language = records.language(terminal, None);
    let now = records.store.now().await?;
    let filter = RunFilter { ended: Some(false), limit: Some(u32::MAX), ..RunFilter::default() };
    let mut open = Vec::new();
    let mut procedures = Vec::new();
    for row in records.store.runs(&filter).await? {
        if procedural::is_one(&row) {
            procedures.push(procedural::Standing::load(&records.store, &row.new.id).await?);
            continue;
        }
        open.push(standing(&records.store, records.people.as_ref(), row, now).await?);
    }
    let claims = records.store.claims().await?;
    if terminal.format == Format::Json {
        let runs: Vec<_> = open.iter().map(document).collect();
        let procedures: Vec<_> = procedures.iter().map(procedural::Standing::document).collect();
        let claims: Vec<_> = claims.iter().map(claim_document).collect();
        terminal.json(&json!({ "runs": runs, "procedures": procedures, "claims": claims }));
        return Ok(ExitCode::Done);
    }
    if open.is_empty() && procedures.is_empty() {
        terminal.result(&say::nothing_open(language));
        return Ok(ExitCode::Done);
    }
    let mut lines = Lines::default();
    for standing in &open {
        describe(standing, &records.zone, language, &mut lines);
    }
    for standing in &procedures {
        standing.describe(&records.zone, language, &mut lines);
    }
    if !claims.is_empty() {
        lines.heading(&say::claims_heading(language));
    }
    for ClaimRow { environment, server, run, since } in &claims {
        lines.item(&say::claim(language, server, environment, run, moment::short(*since, &records.zone)));
    }
    terminal.result(lines.text().trim_start_matches('\n'));
    Ok(ExitCode::Done)
}

/// How a run stands at `now`; `people` is the people file as it is, where there is a project.
pub async fn standing(
    store: &Store,
    people: Option<&People>,
    row: RunRow,
    now: Timestamp,
) -> Result<Standing, ExecutorError> {
    let run = crate::executor::load(store, &row.new.id).await?;
    let asked = match run.gate.as_ref().filter(|_| run.phase() == Phase::Waiting) {
        Some(gate) => Some(Asked::load(store, &gate.id).await?),
        None => None,
    };
    let asked = asked.map(|mut asked| {
        // The run is judged by the people file as it is: where that has changed, nobody can decide.
        let changed = |people| approval::people_digest(people) != asked.gate.people;
        if people.is_some_and(changed) {
            asked.verdict = Verdict::Void(Refusal::PeopleChanged);
        }
        asked
    });
    let driven = row.owner.is_some() && row.lease_until.is_some_and(|until| until > now);
    Ok(Standing { row, run, asked, driven })
}

impl Standing {
    /// The people file of its gate.
    pub fn people(&self) -> Option<&People> {
        self.asked.as_ref().map(|asked| &asked.people)
    }

    /// How it stands, in words: also what was decided and not yet acted upon.
    pub fn state(&self, language: Language) -> String {
        match self.asked.as_ref().map(|asked| &asked.verdict) {
            Some(Verdict::Approved(_)) => say::decided_enough(language),
            Some(Verdict::Rejected { .. }) => words::state_rejected(language),
            Some(Verdict::Expired) => words::state_expired(language),
            Some(Verdict::Void(_)) => say::people_changed(language),
            Some(Verdict::Open { missing, .. }) => {
                words::state_waiting_approval(language, roles::titles(missing, language))
            }
            None => journal::state(&self.run, language),
        }
    }

    /// The command that leads on; none when the run has ended.
    pub fn next(&self) -> Option<String> {
        if self.run.ended.is_some() {
            return None;
        }
        let id = &self.run.header.id;
        let code = match (&self.asked, self.run.phase()) {
            (Some(asked), _) if matches!(asked.verdict, Verdict::Open { .. }) => {
                return Some(format!("esclusa approve {id}"));
            }
            (None, _) if self.driven => return Some(format!("esclusa wait {id}")),
            (_, Phase::Stuck) => ExitCode::Stuck,
            (_, Phase::WaitingWindow) => ExitCode::WindowClosed,
            _ => ExitCode::Interrupted,
        };
        summary::next(&self.run, code)
    }

    /// What the decisions at its gate amount to, while it waits there.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.asked.as_ref().map(|asked| &asked.verdict)
    }

    /// Whether a process drives it now.
    pub fn is_driven(&self) -> bool {
        self.driven
    }

    /// Who can decide, and until when, as people read it; nothing where nobody is waited for.
    pub fn deciders(&self, zone: &str, language: Language) -> Option<(String, String)> {
        let asked = self.asked.as_ref().filter(|asked| matches!(asked.verdict, Verdict::Open { .. }))?;
        let names: Vec<_> = self.who().into_iter().map(|(_, full)| escape::capped(&full, 60)).collect();
        let names = if names.is_empty() { say::nobody_can(language) } else { names.join(", ") };
        Some((names, moment::words(asked.gate.decide_by, zone, language)))
    }

    /// What must happen for it to go on, with the command, in a line.
    pub fn needs(&self, zone: &str, language: Language) -> String {
        let resume = format!("esclusa resume {}", self.run.leader());
        let state = self.state(language);
        match self.verdict() {
            Some(Verdict::Open { .. }) => {
                let (names, until) = self.deciders(zone, language).unwrap_or_default();
                say::needs_decision(
                    language,
                    state,
                    names,
                    until,
                    format!("esclusa approve {}", self.run.header.id),
                )
            }
            _ if self.driven => say::needs_nothing(language, state),
            Some(Verdict::Rejected { .. } | Verdict::Expired) => say::needs_closing(language, state, resume),
            _ => say::needs_driver(language, state, resume),
        }
    }

    /// Who can decide: names as people write them.
    fn who(&self) -> Vec<(PersonName, String)> {
        let Some(asked) = &self.asked else { return Vec::new() };
        let Verdict::Open { who, .. } = &asked.verdict else { return Vec::new() };
        let full = |name: &PersonName| {
            asked.people.0.get(name).map_or_else(|| name.to_string(), |person| person.full_name.clone())
        };
        who.iter().map(|name| (name.clone(), full(name))).collect()
    }
}

/// The run's name for people: system, version, environment.
pub fn what(run: &Run, language: Language) -> String {
    let header = &run.header;
    let version =
        header.version.as_deref().map(|text| format!(" {}", escape::capped(text, 40))).unwrap_or_default();
    say::system_in(language, format!("{}{version}", header.system), &header.environment)
}

/// The run as a heading: what is done, to what, where.
pub fn title(run: &Run, kind: &str, language: Language) -> String {
    let kind = match PlaybookKind::parse(kind) {
        Some(kind) => words::playbook_kind(kind, language),
        None => kind,
    };
    say::titled(language, kind, what(run, language))
}

fn describe(standing: &Standing, zone: &str, language: Language, lines: &mut Lines) {
    let Standing { run, row, driven, .. } = standing;
    lines.heading(&title(run, &row.new.kind, language));
    lines.pair(&say::run_label(language), &run.header.id.to_string());
    if let Some(backup) = run.puts_back() {
        lines.pair(&say::puts_back_label(language), &escape::capped(backup, 60));
    }
    lines.pair(&say::state_label(language), &standing.state(language));
    if let Some(why) = endings::of(run, language) {
        lines.pair_text(&say::failure_label(language), &why, 400);
    }
    if let Some((names, until)) = standing.deciders(zone, language) {
        lines.pair(&say::who_label(language), &names);
        lines.pair(&say::until_label(language), &until);
    }
    if let Some(owner) = row.owner.as_ref().filter(|_| *driven) {
        lines.pair(&say::driver_label(language), &escape::capped(owner, 100));
    }
    if let Some(next) = standing.next() {
        // What was decided against is over; only the record does not say so yet.
        let over = matches!(standing.verdict(), Some(Verdict::Rejected { .. } | Verdict::Expired));
        let next = if over { say::next_closes(language, next) } else { next };
        lines.pair(&say::next_label(language), &next);
    }
}

fn document(standing: &Standing) -> Json {
    let Standing { row, run, asked, driven } = standing;
    let header = &run.header;
    let missing = match asked.as_ref().map(|asked| &asked.verdict) {
        Some(Verdict::Open { missing, .. }) => missing.clone(),
        _ => Vec::new(),
    };
    let who: Vec<_> =
        standing.who().into_iter().map(|(name, full)| json!({"person": name, "full_name": full})).collect();
    json!({
        "run": header.id, "system": header.system, "environment": header.environment,
        "playbook": header.playbook, "kind": row.new.kind, "puts_back": run.puts_back(), "version": header.version,
        "state": run.label(), "decided": decided(standing), "stuck": run.stuck, "opened_at": row.opened_at.to_string(),
        "waits_for": missing, "who": who,
        "decide_by": asked.as_ref().map(|asked| asked.gate.decide_by.to_string()),
        "driven_by": row.owner.as_ref().filter(|_| *driven), "next": standing.next(),
    })
}

/// The word for what was decided at the gate and not yet acted upon.
fn decided(standing: &Standing) -> Option<&'static str> {
    Some(match standing.verdict()? {
        Verdict::Open { .. } => return None,
        Verdict::Approved(_) => "approved",
        Verdict::Rejected { .. } => "rejected",
        Verdict::Expired => "expired",
        Verdict::Void(_) => "void",
    })
}

fn claim_document(row: &ClaimRow) -> Json {
    json!({
        "environment": row.environment, "server": row.server, "run": row.run, "since": row.since.to_string(),
    })
}
