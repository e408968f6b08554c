//! Events in words: the same on the screen, in `show` and in reports.

use super::{
    changes, duration, endings, escape,
    language::{self as states, journal as say},
    moment, roles, size,
};
use crate::{
    check::{Condition, FindingLine},
    model::{Language, Timestamp, Value},
    run::{Event, FindingSummary, Run, StepEnd},
};

/// Longest line of a text from a server or a person, in columns.
const TEXT_COLUMNS_MAX: usize = 2_000;
/// Most lines of such a text; what failed is said first or last, the middle is in the output.
const TEXT_LINES_MAX: usize = 40;

/// The lines that tell an event with its time of day in `zone` and its environment; most are told by
/// one.
#[must_use]
pub fn lines(run: &Run, event: &Event, at: Timestamp, zone: &str, language: Language) -> Vec<String> {
    let clock = moment::exact(at, zone).get(11..19).unwrap_or_default().to_owned();
    let environment = &run.header.environment;
    let words = words(run, event, zone, language);
    words.into_iter().map(|words| format!("{clock} {environment}: {words}")).collect()
}

/// What an event says; times in it are of `zone`. `run` is the run after the event.
#[must_use]
pub fn words(run: &Run, event: &Event, zone: &str, language: Language) -> Vec<String> {
    let words = match event {
        Event::Predicted { value, observed, .. } => {
            let (changes, unknown, same) = value.counts();
            let seen = observed
                .version
                .as_deref()
                .map(|version| say::event_version_seen(language, visible(version)));
            say::event_predicted(language, changes, unknown, same) + &seen.unwrap_or_default()
        }
        Event::PreflightFailed { failure } => say::event_cannot_start(language, visible(&failure.words)),
        Event::Claimed { servers, .. } => say::event_claimed(language, servers.len()),
        Event::Rechecked { .. } => say::event_rechecked(language),
        Event::WentStale { differences, .. } => {
            let stale = differences.iter().map(|(server, step, words)| {
                say::event_stale(language, server, visible(&step.0), visible(words))
            });
            return stale.collect();
        }
        Event::QuiesceStarted => say::event_stopping(language),
        Event::Quiesced => say::event_stopped(language),
        Event::StepsCompleted => say::event_steps_done(language),
        Event::StageAllowed { stage } if stage.phases.is_empty() => {
            say::event_stage_copy(language, visible(&stage.id))
        }
        Event::StageAllowed { stage } => {
            say::event_stage_allowed(language, visible(&stage.id), visible(&stage.phases.join(", ")))
        }
        Event::StageStepsCompleted { stage } => say::event_stage_done(language, visible(stage)),
        Event::UndoAsked { why } => say::event_undo_asked(language, visible(why)),
        Event::Accepted { by } => say::event_accepted(language, visible(by)),
        Event::ServicesStarting => say::event_starting(language),
        Event::ServicesStarted if run.outage_ms > 0 => {
            say::event_services_up_after(language, duration::short(run.outage_seconds()))
        }
        Event::ServicesStarted => say::event_services_up(language),
        Event::ServicesFailed { failure } => say::event_services_failed(language, visible(&failure.words)),
        Event::ChecksPassed { findings } => say::event_checks_good(language, findings.len()),
        Event::ChecksFailed { findings } => {
            let bad = findings.iter().filter(|finding| finding.verdict != "good");
            return bad.map(|bad| say::event_check(language, finding_words(bad, language))).collect();
        }
        Event::CancelAsked { by, reason, .. } => {
            say::event_cancel_asked(language, visible(by), visible(reason))
        }
        Event::Interrupted => say::event_interrupted(language),
        Event::Resumed { by, .. } => say::event_resumed(language, visible(by)),
        Event::BecameStuck { why, how } => {
            say::event_stuck(language, visible(&endings::words(how.as_ref(), why, language)))
        }
        Event::Ended { words, how, .. } => {
            let words = endings::words(how.as_ref(), words, language);
            say::event_ended(language, state(run, language), visible(&words))
        }
        Event::Unknown => say::event_unknown(language),
        other => gate(other, zone, language)
            .or_else(|| backup(other, zone, language))
            .or_else(|| step(other, language))
            .unwrap_or_else(|| say::event_unknown(language)),
    };
    vec![words]
}

