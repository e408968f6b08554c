//! Whether a gate can be satisfied at all, and by whom: found when planning, not after a week of waiting.

use super::gate::{has_key, shares_identity};
use super::{Judged, Opening, quorum, window};
use crate::model::{Language, People, PersonName, Role, Timestamp};
use std::collections::BTreeSet;
use std::fmt;

/// What is wrong with a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateFinding {
    /// The rule names no role, so nothing can ever approve.
    AsksNobody,
    /// Nobody has the role.
    NobodyHasRole(Role),
    /// Only machines have the role.
    OnlyMachines(Role),
    /// Only the requester has the role.
    OnlyRequester(Role),
    /// Several roles need several people, and there are fewer.
    TooFewPeople,
    /// Decisions are signed, and this person has no key.
    NoKey(PersonName),
    /// Two names with one key or account: neither may decide.
    SharedIdentity(PersonName, PersonName),
    /// The window cannot be read.
    UnreadableWindow,
    /// The window does not open while an approval could hold.
    WindowNeverOpens,
}

impl GateFinding {
    /// Whether it keeps the gate from ever being passed; the others are worth knowing.
    #[must_use]
    pub fn blocks(&self) -> bool {
        !matches!(self, Self::NoKey(_) | Self::SharedIdentity(..))
    }

    /// The finding in a person's language.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        if language == Language::En {
            return self.to_string();
        }
        match self {
            Self::AsksNobody => "la regla de aprobación no nombra ningún rol".to_owned(),
            Self::NobodyHasRole(role) => format!("nadie tiene el rol `{role}`"),
            Self::OnlyMachines(role) => format!("solo máquinas tienen el rol `{role}`"),
            Self::OnlyRequester(role) => format!("solo quien solicita tiene el rol `{role}`"),
            Self::TooFewPeople => "no hay suficientes personas distintas para todos los roles".to_owned(),
            Self::NoKey(person) => format!("`{person}` no tiene llave SSH, y aquí las decisiones se firman"),
            Self::SharedIdentity(one, other) => {
                format!("`{one}` y `{other}` comparten una llave o una cuenta")
            }
            Self::UnreadableWindow => "la ventana de cambios no se puede leer".to_owned(),
            Self::WindowNeverOpens => {
                "la ventana de cambios no abre mientras una aprobación podría estar vigente".to_owned()
            }
        }
    }
}

impl fmt::Display for GateFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsksNobody => f.write_str("the approval rule names no role"),
            Self::NobodyHasRole(role) => write!(f, "nobody has the role `{role}`"),
            Self::OnlyMachines(role) => write!(f, "only machines have the role `{role}`"),
            Self::OnlyRequester(role) => write!(f, "only the requester has the role `{role}`"),
            Self::TooFewPeople => f.write_str("there are not enough different people for all roles"),
            Self::NoKey(person) => write!(f, "`{person}` has no SSH key, and decisions are signed here"),
            Self::SharedIdentity(one, other) => write!(f, "`{one}` and `{other}` share a key or an account"),
            Self::UnreadableWindow => f.write_str("the window cannot be read"),
            Self::WindowNeverOpens => f.write_str("the window does not open while an approval could hold"),
        }
    }
}

/// Judges the gate that `requester` would open at `now`.
#[must_use]
pub fn lint(
    judged: &Judged,
    people: &People,
    requester: Option<&PersonName>,
    now: Timestamp,
) -> Vec<GateFinding> {
    let mut findings = windows(judged, now);
    let Some(rule) = &judged.approve else { return findings };
    if rule.each.is_empty() {
        findings.push(GateFinding::AsksNobody);
    }
    for role in rule.each.iter().collect::<BTreeSet<_>>() {
        findings.extend(holders(role, people, requester));
    }
    let mut able = Vec::new();
    for person in people.0.values().filter(|person| !person.machine && Some(&person.name) != requester) {
        if !rule.each.iter().any(|role| person.roles.contains(role)) {
            continue;
        }
        if rule.signed && !has_key(person) {
            findings.push(GateFinding::NoKey(person.name.clone()));
        } else if let Some(other) = shares_identity(person, people) {
            findings.push(GateFinding::SharedIdentity(person.name.clone(), other));
        } else {
            able.push(person.roles.clone());
        }
    }
    let all_held = quorum::assign(&rule.each, &able).iter().all(Option::is_some);
    if !all_held && !findings.iter().any(GateFinding::blocks) {
        findings.push(GateFinding::TooFewPeople);
    }
    findings
}

