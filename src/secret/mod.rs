//! Where secrets come from.
//!
//! Values are [`secrecy::SecretString`] from the first byte on; errors name the secret and its
//! source, never a value.

mod error;
mod file;
mod source;

pub use error::SecretError;
pub use file::{names, remove, set};
pub use source::resolve;
