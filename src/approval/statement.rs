//! What a person says when deciding: one canonical text, which is signed and stored as it is.

use super::Refusal;
use crate::model::{Digest, EnvironmentName, PersonName, RunId, SystemName, Timestamp, canonical};
use serde::{Deserialize, Serialize};

/// The format that this program writes.
pub const STATEMENT_FORMAT: u32 = 1;
/// Longest reason in characters.
pub const REASON_CHARS_MAX: usize = 2_000;
/// Longest statement in bytes; a longer text is not read at all.
pub const STATEMENT_BYTES_MAX: usize = 32 * 1024;
/// Shortest nonce in characters.
pub const NONCE_CHARS_MIN: usize = 16;

/// The word that a person gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The change may be made.
    Approve,
    /// It may not.
    Reject,
}

/// A decision with everything that it is about. Its canonical JSON is what is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`STATEMENT_FORMAT`].
    pub format: u32,
    /// The gate.
    pub gate: String,
    /// Digest of the whole gate: its rule, its requester, its deadline and what it loosens.
    pub gate_digest: Digest,
    /// The run that waits at it.
    pub run: RunId,
    /// What is installed.
    pub release: Digest,
    /// The release on this environment.
    pub plan: Digest,
    /// What is expected to change.
    pub prediction: Digest,
    /// The policy that the run is judged under.
    pub policy: Digest,
    /// Where.
    pub environment: EnvironmentName,
    /// Of what.
    pub system: SystemName,
    /// Yes or no.
    pub decision: Decision,
    /// Why, in the person's words.
    pub reason: String,
    /// Who decides.
    pub person: PersonName,
    /// When, by the database's clock.
    pub time: Timestamp,
    /// Random characters, so that no two statements are equal.
    pub nonce: String,
    /// The head of the ledger that the person saw; rewriting what came before breaks the signature.
    pub ledger_head: Digest,
    /// The people file's digest.
    pub people: Digest,
    /// Whether the person agrees to a weaker policy too.
    pub weakens: bool,
}

impl Statement {
    /// The text that is signed and stored.
    #[must_use]
    pub fn text(&self) -> String {
        // Only texts, integers and truth values: there is nothing that canonical JSON refuses.
        canonical(self).unwrap_or_default()
    }

    /// Reads a stored text; anything but the one canonical spelling is refused.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > STATEMENT_BYTES_MAX {
            return Err(Refusal::BadStatement);
        }
        let value: serde_json::Value = serde_json::from_str(text).map_err(|_| Refusal::BadStatement)?;
        match value.get("format").and_then(serde_json::Value::as_u64).and_then(|f| u32::try_from(f).ok()) {
            Some(STATEMENT_FORMAT) => {}
            Some(format) if format > STATEMENT_FORMAT => return Err(Refusal::NewerFormat { format }),
            _ => return Err(Refusal::BadStatement),
        }
        let statement: Self = serde_json::from_value(value).map_err(|_| Refusal::BadStatement)?;
        if statement.text() != text || statement.nonce.chars().count() < NONCE_CHARS_MIN {
            return Err(Refusal::BadStatement);
        }
        statement.check_reason()?;
        Ok(statement)
    }

    fn check_reason(&self) -> Result<(), Refusal> {
        if self.decision == Decision::Reject && self.reason.trim().is_empty() {
            return Err(Refusal::NoReason);
        }
        if self.reason.chars().count() > REASON_CHARS_MAX {
            return Err(Refusal::ReasonTooLong { max: REASON_CHARS_MAX });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial;
    use super::*;

    #[test]
    fn a_statement_is_read_back_from_its_one_spelling_only() {
        let statement = trial::statement(&trial::gate(&["director"], true), "diana", Decision::Approve);
        let text = statement.text();
        assert_eq!(Statement::parse(&text), Ok(statement));
        for other in [
            format!(" {text}"),
            text.replace("\"format\":1", "\"format\":1,\"format\":1"),
            text.replace("\"format\":1", "\"extra\":1,\"format\":1"),
            text.replace(",\"weakens\":false", ""),
            String::new(),
            "[".repeat(10_000),
        ] {
            assert_eq!(Statement::parse(&other), Err(Refusal::BadStatement), "{other}");
        }
        let newer = text.replace("\"format\":1", "\"format\":2");
        assert_eq!(Statement::parse(&newer), Err(Refusal::NewerFormat { format: 2 }));
    }

    #[test]
    fn a_rejection_says_why() {
        let mut statement = trial::statement(&trial::gate(&["director"], true), "diana", Decision::Reject);
        statement.reason = " \n".to_owned();
        assert_eq!(Statement::parse(&statement.text()), Err(Refusal::NoReason));
        statement.reason = "x".repeat(REASON_CHARS_MAX + 1);
        assert!(matches!(Statement::parse(&statement.text()), Err(Refusal::ReasonTooLong { .. })));
    }
}
