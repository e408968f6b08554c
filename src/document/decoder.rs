//! The collecting decoder: holds a tree against a [`Shape`] and records everything that does not fit.

use super::{Content, Diagnostic, Diagnostics, Field, Key, Kind, Node, Shape, Source, Span, quantity};
use crate::model::name;

/// Most similar words are at most this far away, in edits.
const SIMILAR_EDITS: usize = 3;

/// Checks one file's tree and collects what is wrong.
pub struct Decoder<'a> {
    /// The file.
    pub source: &'a Source,
    /// Where faults go.
    pub diagnostics: &'a mut Diagnostics,
    /// Whether a scalar with `{{` stands for any scalar: in the arguments of a step.
    pub templates: bool,
}

impl<'a> Decoder<'a> {
    /// A decoder of `source`.
    pub fn new(source: &'a Source, diagnostics: &'a mut Diagnostics) -> Self {
        Self { source, diagnostics, templates: false }
    }

    /// Records an error at a place.
    pub fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(self.source, span, message).help(help));
    }

    /// Records a warning at a place.
    pub fn warn(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(self.source, span, message).help(help).warning());
    }

    /// Records a word that is none of `known`, with the most similar one as suggestion.
    pub fn unknown(&mut self, span: Span, what: &str, word: &str, known: &[&str]) {
        self.not_among(span, format!("unknown {what} `{word}`"), word, known);
    }

    fn not_among(&mut self, span: Span, message: String, word: &str, known: &[&str]) {
        let diagnostic = Diagnostic::error(self.source, span, message);
        self.diagnostics.push(match similar(word, known) {
            Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")).patch(similar),
            None if known.is_empty() => diagnostic.help("there is none to choose from"),
            None => {
                let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
                diagnostic.help(format!("known here: {}", known.join(", ")))
            }
        });
    }

    /// Holds a node against a shape: unknown keys, missing keys, wrong values.
    pub fn shape(&mut self, node: &Node, shape: &'static Shape) {
        let entries = match (&node.content, shape.short) {
            (Content::Map(entries), _) => entries.as_slice(),
            (_, _) if node.is_null() => &[],
            (_, Some(short)) => {
                if let Some(field) = shape.field(short) {
                    self.kind(node, &field.kind, short);
                }
                return;
            }
            (_, None) => return self.wrong(node, shape.name, &Kind::Shape(shape)),
        };
        let known: Vec<&str> = shape.fields.iter().map(|field| field.key).collect();
        for (key, value) in entries {
            match shape.field(&key.text) {
                None => {
                    let message = format!("unknown key `{}` in {}", key.text, article(shape.name));
                    self.not_among(key.span, message, &key.text, &known);
                }
                Some(field) => self.field(key, value, field),
            }
        }
        let start = first_line(node);
        for field in shape.fields.iter().filter(|field| field.required) {
            if !entries.iter().any(|(key, _)| key.text == field.key) {
                let message = format!("the key `{}` is missing in {}", field.key, article(shape.name));
                let help = format!("add `{}:` with {}", field.key, field.kind.wanted());
                self.error(start, message, help);
            }
        }
        for set in shape.one_of {
            self.one_of(node, shape, set, start);
        }
    }

    fn one_of(&mut self, node: &Node, shape: &Shape, set: &[&str], start: Span) {
        let given: Vec<&str> = set.iter().copied().filter(|key| node.entry(key).is_some()).collect();
        let list = set.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        match given.as_slice() {
            [_] => {}
            [] => {
                let message = format!("{} needs one of the keys {list}", article(shape.name));
                self.error(start, message, "add exactly one of them");
            }
            [_, second, ..] => {
                let span = node.entry(second).map_or(start, |(key, _)| key.span);
                let message = format!("{} takes only one of the keys {list}", article(shape.name));
                self.error(span, message, "remove all but one of them");
            }
        }
    }

    /// Holds the value of one key against its description.
    pub fn field(&mut self, key: &Key, value: &Node, field: &Field) {
        if value.is_null() && !matches!(field.kind, Kind::Any | Kind::Shape(_) | Kind::Map(_)) {
            if field.required || value.span.start == value.span.end {
                let help = format!("give {}, or remove the key", field.kind.wanted());
                self.error(key.span, format!("the key `{}` has no value", field.key), help);
            }
            return;
        }
        self.kind(value, &field.kind, field.key);
    }

    /// Holds a node against a kind; `key` is what messages call it.
    pub fn kind(&mut self, node: &Node, kind: &Kind, key: &str) {
        match kind {
            Kind::Any => {}
            Kind::Shape(shape) => self.shape(node, shape),
            Kind::List(kind) => match &node.content {
                Content::List(items) => items.iter().for_each(|item| self.kind(item, kind, key)),
                _ => self.wrong(node, key, &Kind::List(kind)),
            },
            Kind::Map(inner) | Kind::Named(inner) => match &node.content {
                Content::Map(entries) => {
                    for (name, value) in entries {
                        if matches!(kind, Kind::Named(_)) {
                            self.name(&name.text, name.span);
                        }
                        self.kind(value, inner, &name.text);
                    }
                }
                _ if node.is_null() => {}
                _ => self.wrong(node, key, kind),
            },
            Kind::Texts => match &node.content {
                Content::List(items) => items.iter().for_each(|item| self.kind(item, &Kind::Text, key)),
                _ => self.scalar(node, kind, key),
            },
            Kind::Words => match &node.content {
                Content::List(items) if !items.is_empty() => {
                    items.iter().for_each(|item| self.kind(item, &Kind::Text, key));
                }
                Content::Plain(text) | Content::Quoted(text) if !node.is_null() => {
                    let words: Vec<&str> = text.split_whitespace().collect();
                    let help = format!("write the words as a list: [{}]", words.join(", "));
                    self.error(node.span, format!("`{key}` must be {}", kind.wanted()), help);
                }
                _ => self.wrong(node, key, kind),
            },
            Kind::Templated(inner) => {
                if !node.scalar().is_some_and(|text| text.contains("{{")) {
                    self.kind(node, inner, key);
                }
            }
            Kind::Either(kinds) => match kinds.iter().find(|kind| outline_fits(node, kind)) {
                Some(kind) => self.kind(node, kind, key),
                None => self.wrong(node, key, kind),
            },
            _ => self.scalar(node, kind, key),
        }
    }

    fn scalar(&mut self, node: &Node, kind: &Kind, key: &str) {
        let Some(text) = node.scalar().filter(|_| !node.is_null()) else {
            return self.wrong(node, key, kind);
        };
        if self.templates && text.contains("{{") && !matches!(kind, Kind::Selector | Kind::Expression) {
            return;
        }
        let plain = matches!(node.content, Content::Plain(_));
        match kind {
            Kind::Bool => self.boolean(node.span, text, plain, key),
            Kind::Name => self.name(text, node.span),
            Kind::Word(words) if !words.contains(&text) => {
                self.not_among(node.span, format!("`{key}` cannot be `{}`", excerpt(text)), text, words);
            }
            _ if fits(text, kind) => {}
            _ => {
                let message = format!("`{key}` must be {}, not `{}`", kind.wanted(), excerpt(text));
                self.error(node.span, message, hint(text, kind));
            }
        }
    }

    fn boolean(&mut self, span: Span, text: &str, plain: bool, key: &str) {
        if plain && matches!(text, "true" | "false") {
            return;
        }
        let meant = match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "y" => Some("true"),
            "no" | "off" | "false" | "n" => Some("false"),
            _ => None,
        };
        let message = format!("`{key}` must be `true` or `false`, not `{}`", excerpt(text));
        let diagnostic = Diagnostic::error(self.source, span, message);
        self.diagnostics.push(match meant {
            Some(word) if text == word => diagnostic.help("remove the quotes").patch(word),
            Some(word) => diagnostic
                .help(format!("`{text}` is a text here, as it is in every value; write `{word}`"))
                .patch(word),
            None => diagnostic.help("write `true` or `false` without quotes"),
        });
    }

    /// Records a text that is not a name.
    pub fn name(&mut self, text: &str, span: Span) {
        if let Err(error) = name::check(text) {
            let diagnostic = Diagnostic::error(self.source, span, error.to_string());
            let slug = name::slug(text);
            let good = name::check(&slug).is_ok() && slug != text;
            self.diagnostics.push(if good {
                diagnostic.help(format!("did you mean `{slug}`?")).patch(slug)
            } else {
                diagnostic.help("choose another name")
            });
        }
    }

    fn wrong(&mut self, node: &Node, key: &str, kind: &Kind) {
        let message = format!("`{key}` must be {}, not {}", kind.wanted(), node.kind());
        let braces = node.entries().first().is_some_and(|(key, _)| key.text.starts_with('{'));
        let help = if braces {
            "a value that begins with `{{` must be quoted"
        } else {
            "look at the indentation, and at an example: `esclusa explain MODULE` shows every key"
        };
        self.error(first_line(node), message, help);
    }
}

