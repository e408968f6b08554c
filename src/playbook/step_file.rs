//! Reading one step: the keys of every step, and the module that it calls.

use super::{Step, playbook_file::StepSource, use_file::Using};
use crate::{
    document::{Content, Decoder, Field, Key, Kind, Node, Shape},
    expression,
    inventory::variables::check_name,
    model::{Role, StepId, Value, name},
    system::sheet_file::selector,
};

/// Time limit of a step that names none, in seconds.
pub const TIMEOUT_SECONDS: u32 = 30 * 60;

/// The keys of every step, beside the one that names its module.
pub const STEP: Shape = Shape::new(
    "step",
    "One call of a module on each selected server.",
    &[
        Field::optional("id", Kind::Name, "Unique in the playbook; made from the name by default."),
        Field::optional("name", Kind::Text, "What it is called on screens."),
        Field::optional("at", Kind::Selector, "Servers: `web and not retired`."),
        Field::optional(
            "when",
            Kind::Either(&[Kind::Expression]),
            "An expression that yields true or false.",
        ),
        Field::optional("loop", Kind::Any, "Values to repeat it for; known when planning."),
        Field::optional("register", Kind::Text, "Name under which later steps know its answer."),
        Field::optional("notify", Kind::Texts, "Handlers to run when it changed something."),
        Field::optional("retries", Kind::Integer(0, 1000), "How often it is tried again, 0 by default."),
        Field::optional("delay", Kind::Duration, "Time between two tries, `5s` by default."),
        Field::optional("timeout", Kind::Duration, "Time limit of its change, `30m` by default."),
        Field::optional("as", Kind::Text, "Account to run as, root by default."),
        Field::optional("phase", Kind::Name, "Part that a procedure can call."),
        Field::optional("role", Kind::Name, "Role of the person that starts it in a procedure."),
        Field::optional("procedure", Kind::Texts, "Activities of the procedure that it fulfils."),
        Field::optional("use", Kind::ProjectFile, "A file whose steps stand here."),
        Field::optional("with", Kind::Map(&Kind::Any), "Variables for the steps of `use`."),
    ],
);

/// Reads a step; everything that is wrong is recorded.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    node: &Node,
    modules: &[&'static Shape],
    using: &Using,
) -> Option<(Step, StepSource)> {
    let called = keys(decoder, node, modules);
    let module = module(decoder, node, &called, modules);
    let at = at(decoder, node, using);
    let (id, name) = id_and_name(decoder, node, using)?;
    if let Some(register) = node.get("register") {
        check_name(decoder, register.scalar().unwrap_or_default(), register.span);
    }
    if let Some(when) = node.get("when").filter(|when| when.scalar().is_some()) {
        check_expression(decoder, when);
    }
    let shape = module?;
    let (_, args) = node.entry(shape.name)?;
    let args = args.spread(shape);
    let when = match (&using.when, node.text("when")) {
        (Some(outer), Some(own)) => Some(format!("({outer}) and ({own})")),
        (outer, own) => own.or_else(|| outer.clone()),
    };
    let step = Step {
        id: StepId(id),
        name,
        place: decoder.source.place(node.span),
        module: shape.name.to_owned(),
        args: args.to_value(),
        at: at?,
        when,
        repeat: node.get("loop").map(Node::to_value),
        register: node.text("register"),
        notify: node.texts("notify").into_iter().map(StepId).collect(),
        retries: node.number("retries").unwrap_or(0),
        delay_seconds: node.duration_seconds("delay").and_then(|s| s.try_into().ok()).unwrap_or(5),
        timeout_seconds: node
            .duration_seconds("timeout")
            .and_then(|seconds| seconds.try_into().ok())
            .unwrap_or(TIMEOUT_SECONDS),
        as_user: node.text("as"),
        phase: node.text("phase").or_else(|| using.phase.clone()),
        role: node.text("role").and_then(|role| Role::parse(&role).ok()),
        procedure: node.texts("procedure"),
        variables: using.with.clone(),
    };
    Some((step, StepSource { source: decoder.source.clone(), node: node.clone(), args, shape }))
}

/// Holds the keys of every step against [`STEP`] and returns the others.
pub(super) fn keys<'n>(
    decoder: &mut Decoder<'_>,
    node: &'n Node,
    modules: &[&'static Shape],
) -> Vec<&'n (Key, Node)> {
    let mut others = Vec::new();
    for entry in node.entries() {
        match STEP.field(&entry.0.text) {
            Some(field) => decoder.field(&entry.0, &entry.1, field),
            None if modules.iter().any(|shape| shape.name == entry.0.text) => others.push(entry),
            None => {
                let mut known: Vec<&str> = modules.iter().map(|shape| shape.name).collect();
                known.extend(STEP.fields.iter().map(|field| field.key));
                decoder.unknown(entry.0.span, "module or key of a step", &entry.0.text, &known);
            }
        }
    }
    others
}

