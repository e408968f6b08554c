//! One server's way through a stretch.
//!
//! All probes go in one round trip. Where a step changes something, its change and the fresh probes
//! of the steps after it travel together: a changed step costs one round trip, an unchanged one none.
//! Fresh are only those up to the next step that seems to change something too: what comes after it has
//! to be asked again anyway.

use super::{
    ExecutorError,
    change::Changing,
    loaded::run_as,
    look::{self, Look},
};
use crate::{
    depot::CappedOutput,
    model::{Answer, BlobRef, ServerName, Value},
    module::{Change, Outcome},
    plan::{Known, PlannedStep, Prepared},
    run::{Event, InFlight, StepEnd, StepState},
    transport::{Frame, Reply, Session, TransportError, UnitId},
};
use std::{borrow::Cow, collections::VecDeque, sync::Arc, time::Duration};

/// How many steps are probed ahead at most.
const WINDOW_MAX: usize = 64;
/// How many are probed ahead after something had to be looked at anew.
const WINDOW_AFTER_LOOK: usize = 8;

/// Most output of a change that is kept, in bytes.
pub(super) const OUTPUT_MAX: usize = 4 << 20;

/// How often a server may be lost without anything coming of it before it counts as lost.
pub(super) const LOSSES_MAX: u32 = 3;

/// Characters of a registered text that are kept: an event must stay far below the journal's limit.
const REGISTERED_CHARACTERS_MAX: usize = 64 * 1024;

/// Characters of a command's last output lines that go into an error.
const TAIL_CHARACTERS: usize = 2_000;

/// One server and the steps that it goes through.
pub struct Worker<'a> {
    pub(super) with: &'a Changing<'a>,
    pub(super) server: ServerName,
    steps: Vec<&'a PlannedStep>,
}

/// A step, how it looks, and what its probe answered.
struct Seen<'a> {
    step: &'a PlannedStep,
    look: Look,
    answer: Option<Answer>,
    /// Nothing was changed on the server since it was asked.
    fresh: bool,
}

impl Seen<'_> {
    /// Whether the step goes by without a change, as far as its last answer tells.
    fn passes(&self) -> bool {
        match &self.look {
            Look::Ready(prepared) => {
                matches!(look::judge(prepared, self.answer.as_ref()), Ok(Outcome::Unchanged(_)))
            }
            Look::Skipped(_) => true,
            Look::Later(_) | Look::Broken(_) => false,
        }
    }
}

impl<'a> Worker<'a> {
    /// A worker for `server`.
    pub fn new(with: &'a Changing<'a>, server: &ServerName, steps: Vec<&'a PlannedStep>) -> Self {
        Self { with, server: server.clone(), steps }
    }

    /// Goes through the steps. What goes wrong on the server is in the journal afterwards.
    pub async fn work(&self) -> Result<(), ExecutorError> {
        let (mut losses, mut events) = (0, 0);
        loop {
            match self.pass().await {
                // The line was cut: connect again, ask what happened, go on. A server that is lost
                // again and again without anything coming of it is lost.
                Err(ExecutorError::Transport(error)) if error.is_lost() && losses < LOSSES_MAX => {
                    let now = self.with.journal.run().events;
                    losses = if now > events { 1 } else { losses + 1 };
                    events = now;
                    self.with.fleet.forget(&self.server).await;
                    self.with.journal.watch().note(&format!("{}: {error}; connecting again", self.server));
                    if let Err(ExecutorError::Transport(error)) =
                        self.with.fleet.session_again(&self.server).await
                    {
                        return self.lost(&error).await;
                    }
                }
                Err(ExecutorError::Transport(error)) => return self.lost(&error).await,
                other => return other,
            }
        }
    }

    pub(super) async fn lost(&self, error: &TransportError) -> Result<(), ExecutorError> {
        let words = format!("server `{}` cannot be used: {error}", self.server);
        self.with
            .journal
            .append(Event::ServerLost { server: self.server.clone(), words, hint: error.hint() })
            .await
    }