/// Whether a scalar's text is of this kind.
pub(crate) fn fits(text: &str, kind: &Kind) -> bool {
    match kind {
        Kind::Bool => matches!(text, "true" | "false"),
        Kind::Name => name::check(text).is_ok(),
        Kind::Integer(min, max) => text.parse::<i64>().is_ok_and(|number| (*min..=*max).contains(&number)),
        Kind::Duration => quantity::duration_ms(text).is_some(),
        Kind::Size => quantity::bytes(text).is_some(),
        Kind::Mode => quantity::mode(text).is_some(),
        Kind::Word(words) => words.contains(&text),
        Kind::Regex => regex::Regex::new(text).is_ok(),
        Kind::ServerPath => text.starts_with('/') && !text.split('/').any(|part| part == ".."),
        Kind::ProjectFile => {
            !text.is_empty() && !text.starts_with('/') && !text.starts_with('~') && !text.contains('\\')
        }
        Kind::Selector | Kind::Expression => !text.trim().is_empty(),
        _ => true,
    }
}

fn hint(text: &str, kind: &Kind) -> String {
    match kind {
        Kind::Duration if text.parse::<u64>().is_ok() => format!("add a unit: `{text}s` or `{text}m`"),
        Kind::Duration => "units are ms, s, m, h, d and w".to_owned(),
        Kind::Size => "units are B, KiB, MiB, GiB, TiB, kB, MB, GB and TB".to_owned(),
        Kind::Mode => "write three or four octal digits".to_owned(),
        Kind::Regex => match regex::Regex::new(text) {
            Err(regex::Error::CompiledTooBig(_)) => "the expression is too large".to_owned(),
            _ => "look at brackets, parentheses and backslashes; single quotes keep backslashes".to_owned(),
        },
        Kind::ServerPath => "it begins with `/` and has no `..`".to_owned(),
        Kind::ProjectFile => {
            "it is relative, to the playbook's folder or the project's, with forward slashes".to_owned()
        }
        Kind::Integer(..) => "write digits only".to_owned(),
        _ => "correct the value".to_owned(),
    }
}

