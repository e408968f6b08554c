//! Filters that people know from other tools.
//!
//! Their errors name what was wrong in general words and never quote the value.

use super::engine::{from_inner, print, to_inner};
use crate::model::{Value, script};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use minijinja::{Environment, Error, ErrorKind, value::Value as Inner};
use std::collections::BTreeMap;

/// Longest regular expression once compiled, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn install(engine: &mut Environment<'_>) {
    engine.add_filter("to_json", |value: Inner| plain(&value).map(|value| json(&value)));
    engine.add_filter("tojson", |value: Inner| plain(&value).map(|value| json(&value)));
    engine.add_filter("from_json", |text: String| {
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|_| failed("the text is not JSON"))?;
        Ok::<_, Error>(to_inner(&of_json(value)))
    });
    engine.add_filter("to_yaml", |value: Inner| {
        let mut text = String::new();
        yaml(&plain(&value)?, 0, &mut text);
        Ok::<_, Error>(format!("{}\n", text.trim_start_matches('\n')))
    });
    engine.add_filter("regex_replace", |text: String, pattern: String, with: String| {
        Ok::<_, Error>(regex(&pattern)?.replace_all(&text, with.as_str()).into_owned())
    });
    engine.add_filter("regex_search", |text: String, pattern: String| {
        let found = regex(&pattern)?.find(&text).map(|found| found.as_str().to_owned());
        Ok::<_, Error>(found.map_or(Inner::from(()), Inner::from))
    });
    engine.add_filter("basename", |path: String| {
        path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
    });
    engine.add_filter("dirname", |path: String| match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
        None => ".".to_owned(),
    });
    engine.add_filter("b64encode", |text: String| BASE64_STANDARD.encode(text));
    engine.add_filter("b64decode", |text: String| {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| failed("the text is not base64"))?;
        String::from_utf8(bytes).map_err(|_| failed("the decoded text is not UTF-8"))
    });
    engine.add_filter("quote", |text: Inner| plain(&text).map(|text| script::quote(&print(&text))));
    engine.add_filter("combine", |one: Inner, two: Inner| match (plain(&one)?, plain(&two)?) {
        (Value::Map(mut one), Value::Map(two)) => {
            one.extend(two);
            Ok(to_inner(&Value::Map(one)))
        }
        _ => Err(failed("combine takes two maps")),
    });
    engine.add_filter("ternary", |flag: bool, yes: Inner, no: Inner| if flag { yes } else { no });
    engine.add_filter("bool", |value: Inner| match plain(&value)? {
        Value::Bool(flag) => Ok(flag),
        other => match other.scalar().unwrap_or_default().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" | "" => Ok(false),
            _ => Err(failed("the text is neither true nor false")),
        },
    });
    engine.add_filter("flatten", |value: Inner| {
        let mut flat = Vec::new();
        flatten(plain(&value)?, &mut flat);
        Ok::<_, Error>(to_inner(&Value::List(flat)))
    });
    engine.add_filter("dict2items", |value: Inner| match plain(&value)? {
        Value::Map(entries) => Ok(to_inner(&Value::List(items(entries)))),
        _ => Err(failed("dict2items takes a map")),
    });
}

/// A map as the list of its entries, as `loop` repeats over it.
#[must_use]
pub fn items(entries: BTreeMap<String, Value>) -> Vec<Value> {
    entries
        .into_iter()
        .map(|(key, value)| {
            Value::Map(BTreeMap::from([("key".to_owned(), Value::Text(key)), ("value".to_owned(), value)]))
        })
        .collect()
}

fn failed(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn plain(value: &Inner) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    from_inner(value).ok_or_else(|| failed("this is no plain value"))
}

/// JSON as our value; a number with a fraction stays the text that it was.
fn of_json(value: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Text(number.to_string()), Value::Int),
        Json::String(text) => Value::Text(text),
        Json::Array(items) => Value::List(items.into_iter().map(of_json).collect()),
        Json::Object(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (key, of_json(value))).collect())
        }
    }
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn regex(pattern: &str) -> Result<regex::Regex, Error> {
    regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|_| failed("the pattern is not a regular expression"))
}

fn flatten(value: Value, flat: &mut Vec<Value>) {
    match value {
        Value::List(items) => items.into_iter().for_each(|item| flatten(item, flat)),
        other => flat.push(other),
    }
}

/// Block style with two spaces; texts that could be read as something else are quoted as JSON,
/// which every YAML reader takes.
fn yaml(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::List(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&format!("\n{indent}-"));
                yaml_below(item, depth + 1, text);
            }
        }
        Value::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                text.push_str(&format!("\n{indent}{}:", yaml_text(key)));
                yaml_below(value, depth + 1, text);
            }
        }
        Value::List(_) => text.push_str("[]"),
        Value::Map(_) => text.push_str("{}"),
        Value::Null => text.push_str("null"),
        Value::Text(word) => text.push_str(&yaml_text(word)),
        other => text.push_str(&print(other)),
    }
}

fn yaml_below(value: &Value, depth: usize, text: &mut String) {
    let nested = match value {
        Value::List(items) => !items.is_empty(),
        Value::Map(entries) => !entries.is_empty(),
        _ => false,
    };
    if !nested {
        text.push(' ');
    }
    yaml(value, depth, text);
}

fn yaml_text(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_/.".contains(c);
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && text.chars().all(safe);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if word && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    serde_json::to_string(text).unwrap_or_default()
}