fn gate(event: &Event, zone: &str, language: Language) -> Option<String> {
    Some(match event {
        Event::GateOpened { gate } => {
            let roles: Vec<_> = gate.rule.each.iter().map(|role| roles::title(role, language)).collect();
            say::event_gate_opened(language, roles.join(&say::and(language)))
        }
        Event::GateApproved { by, signed, .. } => {
            let by: Vec<_> = by.iter().map(ToString::to_string).collect();
            say::event_approved(language, by.join(", "), how(*signed, language))
        }
        Event::GateRejected { by, reason, .. } => say::event_rejected(language, by, visible(reason)),
        Event::GateExpired { .. } => say::event_expired(language),
        Event::WindowAwaited { opens: Some(opens) } => {
            say::event_window(language, moment::words(*opens, zone, language), visible(zone))
        }
        Event::WindowAwaited { opens: None } => say::event_window_never(language),
        _ => return None,
    })
}

fn backup(event: &Event, zone: &str, language: Language) -> Option<String> {
    Some(match event {
        Event::BackupStarted { backup } => say::event_backup_started(language, visible(backup)),
        Event::BackupItemCopied { item, bytes, .. } => {
            say::event_copied(language, visible(item), size::words(*bytes, language))
        }
        Event::BackupAdmitted { backup, taken_at } => {
            say::event_backup_admitted(language, visible(backup), moment::words(*taken_at, zone, language))
        }
        Event::BackupVerified { record } => {
            say::event_backup_verified(language, &record.backup, size::words(record.size, language))
        }
        Event::BackupFailed { failure } => say::event_no_backup(language, visible(&failure.words)),
        Event::SafetyCopyStarted { .. } => say::event_safety_started(language),
        Event::SafetyCopyTaken { backup, .. } => say::event_safety_taken(language, visible(backup)),
        Event::SafetyCopyFailed { failure } => say::event_safety_failed(language, visible(&failure.words)),
        Event::RestoreFailed { failure } => say::event_restore_failed(language, visible(&failure.words)),
        Event::ItemRestoreStarted { item } => say::event_restoring(language, visible(item)),
        Event::ItemRestored { item } => say::event_restored(language, visible(item)),
        Event::RestoreCompleted => say::event_all_restored(language),
        _ => return None,
    })
}

fn step(event: &Event, language: Language) -> Option<String> {
    Some(match event {
        Event::StepsUnchanged { server, steps, .. } => {
            let steps: Vec<_> = steps.iter().map(|step| visible(&step.0)).collect();
            say::event_unchanged(language, server, steps.join(", "))
        }
        Event::StepSkipped { server, step, .. } => say::event_skipped(language, server, visible(&step.0)),
        Event::StepStarted { server, step, attempt: 0 | 1, summary, .. } => say::event_started(
            language,
            server,
            visible(&step.0),
            visible(&changes::words(summary, language)),
        ),
        Event::StepStarted { server, step, attempt, summary, .. } => say::event_started_again(
            language,
            server,
            visible(&step.0),
            attempt,
            visible(&changes::words(summary, language)),
        ),
        Event::StepEnded { server, step, end, .. } => {
            let step = visible(&step.0);
            match end {
                StepEnd::Changed { .. } => say::event_changed(language, server, step),
                StepEnd::Failed { words, .. } => say::event_failed(language, server, step, visible(words)),
                StepEnd::InDoubt { words } => say::event_in_doubt(language, server, step, visible(words)),
            }
        }
        Event::ServerLost { server, words, .. } => say::event_lost(language, server, visible(words)),
        _ => return None,
    })
}

/// Whether a decision was signed.
#[must_use]
pub fn how(signed: bool, language: Language) -> String {
    if signed { say::how_signed(language) } else { say::how_unsigned(language) }
}

/// How a run stands, in words.
#[must_use]
pub fn state(run: &Run, language: Language) -> String {
    match run.label() {
        "planned" => states::state_planned(language),
        "waiting" => {
            let roles = run.gate.iter().flat_map(|gate| &gate.rule.each);
            states::state_waiting_approval(language, roles::titles(roles, language))
        }
        "waiting_window" => states::state_waiting_window_any(language),
        "backing_up" => states::state_backing_up(language),
        "running" => states::state_running(language),
        "verifying" => states::state_verifying(language),
        "restoring" => states::state_restoring(language),
        "held" => states::state_held(language),
        "stuck" => states::state_stuck(language),
        "succeeded" => states::state_succeeded(language),
        "restored" => states::state_restored(language),
        "rejected" => states::state_rejected(language),
        "expired" => states::state_expired(language),
        "stale" => states::state_stale(language),
        "cancelled" => states::state_cancelled(language),
        _ => states::state_failed(language),
    }
}

