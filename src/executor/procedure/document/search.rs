//! What a search in the catalogue found, as a document.

use crate::{
    catalogue::{self, Catalogue},
    executor::ExecutorError,
    model::Language,
    report::{
        documents::{self, Found, Match, Named},
        language::documents as say,
    },
};

/// Most matches in the document; the digest is of the whole catalogue.
const MATCHES_MAX: usize = 100;

/// The document of a search.
pub fn found(words: &str, whole: &Catalogue, language: Language) -> Result<String, ExecutorError> {
    let wrong = |error: &dyn std::fmt::Display| ExecutorError::document("catalogue", error);
    let hits = catalogue::search(whole, words);
    let matches = hits.iter().take(MATCHES_MAX).map(|hit| Match {
        system: hit.entry.system.to_string(),
        title: hit.entry.title.clone(),
        licence: hit.entry.licence.clone(),
        owner: hit.entry.owner.person.clone().or_else(|| hit.entry.owner.unit.clone()).unwrap_or_default(),
        matched: hit
            .matched
            .iter()
            .map(|one| Named { name: say::part(one.part, language), value: one.text.clone() })
            .collect(),
    });
    let found = Found {
        words: words.to_owned(),
        sheets: whole.entries.len(),
        digest: whole.digest().map_err(|error| wrong(&error))?.to_string(),
        matches: matches.collect(),
        unreadable: whole.unreadable.clone(),
    };
    documents::search(&found, language).map_err(|error| wrong(&error))
}
