//! The same shapes, held against values: after templates are rendered there are no places any more.

use super::{Kind, Shape, decoder::fits};
use crate::model::Value;

impl Shape {
    /// What is wrong with rendered arguments; nothing when they are good.
    ///
    /// A template renders to text, so a text that spells a boolean or a number counts as one.
    #[must_use]
    pub fn check_value(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check_into(value, &mut faults);
        faults
    }

    fn check_into(&self, value: &Value, faults: &mut Vec<String>) {
        let Value::Map(entries) = value else {
            match self.short.and_then(|key| self.field(key)) {
                Some(field) => check(&field.kind, value, field.key, faults),
                None if *value == Value::Null => {}
                None => faults.push(format!("`{}` must be a map, not {}", self.name, value.kind())),
            }
            return;
        };
        for (key, value) in entries {
            match self.field(key) {
                Some(field) if *value == Value::Null && !field.required => {}
                Some(field) => check(&field.kind, value, key, faults),
                None => faults.push(format!("unknown key `{key}` of `{}`", self.name)),
            }
        }
        for field in self.fields.iter().filter(|field| field.required) {
            if !entries.contains_key(field.key) {
                faults.push(format!("the key `{}` of `{}` is missing", field.key, self.name));
            }
        }
        for set in self.one_of {
            if set.iter().filter(|key| entries.contains_key(**key)).count() != 1 {
                faults.push(format!("`{}` needs exactly one of the keys `{}`", self.name, set.join("`, `")));
            }
        }
    }
}

fn check(kind: &Kind, value: &Value, key: &str, faults: &mut Vec<String>) {
    let wrong = || format!("`{key}` must be {}, not {}", kind.wanted(), value.kind());
    match (kind, value) {
        (Kind::Any, _) => {}
        (Kind::Templated(kind), _) => check(kind, value, key, faults),
        (Kind::Shape(shape), _) => shape.check_into(value, faults),
        (Kind::List(inner), Value::List(items)) => {
            items.iter().for_each(|item| check(inner, item, key, faults));
        }
        (Kind::Map(inner) | Kind::Named(inner), Value::Map(entries)) => {
            entries.iter().for_each(|(name, value)| check(inner, value, name, faults));
        }
        (Kind::Words, Value::List(items)) if items.is_empty() => faults.push(wrong()),
        (Kind::Words | Kind::Texts, Value::List(items)) => {
            items.iter().for_each(|item| check(&Kind::Text, item, key, faults));
        }
        (Kind::Either(kinds), _) => {
            let good = kinds.iter().any(|kind| {
                let mut own = Vec::new();
                check(kind, value, key, &mut own);
                own.is_empty()
            });
            if !good {
                faults.push(wrong());
            }
        }
        (Kind::List(_) | Kind::Map(_) | Kind::Named(_) | Kind::Words, _) | (_, Value::Null) => {
            faults.push(wrong());
        }
        _ => match value.scalar() {
            None => faults.push(wrong()),
            Some(text) if text.contains('\0') => faults.push(format!("`{key}` holds a NUL character")),
            // The text itself may hold a secret by now and is not shown.
            Some(text) if !fits(&text, kind) => faults.push(format!("`{key}` must be {}", kind.wanted())),
            Some(_) => {}
        },
    }
}
