//! Reading a playbook of any kind but backup.

use super::{
    InputSpec, Playbook, Requires, Step,
    artifact_file::{self, ARTIFACT},
    use_file::{Collector, Lost, Using},
};
use crate::{
    document::{self, Decoder, Diagnostic, Diagnostics, Field, Files, Kind, Node, Shape, Source, quantity},
    inventory::variables::{check_name, read_variables},
    model::{EnvironmentName, GroupName, PlaybookKind, StepId, SystemName},
};
use regex::Regex;
use std::collections::BTreeMap;

const INPUT: Shape = Shape::new(
    "input",
    "A value that the caller gives.",
    &[
        Field::optional("required", Kind::Bool, "Whether it must be given, `false` by default."),
        Field::optional("default", Kind::Any, "The value when it is not given."),
        Field::optional("pattern", Kind::Regex, "A regular expression that the whole value must match."),
        Field::optional("choices", Kind::Texts, "The only values allowed."),
        Field::optional("description", Kind::Text, "What it means."),
    ],
);

const REQUIRES: Shape = Shape::new(
    "requirement",
    "What every selected server must have.",
    &[
        Field::optional("memory", Kind::Size, "Memory in all."),
        Field::optional("disk_free", Kind::Map(&Kind::Size), "Free space by path."),
        Field::optional("os", Kind::Texts, "Operating systems, any of them: `debian >= 12`."),
        Field::optional("commands", Kind::Texts, "Commands that must be found."),
        Field::optional("groups", Kind::List(&Kind::Name), "Groups that must have a server."),
    ],
);

/// The shape of a playbook. Steps are held against their own shapes.
pub const PLAYBOOK: Shape = Shape::new(
    "playbook",
    "How a system is installed, updated or maintained.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::required("kind", Kind::Word(PlaybookKind::WORDS), "What it is for."),
        Field::required("system", Kind::Name, "Whose playbook it is."),
        Field::optional("title", Kind::Text, "What it is called on screens."),
        Field::optional("inputs", Kind::Map(&Kind::Shape(&INPUT)), "What the caller gives."),
        Field::optional("artifacts", Kind::Map(&Kind::Shape(&ARTIFACT)), "Files from outside the project."),
        Field::optional("requires", Kind::Shape(&REQUIRES), "What the servers must have."),
        Field::optional("route", Kind::List(&Kind::Name), "Environments in the order of promotion."),
        Field::optional("variables", Kind::Map(&Kind::Any), "The lowest layer of variables."),
        Field::required("steps", Kind::List(&Kind::Any), "The steps in order."),
        Field::optional("handlers", Kind::List(&Kind::Any), "Steps that run once, when notified."),
    ],
);

/// Where a step was written, for messages about it.
#[derive(Debug, Clone)]
pub struct StepSource {
    /// The file.
    pub source: Source,
    /// The step.
    pub node: Node,
    /// The arguments of its module, as a map.
    pub args: Node,
    /// The module's shape.
    pub shape: &'static Shape,
}

/// A playbook with its places.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The playbook.
    pub playbook: Playbook,
    /// The playbook's file.
    pub source: Source,
    /// The file's tree.
    pub node: Node,
    /// One for each of the playbook's steps, in the same order.
    pub steps: Vec<StepSource>,
    /// One for each of the playbook's handlers, in the same order.
    pub handlers: Vec<StepSource>,
    /// Paths of the files whose steps it uses.
    pub used: Vec<String>,
    /// How much of it could be read.
    pub reading: Reading,
}

/// How much of a playbook could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Nothing is wrong with it.
    pub whole: bool,
    /// Names of answers are known, those of steps that were left out too.
    pub every_register: bool,
    /// Names under which steps that were left out register their answers.
    pub registers: Vec<String>,
}

