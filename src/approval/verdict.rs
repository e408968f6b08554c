//! What the recorded decisions amount to. Every decision is verified again each time it is used.

use super::gate::{Gate, eligible};
use super::{Approved, Consent, Decision, KeyFingerprint, Refusal, Statement, quorum, verify_signature};
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
    if statement.time > gate.decide_by || decision.recorded_at > gate.decide_by {
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
        return verify_signature(&decision.text, signature, &person.keys).map(Some);
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
    let mut verified: Vec<Verified> = decisions
        .iter()
        .filter(|decision| decision.recorded_at <= now)
        .filter_map(|decision| verify(gate, decision, people).ok())
        .collect();
    if let Some(Verified { statement, .. }) =
        verified.iter().find(|decision| decision.statement.decision == Decision::Reject)
    {
        return Verdict::Rejected { by: statement.person.clone(), reason: statement.reason.clone() };
    }
    verified.sort_by_key(|decision| decision.statement.time);
    let approvals = once_each(verified);
    if let Some(approved) = first_quorum(gate, &approvals) {
        return if approved.holds_at(now) { Verdict::Approved(approved) } else { Verdict::Expired };
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

#[cfg(test)]
mod tests {
    use super::super::trial;
    use super::*;
    use proptest::prelude::*;

    const AFTER: Timestamp = Timestamp(trial::OPENED.0 + 120_000);

    fn approved(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Approved(_))
    }

    #[test]
    fn a_director_approves_and_the_approval_ends() {
        let gate = trial::gate(&["director"], true);
        let people = trial::people();
        let open = evaluate(&gate, &[], &people, AFTER);
        let who = vec![trial::person("diana"), trial::person("dario")];
        let Verdict::Open { missing, who: mut found } = open else { panic!("{open:?}") };
        found.sort();
        assert_eq!(
            (missing, found),
            (vec![trial::role("director")], {
                let mut who = who;
                who.sort();
                who
            })
        );

        let decision = trial::decide(&gate, "diana", Decision::Approve);
        assert!(admit(&gate, &[], &decision, &people, AFTER).is_ok());
        let decisions = [decision];
        let Verdict::Approved(proof) = evaluate(&gate, &decisions, &people, AFTER) else { panic!() };
        assert!(proof.signed() && proof.covers(&gate.subject) && !proof.consents_to_weakening());
        let until = proof.valid_until().unwrap();
        assert!(proof.holds_at(until) && !proof.holds_at(until.plus_seconds(1)));
        assert_eq!(evaluate(&gate, &decisions, &people, until.plus_seconds(1)), Verdict::Expired);
        assert_eq!(evaluate(&gate, &[], &people, gate.decide_by.plus_seconds(1)), Verdict::Expired);
        assert!(!approved(&evaluate(&gate, &decisions, &people, gate.opened_at)), "from the future");
    }

    #[test]
    fn a_rejection_wins_whenever_it_comes() {
        let gate = trial::gate(&["director"], true);
        let people = trial::people();
        let yes = trial::decide(&gate, "diana", Decision::Approve);
        let no = trial::decide(&gate, "dario", Decision::Reject);
        assert!(admit(&gate, std::slice::from_ref(&yes), &no, &people, AFTER).is_ok());
        for decisions in [[yes.clone(), no.clone()], [no.clone(), yes.clone()]] {
            let verdict = evaluate(&gate, &decisions, &people, AFTER);
            assert!(
                matches!(verdict, Verdict::Rejected { ref by, .. } if by.as_str() == "dario"),
                "{verdict:?}"
            );
        }
        assert_eq!(admit(&gate, &[no], &yes, &people, AFTER), Err(Refusal::GateClosed));
    }

    #[test]
    fn one_person_in_two_roles_counts_once() {
        let gate = trial::gate(&["director", "unit"], true);
        let people = trial::people();
        let dario = trial::decide(&gate, "dario", Decision::Approve);
        let again = trial::decide(&gate, "dario", Decision::Approve);
        let verdict = evaluate(&gate, &[dario.clone(), again.clone()], &people, AFTER);
        assert!(matches!(&verdict, Verdict::Open { missing, .. } if missing.len() == 1), "{verdict:?}");
        assert_eq!(
            admit(&gate, std::slice::from_ref(&dario), &again, &people, AFTER),
            Err(Refusal::AlreadyDecided { person: trial::person("dario") })
        );
        for other in ["diana", "ursula"] {
            let decisions = [dario.clone(), trial::decide(&gate, other, Decision::Approve)];
            assert!(approved(&evaluate(&gate, &decisions, &people, AFTER)), "{other}");
        }
    }

    #[test]
    fn an_account_is_believed_only_where_the_policy_says_so() {
        let people = trial::people();
        let unsigned = |gate: &Gate, caller| RecordedDecision {
            signature: None,
            caller,
            ..trial::decide(gate, "diana", Decision::Approve)
        };
        let own = Some(Caller::Account("diana".to_owned()));
        let strict = trial::gate(&["director"], true);
        let refused = verify(&strict, &unsigned(&strict, own.clone()), &people);
        assert_eq!(refused, Err(Refusal::UnsignedNotAllowed));
        let lax = trial::gate(&["director"], false);
        for caller in [None, Some(Caller::Account("root".into())), Some(Caller::Login("diana".into()))] {
            assert_eq!(verify(&lax, &unsigned(&lax, caller), &people), Err(Refusal::UnknownCaller));
        }
        let Verdict::Approved(approved) = evaluate(&lax, &[unsigned(&lax, own)], &people, AFTER) else {
            panic!()
        };
        assert!(!approved.signed());
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let gate = trial::gate(&["director"], true);
        let people = trial::people();
        let decision = trial::decide(&gate, "diana", Decision::Approve);
        let refused = |gate: &Gate, decision: &RecordedDecision| verify(gate, decision, &people).unwrap_err();

        let text = decision.text.replace("\"reason\":\"", "\"reason\":\"not ");
        assert_eq!(refused(&gate, &RecordedDecision { text, ..decision.clone() }), Refusal::TextChanged);
        let no = trial::decide(&gate, "diana", Decision::Reject);
        assert_eq!(
            refused(&gate, &RecordedDecision { text: no.text, ..decision.clone() }),
            Refusal::TextChanged
        );

        let other = crate::model::Digest::of(b"other");
        let changes: [fn(&mut Gate, crate::model::Digest); 6] = [
            |gate, other| gate.subject.release = other,
            |gate, other| gate.subject.plan = other,
            |gate, other| gate.subject.prediction = other,
            |gate, other| gate.subject.policy = other,
            |gate, _| gate.id = "another".to_owned(),
            |gate, _| gate.weakening = vec![super::super::Weakening::Unsigned],
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut gate = gate.clone();
            change(&mut gate, other);
            assert_eq!(refused(&gate, &decision), Refusal::SubjectChanged, "change {index}");
        }
        let late = RecordedDecision { recorded_at: gate.decide_by.plus_seconds(1), ..decision.clone() };
        assert_eq!(refused(&gate, &late), Refusal::Expired);
        let early = RecordedDecision { recorded_at: gate.opened_at, ..decision.clone() };
        assert_eq!(refused(&gate, &early), Refusal::WrongTime);

        let mut others = people.clone();
        others.0.get_mut(&trial::person("diana")).unwrap().keys = vec![trial::key("mallory").public];
        assert_eq!(verify(&gate, &decision, &others), Err(Refusal::PeopleChanged));
        assert_eq!(
            evaluate(&gate, std::slice::from_ref(&decision), &others, AFTER),
            Verdict::Void(Refusal::PeopleChanged)
        );
        let mut moved = gate.clone();
        moved.people = super::super::people_digest(&others);
        assert_eq!(verify(&moved, &decision, &others), Err(Refusal::PeopleChanged));
        let forged = trial::decide_as(&gate, "diana", "mallory", Decision::Approve);
        assert_eq!(refused(&gate, &forged), Refusal::KeyNotListed);
    }

    #[test]
    fn a_rule_that_asks_nobody_approves_nothing() {
        let gate = trial::gate(&[], true);
        let decisions = [trial::decide(&gate, "diana", Decision::Approve)];
        assert!(!approved(&evaluate(&gate, &decisions, &trial::people(), AFTER)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_sequence_by_those_who_may_not_ever_approves(
            acts in prop::collection::vec((0usize..5, any::<bool>(), any::<bool>()), 0..12),
            signed in any::<bool>(),
        ) {
            let gate = trial::gate(&["director", "unit"], signed);
            let people = trial::people();
            // The machine, the requester, a stranger, somebody forged, and one director as often as they like.
            let names = ["robot", "pablo", "nobody", "diana", "dario"];
            let decisions: Vec<_> = acts
                .into_iter()
                .map(|(who, forge, strip)| {
                    let name = names[who];
                    let key = if forge || name == "diana" { "mallory" } else { name };
                    let mut decision = trial::decide_as(&gate, name, key, Decision::Approve);
                    if strip {
                        // Recorded by a process that nobody's account stands for.
                        decision.signature = None;
                        decision.caller = Some(Caller::Account("root".to_owned()));
                    }
                    decision
                })
                .collect();
            for now in [gate.opened_at, AFTER, gate.decide_by, gate.decide_by.plus_seconds(1)] {
                prop_assert!(!approved(&evaluate(&gate, &decisions, &people, now)));
            }
        }
    }
}
