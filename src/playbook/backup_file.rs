//! Reading a backup playbook.

use crate::{
    backup::{BackupSpec, Entry, Keep, Part, PartSpec, Quiesce, Source as Copied},
    document::{self, Content, Decoder, Diagnostics, Field, Kind, Node, Shape, Source},
    model::SystemName,
    system::sheet_file::selector,
};

/// Shortest reason for leaving a part out, in characters; a gate shows it to a person.
const REASON_MIN: usize = 10;

const CUSTOM: Shape = Shape::new(
    "custom copy",
    "Commands of the author's own.",
    &[
        Field::required("name", Kind::Name, "Name in manifest and messages."),
        Field::required("dump", Kind::Words, "Writes the copy to standard output.").in_argv(),
        Field::required("load", Kind::Words, "Reads the copy from standard input.").in_argv(),
        Field::optional("check", Kind::Words, "Reads the copy and proves that it is whole.").in_argv(),
        Field::optional(
            "gone",
            Kind::Words,
            "Succeeds when nothing is left to copy before a restore, as `[test, '!', -e, PATH]` does; \
             otherwise a dump that fails stops the restore.",
        )
        .in_argv(),
    ],
);

const ENTRY: Shape = Shape::new(
    "backup entry",
    "What is copied on the selected servers.",
    &[
        Field::required("at", Kind::Selector, "Servers."),
        Field::optional("as", Kind::Text, "Account, root by default."),
        Field::optional("apt", Kind::Texts, "Debian packages."),
        Field::optional("paths", Kind::Texts, "Absolute paths, with everything below them."),
        Field::optional("postgresql", Kind::Text, "A PostgreSQL database."),
        Field::optional("mariadb", Kind::Text, "A MariaDB or MySQL database."),
        Field::optional("sqlite", Kind::Templated(&Kind::ServerPath), "An SQLite database file."),
        Field::optional("custom", Kind::Shape(&CUSTOM), "Commands of the author's own."),
    ],
)
.one_of(&[&["apt", "paths", "postgresql", "mariadb", "sqlite", "custom"]]);

const LEFT_OUT: Shape = Shape::new(
    "part that is left out",
    "Why a part is left out.",
    &[Field::required("none", Kind::Any, "The reason, a sentence; the gate shows it.")],
);

const PART: Kind = Kind::Either(&[Kind::List(&Kind::Shape(&ENTRY)), Kind::Shape(&LEFT_OUT)]);

const PARTS: Shape = Shape::new(
    "full backup",
    "The parts of a full backup.",
    &[
        Field::optional("packages", PART, "Software packages."),
        Field::optional("configuration", PART, "Configuration files."),
        Field::optional("databases", PART, "Databases."),
        Field::optional("complementary", PART, "Complementary software and files."),
        Field::optional("logs", PART, "Logs; may be left out without a reason."),
    ],
);

const QUIESCE: Shape = Shape::new(
    "quiesce rule",
    "What is stopped from the backup to the checks.",
    &[
        Field::required("at", Kind::Selector, "Servers."),
        Field::optional(
            "stop",
            Kind::Texts,
            "Systemd units, stopped in this order, started in the opposite one.",
        ),
        Field::optional("stop_command", Kind::Words, "Stops what is no systemd unit.").in_argv(),
        Field::optional("start_command", Kind::Words, "Starts it again.").in_argv(),
        Field::optional("as", Kind::Text, "Account of the commands, root by default."),
    ],
);

const KEEP: Shape = Shape::new(
    "retention",
    "How many backups stay.",
    &[
        Field::optional("last", Kind::Integer(1, 100_000), "The newest so many."),
        Field::optional("daily", Kind::Integer(1, 100_000), "One for each of so many days."),
        Field::optional("weekly", Kind::Integer(1, 100_000), "One for each of so many weeks."),
        Field::optional("monthly", Kind::Integer(1, 100_000), "One for each of so many months."),
    ],
);

/// The shape of a backup playbook.
pub const BACKUP: Shape = Shape::new(
    "backup playbook",
    "What a full backup of a system consists of.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::required("kind", Kind::Word(&["backup"]), "`backup`."),
        Field::required("system", Kind::Name, "Whose backup it is."),
        Field::optional(
            "quiesce",
            Kind::Either(&[Kind::List(&Kind::Shape(&QUIESCE)), Kind::Shape(&QUIESCE)]),
            "What is stopped meanwhile.",
        ),
        Field::required("parts", Kind::Shape(&PARTS), "Its four parts."),
        Field::optional("keep", Kind::Shape(&KEEP), "How many backups stay."),
    ],
);

