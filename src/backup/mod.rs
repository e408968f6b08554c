//! The parts of a backup, its manifest, and the proof that it is whole.
//!
//! Pure: it says which scripts copy and restore an item and judges what came back; streams, files
//! and encryption are `vault`'s, SSH is `transport`'s.

pub mod spec;

pub use spec::{BackupSpec, Entry, Item, Keep, Part, PartSpec, Quiesce, Source};
