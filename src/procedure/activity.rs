//! A procedure and its activities, as they were written.

use super::{ActivityKind, Form, Work, route};
use crate::model::{EnvironmentKind, Language, Role};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// An activity's id: the procedure's number, a dash, and what the file calls it: `3.2.5-13`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivityId(pub String);

impl ActivityId {
    /// The id of what a file of the procedure `number` calls `written`.
    #[must_use]
    pub fn of(number: &str, written: &str) -> Self {
        let own = written.starts_with(|first: char| first.is_ascii_digit())
            && !written.starts_with(&format!("{number}-"));
        Self(if own { format!("{number}-{written}") } else { written.to_owned() })
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id without the procedure's number.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.rsplit_once('-').map_or(self.0.as_str(), |(_, short)| short)
    }

    /// The number of the activity: 13 of `3.2.5-13b`.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        let digits: String = self.short().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }
}

impl fmt::Display for ActivityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text in both languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// In Spanish.
    pub es: String,
    /// In English.
    pub en: String,
}

impl Text {
    /// The text in one language.
    #[must_use]
    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::Es => &self.es,
            Language::En => &self.en,
        }
    }
}

/// A graph of activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Procedure {
    /// Path of its file.
    pub path: String,
    /// The document's code, `TI-P01`.
    pub code: Option<String>,
    /// The document's version.
    pub version: Option<String>,
    /// The procedure's number in the document, `3.2.5`.
    pub number: String,
    /// What it is called.
    pub title: Text,
    /// The roles that its activities name.
    pub roles: BTreeMap<Role, Text>,
    /// The processes of the institution that it opens.
    pub processes: BTreeMap<String, Text>,
    /// Roles that may grant exceptions; empty means that there are none.
    pub exceptions: Vec<Role>,
    /// The activities in the order of the file.
    pub activities: Vec<Activity>,
}

impl Procedure {
    /// The activity called `id`.
    #[must_use]
    pub fn activity(&self, id: &ActivityId) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.id == *id)
    }

    /// Where it begins.
    #[must_use]
    pub fn start(&self) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.kind == ActivityKind::Start)
    }

    /// The activities that are stages of one run, in the order in which the way from the start comes by.
    pub fn stages<'a>(&'a self, run: &str) -> impl Iterator<Item = &'a Activity> {
        let run = run.to_owned();
        self.along_the_way().into_iter().filter(move |activity| activity.run.as_deref() == Some(run.as_str()))
    }

    /// All activities that can be reached, each once: from each first the way on, then its other ways.
    fn along_the_way(&self) -> Vec<&Activity> {
        let mut way: Vec<&Activity> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Activity> = self.start().into_iter().collect();
        while let Some(activity) = open.pop() {
            if !seen.insert(&activity.id) {
                continue;
            }
            way.push(activity);
            let ways = route::ways(activity).into_iter().map(|(_, target)| &target.to);
            let mut next: Vec<_> = ways.filter_map(|id| self.activity(id)).collect();
            next.reverse();
            open.extend(next);
        }
        way
    }

    /// The gate that the run waits at: only it opens the run.
    #[must_use]
    pub fn gate_of(&self, run: &str) -> Option<&Activity> {
        self.stages(run).find(|activity| activity.kind == ActivityKind::Gate)
    }

    /// The phases that a run goes through, in the order of its stages.
    #[must_use]
    pub fn phases(&self, run: &str) -> Vec<String> {
        let mut phases: Vec<String> = Vec::new();
        for phase in self.stages(run).flat_map(|activity| &activity.phases) {
            if !phases.contains(phase) {
                phases.push(phase.clone());
            }
        }
        phases
    }

    /// Whether services are started and checks are asked after a stage: always, unless only the program
    /// itself stands between it and the next one.
    #[must_use]
    pub fn settles(&self, stage: &Activity) -> bool {
        let mut at = stage;
        // No way is longer than all activities.
        for _ in 0..=self.activities.len() {
            let next = at.targets.next.as_ref().or(at.targets.on_yes.as_ref());
            let Some(next) = next.and_then(|target| self.activity(&target.to)) else { return true };
            let only_looks = matches!(next.kind, ActivityKind::Monitor | ActivityKind::Notify);
            match next.kind {
                ActivityKind::Remote if next.run == stage.run => return false,
                _ if only_looks || next.kind == ActivityKind::Record => at = next,
                _ => return true,
            }
        }
        true
    }

    /// Whether a run of it must say which system it is about.
    #[must_use]
    pub fn needs_system(&self) -> bool {
        let named = |activity: &Activity| activity.playbook.as_ref().is_some_and(|name| name.contains("{{"));
        self.activities.iter().any(|activity| named(activity) || activity.work() == Work::Check)
    }
}

