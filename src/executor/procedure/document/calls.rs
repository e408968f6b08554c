//! What the journals of called runs tell: tests, restores, approvals, how they ended.

use super::{
    facts::Words,
    journals::{Call, Journals},
};
use crate::{
    check::Verdict,
    executor::Site,
    model::{Digest, EnvironmentKind, Timestamp},
    procedure::{Activity, ActivityKind, Answer, Event},
    report::{
        documents::{Approval, Called, Finding, Line, Reversal, Test},
        duration,
    },
    run::{self, BackupState, FindingSummary, Goal},
};

/// Largest report of checks that is read, in bytes.
const REPORT_BYTES_MAX: u64 = 8 << 20;
/// Most lines of findings in one document; what is beyond stands in the reports themselves.
const LINES_MAX: usize = 3000;

/// The findings of a report in the depot; a report on what a playbook would find has none.
pub fn report(site: &Site, digest: &Digest) -> Vec<FindingSummary> {
    #[derive(serde::Deserialize)]
    struct Report {
        #[serde(default)]
        findings: Vec<FindingSummary>,
    }
    let bytes = site.depot.read(digest, REPORT_BYTES_MAX).unwrap_or_default();
    // Reports of the first version are the findings alone.
    serde_json::from_slice::<Report>(&bytes)
        .map(|report| report.findings)
        .or_else(|_| serde_json::from_slice(&bytes))
        .unwrap_or_default()
}

/// Everything that was tested, by the procedure itself and by the runs that it called.
pub fn tests(site: &Site, journals: &Journals<'_>, words: &Words<'_>) -> Vec<(Timestamp, Test)> {
    let mut tests = Vec::new();
    for (event, at) in journals.events {
        let Event::Measured { activity: id, good, report: digest } = event else { continue };
        let Some(activity) = journals.run.procedure.activity(id) else { continue };
        let place = activity.environment.map(|kind| words.environment(kind)).unwrap_or_default();
        tests.push((*at, test(words, activity, &place, *at, *good, &report(site, digest))));
    }
    for call in &journals.calls {
        let (Some(run), Some(activity)) = (&call.run, journals.run.procedure.activity(&call.activity)) else {
            continue;
        };
        for (event, at) in &call.events {
            let (good, findings) = match event {
                run::Event::ChecksPassed { findings } => (true, findings),
                run::Event::ChecksFailed { findings } => (false, findings),
                _ => continue,
            };
            tests.push((*at, test(words, activity, run.header.environment.as_str(), *at, good, findings)));
        }
    }
    tests.sort_by_key(|(at, _)| *at);
    tests
}

/// The tests without what would make the document longer than it may be: the oldest give first, and
/// what is good gives before what is not.
pub fn bounded(mut tests: Vec<Test>) -> Vec<Test> {
    let mut room = LINES_MAX;
    for test in tests.iter_mut().rev() {
        test.findings.sort_by_key(|one| one.verdict == "good");
        let before = test.findings.len();
        test.findings.retain(|one| {
            let lines = 1 + one.lines.len();
            let fits = lines <= room;
            room = if fits { room - lines } else { 0 };
            fits
        });
        test.more = before - test.findings.len();
    }
    tests
}

fn test(
    words: &Words<'_>,
    activity: &Activity,
    environment: &str,
    at: Timestamp,
    good: bool,
    findings: &[FindingSummary],
) -> Test {
    Test {
        activity: activity.id.to_string(),
        what: words.text(&activity.text),
        environment: environment.to_owned(),
        at: words.moment(at),
        good,
        findings: findings.iter().map(|one| finding(words, one)).collect(),
        more: 0,
    }
}

fn finding(words: &Words<'_>, summary: &FindingSummary) -> Finding {
    let measured = summary.measured.iter().map(|line| Line {
        value: line.value.clone(),
        found: line.found.clone(),
        unit: line.unit.clone().unwrap_or_default(),
        wanted: words.wanted(&line.wanted),
        source: line.source.clone().unwrap_or_default(),
        verdict: match line.verdict {
            Verdict::Good => "good",
            Verdict::Bad => "bad",
            Verdict::Unknown => "unknown",
        }
        .to_owned(),
    });
    let mut lines: Vec<Line> = measured.collect();
    if lines.is_empty() {
        // An earlier version kept sentences only.
        lines = summary.lines.iter().map(|found| Line { found: found.clone(), ..Line::default() }).collect();
    }
    Finding {
        check: summary.check.clone(),
        server: summary.server.to_string(),
        verdict: summary.verdict.clone(),
        lines,
    }
}

