//! What can be known about a project without a server: names, files, rules that nobody can satisfy.

pub mod inventory;
pub mod placeholders;
pub mod selectors;
pub mod sheets;

pub use inventory::{check_inventory, check_variable_templates, check_vault};
pub use placeholders::check_placeholders;
pub use selectors::check_selectors;
pub use sheets::{check_backup, check_sheet};

use selectors::{find_word, inside_braces};

use super::{
    Parsed, Step,
    playbook_file::StepSource,
    variables::{Layers, mentions},
};
use crate::{
    document::{Decoder, Diagnostic, Diagnostics, Files, Kind, Node, Source, Span, path},
    expression::{self, Name, Selector, scope::RESERVED},
    inventory::{Environment, Inventory, Project},
    model::{PlaybookKind, Server, Value},
    system::SystemSheet,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Everything that a playbook is held against.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The project file.
    pub project: &'a Project,
    /// The inventory.
    pub inventory: &'a Inventory,
    /// The system's data sheet, where it could be read.
    pub sheet: Option<&'a SystemSheet>,
    /// Whether the variables of the data sheet are known: it is good, or there is none.
    pub sheet_is_known: bool,
    /// Whether the system has a backup playbook, be it a good one or not.
    pub has_backup: bool,
    /// The files of the project.
    pub files: &'a dyn Files,
}

/// Checks a playbook against its project.
pub fn check_playbook(parsed: &Parsed, world: &World<'_>, diagnostics: &mut Diagnostics) {
    check_head(parsed, world, diagnostics);
    check_selectors(&parsed.source, &parsed.node, world.inventory, diagnostics);
    let servers = servers(parsed, world);
    if world.sheet_is_known {
        check_values(parsed, &servers, diagnostics);
    }
    let mut registered: BTreeSet<&str> = parsed.reading.registers.iter().map(String::as_str).collect();
    // A name that is not found may be one of those that could not be read.
    let names_are_known = world.sheet_is_known && parsed.reading.every_register;
    let steps = parsed.playbook.steps.iter().zip(&parsed.steps);
    for (step, place) in steps.chain(parsed.playbook.handlers.iter().zip(&parsed.handlers)) {
        if place.source.path() != parsed.source.path() {
            check_selectors(&place.source, &place.node, world.inventory, diagnostics);
        }
        let mut uses = Vec::new();
        collect_uses(step, place, world, &mut uses, diagnostics);
        for one in &uses {
            check_namespaces(one, parsed, world, diagnostics);
        }
        if names_are_known {
            check_variables(step, &uses, &registered, &servers, diagnostics);
        }
        registered.extend(step.register.as_deref());
    }
}

fn check_head(parsed: &Parsed, world: &World<'_>, diagnostics: &mut Diagnostics) {
    let book = &parsed.playbook;
    let environments: Vec<&str> = world.inventory.environments.iter().map(|one| one.name.as_str()).collect();
    let mut decoder = Decoder::new(&parsed.source, diagnostics);
    let changes = matches!(book.kind, PlaybookKind::Update | PlaybookKind::Maintenance);
    if let (true, false, Some(at)) = (changes, world.has_backup, parsed.node.get("kind")) {
        let message = format!("the system `{}` has no backup playbook", book.system);
        let folder = path::folder(&book.path);
        let help = format!("nothing that is there is changed without a backup; write `{folder}/backup.yaml`");
        decoder.error(at.span, message, help);
    }
    if let (Some(sheet), Some(at)) = (world.sheet, parsed.node.get("system"))
        && sheet.system != book.system
    {
        decoder.error(
            at.span,
            format!("the data sheet beside it is of `{}`", sheet.system),
            "name the same system",
        );
    }
    for item in parsed.node.get("route").map(Node::items).unwrap_or_default() {
        let name = item.scalar().unwrap_or_default();
        if !environments.contains(&name) {
            decoder.unknown(item.span, "environment", name, &environments);
        }
    }
    let words: Vec<&str> = selectors::vocabulary(world.inventory).into_iter().collect();
    let required = parsed.node.get("requires").and_then(|requires| requires.get("groups"));
    for item in required.map(Node::items).unwrap_or_default() {
        let name = item.scalar().unwrap_or_default();
        if !words.contains(&name) {
            decoder.unknown(item.span, "group", name, &words);
        }
    }
    for (key, artifact) in parsed.node.entries_of("artifacts") {
        for at in [artifact.get("path"), artifact.get("sha256").and_then(|sha256| sha256.get("from"))] {
            let Some((at, text)) = at.and_then(|at| Some((at, at.scalar()?))) else { continue };
            if let Err(error) = expression::check(text, false) {
                decoder.error(
                    at.span,
                    format!("the template cannot be read: {error}"),
                    "correct the expression",
                );
            } else if !expression::template::is_template(text) && !world.files.exists(text) {
                let help = "the path starts at the project's folder";
                decoder.error(
                    at.span,
                    format!("there is no file `{text}` for the artifact `{}`", key.text),
                    help,
                );
            }
        }
    }
}

