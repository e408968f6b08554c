//! The proof that a change may be made; nobody but this folder can make one.

use super::{Gate, Judged, KeyFingerprint, Subject};
use crate::model::{PersonName, Role, Timestamp};
use serde::Serialize;

/// One verified approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// Who.
    pub person: PersonName,
    /// In which role.
    pub role: Role,
    /// When.
    pub at: Timestamp,
    /// The key that signed; nothing means that an account or login was believed.
    pub key: Option<KeyFingerprint>,
}

/// Verified decisions that satisfy a gate, or the fact that the policy asks for none.
///
/// Cannot be read back from anywhere: whoever needs it again evaluates the decisions again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approved {
    by: Vec<Consent>,
    subject: Option<Subject>,
    valid: Option<(Timestamp, Timestamp)>,
    weakens: bool,
}

impl Approved {
    /// The proof that nobody needs to be asked, if the policy that the run is judged under says so.
    #[must_use]
    pub fn not_required(judged: &Judged) -> Option<Self> {
        judged.approve.is_none().then(|| Self { by: Vec::new(), subject: None, valid: None, weakens: false })
    }

    /// Only [`super::evaluate`] calls this, with consents that it has verified.
    pub(super) fn decided(gate: &Gate, by: Vec<Consent>, last: Timestamp) -> Self {
        Self {
            by,
            subject: Some(gate.subject),
            valid: Some((last, last.plus_seconds(gate.rule.valid_for_seconds))),
            weakens: gate.weakens(),
        }
    }

    /// An approval for tests of what follows one.
    #[cfg(test)]
    pub(crate) fn for_tests(gate: &Gate) -> Self {
        Self::decided(gate, Vec::new(), gate.opened_at)
    }

    /// Whether it holds at `now`: from the last approval for as long as the policy says.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.valid.is_none_or(|(from, until)| from <= now && now <= until)
    }

    /// Whether it is about `subject`. Where nobody is asked, it is about anything.
    #[must_use]
    pub fn covers(&self, subject: &Subject) -> bool {
        self.subject.is_none_or(|own| own == *subject)
    }

    /// The last moment at which it holds; nothing means for ever.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid.map(|(_, until)| until)
    }

    /// Who approved; nobody where nobody is asked.
    #[must_use]
    pub fn by(&self) -> &[Consent] {
        &self.by
    }

    /// Whether every approval carries a signature; false where nobody was asked.
    #[must_use]
    pub fn signed(&self) -> bool {
        !self.by.is_empty() && self.by.iter().all(|consent| consent.key.is_some())
    }

    /// Whether those whom the policy in force names agreed to loosen it.
    #[must_use]
    pub fn consents_to_weakening(&self) -> bool {
        self.weakens && !self.by.is_empty()
    }
}
