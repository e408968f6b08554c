//! The parts of a backup, its manifest, and the proof that it is whole.
//!
//! Pure: it says which scripts copy and restore an item and judges what came back; streams, files
//! and encryption are `vault`'s, SSH is `transport`'s.

pub mod entry;
pub mod error;
pub mod item;
pub mod judge;
pub mod manifest;
pub mod place;
pub mod preflight;
pub mod proof;
pub mod quiesce;
pub mod retention;
pub mod source;
pub mod spec;
pub mod structure;
pub mod tar;

pub use entry::{EntryKind, FileEntry, PathText};
pub use error::BackupError;
pub use item::{items, waivers};
pub use judge::{Verdict, judge};
pub use manifest::{BackupId, Header, ItemManifest, Manifest, Purpose, Waiver};
pub use place::{NoPlace, placed, travels};
pub use preflight::Estimate;
pub use proof::{ReadBack, ReadBackItem, VerifiedBackup, VerifiedBackupRecord};
pub use retention::{Candidate, Retention, retain};
pub use spec::{BackupSpec, Entry, Item, Keep, Part, PartSpec, Quiesce, Source};
pub use structure::{Contents, Structure, StructureReader};
pub use tar::TarReader;