/// A server with every variable that is set for it.
struct Known<'a> {
    environment: &'a Environment,
    server: &'a Server,
    variables: HashMap<&'a str, &'a Value>,
}

fn servers<'a>(parsed: &'a Parsed, world: &World<'a>) -> Vec<Known<'a>> {
    static NOTHING: BTreeMap<String, Value> = BTreeMap::new();
    let route = &parsed.playbook.route;
    let mut known = Vec::new();
    for environment in &world.inventory.environments {
        if !route.is_empty() && !route.contains(&environment.name) {
            continue;
        }
        for server in environment.servers.values() {
            let playbook = &parsed.playbook;
            let layers = Layers {
                sheet: world.sheet,
                playbook,
                environment,
                server,
                inputs: &NOTHING,
                with: &NOTHING,
            };
            let mut variables = HashMap::new();
            layers.each(&mut |name, value, _, _| {
                variables.insert(name, value);
            });
            for (name, input) in &playbook.inputs {
                if input.required || input.default.is_some() {
                    variables.insert(name, &Value::Null);
                }
            }
            known.push(Known { environment, server, variables });
        }
    }
    known
}

/// Checks variables that are made of other variables; each missing one is named once.
fn check_values(parsed: &Parsed, servers: &[Known<'_>], diagnostics: &mut Diagnostics) {
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for known in servers {
        for (variable, value) in &known.variables {
            let used =
                value.as_text().and_then(|text| expression::names(text, false).ok()).unwrap_or_default();
            for name in used.iter().filter(|name| !name.guarded && !RESERVED.contains(&name.root.as_str())) {
                if !is_missing(name, known) || !seen.insert(((*variable).to_owned(), name.dotted())) {
                    continue;
                }
                let message = format!(
                    "`{}`, of which the variable `{variable}` is made, is not defined for the server `{}` of `{}`",
                    name.dotted(),
                    known.server.name,
                    known.environment.name
                );
                let span = parsed.node.get("system").map_or(Span::default(), |system| system.span);
                let help = format!(
                    "`esclusa explain {variable} --server {}` shows where it is set",
                    known.server.name
                );
                diagnostics.push(Diagnostic::error(&parsed.source, span, message).help(help));
            }
        }
    }
}

/// Where in a step a name is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    When,
    Loop,
    Argument,
    CommandLine,
    With,
}

/// Reserved names that have a value before any server is asked.
const PLANNED: &[&str] = &["inputs", "server", "address", "groups", "secret"];

struct Use {
    name: Name,
    part: Part,
    source: Source,
    span: Span,
}

