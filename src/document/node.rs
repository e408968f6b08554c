//! Nodes: what was written, and where.

use super::Span;
use crate::model::Value;
use std::collections::BTreeMap;

/// A value of a file with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What was written.
    pub content: Content,
    /// Where.
    pub span: Span,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A scalar without quotes, in its spelling.
    Plain(String),
    /// A scalar in quotes, or a block of text.
    Quoted(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file; its keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it is written.
    pub span: Span,
}

impl Node {
    /// The text of a scalar, as it was written.
    #[must_use]
    pub fn scalar(&self) -> Option<&str> {
        match &self.content {
            Content::Plain(text) | Content::Quoted(text) => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Whether nothing was written: an empty value, `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Plain(text) if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value at `key` of a map; a value that is null counts as left out.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// The entry `key` of a map, also where its value is null.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        self.entries().iter().find(|(known, _)| known.text == key).map(|(key, node)| (key, node))
    }

    /// The value without its places.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Plain(text) => Value::plain(text),
            Content::Quoted(text) => Value::Text(text.clone()),
            Content::List(items) => Value::List(items.iter().map(Self::to_value).collect()),
            Content::Map(entries) => {
                Value::Map(entries.iter().map(|(key, node)| (key.text.clone(), node.to_value())).collect())
            }
        }
    }

    /// The values of a map without their places.
    #[must_use]
    pub fn to_values(&self) -> BTreeMap<String, Value> {
        self.entries().iter().map(|(key, node)| (key.text.clone(), node.to_value())).collect()
    }

    /// What kind of value this is, in words for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Plain(_) if self.is_null() => "nothing",
            Content::Plain(_) | Content::Quoted(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// Calls `see` with every scalar below this node, itself included.
    pub fn scalars<'a>(&'a self, see: &mut dyn FnMut(&'a Node, &'a str)) {
        match &self.content {
            Content::Plain(text) | Content::Quoted(text) => see(self, text),
            Content::List(items) => items.iter().for_each(|item| item.scalars(see)),
            Content::Map(entries) => entries.iter().for_each(|(_, node)| node.scalars(see)),
        }
    }
}
