//! The policy that a run is judged under: the stricter, rule by rule, of what is planned and what is in force.

use super::{Approved, Refusal, Weakening, refusal, window};
use crate::inventory::default_policy;
use crate::model::{
    ApproveRule, BackupRule, Digest, EnvironmentKind, People, Person, Policy, Role, Window, canonical,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a run is judged under, and what stays in force in an environment.
///
/// Not a [`Policy`]: two windows or two sets of roles that must both hold are in general not one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Who must approve; nothing means that nobody is asked.
    pub approve: Option<ApproveRule>,
    /// Whether a release must have passed in test first.
    pub passed_in_test: bool,
    /// What stands behind a change.
    pub backup: BackupRule,
    /// Whether a failed change is followed by a restore.
    pub restore_on_failure: bool,
    /// All of these must be open when a change starts; none means always.
    pub windows: Vec<Window>,
    /// One role of each of these sets may run; none means everybody.
    pub run: Vec<BTreeSet<Role>>,
    /// The kind as which the environment is treated; nothing in what was recorded before it was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<EnvironmentKind>,
}

impl From<&Policy> for Judged {
    fn from(policy: &Policy) -> Self {
        Self {
            approve: policy.approve.clone(),
            passed_in_test: policy.passed_in_test,
            backup: policy.backup.clone(),
            restore_on_failure: policy.restore_on_failure,
            windows: policy.window.iter().cloned().collect(),
            run: if policy.run.is_empty() { Vec::new() } else { vec![policy.run.clone()] },
            kind: None,
        }
    }
}

impl Judged {
    /// What a plan asks for: its policy, and the kind that its environment has in the inventory.
    #[must_use]
    pub fn planned(policy: &Policy, kind: EnvironmentKind) -> Self {
        Self { kind: Some(kind), ..Self::from(policy) }
    }

    /// The digest that gates and decisions name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(self)
    }
}

/// The digest of the people file's content; gates record it.
#[must_use]
pub fn people_digest(people: &People) -> Digest {
    digest(people)
}

// The model holds integers and texts only, so canonical text exists; an empty text would still be a
// constant that no honest value shares.
pub(super) fn digest<T: Serialize>(value: &T) -> Digest {
    Digest::of(canonical(value).unwrap_or_default().as_bytes())
}

/// Returns the stricter of both, rule by rule, and every rule that `planned` would weaken.
#[must_use]
pub fn stricter(in_force: &Judged, planned: &Judged) -> (Judged, Vec<Weakening>) {
    let mut weakening = Vec::new();
    let judged = Judged {
        approve: approvals(in_force.approve.as_ref(), planned.approve.as_ref(), &mut weakening),
        passed_in_test: in_force.passed_in_test || planned.passed_in_test,
        backup: backups(&in_force.backup, &planned.backup, &mut weakening),
        restore_on_failure: in_force.restore_on_failure || planned.restore_on_failure,
        windows: union(&in_force.windows, &planned.windows),
        run: union(&in_force.run, &planned.run),
        kind: in_force.kind.max(planned.kind),
    };
    if let (Some(was), Some(becomes)) = (in_force.kind, planned.kind)
        && becomes < was
    {
        weakening.push(Weakening::LowerKind { was, becomes });
    }
    if in_force.passed_in_test && !planned.passed_in_test {
        weakening.push(Weakening::NotTested);
    }
    if in_force.restore_on_failure && !planned.restore_on_failure {
        weakening.push(Weakening::NoRestore);
    }
    if !in_force.windows.iter().all(|old| planned.windows.iter().any(|new| window::within(new, old))) {
        weakening.push(Weakening::WiderWindow);
    }
    if !in_force.run.iter().all(|old| planned.run.iter().any(|new| new.is_subset(old))) {
        weakening.push(Weakening::MoreMayRun);
    }
    (judged, weakening)
}

/// Returns the policy with the approval of each of these roles asked for beyond what it asks.
#[must_use]
pub fn asking(judged: Judged, roles: &[Role]) -> Judged {
    if roles.is_empty() {
        return judged;
    }
    let like = judged.approve.clone().or_else(|| default_policy(EnvironmentKind::Production).approve);
    let rule = like.map(|rule| ApproveRule { each: roles.to_vec(), ..rule });
    Judged { approve: approvals(judged.approve.as_ref(), rule.as_ref(), &mut Vec::new()), ..judged }
}

/// Returns what is in force after a run: the planned policy if those whom the old one names agreed to it.
#[must_use]
pub fn in_force_after(in_force: &Judged, planned: &Judged, approved: &Approved) -> Judged {
    let (judged, weakening) = stricter(in_force, planned);
    let nobody_named = in_force.approve.is_none();
    if weakening.is_empty() || nobody_named || approved.consents_to_weakening() {
        return planned.clone();
    }
    judged
}

