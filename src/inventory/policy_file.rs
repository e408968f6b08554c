//! Reading an environment's policy, and what holds when it is silent.

use super::project_file::check_zone;
use crate::{
    document::{Decoder, Field, Kind, Node, Shape},
    model::{ApproveRule, BackupRule, EnvironmentKind, Policy, Role, Window},
};
use std::collections::BTreeSet;

const DAY_SECONDS: i64 = 86_400;
const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const APPROVE: Shape = Shape::new(
    "approve rule",
    "Who approves, and for how long it holds.",
    &[
        Field::optional(
            "each",
            Kind::List(&Kind::Name),
            "One person of each of these roles, `[director]` by default.",
        ),
        Field::optional("decide_within", Kind::Duration, "Time to decide, `7d` by default."),
        Field::optional(
            "valid_for",
            Kind::Duration,
            "Time from approval to the first change, `24h` by default.",
        ),
        Field::optional("signed", Kind::Bool, "Whether decisions carry an SSH signature, `true` by default."),
    ],
);

const BACKUP: Shape = Shape::new(
    "backup rule",
    "An older backup that is good enough.",
    &[Field::required(
        "max_age",
        Kind::Duration,
        "Its greatest age; data is then not restored automatically.",
    )],
);

const WINDOW: Shape = Shape::new(
    "window",
    "When changes may start.",
    &[
        Field::optional(
            "days",
            Kind::List(&Kind::Word(DAYS)),
            "Days on which it starts; every day by default.",
        ),
        Field::required("hours", Kind::Text, "`20:00-06:00`; an end before its start is on the next day."),
        Field::optional("zone", Kind::Text, "IANA time zone, the institution's by default."),
    ],
);

/// The shape of a policy.
pub(super) const POLICY: Shape = Shape::new(
    "policy",
    "What an environment asks of a run.",
    &[
        Field::optional(
            "approve",
            Kind::Either(&[Kind::Word(&["none"]), Kind::Shape(&APPROVE)]),
            "Who approves before a change; `none` asks nobody.",
        ),
        Field::optional(
            "passed_in_test",
            Kind::Bool,
            "Whether a release must have passed in a test environment.",
        ),
        Field::optional(
            "backup",
            Kind::Either(&[Kind::Word(&["own"]), Kind::Shape(&BACKUP)]),
            "`own` takes one before every change of what is there.",
        ),
        Field::optional(
            "restore_on_failure",
            Kind::Bool,
            "Whether a failed change is followed by a restore.",
        ),
        Field::optional("window", Kind::Shape(&WINDOW), "When changes may start."),
        Field::optional("run", Kind::List(&Kind::Name), "Roles that may run, back up, restore and cancel."),
    ],
);

/// The policy of an environment whose inventory is silent.
#[must_use]
pub fn default_policy(kind: EnvironmentKind) -> Policy {
    let production = kind == EnvironmentKind::Production;
    Policy {
        approve: production.then(default_rule),
        passed_in_test: production,
        backup: BackupRule::Own,
        restore_on_failure: true,
        window: None,
        run: BTreeSet::new(),
    }
}

fn default_rule() -> ApproveRule {
    ApproveRule {
        each: Role::parse("director").into_iter().collect(),
        decide_within_seconds: 7 * DAY_SECONDS,
        valid_for_seconds: DAY_SECONDS,
        signed: true,
    }
}

/// Reads a policy; `zone` is the institution's time zone.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    node: Option<&Node>,
    kind: EnvironmentKind,
    zone: &str,
) -> Policy {
    let mut policy = default_policy(kind);
    let Some(node) = node else { return policy };
    if let Some(approve) = node.get("approve") {
        policy.approve = approve.scalar().is_none().then(|| rule(decoder, approve));
    }
    if let Some(flag) = node.boolean("passed_in_test") {
        policy.passed_in_test = flag;
    }
    if let Some(seconds) = node.get("backup").and_then(|backup| seconds(backup, "max_age")) {
        policy.backup = BackupRule::MaxAgeSeconds(seconds);
    }
    if let Some(flag) = node.boolean("restore_on_failure") {
        policy.restore_on_failure = flag;
    }
    policy.window = node.get("window").and_then(|window| read_window(decoder, window, zone));
    policy.run = node.texts("run").iter().filter_map(|role| Role::parse(role).ok()).collect();
    policy
}

fn rule(decoder: &mut Decoder<'_>, node: &Node) -> ApproveRule {
    let mut rule = default_rule();
    if let Some(each) = node.get("each") {
        rule.each = node.texts("each").iter().filter_map(|role| Role::parse(role).ok()).collect();
        if each.items().is_empty() {
            let help = "name a role, or write `approve: none` where nobody is asked";
            decoder.error(each.span, "`each` names no role", help);
        }
        let unique: BTreeSet<&Role> = rule.each.iter().collect();
        if unique.len() < rule.each.len() {
            decoder.error(
                each.span,
                "a role is named twice in `each`",
                "one person counts once; name it once",
            );
        }
    }
    rule.decide_within_seconds = seconds(node, "decide_within").unwrap_or(rule.decide_within_seconds);
    rule.valid_for_seconds = seconds(node, "valid_for").unwrap_or(rule.valid_for_seconds);
    for key in ["decide_within", "valid_for"] {
        if let Some(at) = node.get(key).filter(|_| seconds(node, key) == Some(0)) {
            decoder.error(at.span, format!("`{key}` is no time at all"), "give at least `1s`");
        }
    }
    rule.signed = node.boolean("signed").unwrap_or(rule.signed);
    rule
}

fn seconds(node: &Node, key: &str) -> Option<i64> {
    node.duration_seconds(key).and_then(|seconds| i64::try_from(seconds).ok())
}

fn read_window(decoder: &mut Decoder<'_>, node: &Node, zone: &str) -> Option<Window> {
    if let Some(at) = node.get("zone") {
        check_zone(decoder, at);
    }
    let hours = node.get("hours")?;
    let Some((from_minute, to_minute)) = minutes(hours.scalar()?) else {
        let help = "write two times of day such as `20:00-06:00`";
        decoder.error(hours.span, "`hours` are not two different times of day", help);
        return None;
    };
    let day =
        |word: &String| DAYS.iter().position(|day| day == word).and_then(|at| u8::try_from(at + 1).ok());
    Some(Window {
        days: node.texts("days").iter().filter_map(day).collect(),
        from_minute,
        to_minute,
        zone: node.text("zone").unwrap_or_else(|| zone.to_owned()),
    })
}

fn minutes(hours: &str) -> Option<(u16, u16)> {
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let two_digits = |word: &str| word.len() == 2 && word.bytes().all(|digit| digit.is_ascii_digit());
        let (hour, minute): (u16, u16) = (two_digits(hour) && two_digits(minute))
            .then(|| Some((hour.parse().ok()?, minute.parse().ok()?)))??;
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let (from, to) = hours.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from != to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_two_times_of_day() {
        for (text, wanted) in [
            ("20:00-06:00", Some((1200, 360))),
            ("00:00 - 23:59", Some((0, 1439))),
            ("24:00-06:00", None),
            ("8:00-09:00", None),
            ("08:00-08:00", None),
            ("08:00", None),
        ] {
            assert_eq!(minutes(text), wanted, "{text}");
        }
    }
}
