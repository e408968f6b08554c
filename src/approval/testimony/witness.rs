//! Holds what was signed against what is recorded.

use super::{Testimony, TestimonyRefusal as Refusal};
use crate::{
    approval::{
        self, KeyFingerprint, Purpose,
        gate::{has_key, shares_identity},
        verify_signature,
    },
    model::{Digest, People, PersonName, Timestamp},
    procedure::{ActivityId, Event, ProcedureRun, Seal},
};
use std::collections::{BTreeMap, BTreeSet};

/// A testimony that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The activity.
    pub activity: ActivityId,
    /// Who.
    pub by: PersonName,
    /// The key that signed.
    pub key: KeyFingerprint,
    /// When it was recorded.
    pub at: Timestamp,
    /// The head of the ledger that was signed.
    pub ledger_head: Digest,
}

/// What judging the signatures of one run takes: the people files that it recorded, and what was
/// signed so far.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    people: BTreeMap<Digest, People>,
    nonces: BTreeSet<String>,
    heard: Vec<Heard>,
}

impl Witness {
    /// Makes a people file known, under the digest of its content.
    pub fn know(&mut self, people: People) {
        self.people.insert(approval::people_digest(&people), people);
    }

    /// Everything that was verified, in the order of the journal.
    #[must_use]
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// Judges an event that is to be applied to `run` next. What needs no signature may have one; then
    /// it must be good all the same.
    pub fn examine(&mut self, run: &ProcedureRun, event: &Event, at: Timestamp) -> Result<(), Refusal> {
        let Some(seal) = event.seal() else {
            return if run.wants_seal(event) { Err(Refusal::Unsigned) } else { Ok(()) };
        };
        let testimony = Testimony::parse(&seal.statement)?;
        if self.nonces.contains(&testimony.nonce) {
            return Err(Refusal::Replayed);
        }
        compare(run, event, &testimony)?;
        if testimony.time < earliest(run, &testimony.activity) || testimony.time > at {
            return Err(Refusal::WrongTime);
        }
        let key = self.authenticate(run, &testimony, seal)?;
        self.nonces.insert(testimony.nonce.clone());
        let Testimony { activity, by, ledger_head, .. } = testimony;
        self.heard.push(Heard { activity, by, key, at, ledger_head });
        Ok(())
    }

    /// Whether the person of the testimony, as the run's people file has them, signed it.
    fn authenticate(
        &self,
        run: &ProcedureRun,
        testimony: &Testimony,
        seal: &Seal,
    ) -> Result<KeyFingerprint, Refusal> {
        if run.people != Some(testimony.people) {
            return Err(Refusal::PeopleChanged);
        }
        let people = self.people.get(&testimony.people).ok_or(Refusal::PeopleUnknown)?;
        let name = || testimony.by.clone();
        let person =
            people.0.get(&testimony.by).ok_or_else(|| Refusal::NotInPeopleFile { person: name() })?;
        if person.machine {
            return Err(Refusal::Machine { person: name() });
        }
        if !person.roles.contains(&testimony.role) {
            return Err(Refusal::NoSuchRole { person: name(), role: testimony.role.clone() });
        }
        if !has_key(person) {
            return Err(Refusal::NoKey { person: name() });
        }
        if let Some(other) = shares_identity(person, people) {
            return Err(Refusal::SharedIdentity { person: name(), other });
        }
        verify_signature(Purpose::Testimony, &seal.statement, &seal.signature, &person.keys).map_err(
            |refusal| match refusal {
                approval::Refusal::KeyNotListed => Refusal::KeyNotListed { person: name() },
                approval::Refusal::WrongNamespace => Refusal::WrongNamespace,
                approval::Refusal::TextChanged => Refusal::TextChanged,
                _ => Refusal::BadSignature,
            },
        )
    }
}

/// Whether the testimony says exactly what the event says; otherwise, what differs.
fn compare(run: &ProcedureRun, event: &Event, testimony: &Testimony) -> Result<(), Refusal> {
    // Rebuilding the testimony leaves no field out of the comparison.
    let expected = Testimony::of(run, event, testimony.occasion()).ok_or(Refusal::Unreadable)?;
    if expected == *testimony {
        return Ok(());
    }
    Err(if expected.run != testimony.run {
        Refusal::OtherRun
    } else if expected.procedure != testimony.procedure {
        Refusal::OtherProcedure
    } else if expected.activity != testimony.activity {
        Refusal::OtherActivity
    } else if expected.attempt != testimony.attempt {
        Refusal::OtherAttempt
    } else if (&expected.by, &expected.role) != (&testimony.by, &testimony.role) {
        Refusal::OtherPerson
    } else if expected.evidence != testimony.evidence {
        Refusal::OtherEvidence
    } else {
        Refusal::OtherWords
    })
}

/// Since when there is something to sign: the activity is open, or the run is.
fn earliest(run: &ProcedureRun, activity: &ActivityId) -> Timestamp {
    let open = run.current().filter(|(current, _)| current.id == *activity);
    open.map_or(run.header.opened, |(_, open)| open.since)
}
