//! Random walks through all procedures.

use super::{NUMBERS, everybody, ours};
use crate::{
    model::{Digest, People, PersonName, Role, RunId, SystemName, Timestamp},
    procedure::{
        Activity, ActivityKind, Answer, Effect, Event, FieldKind, Made, Procedure, ProcedureHeader,
        ProcedureRun, Refusal, SEARCH, Seal, Standing, coverage, decide, state::Position,
    },
};
use std::{collections::BTreeMap, sync::Arc};

const WALKS: u64 = 10_000;
/// Far more than the longest walk can have with all limits used up.
const EVENTS_MAX: usize = 3_000;

pub(super) fn header(procedure: &Procedure) -> ProcedureHeader {
    ProcedureHeader {
        format: 1,
        id: RunId("run".to_owned()),
        procedure: procedure.path.clone(),
        digest: Digest::of(b"procedure"),
        system: Some(SystemName::parse("wiki").unwrap()),
        requester: PersonName::parse("professional").unwrap(),
        reason: None,
        entry: None,
        opened: Timestamp(0),
        people: None,
    }
}

/// The event with a signature where it must have one; whether it is good is not for a procedure to know.
pub(super) fn signed(run: &ProcedureRun, event: Event) -> Event {
    if !run.wants_seal(&event) {
        return event;
    }
    assert!(matches!(run.clone().apply(&event, Timestamp(0)), Err(Refusal::Unsigned(_))));
    let (statement, signature) = ("statement".to_owned(), "signature".to_owned());
    event.sealed(Some(Seal { statement, signature }))
}

struct Dice(u64);

impl Dice {
    /// SplitMix64.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }
}

/// Its documents, as the program would make them.
pub(super) fn made(activity: &Activity) -> Vec<Made> {
    activity
        .documents
        .iter()
        .map(|form| Made { form: *form, digest: Digest::of(form.as_str().as_bytes()) })
        .collect()
}

/// The files that are wanted, what a search found, and the documents that were made first.
pub(super) fn evidence(activity: &Activity, fields: &mut BTreeMap<String, String>) -> Vec<Digest> {
    let mut evidence = vec![Digest::of(b"file"); activity.files];
    if activity.search.is_some() {
        evidence.push(Digest::of(b"found"));
        fields.insert(SEARCH.to_owned(), Digest::of(b"found").to_string());
    }
    if activity.makes_documents_first() {
        evidence.extend(made(activity).iter().map(|made| made.digest));
    }
    evidence
}

struct Walk {
    run: ProcedureRun,
    people: People,
    dice: Dice,
    now: Timestamp,
    /// One in so many runs, checks and answers goes badly; gates reject every other time.
    luck: usize,
    events: Vec<(Event, Timestamp)>,
}

impl Walk {
    fn append(&mut self, event: Event) -> Result<(), Refusal> {
        let event = signed(&self.run, event);
        self.run.admit(&event, &self.people)?;
        self.run.apply(&event, self.now)?;
        self.events.push((event, self.now));
        Ok(())
    }

    fn person(role: &Role) -> PersonName {
        PersonName::parse(role.as_str()).unwrap()
    }

