//! Where a run stands in its procedure: a sign for each activity that needs no colour.

use crate::{
    model::Language,
    procedure::{ActivityId, ProcedureRun, Standing, coverage, state::Position},
    report::language::documents as say,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// How an activity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The program did it.
    Done,
    /// Persons did it.
    Attested,
    /// It was left out.
    Excepted,
    /// A run or its checks failed, and the procedure's way for that was taken.
    Failed,
    /// It was passed by and is neither.
    Missing,
    /// A way that may still be taken comes by here.
    NotReached,
    /// The way does not come by here.
    NotTaken,
    /// It is open now.
    Open,
}

impl Mark {
    /// Every mark, in the order of the legend.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Done,
        Self::Attested,
        Self::Excepted,
        Self::Failed,
        Self::Missing,
        Self::NotReached,
        Self::NotTaken,
    ];

    /// One character of one column.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            Self::Done => '✔',
            Self::Attested => '✎',
            Self::Excepted => '≈',
            Self::Failed => '✘',
            Self::Missing => '!',
            Self::NotReached => '…',
            Self::NotTaken => '–',
            Self::Open => '►',
        }
    }

    /// In a word.
    #[must_use]
    pub fn words(self, language: Language) -> String {
        match self {
            Self::Done => say::mark_done(language),
            Self::Attested => say::mark_attested(language),
            Self::Excepted => say::mark_excepted(language),
            Self::Failed => say::mark_failed(language),
            Self::Missing => say::mark_missing(language),
            Self::NotReached => say::mark_not_reached(language),
            Self::NotTaken => say::mark_not_taken(language),
            Self::Open => say::mark_open(language),
        }
    }

    /// The class of its box in a drawing.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Attested => "attested",
            Self::Excepted => "excepted",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::NotReached => "notreached",
            Self::NotTaken => "nottaken",
            Self::Open => "open",
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// The run and its state, in words.
    pub line: String,
    /// How each activity stands.
    pub marks: BTreeMap<ActivityId, Mark>,
}

impl Stand {
    /// Where `run` stands; `line` says so in words.
    #[must_use]
    pub fn of(run: &ProcedureRun, line: String) -> Self {
        let open = match &run.position {
            Position::At(open) => Some(&open.activity),
            _ => None,
        };
        let mark = |standing: &Standing| match standing {
            Standing::Done => Mark::Done,
            Standing::Attested { .. } => Mark::Attested,
            Standing::Excepted { .. } => Mark::Excepted,
            Standing::Failed => Mark::Failed,
            Standing::Missing => Mark::Missing,
            Standing::Open => Mark::Open,
            Standing::NotReached => Mark::NotReached,
            Standing::NotTaken => Mark::NotTaken,
        };
        let marks = coverage(run).into_iter().map(|covered| {
            let here = open == Some(&covered.activity);
            let mark = if here { Mark::Open } else { mark(&covered.standing) };
            (covered.activity, mark)
        });
        Self { line, marks: marks.collect() }
    }

    /// How an activity stands.
    #[must_use]
    pub fn mark(&self, id: &ActivityId) -> Mark {
        self.marks.get(id).copied().unwrap_or(Mark::NotTaken)
    }

    /// What each sign means, with how many activities bear it.
    #[must_use]
    pub fn legend(&self, language: Language) -> Vec<String> {
        let count = |mark: Mark| self.marks.values().filter(|one| **one == mark).count();
        let part = |mark: &Mark| format!("{} {} ({})", mark.sign(), mark.words(language), count(*mark));
        Mark::ALL.iter().map(part).collect()
    }
}
