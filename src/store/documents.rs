//! Releases, plans and predictions: texts that are stored once and never change.

use super::database::{Result, binds};
use super::error::StoreError;
use super::opening::Store;
use crate::model::Digest;

/// Largest document in bytes; a plan of 500 servers with its diffs is far below.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Store {
    /// Stores `text`, whose digest must be `digest`; storing it again changes nothing.
    pub async fn put_document(&self, kind: &str, digest: Digest, text: &str) -> Result<()> {
        if text.len() > DOCUMENT_BYTES_MAX {
            let (what, bytes) = ("a document", text.len());
            return Err(StoreError::TooLarge { what, bytes, limit: DOCUMENT_BYTES_MAX });
        }
        if Digest::of(text.as_bytes()) != digest {
            return Err(StoreError::conflict(format!("the text of {kind} `{digest}` has another digest")));
        }
        let mut write = self.database.write().await?;
        let now = write.now().await?;
        let sql = "INSERT INTO documents (digest, kind, body, stored_at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (digest) DO NOTHING";
        write.execute(sql, binds![digest, kind, text, now]).await?;
        write.commit().await
    }

    /// The document with `digest`; what is stored must have it.
    pub async fn document(&self, digest: Digest) -> Result<String> {
        let sql = "SELECT body FROM documents WHERE digest = $1";
        let rows = self.database.read(sql, binds![digest]).await?;
        let row = rows.first().ok_or_else(|| StoreError::not_found(format!("document `{digest}`")))?;
        let text = row.text("body")?;
        if Digest::of(text.as_bytes()) != digest {
            return Err(StoreError::corrupt(format!("document `{digest}`"), "its text has another digest"));
        }
        Ok(text)
    }
}
