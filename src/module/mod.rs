//! What a step asks of a server and what would change it; a module never runs anything.
//!
//! ```text
//! arguments ─ parse ─▶ Action ─ probe ─▶ script ─▶ (server) ─▶ Answer
//!                        └──── change(answer) ─▶ Unchanged | Change { diff, script, … }
//! ```
//!
//! A probe only reads and answers in lines; a change is a script that puts the wanted state there
//! and nothing else. Both are POSIX shell text that runs under dash and busybox. What a module
//! predicts is what it does: diff and script come from the same answer.
//!
//! Knows nothing of connections, playbooks, secrets or clocks.

mod account;
mod archive;
mod args;
mod assert;
mod attributes;
mod command;
mod content;
mod database;
mod diff;
mod directory;
mod error;
mod file;
mod group;
mod line;
mod link;
mod package;
mod path;
mod replace;
mod script;
mod service;
mod shell;
mod sql;
mod user;
mod wait;

#[cfg(test)]
mod tests;

pub use diff::{Diff, DiffLine, Sign};
pub use error::ModuleError;
pub use shell::{printable, words_of_shell};
pub use sql::Engine;

use crate::document::Shape;
use crate::model::{Answer, BlobRef, Script, Value};

/// Largest content that travels inside a script, in bytes; larger content is a blob.
pub const INLINE_BYTES_MAX: usize = 1 << 20;

/// The bytes of a file that a step names.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// Small enough to travel inside the script: at most [`INLINE_BYTES_MAX`].
    Bytes(Vec<u8>),
    /// Lies at `$BLOBS/<digest>` before the script runs.
    Blob(BlobRef),
}

impl std::fmt::Debug for Content {
    /// Content can hold secrets, so only its size is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Content({} bytes)", bytes.len()),
            Self::Blob(blob) => write!(f, "Content({} bytes in the depot)", blob.size),
        }
    }
}

/// Finds the content of `src`. For `template` the text comes rendered.
pub trait ContentSource {
    /// Returns the content of `src`, or one lower-case sentence that says why there is none.
    fn content(&self, src: &str) -> Result<Content, String>;
}

/// What surrounds a step's arguments.
pub struct Place<'a> {
    /// Where `src` and `files` are looked up.
    pub files: &'a dyn ContentSource,
}

/// What each module asks, changes and answers.
trait Module: Send + Sync {
    fn probe(&self) -> Option<Script>;
    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError>;
    fn result(&self, answer: &Answer) -> Result<Value, ModuleError> {
        error::succeeded(answer)?;
        Ok(registered(true, []))
    }
    fn once(&self) -> bool {
        false
    }
}

/// One module call with its arguments understood.
pub struct Action {
    module: &'static str,
    inner: Box<dyn Module>,
}

impl std::fmt::Debug for Action {
    /// Arguments can hold secrets, so only the module is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Action({})", self.module)
    }
}

impl Action {
    /// The module's name.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// A script that reads and changes nothing, or nothing where there is nothing to ask.
    #[must_use]
    pub fn probe(&self) -> Option<Script> {
        self.inner.probe()
    }

    /// Says what would change, given what the probe answered.
    pub fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        self.inner.change(answer)
    }

    /// Says whether the change's script succeeded, and what `register` keeps of it.
    pub fn result(&self, answer: &Answer) -> Result<Value, ModuleError> {
        self.inner.result(answer)
    }

    /// Whether its change may run only once: it is then a detached unit, never simply repeated.
    #[must_use]
    pub fn once(&self) -> bool {
        self.inner.once()
    }
}

/// What a module makes of its probe's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as wanted; the value is what `register` keeps.
    Unchanged(Value),
    /// Something would change.
    Change(Change),
}

/// A change that has not happened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What differs. Empty when the script changes nothing on the server (a wait): then it needs to
    /// run, and need not have been predicted.
    pub diff: Diff,
    /// What makes it so.
    pub script: Script,
    /// Whether it may run only once.
    pub once: bool,
    /// Files that must lie at `$BLOBS` before it runs.
    pub blobs: Vec<BlobRef>,
    /// One line for people.
    pub summary: String,
    /// What the server lacks now, in words: an earlier step must bring it, or the script will fail.
    pub lacks: Vec<String>,
}