    /// An answer that the activity has, at random; yes where everything else is refused.
    fn answer(&mut self, role: &Role) -> Event {
        let (activity, _) = self.run.current().unwrap();
        let luck = if activity.kind == ActivityKind::Gate { 2 } else { self.luck };
        let targets = &activity.targets;
        let mut answers: Vec<Answer> = targets.branches.keys().cloned().map(Answer::Choice).collect();
        answers.extend(targets.next.as_ref().map(|_| Answer::Done));
        answers.extend(targets.on_yes.as_ref().map(|_| Answer::Yes));
        answers.extend(targets.on_no.as_ref().map(|_| Answer::No));
        let value = |kind: FieldKind| match kind {
            FieldKind::Number => "3".to_owned(),
            FieldKind::Date => "2026-11-23".to_owned(),
            FieldKind::Url => "https://example.org/a.deb".to_owned(),
            FieldKind::Package => Digest::of(b"package").to_string(),
            FieldKind::Approval => uuid::Uuid::nil().to_string(),
            FieldKind::Licence => "GPL-2.0-or-later".to_owned(),
            _ => "a".to_owned(),
        };
        let mut fields: BTreeMap<_, _> =
            activity.fields.iter().map(|spec| (spec.name.clone(), value(spec.kind))).collect();
        let evidence = evidence(activity, &mut fields);
        let id = activity.id.clone();
        let bad = answers.iter().position(|answer| *answer == Answer::No);
        let answer = match bad {
            Some(bad) if self.dice.roll(luck) == 0 => answers.swap_remove(bad),
            Some(bad) => answers.swap_remove(usize::from(bad == 0)),
            None => answers.swap_remove(self.dice.roll(answers.len())),
        };
        Event::Answered {
            activity: id,
            by: Self::person(role),
            role: role.clone(),
            answer,
            reason: "why".to_owned(),
            fields,
            evidence,
            seal: None,
        }
    }

    /// Whoever is not asked is refused, and so is a machine, and nothing has changed.
    fn strangers(&mut self, roles: &[Role], event: &Event) {
        let before = (self.run.position.clone(), self.run.records.clone());
        let mut wrong = Vec::new();
        for role in self.run.procedure.roles.keys().filter(|role| !roles.contains(role)) {
            wrong.push((Self::person(role), role.clone()));
            wrong.push((Self::person(role), roles[0].clone()));
        }
        wrong.push((PersonName::parse("robot").unwrap(), roles[0].clone()));
        for (person, as_role) in wrong {
            let mut event = event.clone();
            if let Event::Answered { by, role, .. }
            | Event::StartAllowed { by, role, .. }
            | Event::ExternalOpened { by, role, .. }
            | Event::ExternalReturned { by, role, .. }
            | Event::Excepted { by, role, .. } = &mut event
            {
                (*by, *role) = (person, as_role);
            }
            let admitted = self.run.admit(&event, &self.people);
            assert!(admitted.is_err() || self.run.apply(&event, self.now).is_err(), "{event:?}");
        }
        assert_eq!(before, (self.run.position.clone(), self.run.records.clone()));
    }

    fn human(&mut self, roles: &[Role], make: impl Fn(&mut Self, &Role) -> Event) {
        assert!(!roles.is_empty(), "nobody is waited for at {:?}", self.run.position);
        let role = roles[self.dice.roll(roles.len())].clone();
        let event = make(self, &role);
        if self.dice.roll(8) == 0 {
            self.strangers(roles, &event);
        }
        match self.append(event.clone()) {
            Ok(()) => {}
            // A yes about what has not ended well: only a no is left.
            Err(Refusal::NotGood { .. }) => {
                let Event::Answered { activity, by, role, reason, .. } = event else { panic!("{event:?}") };
                let (fields, evidence) = (BTreeMap::new(), Vec::new());
                let no = Event::Answered {
                    activity,
                    by,
                    role,
                    answer: Answer::No,
                    reason,
                    fields,
                    evidence,
                    seal: None,
                };
                self.append(no).unwrap();
            }
            Err(refusal) => panic!("{event:?}: {refusal}"),
        }
    }

    fn except(&mut self) -> bool {
        let Some((activity, open)) = self.run.current() else { return false };
        let leads_on = activity.targets.next.is_some() || activity.targets.on_yes.is_some();
        if !activity.kind.may_be_excepted()
            || activity.run.is_some()
            || !leads_on
            || open.run.is_some()
            || self.dice.roll(40) > 0
        {
            return false;
        }
        let activity = activity.id.clone();
        let role = Role::parse("director").unwrap();
        let by = Self::person(&role);
        let (reason, until, seal) = ("none".to_owned(), None, None);
        self.append(Event::Excepted { activity, by, role, reason, until, seal }).unwrap();
        true
    }

