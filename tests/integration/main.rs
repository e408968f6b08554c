//! The one integration binary.
mod transport;
