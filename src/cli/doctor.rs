//! `esclusa doctor`: everything that an environment needs, here and on its servers, before it is needed.
//!
//! Each finding is good, bad, or unknown, with what to do. Nothing is changed
//! but that the transport makes its own folder on a server that has none.

mod agent;
mod here;
mod needs;
mod there;

use super::{CliError, Format, Global, Terminal, project};
use crate::{
    model::{EnvironmentName, ExitCode, Language},
    report::{
        language::{doctor as say, journal},
        table::Table,
    },
};
use clap::Args;
use serde_json::json;

/// Arguments of `esclusa doctor`.
#[derive(Args)]
pub struct DoctorArgs {
    /// The environment
    #[arg(long, value_name = "ENVIRONMENT")]
    env: String,
}

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    Unknown,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }
}

/// One line of the answer.
struct Finding {
    /// `here`, or the server.
    place: String,
    /// What was looked at.
    what: &'static str,
    verdict: Verdict,
    /// What was seen.
    words: String,
    /// What to do.
    advice: Option<String>,
}

impl Finding {
    fn new(place: &str, what: &'static str, verdict: Verdict, words: impl Into<String>) -> Self {
        Self { place: place.to_owned(), what, verdict, words: words.into(), advice: None }
    }

    fn good(place: &str, what: &'static str, words: impl Into<String>) -> Self {
        Self::new(place, what, Verdict::Good, words)
    }

    fn bad(place: &str, what: &'static str, words: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(place, what, Verdict::Bad, words).advice(advice)
    }

    /// Where it was looked, for people.
    fn place_words(&self, language: Language) -> String {
        if self.place == "here" { say::here(language) } else { self.place.clone() }
    }

    /// What was looked at, for people.
    fn what_words(&self, language: Language) -> String {
        say::what(self.what, language)
    }

    fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Performs `esclusa doctor`.
pub async fn doctor(global: &Global, terminal: &Terminal, args: DoctorArgs) -> Result<ExitCode, CliError> {
    let read = project::read(global)?;
    let name = EnvironmentName::parse(&args.env).map_err(|error| CliError::input(error.to_string()))?;
    let environment = read.inventory.environment(&name).ok_or_else(|| {
        let known: Vec<_> = read.inventory.environments.iter().map(|one| one.name.to_string()).collect();
        CliError::input(format!("there is no environment `{name}`"))
            .hint(format!("the inventory has {}", known.join(", ")))
    })?;
    let needs = needs::needs(&read, environment);
    let (mut findings, own) = here::look(&read, environment).await;
    findings.extend(needs.findings.iter().map(|(file, words)| {
        Finding::bad("here", "playbooks", format!("{file}: {words}"), "see `esclusa validate`")
    }));
    let speaks = read.people.by_account(&project::account()).and_then(|person| person.language);
    let (there, unreachable) = there::look(&read, environment, &needs, own.as_ref()).await;
    findings.extend(there);
    let bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    let code = match (unreachable, bad) {
        (true, _) => ExitCode::Unreachable,
        (false, true) => ExitCode::Failed,
        (false, false) => ExitCode::Done,
    };
    match terminal.format {
        Format::Json => terminal.json(&document(&name, &findings, code)),
        _ => terminal.result(&text(&findings, terminal.language(speaks, read.project.language))),
    }
    Ok(code)
}

fn document(environment: &EnvironmentName, findings: &[Finding], code: ExitCode) -> serde_json::Value {
    let list: Vec<_> = findings
        .iter()
        .map(|one| {
            json!({
                "place": one.place, "what": one.what, "verdict": one.verdict.word(),
                "words": one.words, "advice": one.advice,
            })
        })
        .collect();
    json!({"exit": code.number(), "meaning": code.meaning(), "environment": environment, "findings": list})
}

fn text(findings: &[Finding], language: Language) -> String {
    let headers = [
        say::place_header(language),
        say::what_header(language),
        say::verdict_header(language),
        say::seen_header(language),
    ];
    let mut table = Table::new(&headers.each_ref().map(String::as_str));
    for one in findings {
        let words = one.words.lines().collect::<Vec<_>>().join("; ");
        let verdict = match one.verdict {
            Verdict::Good => journal::verdict_good(language),
            Verdict::Bad => journal::verdict_bad(language),
            Verdict::Unknown => journal::verdict_unknown(language),
        };
        table = table.row(vec![one.place_words(language), one.what_words(language), verdict, words]);
    }
    let mut text = table.render(80);
    let todo: Vec<_> = findings.iter().filter(|one| one.verdict != Verdict::Good).collect();
    let mut advised: Vec<_> = todo.iter().filter_map(|one| Some((one, one.advice.as_ref()?))).collect();
    advised.dedup_by(|(a, next), (b, advice)| (&a.place, a.what, next) == (&b.place, b.what, advice));
    if !advised.is_empty() {
        text.push_str(&format!("\n{}\n", say::to_do(language)));
        for (one, advice) in advised {
            let line = crate::report::escape::visible(&format!(
                "{}, {}: {advice}",
                one.place_words(language),
                one.what_words(language)
            ));
            for (at, part) in crate::report::escape::wrap(&line, 76).iter().enumerate() {
                text.push_str(&format!("{}{}\n", if at == 0 { "  " } else { "    " }, part.trim_end()));
            }
        }
    }
    let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
    let [good, bad, unknown] = [Verdict::Good, Verdict::Bad, Verdict::Unknown].map(count);
    text.push_str(&format!("\n{}\n", say::counts(language, good, bad, unknown)));
    text
}
