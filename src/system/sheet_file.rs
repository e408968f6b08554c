//! Reading `system.yaml`.

use super::{
    Origin, Owner, SystemSheet, VersionProbe,
    check_file::{CHECK, read_check},
};
use crate::{
    document::{self, Decoder, Diagnostics, Field, Kind, Node, Shape, Source},
    expression::Selector,
    inventory::variables::read_variables,
    model::SystemName,
};
use std::collections::BTreeSet;

const OWNER: Shape = Shape::new(
    "owner",
    "Who answers for the system.",
    &[
        Field::optional("person", Kind::Text, "The person's name."),
        Field::optional("unit", Kind::Text, "The unit of the institution."),
        Field::optional("mail", Kind::Text, "Where mail goes."),
    ],
);

const VERSION_COMMAND: Shape = Shape::new(
    "version command",
    "A command that prints the version and changes nothing.",
    &[
        Field::required("run", Kind::Words, "Its words.").in_argv(),
        Field::optional("reads", Kind::Bool, "Always `true`: it changes nothing."),
    ],
)
.short("run");

const VERSION: Shape = Shape::new(
    "version",
    "How the installed version is observed.",
    &[
        Field::required("at", Kind::Selector, "Servers; the first one answers."),
        Field::required("command", Kind::Shape(&VERSION_COMMAND), "The command."),
        Field::optional("as", Kind::Text, "Account to run as."),
    ],
);

/// The shape of `system.yaml`.
pub const SHEET: Shape = Shape::new(
    "data sheet",
    "The data sheet of a system.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::required("system", Kind::Name, "Its name."),
        Field::required("title", Kind::Text, "Its name as people write it."),
        Field::optional("objective", Kind::Text, "What it is for."),
        Field::required(
            "origin",
            Kind::Word(&["open-source", "in-house", "proprietary"]),
            "Where it comes from.",
        ),
        Field::required("licence", Kind::Text, "SPDX expression of its licence."),
        Field::optional("services", Kind::Texts, "Services that it offers."),
        Field::optional("units", Kind::Texts, "Units that use it."),
        Field::optional("owner", Kind::Shape(&OWNER), "Who answers for it."),
        Field::optional("version", Kind::Shape(&VERSION), "How its version is observed."),
        Field::optional("checks", Kind::List(&Kind::Shape(&CHECK)), "Its optimal parameters."),
        Field::optional("variables", Kind::Map(&Kind::Any), "Variables of its playbooks."),
    ],
);

/// Reads a data sheet; everything that is wrong goes to `diagnostics`.
pub fn parse_sheet(source: &Source, diagnostics: &mut Diagnostics) -> Option<SystemSheet> {
    let sheet = read_sheet(source, diagnostics)?;
    (!diagnostics.has_errors_in(source.path())).then_some(sheet)
}

/// The same, as far as it can be read: what is wrong in one place must not hide what is wrong in another.
pub fn read_sheet(source: &Source, diagnostics: &mut Diagnostics) -> Option<SystemSheet> {
    let (node, mut decoder) = document::open(source, &SHEET, diagnostics)?;
    let mut checks = Vec::new();
    let mut ids = BTreeSet::new();
    for entry in node.get("checks").map(Node::items).unwrap_or_default() {
        let Some(check) = read_check(&mut decoder, entry) else { continue };
        if !ids.insert(check.id.clone()) {
            let span = entry.get("id").map_or(entry.span, |id| id.span);
            let message = format!("the check `{}` is there twice", check.id);
            decoder.error(span, message, "a check's id is unique in its data sheet");
        }
        checks.push(check);
    }
    let version = node.get("version").and_then(|version| read_version(&mut decoder, version));
    let variables = read_variables(&mut decoder, &node, "variables");
    let owner = node.get("owner").map(|owner| Owner {
        person: owner.text("person"),
        unit: owner.text("unit"),
        mail: owner.text("mail"),
    });
    Some(SystemSheet {
        system: SystemName::parse(&node.text("system")?).ok()?,
        title: node.text("title").unwrap_or_default(),
        objective: node.text("objective"),
        origin: match node.text("origin").as_deref() {
            Some("open-source") => Origin::OpenSource,
            Some("proprietary") => Origin::Proprietary,
            // Another word is an error already.
            _ => Origin::InHouse,
        },
        licence: node.text("licence").unwrap_or_default(),
        services: node.texts("services"),
        units: node.texts("units"),
        owner: owner.unwrap_or_default(),
        version,
        checks,
        variables,
    })
}

fn read_version(decoder: &mut Decoder<'_>, node: &Node) -> Option<VersionProbe> {
    let at = selector(decoder, node)?;
    let command = node.get("command")?.spread(&VERSION_COMMAND);
    if command.boolean("reads") == Some(false)
        && let Some(at) = command.get("reads")
    {
        decoder.error(at.span, "a version command changes nothing", "remove `reads: false`");
    }
    Some(VersionProbe { at, run: command.words("run")?, as_user: node.text("as") })
}

/// The selector at `at`; one that cannot be read is recorded.
pub fn selector(decoder: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let at = node.get("at")?;
    let text = at.scalar()?;
    if let Err(error) = Selector::parse(text) {
        // A plain scalar stands in the file as it is, so the word's own place can be shown.
        let exact = matches!(at.content, document::Content::Plain(_)) && !text.contains('\n');
        let span = if exact && error.start < error.end {
            document::Span { start: at.span.start + error.start, end: at.span.start + error.end }
        } else {
            at.span
        };
        decoder.error(span, format!("`at` is not a selector: {error}"), "for example `web and not retired`");
        return None;
    }
    Some(text.to_owned())
}
