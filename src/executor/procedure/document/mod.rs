//! The documents that activities leave: the general one, and those that an activity names.
//!
//! [`journals`] loads what a document is made from, [`facts`] puts it into plain values, and
//! [`crate::report::documents`] makes text of these.

mod calls;
mod facts;
mod general;
mod journals;
mod search;
mod troubles;

pub(super) use search::found;

use super::pen::Pen;
use crate::{
    executor::{ExecutorError, Site},
    procedure::{ActivityId, Event, Made},
    report::documents,
};
use journals::Journals;

/// Makes the activity's documents, keeps them and says so in an event.
pub(super) async fn make(site: &Site, pen: &Pen<'_>, activity: ActivityId) -> Result<Event, ExecutorError> {
    let language = site.project.language;
    let Some(written) = pen.run.procedure.activity(&activity).filter(|one| !one.documents.is_empty()) else {
        let text = general::markdown(&pen.run, &pen.events, &activity, &site.project.zone, language);
        let digest = site.depot.put_bytes(site.redact(&text).as_bytes())?.digest;
        return Ok(Event::Performed { activity, document: Some(digest), documents: Vec::new() });
    };
    let journals = Journals::load(site, pen).await?;
    let mut made = Vec::new();
    for form in &written.documents {
        let facts = facts::of(site, &journals, written, *form).await?;
        let text = documents::render(*form, &facts, language)
            .map_err(|error| ExecutorError::document("document", error))?;
        let digest = site.depot.put_bytes(site.redact(&text).as_bytes())?.digest;
        made.push(Made { form: *form, digest });
    }
    Ok(Event::Performed { activity, document: None, documents: made })
}
