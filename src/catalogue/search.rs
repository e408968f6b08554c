//! The search: every word wanted, found by its beginning, and what counts more stands first.

use super::{Catalogue, Entry, fold};
use serde::Serialize;
use std::cmp::Reverse;

/// Words of a search that count; what is longer than this is no search.
const WORDS_MAX: usize = 32;

/// The words of a search, folded as they are compared.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = fold::words(text);
    words.truncate(WORDS_MAX);
    words
}

/// A part of a data sheet that is searched, what counts most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What it is called, by people or in files.
    Title,
    /// What it is for.
    Objective,
    /// Services that it offers.
    Services,
    /// Units that use it.
    Units,
}

impl Part {
    /// How much a word counts that is found here; one found whole counts a little more.
    fn weight(self) -> u32 {
        match self {
            Self::Title => 1000,
            Self::Objective => 100,
            Self::Services => 10,
            Self::Units => 1,
        }
    }
}

/// A text of a data sheet in which words were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matched {
    /// Where it stands.
    pub part: Part,
    /// It, as it was written.
    pub text: String,
}

/// A system that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit<'a> {
    /// Its entry.
    pub entry: &'a Entry,
    /// How well it fits; only to be compared within one search.
    pub rank: u32,
    /// What matched.
    pub matched: Vec<Matched>,
}

/// The systems in which every word begins some word, the best first; none for a search without words.
#[must_use]
pub fn search<'a>(catalogue: &'a Catalogue, text: &str) -> Vec<Hit<'a>> {
    let wanted = words(text);
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut hits: Vec<Hit<'_>> = catalogue.entries.iter().filter_map(|entry| hit(entry, &wanted)).collect();
    hits.sort_by_key(|hit| (Reverse(hit.rank), hit.entry.title.clone(), hit.entry.system.clone()));
    hits
}

fn hit<'a>(entry: &'a Entry, wanted: &[String]) -> Option<Hit<'a>> {
    let texts: Vec<(Part, &str, Vec<String>)> =
        texts(entry).into_iter().map(|(part, text)| (part, text, fold::words(text))).collect();
    let mut rank = 0;
    for word in wanted {
        let counts =
            texts.iter().filter_map(|(part, _, words)| Some(part.weight() * 2 * found(words, word)?));
        rank += counts.max()?;
    }
    let matches = |words: &[String]| wanted.iter().any(|word| found(words, word).is_some());
    let matched = texts.iter().filter(|(.., words)| matches(words));
    let matched = matched.map(|(part, text, _)| Matched { part: *part, text: (*text).to_owned() }).collect();
    Some(Hit { entry, rank, matched })
}

/// 3 for the whole word, 2 for its beginning.
fn found(words: &[String], wanted: &str) -> Option<u32> {
    let whole = words.iter().any(|word| word == wanted).then_some(3);
    whole.or_else(|| words.iter().any(|word| word.starts_with(wanted)).then_some(2))
}

fn texts(entry: &Entry) -> Vec<(Part, &str)> {
    let mut texts = vec![(Part::Title, entry.title.as_str())];
    // The name in files is shown as a match of its own only where it says more.
    if fold::words(entry.system.as_str()) != fold::words(&entry.title) {
        texts.push((Part::Title, entry.system.as_str()));
    }
    texts.extend(entry.objective.as_deref().map(|text| (Part::Objective, text)));
    texts.extend(entry.services.iter().map(|text| (Part::Services, text.as_str())));
    texts.extend(entry.units.iter().map(|text| (Part::Units, text.as_str())));
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::SystemName,
        system::{Origin, Owner},
    };

    fn entry(system: &str, title: &str, objective: &str, service: &str, unit: &str) -> Entry {
        Entry {
            system: SystemName::parse(system).unwrap(),
            title: title.to_owned(),
            objective: Some(objective.to_owned()),
            services: vec![service.to_owned()],
            units: vec![unit.to_owned()],
            origin: Origin::OpenSource,
            licence: "MIT".to_owned(),
            owner: Owner::default(),
        }
    }

    fn catalogue() -> Catalogue {
        let entries = vec![
            entry("koha", "Koha", "Catálogo de la biblioteca", "Préstamos", "Rectoría"),
            entry("biblos", "Biblioteca digital", "Guardar documentos", "Consulta", "Archivo"),
            entry("archive", "Archivo", "Guardar actas", "Consulta de biblioteca", "Secretaría"),
            entry("loans", "Cartera", "Cobros", "Recaudo", "Biblioteca"),
        ];
        Catalogue::of(entries, Vec::new())
    }

    fn names(text: &str) -> Vec<String> {
        search(&catalogue(), text).iter().map(|hit| hit.entry.system.to_string()).collect()
    }

    #[test]
    fn the_title_counts_more_than_the_objective_the_services_and_the_units() {
        assert_eq!(names("BIBLIOTÉCA"), ["biblos", "koha", "archive", "loans"]);
    }

    #[test]
    fn every_word_is_wanted_and_the_beginning_of_one_is_enough() {
        assert_eq!(names("biblio presta"), ["koha"]);
        assert_eq!(names("biblioteca cobros"), ["loans"]);
        assert!(names("biblioteca nomina").is_empty());
        assert!(names("teca").is_empty(), "the middle of a word is no beginning");
        assert!(names(" ,; ").is_empty());
    }

    #[test]
    fn a_whole_word_stands_before_its_beginning() {
        let entries = vec![entry("a", "Actas", "x", "x", "x"), entry("b", "Acta", "x", "x", "x")];
        let catalogue = Catalogue::of(entries, Vec::new());
        let found = search(&catalogue, "acta");
        assert_eq!(found.iter().map(|hit| hit.entry.system.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn a_hit_says_what_matched_in_the_words_of_the_sheet() {
        let catalogue = catalogue();
        let hits = search(&catalogue, "prestamos catalogo");
        let parts: Vec<_> = hits[0].matched.iter().map(|one| (one.part, one.text.as_str())).collect();
        assert_eq!(parts, [(Part::Objective, "Catálogo de la biblioteca"), (Part::Services, "Préstamos")]);
    }

    #[test]
    fn the_digest_is_of_what_the_sheets_say_in_any_order() {
        let one = catalogue();
        let mut entries = one.entries.clone();
        entries.reverse();
        assert_eq!(Catalogue::of(entries.clone(), Vec::new()).digest().unwrap(), one.digest().unwrap());
        entries[0].title.push('!');
        assert_ne!(Catalogue::of(entries, Vec::new()).digest().unwrap(), one.digest().unwrap());
    }
}
