//! `esclusa catalogue`: the systems that the project has data sheets of, and the search in them.

use super::{CliError, Format, Global, Terminal, project};
use crate::{
    catalogue::{self, Catalogue, Entry, Matched},
    executor,
    model::{ExitCode, Language},
    report::{escape, language::documents as say, lines::Lines},
    system::Origin,
};
use clap::Args;
use serde_json::json;

/// Longest text of a data sheet on the screen, in columns.
const TEXT_COLUMNS: usize = 600;

/// Arguments of `esclusa catalogue`.
#[derive(Args)]
pub struct CatalogueArgs {
    /// Words to search for: each must begin a word of the title, objective, services or units
    words: Vec<String>,
}

/// Performs `esclusa catalogue`.
pub fn catalogue(global: &Global, terminal: &Terminal, args: &CatalogueArgs) -> Result<ExitCode, CliError> {
    let read = project::read(global)?;
    let person = read.people.by_account(&project::account()).and_then(|person| person.language);
    let language = terminal.language(person, read.project.language);
    let whole = executor::catalogue(&read.root, &read.project.playbooks);
    let words = args.words.join(" ");
    if !args.words.is_empty() && catalogue::words(&words).is_empty() {
        return Err(CliError::input(format!("`{words}` has no word to search for"))
            .hint("a word is made of letters or digits"));
    }
    if terminal.format == Format::Json {
        terminal.json(&document(&whole, &words)?);
        return Ok(ExitCode::Done);
    }
    if terminal.format == Format::Junit {
        return Err(CliError::input("the catalogue has no JUnit form"));
    }
    terminal.result(&page(&whole, &words, language)?);
    Ok(ExitCode::Done)
}

/// The catalogue, or what was found in it, for people.
pub fn page(whole: &Catalogue, words: &str, language: Language) -> Result<String, CliError> {
    let mut lines = Lines::default();
    lines.title(&say::catalogue_heading(language, whole.entries.len()));
    let digest = whole.digest().map_err(|error| CliError::failed(error.to_string()))?;
    lines.pair(&say::catalogue_digest_label(language), &digest.to_string());
    for path in &whole.unreadable {
        lines.item(&say::catalogue_unreadable(language, path));
    }
    if words.is_empty() {
        if whole.entries.is_empty() {
            lines.heading(&say::catalogue_empty(language));
        }
        whole.entries.iter().for_each(|one| entry(&mut lines, one, &[], language));
        return Ok(lines.text());
    }
    let hits = catalogue::search(whole, words);
    let shown = escape::capped(words, TEXT_COLUMNS);
    lines.heading(&match hits.len() {
        0 => say::catalogue_none(language, shown),
        count => say::catalogue_found(language, count, shown),
    });
    hits.iter().for_each(|hit| entry(&mut lines, hit.entry, &hit.matched, language));
    Ok(lines.text())
}

fn entry(lines: &mut Lines, entry: &Entry, matched: &[Matched], language: Language) {
    let cut = |text: &str| escape::capped(text, TEXT_COLUMNS);
    lines.heading(&cut(&format!("{} ({})", entry.title, entry.system)));
    for one in matched {
        let text = format!("{}: {}", say::part(one.part, language), one.text);
        lines.pair(&say::found_label(language), &cut(&text));
    }
    if let Some(objective) = &entry.objective {
        lines.pair(&say::objective_label(language), &cut(objective));
    }
    for (label, texts) in
        [(say::services_label(language), &entry.services), (say::units_label(language), &entry.units)]
    {
        if !texts.is_empty() {
            lines.pair(&label, &cut(&texts.join(", ")));
        }
    }
    let origin = match entry.origin {
        Origin::OpenSource => say::origin_open_source(language),
        Origin::InHouse => say::origin_in_house(language),
        Origin::Proprietary => say::origin_proprietary(language),
    };
    lines.pair(&say::licence_label(language), &cut(&format!("{}, {origin}", entry.licence)));
    let owner = [&entry.owner.person, &entry.owner.unit, &entry.owner.mail];
    let owner: Vec<_> = owner.into_iter().flatten().map(String::as_str).collect();
    if !owner.is_empty() {
        lines.pair(&say::owner_label(language), &cut(&owner.join(", ")));
    }
}

fn document(whole: &Catalogue, words: &str) -> Result<serde_json::Value, CliError> {
    let digest = whole.digest().map_err(|error| CliError::failed(error.to_string()))?;
    let systems = match words.is_empty() {
        true => json!(whole.entries),
        false => json!(catalogue::search(whole, words)),
    };
    let words = catalogue::words(words);
    Ok(json!({
        "digest": digest, "sheets": whole.entries.len(), "unreadable": whole.unreadable, "words": words,
        "systems": systems,
    }))
}
