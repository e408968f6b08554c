//! The state of a procedure's run: the fold over its journal.

use super::{
    Activity, ActivityId, ActivityKind, Answer, Event, Made, Procedure, ProcedureHeader, Refusal, StagedRun,
    Target, Took, Work, coverage, event, route,
};
use crate::model::{Digest, People, PersonName, Role, RunId, Timestamp};
use std::{collections::BTreeMap, sync::Arc};

/// An answer that was given at the open activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Who.
    pub by: PersonName,
    /// In which role.
    pub role: Role,
    /// What.
    pub answer: Answer,
    /// Whether they signed it.
    pub signed: bool,
}

/// An activity that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Who granted it.
    pub by: PersonName,
    /// Why.
    pub reason: String,
    /// Until when it holds.
    pub until: Option<Timestamp>,
}

/// What is recorded of an activity, over all of its openings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// How often it was opened.
    pub opened: u32,
    /// How often it was answered with no, or failed.
    pub noes: u32,
    /// Which way it took last, also where its limit let it be passed by.
    pub took: Option<Took>,
    /// Whether it ended well the last time.
    pub good: bool,
    /// Who answered the last time.
    pub given: Vec<Given>,
    /// Files of evidence, documents and reports, all of them.
    pub evidence: Vec<Digest>,
    /// Documents that were made for it, all of them.
    pub documents: Vec<Made>,
    /// Runs that were opened for it, or whose steps fulfilled it.
    pub runs: Vec<RunId>,
    /// Whether a step of a run that ended well fulfilled it.
    pub fulfilled: bool,
    /// The exception that stands for it.
    pub exception: Option<Exception>,
}

/// The open activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Which.
    pub activity: ActivityId,
    /// Since when.
    pub since: Timestamp,
    /// The answers so far.
    pub given: Vec<Given>,
    /// Whether somebody let the run begin.
    pub start_allowed: bool,
    /// The run that was opened.
    pub run: Option<RunId>,
    /// The exit code it ended with.
    pub exit: Option<u8>,
    /// The exit code, the largest one, of the runs that were accepted or undone with it.
    pub accepted: Option<u8>,
    /// Whether the checks were good.
    pub measured: Option<bool>,
    /// Whether the program has done its part.
    pub performed: bool,
    /// The documents that were made for this opening.
    pub documents: Vec<Made>,
    /// The reference of the other process.
    pub reference: Option<String>,
    /// How often people were reminded.
    pub reminded: u32,
    /// Whether the deadline has gone by.
    pub overdue: bool,
    /// Whether it is left out.
    pub excepted: bool,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// This comes next, and is not open yet.
    Next(ActivityId),
    /// This is open.
    At(Box<Open>),
    /// Over, with this outcome.
    Ended(String),
}

/// A procedure's run.
#[derive(Debug, Clone)]
pub struct ProcedureRun {
    /// What is run.
    pub procedure: Arc<Procedure>,
    /// What it was opened with.
    pub header: ProcedureHeader,
    /// Where it stands.
    pub position: Position,
    /// Digest of the people file that signatures are held against.
    pub people: Option<Digest>,
    /// What is recorded, by activity.
    pub records: BTreeMap<ActivityId, Record>,
    /// The newest run in stages under each word.
    pub staged: BTreeMap<String, StagedRun>,
    /// How many events were applied.
    pub events: u64,
}

impl ProcedureRun {
    /// A run before its first event.
    pub fn open(procedure: Arc<Procedure>, header: ProcedureHeader) -> Result<Self, Refusal> {
        if header.format > event::FORMAT {
            return Err(Refusal::Unknown);
        }
        if procedure.needs_system() && header.system.is_none() {
            return Err(Refusal::NoSystem);
        }
        let asked = header.entry.as_ref();
        let entry = match asked {
            Some(entry) => procedure.activity(entry).filter(|_| is_entry(&procedure, entry)),
            None => procedure.start(),
        };
        let missing = || Refusal::NoEntry(asked.map(ToString::to_string).unwrap_or_default());
        let entry = entry.ok_or_else(missing)?.id.clone();
        let (people, position) = (header.people, Position::Next(entry));
        Ok(Self {
            procedure,
            header,
            position,
            people,
            records: BTreeMap::new(),
            staged: BTreeMap::new(),
            events: 0,
        })
    }

