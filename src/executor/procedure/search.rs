//! A search in the catalogue that is kept as evidence of an activity.

use super::{Attached, Deed, document};
use crate::{
    catalogue,
    executor::{self, ExecutorError, Site},
    procedure::{Activity, Answer, Refusal, SEARCH, state::Open},
};

/// Searches for the words of the deed, keeps the result and makes it the deed's evidence.
pub(super) fn keep(
    site: &Site,
    activity: &Activity,
    open: &Open,
    deed: &mut Deed,
) -> Result<(), ExecutorError> {
    if deed.fields.contains_key(SEARCH) && activity.search.is_some() {
        return Err(ExecutorError::input_hint(
            format!("`{SEARCH}` holds what the program finds, and is not given by hand"),
            "search with `--search WORDS`",
        ));
    }
    let Some(words) = &deed.search else {
        let no = deed.answer == Some(Answer::No);
        if activity.search.is_none() || no || !open.given.is_empty() {
            return Ok(());
        }
        return Err(ExecutorError::Refused {
            words: Refusal::Search(activity.id.clone()).to_string(),
            hint: Some(format!("search with `esclusa do {} --search \"WORDS\"`", activity.id)),
        });
    };
    if activity.search.is_none() {
        return Err(ExecutorError::input(format!("nothing is searched at `{}`", activity.id)));
    }
    if catalogue::words(words).is_empty() {
        return Err(ExecutorError::input_hint(
            format!("`{words}` has no word to search for"),
            "a word is made of letters or digits: `--search \"payroll staff\"`",
        ));
    }
    let whole = executor::catalogue(&site.root, &site.project.playbooks);
    let text = document::found(words, &whole, site.project.language)?;
    let digest = site.depot.put_bytes(site.redact(&text).as_bytes())?.digest;
    deed.fields.insert(SEARCH.to_owned(), digest.to_string());
    deed.evidence.push(Attached { digest, name: SEARCH.to_owned() });
    Ok(())
}
