//! What people see while a run goes on: plain lines, one per event, or, on a terminal, one moving
//! line per server below them.

use super::Terminal;
use crate::{
    executor::{Site, Watch},
    model::{Language, ServerName, Timestamp},
    report::{escape, journal},
    run::{Event, Run},
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Time between two turns of a moving line.
const TICK: Duration = Duration::from_millis(120);

/// What watches a run of this project on this terminal.
#[must_use]
pub fn watch(terminal: &Terminal, site: &Site) -> Arc<dyn Watch> {
    let teller = Teller { zone: site.project.zone.clone(), language: site_language(terminal, site) };
    if terminal.lively {
        Arc::new(MovingLines {
            terminal: terminal.clone(),
            teller,
            lines: MultiProgress::new(),
            bars: Mutex::default(),
        })
    } else {
        Arc::new(PlainLines { terminal: terminal.clone(), teller })
    }
}

/// The language of what a verb that works on a project tells whoever called it.
#[must_use]
pub fn site_language(terminal: &Terminal, site: &Site) -> Language {
    terminal.language(site.caller.person.as_ref().and_then(|person| person.language), Language::En)
}

/// The language of what the institution's people read of a procedure: whoever called, else the institution's.
#[must_use]
pub fn institution_language(terminal: &Terminal, site: &Site) -> Language {
    terminal.language(site.caller.person.as_ref().and_then(|person| person.language), site.project.language)
}

/// Tells events as the institution's people read them.
struct Teller {
    zone: String,
    language: Language,
}

impl Teller {
    fn lines(&self, run: &Run, event: &Event, at: Timestamp) -> Vec<String> {
        journal::lines(run, event, at, &self.zone, self.language)
    }
}

/// Writes one line for each event to standard error.
struct PlainLines {
    terminal: Terminal,
    teller: Teller,
}

impl Watch for PlainLines {
    fn event(&self, run: &Run, event: &Event, at: Timestamp) {
        for line in self.teller.lines(run, event, at) {
            self.terminal.note(&line);
        }
    }

    fn note(&self, words: &str) {
        self.terminal.note(&format!("  {}", escape::visible(words)));
    }

    fn output(&self, server: &str, step: &str, text: &str) {
        if self.terminal.verbose {
            for line in text.lines() {
                self.terminal.note(&output_line(server, step, line));
            }
        }
    }
}

/// The same lines, and below them what each server is at.
struct MovingLines {
    terminal: Terminal,
    teller: Teller,
    lines: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl MovingLines {
    fn say(&self, line: &str) {
        // A terminal that is gone cannot be told so.
        let _ = self.lines.println(line);
    }

    fn at(&self, name: &str, words: String) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(name.to_owned()).or_insert_with(|| {
            let bar = self.lines.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix:<16} {wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.reset_elapsed();
        bar.set_message(words);
    }

    fn done(&self, name: &str) {
        if let Some(bar) = self.bars.lock().unwrap_or_else(PoisonError::into_inner).remove(name) {
            bar.finish_and_clear();
        }
    }

    fn all_done(&self) {
        let bars = std::mem::take(&mut *self.bars.lock().unwrap_or_else(PoisonError::into_inner));
        for bar in bars.into_values() {
            bar.finish_and_clear();
        }
    }

    fn steps_left(run: &Run, server: &ServerName) -> String {
        let done = run.steps.iter().filter(|((on, _), state)| on == server && state.is_settled()).count();
        format!("{done} done")
    }
}

impl Watch for MovingLines {
    fn event(&self, run: &Run, event: &Event, at: Timestamp) {
        for line in self.teller.lines(run, event, at) {
            self.say(&line);
        }
        match event {
            Event::StepStarted { server, step, .. } => {
                self.at(server.as_str(), format!("{step} ({})", Self::steps_left(run, server)));
            }
            Event::StepEnded { server, .. } | Event::StepsUnchanged { server, .. } => {
                self.done(server.as_str())
            }
            Event::BackupStarted { .. } => self.at("backup", "copying".to_owned()),
            Event::BackupItemCopied { item, .. } => self.at("backup", format!("{item} copied")),
            Event::BackupVerified { .. } | Event::BackupAdmitted { .. } | Event::BackupFailed { .. } => {
                self.done("backup")
            }
            Event::QuiesceStarted => self.at("services", "stopping".to_owned()),
            Event::ServicesStarting => self.at("services", "starting".to_owned()),
            Event::Quiesced | Event::ServicesStarted | Event::ServicesFailed { .. } => self.done("services"),
            Event::SafetyCopyStarted { .. } => self.at("restore", "copying what is there".to_owned()),
            Event::ItemRestoreStarted { item } => self.at("restore", format!("putting back {item}")),
            Event::RestoreCompleted | Event::RestoreFailed { .. } => self.done("restore"),
            Event::Ended { .. }
            | Event::GateOpened { .. }
            | Event::BecameStuck { .. }
            | Event::Interrupted => {
                self.all_done();
            }
            _ => {}
        }
    }

    fn note(&self, words: &str) {
        self.say(&format!("  {}", escape::visible(words)));
    }

    fn output(&self, server: &str, step: &str, text: &str) {
        if self.terminal.verbose {
            for line in text.lines() {
                self.say(&output_line(server, step, line));
            }
        }
    }
}

impl Drop for MovingLines {
    fn drop(&mut self) {
        self.all_done();
    }
}

fn output_line(server: &str, step: &str, line: &str) -> String {
    format!("  {server} {step} | {}", escape::visible(line))
}