/// The runs that were called.
pub fn called(journals: &Journals<'_>, words: &Words<'_>) -> Vec<Called> {
    let one = |call: &Call| {
        let run = call.run.as_ref();
        let backup = run.and_then(|run| match &run.backup {
            BackupState::Verified(record) => Some(record.backup.to_string()),
            BackupState::Admitted(id) => Some(id.clone()),
            _ => None,
        });
        let outage = run.map(run::Run::outage_seconds).filter(|seconds| *seconds > 0);
        let environment = run.map(|run| run.header.environment.to_string()).unwrap_or_default();
        Called {
            activity: call.activity.to_string(),
            what: words.activity(journals, &call.activity),
            run: call.row.new.id.to_string(),
            playbook: call.row.new.playbook.clone(),
            environment,
            version: run.and_then(|run| run.header.version.clone()).unwrap_or_default(),
            good: call.row.final_exit == Some(0),
            end: run.and_then(|run| run.ended.as_ref()).map(|(_, words)| words.clone()).unwrap_or_default(),
            at: words.moment(call.row.opened_at),
            backup: backup.unwrap_or_default(),
            outage: outage.map(duration::short).unwrap_or_default(),
        }
    };
    journals.calls.iter().map(one).collect()
}

/// What was put back in production, and how long that took.
pub async fn reversals(
    site: &Site,
    journals: &Journals<'_>,
    words: &Words<'_>,
) -> Vec<(Timestamp, Reversal)> {
    let mut reversals = Vec::new();
    for call in &journals.calls {
        let Some(run) = &call.run else { continue };
        let production = run.header.environment_kind == EnvironmentKind::Production;
        let restores = matches!(run.header.goal, Goal::Restore { .. }) || run.restoring;
        if production && restores {
            reversals.push(reversal(site, call, run, words).await);
        }
    }
    reversals
}

async fn reversal(site: &Site, call: &Call, run: &run::Run, words: &Words<'_>) -> (Timestamp, Reversal) {
    let backup = match (&run.header.goal, &run.backup) {
        (Goal::Restore { backup }, _) => backup.clone(),
        (_, BackupState::Verified(record)) => record.backup.to_string(),
        (_, BackupState::Admitted(id)) => id.clone(),
        _ => String::new(),
    };
    let (mut began, mut back, mut items) = (None, None, Vec::new());
    for (event, at) in &call.events {
        match event {
            run::Event::SafetyCopyStarted { .. } | run::Event::ItemRestoreStarted { .. } => {
                began = began.or(Some(*at));
            }
            run::Event::ItemRestored { item } => items.push(item.clone()),
            run::Event::RestoreCompleted => back = Some(*at),
            _ => {}
        }
    }
    let taken = site.store.backup(&backup).await.ok().map(|row| words.moment(row.taken_at));
    let took = began.zip(back).map(|(began, back)| duration::short(back.seconds_since(began).max(1)));
    let at = began.unwrap_or(call.row.opened_at);
    let reversal = Reversal {
        at: words.moment(at),
        activity: call.activity.to_string(),
        run: call.row.new.id.to_string(),
        environment: run.header.environment.to_string(),
        backup,
        taken: taken.unwrap_or_default(),
        safety: run.safety.clone().unwrap_or_default(),
        items,
        why: String::new(),
        took: took.unwrap_or_default(),
        good: run.restore_completed && matches!(call.row.final_exit, Some(0 | 3)),
    };
    (at, reversal)
}

/// What was approved or rejected: here, where this run was called from, and in the runs that it called.
pub fn approvals(journals: &Journals<'_>, words: &Words<'_>) -> Vec<Approval> {
    let mut found: Vec<(Timestamp, Approval)> = Vec::new();
    let callers = journals.callers.iter().map(|one| (&one.run, one.events.as_slice()));
    for (run, events) in callers.chain([(journals.run, journals.events)]) {
        for (event, at) in events {
            let Event::Answered { activity, by, role, answer, reason, .. } = event else { continue };
            let written = run.procedure.activity(activity);
            let Some(gate) = written.filter(|one| one.kind == ActivityKind::Gate) else { continue };
            let approval = Approval {
                at: words.moment(*at),
                activity: activity.to_string(),
                what: words.text(&gate.text),
                person: words.person(by),
                role: words.role(&run.procedure, role),
                approved: *answer != Answer::No,
                reason: reason.clone(),
            };
            found.push((*at, approval));
        }
    }
    for call in &journals.calls {
        for (event, at) in &call.events {
            let (by, approved, reason) = match event {
                run::Event::GateApproved { by, .. } => (by.clone(), true, String::new()),
                run::Event::GateRejected { by, reason, .. } => (vec![by.clone()], false, reason.clone()),
                _ => continue,
            };
            for person in by {
                let approval = Approval {
                    at: words.moment(*at),
                    activity: call.activity.to_string(),
                    what: call.row.new.playbook.clone(),
                    person: words.person(&person),
                    role: String::new(),
                    approved,
                    reason: reason.clone(),
                };
                found.push((*at, approval));
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, approval)| approval).collect()
}
