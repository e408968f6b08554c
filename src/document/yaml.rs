//! The one door to the YAML parser: text to spanned nodes, within limits.
//!
//! The parser's events are read rather than its typed decoding, because a typed decoder stops at the
//! first fault and forgets how a scalar was written.

use super::{Content, Diagnostic, Key, Node, Source, Span};
use serde_yaml::granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span as ParserSpan,
};
use std::collections::{BTreeMap, HashMap};

/// Deepest nesting.
pub const DEPTH_MAX: usize = 32;
/// Most nodes of a file, those repeated by aliases counted each time.
pub const NODES_MAX: usize = 100_000;
/// Most aliases of a file.
pub const ALIASES_MAX: usize = 200;

/// Reads a file's one document.
///
/// An empty file is an empty map. A fault of the syntax ends the reading, so it is the only one;
/// duplicate keys are all reported.
pub fn parse(source: &Source) -> Result<Node, Vec<Diagnostic>> {
    if source.text().len() > super::FILE_BYTES_MAX {
        return Err(vec![Source::too_long(source.path())]);
    }
    if let Some(fault) = tab_indentation(source) {
        return Err(vec![fault]);
    }
    let mut builder = Builder {
        source,
        nodes: 0,
        aliases: 0,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        root: None,
        faults: Vec::new(),
    };
    let mut options = Options::default();
    options.flow_nesting_limit = DEPTH_MAX * 2;
    options.block_nesting_limit = DEPTH_MAX * 2;
    options.set_emit_comments(false);
    for event in Parser::new_from_str_with_options(source.text(), options) {
        let outcome = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(Box::new(syntax(source, &error))),
        };
        if let Err(fault) = outcome {
            builder.faults.push(*fault);
            return Err(builder.faults);
        }
    }
    if !builder.faults.is_empty() {
        return Err(builder.faults);
    }
    let empty = Node { content: Content::Map(Vec::new()), span: Span::default() };
    Ok(builder.root.filter(|node| !node.is_null()).unwrap_or(empty))
}

/// A list or map that is still being read.
struct Open {
    start: Span,
    anchor: usize,
    content: Content,
    /// The key that waits for its value.
    key: Option<Key>,
    /// Keys that are there, with their places: looking through the entries would be quadratic.
    seen: HashMap<String, Span>,
}

struct Builder<'a> {
    source: &'a Source,
    nodes: usize,
    aliases: usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    root: Option<Node>,
    faults: Vec<Diagnostic>,
}

type Step = Result<(), Box<Diagnostic>>;

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, at: ParserSpan) -> Step {
        let span = span(&at);
        if let Some(tag) = event.tag() {
            let tag_span = at.tag_span().map_or(span, |tag| self::span(&tag));
            let message = format!("the tag `{}` is not allowed", tag.original());
            return Err(self.fault(tag_span, message, "remove it: a value is what it is written as"));
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let text = text.into_owned();
                if text.contains('\0') {
                    return Err(self.fault(span, "the text holds a NUL character", "remove it"));
                }
                let content = match style {
                    ScalarStyle::Plain => Content::Plain(text),
                    _ => Content::Quoted(text),
                };
                self.add(Node { content, span }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(span, anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.begin(span, anchor, Content::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => self.alias(id, span),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(self.fault(span, "a second document begins here", "keep one document in a file"))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, start: Span, anchor: usize, content: Content) -> Step {
        if self.open.len() >= DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} levels deep");
            return Err(self.fault(start, message, "flatten the structure"));
        }
        if let Some(Open { content: Content::Map(_), key: None, .. }) = self.open.last() {
            return Err(self.key_fault(start));
        }
        self.open.push(Open { start, anchor, content, key: None, seen: HashMap::new() });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Step {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // A block's end event stands at the next token; the text between is not part of it.
        let text = self.source.text();
        let upto = end.end.max(open.start.start).min(text.len());
        let trimmed = text.get(open.start.start..upto).map_or(0, |slice| slice.trim_end().len());
        let span = Span { start: open.start.start, end: open.start.start + trimmed };
        self.add(Node { content: open.content, span }, open.anchor, 1)
    }

    fn alias(&mut self, id: usize, span: Span) -> Step {
        self.aliases += 1;
        if self.aliases > ALIASES_MAX {
            let message = format!("more than {ALIASES_MAX} aliases");
            return Err(self.fault(span, message, "write the values out, or use a variable"));
        }
        let Some((node, size)) = self.anchors.get(&id) else {
            let help = "an anchor must be complete before it is used";
            return Err(self.fault(span, "the alias names an anchor that contains it", help));
        };
        let (size, mut copy) = (*size, None);
        if self.nodes + size <= NODES_MAX {
            copy = Some(Node { content: node.content.clone(), span });
        }
        match copy {
            Some(copy) if depth(&copy) + self.open.len() <= DEPTH_MAX => self.add(copy, 0, size),
            _ => {
                let help = "aliases of aliases multiply; write the values out, or use a variable";
                Err(self.fault(span, "the aliases of this file expand to too much", help))
            }
        }
    }

    /// Puts a finished node where it belongs; `size` counts it and what is copied below it.
    fn add(&mut self, node: Node, anchor: usize, size: usize) -> Step {
        self.nodes += size;
        if self.nodes > NODES_MAX {
            let message = format!("more than {NODES_MAX} values");
            return Err(self.fault(node.span, message, "split the file"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), count(&node)));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.content, open.key.take()) {
            (Content::List(items), _) => items.push(node),
            (Content::Map(entries), Some(key)) => {
                if !open.seen.contains_key(&key.text) {
                    open.seen.insert(key.text.clone(), key.span);
                    entries.push((key, node));
                } else if let Some(first) = open.seen.get(&key.text).copied() {
                    let line = self.source.line_column(first.start).0;
                    let message = format!("the key `{}` is written twice", key.text);
                    let help = format!("the first one is in line {line}; remove one of them");
                    self.faults.push(Diagnostic::error(self.source, key.span, message).help(help));
                }
            }
            (Content::Map(_), None) => {
                let span = node.span;
                let Some(text) = node.scalar() else { return Err(self.key_fault(span)) };
                if text == "<<" {
                    let help = "write the keys out, or use an alias for the whole value";
                    return Err(self.fault(span, "merge keys are not supported", help));
                }
                open.key = Some(Key { text: text.to_owned(), span });
            }
            _ => {}
        }
        Ok(())
    }

    fn key_fault(&self, span: Span) -> Box<Diagnostic> {
        let unquoted = self.source.text()[..span.start.min(self.source.text().len())].ends_with('{')
            || self.source.text().get(span.start..).is_some_and(|rest| rest.starts_with("{{"));
        if unquoted {
            let help = "put the whole value in quotes: \"{{ name }}\"";
            return self.fault(span, "a value that begins with `{{` must be quoted", help);
        }
        self.fault(span, "a key must be a plain text", "give the key as one word or in quotes")
    }

    fn fault(&self, span: Span, message: impl Into<String>, help: &str) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(self.source, span, message).help(help))
    }
}

