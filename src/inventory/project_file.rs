//! Reading `esclusa.yaml`.

use super::{NotifySpec, Project, SecretSource, VaultSpec};
use crate::{
    document::{self, Decoder, Diagnostics, Field, Kind, Node, Shape, Source},
    model::{Language, SecretName},
};
use std::collections::BTreeMap;

const INSTITUTION: Shape = Shape::new(
    "institution",
    "The institution.",
    &[
        Field::required("name", Kind::Text, "Its name, as records show it."),
        Field::optional("language", Kind::Word(Language::WORDS), "Language of records, `es` by default."),
        Field::optional("zone", Kind::Text, "IANA time zone, `America/Bogota` by default."),
    ],
);

const VAULT: Shape = Shape::new(
    "vault",
    "Where backups go and who can open them.",
    &[
        Field::required("path", Kind::Text, "Folder of the backups."),
        Field::optional(
            "recipients",
            Kind::List(&Kind::Text),
            "age recipients: control host and recovery key.",
        ),
        Field::optional("identity", Kind::Text, "File with the control host's age identity."),
    ],
);

const NOTIFY: Shape = Shape::new(
    "notify",
    "How messages are sent.",
    &[Field::required("command", Kind::Words, "A command that reads one JSON document.")],
);

const SECRET: Shape = Shape::new(
    "secret",
    "Where a secret comes from.",
    &[
        Field::optional("environment", Kind::Text, "An environment variable."),
        Field::optional("file", Kind::Text, "A file; one final newline is removed."),
        Field::optional("command", Kind::Words, "A command that prints it."),
        Field::optional("age", Kind::Text, "An age-encrypted file of the project."),
    ],
)
.one_of(&[&["environment", "file", "command", "age"]]);

/// The shape of `esclusa.yaml`.
pub const PROJECT: Shape = Shape::new(
    "project file",
    "Marks a project and says where its parts are.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::required("institution", Kind::Shape(&INSTITUTION), "The institution."),
        Field::optional("inventory", Kind::Text, "Path of the inventory, `inventory.yaml` by default."),
        Field::optional("people", Kind::Text, "Path of the people file, `people.yaml` by default."),
        Field::optional("playbooks", Kind::Text, "Folder of the playbooks, `playbooks` by default."),
        Field::optional("database", Kind::Text, "`sqlite:PATH` or `postgres://…`."),
        Field::optional("database_password", Kind::Name, "Secret with the database's password."),
        Field::optional("depot", Kind::Text, "Folder of the depot, `state/depot` by default."),
        Field::required("vault", Kind::Shape(&VAULT), "Where backups go."),
        Field::optional("notify", Kind::Shape(&NOTIFY), "How messages are sent."),
        Field::optional("secrets", Kind::Named(&Kind::Shape(&SECRET)), "Where each secret comes from."),
        Field::optional("licences", Kind::List(&Kind::Text), "SPDX identifiers that artifacts may have."),
        Field::optional("parallel", Kind::Integer(1, 100), "Servers worked on at once, 10 by default."),
        Field::optional(
            "ssh_config",
            Kind::Text,
            "SSH client configuration: a file, or `none`; the caller's own by default.",
        ),
    ],
);

/// Reads the project file; everything that is wrong goes to `diagnostics`.
pub fn parse_project(source: &Source, diagnostics: &mut Diagnostics) -> Option<Project> {
    let project = read_project(source, diagnostics)?;
    (!diagnostics.has_errors_in(source.path())).then_some(project)
}

