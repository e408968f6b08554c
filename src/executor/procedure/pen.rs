//! The one writer of a procedure's journal: appends under the lease, then applies.

use super::{Stored, load, signing, telling};
use crate::{
    approval::Witness,
    executor::{
        ExecutorError, Site,
        journal::{beat, cleaned, fault_point, take_lease},
    },
    model::{ExitCode, RunId, Timestamp, canonical},
    procedure::{Event, ProcedureRun, decide, state::Position},
    store::{Append, Lease, Message, StoreError},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A procedure's run that this process takes on.
pub struct Pen<'a> {
    site: &'a Site,
    lease: Lease,
    /// The run as it is now.
    pub run: ProcedureRun,
    /// Its journal so far.
    pub events: Vec<(Event, Timestamp)>,
    witness: Witness,
    lost: Arc<AtomicBool>,
    heartbeat: tokio::task::JoinHandle<()>,
}

impl<'a> Pen<'a> {
    /// Takes the run's lease and replays it.
    pub async fn take(site: &'a Site, id: &RunId) -> Result<Self, ExecutorError> {
        let lease = take_lease(site, id).await?;
        let stored = match load(&site.store, id).await {
            Ok(stored) => stored,
            Err(error) => {
                // What cannot be read is not kept from whoever mends it.
                let _ = site.store.release_lease(&lease).await;
                return Err(error);
            }
        };
        let Stored { run, events, witness, .. } = stored;
        let lost = Arc::new(AtomicBool::new(false));
        let heartbeat = tokio::spawn(beat(site.store.clone(), lease.clone(), Arc::clone(&lost)));
        Ok(Self { site, lease, run, events, witness, lost, heartbeat })
    }

    /// Records one event, tells those whom it makes wait, and applies it. When this fails, nothing
    /// that the event announces may be done.
    pub async fn append(&mut self, event: Event, outbox: Vec<Message>) -> Result<(), ExecutorError> {
        self.append_all(vec![event], outbox).await
    }

    /// Records what a person signed; the people file that the signature is held against goes before it.
    pub async fn append_signed(&mut self, event: Event) -> Result<(), ExecutorError> {
        let people = signing::keep_people(self.site).await?;
        self.witness.know(self.site.people.clone());
        let changed = self.run.people != Some(people);
        let before = changed.then_some(Event::PeopleRecorded { people });
        self.append_all(before.into_iter().chain([event]).collect(), Vec::new()).await
    }

    async fn append_all(
        &mut self,
        events: Vec<Event>,
        mut outbox: Vec<Message>,
    ) -> Result<(), ExecutorError> {
        let id = self.run.header.id.clone();
        if self.lost.load(Ordering::SeqCst) {
            return Err(StoreError::LeaseLost { run: id }.into());
        }
        let clean = |event| cleaned(&self.site.redactor, event);
        let events = events.iter().map(clean).collect::<Result<Vec<_>, _>>()?;
        let now = self.site.store.now().await?;
        // Judged and applied on a copy first: an event that cannot follow is never recorded.
        let (mut next, mut witness) = (self.run.clone(), self.witness.clone());
        let mut bodies = Vec::with_capacity(events.len());
        for event in &events {
            witness.examine(&next, event, now).map_err(|source| signing::refused(event, source))?;
            next.apply(event, now).map_err(|refusal| ExecutorError::refused(refusal.to_string()))?;
            bodies.push(canonical(event).map_err(|error| ExecutorError::document("event", error))?);
        }
        let (state, waiting_for) = standing(&next, now);
        outbox.extend(telling::asked(self.site, &self.run, &next, now));
        if matches!(next.position, Position::Ended(_)) {
            outbox.extend(telling::ended(self.site, &next));
        }
        let append = Append {
            events: bodies,
            state,
            waiting_for,
            final_exit: exit(&next).map(ExitCode::number),
            outbox,
            ..Append::default()
        };
        let rows = self.site.store.append(&self.lease, append).await?;
        self.witness = witness;
        for (event, row) in events.into_iter().zip(rows) {
            let damaged = |source| ExecutorError::Damaged { run: id.to_string(), source };
            self.run.apply(&event, row.at).map_err(damaged)?;
            self.events.push((event, row.at));
            fault_point("procedure", self.run.events);
        }
        Ok(())
    }

    /// Gives the run up to whoever takes it next.
    pub async fn release(self) {
        self.heartbeat.abort();
        // The run has ended, or somebody else has the lease: both are fine.
        let _ = self.site.store.release_lease(&self.lease).await;
    }
}

impl Drop for Pen<'_> {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// The state's label, and whom the run waits for.
fn standing(run: &ProcedureRun, now: Timestamp) -> (String, Option<String>) {
    if let Position::Ended(outcome) = &run.position {
        return (outcome.clone(), None);
    }
    let effects = decide(run, now);
    let roles = effects.iter().find_map(|effect| effect.waits_for());
    match roles {
        Some(roles) => {
            let names: Vec<_> = roles.iter().map(ToString::to_string).collect();
            ("waiting".to_owned(), Some(names.join(", ")))
        }
        None => match run.current().and_then(|(_, open)| open.run.as_ref().filter(|_| open.exit.is_none())) {
            Some(called) => ("waiting".to_owned(), Some(format!("run {called}"))),
            None => ("running".to_owned(), None),
        },
    }
}

/// The code that a run ends with: what called it goes on well only after `done` and `reused`.
fn exit(run: &ProcedureRun) -> Option<ExitCode> {
    let Position::Ended(outcome) = &run.position else { return None };
    Some(match outcome.as_str() {
        "done" | "reused" => ExitCode::Done,
        "rejected" => ExitCode::Rejected,
        _ => ExitCode::Failed,
    })
}