/// Whether `person` may run, back up, restore and cancel. Machines may, if they have the role.
pub fn may_run(judged: &Judged, person: Option<&Person>) -> Result<(), Refusal> {
    for roles in &judged.run {
        let person = person.ok_or(Refusal::UnknownCaller)?;
        if person.roles.is_disjoint(roles) {
            return Err(Refusal::MayNotRun { needed: refusal::roles(roles) });
        }
    }
    Ok(())
}

fn approvals(
    old: Option<&ApproveRule>,
    new: Option<&ApproveRule>,
    weakening: &mut Vec<Weakening>,
) -> Option<ApproveRule> {
    let (old, new) = match (old, new) {
        (None, new) => return new.cloned(),
        (Some(old), None) => {
            weakening.push(Weakening::ApprovalRemoved { roles: old.each.clone() });
            return Some(old.clone());
        }
        (Some(old), Some(new)) => (old, new),
    };
    let (was, becomes) = (counts(&old.each), counts(&new.each));
    let mut each = Vec::new();
    for role in was.keys().chain(becomes.keys()).copied().collect::<BTreeSet<&Role>>() {
        let (was, becomes) = (count(&was, role), count(&becomes, role));
        if becomes < was {
            weakening.push(Weakening::FewerApprovals { role: role.clone(), was, becomes });
        }
        each.extend(std::iter::repeat_n(role.clone(), was.max(becomes)));
    }
    if new.decide_within_seconds > old.decide_within_seconds {
        let (was_seconds, becomes_seconds) = (old.decide_within_seconds, new.decide_within_seconds);
        weakening.push(Weakening::LongerToDecide { was_seconds, becomes_seconds });
    }
    if new.valid_for_seconds > old.valid_for_seconds {
        let (was_seconds, becomes_seconds) = (old.valid_for_seconds, new.valid_for_seconds);
        weakening.push(Weakening::LongerValid { was_seconds, becomes_seconds });
    }
    if old.signed && !new.signed {
        weakening.push(Weakening::Unsigned);
    }
    Some(ApproveRule {
        each,
        decide_within_seconds: old.decide_within_seconds.min(new.decide_within_seconds),
        valid_for_seconds: old.valid_for_seconds.min(new.valid_for_seconds),
        signed: old.signed || new.signed,
    })
}

fn counts(roles: &[Role]) -> BTreeMap<&Role, usize> {
    let mut counts = BTreeMap::new();
    for role in roles {
        *counts.entry(role).or_default() += 1;
    }
    counts
}

fn count(counts: &BTreeMap<&Role, usize>, role: &Role) -> usize {
    counts.get(role).copied().unwrap_or(0)
}

fn backups(old: &BackupRule, new: &BackupRule, weakening: &mut Vec<Weakening>) -> BackupRule {
    match (old, new) {
        (BackupRule::Own, BackupRule::Own) => BackupRule::Own,
        (BackupRule::Own, BackupRule::MaxAgeSeconds(age)) => {
            weakening.push(Weakening::OlderBackup { was_seconds: None, becomes_seconds: *age });
            BackupRule::Own
        }
        (BackupRule::MaxAgeSeconds(_), BackupRule::Own) => BackupRule::Own,
        (BackupRule::MaxAgeSeconds(was), BackupRule::MaxAgeSeconds(becomes)) => {
            if becomes > was {
                weakening.push(Weakening::OlderBackup { was_seconds: Some(*was), becomes_seconds: *becomes });
            }
            BackupRule::MaxAgeSeconds(*was.min(becomes))
        }
    }
}

fn union<T: Clone + PartialEq>(old: &[T], new: &[T]) -> Vec<T> {
    let mut both = old.to_vec();
    both.extend(new.iter().filter(|item| !old.contains(item)).cloned());
    both
}

#[cfg(test)]
mod tests {
    use super::super::trial;
    use super::*;

    fn production() -> Policy {
        trial::policy(&["director"], true)
    }

    #[test]
    fn the_same_policy_weakens_nothing() {
        let policy = production();
        let (judged, weakening) = stricter(&Judged::from(&policy), &Judged::from(&policy));
        assert_eq!(judged, Judged::from(&policy));
        assert_eq!(weakening, []);
    }

