//! Documents of the institution: each from a template of its own, in Spanish or English.
//!
//! A document is made of [`Facts`]: plain values, which whoever reads journals gathers. Every text in
//! them is escaped for Markdown before a template sees it, so that nobody's words become a heading.

mod facts;
mod markdown;
#[cfg(test)]
mod tests;

pub use facts::{
    Approval, Called, Change, Copy, Deed, Evidence, Exception, Facts, Finding, Found, Line, Match, Named,
    Party, Place, Reversal, System, Test, Told, Trouble,
};
pub use markdown::escape;

use crate::{
    expression::{self, ExpressionError, Scope},
    model::{Language, Value},
    procedure::Form,
};
use serde::Serialize;

/// The templates of a form, Spanish first.
fn templates(form: Form) -> (&'static str, &'static str) {
    macro_rules! both {
        ($name:literal) => {
            (
                include_str!(concat!("templates/", $name, ".es.md")),
                include_str!(concat!("templates/", $name, ".en.md")),
            )
        };
    }
    match form {
        Form::TestReport => both!("test-report"),
        Form::ErrorsAndSolutions => both!("errors-and-solutions"),
        Form::DataSheet => both!("data-sheet"),
        Form::LifeRecord => both!("life-record"),
        Form::DeliveryAct => both!("delivery-act"),
        Form::Reversal => both!("reversal"),
        Form::Incident => both!("incident"),
        Form::Logbook => both!("logbook"),
    }
}

const HEAD: (&str, &str) = (include_str!("templates/head.es.md"), include_str!("templates/head.en.md"));
const FOOT: (&str, &str) = (include_str!("templates/foot.es.md"), include_str!("templates/foot.en.md"));
const SEARCH: (&str, &str) = (include_str!("templates/search.es.md"), include_str!("templates/search.en.md"));

/// The document in Markdown, no line longer than 80 columns where words can be parted.
pub fn render(form: Form, facts: &Facts, language: Language) -> Result<String, ExpressionError> {
    let scope = scope(facts)?;
    let filled = |(spanish, english): (&str, &str)| {
        expression::render(if language == Language::Es { spanish } else { english }, &scope)
    };
    let (body, head, foot) = (filled(templates(form))?, filled(HEAD)?, filled(FOOT)?);
    let (title, rest) = body.split_once('\n').unwrap_or((&body, ""));
    Ok(markdown::tidy(&format!("{title}\n\n{head}\n{rest}\n{foot}")))
}

/// What a search in the catalogue found, in Markdown.
pub fn search(found: &Found, language: Language) -> Result<String, ExpressionError> {
    let template = if language == Language::Es { SEARCH.0 } else { SEARCH.1 };
    Ok(markdown::tidy(&expression::render(template, &scope(found)?)?))
}

/// The facts by name, every text of them escaped.
fn scope(facts: &impl Serialize) -> Result<Scope, ExpressionError> {
    let wrong = |error: serde_json::Error| ExpressionError::Failed(error.to_string());
    let value = serde_json::to_value(facts).map_err(wrong)?;
    match escaped(serde_json::from_value(value).map_err(wrong)?) {
        Value::Map(entries) => Ok(Scope::of(entries)),
        other => Err(ExpressionError::Failed(format!("facts are a map, not {}", other.kind()))),
    }
}

fn escaped(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(escape(&text)),
        Value::List(items) => Value::List(items.into_iter().map(escaped).collect()),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (key, escaped(value))).collect())
        }
        other => other,
    }
}