fn collect_uses(
    step: &Step,
    place: &StepSource,
    world: &World<'_>,
    uses: &mut Vec<Use>,
    diagnostics: &mut Diagnostics,
) {
    let mut add = |source: &Source, span: Span, text: &str, expression: bool, part: Part| {
        for name in expression::names(text, expression).unwrap_or_default() {
            uses.push(Use { name, part, source: source.clone(), span });
        }
    };
    if let Some(when) = place.node.get("when") {
        add(&place.source, when.span, when.scalar().unwrap_or_default(), true, Part::When);
    }
    if let Some(repeat) = place.node.get("loop") {
        let bare = repeat.scalar().is_some_and(|text| !text.contains("{{"));
        repeat.scalars(&mut |node, text| add(&place.source, node.span, text, bare, Part::Loop));
    }
    for key in ["as", "name"] {
        if let Some(node) = place.node.get(key) {
            add(&place.source, node.span, node.scalar().unwrap_or_default(), false, Part::CommandLine);
        }
    }
    for value in step.variables.values() {
        if mentions(value, &|_| true) {
            let text = serde_json::to_string(value).unwrap_or_default();
            add(&place.source, place.node.span, &text, false, Part::With);
        }
    }
    for (key, value) in place.args.entries() {
        let Some(field) = place.shape.field(&key.text) else { continue };
        let part = if field.argv { Part::CommandLine } else { Part::Argument };
        value.scalars(&mut |node, text| add(&place.source, node.span, text, false, part));
        if matches!(field.kind, Kind::ProjectFile)
            && let Some((source, text)) = project_file(place, value, world, diagnostics)
        {
            add(&source, Span { start: 0, end: 0 }, &text, false, Part::Argument);
        }
    }
}

/// Checks that a file which a step names is there; a template's text is returned to be checked too.
fn project_file(
    place: &StepSource,
    node: &Node,
    world: &World<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Source, String)> {
    let name = node.scalar().filter(|name| !expression::template::is_template(name))?;
    let candidates = path::candidates(place.source.path(), name);
    let Some(found) = candidates.iter().find(|path| world.files.exists(path)) else {
        let help = format!("looked for: {}", candidates.join(", "));
        Decoder::new(&place.source, diagnostics).error(node.span, format!("there is no file `{name}`"), help);
        return None;
    };
    if place.shape.name != "template" {
        return None;
    }
    let bytes = world.files.read(found)?;
    let source = match Source::from_bytes(found, &bytes) {
        Ok(source) => source,
        Err(fault) => {
            diagnostics.push(*fault);
            return None;
        }
    };
    if let Err(error) = expression::check(source.text(), false) {
        let span = match &error {
            expression::ExpressionError::Syntax { at: Some((start, end)), .. } => {
                Span { start: *start, end: *end }
            }
            _ => Span::default(),
        };
        Decoder::new(&source, diagnostics).error(
            span,
            format!("the template cannot be read: {error}"),
            "inside `{{ }}` stands one expression; write `{% raw %}` around braces that are content",
        );
        return None;
    }
    let text = source.text().to_owned();
    Some((source, text))
}

impl Use {
    /// The name's own place, where its file holds it as it is.
    fn at(&self) -> Span {
        let whole = Span { start: 0, end: self.source.text().len() };
        let within = if self.span == Span::default() { whole } else { self.span };
        let name = self.name.dotted();
        let found = find_word(&self.source, within, &name, &inside_braces)
            .or_else(|| find_word(&self.source, within, &name, &|_| true));
        found.unwrap_or(self.span)
    }
}

/// Checks `secret.…`, `artifacts.…` and `inputs.…`.
fn check_namespaces(one: &Use, parsed: &Parsed, world: &World<'_>, diagnostics: &mut Diagnostics) {
    let span = one.at();
    let mut decoder = Decoder::new(&one.source, diagnostics);
    let word = one.name.path.first().map(String::as_str);
    match (one.name.root.as_str(), word) {
        ("secret", None) => {
            decoder.error(span, "a secret is named here only when it runs", "write `secret.NAME`");
        }
        ("secret", Some(name)) => {
            let known: Vec<&str> = world.project.secrets.keys().map(|name| name.as_str()).collect();
            if !known.contains(&name) {
                decoder.unknown(span, "secret", name, &known);
            }
            let (what, help) = match one.part {
                Part::CommandLine => (
                    "reaches a command line, where every account of the server can read it",
                    "write it to a file with mode `0600`, or give it on standard input",
                ),
                Part::When | Part::Loop => {
                    ("decides what runs", "use a value that may be known when planning")
                }
                Part::With => ("stands in a variable", "use it where it is needed: `{{ secret.NAME }}`"),
                Part::Argument => return,
            };
            decoder.error(span, format!("the secret `{name}` {what}"), help);
        }
        ("artifacts", Some(name)) => {
            // An artifact with a fault is known all the same.
            let written = parsed.node.entries_of("artifacts");
            let known: Vec<&str> = written.iter().map(|(key, _)| key.text.as_str()).collect();
            if !known.contains(&name) {
                decoder.unknown(span, "artifact", name, &known);
            }
        }
        ("inputs", Some(name)) if !parsed.playbook.inputs.contains_key(name) => {
            let known: Vec<&str> = parsed.playbook.inputs.keys().map(String::as_str).collect();
            decoder.unknown(span, "input", name, &known);
        }
        _ => {}
    }
}

