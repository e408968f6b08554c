//! Templates of data sheets and backup playbooks: they are rendered for every server that they select,
//! whatever playbook runs, so every variable must be set for each of those servers.

use super::{Known, Part, Use, is_missing, undefined};
use crate::{
    document::{Decoder, Diagnostics, Node, Source},
    expression::{self, Selector},
    inventory::Inventory,
    model::{PlaybookKind, SystemName, Value},
    playbook::{Playbook, variables::Layers, without_steps},
    system::SystemSheet,
};
use std::collections::{BTreeMap, HashMap};

/// Names that are known beside the variables.
const GIVEN: &[&str] = &["server", "environment"];
/// Keys of a check, or of a part of a backup, that are not rendered.
const WRITTEN: &[&str] = &["id", "at", "as", "attempts", "delay", "expect"];

/// Checks the templates of a data sheet: of its checks, and of the command that observes the version.
pub fn check_sheet(
    source: &Source,
    tree: &Node,
    sheet: &SystemSheet,
    inventory: &Inventory,
    diagnostics: &mut Diagnostics,
) {
    let places = tree.get("checks").map(Node::items).unwrap_or_default();
    let places: Vec<&Node> = places.iter().chain(tree.get("version")).collect();
    check(source, &places, (&sheet.system, Some(sheet)), inventory, diagnostics);
}

/// Checks the templates of a backup playbook: of what is copied, and of what is stopped meanwhile.
pub fn check_backup(
    source: &Source,
    tree: &Node,
    (system, sheet): (&SystemName, Option<&SystemSheet>),
    inventory: &Inventory,
    diagnostics: &mut Diagnostics,
) {
    let mut places = Vec::new();
    for (_, part) in tree.entries_of("parts") {
        places.extend(part.items());
    }
    if let Some(quiesce) = tree.get("quiesce") {
        places.extend(quiesce.items());
        places.extend(quiesce.get("at").map(|_| quiesce));
    }
    check(source, &places, (system, sheet), inventory, diagnostics);
}

fn check(
    source: &Source,
    places: &[&Node],
    (system, sheet): (&SystemName, Option<&SystemSheet>),
    inventory: &Inventory,
    diagnostics: &mut Diagnostics,
) {
    let playbook = without_steps("", PlaybookKind::Backup, system);
    let servers = servers(sheet, &playbook, inventory);
    for place in places {
        let Some(Ok(selector)) = place.get("at").and_then(Node::scalar).map(Selector::parse) else {
            continue;
        };
        let selected: Vec<&Known<'_>> =
            servers.iter().filter(|known| selector.selects(&known.environment.name, known.server)).collect();
        for (_, value) in place.entries().iter().filter(|(key, _)| !WRITTEN.contains(&key.text.as_str())) {
            value.scalars(&mut |scalar, text| text_is_known(source, scalar, text, &selected, diagnostics));
        }
    }
}

fn text_is_known(
    source: &Source,
    scalar: &Node,
    text: &str,
    selected: &[&Known<'_>],
    diagnostics: &mut Diagnostics,
) {
    let names = match expression::names(text, false) {
        Ok(names) => names,
        Err(error) => {
            let message = format!("the template cannot be read: {error}");
            return Decoder::new(source, diagnostics).error(scalar.span, message, "correct the expression");
        }
    };
    for name in names.into_iter().filter(|name| !name.guarded && !GIVEN.contains(&name.root.as_str())) {
        let missing: Vec<&&Known<'_>> = selected.iter().filter(|known| is_missing(&name, known)).collect();
        let Some(first) = missing.first() else { continue };
        let one = Use { name, part: Part::Argument, source: source.clone(), span: scalar.span };
        let (words, home) = (GIVEN.iter().copied(), "the data sheet's `variables`");
        diagnostics.push(undefined(&one, words, home, first, missing.len()));
    }
}

/// Every server with the variables that it has whatever playbook runs.
fn servers<'a>(
    sheet: Option<&'a SystemSheet>,
    playbook: &'a Playbook,
    inventory: &'a Inventory,
) -> Vec<Known<'a>> {
    static NOTHING: BTreeMap<String, Value> = BTreeMap::new();
    let mut known = Vec::new();
    for environment in &inventory.environments {
        for server in environment.servers.values() {
            let layers = Layers { sheet, playbook, environment, server, inputs: &NOTHING, with: &NOTHING };
            let mut variables = HashMap::new();
            layers.each(&mut |name, value, _, _| {
                variables.insert(name, value);
            });
            known.push(Known { environment, server, variables });
        }
    }
    known
}
