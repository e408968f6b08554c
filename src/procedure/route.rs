//! Which way an activity leads.

use super::{Activity, Answer, Target};
use serde::{Deserialize, Serialize};

/// Which of its ways an activity took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Took {
    /// `next`.
    Next,
    /// `on_yes`.
    Yes,
    /// `on_no`.
    No,
    /// One of `branches`.
    Branch(String),
    /// What opens when the limit of attempts is reached.
    Limit,
}

/// All ways of an activity, the one at its limit last.
#[must_use]
pub fn ways(activity: &Activity) -> Vec<(Took, &Target)> {
    let targets = &activity.targets;
    let named = targets.branches.iter().map(|(word, target)| (Took::Branch(word.clone()), target));
    let limit = activity.attempts.as_ref().map(|attempts| (Took::Limit, &attempts.then));
    (targets.next.iter().map(|target| (Took::Next, target)))
        .chain(targets.on_yes.iter().map(|target| (Took::Yes, target)))
        .chain(targets.on_no.iter().map(|target| (Took::No, target)))
        .chain(named)
        .chain(limit)
        .collect()
}

/// The way of an answer; nothing if the activity has none for it.
#[must_use]
pub fn way_of<'a>(activity: &'a Activity, answer: &Answer) -> Option<(Took, &'a Target)> {
    let targets = &activity.targets;
    match answer {
        Answer::Done => targets.next.as_ref().map(|target| (Took::Next, target)),
        Answer::Yes => targets.on_yes.as_ref().map(|target| (Took::Yes, target)),
        Answer::No => targets.on_no.as_ref().map(|target| (Took::No, target)),
        Answer::Choice(word) => targets.branches.get(word).map(|target| (Took::Branch(word.clone()), target)),
    }
}

/// The way of work that ended well or not: a failure without a way of its own goes on to `next`, and
/// is missing until it is done again or excepted.
#[must_use]
pub fn way_of_work(activity: &Activity, good: bool) -> Option<(Took, &Target)> {
    let targets = &activity.targets;
    let next = targets.next.as_ref().map(|target| (Took::Next, target));
    let own = if good { Answer::Yes } else { Answer::No };
    way_of(activity, &own).or(next)
}

/// Whether the limit counts noes; otherwise it counts openings.
#[must_use]
pub fn limits_noes(activity: &Activity) -> bool {
    activity.targets.on_no.is_some()
}
