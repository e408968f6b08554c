//! Looks at steps on one server: renders them, and asks everything that they ask in one round trip.

use super::{Site, loaded::run_as};
use crate::{
    model::{Answer, SecretName, ServerName},
    module::{Change, Diff, ModuleError, Outcome},
    plan::{Ground, Known, PlannedStep, Prepared, Unready, prepare},
    transport::{Frame, Reply, Session, TransportError},
};
use std::{collections::BTreeSet, time::Duration};

/// Longest time that a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(120);

/// Most output that a probe may give, in bytes.
const PROBE_OUTPUT_MAX: usize = 1 << 20;

/// What a step looks like before its probe is answered.
pub enum Look {
    /// Rendered; its probe can be asked.
    Ready(Box<Prepared>),
    /// Its condition is false.
    Skipped(String),
    /// It needs a value that nothing has registered yet.
    Later(String),
    /// It is wrong: located words.
    Broken(String),
}

/// Renders a step for a server.
pub fn look(ground: &Ground<'_>, step: &PlannedStep, server: &ServerName, known: &Known) -> Look {
    let Some(on) = ground.plan.servers.get(server) else {
        return Look::Broken(format!("{}: server `{server}` is not in the plan", step.place));
    };
    match prepare(ground, step, on, known) {
        Ok(prepared) => Look::Ready(Box::new(prepared)),
        Err(Unready::Skipped(when)) => Look::Skipped(when),
        Err(Unready::Later(name)) => Look::Later(name),
        Err(Unready::Refused(error)) => Look::Broken(format!("{}: step `{}`: {error}", step.place, step.id)),
        Err(Unready::Broken(error)) => Look::Broken(error.to_string()),
    }
}

/// The frame that asks a step's probe, if it has one.
pub fn probe_frame(step: &PlannedStep, look: &Look) -> Option<Frame> {
    let Look::Ready(prepared) = look else { return None };
    let script = prepared.action.probe()?;
    Some(Frame::ask(run_as(step), script).timeout(PROBE_TIMEOUT).output_limit(PROBE_OUTPUT_MAX))
}

/// Asks the probes of several steps in one round trip; the answers stand where their steps stand.
pub async fn ask(
    session: &Session,
    server: &ServerName,
    steps: &[(&PlannedStep, Look)],
) -> Result<Vec<Option<Answer>>, TransportError> {
    let frames: Vec<_> = steps.iter().map(|(step, look)| probe_frame(step, look)).collect();
    let asked: Vec<bool> = frames.iter().map(Option::is_some).collect();
    let mut replies = session.run(frames.into_iter().flatten().collect()).await?.into_iter();
    asked.into_iter().map(|asked| if asked { next_answer(&mut replies, server) } else { Ok(None) }).collect()
}

/// The next reply as an answer.
pub fn next_answer(
    replies: &mut impl Iterator<Item = Reply>,
    server: &ServerName,
) -> Result<Option<Answer>, TransportError> {
    replies.next().map(|reply| reply.answer(server)).transpose()
}

/// What a step's module makes of the answer.
pub fn judge(prepared: &Prepared, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
    prepared.action.change(answer)
}

/// The difference of a change in words, or why it is withheld. Secrets are taken out of it; where one is
/// not known, whatever stood on the server before may hold it, and is left out.
pub fn shown_diff(prepared: &Prepared, change: &Change, site: &Site) -> String {
    if !prepared.secrets.is_empty() {
        return withheld(&prepared.secrets);
    }
    let unknown = site.unknown_secrets();
    let diff = match unknown.is_empty() {
        true => change.diff.clone(),
        false => change.diff.without_old_text(&withheld(&unknown)),
    };
    site.redact(&diff.to_string())
}

/// The difference of a change as it is hashed. Two looks at the same servers must give the same one,
/// whatever the process that looks knows by then: so secrets are out of it, and where the project has one
/// that nobody asks for before the gate, what stood on the server is out of it as well.
pub fn compared_diff(change: &Change, site: &Site) -> Diff {
    let mut diff = match site.has_unasked_secrets() {
        true => change.diff.without_old_text(""),
        false => change.diff.clone(),
    };
    diff.lines.iter_mut().for_each(|line| line.text = site.redact(&line.text));
    diff
}

fn withheld(secrets: &BTreeSet<SecretName>) -> String {
    let names: Vec<_> = secrets.iter().map(ToString::to_string).collect();
    format!("withheld (secret: {})", names.join(", "))
}

/// Words of an error for the journal.
pub fn located(step: &PlannedStep, error: &ModuleError) -> String {
    format!("{}: step `{}`: {error}", step.place, step.id)
}