fn windows(judged: &Judged, now: Timestamp) -> Vec<GateFinding> {
    if !judged.windows.iter().all(window::is_readable) {
        return vec![GateFinding::UnreadableWindow];
    }
    let Opening::Closed { opens } = window::is_open(&judged.windows, now) else { return Vec::new() };
    let last = judged
        .approve
        .as_ref()
        .map(|rule| now.plus_seconds(rule.decide_within_seconds.saturating_add(rule.valid_for_seconds)));
    let reachable = opens.is_some_and(|opens| last.is_none_or(|last| opens <= last));
    if reachable { Vec::new() } else { vec![GateFinding::WindowNeverOpens] }
}

fn holders(role: &Role, people: &People, requester: Option<&PersonName>) -> Option<GateFinding> {
    let mut humans = people.with_role(role).peekable();
    if humans.peek().is_none() {
        let machine = people.0.values().any(|person| person.roles.contains(role));
        let role = role.clone();
        return Some(if machine {
            GateFinding::OnlyMachines(role)
        } else {
            GateFinding::NobodyHasRole(role)
        });
    }
    humans.all(|person| Some(&person.name) == requester).then(|| GateFinding::OnlyRequester(role.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::trial;
    use super::*;

    fn judged(each: &[&str]) -> Judged {
        Judged::from(&trial::policy(each, true))
    }

    #[test]
    fn gates_that_nobody_can_pass_are_found() {
        let people = trial::people();
        let pablo = trial::person("pablo");
        let blocking = |judged: &Judged, people: &People| -> Vec<GateFinding> {
            let findings = lint(judged, people, Some(&pablo), trial::OPENED);
            findings.into_iter().filter(GateFinding::blocks).collect()
        };
        let role = trial::role;
        assert_eq!(blocking(&judged(&["director", "unit"]), &people), []);
        assert_eq!(blocking(&judged(&[]), &people), [GateFinding::AsksNobody]);
        assert_eq!(blocking(&judged(&["rector"]), &people), [GateFinding::NobodyHasRole(role("rector"))]);
        let only_pablo = blocking(&judged(&["professional"]), &people);
        assert_eq!(only_pablo, [GateFinding::OnlyRequester(role("professional"))]);
        let three = blocking(&judged(&["unit", "unit", "unit"]), &people);
        assert_eq!(three, [GateFinding::TooFewPeople]);
        let mut machines = people.clone();
        machines.0.retain(|_, person| person.machine);
        assert_eq!(blocking(&judged(&["unit"]), &machines), [GateFinding::OnlyMachines(role("unit"))]);
        let findings = lint(&judged(&["director"]), &people, Some(&pablo), trial::OPENED);
        assert_eq!(findings, [GateFinding::NoKey(trial::person("keyless"))]);
        for finding in &findings {
            assert_ne!(finding.message(Language::Es), finding.message(Language::En));
        }
    }

    #[test]
    fn a_window_that_opens_too_late_is_found() {
        let mut judged = judged(&["director"]);
        // The gate opens on a Monday; one day to decide, one day to hold.
        judged.windows = vec![trial::window(&[6], 0, 60)];
        let people = trial::people();
        assert!(!lint(&judged, &people, None, trial::OPENED).contains(&GateFinding::WindowNeverOpens));
        judged.approve.as_mut().unwrap().decide_within_seconds = 86_400;
        assert!(lint(&judged, &people, None, trial::OPENED).contains(&GateFinding::WindowNeverOpens));
        judged.windows[0].zone = "Nowhere/Else".to_owned();
        assert!(lint(&judged, &people, None, trial::OPENED).contains(&GateFinding::UnreadableWindow));
    }
}
