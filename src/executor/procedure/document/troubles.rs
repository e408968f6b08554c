//! What went wrong, and what answered it afterwards.

use super::{calls, facts::Words, journals::Journals};
use crate::{
    executor::Site,
    model::Timestamp,
    procedure::{ActivityId, Answer, Event},
    report::documents::Trouble,
    run::{self, StepEnd},
};

/// Most answers that are named for one trouble.
const ANSWERS_MAX: usize = 8;
/// Most troubles of one document.
const TROUBLES_MAX: usize = 200;

/// A trouble with its moments.
pub struct Timed {
    /// When it was met.
    pub at: Timestamp,
    /// When it went well; nothing while it has not.
    pub solved: Option<Timestamp>,
    /// It.
    pub trouble: Trouble,
}

/// Every failed step, check, run and no, in the order of time.
pub fn all(site: &Site, journals: &Journals<'_>, words: &Words<'_>) -> Vec<Timed> {
    let mut troubles: Vec<Timed> = Vec::new();
    for (index, (event, at)) in journals.events.iter().enumerate() {
        let found: Vec<(Timestamp, String, String)> = match event {
            Event::Measured { good: false, report, .. } => calls::report(site, report)
                .into_iter()
                .filter(|finding| finding.verdict != "good")
                .map(|finding| {
                    (*at, format!("{}, {}", finding.check, finding.server), words.finding(&finding))
                })
                .collect(),
            Event::CallEnded { run, exit, .. } if *exit != 0 => {
                let found = failures(journals, run.as_str(), words);
                match found.is_empty() {
                    true => vec![(*at, run.to_string(), words.ended_with(*exit))],
                    false => found,
                }
            }
            Event::Answered { answer: Answer::No, by, reason, .. }
            | Event::ExternalReturned { answer: Answer::No, by, reason, .. } => {
                vec![(*at, words.person(by), format!("no: {reason}"))]
            }
            _ => continue,
        };
        let Some(activity) = activity_of(event) else { continue };
        let (answers, solved) = afterwards(journals, words, index, activity);
        for (at, place, what) in found {
            let trouble = Trouble {
                at: words.moment(at),
                activity: activity.to_string(),
                place,
                what,
                answers: answers.clone(),
                solved: solved.map(|at| words.moment(at)).unwrap_or_default(),
            };
            troubles.push(Timed { at, solved, trouble });
        }
    }
    troubles.extend(tried_again(journals, words));
    troubles.sort_by_key(|one| one.at);
    troubles.truncate(TROUBLES_MAX);
    troubles
}

/// What a run says of its failures.
fn failures(journals: &Journals<'_>, id: &str, words: &Words<'_>) -> Vec<(Timestamp, String, String)> {
    let Some(call) = journals.calls.iter().find(|call| call.row.new.id.as_str() == id) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (event, at) in &call.events {
        let (place, what) = match event {
            run::Event::StepEnded {
                server,
                step,
                end: StepEnd::Failed { words, last: true, .. } | StepEnd::InDoubt { words },
                ..
            } => (format!("{server}, {step}"), words.clone()),
            run::Event::PreflightFailed { failure }
            | run::Event::BackupFailed { failure }
            | run::Event::ServicesFailed { failure }
            | run::Event::SafetyCopyFailed { failure }
            | run::Event::RestoreFailed { failure } => {
                (failure.at.clone().unwrap_or_else(|| id.to_owned()), failure.words.clone())
            }
            run::Event::ServerLost { server, words, .. } => (server.to_string(), words.clone()),
            run::Event::ChecksFailed { findings } => {
                for finding in findings.iter().filter(|finding| finding.verdict != "good") {
                    found.push((
                        *at,
                        format!("{}, {}", finding.check, finding.server),
                        words.finding(finding),
                    ));
                }
                continue;
            }
            _ => continue,
        };
        found.push((*at, place, what));
    }
    found
}

/// Steps that failed and went well on a later attempt of the same run.
fn tried_again(journals: &Journals<'_>, words: &Words<'_>) -> Vec<Timed> {
    let mut troubles = Vec::new();
    for call in &journals.calls {
        for (index, (event, at)) in call.events.iter().enumerate() {
            let run::Event::StepEnded {
                server,
                step,
                end: StepEnd::Failed { words: what, last: false, .. },
                ..
            } = event
            else {
                continue;
            };
            let later = call.events.iter().skip(index + 1).find_map(|(event, at)| match event {
                run::Event::StepEnded {
                    server: there,
                    step: same,
                    attempt,
                    end: StepEnd::Changed { .. },
                } if there == server && same == step => Some((*at, *attempt)),
                _ => None,
            });
            let trouble = Trouble {
                at: words.moment(*at),
                activity: call.activity.to_string(),
                place: format!("{server}, {step}"),
                what: what.clone(),
                answers: later.map(|(_, attempt)| words.attempt(attempt)).into_iter().collect(),
                solved: later.map(|(at, _)| words.moment(at)).unwrap_or_default(),
            };
            troubles.push(Timed { at: *at, solved: later.map(|(at, _)| at), trouble });
        }
    }
    troubles
}

/// What people said after the event at `index` until the same activity ended well, and when it did.
fn afterwards(
    journals: &Journals<'_>,
    words: &Words<'_>,
    index: usize,
    activity: &ActivityId,
) -> (Vec<String>, Option<Timestamp>) {
    let mut answers = Vec::new();
    for (event, at) in journals.events.iter().skip(index + 1) {
        if activity_of(event) == Some(activity) && is_good(event) {
            return (answers, Some(*at));
        }
        let (Event::Answered { activity, by, answer, reason, .. }
        | Event::ExternalReturned { activity, by, answer, reason, .. }) = event
        else {
            continue;
        };
        if *answer != Answer::No && !reason.trim().is_empty() && answers.len() < ANSWERS_MAX {
            answers.push(format!("{activity} {}: {reason}", words.person(by)));
        }
    }
    (answers, None)
}

/// Whether the event says that its activity went well.
fn is_good(event: &Event) -> bool {
    match event {
        Event::Measured { good, .. } => *good,
        Event::CallEnded { exit, .. } => *exit == 0,
        Event::Answered { answer, .. } | Event::ExternalReturned { answer, .. } => *answer != Answer::No,
        _ => false,
    }
}

fn activity_of(event: &Event) -> Option<&ActivityId> {
    match event {
        Event::Measured { activity, .. }
        | Event::CallEnded { activity, .. }
        | Event::Answered { activity, .. }
        | Event::ExternalReturned { activity, .. } => Some(activity),
        _ => None,
    }
}