    #[test]
    fn every_loosened_rule_is_named_and_has_no_effect() {
        let mut old = production();
        old.run = BTreeSet::from([trial::role("professional")]);
        old.window = Some(trial::window(&[6], 20 * 60, 6 * 60));
        let old = Judged::from(&old);
        let loose = Policy {
            approve: None,
            passed_in_test: false,
            backup: BackupRule::MaxAgeSeconds(3600),
            restore_on_failure: false,
            window: None,
            run: BTreeSet::new(),
        };
        let (judged, weakening) = stricter(&old, &Judged::from(&loose));
        assert_eq!(judged, old);
        assert_eq!(weakening.len(), 6, "{weakening:?}");
        for each in weakening {
            assert_ne!(each.words(crate::model::Language::Es), each.words(crate::model::Language::En));
        }
    }

    #[test]
    fn approval_rules_take_the_larger_number_and_the_shorter_time() {
        let old = production();
        let mut new = trial::policy(&["unit", "unit"], false);
        let rule = new.approve.as_mut().unwrap();
        (rule.decide_within_seconds, rule.valid_for_seconds) = (60, i64::MAX);
        let (judged, weakening) = stricter(&Judged::from(&old), &Judged::from(&new));
        let rule = judged.approve.unwrap();
        assert_eq!(rule.each, ["director", "unit", "unit"].map(trial::role));
        assert!(rule.signed);
        assert_eq!(rule.decide_within_seconds, 60);
        assert_eq!(rule.valid_for_seconds, old.approve.unwrap().valid_for_seconds);
        assert!(weakening.contains(&Weakening::Unsigned));
        assert!(weakening.contains(&Weakening::FewerApprovals {
            role: trial::role("director"),
            was: 1,
            becomes: 0
        }));
    }

    #[test]
    fn disjoint_roles_let_nobody_run_rather_than_everybody() {
        let mut old = production();
        old.run = BTreeSet::from([trial::role("professional")]);
        let mut new = production();
        new.run = BTreeSet::from([trial::role("intern")]);
        let (judged, weakening) = stricter(&Judged::from(&old), &Judged::from(&new));
        assert_eq!(weakening, [Weakening::MoreMayRun]);
        let people = trial::people();
        for person in people.0.values() {
            assert!(may_run(&judged, Some(person)).is_err(), "{}", person.name);
        }
        assert_eq!(may_run(&judged, None), Err(Refusal::UnknownCaller));
        assert_eq!(may_run(&Judged::from(&production()), None), Ok(()));
    }

    #[test]
    fn a_weaker_policy_takes_effect_only_by_those_whom_the_old_one_names() {
        use super::super::{Decision, Verdict, evaluate};
        let old = Judged::from(&production());
        let mut weaker = production();
        weaker.restore_on_failure = false;
        let weaker = Judged::from(&weaker);
        let (judged, weakening) = stricter(&old, &weaker);
        let mut gate = trial::gate(&["director"], true);
        gate.subject.policy = judged.digest();
        let approve = |gate: &super::super::Gate| {
            let decision = trial::decide(gate, "diana", Decision::Approve);
            match evaluate(gate, &[decision], &trial::people(), gate.opened_at.plus_seconds(120)) {
                Verdict::Approved(approved) => approved,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(in_force_after(&old, &weaker, &approve(&gate)), old, "the gate did not show it");
        gate.weakening = weakening;
        assert_eq!(in_force_after(&old, &weaker, &approve(&gate)), weaker);

        assert_eq!(Approved::not_required(&old), None);
        let mut open = production();
        open.approve = None;
        let nobody = Approved::not_required(&Judged::from(&open)).unwrap();
        assert!(nobody.holds_at(trial::OPENED) && !nobody.signed() && nobody.by().is_empty());
        assert_eq!(in_force_after(&old, &weaker, &nobody), old, "nobody was asked");
    }

    #[test]
    fn a_lower_kind_is_a_weakening_and_has_no_effect_by_itself() {
        let (production, test) = (EnvironmentKind::Production, EnvironmentKind::Test);
        let old = Judged::planned(&trial::policy(&["director"], true), production);
        let (judged, weakening) = stricter(&old, &Judged::planned(&trial::policy(&["director"], true), test));
        assert_eq!(judged.kind, Some(production));
        assert_eq!(weakening, [Weakening::LowerKind { was: production, becomes: test }]);
        for each in weakening {
            assert_ne!(each.words(crate::model::Language::Es), each.words(crate::model::Language::En));
        }
        // What was recorded before kinds were is neither stricter nor weaker, and keeps its digest.
        let older = Judged::from(&trial::policy(&["director"], true));
        assert!(!canonical(&older).unwrap().contains("kind"));
        assert_eq!(stricter(&older, &old).1, []);
    }
}
