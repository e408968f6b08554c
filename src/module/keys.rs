//! The keys of modules: one table each, read by the decoder, by `explain` and by the schema.

/// What a key takes, after templates are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// One scalar.
    Text,
    /// An absolute path on the server.
    Path,
    /// An octal mode such as `0644`.
    Mode,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// A duration such as `30s`, `5m` or a number of seconds.
    Duration,
    /// A list of scalars; one scalar is a list of one.
    Words,
    /// A list of whole numbers; one number is a list of one.
    Numbers,
    /// A list of words (a program and its arguments), or one text for the shell.
    WordsOrText,
    /// A map of scalars.
    Map,
    /// A list of expressions that yield booleans.
    Conditions,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One key of a module.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As written in a playbook.
    pub name: &'static str,
    /// What it takes.
    pub kind: KeyKind,
    /// Whether it must be there.
    pub required: bool,
    /// One line about it.
    pub about: &'static str,
}

/// A module and its keys.
#[derive(Debug, Clone, Copy)]
pub struct ModuleKeys {
    /// The module's name.
    pub module: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Its keys, in the order of the documentation.
    pub keys: &'static [Key],
}

/// A key that may be left out.
pub(super) const fn may(name: &'static str, kind: KeyKind, about: &'static str) -> Key {
    Key { name, kind, required: false, about }
}

/// A key that must be there.
pub(super) const fn must(name: &'static str, kind: KeyKind, about: &'static str) -> Key {
    Key { name, kind, required: true, about }
}
