//! A stop for people, and who may end it.

use super::{Decision, Refusal, STATEMENT_FORMAT, Statement, Weakening, people_digest, refusal};
use crate::model::{
    ApproveRule, Digest, EnvironmentKind, EnvironmentName, People, Person, PersonName, Role, RunId,
    SystemName, Timestamp,
};
use serde::{Deserialize, Serialize};

/// What is decided on, by digests: another release, plan, prediction or policy is another subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The release.
    pub release: Digest,
    /// The plan.
    pub plan: Digest,
    /// The prediction that was shown.
    pub prediction: Digest,
    /// The policy that the run is judged under.
    pub policy: Digest,
}

/// A run's stop at which people decide. Nothing in it changes after it was opened.
///
/// Decisions name its digest: a field that is added later is left out of the JSON where it is empty, or
/// gates that wait across an upgrade lose their decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Its id.
    pub id: String,
    /// The run that waits.
    pub run: RunId,
    /// Where the change would be made.
    pub environment: EnvironmentName,
    /// What that environment is for.
    pub environment_kind: EnvironmentKind,
    /// What would be changed.
    pub system: SystemName,
    /// What is decided on.
    pub subject: Subject,
    /// Who decides. Holds everybody whom the policy in force names, so they agree to a weakening too.
    pub rule: ApproveRule,
    /// Who asked for the change, and therefore cannot approve it.
    pub requested_by: PersonName,
    /// Whether a machine asked.
    pub requested_by_machine: bool,
    /// Digest of the people file when the gate was opened.
    pub people: Digest,
    /// When it was opened, by the database's clock.
    pub opened_at: Timestamp,
    /// The last moment at which a decision counts.
    pub decide_by: Timestamp,
    /// The rules that an approval would loosen.
    pub weakening: Vec<Weakening>,
}

impl Gate {
    /// The last moment for decisions at a gate opened at `opened_at`.
    #[must_use]
    pub fn deadline(opened_at: Timestamp, rule: &ApproveRule) -> Timestamp {
        opened_at.plus_seconds(rule.decide_within_seconds)
    }

    /// The digest of everything in the gate; decisions name it, so an edited gate has none.
    #[must_use]
    pub fn digest(&self) -> Digest {
        super::policy::digest(self)
    }

    /// Whether an approval would loosen the policy.
    #[must_use]
    pub fn weakens(&self) -> bool {
        !self.weakening.is_empty()
    }

    /// The statement that `person` would sign. `time` is the database's; `nonce` is random.
    #[must_use]
    pub fn statement(
        &self,
        decision: Decision,
        reason: &str,
        person: &PersonName,
        time: Timestamp,
        nonce: String,
        ledger_head: Digest,
    ) -> Statement {
        Statement {
            format: STATEMENT_FORMAT,
            gate: self.id.clone(),
            gate_digest: self.digest(),
            run: self.run.clone(),
            release: self.subject.release,
            plan: self.subject.plan,
            prediction: self.subject.prediction,
            policy: self.subject.policy,
            environment: self.environment.clone(),
            system: self.system.clone(),
            decision,
            reason: reason.to_owned(),
            person: person.clone(),
            time,
            nonce,
            ledger_head,
            people: self.people,
            weakens: self.weakens(),
        }
    }

    /// Whether `statement` is about exactly this gate.
    #[must_use]
    pub fn is_subject_of(&self, statement: &Statement) -> bool {
        // Rebuilding the statement leaves no field out of the comparison.
        let same = self.statement(
            statement.decision,
            &statement.reason,
            &statement.person,
            statement.time,
            statement.nonce.clone(),
            statement.ledger_head,
        );
        same == *statement
    }
}

