//! Events at the open activity: who may answer there, and with what.

use super::{
    Activity, ActivityId, ActivityKind, Answer, Event, Refusal, SEARCH, Work, field_faults, route,
    state::{Given, Open, Position, ProcedureRun, Record},
};
use crate::model::{Digest, Role};
use std::collections::BTreeMap;

/// The first format in which nobody answers at a gate for what they asked for themselves.
const OWN_REQUESTS_REFUSED: u32 = 3;

impl ProcedureRun {
    /// Applies an event that belongs to the open activity.
    pub(super) fn at_the_open_one(&mut self, event: &Event) -> Result<(), Refusal> {
        let Some(id) = about(event) else { return Err(Refusal::Unknown) };
        let procedure = self.procedure.clone();
        let activity = procedure.activity(id).ok_or_else(|| Refusal::NotOpen(id.clone()))?;
        match &self.position {
            Position::At(open) if open.activity == *id && !open.excepted => {}
            _ => return Err(Refusal::NotOpen(id.clone())),
        }
        self.may_follow(activity, event)?;
        let Position::At(open) = &mut self.position else { return Err(Refusal::NotOpen(id.clone())) };
        fold(open, self.records.entry(id.clone()).or_default(), event);
        self.fold_staged(activity, event);
        if let Event::CallEnded { run, fulfilled, .. } = event {
            for id in fulfilled {
                let record = self.records.entry(id.clone()).or_default();
                record.fulfilled = true;
                record.runs.push(run.clone());
            }
        }
        Ok(())
    }

    fn may_follow(&self, activity: &Activity, event: &Event) -> Result<(), Refusal> {
        let Position::At(open) = &self.position else { return Err(Refusal::Ended) };
        let work = activity.work();
        let good = match event {
            Event::Answered { by, role, answer, reason, fields, evidence, .. } => {
                let unprepared = activity.makes_documents_first() && !open.performed;
                if !matches!(work, Work::Person | Work::Gate) || self.settled().is_some() || unprepared {
                    return Err(misplaced(activity, event));
                }
                check_role(activity, activity.answering(), role)?;
                // Journals of before this was refused still say what happened.
                if self.header.format >= OWN_REQUESTS_REFUSED && self.asked_by(&activity.id, by) {
                    let (activity, person) = (activity.id.clone(), by.clone());
                    return Err(Refusal::OwnRequest { activity, person });
                }
                check_twice(open, by.as_str(), role)?;
                self.check_answer(activity, answer, reason)?;
                if open.documents.iter().any(|made| !evidence.contains(&made.digest)) {
                    return Err(Refusal::Documents(activity.id.clone()));
                }
                if *answer != Answer::No {
                    check_fields(activity, fields)?;
                    check_search(activity, open, fields, evidence)?;
                    check_evidence(activity, open, evidence)?;
                }
                true
            }
            Event::StartAllowed { role, .. } => {
                check_role(activity, &activity.started_by, role)?;
                work == Work::Run && !open.start_allowed
            }
            Event::CallStarted { .. } => {
                let allowed = activity.started_by.is_empty() || open.start_allowed;
                work == Work::Run && allowed && open.run.is_none()
            }
            Event::CallEnded { run, fulfilled, .. } => {
                let known = |id| self.procedure.activity(id).is_some_and(|one| one.kind.may_be_fulfilled());
                open.exit.is_none() && open.run.as_ref() == Some(run) && fulfilled.iter().all(known)
            }
            Event::StagedRunEnded { run, .. } => self.staged.values().any(|one| one.id == *run && !one.over),
            Event::Measured { .. } => work == Work::Check && open.measured.is_none(),
            Event::Performed { documents, .. } => {
                let automatic = work == Work::Automatic && activity.kind != ActivityKind::End;
                let wanted = documents.iter().map(|made| made.form).eq(activity.documents.iter().copied());
                (automatic || activity.makes_documents_first()) && !open.performed && wanted
            }
            Event::ExternalOpened { role, reference, .. } => {
                check_role(activity, activity.answering(), role)?;
                work == Work::External && open.reference.is_none() && !reference.trim().is_empty()
            }
            Event::ExternalReturned { role, answer, reason, evidence, .. } => {
                check_role(activity, activity.answering(), role)?;
                if open.reference.is_none() || !open.given.is_empty() {
                    return Err(misplaced(activity, event));
                }
                self.check_answer(activity, answer, reason)?;
                check_evidence(activity, open, evidence)?;
                true
            }
            Event::Reminded { number, .. } => *number > open.reminded,
            Event::DeadlinePassed { .. } => activity.deadline_seconds.is_some() && !open.overdue,
            _ => false,
        };
        good.then_some(()).ok_or_else(|| misplaced(activity, event))
    }

