//! Backups on disk, encrypted.
