//! `esclusa schema`: JSON Schema of the files, for editors.

use crate::{
    document::{
        Kind, Shape,
        schema::{document, of_kind, of_shape},
    },
    inventory::{INVENTORY, PEOPLE, PROJECT},
    playbook::{BACKUP, PLAYBOOK, step_file::STEP},
    procedure::{PROCEDURE, file::ACTIVITY, part::USE},
    system::SHEET,
};
use serde_json::{Map, Value as Json, json};

/// The kinds of files that have a schema.
pub const KINDS: &[&str] = &["project", "inventory", "people", "system", "backup", "playbook", "procedure"];

/// The schema of a kind of file; nothing if there is no such kind.
#[must_use]
pub fn schema(kind: &str, modules: &[&'static Shape]) -> Option<Json> {
    Some(match kind {
        "project" => document(&PROJECT, false),
        "inventory" => document(&INVENTORY, false),
        "people" => document(&PEOPLE, false),
        "system" => document(&SHEET, false),
        "backup" => document(&BACKUP, false),
        "playbook" => playbook(modules),
        "procedure" => procedure(),
        _ => return None,
    })
}

/// An item is an activity, or a use of a part.
fn procedure() -> Json {
    let mut schema = document(&PROCEDURE, false);
    let item = json!({"anyOf": [of_shape(&ACTIVITY, true), of_shape(&USE, true)]});
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        properties.insert("activities".to_owned(), json!({"type": "array", "items": item}));
    }
    schema
}

/// A step is the keys of every step and exactly one module, or a `use`.
fn playbook(modules: &[&'static Shape]) -> Json {
    let mut schema = document(&PLAYBOOK, false);
    let mut step = of_shape(&STEP, true);
    let mut called: Vec<Json> = vec![json!({"required": ["use"]})];
    if let Some(Json::Object(properties)) = step.get_mut("properties") {
        for shape in modules {
            let nothing = json!({"type": "null"});
            let mut arguments = json!({"anyOf": [of_kind(&Kind::Shape(shape), true), nothing]});
            if let Json::Object(entries) = &mut arguments {
                entries.insert("description".to_owned(), json!(shape.doc));
            }
            properties.insert(shape.name.to_owned(), arguments);
            called.push(json!({"required": [shape.name]}));
        }
    }
    if let Json::Object(entries) = &mut step {
        entries.insert("oneOf".to_owned(), json!(called));
    }
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        for key in ["steps", "handlers"] {
            properties.insert(key.to_owned(), json!({"type": "array", "items": {"$ref": "#/$defs/step"}}));
        }
    }
    if let Json::Object(entries) = &mut schema {
        entries.insert("$defs".to_owned(), Json::Object(Map::from_iter([("step".to_owned(), step)])));
    }
    schema
}
