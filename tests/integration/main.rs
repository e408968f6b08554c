//! The one integration binary.

mod documents;
mod modules;
