//! Values of variables, inputs and step arguments.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A value that renders as it was written.
///
/// A plain YAML scalar becomes a number or a boolean only where nothing is lost by it: `8080` and
/// `true` do, while `1.20`, `0644`, `no` and everything in quotes stay text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: `null`, `~` or an empty value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number in its one spelling.
    Int(i64),
    /// Everything else that is one scalar.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map; keys are text.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// Returns the value of a plain (unquoted) scalar.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" => Self::Null,
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            _ => match text.parse::<i64>() {
                Ok(number) if number.to_string() == text => Self::Int(number),
                _ => Self::Text(text.to_owned()),
            },
        }
    }

    /// The text of a scalar as it was written; nothing for lists and maps.
    #[must_use]
    pub fn scalar(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Bool(flag) => Some(flag.to_string()),
            Self::Int(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The value as text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entry `key` of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// What kind of value this is, in words for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_keep_their_spelling() {
        for text in ["1.20", "0644", "no", "yes", "12:30", "0x1F", "+7", "-0", "1e3", "8080", "true", "-5"] {
            assert_eq!(Value::plain(text).scalar().as_deref(), Some(text));
        }
        assert_eq!(Value::plain("8080"), Value::Int(8080));
        assert_eq!(Value::plain("1.20"), Value::from("1.20"));
        assert_eq!(Value::plain("~"), Value::Null);
    }
}
