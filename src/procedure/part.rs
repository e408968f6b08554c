//! `use:` puts the activities of another file in place of an item.
//!
//! What procedures share differs in numbers, targets and words. A part names these in braces, and
//! `with` gives them; `{{ system }}` alone is left for the run.

use crate::document::{
    self, Content, Decoder, Diagnostics, Field, Files, Kind, Node, Shape, Source, Span, path,
};
use regex::Regex;
use std::collections::BTreeMap;

/// Deepest chain of parts that use parts.
pub const USE_DEPTH_MAX: usize = 5;
/// Most activities of a procedure, those of its parts counted.
pub const ACTIVITIES_MAX: usize = 500;
/// Most that all parts together may grow to when what is given is put in, in bytes of texts and
/// keys; parts that use parts could grow without end.
pub const FILLED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Left in braces for the run.
const OF_THE_RUN: &str = "system";

/// The shape of an item that stands for the activities of another file.
pub const USE: Shape = Shape::new(
    "use of a part",
    "Activities of another file.",
    &[
        Field::required("use", Kind::ProjectFile, "The file."),
        Field::optional("with", Kind::Map(&Kind::Any), "What the file names in braces."),
    ],
);

/// The shape of a file that procedures share. Activities are held against their own shape.
pub const PART: Shape = Shape::new(
    "part of a procedure",
    "Activities that several procedures use.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::optional("variables", Kind::Map(&Kind::Any), "Defaults of what `with` can give."),
        Field::required("activities", Kind::List(&Kind::Any), "The activities."),
    ],
);

