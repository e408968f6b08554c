//! Typed reading of a tree that a shape has already been held against.
//!
//! Nothing is reported here: what does not fit was recorded by the decoder, and reads as absent.

use super::{Content, Node, Shape, quantity};
use crate::model::Value;
use std::collections::BTreeMap;

impl Node {
    /// The text at `key`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(Node::scalar).map(str::to_owned)
    }

    /// One text or a list of texts at `key`; nothing there is an empty list.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<String> {
        self.get(key).map(Node::as_texts).unwrap_or_default()
    }

    /// This scalar, or the scalars of this list.
    #[must_use]
    pub fn as_texts(&self) -> Vec<String> {
        match self.scalar() {
            Some(text) => vec![text.to_owned()],
            None => self.items().iter().filter_map(Node::scalar).map(str::to_owned).collect(),
        }
    }

    /// The words of a command at `key`, if there are any.
    #[must_use]
    pub fn words(&self, key: &str) -> Option<Vec<String>> {
        Some(self.texts(key)).filter(|words| !words.is_empty())
    }

    /// The boolean at `key`.
    #[must_use]
    pub fn boolean(&self, key: &str) -> Option<bool> {
        match &self.get(key)?.content {
            Content::Plain(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The whole number at `key`.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.get(key)?.scalar()?.parse().ok()
    }

    /// The whole number at `key`, in a type that the shape's bounds fit.
    #[must_use]
    pub fn number<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        self.integer(key).and_then(|number| T::try_from(number).ok())
    }

    /// The length of time at `key` in milliseconds.
    #[must_use]
    pub fn duration_ms(&self, key: &str) -> Option<u64> {
        quantity::duration_ms(self.get(key)?.scalar()?)
    }

    /// The length of time at `key` in whole seconds, rounded up.
    #[must_use]
    pub fn duration_seconds(&self, key: &str) -> Option<u64> {
        self.duration_ms(key).map(|milliseconds| milliseconds.div_ceil(1000))
    }

    /// The map at `key` without its places.
    #[must_use]
    pub fn values(&self, key: &str) -> BTreeMap<String, Value> {
        self.get(key).map(Node::to_values).unwrap_or_default()
    }

    /// The entries of the map at `key`.
    #[must_use]
    pub fn entries_of(&self, key: &str) -> &[(super::Key, Node)] {
        self.get(key).map_or(&[], Node::entries)
    }

    /// The map that a short form stands for; a map is returned as it is, nothing as an empty map.
    #[must_use]
    pub fn spread(&self, shape: &Shape) -> Node {
        let content = match (&self.content, shape.short) {
            (Content::Map(_), _) => return self.clone(),
            _ if self.is_null() => Content::Map(Vec::new()),
            (_, None) => Content::Map(Vec::new()),
            (_, Some(key)) => {
                Content::Map(vec![(super::Key { text: key.to_owned(), span: self.span }, self.clone())])
            }
        };
        Node { content, span: self.span }
    }
}
