//! Backups on disk, encrypted.
//!
//! A backup is a folder: one file for each item (`ITEM.zst.age`), `manifest.json.zst.age` and
//! `summary.json`. The plain bytes of a copy are never on this machine's disk. Without Esclusa,
//! `age -d -i KEY FILE | zstd -d` gives them back.

mod crypt;
mod error;
mod folder;
mod keys;
mod reader;
mod sink;
mod spool;
mod store;

pub use crypt::{Sealer, unseal};
pub use error::VaultError;
pub use folder::Summary;
pub use keys::{RecoveryCheck, generate_identity, recipients_of, write_identity};
pub use reader::ItemReader;
pub use sink::ItemWriter;
pub use spool::Spool;
pub use store::{BackupStore, Listing, Vault};