/// Activities as they are collected from all files of a procedure, with what was given put in.
pub(super) struct Collector<'a> {
    files: &'a dyn Files,
    diagnostics: &'a mut Diagnostics,
    stack: Vec<String>,
    /// How often parts were used.
    uses: usize,
    /// How much was filled in.
    filled: usize,
    /// Whether activities could not be read, so that there may be more of them.
    pub(super) lost: bool,
    pub(super) found: Vec<(Source, Node)>,
    pub(super) sources: Vec<Source>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(files: &'a dyn Files, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            files,
            diagnostics,
            stack: Vec::new(),
            uses: 0,
            filled: 0,
            lost: false,
            found: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// Reads the activities of a file.
    pub(super) fn list(&mut self, source: &Source, node: &Node) {
        self.stack.push(source.path().to_owned());
        for item in node.get("activities").map(Node::items).unwrap_or_default() {
            if self.found.len() + self.uses >= ACTIVITIES_MAX || self.filled > FILLED_BYTES_MAX {
                let help = format!("at most {ACTIVITIES_MAX} of both, and {FILLED_BYTES_MAX} bytes of parts");
                self.error(source, item.span, "too many activities and uses of parts".to_owned(), help);
                self.lost = true;
                break;
            }
            match item.get("use") {
                Some(_) => self.lost |= self.part(source, item).is_none(),
                None => self.found.push((source.clone(), item.clone())),
            }
        }
        self.stack.pop();
    }

    fn part(&mut self, source: &Source, item: &Node) -> Option<()> {
        Decoder::new(source, self.diagnostics).shape(item, &USE);
        let at = item.get("use")?;
        let name = at.scalar().unwrap_or_default();
        let candidates = path::candidates(source.path(), name);
        let Some(path) = candidates.iter().find(|path| self.files.exists(path)) else {
            let help = format!("looked for {}", candidates.join(" and "));
            self.error(source, at.span, format!("there is no file `{name}`"), help);
            return None;
        };
        if self.stack.contains(path) || self.stack.len() > USE_DEPTH_MAX {
            let help = format!("a part uses others, at most {USE_DEPTH_MAX} deep and never in a circle");
            self.error(source, at.span, format!("`{name}` is used inside itself or too deep"), help);
            return None;
        }
        self.uses += 1;
        let text = Source::read(self.files, path, self.diagnostics)?;
        let (node, _) = document::open(&text, &PART, self.diagnostics)?;
        let mut values: BTreeMap<String, Node> = BTreeMap::new();
        for (key, value) in node.entries_of("variables").iter().chain(item.entries_of("with")) {
            values.insert(key.text.clone(), value.clone());
        }
        let filled = self.fill(&text, &node, &values);
        if !self.sources.contains(&text) {
            self.sources.push(text.clone());
        }
        self.unused(source, item, &node);
        self.list(&text, &filled);
        Some(())
    }

    /// Records what is given and named nowhere.
    fn unused(&mut self, source: &Source, item: &Node, part: &Node) {
        let mut named = Vec::new();
        part.scalars(&mut |_, text| named.extend(names(text)));
        for (key, _) in item.entries_of("with") {
            if !named.contains(&key.text) {
                let known: Vec<&str> = named.iter().map(String::as_str).collect();
                Decoder::new(source, self.diagnostics).unknown(
                    key.span,
                    "variable of this part",
                    &key.text,
                    &known,
                );
            }
        }
    }

    fn fill(&mut self, source: &Source, node: &Node, values: &BTreeMap<String, Node>) -> Node {
        if self.filled > FILLED_BYTES_MAX {
            return node.clone();
        }
        let content = match &node.content {
            Content::Plain(text) | Content::Quoted(text) => return self.scalar(source, node, text, values),
            Content::List(items) => {
                Content::List(items.iter().map(|item| self.fill(source, item, values)).collect())
            }
            Content::Map(entries) => Content::Map(
                entries.iter().map(|(key, value)| (key.clone(), self.fill(source, value, values))).collect(),
            ),
        };
        Node { content, span: node.span }
    }

    fn scalar(&mut self, source: &Source, node: &Node, text: &str, values: &BTreeMap<String, Node>) -> Node {
        let mut filled = text.to_owned();
        for name in names(text) {
            let Some(value) = values.get(&name) else {
                if name != OF_THE_RUN {
                    let help = "give it with `with`, or a default under `variables`".to_owned();
                    self.error(source, node.span, format!("nothing is given for `{name}`"), help);
                }
                continue;
            };
            let Ok(pattern) = Regex::new(&format!(r"\{{\{{\s*{name}\s*\}}\}}")) else { continue };
            match value.scalar() {
                Some(value) => {
                    // Looked at before it is made: a text may name a long value many times.
                    self.filled += pattern.find_iter(&filled).count().saturating_mul(value.len());
                    if self.filled > FILLED_BYTES_MAX {
                        break;
                    }
                    filled = pattern.replace_all(&filled, regex::NoExpand(value)).into_owned();
                }
                // A list or a map can only be all of a value.
                None if pattern.find(text).is_some_and(|found| found.len() == text.trim().len()) => {
                    let mut size = 0;
                    value.scalars(&mut |_, text| size += text.len() + 1);
                    self.filled += size;
                    return moved(value, node.span);
                }
                None => {
                    let help = "give a text".to_owned();
                    self.error(source, node.span, format!("`{name}` stands inside a text"), help);
                }
            }
        }
        self.filled += filled.len();
        let content = match node.content {
            Content::Plain(_) => Content::Plain(filled),
            _ => Content::Quoted(filled),
        };
        Node { content, span: node.span }
    }

    fn error(&mut self, source: &Source, span: Span, message: String, help: String) {
        Decoder::new(source, self.diagnostics).error(span, message, help);
    }
}

/// The names in braces.
fn names(text: &str) -> Vec<String> {
    let pattern = Regex::new(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}");
    let Ok(pattern) = pattern else { return Vec::new() };
    pattern.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str().to_owned())).collect()
}

/// The same value, written elsewhere: messages point into the part.
fn moved(node: &Node, span: Span) -> Node {
    let content = match &node.content {
        Content::List(items) => Content::List(items.iter().map(|item| moved(item, span)).collect()),
        Content::Map(entries) => {
            Content::Map(entries.iter().map(|(key, value)| (key.clone(), moved(value, span))).collect())
        }
        scalar => scalar.clone(),
    };
    Node { content, span }
}