    fn perform(&mut self, effect: Effect) {
        let luck = 2 * self.luck;
        let exit = |dice: &mut Dice| u8::from(dice.roll(luck) == 0);
        match effect {
            Effect::Open { activity, attempt } => {
                self.append(Event::ActivityOpened { activity, attempt }).unwrap();
            }
            Effect::AskPerson { roles, .. } | Effect::OpenGate { roles, .. } => {
                self.human(&roles, Self::answer)
            }
            Effect::AskToStart { activity, roles } => self.human(&roles, |_, role| Event::StartAllowed {
                activity: activity.clone(),
                by: Self::person(role),
                role: role.clone(),
            }),
            Effect::StartRun { activity, playbook, .. } => {
                assert!(!playbook.unwrap_or_default().contains('{'));
                let run = RunId(format!("child-{}", self.events.len()));
                self.append(Event::CallStarted { activity, run }).unwrap();
            }
            Effect::JoinRun { activity, run } => {
                let (joining, _) = self.run.current().unwrap();
                let word = joining.run.as_ref().unwrap();
                let guarded = self.run.procedure.gate_of(word).is_some();
                assert!(guarded || joining.undoes() || !self.run.staged[word].over, "{activity} joins {run}");
                self.append(Event::CallStarted { activity, run }).unwrap();
            }
            Effect::UndoRun { activity, run } => {
                self.append(Event::StagedRunEnded { activity, run, exit: 3 }).unwrap();
            }
            Effect::AcceptRun { activity, run } => {
                let exit = exit(&mut self.dice);
                self.append(Event::StagedRunEnded { activity, run, exit }).unwrap();
            }
            Effect::AwaitRun { activity, run } => {
                let gate = self.run.current().is_some_and(|(open, _)| open.kind == ActivityKind::Gate);
                let exit = if gate && self.dice.roll(2) == 0 { 11 } else { exit(&mut self.dice) };
                self.append(Event::CallEnded { activity, run, exit, fulfilled: Vec::new() }).unwrap();
            }
            Effect::Check { activity, .. } => {
                let good = exit(&mut self.dice) == 0;
                self.append(Event::Measured { activity, good, report: Digest::of(b"report") }).unwrap();
            }
            Effect::OpenExternal { activity, roles, process } => {
                assert!(process.is_some());
                self.human(&roles, |_, role| Event::ExternalOpened {
                    activity: activity.clone(),
                    by: Self::person(role),
                    role: role.clone(),
                    reference: "case 7".to_owned(),
                    sent: Vec::new(),
                    seal: None,
                });
            }
            Effect::AwaitExternal { activity, roles, .. } => {
                self.human(&roles, |_, role| Event::ExternalReturned {
                    activity: activity.clone(),
                    by: Self::person(role),
                    role: role.clone(),
                    answer: Answer::Done,
                    reason: "done".to_owned(),
                    evidence: Vec::new(),
                    seal: None,
                })
            }
            Effect::Record { activity } | Effect::Notify { activity, .. } => {
                let written = self.run.procedure.activity(&activity).unwrap();
                let documents = made(written);
                self.append(Event::Performed { activity, document: Some(Digest::of(b"act")), documents })
                    .unwrap();
            }
            Effect::Remind { activity, number, .. } => {
                self.append(Event::Reminded { activity, number }).unwrap();
            }
            Effect::Overdue { activity, .. } => self.append(Event::DeadlinePassed { activity }).unwrap(),
            Effect::Complete { activity, took, next } => {
                self.append(Event::Completed { activity, took, next }).unwrap();
            }
            Effect::ReachLimit { activity, times, opens } => {
                self.append(Event::LimitReached { activity, times, opens }).unwrap();
            }
            Effect::AskExceptions { roles, missing } => {
                let end = self.run.current().unwrap().0.clone();
                let outcome = end.outcome.clone().unwrap_or_else(|| "done".to_owned());
                let closing = Event::Closed { end: end.id, outcome };
                assert!(matches!(self.append(closing), Err(Refusal::Missing(_))));
                let activity = missing[0].clone();
                self.human(&roles, |_, role| Event::Excepted {
                    activity: activity.clone(),
                    by: Self::person(role),
                    role: role.clone(),
                    reason: "replaced by hand".to_owned(),
                    until: None,
                    seal: None,
                });
            }
            Effect::Close { end, outcome } => self.append(Event::Closed { end, outcome }).unwrap(),
        }
    }
}