    /// A run with all of its events.
    pub fn replay<'e>(
        procedure: Arc<Procedure>,
        header: ProcedureHeader,
        events: impl IntoIterator<Item = (&'e Event, Timestamp)>,
    ) -> Result<Self, Refusal> {
        let mut run = Self::open(procedure, header)?;
        for (event, at) in events {
            run.apply(event, at)?;
        }
        Ok(run)
    }

    /// Where it began.
    #[must_use]
    pub fn entry(&self) -> Option<&ActivityId> {
        self.header.entry.as_ref().or_else(|| self.procedure.start().map(|start| &start.id))
    }

    /// What is recorded of an activity; nothing if it was never reached.
    #[must_use]
    pub fn record(&self, id: &ActivityId) -> Option<&Record> {
        self.records.get(id)
    }

    /// Whether whoever acts in the event may do so today: a person with that role, not a machine.
    /// To be asked before an event is appended; a replay does not ask again, because people change.
    pub fn admit(&self, event: &Event, people: &People) -> Result<(), Refusal> {
        let (Event::Answered { by, role, .. }
        | Event::StartAllowed { by, role, .. }
        | Event::ExternalOpened { by, role, .. }
        | Event::ExternalReturned { by, role, .. }
        | Event::Excepted { by, role, .. }
        | Event::Cancelled { by, role, .. }) = event
        else {
            return Ok(());
        };
        if let Event::Answered { activity, by, .. } = event
            && self.asked_by(activity, by)
        {
            return Err(Refusal::OwnRequest { activity: activity.clone(), person: by.clone() });
        }
        let known = people.with_role(role).any(|person| person.name == *by);
        known.then_some(()).ok_or_else(|| Refusal::Person { person: by.clone(), role: role.clone() })
    }

    /// Whether the activity is a gate and this person asked for the run: they answer nothing there.
    #[must_use]
    pub fn asked_by(&self, activity: &ActivityId, person: &PersonName) -> bool {
        let is_gate = |one: &Activity| one.kind == ActivityKind::Gate;
        *person == self.header.requester && self.procedure.activity(activity).is_some_and(is_gate)
    }

