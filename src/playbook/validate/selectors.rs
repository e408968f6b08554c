//! Words of selectors that nothing is called by, and the places of words.

use crate::{
    document::{Decoder, Diagnostics, Node, Source, Span},
    expression::Selector,
    inventory::Inventory,
};
use std::collections::BTreeSet;

/// Records every word after `at:` that is no group, server or environment.
pub fn check_selectors(source: &Source, node: &Node, inventory: &Inventory, diagnostics: &mut Diagnostics) {
    let known = vocabulary(inventory);
    walk_selectors(source, node, &known, diagnostics);
}

fn walk_selectors(source: &Source, node: &Node, known: &BTreeSet<&str>, diagnostics: &mut Diagnostics) {
    for item in node.items() {
        walk_selectors(source, item, known, diagnostics);
    }
    for (key, value) in node.entries() {
        match (key.text.as_str(), value.scalar()) {
            ("variables" | "with", _) => {}
            ("at", Some(text)) => {
                let Ok(selector) = Selector::parse(text) else { continue };
                for name in selector.names().into_iter().filter(|name| !known.contains(name)) {
                    let known: Vec<&str> = known.iter().copied().collect();
                    let span = word_span(source, value, name);
                    Decoder::new(source, diagnostics).unknown(span, "group or server", name, &known);
                }
            }
            _ => walk_selectors(source, value, known, diagnostics),
        }
    }
}

/// Every word that a selector may use.
pub(super) fn vocabulary(inventory: &Inventory) -> BTreeSet<&str> {
    let mut words = BTreeSet::new();
    for environment in &inventory.environments {
        words.insert(environment.name.as_str());
        words.extend(environment.group_variables.keys().map(AsRef::as_ref));
        for server in environment.servers.values() {
            words.insert(server.name.as_str());
            words.extend(server.groups.iter().map(AsRef::<str>::as_ref));
        }
    }
    words
}

/// Where a word of a scalar stands.
fn word_span(source: &Source, node: &Node, word: &str) -> Span {
    find_word(source, node.span, word, &|_| true).unwrap_or(node.span)
}

/// The first place of a whole word within a span for which `fits` says yes to the text before it.
pub(super) fn find_word(
    source: &Source,
    within: Span,
    word: &str,
    fits: &dyn Fn(&str) -> bool,
) -> Option<Span> {
    let written = source.text().get(within.start..within.end).unwrap_or_default();
    let boundary = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
    let (at, _) = written.match_indices(word).find(|(at, _)| {
        let (before, after) = (&written[..*at], &written[at + word.len()..]);
        boundary(before.chars().next_back()) && boundary(after.chars().next()) && fits(before)
    })?;
    let start = within.start + at;
    Some(Span { start, end: start + word.len() })
}

/// Whether a text ends inside `{{ … }}` or `{% … %}`.
pub(super) fn inside_braces(before: &str) -> bool {
    let last = |one: &str, two: &str| before.rfind(one).max(before.rfind(two));
    last("{{", "{%").is_some_and(|open| last("}}", "%}").is_none_or(|close| close < open))
}