/// The same, as far as it can be read: what is wrong in one place must not hide what is wrong in another.
pub fn read_project(source: &Source, diagnostics: &mut Diagnostics) -> Option<Project> {
    let (node, mut decoder) = document::open(source, &PROJECT, diagnostics)?;
    let institution = |key: &str| node.get("institution").and_then(|institution| institution.get(key));
    let zone = institution("zone").and_then(Node::scalar).unwrap_or("America/Bogota").to_owned();
    if let Some(at) = institution("zone") {
        check_zone(&mut decoder, at);
    }
    let database = node.text("database").unwrap_or_else(|| "sqlite:state/esclusa.db".to_owned());
    check_database(&mut decoder, &node, &database);
    let vault = |key: &str| node.get("vault").and_then(|vault| vault.get(key));
    for recipient in vault("recipients").map(Node::items).unwrap_or_default() {
        let good = recipient.scalar().is_some_and(|text| text.starts_with("age1"));
        if !good {
            let help = "a recipient is the public half of a key: `age1…`";
            decoder.error(recipient.span, "this is no age recipient", help);
        }
    }
    let text = |key: &str, default: &str| node.text(key).unwrap_or_else(|| default.to_owned());
    let owned = |node: &Node| node.scalar().map(str::to_owned);
    Some(Project {
        institution: institution("name").and_then(owned).unwrap_or_default(),
        language: institution("language")
            .and_then(Node::scalar)
            .and_then(Language::parse)
            .unwrap_or(Language::Es),
        zone,
        inventory: text("inventory", "inventory.yaml"),
        people: text("people", "people.yaml"),
        playbooks: text("playbooks", "playbooks"),
        database,
        database_password: node.text("database_password").and_then(|name| SecretName::parse(&name).ok()),
        depot: text("depot", "state/depot"),
        vault: VaultSpec {
            path: vault("path").and_then(owned).unwrap_or_default(),
            recipients: node.get("vault").map(|vault| vault.texts("recipients")).unwrap_or_default(),
            identity: vault("identity").and_then(owned).unwrap_or_else(|| "state/control.key".to_owned()),
        },
        notify: node
            .get("notify")
            .and_then(|notify| notify.words("command"))
            .map(|command| NotifySpec { command }),
        secrets: secrets(&node),
        licences: node.texts("licences"),
        parallel: node.number("parallel").unwrap_or(10),
        ssh_config: node.text("ssh_config"),
    })
}

fn secrets(node: &Node) -> BTreeMap<SecretName, SecretSource> {
    let read = |entry: &Node| {
        entry
            .text("environment")
            .map(SecretSource::Environment)
            .or_else(|| entry.text("file").map(SecretSource::File))
            .or_else(|| entry.words("command").map(SecretSource::Command))
            .or_else(|| entry.text("age").map(SecretSource::Age))
    };
    node.entries_of("secrets")
        .iter()
        // A secret whose source is an error is a secret: it is not unknown too.
        .filter_map(|(key, entry)| {
            let source = read(entry).unwrap_or_else(|| SecretSource::Environment(String::new()));
            Some((SecretName::parse(&key.text).ok()?, source))
        })
        .collect()
}

/// Records a name that is no time zone.
pub(super) fn check_zone(decoder: &mut Decoder<'_>, at: &Node) {
    let Some(zone) = at.scalar() else { return };
    // The bundled data alone, so that the same file is good on every machine.
    if jiff::tz::TimeZoneDatabase::bundled().get(zone).is_err() {
        let help = "give a name of the IANA database such as `America/Bogota` or `UTC`";
        decoder.error(at.span, format!("`{zone}` is not a time zone"), help);
    }
}

fn check_database(decoder: &mut Decoder<'_>, node: &Node, database: &str) {
    let Some(at) = node.get("database") else { return };
    let address = database.strip_prefix("postgres://").or_else(|| database.strip_prefix("postgresql://"));
    if let Some(address) = address {
        let login = address.split(['/', '?']).next().unwrap_or_default();
        if login.rsplit_once('@').is_some_and(|(login, _)| login.contains(':')) {
            let help = "remove it, and name a secret as `database_password`";
            decoder.error(at.span, "a password stands in `database`", help);
        }
    } else if database.strip_prefix("sqlite:").is_none_or(str::is_empty) {
        let help = "write `sqlite:PATH` or `postgres://USER@HOST/DATABASE`";
        decoder.error(at.span, "this is no database that can be used", help);
    }
}