impl Change {
    fn new(summary: String, diff: Diff, script: String) -> Self {
        Self { diff, script: Script(script), once: false, blobs: Vec::new(), summary, lacks: Vec::new() }
    }
}

/// The value that `register` keeps: `changed` and the module's own entries.
fn registered<const N: usize>(changed: bool, entries: [(&str, Value); N]) -> Value {
    let mut map: std::collections::BTreeMap<String, Value> =
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    map.insert("changed".to_owned(), Value::Bool(changed));
    Value::Map(map)
}

/// Every module's keys, in the order of the documentation.
pub static SHAPES: &[&Shape] = &[
    &file::SHAPE,
    &directory::SHAPE,
    &content::TEMPLATE,
    &content::COPY,
    &link::SHAPE,
    &line::SHAPE,
    &command::SHAPE,
    &script::SHAPE,
    &wait::SHAPE,
    &assert::SHAPE,
    &user::SHAPE,
    &group::SHAPE,
    &package::SHAPE,
    &service::SHAPE,
    &database::SHAPE,
    &archive::SHAPE,
];

/// The commented example of a module, with every key of it.
#[must_use]
pub fn example(module: &str) -> Option<&'static str> {
    EXAMPLES.iter().find(|(name, _)| *name == module).map(|(_, text)| *text)
}

static EXAMPLES: &[(&str, &str)] = &[
    ("archive", include_str!("../../examples/modules/archive.yaml")),
    ("assert", include_str!("../../examples/modules/assert.yaml")),
    ("command", include_str!("../../examples/modules/command.yaml")),
    ("copy", include_str!("../../examples/modules/copy.yaml")),
    ("database", include_str!("../../examples/modules/database.yaml")),
    ("directory", include_str!("../../examples/modules/directory.yaml")),
    ("file", include_str!("../../examples/modules/file.yaml")),
    ("group", include_str!("../../examples/modules/group.yaml")),
    ("line", include_str!("../../examples/modules/line.yaml")),
    ("link", include_str!("../../examples/modules/link.yaml")),
    ("package", include_str!("../../examples/modules/package.yaml")),
    ("script", include_str!("../../examples/modules/script.yaml")),
    ("service", include_str!("../../examples/modules/service.yaml")),
    ("template", include_str!("../../examples/modules/template.yaml")),
    ("user", include_str!("../../examples/modules/user.yaml")),
    ("wait", include_str!("../../examples/modules/wait.yaml")),
];

/// Understands the arguments of `module`; templates in them are rendered by now.
pub fn parse(module: &str, args: &Value, place: &Place<'_>) -> Result<Action, ModuleError> {
    let Some(shape) = SHAPES.iter().find(|shape| shape.name == module) else {
        return Err(ModuleError::unknown_module(module, SHAPES.iter().map(|shape| shape.name)));
    };
    let args = args::Args::read(shape, args)?;
    let inner: Box<dyn Module> = match shape.name {
        "file" => Box::new(file::File::parse(&args)?),
        "directory" => Box::new(directory::Directory::parse(&args)?),
        "template" | "copy" => Box::new(content::ContentFile::parse(&args, place)?),
        "link" => Box::new(link::Link::parse(&args)?),
        "line" => Box::new(line::Line::parse(&args)?),
        "command" => Box::new(command::Command::parse(&args)?),
        "script" => Box::new(script::ScriptFile::parse(&args, place)?),
        "wait" => Box::new(wait::Wait::parse(&args)?),
        "assert" => Box::new(assert::Assert::parse(&args)?),
        "user" => Box::new(user::User::parse(&args)?),
        "group" => Box::new(group::Group::parse(&args)?),
        "package" => Box::new(package::Package::parse(&args, place)?),
        "service" => Box::new(service::Service::parse(&args)?),
        "database" => Box::new(database::Database::parse(&args, place)?),
        _ => Box::new(archive::Archive::parse(&args, place)?),
    };
    Ok(Action { module: shape.name, inner })
}
