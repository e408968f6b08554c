//! `use:` puts the steps of another file in place of a step.

use super::{
    Step,
    playbook_file::StepSource,
    step_file::{self, STEP},
};
use crate::{
    document::{self, Decoder, Diagnostics, Field, Files, Kind, Node, Shape, Source, path},
    inventory::variables::read_variables,
    model::Value,
    system::sheet_file::selector,
};
use std::collections::BTreeMap;

/// Deepest chain of files that use files.
pub const USE_DEPTH_MAX: usize = 5;
/// Most steps of a playbook, those of used files counted.
pub const STEPS_MAX: usize = 2_000;

/// The shape of a file that is used by others. Steps are held against their own shapes.
pub const PART: Shape = Shape::new(
    "part of a playbook",
    "Steps that several playbooks use.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::optional("variables", Kind::Map(&Kind::Any), "Defaults of what `with` can give."),
        Field::required("steps", Kind::List(&Kind::Any), "The steps."),
        Field::optional("handlers", Kind::List(&Kind::Any), "Handlers that its steps notify."),
    ],
);

/// What a `use:` adds to every step of its file.
#[derive(Debug, Clone, Default)]
pub(super) struct Using {
    /// Put before the ids, so that a file can be used twice.
    pub(super) prefix: Option<String>,
    pub(super) at: Option<String>,
    pub(super) when: Option<String>,
    pub(super) phase: Option<String>,
    pub(super) with: BTreeMap<String, Value>,
    /// Files that are being read, to notice a circle.
    stack: Vec<String>,
}

/// Steps and handlers as they are collected from all files of a playbook.
pub(super) struct Collector<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) modules: &'a [&'static Shape],
    pub(super) diagnostics: &'a mut Diagnostics,
    pub(super) steps: Vec<(Step, StepSource)>,
    pub(super) handlers: Vec<(Step, StepSource)>,
    /// Paths of the files that were used.
    pub(super) used: Vec<String>,
    /// What was left out because of a fault.
    pub(super) lost: Lost,
}

/// What is wrong with a playbook is told as far as it does not hang on what could not be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Lost {
    /// A step.
    pub(super) steps: bool,
    /// A handler.
    pub(super) handlers: bool,
    /// All steps of a file.
    pub(super) files: bool,
    /// Names under which steps that were left out register their answers.
    pub(super) registers: Vec<String>,
}

impl Collector<'_> {
    /// Reads the lists `steps` and `handlers` of a file.
    pub(super) fn file(&mut self, source: &Source, node: &Node, using: &Using) {
        for (key, handler) in [("steps", false), ("handlers", true)] {
            for item in node.get(key).map(Node::items).unwrap_or_default() {
                if self.steps.len() + self.handlers.len() >= STEPS_MAX {
                    let message = format!("the playbook has more than {STEPS_MAX} steps");
                    let mut decoder = Decoder::new(source, self.diagnostics);
                    decoder.error(item.span, message, "split it");
                    self.lost.files = true;
                    return;
                }
                self.step(source, item, using, handler);
            }
        }
    }

    fn step(&mut self, source: &Source, node: &Node, using: &Using, handler: bool) {
        let mut decoder = Decoder::new(source, self.diagnostics);
        if node.entries().is_empty() {
            decoder.error(
                node.span,
                format!("a step must be a map, not {}", node.kind()),
                "for example `name: …`",
            );
            self.leave_out(node, handler);
        } else if node.get("use").is_some() {
            self.used_file(source, node, using);
        } else {
            step_file::check_loop(&mut decoder, node);
            if let Some((with, _)) = node.entry("with") {
                decoder.error(with.span, "`with` stands without `use`", "add `use:`, or remove `with`");
            }
            match step_file::read(&mut decoder, node, self.modules, using) {
                Some(step) if handler => self.handlers.push(step),
                Some(step) => self.steps.push(step),
                None => self.leave_out(node, handler),
            }
        }
    }

    fn leave_out(&mut self, node: &Node, handler: bool) {
        self.lost.steps |= !handler;
        self.lost.handlers |= handler;
        self.lost.registers.extend(node.text("register"));
    }

    fn used_file(&mut self, source: &Source, node: &Node, using: &Using) {
        self.lost.files |= self.try_used_file(source, node, using).is_none();
    }

    fn try_used_file(&mut self, source: &Source, node: &Node, using: &Using) -> Option<()> {
        let mut decoder = Decoder::new(source, self.diagnostics);
        step_file::keys(&mut decoder, node, self.modules);
        for (key, _) in node.entries() {
            let allowed = ["use", "with", "id", "name", "at", "when", "phase"];
            if !allowed.contains(&key.text.as_str()) && STEP.field(&key.text).is_some() {
                let help = "put it on the steps of the used file";
                decoder.error(key.span, format!("`{}` cannot stand beside `use`", key.text), help);
            } else if !allowed.contains(&key.text.as_str()) {
                decoder.error(key.span, "a module is called beside `use`", "write one step for each");
            }
        }
        let at = node.get("use")?;
        let name = at.scalar()?;
        let Some(target) = path::join(path::folder(source.path()), name) else {
            decoder.error(at.span, format!("`{name}` leaves the project"), "use a file of the project");
            return None;
        };
        if using.stack.contains(&target) || source.path() == target {
            decoder.error(at.span, format!("`{target}` uses itself"), "break the circle");
            return None;
        }
        if using.stack.len() >= USE_DEPTH_MAX {
            let message = format!("files use files more than {USE_DEPTH_MAX} levels deep");
            decoder.error(at.span, message, "flatten them");
            return None;
        }
        let Some(bytes) = self.files.read(&target) else {
            decoder.error(
                at.span,
                format!("there is no file `{target}`"),
                "the path starts at this file's folder",
            );
            return None;
        };
        if let Some(when) = node.get("when") {
            step_file::check_expression(&mut decoder, when);
        }
        let own_at = selector(&mut decoder, node);
        let mut with = using.with.clone();
        with.extend(read_variables(&mut decoder, node, "with"));
        let both = |outer: &Option<String>, own: Option<String>| match (outer, own) {
            (Some(outer), Some(own)) => Some(format!("({outer}) and ({own})")),
            (outer, own) => own.or_else(|| outer.clone()),
        };
        let prefix = match (&using.prefix, node.text("id")) {
            (Some(outer), Some(own)) => Some(format!("{outer}-{own}")),
            (outer, own) => own.or_else(|| outer.clone()),
        };
        let mut stack = using.stack.clone();
        stack.push(target.clone());
        let mut inner = Using {
            prefix,
            at: both(&using.at, own_at),
            when: both(&using.when, node.text("when")),
            phase: node.text("phase").or_else(|| using.phase.clone()),
            with,
            stack,
        };
        let part = match Source::from_bytes(&target, &bytes) {
            Ok(part) => part,
            Err(fault) => {
                self.diagnostics.push(*fault);
                return None;
            }
        };
        let (tree, mut decoder) = document::open(&part, &PART, self.diagnostics)?;
        for (name, value) in read_variables(&mut decoder, &tree, "variables") {
            inner.with.entry(name).or_insert(value);
        }
        if !self.used.contains(&target) {
            self.used.push(target);
        }
        self.file(&part, &tree, &inner);
        Some(())
    }
}
