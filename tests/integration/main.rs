//! The one integration binary.

mod modules;
