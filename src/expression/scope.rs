//! The names that an expression can see.

use crate::model::Value;
use std::collections::BTreeMap;

/// Names and their values.
///
/// Plain names are variables; no variable can hide one of the [`RESERVED`] names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scope {
    values: BTreeMap<String, Value>,
}

/// The names that variables cannot have.
pub const RESERVED: &[&str] = &[
    "inputs",
    "facts",
    "artifacts",
    "secret",
    "item",
    "loop",
    "server",
    "servers",
    "address",
    "groups",
    "environment",
    "system",
];

impl Scope {
    /// A scope of these variables.
    #[must_use]
    pub fn of(variables: BTreeMap<String, Value>) -> Self {
        Self { values: variables }
    }

    /// Sets one name.
    pub fn set(&mut self, name: impl Into<String>, value: Value) {
        self.values.insert(name.into(), value);
    }

    /// The same scope with one name more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Value) -> Self {
        self.set(name, value);
        self
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    pub(super) fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }
}

impl std::fmt::Debug for Scope {
    /// Values can be secrets, so only names are shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}
