//! Signatures under what people do in a procedure: drafted, judged, and the people files for it kept.

use super::{answer::Deed, answer::admitted, open::load};
use crate::{
    approval::{Occasion, Testimony, TestimonyRefusal, Witness},
    executor::{ExecutorError, Site, journal::cleaned},
    model::{Digest, People, RunId, Timestamp, canonical},
    procedure::{ActivityId, Event, ProcedureRun, Seal},
    store::Store,
};

/// What a person is asked to sign.
pub struct Draft {
    /// What would be recorded, without the signature.
    pub event: Event,
    /// The text that is signed.
    pub statement: String,
}

/// What the caller must sign for a deed; nothing where the procedure asks for no signature. Refuses,
/// before anybody signs, what would be refused afterwards.
pub async fn draft(
    site: &Site,
    id: &RunId,
    expected: &ActivityId,
    deed: &Deed,
) -> Result<Option<Draft>, ExecutorError> {
    let run = load(&site.store, id).await?.run;
    let event = admitted(site, &run, expected, deed.clone()).await?;
    if !run.wants_seal(&event) {
        return Ok(None);
    }
    // What is signed is what is recorded: without secrets.
    let event = cleaned(&site.redactor, &event)?;
    let occasion = Occasion {
        people: site.people_digest(),
        time: site.store.now().await?,
        nonce: uuid::Uuid::new_v4().simple().to_string(),
        ledger_head: site.store.ledger_head().await?.hash,
    };
    let time = occasion.time;
    let Some(testimony) = Testimony::of(&run, &event, occasion) else { return Ok(None) };
    let statement = testimony.text();
    let mut trial = run;
    let seal = Seal { statement: statement.clone(), signature: String::new() };
    let sealed = event.clone().sealed(Some(seal));
    trial.apply(&sealed, time).map_err(|refusal| ExecutorError::refused(refusal.to_string()))?;
    Ok(Some(Draft { event, statement }))
}

/// Keeps the people file as it is now, and returns its digest.
pub(super) async fn keep_people(site: &Site) -> Result<Digest, ExecutorError> {
    let text = canonical(&site.people).map_err(|error| ExecutorError::document("people file", error))?;
    let digest = site.people_digest();
    site.store.put_document("people", digest, &text).await?;
    Ok(digest)
}

/// A witness that knows the people files of a run, where its procedure asks for signatures.
pub(super) async fn witness(
    store: &Store,
    run: &ProcedureRun,
    events: &[(Event, Timestamp)],
) -> Result<Witness, ExecutorError> {
    let mut witness = Witness::default();
    if events.iter().all(|(event, _)| event.seal().is_none()) {
        return Ok(witness);
    }
    let recorded = events.iter().filter_map(|(event, _)| match event {
        Event::PeopleRecorded { people } => Some(*people),
        _ => None,
    });
    for digest in run.header.people.into_iter().chain(recorded) {
        let people: People = serde_json::from_str(&store.document(digest).await?)
            .map_err(|error| ExecutorError::document("people file", error))?;
        witness.know(people);
    }
    Ok(witness)
}

/// Judges an event of a stored journal.
pub(super) fn examine(
    witness: &mut Witness,
    run: &ProcedureRun,
    event: &Event,
    at: Timestamp,
) -> Result<(), ExecutorError> {
    let Err(source) = witness.examine(run, event, at) else { return Ok(()) };
    let (run, activity) = (run.header.id.to_string(), about(event));
    Err(ExecutorError::Unproven { run, activity, source })
}

/// A signature that is not accepted.
pub(super) fn refused(event: &Event, source: TestimonyRefusal) -> ExecutorError {
    ExecutorError::Unsigned { activity: about(event), source }
}

/// No signature at all.
pub(super) fn unsigned(event: &Event) -> ExecutorError {
    refused(event, TestimonyRefusal::Unsigned)
}

fn about(event: &Event) -> ActivityId {
    event.testifies().cloned().unwrap_or_else(|| ActivityId(event.name()))
}
