//! What a plan would change as the servers are now.

use crate::model::{CanonicalError, Digest, ServerName, StepId, canonical};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is expected of one step on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicted {
    /// It is already so.
    NoChange,
    /// It would change something: the digest of the difference.
    Change(Digest),
    /// It cannot be known before an earlier step has run, or a secret is resolved: why.
    Unknown(String),
}

/// Per server and step: no change, change, unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// Server by server, step by step.
    pub servers: BTreeMap<ServerName, BTreeMap<StepId, Predicted>>,
    /// Whether the system was found to be absent: then an install needs no backup.
    pub absent: bool,
}

/// What would now be changed that was not in the approved prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staleness {
    /// Server, step, and what became of it in words.
    pub differences: Vec<(ServerName, StepId, String)>,
}

impl Prediction {
    /// The prediction's digest.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(canonical(self)?.as_bytes()))
    }

    /// Records what is expected of a step.
    pub fn insert(&mut self, server: &ServerName, step: &StepId, predicted: Predicted) {
        self.servers.entry(server.clone()).or_default().insert(step.clone(), predicted);
    }

    /// Whether something would or may change.
    #[must_use]
    pub fn may_change(&self) -> bool {
        self.all().any(|(_, _, predicted)| *predicted != Predicted::NoChange)
    }

    /// How many steps would change, may change, and stay, on all servers together.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Predicted) -> bool| self.all().filter(|(_, _, p)| wanted(p)).count();
        (
            count(|p| matches!(p, Predicted::Change(_))),
            count(|p| matches!(p, Predicted::Unknown(_))),
            count(|p| *p == Predicted::NoChange),
        )
    }

    /// Compares what is predicted now with what was approved. Fewer changes are fine; a change that
    /// was not there, or another one, is not; what was unknown stays approved as it was shown.
    #[must_use]
    pub fn staleness(&self, now: &Prediction) -> Option<Staleness> {
        let mut differences = Vec::new();
        if self.absent && !now.absent {
            differences.extend(now.servers.keys().next().map(|server| {
                (
                    server.clone(),
                    StepId("version".into()),
                    "the system has been installed meanwhile".to_owned(),
                )
            }));
        }
        for (server, step, predicted) in now.all() {
            let approved = self.servers.get(server).and_then(|steps| steps.get(step));
            let words = match (approved, predicted) {
                (_, Predicted::NoChange) | (Some(Predicted::Unknown(_)), _) => continue,
                (Some(before), after) if before == after => continue,
                (Some(Predicted::Change(_)), Predicted::Change(_)) => {
                    "would change something else than was approved"
                }
                (Some(Predicted::Change(_)), Predicted::Unknown(_)) => "can no longer be predicted",
                (Some(Predicted::NoChange), _) => "was to change nothing and would now change something",
                (None, _) => "was not in the approved prediction",
            };
            differences.push((server.clone(), step.clone(), words.to_owned()));
        }
        (!differences.is_empty()).then_some(Staleness { differences })
    }

    fn all(&self) -> impl Iterator<Item = (&ServerName, &StepId, &Predicted)> {
        self.servers.iter().flat_map(|(server, steps)| steps.iter().map(move |(step, p)| (server, step, p)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(predicted: Predicted) -> Prediction {
        let mut prediction = Prediction::default();
        prediction.insert(&ServerName::parse("web").unwrap(), &StepId("a".into()), predicted);
        prediction
    }

    #[test]
    fn a_prediction_is_stale_only_when_more_or_other_would_change() {
        let change = |text: &str| Predicted::Change(Digest::of(text.as_bytes()));
        let unknown = || Predicted::Unknown("later".into());
        let cases = [
            (change("x"), change("x"), false),
            (change("x"), change("y"), true),
            (change("x"), Predicted::NoChange, false),
            (change("x"), unknown(), true),
            (unknown(), change("y"), false),
            (unknown(), unknown(), false),
            (Predicted::NoChange, change("x"), true),
            (Predicted::NoChange, unknown(), true),
            (Predicted::NoChange, Predicted::NoChange, false),
        ];
        for (approved, now, stale) in cases {
            assert_eq!(
                one(approved.clone()).staleness(&one(now.clone())).is_some(),
                stale,
                "{approved:?} {now:?}"
            );
        }
        assert!(Prediction::default().staleness(&one(change("x"))).is_some());
    }
}
