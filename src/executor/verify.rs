//! Asks the checks of the data sheet.

use super::{
    ExecutorError, Loaded, Site,
    fleet::{Fleet, is_passing},
    interrupt::Interrupt,
    look, measure,
};
use crate::{
    check::{self, Check, Finding, FindingLine, Measured, Measurements, Question, Verdict},
    model::{FreeText as _, RunAs, ServerName},
    plan::PlannedCheck,
    run::FindingSummary,
    transport::Frame,
};
use futures_util::{StreamExt as _, stream};
use std::time::Duration;

/// How long a server may take to answer a question.
const ASK_TIMEOUT: Duration = Duration::from_secs(120);
/// What it may take beyond the time limit of a command.
const COMMAND_GRACE: Duration = Duration::from_secs(15);
/// How often a check is asked again because the line was cut.
const CUTS_MAX: u32 = 2;

/// Asks the checks of the plan that belong to one of these groups, every one when no group is named;
/// those of one server one after the other, servers side by side.
pub async fn verify(
    site: &Site,
    loaded: &Loaded,
    fleet: &Fleet<'_>,
    interrupt: &Interrupt,
    groups: &[String],
) -> Result<Vec<FindingSummary>, ExecutorError> {
    site.learn_secrets().await;
    let width = site.project.parallel.clamp(1, 100) as usize;
    let mut servers: Vec<(ServerName, Vec<(usize, &PlannedCheck)>)> = Vec::new();
    let wanted = loaded.plan.checks.iter().enumerate().filter(|(_, planned)| planned.check.is_of(groups));
    for (at, planned) in wanted {
        match servers.iter_mut().find(|(server, _)| *server == planned.server) {
            Some((_, checks)) => checks.push((at, planned)),
            None => servers.push((planned.server.clone(), vec![(at, planned)])),
        }
    }
    let mut asking = stream::iter(servers)
        .map(|(server, checks)| async move {
            let mut found = Vec::new();
            for (at, planned) in checks {
                let finding = until_good(fleet, interrupt, &server, &planned.check).await?;
                found.push((at, summary(site, &server, &planned.check, finding)));
            }
            Ok::<_, ExecutorError>(found)
        })
        .buffer_unordered(width);
    let mut all = Vec::new();
    while let Some(found) = asking.next().await {
        all.extend(found?);
    }
    all.sort_by_key(|(at, _)| *at);
    Ok(all.into_iter().map(|(_, finding)| finding).collect())
}

/// Asks a check until it is good or its attempts are used up.
async fn until_good(
    fleet: &Fleet<'_>,
    interrupt: &Interrupt,
    server: &ServerName,
    check: &Check,
) -> Result<Finding, ExecutorError> {
    let (mut attempt, mut cut) = (1, 0);
    loop {
        let measurements = match measurements(fleet, server, check).await {
            // A cut line says nothing about the system, and asking again changes nothing.
            Err(ExecutorError::Transport(error)) if error.is_lost() && cut < CUTS_MAX => {
                cut += 1;
                fleet.forget(server).await;
                continue;
            }
            Ok(measurements) => measurements,
            Err(ExecutorError::Transport(error)) if !is_passing(&error) => unreadable(&error.to_string()),
            Err(other) => return Err(other),
        };
        let finding = check::judge(check, &measurements);
        if finding.verdict == Verdict::Good || attempt >= check.attempts {
            return Ok(finding);
        }
        if interrupt.asked() {
            return Err(ExecutorError::Interrupted);
        }
        attempt += 1;
        tokio::time::sleep(Duration::from_secs(u64::from(check.delay_seconds))).await;
    }
}

async fn measurements(
    fleet: &Fleet<'_>,
    server: &ServerName,
    check: &Check,
) -> Result<Measurements, ExecutorError> {
    let session = fleet.session_again(server).await?;
    match &check.question {
        Question::Http { url, timeout_ms, samples, method } => {
            measure::http(&session, url, method, *timeout_ms, *samples).await
        }
        Question::Tcp { host, port, timeout_ms, samples } => match port.number() {
            Some(port) => measure::tcp(&session, host, port, *timeout_ms, *samples).await,
            None => Ok(unreadable("the port is not known")),
        },
        Question::Certificate { host, port, name } => match port.number() {
            Some(port) => measure::certificate(&session, host, port, name.as_deref()).await,
            None => Ok(unreadable("the port is not known")),
        },
        _ => {
            let as_user = check.as_user.clone().map_or(RunAs::Login, RunAs::User);
            let Some(script) = check.script() else {
                return Ok(unreadable("nothing to ask"));
            };
            let frame = Frame::ask(as_user, script).timeout(patience(&check.question));
            let answer = look::next_answer(&mut session.run(vec![frame]).await?.into_iter(), server)?;
            Ok(answer.map_or_else(|| unreadable("no answer"), |answer| check.measure(&answer)))
        }
    }
}

/// How long the server may take to answer.
fn patience(question: &Question) -> Duration {
    match question {
        // The command has a limit of its own, which ends it before this one does.
        Question::Command { timeout_ms, .. } => {
            ASK_TIMEOUT.max(Duration::from_millis(*timeout_ms) + COMMAND_GRACE)
        }
        _ => ASK_TIMEOUT,
    }
}

fn summary(site: &Site, server: &ServerName, check: &Check, finding: Finding) -> FindingSummary {
    let mut summary = FindingSummary {
        check: check.id.clone(),
        server: server.clone(),
        verdict: word(finding.verdict).to_owned(),
        lines: finding.lines.iter().map(sentence).collect(),
        measured: finding.lines,
    };
    summary.free_text(&mut |text| *text = site.redact(text));
    summary
}

/// Measurements of a question that could not be asked: unknown, whatever was expected.
fn unreadable(why: &str) -> Measurements {
    Measurements::from([("answer".to_owned(), Measured::Unknown(why.to_owned()))])
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Unknown => "unknown",
        Verdict::Bad => "bad",
    }
}

fn sentence(line: &FindingLine) -> String {
    let source = line.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{}: {} (wanted: {}){source}", line.value, line.found, line.wanted)
}
