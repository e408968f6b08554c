//! Signatures in the journal: which events need one. Whether it is good is for those who know keys.

use super::{ActivityId, Event, ProcedureRun};
use serde::{Deserialize, Serialize};

/// The text that a person signed, and the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The canonical text of the testimony.
    pub statement: String,
    /// The armored SSH signature over it.
    pub signature: String,
}

impl Event {
    /// The signature that the event carries.
    #[must_use]
    pub fn seal(&self) -> Option<&Seal> {
        match self {
            Self::Answered { seal, .. }
            | Self::ExternalOpened { seal, .. }
            | Self::ExternalReturned { seal, .. }
            | Self::Excepted { seal, .. } => seal.as_ref(),
            _ => None,
        }
    }

    /// The same event with another signature; events that nobody signs stay as they are.
    #[must_use]
    pub fn sealed(mut self, with: Option<Seal>) -> Self {
        if let Self::Answered { seal, .. }
        | Self::ExternalOpened { seal, .. }
        | Self::ExternalReturned { seal, .. }
        | Self::Excepted { seal, .. } = &mut self
        {
            *seal = with;
        }
        self
    }

    /// The activity at which a person acts, where the act can be signed.
    #[must_use]
    pub fn testifies(&self) -> Option<&ActivityId> {
        match self {
            Self::Answered { activity, .. }
            | Self::ExternalOpened { activity, .. }
            | Self::ExternalReturned { activity, .. }
            | Self::Excepted { activity, .. } => Some(activity),
            _ => None,
        }
    }
}

impl ProcedureRun {
    /// Whether the event must carry a signature: also leaving out what would be signed is signed.
    #[must_use]
    pub fn wants_seal(&self, event: &Event) -> bool {
        let activity = event.testifies().and_then(|id| self.procedure.activity(id));
        activity.is_some_and(|activity| activity.signed)
    }
}
