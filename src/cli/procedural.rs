//! Procedures' runs where all runs are shown: what they are, where they stand, what they wait for.

use super::{
    CliError, Format, Terminal,
    do_activity::wanted,
    junit,
    records::{Records, no_run},
};
use crate::{
    executor::{self, procedure::Stored},
    model::{ExitCode, Language, RunId, Timestamp},
    procedure::{Activity, ActivityKind, Effect, coverage, decide, state::Position},
    report::{
        deeds, escape,
        language::{self as words, documents, procedures as say, records as common},
        lines::Lines,
        moment, roles,
    },
    store::{RunFilter, RunRow, Store, StoreError},
};
use serde_json::{Value as Json, json};

/// Columns of a moment with its seconds.
const MOMENT_COLUMNS: usize = 19;
/// Columns of a moment without them.
const SHORT_MOMENT_COLUMNS: usize = 16;
/// Columns of an activity's id.
const ID_COLUMNS: usize = 12;

/// Whether a row is a procedure's run.
#[must_use]
pub fn is_one(row: &RunRow) -> bool {
    row.new.kind == executor::procedure::KIND
}

/// The procedure's run that a text names: an id, the start of one, or `latest`.
pub async fn find(store: &Store, text: &str) -> Result<RunRow, CliError> {
    Ok(named(store, text).await?)
}

/// The same; what names no run is refused in the reader's language.
pub async fn find_as(store: &Store, text: &str, language: Language) -> Result<RunRow, CliError> {
    named(store, text).await.map_err(|error| no_run(error, language))
}

async fn named(store: &Store, text: &str) -> Result<RunRow, StoreError> {
    if text == "latest" {
        let kind = Some(executor::procedure::KIND.to_owned());
        let newest = RunFilter { kind, limit: Some(1), ..RunFilter::default() };
        if let Some(row) = store.runs(&newest).await?.pop() {
            return Ok(row);
        }
    }
    store.find_run(text).await
}

/// A procedure's run with what it wants now.
pub struct Standing {
    /// As the store has it.
    pub stored: Stored,
    /// The state of the run that was opened for the open activity, while it has not ended.
    pub called_state: Option<String>,
    /// What it waits for; nothing once it has ended or while the program itself must go on.
    pub waits: Option<Effect>,
    /// When it was looked at.
    pub now: Timestamp,
}

impl Standing {
    /// Loads a run and asks what it wants.
    pub async fn load(store: &Store, id: &RunId) -> Result<Self, CliError> {
        let stored = executor::procedure::load(store, id).await?;
        let now = store.now().await?;
        let waits = decide(&stored.run, now).into_iter().find(|effect| effect.waits_for().is_some());
        let open =
            stored.run.current().and_then(|(_, open)| open.run.clone().filter(|_| open.exit.is_none()));
        let called_state = match open {
            Some(called) => Some(store.run(&called).await?.state),
            None => None,
        };
        Ok(Self { stored, called_state, waits, now })
    }

    /// What it is called: number, title, system.
    pub fn title(&self, language: Language) -> String {
        let run = &self.stored.run;
        let system = run.header.system.as_ref().map(|system| format!(" ({system})")).unwrap_or_default();
        escape::capped(&format!("{} {}{system}", run.procedure.number, run.procedure.title.of(language)), 200)
    }

    /// The open activity.
    pub fn activity(&self) -> Option<&Activity> {
        self.stored.run.current().map(|(activity, _)| activity)
    }

    /// Since when it is open.
    pub fn since(&self) -> Option<Timestamp> {
        self.stored.run.current().map(|(_, open)| open.since)
    }

    /// When the open activity should be done.
    pub fn due(&self) -> Option<Timestamp> {
        let (activity, open) = self.stored.run.current()?;
        let seconds = i64::try_from(activity.deadline_seconds?).ok()?;
        Some(open.since.plus_seconds(seconds))
    }

    /// Whether the deadline is over.
    pub fn overdue(&self) -> bool {
        self.due().is_some_and(|due| due <= self.now)
    }

    /// Roles that are waited for.
    pub fn roles(&self) -> Vec<String> {
        let roles = self.waits.as_ref().and_then(Effect::waits_for).unwrap_or_default();
        roles.iter().map(ToString::to_string).collect()
    }

    /// The same as people read them: any one of them is enough, or each is needed.
    pub fn role_titles(&self, language: Language) -> String {
        let roles = self.waits.as_ref().and_then(Effect::waits_for).unwrap_or_default();
        if roles.is_empty() {
            return String::new();
        }
        let asks = matches!(self.waits, Some(Effect::AskPerson { .. } | Effect::OpenGate { .. }));
        let each = asks && self.activity().is_some_and(|activity| !activity.signers.is_empty());
        let procedure = &self.stored.run.procedure;
        wanted::roles(roles.iter().map(|role| roles::title_in(procedure, role, language)), each, language)
    }

