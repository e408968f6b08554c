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
    /// A run or its checks failed, and the way that the procedure has for that was taken.
    Failed,
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
    /// It was passed by and is neither.
    Missing,
    /// It is open now.
    Open,
    /// A way that may still be taken comes by here; whether it will be is not known yet.
    NotReached,
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
    /// The way that it led on by the last time; nothing while it was never left.
    pub took: Option<Took>,
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
            standing: shown(run, activity, on_the_way.contains(&activity.id)),
            took: record.took,
            evidence: record.evidence,
            documents: record.documents,
            runs: record.runs,
        }
    };
    run.procedure.activities.iter().map(covered).collect()
}

/// What an end would miss if it came now: what was passed by and what lies ahead; the end that is open
/// is not.
#[must_use]
pub fn missing(run: &ProcedureRun) -> BTreeSet<ActivityId> {
    let open_end = run.current().filter(|(activity, _)| activity.kind == ActivityKind::End);
    let open_end = open_end.map(|(activity, _)| activity.id.clone());
    let on_the_way = on_the_way(run);
    let lacks = |activity: &&Activity| {
        standing(run, activity, on_the_way.contains(&activity.id)) == Standing::Missing
            && Some(&activity.id) != open_end.as_ref()
    };
    run.procedure.activities.iter().filter(lacks).map(|activity| activity.id.clone()).collect()
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

/// How an activity stands for readers: what is open or lies ahead is not called missing, and what failed
/// is not called done.
fn shown(run: &ProcedureRun, activity: &Activity, on_the_way: bool) -> Standing {
    let standing = standing(run, activity, on_the_way);
    let open = run.current().is_some_and(|(current, _)| current.id == activity.id);
    let record = run.record(&activity.id);
    let never_left = record.is_none_or(|record| record.took.is_none());
    match standing {
        Standing::Missing | Standing::Done | Standing::Attested { .. } if open => Standing::Open,
        Standing::Missing if never_left => Standing::NotReached,
        Standing::Done if fails(activity) && record.is_some_and(|one| !one.good && !one.fulfilled) => {
            Standing::Failed
        }
        other => other,
    }
}

/// Whether an activity can fail by itself; a monitor only looks.
fn fails(activity: &Activity) -> bool {
    matches!(activity.work(), Work::Run | Work::Check) && activity.kind != ActivityKind::Monitor
}

fn standing(run: &ProcedureRun, activity: &Activity, on_the_way: bool) -> Standing {
    let Some(record) = run.record(&activity.id) else {
        return if on_the_way { Standing::Missing } else { Standing::NotTaken };
    };
    if let Some(exception) = &record.exception {
        let (by, why) = (exception.by.clone(), exception.reason.clone());
        return Standing::Excepted { by, why, until: exception.until };
    }
    // A failure that has no way of its own leaves the activity undone.
    let failed = fails(activity) && !record.good && record.took == Some(Took::Next);
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