/// The word of `known` that is most similar to `word`, if one is similar enough.
#[must_use]
pub fn similar<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let edits = SIMILAR_EDITS.min(word.chars().count().div_ceil(3)).max(1);
    known
        .iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, _)| *distance <= edits)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| *candidate)
}

fn outline_fits(node: &Node, kind: &Kind) -> bool {
    let scalar = node.scalar().is_some();
    match kind {
        Kind::Any => true,
        Kind::List(_) | Kind::Words => matches!(node.content, Content::List(_)),
        Kind::Map(_) | Kind::Named(_) => matches!(node.content, Content::Map(_)),
        Kind::Shape(shape) => matches!(node.content, Content::Map(_)) || shape.short.is_some(),
        Kind::Texts => scalar || matches!(node.content, Content::List(_)),
        Kind::Either(kinds) => kinds.iter().any(|kind| outline_fits(node, kind)),
        // Among several kinds of scalars, a word must be one of its words.
        Kind::Word(words) => node.scalar().is_some_and(|text| words.contains(&text)),
        _ => scalar,
    }
}

/// A caret under the first word is enough for a value of many lines.
fn first_line(node: &Node) -> Span {
    match node.entries().first() {
        Some((key, _)) => key.span,
        None => node.span,
    }
}

/// The name of a shape with its article: `a step`, `an artifact`, `the project file`.
fn article(name: &str) -> String {
    match name.as_bytes().first() {
        _ if name.starts_with("the ") => name.to_owned(),
        Some(b'a' | b'e' | b'i' | b'o' | b'u') => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

fn excerpt(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// Reads a file and holds it against the shape of its top; nothing if it is not YAML at all.
pub fn open<'a>(
    source: &'a Source,
    shape: &'static Shape,
    diagnostics: &'a mut Diagnostics,
) -> Option<(Node, Decoder<'a>)> {
    match super::parse(source) {
        Ok(node) => {
            let mut decoder = Decoder::new(source, diagnostics);
            decoder.shape(&node, shape);
            Some((node, decoder))
        }
        Err(faults) => {
            faults.into_iter().for_each(|fault| diagnostics.push(fault));
            None
        }
    }
}

impl Decoder<'_> {
    /// The value, if nothing forbids to use it.
    pub fn finish<T>(self, value: T) -> Option<T> {
        (!self.diagnostics.has_errors_in(self.source.path())).then_some(value)
    }
}
