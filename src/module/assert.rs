//! `assert`: conditions that must hold.

use super::{Module, ModuleError, Outcome, args::Args, registered};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script, Value};

pub(super) const SHAPE: Shape = Shape::new(
    "assert",
    "stops here unless every condition holds",
    &[
        Field::required("that", Wants::List(&Wants::Expression), "expressions that yield booleans"),
        Field::optional("message", Wants::Text, "what to say when one does not hold"),
    ],
)
.short("that");

pub(super) struct Assert {
    that: Vec<bool>,
    message: Option<String>,
}

impl Assert {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        let words = args.words("that")?.unwrap_or_default();
        let truth = |word: &String| word.parse::<bool>().ok();
        let that = words.iter().map(truth).collect::<Option<Vec<_>>>();
        match that {
            Some(that) if !that.is_empty() => Ok(Self { that, message: args.text("message")? }),
            _ => Err(args.wrong("that", "must be expressions that yield `true` or `false`")),
        }
    }
}

impl Module for Assert {
    fn probe(&self) -> Option<Script> {
        None
    }

    fn change(&self, _answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let Some(at) = self.that.iter().position(|holds| !holds) else {
            return Ok(Outcome::Unchanged(registered(false, [("holds", Value::Bool(true))])));
        };
        let message = self.message.as_deref().map(|message| format!(": {}", super::printable(message, 500)));
        Err(ModuleError::Assertion(format!(
            "condition {} does not hold{}",
            at + 1,
            message.unwrap_or_default()
        )))
    }
}