    fn check_answer(&self, activity: &Activity, answer: &Answer, reason: &str) -> Result<(), Refusal> {
        if route::way_of(activity, answer).is_none() {
            return Err(Refusal::Answer(activity.id.clone()));
        }
        let asks =
            matches!(activity.kind, ActivityKind::Decision | ActivityKind::Gate | ActivityKind::External);
        if (asks || *answer == Answer::No) && reason.trim().is_empty() {
            return Err(Refusal::Reason(activity.id.clone()));
        }
        // A run that has ended otherwise cannot be accepted any more.
        let ended = activity.accepts.iter().filter_map(|word| self.staged.get(word)).find(|run| run.over);
        if let Some(stage) = ended.filter(|_| *answer == Answer::Yes).and_then(|run| run.by.first()) {
            return Err(Refusal::NotGood { activity: activity.id.clone(), of: stage.clone() });
        }
        let stands =
            |id: &ActivityId| self.record(id).is_some_and(|record| record.good || record.exception.is_some());
        match activity.of.iter().find(|id| !stands(id)) {
            Some(of) if *answer != Answer::No => {
                Err(Refusal::NotGood { activity: activity.id.clone(), of: of.clone() })
            }
            _ => Ok(()),
        }
    }
}

fn fold(open: &mut Open, record: &mut Record, event: &Event) {
    match event {
        Event::Answered { by, role, answer, evidence, .. }
        | Event::ExternalReturned { by, role, answer, evidence, .. } => {
            let (by, role, answer) = (by.clone(), role.clone(), answer.clone());
            open.given.push(Given { by, role, answer, signed: event.seal().is_some() });
            // Several signers name the same documents.
            let new = |digest: &&Digest| !open.documents.iter().any(|made| made.digest == **digest);
            record.evidence.extend(evidence.iter().filter(new));
        }
        Event::StartAllowed { .. } => open.start_allowed = true,
        Event::CallStarted { run, .. } => {
            open.run = Some(run.clone());
            record.runs.push(run.clone());
        }
        Event::CallEnded { exit, .. } => open.exit = Some(*exit),
        Event::StagedRunEnded { exit, .. } => open.accepted = open.accepted.max(Some(*exit)),
        Event::Measured { good, report, .. } => {
            open.measured = Some(*good);
            record.evidence.push(*report);
        }
        Event::Performed { document, documents, .. } => {
            open.performed = true;
            open.documents.clone_from(documents);
            record.evidence.extend(document);
            record.evidence.extend(documents.iter().map(|made| made.digest));
            record.documents.extend(documents);
        }
        Event::ExternalOpened { reference, sent, .. } => {
            open.reference = Some(reference.clone());
            record.evidence.extend(sent);
        }
        Event::Reminded { number, .. } => open.reminded = *number,
        Event::DeadlinePassed { .. } => open.overdue = true,
        _ => {}
    }
}

/// The activity that an event at the open one is about.
fn about(event: &Event) -> Option<&ActivityId> {
    match event {
        Event::Answered { activity, .. }
        | Event::StartAllowed { activity, .. }
        | Event::CallStarted { activity, .. }
        | Event::CallEnded { activity, .. }
        | Event::StagedRunEnded { activity, .. }
        | Event::Measured { activity, .. }
        | Event::Performed { activity, .. }
        | Event::ExternalOpened { activity, .. }
        | Event::ExternalReturned { activity, .. }
        | Event::Reminded { activity, .. }
        | Event::DeadlinePassed { activity } => Some(activity),
        _ => None,
    }
}

fn misplaced(activity: &Activity, event: &Event) -> Refusal {
    Refusal::Misplaced { activity: activity.id.clone(), event: event.name() }
}

fn check_role(activity: &Activity, allowed: &[Role], role: &Role) -> Result<(), Refusal> {
    let wrong = || Refusal::Role { activity: activity.id.clone(), role: role.clone() };
    allowed.contains(role).then_some(()).ok_or_else(wrong)
}

/// Where several sign, each role and each person counts once.
fn check_twice(open: &Open, by: &str, role: &Role) -> Result<(), Refusal> {
    match open.given.iter().find(|one| one.by.as_str() == by || one.role == *role) {
        Some(one) if one.by.as_str() == by => Err(Refusal::Twice(by.to_owned())),
        Some(one) => Err(Refusal::Twice(one.role.to_string())),
        None => Ok(()),
    }
}

fn check_evidence(activity: &Activity, open: &Open, evidence: &[Digest]) -> Result<(), Refusal> {
    let handed_in =
        evidence.iter().filter(|digest| !open.documents.iter().any(|made| made.digest == **digest));
    // Of several signers the first one hands in what all of them sign.
    let enough = handed_in.count() >= activity.files || !open.given.is_empty();
    let wrong = || Refusal::Evidence { activity: activity.id.clone(), wanted: activity.files };
    enough.then_some(()).ok_or_else(wrong)
}

/// What a search found is evidence, and the answer says which.
fn check_search(
    activity: &Activity,
    open: &Open,
    fields: &BTreeMap<String, String>,
    evidence: &[Digest],
) -> Result<(), Refusal> {
    if activity.search.is_none() || !open.given.is_empty() {
        return Ok(());
    }
    let found = fields.get(SEARCH).and_then(|text| Digest::parse(text));
    let kept = found.is_some_and(|digest| evidence.contains(&digest));
    kept.then_some(()).ok_or_else(|| Refusal::Search(activity.id.clone()))
}

fn check_fields(activity: &Activity, fields: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let faults = field_faults(activity, fields);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Refusal::Fields { activity: activity.id.clone(), faults })
}
