//! The template engine, set up once: strict, unescaped, with fuel.

use super::{ExpressionError, filters, scope::Scope};
use crate::model::Value;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior,
    syntax::SyntaxConfig,
    value::{Value as Inner, ValueKind},
};
use std::sync::LazyLock;

/// Instructions that one template may run.
pub(super) const FUEL: u64 = 500_000;

pub(super) static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(100);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        engine.set_syntax(syntax);
    }
    engine.set_formatter(|out, _, value| {
        if value.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        let written = match from_inner(value) {
            Some(value) => out.write_str(&print(&value)),
            None => return Err(Error::new(ErrorKind::NonPrimitive, "this cannot be printed")),
        };
        written.map_err(|_| Error::from(ErrorKind::WriteFailure))
    });
    // Both print what they are given, and that may be everything.
    engine.remove_global("debug");
    engine.remove_filter("pprint");
    filters::install(&mut engine);
    engine
});

/// The text of a value in a template: scalars as they are written, lists and maps as JSON.
pub(super) fn print(value: &Value) -> String {
    value.scalar().unwrap_or_else(|| serde_json::to_string(value).unwrap_or_default())
}

pub(super) fn scope_value(scope: &Scope) -> Inner {
    Inner::from_pairs(scope.values().iter().map(|(name, value)| (name.clone(), to_inner(value))))
}

/// Our value as the engine's.
pub(super) fn to_inner(value: &Value) -> Inner {
    match value {
        Value::Null => Inner::from(()),
        Value::Bool(flag) => Inner::from(*flag),
        Value::Int(number) => Inner::from(*number),
        Value::Text(text) => Inner::from(text.as_str()),
        Value::List(items) => items.iter().map(to_inner).collect(),
        Value::Map(entries) => {
            Inner::from_pairs(entries.iter().map(|(key, value)| (key.clone(), to_inner(value))))
        }
    }
}

/// The engine's value as ours; nothing for what is no plain value.
pub(super) fn from_inner(value: &Inner) -> Option<Value> {
    Some(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match value.as_i64() {
            Some(number) if value.is_integer() => Value::Int(number),
            _ => Value::Text(value.to_string()),
        },
        ValueKind::String => Value::Text(value.as_str()?.to_owned()),
        ValueKind::Seq | ValueKind::Iterable => {
            Value::List(value.try_iter().ok()?.map(|item| from_inner(&item)).collect::<Option<_>>()?)
        }
        ValueKind::Map => Value::Map(
            value
                .try_iter()
                .ok()?
                .map(|key| {
                    let entry = value.get_item(&key).ok()?;
                    Some((from_inner(&key)?.scalar()?, from_inner(&entry)?))
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

/// Our error for the engine's; `text` is what the author wrote, which is all that is ever quoted.
pub(super) fn explain(error: &Error, text: &str) -> ExpressionError {
    let root = root(error);
    let at = root.range().filter(|range| text.get(range.clone()).is_some());
    let written = at.clone().and_then(|range| text.get(range)).map(str::trim).unwrap_or_default();
    let detail = || root.detail().unwrap_or("it cannot be read").to_owned();
    match root.kind() {
        ErrorKind::SyntaxError
        | ErrorKind::BadEscape
        | ErrorKind::UnknownFilter
        | ErrorKind::UnknownTest
        | ErrorKind::UnknownFunction => {
            ExpressionError::Syntax { what: detail(), at: at.map(|range| (range.start, range.end)) }
        }
        ErrorKind::UndefinedError => ExpressionError::Undefined(written.to_owned()),
        ErrorKind::OutOfFuel => ExpressionError::TooMuchWork,
        ErrorKind::WriteFailure => ExpressionError::Failed("the text becomes too long".to_owned()),
        ErrorKind::TemplateNotFound | ErrorKind::BadInclude => {
            ExpressionError::Failed("a template cannot include another one".to_owned())
        }
        kind => {
            // The detail can hold a value; the kind cannot.
            let whose = if written.is_empty() { String::new() } else { format!(" in `{written}`") };
            ExpressionError::Failed(format!("{kind}{whose}"))
        }
    }
}

/// The first cause that the engine itself reports.
fn root(error: &Error) -> &Error {
    let mut root = error;
    while let Some(cause) = std::error::Error::source(root).and_then(|cause| cause.downcast_ref::<Error>()) {
        root = cause;
    }
    root
}
