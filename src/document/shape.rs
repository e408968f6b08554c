//! What a map in a file must look like: one description drives decoding, schema and documentation.

/// A map of a file, or the arguments of a module.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Its name: the module's name, or what the map is called in messages: `step`.
    pub name: &'static str,
    /// What it is for, one sentence.
    pub doc: &'static str,
    /// Its keys, in the order of the documentation.
    pub fields: &'static [Field],
    /// Sets of keys of which exactly one must be there.
    pub one_of: &'static [&'static [&'static str]],
    /// The key that a scalar or a list in place of the map stands for: `command: [ls, -l]`.
    pub short: Option<&'static str>,
}

/// One key of a [`Shape`].
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// Whether its text reaches a command line on the server, where every account can read it; a
    /// secret in it is refused.
    pub argv: bool,
    /// What it means, one sentence.
    pub doc: &'static str,
}

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// One scalar, read as it was written.
    Text,
    /// A name: `[a-z0-9][a-z0-9._-]*`.
    Name,
    /// `true` or `false`.
    Bool,
    /// A whole number between two bounds, both included.
    Integer(i64, i64),
    /// A length of time: `500ms`, `5s`, `30m`, `24h`, `7d`, `2w`.
    Duration,
    /// A number of bytes: `512`, `64KiB`, `1GiB`, `2TB`.
    Size,
    /// A file mode in octal digits: `0644`.
    Mode,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A regular expression.
    Regex,
    /// A selector of servers: group and server names, `all`, `and`, `or`, `not`, parentheses.
    Selector,
    /// An expression without braces: `facts.os == "debian"`.
    Expression,
    /// A path of the project, looked for beside the playbook first, then in the project's folder.
    ProjectFile,
    /// An absolute path on the server.
    ServerPath,
    /// The words of a command: a list of texts, at least one.
    Words,
    /// One text, or a list of texts.
    Texts,
    /// Anything.
    Any,
    /// A list of these.
    List(&'static Kind),
    /// A map from any text to these.
    Map(&'static Kind),
    /// A map from names to these.
    Named(&'static Kind),
    /// A map of its own.
    Shape(&'static Shape),
    /// This, or a text with `{{ … }}` that yields it once the server is known.
    Templated(&'static Kind),
    /// Any of these: the first one whose outline (scalar, list, map) fits decides.
    Either(&'static [Kind]),
}

impl Field {
    /// A key that must be there.
    #[must_use]
    pub const fn required(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { key, kind, required: true, argv: false, doc }
    }

    /// A key that may be left out.
    #[must_use]
    pub const fn optional(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { key, kind, required: false, argv: false, doc }
    }

    /// The same key, with text that reaches a command line.
    #[must_use]
    pub const fn in_argv(mut self) -> Self {
        self.argv = true;
        self
    }
}

impl Shape {
    /// A shape of these keys.
    #[must_use]
    pub const fn new(name: &'static str, doc: &'static str, fields: &'static [Field]) -> Self {
        Self { name, doc, fields, one_of: &[], short: None }
    }

    /// The same shape, of which exactly one key of each set must be there.
    #[must_use]
    pub const fn one_of(mut self, sets: &'static [&'static [&'static str]]) -> Self {
        self.one_of = sets;
        self
    }

    /// The same shape, for which a scalar or list may stand, meaning this key.
    #[must_use]
    pub const fn short(mut self, key: &'static str) -> Self {
        self.short = Some(key);
        self
    }

    /// The key's description.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

impl Kind {
    /// What is wanted, in words for messages: "must be …".
    #[must_use]
    pub fn wanted(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Name => "a name".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Integer(min, max) if *max == i64::MAX => format!("a whole number, at least {min}"),
            Self::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Self::Duration => "a length of time such as `5s`, `30m` or `7d`".to_owned(),
            Self::Size => "a number of bytes such as `512MiB` or `1GiB`".to_owned(),
            Self::Mode => "a file mode such as `0644`".to_owned(),
            Self::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::Regex => "a regular expression".to_owned(),
            Self::Selector => "a selector such as `web and not retired`".to_owned(),
            Self::Expression => "an expression such as `facts.os == \"debian\"`".to_owned(),
            Self::ProjectFile => "the path of a file of the project".to_owned(),
            Self::ServerPath => "an absolute path".to_owned(),
            Self::Words => "a list of words such as `[ls, -l]`".to_owned(),
            Self::Texts => "a text or a list of texts".to_owned(),
            Self::Any => "a value".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) | Self::Named(_) => "a map".to_owned(),
            Self::Shape(shape) => format!("a map of the keys of a {}", shape.name),
            Self::Templated(kind) => kind.wanted(),
            Self::Either(kinds) => kinds.iter().map(Self::wanted).collect::<Vec<_>>().join(", or "),
        }
    }
}