/// Reads a playbook with the files that it uses; everything that is wrong goes to `diagnostics`.
pub fn parse_playbook(
    source: &Source,
    files: &dyn Files,
    modules: &[&'static Shape],
    diagnostics: &mut Diagnostics,
) -> Option<Parsed> {
    read_playbook(source, files, modules, diagnostics).filter(|parsed| parsed.reading.whole)
}

/// The same, as far as it can be read: what is wrong in one place must not hide what is wrong in another.
pub fn read_playbook(
    source: &Source,
    files: &dyn Files,
    modules: &[&'static Shape],
    diagnostics: &mut Diagnostics,
) -> Option<Parsed> {
    let (node, mut decoder) = document::open(source, &PLAYBOOK, diagnostics)?;
    let kind = node.text("kind").and_then(|word| PlaybookKind::parse(&word));
    if let (Some(PlaybookKind::Backup | PlaybookKind::Procedure), Some(at)) = (kind, node.get("kind")) {
        decoder.error(at.span, "a playbook of this kind has no steps", "its keys are different ones");
    }
    let inputs = inputs(&mut decoder, &node);
    let artifacts = artifact_file::read(&mut decoder, &node);
    let requires = requires(&mut decoder, &node);
    let variables = read_variables(&mut decoder, &node, "variables");
    let route = route(&mut decoder, &node);
    if let Some(steps) =
        node.get("steps").filter(|steps| steps.items().is_empty() && steps.scalar().is_none())
    {
        decoder.error(steps.span, "`steps` is empty", "write at least one step");
    }
    let mut collector = Collector {
        files,
        modules,
        diagnostics,
        steps: Vec::new(),
        handlers: Vec::new(),
        used: Vec::new(),
        lost: Lost::default(),
    };
    collector.file(source, &node, &Using::default());
    let Collector { mut steps, handlers, used, lost, .. } = collector;
    unique_ids(steps.iter().chain(&handlers), diagnostics);
    // Where a handler was left out, a name that is not found may be that handler's.
    if !lost.handlers && !lost.files {
        resolve_notify(&mut steps, &handlers, diagnostics);
    }
    let broken = std::iter::once(source.path()).chain(used.iter().map(String::as_str));
    let faulty = broken.into_iter().any(|path| diagnostics.has_errors_in(path));
    let reading = Reading {
        whole: !(faulty || lost.steps || lost.handlers || lost.files),
        every_register: !lost.files,
        registers: lost.registers,
    };
    let (steps, step_sources) = steps.into_iter().unzip();
    let (handlers, handler_sources) = handlers.into_iter().unzip();
    let playbook = Playbook {
        path: source.path().to_owned(),
        kind: kind?,
        system: SystemName::parse(&node.text("system")?).ok()?,
        title: node.text("title"),
        inputs,
        artifacts,
        requires,
        route,
        variables,
        steps,
        handlers,
    };
    let source = source.clone();
    Some(Parsed { playbook, source, node, steps: step_sources, handlers: handler_sources, used, reading })
}

fn inputs(decoder: &mut Decoder<'_>, node: &Node) -> BTreeMap<String, InputSpec> {
    let mut inputs = BTreeMap::new();
    for (key, entry) in node.entries_of("inputs") {
        check_name(decoder, &key.text, key.span);
        let input = InputSpec {
            required: entry.boolean("required").unwrap_or(false),
            default: entry.get("default").map(Node::to_value),
            pattern: entry.text("pattern"),
            choices: entry.texts("choices"),
            description: entry.text("description"),
        };
        if let (true, Some(default)) = (input.required, entry.get("default")) {
            decoder.error(default.span, "a required input has a default", "remove `required` or `default`");
        }
        inputs.insert(key.text.clone(), input);
    }
    inputs
}

fn requires(decoder: &mut Decoder<'_>, node: &Node) -> Requires {
    let Some(node) = node.get("requires") else { return Requires::default() };
    let grammar = Regex::new(r"^[a-z][a-z0-9._-]*(\s*(>=|<=|>|<|=|==)\s*[0-9][0-9.]*)?$");
    if let (Some(os), Ok(grammar)) = (node.get("os"), grammar) {
        for text in os.as_texts() {
            if !grammar.is_match(&text) {
                let help = "write a name of /etc/os-release and a version: `debian >= 12`";
                decoder.error(os.span, format!("`{text}` is no operating system that can be compared"), help);
            }
        }
    }
    let free = node.entries_of("disk_free");
    for (path, _) in free.iter().filter(|(path, _)| !path.text.starts_with('/')) {
        decoder.error(path.span, format!("`{}` is not an absolute path", path.text), "it begins with `/`");
    }
    Requires {
        memory_bytes: node.text("memory").and_then(|text| quantity::bytes(&text)),
        disk_free_bytes: free
            .iter()
            .filter_map(|(path, size)| Some((path.text.clone(), quantity::bytes(size.scalar()?)?)))
            .collect(),
        os: node.texts("os"),
        commands: node.texts("commands"),
        groups: node.texts("groups").iter().filter_map(|group| GroupName::parse(group).ok()).collect(),
    }
}

fn route(decoder: &mut Decoder<'_>, node: &Node) -> Vec<EnvironmentName> {
    let mut route: Vec<EnvironmentName> = Vec::new();
    for item in node.get("route").map(Node::items).unwrap_or_default() {
        let Some(Ok(name)) = item.scalar().map(EnvironmentName::parse) else { continue };
        if route.contains(&name) {
            decoder.error(item.span, format!("`{name}` is in the route twice"), "name each environment once");
        }
        route.push(name);
    }
    route
}

fn unique_ids<'a>(steps: impl Iterator<Item = &'a (Step, StepSource)>, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<&StepId, &str> = BTreeMap::new();
    for (step, place) in steps {
        if let Some(first) = seen.insert(&step.id, &step.place) {
            let span =
                place.node.get("id").or(place.node.get("name")).map_or(place.node.span, |node| node.span);
            let message = format!("the id `{}` is there twice", step.id);
            let help = format!("the first one is at {first}; add `id:` with another word, also beside `use`");
            diagnostics.push(Diagnostic::error(&place.source, span, message).help(help));
        }
    }
}

/// Finds the handlers that steps notify: of the same used file first, then of the playbook.
fn resolve_notify(
    steps: &mut [(Step, StepSource)],
    handlers: &[(Step, StepSource)],
    diagnostics: &mut Diagnostics,
) {
    let known: Vec<&str> = handlers.iter().map(|(handler, _)| handler.id.as_str()).collect();
    for (step, place) in steps {
        let own = place
            .node
            .text("id")
            .or_else(|| place.node.text("name").map(|name| crate::model::name::slug(&name)));
        let prefix =
            own.and_then(|own| step.id.as_str().strip_suffix(&own).map(str::to_owned)).unwrap_or_default();
        for target in &mut step.notify {
            let near = format!("{prefix}{target}");
            if known.contains(&near.as_str()) {
                *target = StepId(near);
            } else if !known.contains(&target.as_str()) {
                let at = place.node.get("notify").map_or(place.node.span, |notify| {
                    let item = notify.items().iter().find(|item| item.scalar() == Some(target.as_str()));
                    item.unwrap_or(notify).span
                });
                Decoder::new(&place.source, diagnostics).unknown(at, "handler", target.as_str(), &known);
            }
        }
    }
}