/// Returns the roles in which `person` may decide at `gate`, or why they may not.
pub fn eligible(gate: &Gate, person: &PersonName, people: &People) -> Result<Vec<Role>, Refusal> {
    if people_digest(people) != gate.people {
        return Err(Refusal::PeopleChanged);
    }
    let name = person;
    let person = people.0.get(name).ok_or_else(|| Refusal::NotInPeopleFile { person: name.clone() })?;
    if person.machine {
        return Err(Refusal::Machine { person: name.clone() });
    }
    if *name == gate.requested_by {
        return Err(Refusal::OwnRequest { person: name.clone() });
    }
    let mut roles: Vec<Role> = Vec::new();
    for role in &gate.rule.each {
        if person.roles.contains(role) && !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    if roles.is_empty() {
        let needed = refusal::roles(&gate.rule.each);
        return Err(Refusal::NoSuchRole { person: name.clone(), needed });
    }
    if gate.rule.signed && !has_key(person) {
        return Err(Refusal::NoKey { person: name.clone() });
    }
    if let Some(other) = shares_identity(person, people) {
        return Err(Refusal::SharedIdentity { person: name.clone(), other });
    }
    Ok(roles)
}

/// Whether the people file lists a usable key of `person`.
pub(super) fn has_key(person: &Person) -> bool {
    person.keys.iter().any(|key| super::key_fingerprint(key).is_some())
}

/// Somebody else, machine or person, with a key, account or login of `person`.
///
/// Otherwise one human with two names would be two approvers, or approve what a machine of theirs asked.
pub(super) fn shares_identity(person: &Person, people: &People) -> Option<PersonName> {
    let prints = |person: &Person| -> Vec<_> {
        person.keys.iter().filter_map(|key| super::key_fingerprint(key)).collect()
    };
    let own = prints(person);
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    people
        .0
        .values()
        .filter(|other| other.name != person.name)
        .find(|other| {
            same(&person.account, &other.account)
                || same(&person.database_login, &other.database_login)
                || (!own.is_empty() && prints(other).iter().any(|print| own.contains(print)))
        })
        .map(|other| other.name.clone())
}

#[cfg(test)]
mod tests {
    use super::super::trial;
    use super::*;

    #[test]
    fn everybody_who_may_not_decide_is_told_why() {
        let gate = trial::gate(&["director"], true);
        let people = trial::people();
        let refused = |name: &str| eligible(&gate, &trial::person(name), &people).unwrap_err();
        let person = trial::person;
        assert_eq!(eligible(&gate, &person("diana"), &people), Ok(vec![trial::role("director")]));
        assert_eq!(refused("nobody"), Refusal::NotInPeopleFile { person: person("nobody") });
        assert_eq!(refused("robot"), Refusal::Machine { person: person("robot") });
        assert_eq!(refused("pablo"), Refusal::OwnRequest { person: person("pablo") });
        assert_eq!(refused("keyless"), Refusal::NoKey { person: person("keyless") });
        assert!(matches!(refused("ursula"), Refusal::NoSuchRole { .. }));
        assert!(refused("robot").message(crate::model::Language::Es).contains("máquina"));

        let mut changed = people.clone();
        changed.0.remove(&person("ursula"));
        assert_eq!(eligible(&gate, &person("diana"), &changed), Err(Refusal::PeopleChanged));
    }

    #[test]
    fn one_human_with_two_names_is_not_eligible() {
        let mut people = trial::people();
        let key = people.0[&trial::person("diana")].keys[0].clone();
        people.0.get_mut(&trial::person("robot")).unwrap().keys.push(format!("{key} other comment"));
        let mut gate = trial::gate(&["director"], true);
        gate.people = people_digest(&people);
        let refused = eligible(&gate, &trial::person("diana"), &people).unwrap_err();
        assert_eq!(
            refused,
            Refusal::SharedIdentity { person: trial::person("diana"), other: trial::person("robot") }
        );
        let mut people = trial::people();
        people.0.get_mut(&trial::person("pablo")).unwrap().account = Some("dario".to_owned());
        gate.people = people_digest(&people);
        let refused = eligible(&gate, &trial::person("dario"), &people).unwrap_err();
        assert_eq!(
            refused,
            Refusal::SharedIdentity { person: trial::person("dario"), other: trial::person("pablo") }
        );
    }
}
