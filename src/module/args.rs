//! Reads a module's arguments by its table of keys.

use super::ModuleError;
use crate::document::{Field, Shape, quantity};
use crate::model::Value;
use std::collections::BTreeMap;

/// Arguments whose keys are all known.
pub(super) struct Args<'a> {
    pub module: &'static str,
    entries: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Args<'a> {
    /// Refuses unknown keys and missing ones; a key with nothing behind it counts as left out.
    pub fn read(shape: &Shape, value: &'a Value) -> Result<Self, ModuleError> {
        let module = shape.name;
        let Value::Map(map) = value else {
            return Err(ModuleError::wrong(
                module,
                "",
                format!("must be a map of keys, not {}", value.kind()),
            ));
        };
        let mut entries = BTreeMap::new();
        for (key, value) in map {
            if !shape.fields.iter().any(|known| known.key == key) {
                return Err(ModuleError::unknown_key(
                    module,
                    key,
                    shape.fields.iter().map(|field| field.key),
                ));
            }
            if *value != Value::Null {
                entries.insert(key.as_str(), value);
            }
        }
        let missing = |field: &&Field| field.required && !entries.contains_key(field.key);
        if let Some(field) = shape.fields.iter().find(missing) {
            return Err(ModuleError::Missing { module, key: field.key.to_owned() });
        }
        Ok(Self { module, entries })
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub fn raw(&self, key: &str) -> Option<&'a Value> {
        self.entries.get(key).copied()
    }

    pub fn wrong(&self, key: &str, problem: impl Into<String>) -> ModuleError {
        ModuleError::wrong(self.module, key, problem)
    }

    /// Refuses keys that make no sense together.
    pub fn at_most_one(&self, keys: &[&str]) -> Result<(), ModuleError> {
        let given: Vec<_> = keys.iter().filter(|key| self.has(key)).collect();
        match given[..] {
            [first, second, ..] => Err(self.wrong(second, format!("cannot stand beside `{first}`"))),
            _ => Ok(()),
        }
    }

    fn scalar(&self, key: &str, value: &Value) -> Result<String, ModuleError> {
        let Some(text) = value.scalar() else {
            return Err(self.wrong(key, format!("must be a text, not {}", value.kind())));
        };
        if text.contains('\0') {
            return Err(self.wrong(key, "must not hold a NUL character"));
        }
        Ok(text)
    }

    pub fn text(&self, key: &str) -> Result<Option<String>, ModuleError> {
        self.raw(key).map(|value| self.scalar(key, value)).transpose()
    }

    pub fn required(&self, key: &str) -> Result<String, ModuleError> {
        self.text(key)?.ok_or_else(|| ModuleError::Missing { module: self.module, key: key.to_owned() })
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>, ModuleError> {
        match self.text(key)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(key, "must be `true` or `false`")),
        }
    }

    pub fn number(&self, key: &str, least: i64, most: i64) -> Result<Option<i64>, ModuleError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match text.trim().parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(key, format!("must be a whole number from {least} to {most}"))),
        }
    }

    pub fn choice(&self, key: &str, words: &[&'static str]) -> Result<Option<&'static str>, ModuleError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match words.iter().find(|word| **word == text) {
            Some(word) => Ok(Some(word)),
            None => Err(self.wrong(key, format!("must be one of `{}`", words.join("`, `")))),
        }
    }

    pub fn words(&self, key: &str) -> Result<Option<Vec<String>>, ModuleError> {
        match self.raw(key) {
            None => Ok(None),
            Some(Value::List(items)) => {
                items.iter().map(|item| self.scalar(key, item)).collect::<Result<_, _>>().map(Some)
            }
            Some(value) => Ok(Some(vec![self.scalar(key, value)?])),
        }
    }

    pub fn map(&self, key: &str) -> Result<Vec<(String, String)>, ModuleError> {
        match self.raw(key) {
            None => Ok(Vec::new()),
            Some(Value::Map(entries)) => {
                entries.iter().map(|(name, value)| Ok((name.clone(), self.scalar(key, value)?))).collect()
            }
            Some(value) => Err(self.wrong(key, format!("must be a map, not {}", value.kind()))),
        }
    }

    /// An absolute path without `.` and `..`; a slash at its end is dropped.
    pub fn path(&self, key: &str) -> Result<Option<String>, ModuleError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if !text.starts_with('/') {
            return Err(self.wrong(key, "must be an absolute path, such as `/etc/motd`"));
        }
        let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty()).collect();
        if parts.iter().any(|part| matches!(*part, "." | "..")) {
            return Err(self.wrong(key, "must be written without `.` and `..`"));
        }
        if text.len() > 4000 {
            return Err(self.wrong(key, "must be shorter than 4000 bytes"));
        }
        Ok(Some(format!("/{}", parts.join("/"))))
    }

    pub fn required_path(&self, key: &str) -> Result<String, ModuleError> {
        match self.path(key)? {
            Some(path) if path == "/" => Err(self.wrong(key, "must not be the root folder")),
            Some(path) => Ok(path),
            None => Err(ModuleError::Missing { module: self.module, key: key.to_owned() }),
        }
    }

    /// Octal permission bits.
    pub fn mode(&self, key: &str) -> Result<Option<u32>, ModuleError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let mode = quantity::mode(&text);
        mode.map(Some).ok_or_else(|| self.wrong(key, "must be an octal mode, such as `0644`"))
    }

    /// A duration in seconds: `90s`, `5m`, `2h`; parts of a second count as one.
    pub fn seconds(&self, key: &str, most: u32) -> Result<Option<u32>, ModuleError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let seconds = quantity::duration_ms(&text).and_then(|ms| u32::try_from(ms.div_ceil(1000)).ok());
        match seconds {
            Some(seconds) if (1..=most).contains(&seconds) => Ok(Some(seconds)),
            _ => Err(self.wrong(key, format!("must be a duration up to `{most}s`, such as `30s` or `5m`"))),
        }
    }

    /// The name of an account or group, or a number.
    pub fn account(&self, key: &str) -> Result<Option<String>, ModuleError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        // A directory's names can hold spaces: `domain users`.
        let good = |c: char| !c.is_control() && (c == ' ' || !c.is_whitespace()) && !":/,".contains(c);
        let bare = text.trim() == text && !text.is_empty();
        if !bare || text.starts_with(['-', '+']) || !text.chars().all(good) || text.len() > 64 {
            return Err(self.wrong(key, "must be the name of an account or group, or its number"));
        }
        Ok(Some(text))
    }
}