/// A finding in one line.
#[must_use]
pub fn finding_words(finding: &FindingSummary, language: Language) -> String {
    let lines: Vec<_> = match finding.measured.as_slice() {
        // A journal of an earlier version, or a check that could not be asked.
        [] => finding.lines.iter().map(|line| visible(line)).collect(),
        measured => measured.iter().map(|line| visible(&line_words(line, language))).collect(),
    };
    let verdict = match finding.verdict.as_str() {
        "good" => say::verdict_good(language),
        "bad" => say::verdict_bad(language),
        _ => say::verdict_unknown(language),
    };
    say::finding(language, visible(&finding.check), &finding.server, verdict, lines.join("; "))
}

fn line_words(line: &FindingLine, language: Language) -> String {
    let figure = |text: &str| figure(text, line.unit.as_deref(), language);
    let text = |value: &Value| figure(&escape::capped(&value.scalar().unwrap_or_default(), 80));
    let limit = |limit: &i64| figure(&limit.to_string());
    let wanted = match &line.condition {
        Some(Condition::Is(value)) => say::wanted_is(language, text(value)),
        Some(Condition::Not(value)) => say::wanted_not(language, text(value)),
        Some(Condition::Contains(part)) => say::wanted_contains(language, escape::capped(part, 80)),
        Some(Condition::Matches(expression)) => say::wanted_matches(language, escape::capped(expression, 80)),
        Some(Condition::Below(value)) => say::wanted_below(language, limit(value)),
        Some(Condition::Above(value)) => say::wanted_above(language, limit(value)),
        Some(Condition::AtLeast(value)) => say::wanted_at_least(language, limit(value)),
        Some(Condition::AtMost(value)) => say::wanted_at_most(language, limit(value)),
        None => escape::capped(&line.wanted, 80),
    };
    let source = line.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    say::found(language, &line.value, figure(&line.found), wanted) + &source
}

/// A figure with its unit; what is no figure, because nothing could be measured, has none.
fn figure(text: &str, unit: Option<&str>, language: Language) -> String {
    match (unit, text.parse::<i64>()) {
        (Some("bytes"), Ok(bytes)) if bytes >= 0 => size::words(bytes.unsigned_abs(), language),
        (Some(unit), Ok(_)) => format!("{text} {unit}"),
        _ => text.to_owned(),
    }
}

