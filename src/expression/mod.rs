//! Templates, conditions and selectors; the one door to the template engine.
//!
//! A name that nobody defines is an error, text is never escaped, and a template may not run for
//! longer than its fuel. Messages never show a variable's value: it may be a secret.

mod engine;
pub mod filters;
pub mod names;
pub mod scope;
pub mod selector;
pub mod template;
mod words;

pub use names::{Name, names};
pub use scope::Scope;
pub use selector::{Selector, SelectorError};
pub use template::{check, condition, evaluate, render, render_value};

/// Says why a template or an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It cannot be read.
    #[error("{what}")]
    Syntax {
        /// What is wrong, without any value.
        what: String,
        /// Bytes of the text where it is wrong, if that is known.
        at: Option<(usize, usize)>,
    },
    /// A name that nothing defines.
    #[error("`{0}` is not defined")]
    Undefined(String),
    /// A condition that yields neither true nor false.
    #[error("a condition must yield true or false, and this one yields {0}")]
    NotBoolean(&'static str),
    /// It failed on the values that it was given.
    #[error("{0}")]
    Failed(String),
    /// It ran for too long or nested too deep.
    #[error("the expression needs too much work")]
    TooMuchWork,
}