    /// Applies one event, or says why it cannot follow; then nothing has changed.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Refusal> {
        if matches!(self.position, Position::Ended(_)) {
            return Err(Refusal::Ended);
        }
        if let Some(activity) = event.testifies().filter(|_| self.wants_seal(event) && event.seal().is_none())
        {
            return Err(Refusal::Unsigned(activity.clone()));
        }
        match event {
            Event::Unknown => return Err(Refusal::Unknown),
            Event::PeopleRecorded { people } => self.people = Some(*people),
            Event::ActivityOpened { activity, attempt } => self.opened(activity, *attempt, at)?,
            Event::Completed { activity, took, next } => self.completed(activity, took, next)?,
            Event::LimitReached { activity, times, opens } => self.limited(activity, *times, opens)?,
            Event::Excepted { activity, by, role, reason, until, .. } => {
                self.excepted(
                    activity,
                    role,
                    Exception { by: by.clone(), reason: reason.clone(), until: *until },
                )?;
            }
            Event::Cancelled { role, reason, .. } => self.cancelled(role, reason)?,
            Event::Closed { end, outcome } => self.closed(end, outcome)?,
            _ => self.at_the_open_one(event)?,
        }
        self.events += 1;
        Ok(())
    }

    /// The open activity with its state.
    #[must_use]
    pub fn current(&self) -> Option<(&Activity, &Open)> {
        match &self.position {
            Position::At(open) => Some((self.procedure.activity(&open.activity)?, open)),
            _ => None,
        }
    }

    /// Which way the open activity leads, once that is known.
    #[must_use]
    pub fn settled(&self) -> Option<(Took, &Target, bool)> {
        let (activity, open) = self.current()?;
        if open.excepted {
            let (took, target) = route::way_of_work(activity, true)?;
            return Some((took, target, false));
        }
        let (way, good) = match activity.work() {
            Work::Person | Work::Gate | Work::External => {
                let answer = verdict(activity, &open.given)?;
                (route::way_of(activity, answer)?, *answer != Answer::No)
            }
            Work::Run => (route::way_of_work(activity, open.exit? == 0)?, open.exit == Some(0)),
            Work::Check => (route::way_of_work(activity, open.measured?)?, open.measured == Some(true)),
            Work::Automatic if open.performed => (route::way_of_work(activity, true)?, true),
            Work::Automatic => return None,
        };
        let (way, good) = match open.accepted {
            // The yes could not be carried out: the run had ended otherwise.
            Some(exit) if exit != 0 && !activity.accepts.is_empty() => {
                (route::way_of(activity, &Answer::No).unwrap_or(way), false)
            }
            _ => (way, good),
        };
        let noes = self.record(&activity.id).map_or(0, |record| record.noes);
        match &activity.attempts {
            Some(attempts) if way.0 == Took::No && noes + 1 >= attempts.limit => {
                Some((Took::Limit, &attempts.then, good))
            }
            _ => Some((way.0, way.1, good)),
        }
    }

    /// What opens in place of `next` because that was opened as often as it may be.
    #[must_use]
    pub fn passed_by(&self, next: &ActivityId) -> Option<(u32, &Target)> {
        let activity = self.procedure.activity(next)?;
        let attempts = activity.attempts.as_ref().filter(|_| !route::limits_noes(activity))?;
        let opened = self.record(next).map_or(0, |record| record.opened);
        (opened >= attempts.limit).then_some((opened, &attempts.then))
    }

    fn opened(&mut self, id: &ActivityId, attempt: u32, at: Timestamp) -> Result<(), Refusal> {
        let expected = self.record(id).map_or(1, |record| record.opened + 1);
        let next = matches!(&self.position, Position::Next(next) if next == id);
        if !next || attempt != expected || self.passed_by(id).is_some() {
            return Err(Refusal::Route(id.to_string()));
        }
        let Some(activity) = self.procedure.activity(id) else { return Err(Refusal::NotOpen(id.clone())) };
        let open = Open {
            activity: id.clone(),
            since: at,
            given: Vec::new(),
            start_allowed: false,
            run: None,
            exit: None,
            accepted: None,
            measured: None,
            performed: activity.kind == ActivityKind::Start,
            documents: Vec::new(),
            reference: None,
            reminded: 0,
            overdue: false,
            excepted: false,
        };
        let record = self.records.entry(id.clone()).or_default();
        record.opened += 1;
        record.given.clear();
        record.exception = None;
        self.position = Position::At(Box::new(open));
        Ok(())
    }

    fn completed(&mut self, id: &ActivityId, took: &Took, next: &ActivityId) -> Result<(), Refusal> {
        let follows = self.settled().filter(|(way, target, _)| way == took && target.to == *next);
        let good = match (follows, self.current()) {
            (Some((_, _, good)), Some((activity, _))) if activity.id == *id && *took != Took::Limit => good,
            _ => return Err(Refusal::Route(id.to_string())),
        };
        self.leave(id, took.clone(), good, next);
        Ok(())
    }

    fn limited(&mut self, id: &ActivityId, times: u32, opens: &ActivityId) -> Result<(), Refusal> {
        let wrong = || Refusal::Route(id.to_string());
        if let Position::Next(next) = &self.position {
            let (count, target) = self.passed_by(next).filter(|_| next == id).ok_or_else(wrong)?;
            if count != times || target.to != *opens {
                return Err(wrong());
            }
            let good = self.record(id).is_some_and(|record| record.good);
            self.leave(id, Took::Limit, good, opens);
            return Ok(());
        }
        let noes = self.record(id).map_or(0, |record| record.noes);
        let open = self.current().is_some_and(|(activity, _)| activity.id == *id);
        match self.settled() {
            Some((Took::Limit, target, good)) if open && target.to == *opens && times == noes + 1 => {
                self.leave(id, Took::Limit, good, opens);
                Ok(())
            }
            _ => Err(wrong()),
        }
    }

    fn leave(&mut self, id: &ActivityId, took: Took, good: bool, next: &ActivityId) {
        let counted = self.procedure.activity(id).is_some_and(route::limits_noes);
        let given = match &self.position {
            Position::At(open) => Some(open.given.clone()),
            _ => None,
        };
        let record = self.records.entry(id.clone()).or_default();
        if let Some(given) = given {
            record.given = given;
            // An exception is no failure, and does not use up an attempt.
            if counted && !good && record.exception.is_none() {
                record.noes += 1;
            }
        }
        record.took = Some(took);
        record.good = good;
        self.position = Position::Next(next.clone());
    }

    fn excepted(&mut self, id: &ActivityId, role: &Role, exception: Exception) -> Result<(), Refusal> {
        if !self.procedure.exceptions.contains(role) {
            return Err(Refusal::Role { activity: id.clone(), role: role.clone() });
        }
        if exception.reason.trim().is_empty() {
            return Err(Refusal::Reason(id.clone()));
        }
        let missing = coverage::missing(self).contains(id);
        let Some(activity) = self.procedure.activity(id) else { return Err(Refusal::NotOpen(id.clone())) };
        let leads_on = route::way_of_work(activity, true).is_some();
        let at_end = self.current().is_some_and(|(current, _)| current.kind == ActivityKind::End);
        if !activity.kind.may_be_excepted() || !leads_on {
            return Err(Refusal::NoException(id.clone()));
        }
        match &mut self.position {
            // A stage that is left out would leave its run undone half-way.
            Position::At(open) if open.activity == *id && open.run.is_none() && activity.run.is_none() => {
                open.excepted = true;
            }
            Position::At(_) if at_end && missing => {}
            _ => return Err(Refusal::NotOpen(id.clone())),
        }
        self.records.entry(id.clone()).or_default().exception = Some(exception);
        Ok(())
    }

    fn cancelled(&mut self, role: &Role, reason: &str) -> Result<(), Refusal> {
        let at = match &self.position {
            Position::Next(id) => id.clone(),
            Position::At(open) => open.activity.clone(),
            Position::Ended(_) => return Err(Refusal::Ended),
        };
        if !self.procedure.exceptions.contains(role) {
            return Err(Refusal::Role { activity: at, role: role.clone() });
        }
        if reason.trim().is_empty() {
            return Err(Refusal::Reason(at));
        }
        self.position = Position::Ended("cancelled".to_owned());
        Ok(())
    }

    fn closed(&mut self, end: &ActivityId, outcome: &str) -> Result<(), Refusal> {
        match self.current() {
            Some((activity, _)) if activity.kind == ActivityKind::End && activity.id == *end => {
                if outcome != activity.outcome.as_deref().unwrap_or("done") {
                    return Err(Refusal::Route(end.to_string()));
                }
            }
            _ => return Err(Refusal::NotOpen(end.clone())),
        }
        if let Some(missing) = coverage::missing(self).into_iter().next() {
            return Err(Refusal::Missing(missing));
        }
        let record = self.records.entry(end.clone()).or_default();
        record.good = true;
        self.position = Position::Ended(outcome.to_owned());
        Ok(())
    }
}

/// Whether the next run of something that goes on may begin there.
fn is_entry(procedure: &Procedure, id: &ActivityId) -> bool {
    let starts = procedure.start().is_some_and(|start| start.id == *id);
    starts || procedure.activities.iter().any(|one| one.again.as_ref().is_some_and(|again| again.to == *id))
}

/// What the answers amount to: one no is enough, a yes needs everyone who must sign.
fn verdict<'a>(activity: &Activity, given: &'a [Given]) -> Option<&'a Answer> {
    if let Some(no) = given.iter().find(|one| one.answer == Answer::No) {
        return Some(&no.answer);
    }
    let signed = |role: &Role| given.iter().any(|one| one.role == *role);
    activity.signers.iter().all(signed).then(|| given.first().map(|one| &one.answer)).flatten()
}