fn span(at: &ParserSpan) -> Span {
    at.byte_range().map_or(Span::default(), |range| Span { start: range.start, end: range.end })
}

fn count(node: &Node) -> usize {
    1 + match &node.content {
        Content::List(items) => items.iter().map(count).sum(),
        Content::Map(entries) => entries.iter().map(|(_, node)| count(node) + 1).sum(),
        _ => 0,
    }
}

fn depth(node: &Node) -> usize {
    match &node.content {
        Content::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Content::Map(entries) => 1 + entries.iter().map(|(_, node)| depth(node)).max().unwrap_or(0),
        _ => 0,
    }
}

/// The first tab that stands where indentation is; the parser's own message for it names a scalar.
fn tab_indentation(source: &Source) -> Option<Diagnostic> {
    if !source.text().contains('\t') {
        return None;
    }
    let mut offset = 0;
    // Inside a block of text or quotes a tab is content; there the parser's word counts.
    let mut block: Option<usize> = None;
    let mut above = Above::default();
    for line in source.text().split_inclusive('\n') {
        let body = line.trim_start_matches([' ', '\t']);
        let blank = body.trim().is_empty();
        let indent = &line[..line.len() - body.len()];
        let spaces = indent.len() - indent.trim_start_matches(' ').len();
        if block.is_some_and(|parent| !blank && spaces <= parent && !indent.contains('\t')) {
            block = None;
        }
        if block.is_none() && !blank && !body.starts_with('#') {
            if indent.contains('\t') {
                let at = Span { start: offset, end: offset + indent.len() };
                let wanted = above.indentation_of(body);
                let help = format!("YAML is indented with spaces; as it stands here, with {wanted} of them");
                let fault = Diagnostic::error(source, at, "a tab is used for indentation");
                return Some(fault.help(help).patch(" ".repeat(wanted)));
            }
            let code = body.trim_end();
            if code.ends_with(['|', '>']) || code.ends_with("|-") || code.ends_with(">-") {
                block = Some(spaces);
            }
            above.see(spaces, code);
        }
        offset += line.len();
    }
    None
}

/// What the lines above say about where a line belongs.
#[derive(Default)]
struct Above {
    /// Columns before the last line's own text, behind its dashes.
    text: usize,
    /// Whether the last line opens a map or a list.
    opens: bool,
    /// Columns before each list's dashes, the innermost last.
    lists: Vec<usize>,
}

impl Above {
    fn see(&mut self, spaces: usize, code: &str) {
        let text = code.trim_start_matches(['-', ' ']);
        let is_item = code == "-" || code.starts_with("- ");
        self.lists.retain(|dash| *dash < spaces);
        if is_item {
            self.lists.push(spaces);
        }
        self.text = spaces + if is_item { code.len() - text.len() } else { 0 };
        self.opens = code.split(" #").next().is_some_and(|code| code.trim_end().ends_with(':'));
    }

    /// Columns that fit before a line: inside what was just opened, beside its list's other items, or
    /// beside the line above.
    fn indentation_of(&self, body: &str) -> usize {
        match (self.opens, self.lists.last()) {
            (true, _) => self.text + 2,
            (false, Some(dash)) if body.starts_with("- ") => *dash,
            (false, _) => self.text,
        }
    }
}

fn syntax(source: &Source, error: &ScanError) -> Diagnostic {
    let marker = error.marker();
    let text = source.text();
    let start = marker
        .byte_offset()
        .or_else(|| text.char_indices().nth(marker.index()).map(|(offset, _)| offset))
        .unwrap_or(text.len())
        .min(text.len());
    let length = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let at = Span { start, end: start + length };
    let info = error.info();
    let help = match error.kind() {
        ErrorKind::UnknownAnchor => "define the anchor with `&name` before its first use",
        ErrorKind::TabInIndentation | ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed => {
            "use spaces instead of tabs"
        }
        _ if info.contains("nest") || info.contains("recursion") => "flatten the structure",
        _ if info.contains("quoted") => "close the quote in which the text begins",
        _ if info.contains("mapping values") => "a text that holds `: ` must be quoted",
        _ => "look at the indentation and at the quotes of this line and the one before it",
    };
    Diagnostic::error(source, at, format!("this is not YAML: {info}")).help(help)
}
