//! YAML text to spanned nodes, the collecting decoder, and diagnostics with their source lines.
//!
//! A file becomes a [`Source`], a [`Source`] becomes a tree of [`Node`]s that know where they were
//! written, and a [`Shape`] says what such a tree must look like. Everything that is wrong with a
//! file is collected in [`Diagnostics`], so that one look at the screen is enough.
//!
//! Pure: it never opens a file; callers hand in bytes, see [`Files`].

pub mod decoder;
pub mod diagnostic;
pub mod node;
pub mod path;
pub mod quantity;
pub mod read;
pub mod render;
pub mod schema;
pub mod shape;
pub mod source;
pub mod value_check;
pub mod yaml;

pub use decoder::{Decoder, open};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use node::{Content, Key, Node};
pub use shape::{Field, Kind, Shape};
pub use source::{FILE_BYTES_MAX, Files, Source, Span};
pub use yaml::parse;
