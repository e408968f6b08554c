//! Reading the people file.

use super::ssh_key;
use crate::{
    document::{self, Decoder, Diagnostics, Field, Kind, Node, Shape, Source},
    model::{Language, People, Person, PersonName, Role},
};
use std::collections::BTreeMap;

const PERSON: Shape = Shape::new(
    "person",
    "A person, or a machine that acts in somebody's place.",
    &[
        Field::required("name", Kind::Text, "The name as people write it."),
        Field::optional(
            "roles",
            Kind::List(&Kind::Name),
            "What this person may do: director, professional, …",
        ),
        Field::optional("language", Kind::Word(Language::WORDS), "Language of prompts and messages."),
        Field::optional("mail", Kind::Text, "Where messages go."),
        Field::optional("keys", Kind::Texts, "SSH public keys; decisions are signed with them."),
        Field::optional("account", Kind::Text, "Operating-system account on the control host."),
        Field::optional("database_login", Kind::Text, "Login of the PostgreSQL store."),
        Field::optional("machine", Kind::Bool, "A machine may run, and never satisfies a gate."),
    ],
);

/// The shape of the people file.
pub const PEOPLE: Shape = Shape::new(
    "people file",
    "Who may do and decide what.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::required("people", Kind::Named(&Kind::Shape(&PERSON)), "Everybody, by a short name."),
    ],
);

/// Reads the people file; everything that is wrong goes to `diagnostics`.
pub fn parse_people(source: &Source, diagnostics: &mut Diagnostics) -> Option<People> {
    let (node, mut decoder) = document::open(source, &PEOPLE, diagnostics)?;
    let mut people = BTreeMap::new();
    let mut owners: BTreeMap<(&str, String), String> = BTreeMap::new();
    for (key, entry) in node.entries_of("people") {
        let keys = keys(&mut decoder, entry);
        for (what, value) in
            [("account", entry.text("account")), ("database_login", entry.text("database_login"))]
                .into_iter()
                .filter_map(|(what, value)| Some((what, value?)))
                .chain(keys.iter().map(|key| ("key", key.clone())))
        {
            // Whoever signs or logs in must be one person, or a record could name the wrong one.
            if let Some(first) = owners.insert((what, value), key.text.clone()) {
                let message = format!("`{}` has the same {what} as `{first}`", key.text);
                decoder.error(key.span, message, "every account, login and key belongs to one person");
            }
        }
        let Ok(name) = PersonName::parse(&key.text) else { continue };
        let person = Person {
            name: name.clone(),
            full_name: entry.text("name").unwrap_or_default(),
            roles: entry.texts("roles").iter().filter_map(|role| Role::parse(role).ok()).collect(),
            language: entry.text("language").and_then(|word| Language::parse(&word)),
            mail: entry.text("mail"),
            keys,
            account: entry.text("account"),
            database_login: entry.text("database_login"),
            machine: entry.boolean("machine").unwrap_or(false),
        };
        people.insert(name, person);
    }
    decoder.finish(People(people))
}

fn keys(decoder: &mut Decoder<'_>, entry: &Node) -> Vec<String> {
    let Some(node) = entry.get("keys") else { return Vec::new() };
    let one = std::slice::from_ref(node);
    let lines = if node.scalar().is_some() { one } else { node.items() };
    let mut keys = Vec::new();
    for line in lines {
        match ssh_key::without_comment(line.scalar().unwrap_or_default()) {
            Ok(key) => keys.push(key),
            Err(what) => decoder.error(line.span, what, "paste the line of the person's `.pub` file"),
        }
    }
    keys
}