/// One activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Its id.
    pub id: ActivityId,
    /// What it is.
    pub kind: ActivityKind,
    /// What is done.
    pub text: Text,
    /// Who is responsible: any one of them.
    pub roles: Vec<Role>,
    /// Roles of which each must sign, by different persons; empty means that one answer is enough.
    pub signers: Vec<Role>,
    /// Whether whoever answers must sign with their key.
    #[serde(default)]
    pub signed: bool,
    /// Roles of which one must start the run; empty means that it starts by itself.
    pub started_by: Vec<Role>,
    /// What follows.
    pub targets: Targets,
    /// Activities that must have ended well before this can be answered with yes.
    pub of: Vec<ActivityId>,
    /// How often it may lead back.
    pub attempts: Option<Attempts>,
    /// Activities of the document that this one stands for too.
    pub covers: Vec<ActivityId>,
    /// What evidence is wanted.
    pub evidence: Option<Text>,
    /// Fewest files of evidence.
    pub files: usize,
    /// Fields of a request.
    pub fields: Vec<FieldSpec>,
    /// The process of the institution that is opened.
    pub process: Option<String>,
    /// What must come back from it.
    pub returns: Option<Text>,
    /// The run of which it is a stage: activities with the same word share one.
    pub run: Option<String>,
    /// The runs that end well when this is answered with yes.
    pub accepts: Vec<String>,
    /// The activity whose run took the backup that is put back.
    pub from: Option<ActivityId>,
    /// The playbook that runs: `{{ system }}/update`.
    pub playbook: Option<String>,
    /// Phases of that playbook; empty means all of it.
    pub phases: Vec<String>,
    /// Where.
    pub environment: Option<EnvironmentKind>,
    /// Groups of checks; empty means all.
    pub checks: Vec<String>,
    /// A verified backup that is younger will do, in seconds.
    pub max_age_seconds: Option<u64>,
    /// When it should be done, in seconds from its opening.
    pub deadline_seconds: Option<u64>,
    /// How often those who must act are reminded, in seconds.
    pub remind_seconds: Option<u64>,
    /// What must be searched before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// The documents that it makes; none stands for the general one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Form>,
    /// How the procedure ended, at an end.
    pub outcome: Option<String>,
    /// Where the next run begins, at an end of something that goes on.
    pub again: Option<Target>,
    /// Path of the file that it is written in.
    pub file: String,
    /// Its line there, from 1.
    pub line: usize,
}

impl Activity {
    /// `path:line` of the activity.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Who or what does it: the gate of a run is answered there.
    #[must_use]
    pub fn work(&self) -> Work {
        match self.kind {
            ActivityKind::Gate if self.run.is_some() => Work::Run,
            kind => kind.work(),
        }
    }

    /// Whether it ended the run of which it is a stage by undoing it.
    #[must_use]
    pub fn undoes(&self) -> bool {
        self.kind == ActivityKind::Recovery && self.run.is_some()
    }

    /// Whether its documents are made before people are asked, who then answer for them.
    #[must_use]
    pub fn makes_documents_first(&self) -> bool {
        self.work() == Work::Person && !self.documents.is_empty()
    }

    /// Everyone who may answer here.
    #[must_use]
    pub fn answering(&self) -> &[Role] {
        if self.signers.is_empty() { &self.roles } else { &self.signers }
    }
}

/// The field of an answer that names what a search found.
pub const SEARCH: &str = "search";

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// The data sheets of the project.
    Catalogue,
}

impl Search {
    /// Every word, in the order of the documentation.
    pub const WORDS: &'static [&'static str] = &["catalogue"];

    /// Returns what `text` names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text == "catalogue").then_some(Self::Catalogue)
    }
}

/// What an activity leads to, and where that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The activity that follows.
    pub to: ActivityId,
    /// The line that says so, in the activity's file.
    pub line: usize,
}

/// What follows an activity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// When it is done.
    pub next: Option<Target>,
    /// When the answer is yes.
    pub on_yes: Option<Target>,
    /// When the answer is no, the checks are bad or the run failed.
    pub on_no: Option<Target>,
    /// By the word that is answered.
    pub branches: BTreeMap<String, Target>,
}

/// How often an activity may lead back, and what opens then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// How often: the noes of an activity that can answer no, otherwise its openings.
    pub limit: u32,
    /// What opens in place of one more.
    pub then: Target,
}

/// What a field of a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A whole number.
    Number,
    /// A day: `2026-11-23`.
    Date,
    /// A system of the catalogue.
    System,
    /// A version.
    Version,
    /// An address.
    Url,
    /// An SPDX identifier.
    Licence,
    /// The SHA-256 of a package that was taken in.
    Package,
    /// The name of a secret, never its value.
    Secret,
    /// The id of a run in which a gate was approved.
    Approval,
    /// One of the choices.
    Choice,
}

impl FieldKind {
    /// Every word, in the order of the documentation.
    pub const WORDS: &'static [&'static str] = &[
        "text", "number", "date", "system", "version", "url", "licence", "package", "secret", "approval",
        "choice",
    ];

    /// Returns the kind that `text` names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "text" => Self::Text,
            "number" => Self::Number,
            "date" => Self::Date,
            "system" => Self::System,
            "version" => Self::Version,
            "url" => Self::Url,
            "licence" => Self::Licence,
            "package" => Self::Package,
            "secret" => Self::Secret,
            "approval" => Self::Approval,
            "choice" => Self::Choice,
            _ => return None,
        })
    }

    /// Whether `value` can be one.
    #[must_use]
    pub fn fits(self, value: &str) -> bool {
        let name = || crate::model::name::check(value).is_ok();
        match self {
            Self::Text | Self::Version | Self::Choice => !value.trim().is_empty(),
            Self::Number => value.parse::<i64>().is_ok(),
            Self::Date => value.parse::<jiff::civil::Date>().is_ok(),
            Self::System | Self::Secret => name(),
            Self::Url => value.starts_with("https://") || value.starts_with("http://"),
            Self::Licence => {
                let good = |letter: char| letter.is_ascii_alphanumeric() || "+.- ()".contains(letter);
                !value.is_empty() && value.chars().all(good)
            }
            // Recorded in full, in the one spelling that the store has.
            Self::Approval => uuid::Uuid::parse_str(value).is_ok_and(|id| id.to_string() == value),
            Self::Package => crate::model::Digest::parse(value).is_some(),
        }
    }
}

/// A field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// What people are asked.
    pub text: Text,
    /// Whether it may be left out.
    pub optional: bool,
    /// The only values allowed, of a choice.
    pub choices: Vec<String>,
}