    async fn pass(&self) -> Result<(), ExecutorError> {
        let open: Vec<&PlannedStep> = self.open();
        if open.is_empty() || self.stopped() {
            return Ok(());
        }
        let session = self.with.fleet.session_again(&self.server).await?;
        let facts = session.facts().await?;
        self.settle_flights(&session, &open).await?;
        let mut window = WINDOW_MAX;
        loop {
            if self.stopped() {
                return Ok(());
            }
            let open = self.open();
            if open.is_empty() {
                return Ok(());
            }
            let known = self.known(&facts);
            let ahead = self.ahead(&open, &known, window);
            if let [(step, Look::Later(name))] = ahead.as_slice() {
                let words = format!(
                    "{}: step `{}` needs `{name}`, which no step has registered",
                    step.place, step.id
                );
                self.end(step, 1, StepEnd::Failed { words, output: None, last: true }).await?;
                return Ok(());
            }
            let answers = look::ask(&session, &self.server, &ahead).await?;
            let seen = ahead
                .into_iter()
                .zip(answers)
                .map(|((step, look), answer)| Seen { step, look, answer, fresh: true })
                .collect();
            let whole = self.go_through(&session, seen).await?;
            window = if whole { WINDOW_MAX.min(window * 2) } else { WINDOW_AFTER_LOOK };
        }
    }

