//! What the recorded decisions amount to. Every decision is verified again each time it is used.

#[cfg(test)]
mod tests;

use super::gate::{Gate, eligible};
use super::{
    Approved, Consent, Decision, KeyFingerprint, Purpose, Refusal, Statement, quorum, verify_signature,
};
use crate::model::{People, PersonName, Role, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Whom the store saw when it recorded a decision; unsigned decisions rest on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// Operating-system account of the process, where the store is a file.
    Account(String),
    /// Database login, where the store is a server.
    Login(String),
}

/// A decision as it was recorded; not yet believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedDecision {
    /// The statement's canonical text.
    pub text: String,
    /// The armored SSH signature over it.
    pub signature: Option<String>,
    /// Who recorded it.
    pub caller: Option<Caller>,
    /// When, by the database's clock.
    pub recorded_at: Timestamp,
}

/// One decision that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was said.
    pub statement: Statement,
    /// The roles in which it may count.
    pub roles: Vec<Role>,
    /// The key that signed it; nothing means unsigned.
    pub key: Option<KeyFingerprint>,
}

/// Where a gate stands. Only [`Verdict::Approved`] lets a change through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// People must still decide.
    Open {
        /// The roles for which nobody has approved.
        missing: Vec<Role>,
        /// Who could.
        who: Vec<PersonName>,
    },
    /// The change may be made.
    Approved(Approved),
    /// Somebody said no.
    Rejected {
        /// Who.
        by: PersonName,
        /// Why.
        reason: String,
    },
    /// Nobody decided in time, or the approval is too old.
    Expired,
    /// The gate can no longer be decided on; a new one is needed.
    Void(Refusal),
}

/// Verifies one decision against its gate: subject, person, time, and signature or account.
///
/// Whether the person has decided before is for [`evaluate`], which sees all decisions.
pub fn verify(gate: &Gate, decision: &RecordedDecision, people: &People) -> Result<Verified, Refusal> {
    let statement = Statement::parse(&decision.text)?;
    if statement.people != gate.people {
        return Err(Refusal::PeopleChanged);
    }
    if !gate.is_subject_of(&statement) {
        return Err(Refusal::SubjectChanged);
    }
    let roles = eligible(gate, &statement.person, people)?;
    // A rejection may come until the change starts, which can be after the last moment to approve.
    let late = statement.time.max(decision.recorded_at) > gate.decide_by;
    if late && statement.decision == Decision::Approve {
        return Err(Refusal::Expired);
    }
    if statement.time < gate.opened_at || decision.recorded_at < statement.time {
        return Err(Refusal::WrongTime);
    }
    let key = authenticate(gate, decision, &statement.person, people)?;
    Ok(Verified { statement, roles, key })
}

fn authenticate(
    gate: &Gate,
    decision: &RecordedDecision,
    name: &PersonName,
    people: &People,
) -> Result<Option<KeyFingerprint>, Refusal> {
    let person = people.0.get(name).ok_or_else(|| Refusal::NotInPeopleFile { person: name.clone() })?;
    if let Some(signature) = &decision.signature {
        return verify_signature(Purpose::Decision, &decision.text, signature, &person.keys).map(Some);
    }
    if gate.rule.signed {
        return Err(Refusal::UnsignedNotAllowed);
    }
    let known = match &decision.caller {
        Some(Caller::Account(account)) => person.account.as_ref() == Some(account),
        Some(Caller::Login(login)) => person.database_login.as_ref() == Some(login),
        None => false,
    };
    if known { Ok(None) } else { Err(Refusal::UnknownCaller) }
}