fn check_variables(
    step: &Step,
    uses: &[Use],
    registered: &BTreeSet<&str>,
    servers: &[Known<'_>],
    diagnostics: &mut Diagnostics,
) {
    let Ok(selector) = Selector::parse(&step.at) else { return };
    let selected: Vec<&Known<'_>> =
        servers.iter().filter(|known| selector.selects(&known.environment.name, known.server)).collect();
    for one in uses {
        let root = one.name.root.as_str();
        if registered.contains(root) {
            if one.part == Part::Loop {
                let message =
                    format!("`{root}` is known only after a step has run, and `loop` needs it before");
                Decoder::new(&one.source, diagnostics).error(
                    one.at(),
                    message,
                    "list the values, or use a variable",
                );
            }
            continue;
        }
        let loops = step.repeat.is_some() && root == "item" && one.part != Part::Loop;
        let special = RESERVED.contains(&root) && !matches!(root, "item" | "loop");
        if special && one.part == Part::Loop && !PLANNED.contains(&root) {
            let message = format!("`{root}` is not known when a loop is planned");
            Decoder::new(&one.source, diagnostics).error(
                one.at(),
                message,
                "list the values, or use a variable",
            );
            continue;
        }
        if one.name.guarded || loops || special || step.variables.contains_key(root) {
            continue;
        }
        let missing: Vec<&&Known<'_>> =
            selected.iter().filter(|known| is_missing(&one.name, known)).collect();
        let Some(first) = missing.first() else { continue };
        let words = step.variables.keys().map(String::as_str).chain(registered.iter().copied());
        let words = words.chain(RESERVED.iter().copied());
        diagnostics.push(undefined(one, words, "the playbook's `variables`", first, missing.len()));
    }
}

fn is_missing(name: &Name, known: &Known<'_>) -> bool {
    match known.variables.get(name.root.as_str()) {
        None => true,
        Some(Value::Map(entries)) => name.path.first().is_some_and(|word| !entries.contains_key(word)),
        Some(_) => false,
    }
}

/// A name that is not set for `count` servers, of which `first` is one. `words` are the other names
/// that could have been meant, `home` is where it could be set besides the inventory.
fn undefined<'w>(
    one: &'w Use,
    words: impl Iterator<Item = &'w str>,
    home: &str,
    first: &'w Known<'_>,
    count: usize,
) -> Diagnostic {
    let root = one.name.root.as_str();
    let others = match count {
        0 | 1 => String::new(),
        2 => " and one more".to_owned(),
        more => format!(" and {} more", more - 1),
    };
    let message = format!(
        "`{}` is not defined for the server `{}` of `{}`{others}",
        one.name.dotted(),
        first.server.name,
        first.environment.name
    );
    let diagnostic = Diagnostic::error(&one.source, one.at(), message);
    if root == "item" {
        return diagnostic.help("there is no `loop` here");
    }
    let mut words: Vec<&str> = first.variables.keys().copied().chain(words).collect();
    words.sort_unstable();
    match crate::document::decoder::similar(root, &words).filter(|word| *word != root) {
        Some(word) => diagnostic.help(format!("did you mean `{word}`?")),
        None => diagnostic.help(format!(
            "set it in the inventory, in {home}, or write `{} | default(…)`",
            one.name.dotted()
        )),
    }
}