/// Reads a backup playbook; everything that is wrong goes to `diagnostics`.
pub fn parse_backup(source: &Source, diagnostics: &mut Diagnostics) -> Option<BackupSpec> {
    let (node, mut decoder) = document::open(source, &BACKUP, diagnostics)?;
    let quiesce = quiesce(&mut decoder, &node);
    let mut parts = Vec::new();
    let tree = node.get("parts");
    for part in Part::REQUIRED.into_iter().chain([Part::Logs]) {
        let entry = tree.and_then(|tree| tree.entry(part.as_str()));
        match entry {
            Some((_, entry)) if !entry.is_null() => {
                parts.extend(read_part(&mut decoder, part, entry).map(|spec| (part, spec)));
            }
            _ if part == Part::Logs => {}
            Some(_) => {}
            None => {
                let span = node.entry("parts").map_or(node.span, |(key, _)| key.span);
                let message = format!("the part `{part}` is missing in the backup", part = part.as_str());
                let help =
                    format!("list what is copied, or write `{}: {{none: \"the reason\"}}`", part.as_str());
                decoder.error(span, message, help);
            }
        }
    }
    let keep = node.get("keep").map(|keep| Keep {
        last: keep.number("last"),
        daily: keep.number("daily"),
        weekly: keep.number("weekly"),
        monthly: keep.number("monthly"),
    });
    let spec = BackupSpec {
        system: SystemName::parse(&node.text("system")?).ok()?,
        quiesce,
        parts,
        keep: keep.unwrap_or_default(),
    };
    decoder.finish(spec)
}

fn read_part(decoder: &mut Decoder<'_>, part: Part, node: &Node) -> Option<PartSpec> {
    if let Content::Map(_) = node.content {
        let reason = node.entry("none").map(|(_, reason)| reason)?;
        let text = reason.scalar().unwrap_or_default().trim();
        if text.chars().count() < REASON_MIN || matches!(text, "true" | "false") {
            let message = format!("the part `{}` is left out without a reason", part.as_str());
            let help = "write a sentence: the people who approve will read it";
            decoder.error(reason.span, message, help);
            return None;
        }
        return Some(PartSpec::None(text.to_owned()));
    }
    let items = node.items();
    if items.is_empty() && node.scalar().is_none() {
        let message = format!("the part `{}` is empty", part.as_str());
        let help = format!("list what is copied, or write `{}: {{none: \"the reason\"}}`", part.as_str());
        decoder.error(node.span, message, help);
    }
    let entries: Vec<Entry> = items.iter().filter_map(|item| entry(decoder, item)).collect();
    (!entries.is_empty()).then_some(PartSpec::Entries(entries))
}

fn entry(decoder: &mut Decoder<'_>, node: &Node) -> Option<Entry> {
    if let Some(paths) = node.get("paths") {
        for path in if paths.scalar().is_some() { std::slice::from_ref(paths) } else { paths.items() } {
            let text = path.scalar().unwrap_or_default();
            // What a template at the beginning yields is held to the same when the plan is made.
            let absolute = text.starts_with('/') || text.starts_with("{{");
            let good = absolute && !text.split('/').any(|part| part == "..");
            if !good {
                decoder.error(path.span, format!("`{text}` is not an absolute path"), "it begins with `/`");
            } else if text.trim_matches('/').is_empty() {
                decoder.error(
                    path.span,
                    "the whole server cannot be copied",
                    "name the folders of the system",
                );
            }
        }
    }
    for key in ["apt", "paths"] {
        if let Some(list) = node.get(key).filter(|list| list.scalar().is_none() && list.items().is_empty()) {
            decoder.error(list.span, format!("`{key}` is empty"), "name at least one, or remove the entry");
        }
    }
    let listed = |key: &str| Some(node.texts(key)).filter(|texts| !texts.is_empty());
    let source = listed("apt")
        .map(Copied::Apt)
        .or_else(|| listed("paths").map(Copied::Paths))
        .or_else(|| node.text("postgresql").map(Copied::Postgresql))
        .or_else(|| node.text("mariadb").map(Copied::Mariadb))
        .or_else(|| node.text("sqlite").map(Copied::Sqlite))
        .or_else(|| {
            let custom = node.get("custom")?;
            Some(Copied::Custom {
                name: custom.text("name")?,
                dump: custom.words("dump")?,
                load: custom.words("load")?,
                check: custom.words("check"),
                gone: custom.words("gone"),
            })
        });
    Some(Entry { at: selector(decoder, node)?, as_user: node.text("as"), source: source? })
}

fn quiesce(decoder: &mut Decoder<'_>, node: &Node) -> Vec<Quiesce> {
    let Some(tree) = node.get("quiesce") else { return Vec::new() };
    let one = std::slice::from_ref(tree);
    let mut rules = Vec::new();
    for rule in if tree.entries().is_empty() { tree.items() } else { one } {
        let (stop, start) = (rule.words("stop_command"), rule.words("start_command"));
        let services = rule.texts("stop");
        let span = rule.entries().first().map_or(rule.span, |(key, _)| key.span);
        if stop.is_some() != start.is_some() {
            let help = "what is stopped must be started again: give both";
            decoder.error(span, "`stop_command` and `start_command` belong together", help);
        } else if services.is_empty() && stop.is_none() {
            decoder.error(span, "the quiesce rule stops nothing", "add `stop: [unit]`, or `stop_command`");
        }
        if let Some(at) = selector(decoder, rule) {
            rules.push(Quiesce { at, services, stop, start, as_user: rule.text("as") });
        }
    }
    rules
}