/// Says where `gate` stands at `now`.
///
/// A decision that cannot be verified does not count; any verified rejection rejects, also after approvals.
#[must_use]
pub fn evaluate(gate: &Gate, decisions: &[RecordedDecision], people: &People, now: Timestamp) -> Verdict {
    if super::people_digest(people) != gate.people {
        return Verdict::Void(Refusal::PeopleChanged);
    }
    let mut verified = Vec::new();
    for decision in decisions {
        let Ok(one) = verify(gate, decision, people) else { continue };
        match one.statement.decision {
            Decision::Reject => {
                return Verdict::Rejected { by: one.statement.person, reason: one.statement.reason };
            }
            // What lies in the future has not been said yet; a rejection counts all the same.
            Decision::Approve if decision.recorded_at <= now => verified.push(one),
            Decision::Approve => {}
        }
    }
    verified.sort_by_key(|decision| decision.statement.time);
    let approvals = once_each(verified);
    if let Some(approved) = first_quorum(gate, &approvals) {
        // Whether it still holds is judged by whoever starts a change; what has begun is finished.
        return Verdict::Approved(approved);
    }
    if now > gate.decide_by {
        return Verdict::Expired;
    }
    open(gate, &approvals, people)
}

/// Verifies a decision that is about to be recorded: the gate must still be open, and the person new to it.
///
/// Rejecting is admitted until the change starts, also after an approval; then the gate is not open, but
/// whoever decides may still say no.
pub fn admit(
    gate: &Gate,
    decisions: &[RecordedDecision],
    new: &RecordedDecision,
    people: &People,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let verified = verify(gate, new, people)?;
    match evaluate(gate, decisions, people, now) {
        Verdict::Expired => return Err(Refusal::Expired),
        Verdict::Void(refusal) => return Err(refusal),
        Verdict::Rejected { .. } => return Err(Refusal::GateClosed),
        _ if verified.statement.decision == Decision::Reject => return Ok(verified),
        Verdict::Approved(_) => return Err(Refusal::GateClosed),
        Verdict::Open { .. } => {}
    }
    let mut before = decisions.iter().filter_map(|decision| verify(gate, decision, people).ok());
    if before.any(|decision| decision.statement.person == verified.statement.person) {
        return Err(Refusal::AlreadyDecided { person: verified.statement.person });
    }
    Ok(verified)
}

/// Keeps each person's first approval.
fn once_each(verified: Vec<Verified>) -> Vec<Verified> {
    let mut seen = BTreeSet::new();
    verified.into_iter().filter(|decision| seen.insert(decision.statement.person.clone())).collect()
}

/// The approval that the earliest sufficient decisions make; later ones do not prolong it.
fn first_quorum(gate: &Gate, approvals: &[Verified]) -> Option<Approved> {
    let each = &gate.rule.each;
    if each.is_empty() {
        // A rule that asks nobody is a mistake in the policy, not an approval.
        return None;
    }
    (each.len()..=approvals.len()).find_map(|count| {
        let approvals = &approvals[..count];
        let holders: Option<Vec<usize>> = quorum::assign(each, &roles(approvals)).into_iter().collect();
        let consents = each.iter().zip(holders?).map(|(role, person)| Consent {
            person: approvals[person].statement.person.clone(),
            role: role.clone(),
            at: approvals[person].statement.time,
            key: approvals[person].key.clone(),
        });
        Some(Approved::decided(gate, consents.collect(), approvals.last()?.statement.time))
    })
}

fn roles(approvals: &[Verified]) -> Vec<BTreeSet<Role>> {
    approvals.iter().map(|decision| decision.roles.iter().cloned().collect()).collect()
}

fn open(gate: &Gate, approvals: &[Verified], people: &People) -> Verdict {
    let held = roles(approvals);
    let filled = |held: &[BTreeSet<Role>]| quorum::assign(&gate.rule.each, held).iter().flatten().count();
    let now_filled = filled(&held);
    let missing = gate.rule.each.iter().zip(quorum::assign(&gate.rule.each, &held));
    let missing = missing.filter(|(_, person)| person.is_none()).map(|(role, _)| role.clone()).collect();
    let decided: BTreeSet<_> = approvals.iter().map(|decision| &decision.statement.person).collect();
    let who = people.0.keys().filter(|name| !decided.contains(name)).filter(|name| {
        eligible(gate, name, people).is_ok_and(|roles| {
            let mut with = held.clone();
            with.push(roles.into_iter().collect());
            filled(&with) > now_filled
        })
    });
    Verdict::Open { missing, who: who.cloned().collect() }
}
