//! Finds files of evidence by their digest in the journals of all runs.

use super::ExecutorError;
use crate::{
    model::{Digest, RunId},
    store::{RunFilter, Store},
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Keys of events whose values are files in the depot.
const KEYS: [&str; 7] = ["evidence", "sent", "report", "document", "documents", "digest", "output"];

/// The files of evidence whose digest begins with `text`, each with the runs that name it.
pub async fn evidence(store: &Store, text: &str) -> Result<BTreeMap<Digest, BTreeSet<RunId>>, ExecutorError> {
    let filter = RunFilter { limit: Some(u32::MAX), ..RunFilter::default() };
    let mut found: BTreeMap<Digest, BTreeSet<RunId>> = BTreeMap::new();
    for row in store.runs(&filter).await? {
        for event in store.events(&row.new.id).await? {
            // Most events name no file at all.
            if !event.body.contains(text) {
                continue;
            }
            let body: Json =
                serde_json::from_str(&event.body).map_err(|error| ExecutorError::document("event", error))?;
            let mut digests = Vec::new();
            collect(&body, false, &mut digests);
            for digest in digests.into_iter().filter(|digest| digest.to_string().starts_with(text)) {
                found.entry(digest).or_default().insert(row.new.id.clone());
            }
        }
    }
    Ok(found)
}

/// The digests below keys that name files.
fn collect(value: &Json, named: bool, found: &mut Vec<Digest>) {
    match value {
        Json::String(text) if named => found.extend(Digest::parse(text)),
        Json::Array(items) => items.iter().for_each(|item| collect(item, named, found)),
        Json::Object(entries) => {
            for (key, value) in entries {
                // Below a gate or a prediction `digest` names no file of the depot.
                let below = if key == "digest" { named } else { KEYS.contains(&key.as_str()) };
                let nested = value.is_object() && !below;
                collect(value, below && !nested, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_names_a_file_is_evidence() {
        let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
        let event = json!({
            "event": "performed", "document": digest("a"),
            "documents": [{"form": "data-sheet", "digest": digest("b")}], "evidence": [digest("c")],
            "end": {"changed": {"output": digest("d")}}, "gate": {"digest": digest("e")},
            "reason": digest("f"), "fields": {"report": "x", "package": digest("g")},
        });
        let mut found = Vec::new();
        collect(&event, false, &mut found);
        let wanted: BTreeSet<_> = ["a", "b", "c", "d"].map(|text| Digest::of(text.as_bytes())).into();
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
    }
}