/// Untrusted text: its lines stay lines, nothing in it moves the cursor.
fn visible(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().map(|line| escape::capped(line, TEXT_COLUMNS_MAX)).collect();
    if lines.len() > TEXT_LINES_MAX {
        let half = TEXT_LINES_MAX / 2;
        lines.splice(half..lines.len() - half, ["…".to_owned()]);
    }
    lines.join("\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::{
        approval::Judged,
        model::{
            BackupRule, Digest, EnvironmentKind, EnvironmentName, Policy, RunId, ServerName, StepId,
            SystemName,
        },
        run::{Ending, Failure, Goal, RunHeader},
    };

    const EVIL: &str = "\u{1b}[2J\nAPPROVED\u{202e}";

    fn run() -> Run {
        let policy = Policy {
            approve: None,
            passed_in_test: false,
            backup: BackupRule::Own,
            restore_on_failure: true,
            window: None,
            run: Default::default(),
        };
        let digest = Digest::of(b"x");
        Run::new(RunHeader {
            format: 1,
            id: RunId("0193".to_owned()),
            goal: Goal::Change,
            system: SystemName::parse("wiki").unwrap(),
            environment: EnvironmentName::parse("test").unwrap(),
            environment_kind: EnvironmentKind::Test,
            playbook: "playbooks/wiki/update.yaml".to_owned(),
            title: None,
            version: None,
            release: digest,
            plan: digest,
            requested_by: None,
            requested_account: "luis".to_owned(),
            requested_by_machine: false,
            why: None,
            judged: Judged::from(&policy),
            weakening: Vec::new(),
            staged_by: None,
            asked_by_procedure: Vec::new(),
            people: digest,
        })
    }

    fn events() -> Vec<Event> {
        let failure = || Failure { at: None, words: EVIL.to_owned(), hint: None, unreachable: false };
        let (server, step) = (ServerName::parse("web").unwrap(), StepId(EVIL.to_owned()));
        let finding = FindingSummary {
            check: EVIL.to_owned(),
            server: server.clone(),
            verdict: "bad".to_owned(),
            lines: vec![EVIL.to_owned()],
            measured: vec![FindingLine {
                value: EVIL.to_owned(),
                wanted: EVIL.to_owned(),
                condition: Some(Condition::Contains(EVIL.to_owned())),
                found: EVIL.to_owned(),
                unit: None,
                verdict: Verdict::Bad,
                source: Some(EVIL.to_owned()),
            }],
        };
        let ended = |end| Event::StepEnded { server: server.clone(), step: step.clone(), attempt: 1, end };
        vec![
            Event::PreflightFailed { failure: failure() },
            Event::WindowAwaited { opens: Some(Timestamp(0)) },
            Event::WindowAwaited { opens: None },
            Event::QuiesceStarted,
            Event::BackupFailed { failure: failure() },
            Event::BackupItemCopied { backup: EVIL.to_owned(), item: EVIL.to_owned(), bytes: 5 },
            Event::StepSkipped { server: server.clone(), step: step.clone(), when: EVIL.to_owned() },
            ended(StepEnd::Changed { registered: None, output: None }),
            ended(StepEnd::Failed { words: EVIL.to_owned(), output: None, last: true }),
            ended(StepEnd::InDoubt { words: EVIL.to_owned() }),
            Event::ServerLost { server: server.clone(), words: EVIL.to_owned(), hint: None },
            Event::ServicesFailed { failure: failure() },
            Event::ChecksFailed { findings: vec![finding] },
            Event::RestoreFailed { failure: failure() },
            Event::Resumed { by: EVIL.to_owned(), epoch: 1 },
            Event::stuck(Ending::Other { words: EVIL.repeat(10_000) }),
            Event::ended(1, Ending::Failed { words: EVIL.to_owned() }),
            Event::Unknown,
        ]
    }

    #[test]
    fn moments_are_of_the_zone_that_is_named() {
        // A Saturday at eight in the evening in Bogotá is a Sunday at one in UTC.
        let opens = Timestamp(1_795_914_000_000);
        for (event, language, told) in [
            (
                Event::WindowAwaited { opens: Some(opens) },
                Language::En,
                "waits for its window, which opens Saturday 28 November 2026, 20:00 (America/Bogota)",
            ),
            (
                Event::WindowAwaited { opens: Some(opens) },
                Language::Es,
                "espera su ventana, que abre el sábado 28 de noviembre de 2026, 20:00 (America/Bogota)",
            ),
            (
                Event::BackupAdmitted { backup: "b1".to_owned(), taken_at: opens },
                Language::En,
                "backup b1 of Saturday 28 November 2026, 20:00 read back: the policy admits it",
            ),
        ] {
            assert_eq!(
                lines(&run(), &event, opens, "America/Bogota", language),
                [format!("20:00:00 test: {told}")]
            );
        }
    }

    #[test]
    fn figures_of_checks_have_their_units() {
        let line = |value: &str, unit: &str, found: &str, condition| FindingLine {
            value: value.to_owned(),
            wanted: String::new(),
            condition: Some(condition),
            found: found.to_owned(),
            unit: Some(unit.to_owned()),
            verdict: Verdict::Good,
            source: None,
        };
        for (line, en, es) in [
            (
                line("time.p95", "ms", "3", Condition::Below(2000)),
                "time.p95: 3 ms (wanted: below 2000 ms)",
                "time.p95: 3 ms (se espera: menor que 2000 ms)",
            ),
            (
                line("free", "bytes", "2147483648", Condition::AtLeast(1_073_741_824)),
                "free: 2.0 GiB (wanted: at least 1.0 GiB)",
                "free: 2,0 GiB (se espera: al menos 1,0 GiB)",
            ),
            (
                line("used", "%", "no answer", Condition::AtMost(90)),
                "used: no answer (wanted: at most 90 %)",
                "used: no answer (se espera: a lo sumo 90 %)",
            ),
        ] {
            assert_eq!([line_words(&line, Language::En), line_words(&line, Language::Es)], [en, es]);
        }
    }

    #[test]
    fn every_event_is_told_in_both_languages_and_moves_no_cursor() {
        for event in events() {
            let [es, en] = [Language::Es, Language::En].map(|language| {
                let told = lines(&run(), &event, Timestamp(0), "UTC", language).join("\n");
                assert!(told.starts_with("00:00:00 test: ") && told.len() < 20_000, "{told}");
                // Lines of a text stay lines, indented under the event that they belong to.
                assert!(told.lines().skip(1).all(|line| line.starts_with("    ")), "{told}");
                assert!(told.lines().all(|line| escape::visible(line) == line), "{told}");
                told
            });
            assert_ne!(es, en);
        }
    }
}