fn module(
    decoder: &mut Decoder<'_>,
    node: &Node,
    called: &[&(Key, Node)],
    modules: &[&'static Shape],
) -> Option<&'static Shape> {
    match called {
        [(key, args)] => {
            let shape = modules.iter().find(|shape| shape.name == key.text)?;
            decoder.templates = true;
            decoder.shape(args, shape);
            decoder.templates = false;
            check_templates(decoder, args);
            Some(shape)
        }
        [] => {
            let unknown = node.entries().iter().any(|(key, _)| STEP.field(&key.text).is_none());
            if !unknown {
                let names: Vec<&str> = modules.iter().map(|shape| shape.name).collect();
                let span = node.entries().first().map_or(node.span, |(key, _)| key.span);
                let help = format!("add one of: {}", names.join(", "));
                decoder.error(span, "the step calls no module", help);
            }
            None
        }
        [_, (second, _), ..] => {
            let message = format!("the step calls a second module, `{}`", second.text);
            decoder.error(second.span, message, "write one step for each module");
            None
        }
    }
}

fn at(decoder: &mut Decoder<'_>, node: &Node, using: &Using) -> Option<String> {
    let own = selector(decoder, node);
    match (&using.at, own) {
        (Some(outer), Some(own)) => Some(format!("({outer}) and ({own})")),
        (Some(outer), None) if node.get("at").is_none() => Some(outer.clone()),
        (None, Some(own)) => Some(own),
        (None, None) if node.entry("at").is_none() => {
            let span = node.entries().first().map_or(node.span, |(key, _)| key.span);
            decoder.error(span, "the key `at` is missing in a step", "say where: `at: web`, or `at: all`");
            None
        }
        _ => None,
    }
}

fn id_and_name(decoder: &mut Decoder<'_>, node: &Node, using: &Using) -> Option<(String, String)> {
    let title = node.text("name");
    let own = match (node.text("id"), &title) {
        (Some(id), _) => id,
        (None, Some(title)) => name::slug(title),
        (None, None) => {
            let span = node.entries().first().map_or(node.span, |(key, _)| key.span);
            decoder.error(span, "the step has neither `id` nor `name`", "add `name: What it does`");
            return None;
        }
    };
    let id = match &using.prefix {
        Some(prefix) => format!("{prefix}-{own}"),
        None => own.clone(),
    };
    if own.is_empty() || name::check(&id).is_err() {
        let span = node.get("name").map_or(node.span, |name| name.span);
        if node.get("id").is_none() {
            decoder.error(span, "no id can be made from this name", "add `id:` with a short word");
        }
        return None;
    }
    Some((id, title.unwrap_or(own)))
}

/// Records an expression that cannot be read.
pub(super) fn check_expression(decoder: &mut Decoder<'_>, node: &Node) {
    let Some(text) = node.scalar() else { return };
    if let Err(error) = expression::check(text, true) {
        decoder.error(within(node, &error), format!("the expression cannot be read: {error}"), advice(text));
    }
}

/// Records every template below a node that cannot be read.
pub(super) fn check_templates(decoder: &mut Decoder<'_>, node: &Node) {
    node.scalars(&mut |scalar, text| {
        if let Err(error) = expression::check(text, false) {
            decoder.error(
                within(scalar, &error),
                format!("the template cannot be read: {error}"),
                advice(text),
            );
        }
    });
}

/// The part of a scalar that an error is about, where the scalar stands in the file as it is.
fn within(node: &Node, error: &expression::ExpressionError) -> crate::document::Span {
    match (&node.content, error) {
        (Content::Plain(text), expression::ExpressionError::Syntax { at: Some((start, end)), .. })
            if !text.contains('\n') && start < end && node.span.end - node.span.start == text.len() =>
        {
            crate::document::Span { start: node.span.start + start, end: node.span.start + end }
        }
        _ => node.span,
    }
}

fn advice(text: &str) -> &'static str {
    if text.contains("{{") && !text.contains("}}") {
        "close it with `}}`"
    } else if text.contains("{{") {
        "inside `{{ }}` stands one expression such as `name`, `facts.os` or `list | join(\" \")`"
    } else {
        "an expression is written like `facts.os == \"debian\" and not retired`"
    }
}

/// Whether the value repeats a step for something that can be listed when planning.
pub(super) fn check_loop(decoder: &mut Decoder<'_>, node: &Node) {
    let Some(repeat) = node.get("loop") else { return };
    if let Some(text) = repeat.scalar() {
        if matches!(Value::plain(text), Value::Bool(_) | Value::Int(_)) {
            decoder.error(
                repeat.span,
                "`loop` must be a list, a map or an expression",
                "for example `[a, b]`",
            );
        } else if text.contains("{{") {
            check_templates(decoder, repeat);
        } else {
            check_expression(decoder, repeat);
        }
    }
}
