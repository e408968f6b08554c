//! The only writer to standard output and standard error.

use super::{CliError, Format, Global, Lang};
use crate::{model::Language, report::escape};
use anstyle::{AnsiColor, Style};
use std::io::{IsTerminal as _, Write as _};

/// Longest line of an error, in characters: it may repeat what somebody typed.
const LINE_CHARS_MAX: usize = 1_000;

/// Where results and everything else go.
#[derive(Clone)]
pub struct Terminal {
    /// How results are written.
    pub format: Format,
    /// Whether standard error may have colours and moving lines.
    pub lively: bool,
    /// Whether commands' output is shown.
    pub verbose: bool,
    lang: Option<Lang>,
}

impl Terminal {
    /// Looks at the streams and the environment once.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let lively =
            std::io::stderr().is_terminal() && !global.plain && !set("NO_COLOR") && !set("CI") && !dumb;
        Self { format: global.format, lively, verbose: global.verbose, lang: global.lang }
    }

    /// One that only writes results, where the command line could not be read.
    #[must_use]
    pub fn of_format(format: Format) -> Self {
        Self { format, lively: false, verbose: false, lang: None }
    }

    /// Whether a person can be asked.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks the person at the keyboard for a password, unseen; nothing where nobody is there.
    #[must_use]
    pub fn password(question: &str) -> Option<secrecy::SecretString> {
        let answer = dialoguer::Password::new().with_prompt(question).interact().ok()?;
        Some(secrecy::SecretString::from(answer))
    }

    /// The language to speak: what was asked for, the person's, or the locale's.
    #[must_use]
    pub fn language(&self, person: Option<Language>, institution: Language) -> Language {
        match self.lang {
            Some(Lang::Es) => Language::Es,
            Some(Lang::En) => Language::En,
            None => person.or_else(locale).unwrap_or(institution),
        }
    }

    /// Writes a result to standard output. A closed pipe is the reader's choice, not an error.
    pub fn result(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// Whether a person reads results as they are written.
    #[must_use]
    pub fn result_is_read(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Writes bytes to standard output as they are; never to a terminal.
    pub fn bytes(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes);
        let _ = out.flush();
    }

    /// Writes a JSON result.
    pub fn json(&self, value: &serde_json::Value) {
        self.result(&serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// Writes a line to standard error.
    pub fn note(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Writes an error and its hints.
    pub fn error(&self, error: &CliError) {
        if self.format == Format::Json {
            self.json(&error.document());
        }
        if error.rendered {
            self.note(error.words.trim_end());
        } else {
            let words: Vec<_> =
                error.words.lines().map(|line| escape::capped(line, LINE_CHARS_MAX)).collect();
            self.note(&format!("{} {}", self.style("error:", AnsiColor::Red), words.join("\n")));
        }
        error.hints.iter().for_each(|hint| self.hint(hint));
    }

    /// Writes what to do next.
    pub fn hint(&self, hint: &str) {
        self.note(&format!(
            "{} {}",
            self.style("hint:", AnsiColor::Cyan),
            escape::capped(hint, LINE_CHARS_MAX)
        ));
    }

    /// Text in bold colour where colours are wanted.
    #[must_use]
    pub fn style(&self, text: &str, colour: AnsiColor) -> String {
        if !self.lively {
            return text.to_owned();
        }
        let style = Style::new().bold().fg_color(Some(colour.into()));
        format!("{style}{text}{style:#}")
    }
}

/// The language of the process's locale, if it is one of ours.
fn locale() -> Option<Language> {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let value = names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
    Language::parse(value.get(..2)?)
}