    /// Steps of which nothing final is recorded.
    pub(super) fn open(&self) -> Vec<&'a PlannedStep> {
        let run = self.with.journal.run();
        self.steps
            .iter()
            .filter(|step| !run.step(&self.server, &step.id).is_some_and(StepState::is_settled))
            .copied()
            .collect()
    }

    fn stopped(&self) -> bool {
        let run = self.with.journal.run();
        run.failure.is_some() || run.lost.is_some() || self.with.interrupt.asked()
    }

    pub(super) fn known(&self, facts: &std::collections::BTreeMap<String, Value>) -> Known {
        let run = self.with.journal.run();
        let registered = run.registered.get(&self.server).cloned().unwrap_or_default();
        Known { facts: facts.clone(), registered }
    }

    /// The next steps, as far as they can be rendered now.
    fn ahead(&self, open: &[&'a PlannedStep], known: &Known, window: usize) -> Vec<(&'a PlannedStep, Look)> {
        let ground = self.with.loaded.ground(self.with.secrets);
        let mut ahead: Vec<(&PlannedStep, Look)> = Vec::new();
        for step in open.iter().take(window) {
            let looked = look::look(&ground, step, &self.server, known);
            if matches!(looked, Look::Later(_)) && !ahead.is_empty() {
                break;
            }
            ahead.push((step, looked));
        }
        ahead
    }

    /// Decides step by step; true after all of them, false when something must be looked at anew.
    async fn go_through(
        &self,
        session: &Arc<Session>,
        seen: VecDeque<Seen<'a>>,
    ) -> Result<bool, ExecutorError> {
        let mut seen = seen;
        let mut unchanged = Vec::new();
        let mut registered = Vec::new();
        while let Some(Seen { step, look: looked, answer, fresh }) = seen.pop_front() {
            if !fresh {
                // The step before it was expected to change something and did not have to.
                self.flush(&mut unchanged, &mut registered).await?;
                return Ok(false);
            }
            match looked {
                Look::Later(_) => break,
                Look::Skipped(when) => {
                    self.flush(&mut unchanged, &mut registered).await?;
                    let event =
                        Event::StepSkipped { server: self.server.clone(), step: step.id.clone(), when };
                    self.with.journal.append(event).await?;
                }
                Look::Broken(words) => {
                    self.flush(&mut unchanged, &mut registered).await?;
                    self.end(step, 1, StepEnd::Failed { words, output: None, last: true }).await?;
                    return Ok(false);
                }
                Look::Ready(prepared) => match look::judge(&prepared, answer.as_ref()) {
                    Ok(Outcome::Unchanged(value)) => {
                        unchanged.push(step.id.clone());
                        registered.extend(step.register.clone().map(|name| (name, self.redacted(value))));
                    }
                    Ok(Outcome::Change(change)) => {
                        self.flush(&mut unchanged, &mut registered).await?;
                        if self.stopped() {
                            return Ok(false);
                        }
                        match self.change(session, step, &prepared, &change, seen).await? {
                            Some(rest) => seen = rest,
                            None => return Ok(false),
                        }
                    }
                    Err(error) => {
                        self.flush(&mut unchanged, &mut registered).await?;
                        let attempt = self.attempts(step) + 1;
                        let last = attempt > step.retries;
                        let words = self.with.site.redact(&look::located(step, &error));
                        self.end(step, attempt, StepEnd::Failed { words, output: None, last }).await?;
                        self.pause(step, last).await;
                        return Ok(false);
                    }
                },
            }
        }
        self.flush(&mut unchanged, &mut registered).await?;
        Ok(true)
    }

    /// Makes a change, with the probes of the next steps in the same round trip. Returns the steps after
    /// it with their answers, or nothing when everything must be looked at anew.
    async fn change(
        &self,
        session: &Arc<Session>,
        step: &'a PlannedStep,
        prepared: &Prepared,
        change: &Change,
        after: VecDeque<Seen<'a>>,
    ) -> Result<Option<VecDeque<Seen<'a>>>, ExecutorError> {
        let attempt = self.attempts(step) + 1;
        if attempt > step.retries + 1 + LOSSES_MAX {
            // It cuts its own line each time, or something else does: nobody knows what it did.
            self.doubt(step, attempt).await?;
            return Ok(None);
        }
        for blob in &change.blobs {
            self.upload(session, step, blob).await?;
        }
        let unit = change.once.then(|| self.unit(step, attempt));
        let diff = look::shown_diff(prepared, change, self.with.site);
        self.with
            .journal
            .append(Event::StepStarted {
                server: self.server.clone(),
                step: step.id.clone(),
                attempt,
                unit: unit.as_ref().map(|unit| unit.as_str().to_owned()),
                summary: self.summary(step, prepared, change),
                diff: (!diff.is_empty()).then(|| diff.chars().take(16_384).collect()),
            })
            .await?;
        let script = change.script.clone();
        let frame = match unit {
            Some(unit) => Frame::unit(run_as(step), unit, script),
            None => Frame::change(run_as(step), script),
        };
        let limit = Duration::from_secs(u64::from(step.timeout_seconds));
        let mut frames = vec![frame.timeout(limit).output_limit(OUTPUT_MAX)];
        let mut after = after;
        let next = after.iter().position(|seen| !seen.passes()).map_or(after.len(), |at| at + 1);
        let probes: Vec<_> =
            after.iter().take(next).map(|seen| look::probe_frame(seen.step, &seen.look)).collect();
        let asked: Vec<bool> = probes.iter().map(Option::is_some).collect();
        frames.extend(probes.into_iter().flatten());
        let mut replies = session.run(frames).await?.into_iter();
        let answer = match replies.next() {
            Some(Reply::InDoubt) => {
                self.doubt(step, attempt).await?;
                return Ok(None);
            }
            Some(reply) => reply.answer(&self.server)?,
            None => return Ok(None),
        };
        let good = self.conclude(step, prepared, attempt, &answer).await?;
        if !good || step.register.is_some() {
            return Ok(None);
        }
        for seen in &mut after {
            seen.fresh = false;
        }
        for (seen, asked) in after.iter_mut().zip(asked) {
            seen.answer = if asked { look::next_answer(&mut replies, &self.server)? } else { None };
            seen.fresh = true;
        }
        Ok(Some(after))
    }

    /// Records how a change ended; true when it is done.
    pub(super) async fn conclude(
        &self,
        step: &PlannedStep,
        prepared: &Prepared,
        attempt: u32,
        answer: &Answer,
    ) -> Result<bool, ExecutorError> {
        let output = self.keep_output(step, answer).await?;
        match prepared.action.result(answer) {
            Ok(value) => {
                let registered = step.register.clone().map(|name| (name, self.redacted(value)));
                self.end(step, attempt, StepEnd::Changed { registered, output }).await?;
                Ok(true)
            }
            Err(error) => {
                let last = attempt > step.retries;
                let words = self.with.site.redact(&look::located(step, &error));
                let words = with_tail(&words, &tail(&self.said(answer)));
                self.end(step, attempt, StepEnd::Failed { words, output, last }).await?;
                self.pause(step, last).await;
                Ok(false)
            }
        }
    }

    pub(super) async fn end(
        &self,
        step: &PlannedStep,
        attempt: u32,
        end: StepEnd,
    ) -> Result<(), ExecutorError> {
        let event = Event::StepEnded { server: self.server.clone(), step: step.id.clone(), attempt, end };
        self.with.journal.append(event).await
    }

    async fn flush(
        &self,
        unchanged: &mut Vec<crate::model::StepId>,
        registered: &mut Vec<(String, Value)>,
    ) -> Result<(), ExecutorError> {
        if unchanged.is_empty() {
            return Ok(());
        }
        let event = Event::StepsUnchanged {
            server: self.server.clone(),
            steps: std::mem::take(unchanged),
            registered: std::mem::take(registered),
        };
        self.with.journal.append(event).await
    }

    pub(super) async fn upload(
        &self,
        session: &Session,
        step: &PlannedStep,
        blob: &BlobRef,
    ) -> Result<(), ExecutorError> {
        let mut source = tokio::fs::File::from_std(self.with.site.depot.open_blob(&blob.digest)?.0);
        Ok(session.upload(&run_as(step), blob, &mut source).await?)
    }

    /// Keeps what a change printed, redacted; small outputs of successful ones too, since people ask.
    async fn keep_output(
        &self,
        step: &PlannedStep,
        answer: &Answer,
    ) -> Result<Option<crate::model::Digest>, ExecutorError> {
        let mut text = self.with.site.redact_bytes(&marked(answer, &answer.stdout));
        text.extend(self.with.site.redact_bytes(&marked(answer, &answer.stderr)));
        if text.is_empty() {
            return Ok(None);
        }
        let shown = String::from_utf8_lossy(&text);
        self.with.journal.watch().output(self.server.as_str(), step.id.as_str(), &shown);
        let mut capped = CappedOutput::default();
        capped.push(&text);
        Ok(Some(self.with.site.depot.put_output(capped)?.digest))
    }

    fn attempts(&self, step: &PlannedStep) -> u32 {
        match self.with.journal.run().step(&self.server, &step.id) {
            Some(StepState::Failed { attempt, .. }) => *attempt,
            // A repeatable change of which no end is recorded is made again, and counted.
            Some(StepState::Started(InFlight { attempt, .. })) => *attempt,
            _ => 0,
        }
    }

    pub(super) fn unit(&self, step: &PlannedStep, attempt: u32) -> UnitId {
        let run = self.with.journal.run();
        // A handler may run once more in a later stage, under a name of its own.
        let stage = run.stage.as_ref().map(|stage| format!("/{}", stage.id)).unwrap_or_default();
        UnitId::new(&run.header.id, &format!("{}/{}/{attempt}{stage}", self.server, step.id))
    }

    /// What a change is called in the journal; one with a secret in it is called by its step.
    fn summary(&self, step: &PlannedStep, prepared: &Prepared, change: &Change) -> String {
        if prepared.secrets.is_empty() { self.with.site.redact(&change.summary) } else { step.name.clone() }
    }

    /// What a command said last, redacted as a whole before anything is cut off.
    fn said(&self, answer: &Answer) -> String {
        let quiet = answer.stderr.iter().all(u8::is_ascii_whitespace);
        let said = if quiet { &answer.stdout } else { &answer.stderr };
        let bytes = self.with.site.redact_bytes(&marked(answer, said));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A value fit for the journal: without secrets, and short enough to be kept.
    pub(super) fn redacted(&self, value: Value) -> Value {
        match value {
            Value::Text(text) => {
                let text = self.with.site.redact(&text);
                let end = text.char_indices().nth(REGISTERED_CHARACTERS_MAX).map_or(text.len(), |(at, _)| at);
                Value::Text(text[..end].to_owned())
            }
            Value::List(items) => Value::List(items.into_iter().map(|item| self.redacted(item)).collect()),
            Value::Map(entries) => {
                Value::Map(entries.into_iter().map(|(key, item)| (key, self.redacted(item))).collect())
            }
            other => other,
        }
    }

    async fn pause(&self, step: &PlannedStep, last: bool) {
        if !last {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(u64::from(step.delay_seconds))) => {}
                () = self.with.interrupt.wait() => {}
            }
        }
    }
}

/// An output, with a mark where it was cut at its limit: half a secret may stand before it.
fn marked<'a>(answer: &Answer, output: &'a [u8]) -> Cow<'a, [u8]> {
    match answer.truncated {
        true => Cow::Owned([output, "…".as_bytes()].concat()),
        false => Cow::Borrowed(output),
    }
}

/// The end of what a command printed.
fn tail(text: &str) -> String {
    let text = text.trim();
    let start = text.char_indices().rev().nth(TAIL_CHARACTERS).map_or(0, |(at, _)| at);
    text[start..].to_owned()
}

fn with_tail(words: &str, tail: &str) -> String {
    if tail.is_empty() || words.contains(tail) { words.to_owned() } else { format!("{words}\n{tail}") }
}
