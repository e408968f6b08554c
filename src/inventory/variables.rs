//! Names of variables.

use crate::{
    document::{Decoder, Node},
    expression::scope::RESERVED,
    model::Value,
};
use std::collections::BTreeMap;

/// Whether a text can stand for a variable in an expression.
#[must_use]
pub fn is_variable_name(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && characters.all(|c| c.is_ascii_alphanumeric() || c == '_') && text.len() <= 64
}

/// Reads the map of variables at `key`, and records names that no expression could use.
pub fn read_variables(decoder: &mut Decoder<'_>, node: &Node, key: &str) -> BTreeMap<String, Value> {
    for (name, _) in node.entries_of(key) {
        check_name(decoder, &name.text, name.span);
    }
    node.values(key)
}

/// Records a name that no variable can have.
pub fn check_name(decoder: &mut Decoder<'_>, name: &str, span: crate::document::Span) {
    if !is_variable_name(name) {
        let message = format!("`{name}` is not the name of a variable");
        let good = name.replace(['-', '.', ' '], "_");
        let help = if is_variable_name(&good) {
            format!("write `{good}`: letters, digits and `_`")
        } else {
            "use letters, digits and `_`".to_owned()
        };
        decoder.error(span, message, help);
    } else if RESERVED.contains(&name) {
        let message = format!("`{name}` cannot be a variable: it has a meaning of its own in expressions");
        decoder.error(span, message, "choose another name");
    }
}
