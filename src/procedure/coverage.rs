//! Coverage: how each activity stands.

use super::{
    Activity, ActivityId, ActivityKind, Made, ProcedureRun, Took, Work, graph::Graph, state::Position,
};
use crate::model::{Digest, PersonName, RunId, Timestamp};
use std::collections::BTreeSet;

/// How an activity stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The program or a run of it did it.
    Done,
    /// Persons did it, and said so.
    Attested {
        /// Who.
        by: Vec<PersonName>,
        /// Whether every one of them signed.
        signed: bool,
    },
    /// It was left out.
    Excepted {
        /// Who granted it.
        by: PersonName,
        /// Why.
        why: String,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// It lies on the way and is neither.
    Missing,
    /// The way that was taken does not come by here.
    NotTaken,
}

/// One activity with its standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// Which.
    pub activity: ActivityId,
    /// How it stands.
    pub standing: Standing,
    /// Files, documents and reports.
    pub evidence: Vec<Digest>,
    /// Of the evidence, the documents that the program made.
    pub documents: Vec<Made>,
    /// Runs that were opened for it, or whose steps fulfilled it.
    pub runs: Vec<RunId>,
}

/// Each activity's standing, in the order of the file.
#[must_use]
pub fn coverage(run: &ProcedureRun) -> Vec<Covered> {
    let on_the_way = on_the_way(run);
    let covered = |activity: &Activity| {
        let record = run.record(&activity.id).cloned().unwrap_or_default();
        Covered {
            activity: activity.id.clone(),
            standing: standing(run, activity, on_the_way.contains(&activity.id)),
            evidence: record.evidence,
            documents: record.documents,
            runs: record.runs,
        }
    };
    run.procedure.activities.iter().map(covered).collect()
}

/// What is missing; the end that is open is not.
#[must_use]
pub fn missing(run: &ProcedureRun) -> BTreeSet<ActivityId> {
    let open_end = run.current().filter(|(activity, _)| activity.kind == ActivityKind::End);
    let open_end = open_end.map(|(activity, _)| activity.id.clone());
    let covered = coverage(run).into_iter();
    covered
        .filter(|one| one.standing == Standing::Missing && Some(&one.activity) != open_end.as_ref())
        .map(|one| one.activity)
        .collect()
}

/// What the way consists of: from each activity that was left, only the way that it took last.
fn on_the_way(run: &ProcedureRun) -> BTreeSet<&ActivityId> {
    let Some(entry) = run.procedure.activities.iter().map(|one| &one.id).find(|id| Some(*id) == run.entry())
    else {
        return BTreeSet::new();
    };
    let position = match &run.position {
        Position::Next(id) => Some(id),
        Position::At(open) => Some(&open.activity),
        Position::Ended(_) => None,
    };
    let keep = |activity: &Activity, took: &Took| {
        let last = run.record(&activity.id).and_then(|record| record.took.as_ref());
        match last.filter(|_| position != Some(&activity.id)) {
            Some(last) => last == took,
            None => *took != Took::Limit,
        }
    };
    Graph::keeping(&run.procedure, keep).reached_from(entry)
}

fn standing(run: &ProcedureRun, activity: &Activity, on_the_way: bool) -> Standing {
    let Some(record) = run.record(&activity.id) else {
        return if on_the_way { Standing::Missing } else { Standing::NotTaken };
    };
    if let Some(exception) = &record.exception {
        let (by, why) = (exception.by.clone(), exception.reason.clone());
        return Standing::Excepted { by, why, until: exception.until };
    }
    let work = activity.work();
    // A failure that has no way of its own leaves the activity undone; a monitor only looks.
    let fails = matches!(work, Work::Run | Work::Check) && activity.kind != ActivityKind::Monitor;
    let failed = fails && !record.good && record.took == Some(Took::Next);
    let ended = activity.kind == ActivityKind::End && record.good;
    let undone = failed || record.took.is_none() && !ended;
    if undone && record.fulfilled {
        return Standing::Done;
    }
    match (undone, on_the_way) {
        (true, true) => Standing::Missing,
        (true, false) => Standing::NotTaken,
        (false, _) if record.given.is_empty() => Standing::Done,
        (false, _) => Standing::Attested {
            by: record.given.iter().map(|given| given.by.clone()).collect(),
            signed: record.given.iter().all(|given| given.signed),
        },
    }
}
