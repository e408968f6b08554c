//! JSON Schema (draft 2020-12) of a shape, for editors.

use super::{Kind, Shape};
use serde_json::{Map, Value as Json, json};

/// The schema of a file whose top is `shape`; `templates` allows `{{ … }}` for every scalar.
#[must_use]
pub fn document(shape: &Shape, templates: bool) -> Json {
    let mut schema = of_shape(shape, templates);
    if let Json::Object(entries) = &mut schema {
        entries.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        entries.insert("title".to_owned(), json!(shape.name));
    }
    schema
}

/// The schema of a map.
#[must_use]
pub fn of_shape(shape: &Shape, templates: bool) -> Json {
    let mut properties = Map::new();
    for field in shape.fields {
        let mut schema = of_kind(&field.kind, templates);
        if let Json::Object(entries) = &mut schema {
            entries.insert("description".to_owned(), json!(field.doc));
        }
        properties.insert(field.key.to_owned(), schema);
    }
    let required: Vec<&str> =
        shape.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    let sets: Vec<Json> = shape
        .one_of
        .iter()
        .map(|set| {
            let each: Vec<Json> = set.iter().map(|key| json!({"required": [key]})).collect();
            json!({"oneOf": each})
        })
        .collect();
    let mut map = json!({
        "type": "object",
        "description": shape.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if let Json::Object(entries) = &mut map {
        if !required.is_empty() {
            entries.insert("required".to_owned(), json!(required));
        }
        if !sets.is_empty() {
            entries.insert("allOf".to_owned(), json!(sets));
        }
    }
    match shape.short.and_then(|key| shape.field(key)) {
        Some(field) => json!({"anyOf": [map, of_kind(&field.kind, templates)]}),
        None => map,
    }
}

/// The schema of a value.
#[must_use]
pub fn of_kind(kind: &Kind, templates: bool) -> Json {
    let exact = match kind {
        Kind::Any => return json!({}),
        // An editor reads a plain scalar as a number or a boolean where this program keeps its spelling.
        Kind::Text | Kind::Name | Kind::Mode | Kind::Size => {
            return json!({"type": ["string", "number", "boolean"]});
        }
        Kind::Regex | Kind::Selector | Kind::Expression => return json!({"type": ["string", "boolean"]}),
        Kind::ProjectFile => return json!({"type": "string"}),
        Kind::Texts => {
            let text = of_kind(&Kind::Text, templates);
            return json!({"anyOf": [text, {"type": "array", "items": text}]});
        }
        Kind::Words => {
            return json!({"type": "array", "minItems": 1, "items": of_kind(&Kind::Text, templates)});
        }
        Kind::List(inner) => return json!({"type": "array", "items": of_kind(inner, templates)}),
        Kind::Map(inner) => {
            return json!({"type": ["object", "null"], "additionalProperties": of_kind(inner, templates)});
        }
        Kind::Named(inner) => {
            return json!({
                "type": ["object", "null"],
                "propertyNames": {"pattern": "^[a-z0-9][a-z0-9._-]*$", "maxLength": crate::model::name::NAME_BYTES_MAX},
                "additionalProperties": of_kind(inner, templates),
            });
        }
        Kind::Shape(shape) => return of_shape(shape, templates),
        Kind::Templated(kind) => return of_kind(kind, true),
        Kind::Either(kinds) => {
            let each: Vec<Json> = kinds.iter().map(|kind| of_kind(kind, templates)).collect();
            return json!({"anyOf": each});
        }
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Integer(min, max) if *max == i64::MAX => json!({"type": "integer", "minimum": min}),
        Kind::Integer(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Duration => json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d|w)$"}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::ServerPath => json!({"type": "string", "pattern": "^/"}),
    };
    if templates { json!({"anyOf": [exact, {"type": "string", "pattern": "\\{\\{"}]}) } else { exact }
}