fn walk(procedure: &Arc<Procedure>, people: &People, seed: u64) -> Walk {
    let run = ProcedureRun::open(procedure.clone(), header(procedure)).unwrap();
    let luck = 2 + usize::try_from(seed / 6 % 12).unwrap();
    let mut walk =
        Walk { run, people: people.clone(), dice: Dice(seed), now: Timestamp(0), luck, events: Vec::new() };
    while !matches!(walk.run.position, Position::Ended(_)) {
        assert!(walk.events.len() < EVENTS_MAX, "seed {seed}: {} does not end", procedure.number);
        let hours = i64::try_from(walk.dice.roll(72)).unwrap();
        walk.now = walk.now.plus_seconds(hours * 3600);
        let effects = decide(&walk.run, walk.now);
        assert!(!effects.is_empty(), "seed {seed}: nothing is done at {:?}", walk.run.position);
        if walk.except() {
            continue;
        }
        let at = walk.dice.roll(effects.len());
        walk.perform(effects[at].clone());
    }
    walk
}

/// No limit is passed: an activity answers no, or is opened, so many times at most.
fn limits_hold(run: &ProcedureRun) {
    for activity in &run.procedure.activities {
        let (Some(attempts), Some(record)) = (&activity.attempts, run.record(&activity.id)) else { continue };
        if activity.targets.on_no.is_none() {
            assert!(record.opened <= attempts.limit, "{}: {record:?}", activity.id);
        }
    }
}

#[test]
fn every_walk_ends_with_everything_covered_and_nobody_out_of_role() {
    let procedures: Vec<Arc<Procedure>> = NUMBERS.iter().map(|number| Arc::new(ours(number))).collect();
    let mut outcomes: BTreeMap<(String, String), u64> = BTreeMap::new();
    for seed in 0..WALKS {
        let procedure = &procedures[usize::try_from(seed).unwrap() % procedures.len()];
        let people = everybody(procedure);
        let walk = walk(procedure, &people, seed);
        limits_hold(&walk.run);
        let missing = coverage(&walk.run).into_iter().find(|one| one.standing == Standing::Missing);
        assert_eq!(missing, None, "seed {seed}");
        assert_eq!(walk.run.dangling(), None, "seed {seed}: a run holds its servers for ever");
        let Position::Ended(outcome) = &walk.run.position else { panic!("seed {seed}") };
        *outcomes.entry((procedure.number.clone(), outcome.clone())).or_default() += 1;
        if seed % 100 == 0 {
            killed_anywhere_it_is_the_same(procedure, &walk);
        }
    }
    // Every end of every procedure was come to.
    for procedure in &procedures {
        for end in procedure.activities.iter().filter(|one| one.kind.as_str() == "end") {
            let outcome = end.outcome.clone().unwrap_or_else(|| "done".to_owned());
            assert!(
                outcomes.contains_key(&(procedure.number.clone(), outcome)),
                "{} in {outcomes:?}",
                end.id
            );
        }
    }
}

/// A run that is read again from any part of its journal wants the same done next.
fn killed_anywhere_it_is_the_same(procedure: &Arc<Procedure>, walk: &Walk) {
    let mut whole = ProcedureRun::open(procedure.clone(), header(procedure)).unwrap();
    for (at, (event, when)) in walk.events.iter().enumerate() {
        whole.apply(event, *when).unwrap();
        // The journal is text: what was written must be what is read.
        let text = serde_json::to_string(event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), *event, "{text}");
        if at % 10 > 0 {
            continue;
        }
        let part = walk.events[..=at].iter().map(|(event, when)| (event, *when));
        let again = ProcedureRun::replay(procedure.clone(), header(procedure), part).unwrap();
        assert_eq!(decide(&again, *when), decide(&whole, *when));
    }
    assert_eq!(whole.position, walk.run.position);
}