    /// The run that was opened for the open activity and has not ended.
    pub fn called(&self) -> Option<&RunId> {
        let (_, open) = self.stored.run.current()?;
        open.run.as_ref().filter(|_| open.exit.is_none())
    }

    /// Activities for which an exception is wanted.
    pub fn missing(&self) -> Vec<String> {
        match &self.waits {
            Some(Effect::AskExceptions { missing, .. }) => missing.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }

    /// The command that leads on.
    pub fn next(&self) -> Option<String> {
        let id = &self.stored.run.header.id;
        if let Some(first) = self.missing().first() {
            return Some(format!("esclusa do {id} --except {first}"));
        }
        match (&self.stored.run.position, &self.waits, self.called()) {
            (Position::Ended(_), ..) => None,
            (_, Some(_), _) => Some(format!("esclusa do {id}")),
            (.., Some(called)) if self.activity().is_some_and(|one| one.kind == ActivityKind::Gate) => {
                Some(format!("esclusa approve {called}; then esclusa resume {id}"))
            }
            (.., Some(called)) => Some(format!("esclusa show {called}")),
            _ => Some(format!("esclusa resume {id}")),
        }
    }

    /// The same for people: two commands are one after the other in their language.
    pub fn next_words(&self, language: Language) -> Option<String> {
        let next = self.next()?;
        Some(match next.split_once("; then ") {
            Some((first, second)) => common::then(language, first, second),
            None => next,
        })
    }

    /// How it stands, in words.
    pub fn state(&self, language: Language) -> String {
        match &self.stored.run.position {
            Position::Ended(outcome) => {
                let outcome = deeds::outcome(&self.stored.run.procedure, outcome, language);
                say::ended(language, escape::capped(&outcome, 60))
            }
            Position::Next(next) => say::waits_for(language, next, &self.stored.row.state),
            Position::At(open) => {
                let what = self.activity().map_or("", |activity| activity.text.of(language));
                say::waits_for(language, &open.activity, escape::capped(what, 300))
            }
        }
    }

    /// What must happen for it to go on, with the command, in a line.
    pub fn needs(&self, language: Language) -> String {
        let roles = self.role_titles(language);
        let state = match roles.is_empty() {
            true => self.state(language),
            false => format!("{} ({roles})", self.state(language)),
        };
        match self.next_words(language) {
            Some(command) => say::needs(language, state, command),
            None => state,
        }
    }

    /// Its lines on a page.
    pub fn describe(&self, zone: &str, language: Language, lines: &mut Lines) {
        lines.heading(&self.title(language));
        lines.pair(&common::run_label(language), self.stored.run.header.id.as_str());
        lines.pair(&common::state_label(language), &self.state(language));
        let roles = self.role_titles(language);
        if !roles.is_empty() {
            lines.pair(&say::for_label(language), &roles);
        }
        if let Some(Effect::AwaitExternal { reference, .. }) = &self.waits {
            lines.pair(&say::reference_label(language), &escape::capped(reference, 200));
        }
        if let Some(called) = self.called() {
            lines.pair(&say::for_label(language), &format!("{} {called}", common::run_label(language)));
        }
        let missing = self.missing();
        if !missing.is_empty() {
            lines.pair(&say::missing_label(language), &missing.join(", "));
        }
        if let Some(since) = self.since() {
            lines.pair(&say::since_label(language), &moment::words(since, zone, language));
        }
        if let Some(due) = self.due() {
            let due = moment::words(due, zone, language);
            let due = if self.overdue() { say::overdue(language, due) } else { due };
            lines.pair(&say::due_label(language), &due);
        }
        let made = self.stored.run.current().map(|(_, open)| open.documents.as_slice()).unwrap_or_default();
        for made in made {
            let name = documents::form(made.form, language);
            let words = format!("{name}: esclusa evidence {}", made.digest.short());
            lines.pair(&documents::document_label(language), &words);
        }
        if let Some(next) = self.next_words(language) {
            lines.pair(&common::next_label(language), &next);
        }
    }

    /// Its lines in a list of what has ended.
    pub fn describe_ended(&self, zone: &str, language: Language, lines: &mut Lines) {
        let Stored { row, run, .. } = &self.stored;
        let when = row.ended_at.map(|at| moment::short(at, zone)).unwrap_or_default();
        let exit = row.final_exit.unwrap_or_default();
        let line = common::ended_line(language, self.title(language), self.state(language), exit);
        lines.named(&when, SHORT_MOMENT_COLUMNS, &line);
        let asked = common::asked(language, escape::capped(run.header.requester.as_str(), 60));
        lines.named("", SHORT_MOMENT_COLUMNS, &asked);
        lines.named("", SHORT_MOMENT_COLUMNS, &format!("esclusa show {}", run.header.id));
    }

    /// The same for machines.
    pub fn document(&self) -> Json {
        let Stored { row, run, .. } = &self.stored;
        let outcome = match &run.position {
            Position::Ended(outcome) => Some(outcome),
            _ => None,
        };
        let activity = self.activity();
        json!({
            "run": run.header.id, "kind": row.new.kind, "procedure": run.header.procedure,
            "system": run.header.system, "requester": run.header.requester, "reason": run.header.reason,
            "state": row.state, "outcome": outcome, "exit": row.final_exit,
            "opened_at": row.opened_at.to_string(), "ended_at": row.ended_at.map(|at| at.to_string()),
            "activity": activity.map(|activity| &activity.id), "activity_kind": activity.map(|one| one.kind),
            "text": activity.map(|activity| &activity.text), "waits_for": self.roles(),
            "waits_for_run": self.called(), "missing": self.missing(), "since": self.since().map(|at| at.to_string()),
            "due": self.due().map(|at| at.to_string()), "overdue": self.overdue(), "next": self.next(),
            "documents": run.current().map(|(_, open)| open.documents.clone()).unwrap_or_default(),
        })
    }

    /// The same for pipelines: the run is one test case.
    fn junit(&self, language: Language) -> String {
        let header = &self.stored.run.header;
        let code = self.code();
        let failure = (code != ExitCode::Done).then(|| self.state(language));
        let system = header.system.as_ref().map_or("esclusa", |system| system.as_str());
        junit::outcome(system, &format!("{} / run", header.procedure), failure)
    }

    /// The code with which a verb that meets the run ends.
    pub fn code(&self) -> ExitCode {
        match (self.stored.row.final_exit, &self.waits) {
            (Some(exit), _) => executor::code(exit),
            (None, Some(_)) => ExitCode::Waiting,
            (None, None) if self.called_state.as_deref() == Some("stuck") => ExitCode::Stuck,
            (None, None) if self.called_state.as_deref() == Some("waiting_window") => ExitCode::WindowClosed,
            (None, None) if self.called().is_some() => ExitCode::Waiting,
            (None, None) => ExitCode::Interrupted,
        }
    }
}

/// Prints where a run stands.
pub async fn print(
    store: &Store,
    terminal: &Terminal,
    id: &RunId,
    language: Language,
) -> Result<ExitCode, CliError> {
    let standing = Standing::load(store, id).await?;
    match terminal.format {
        Format::Json => terminal.json(&standing.document()),
        Format::Junit => terminal.result(&standing.junit(language)),
        Format::Text => {
            let mut lines = Lines::default();
            lines.entry(&format!("{} {}", id, standing.state(language)));
            let roles = standing.role_titles(language);
            if !roles.is_empty() {
                lines.pair(&say::for_label(language), &roles);
            }
            if let Some(next) = standing.next_words(language) {
                lines.pair(&common::next_label(language), &next);
            }
            terminal.result(&lines.text());
        }
    }
    Ok(standing.code())
}

/// Shows one run: where it stands and its journal.
pub async fn show(records: &Records, terminal: &Terminal, id: &RunId) -> Result<ExitCode, CliError> {
    let language = records.language(terminal, None);
    let standing = Standing::load(&records.store, id).await?;
    let Stored { run, events, .. } = &standing.stored;
    if terminal.format == Format::Json {
        let rows = records.store.events(id).await?;
        let journal = rows.iter().zip(events).map(|(row, (event, at))| {
            json!({ "seq": row.seq, "at": at.to_string(), "hash": row.hash, "event": event })
        });
        let mut document = standing.document();
        document["journal"] = journal.collect();
        document["header"] = json!(run.header);
        terminal.json(&document);
        return Ok(ExitCode::Done);
    }
    if terminal.format == Format::Junit {
        terminal.result(&standing.junit(language));
        return Ok(ExitCode::Done);
    }
    let mut lines = Lines::default();
    standing.describe(&records.zone, language, &mut lines);
    if let Some(reason) = &run.header.reason {
        lines.pair(&words::reason_label(language), &escape::capped(reason, 400));
    }
    let made: Vec<_> = coverage(run).into_iter().filter(|one| !one.documents.is_empty()).collect();
    if !made.is_empty() {
        lines.heading(&documents::documents_heading(language));
    }
    for (activity, made) in made.iter().flat_map(|one| one.documents.iter().map(|made| (&one.activity, made)))
    {
        let name = documents::form(made.form, language);
        let words = format!("{name}: esclusa evidence {}", made.digest.short());
        lines.named(activity.as_str(), ID_COLUMNS, &words);
    }
    lines.heading(&common::heading_journal(language));
    for (event, at) in events {
        let when = moment::exact(*at, &records.zone);
        lines.named(
            &when,
            MOMENT_COLUMNS,
            &escape::capped(&deeds::words(event, &run.procedure, language), 800),
        );
    }
    terminal.result(lines.text().trim_start_matches('\n'));
    Ok(ExitCode::Done)
}

/// Whether people answer an activity with a reason that must not be empty.
#[must_use]
pub fn asks_reason(activity: &Activity) -> bool {
    matches!(activity.kind, ActivityKind::Decision | ActivityKind::Gate | ActivityKind::External)
}
