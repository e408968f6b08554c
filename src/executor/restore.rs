//! Puts a verified backup back, item by item, each of them repeatable.

use super::{ExecutorError, change::Changing, fleet::is_passing};
use crate::{
    backup::{BackupId, ItemManifest, Part},
    model::{Answer, Script},
    run::{Event, Failure, RestorePermit},
    transport::Frame,
    vault::Vault,
};
use std::time::Duration;

/// Longest time that one item may take to be put back.
const ITEM_TIMEOUT: Duration = Duration::from_secs(6 * 3600);

/// Most output of a restore that is kept for its error.
const OUTPUT_MAX: usize = 256 * 1024;

impl Changing<'_> {
    /// Puts back what is not back yet. The outcome is in the journal.
    pub async fn restore(&self, permit: &RestorePermit) -> Result<(), ExecutorError> {
        match self.put_back(permit).await {
            Err(ExecutorError::Vault(error)) => self.failed("vault", &error.to_string()).await,
            other => other,
        }
    }

    async fn put_back(&self, permit: &RestorePermit) -> Result<(), ExecutorError> {
        let vault = self.vault().await?;
        let id = permit.backup().id();
        let manifest = vault.manifest(id).await?;
        let items = match self.placed(&manifest) {
            Ok(items) => items,
            Err(error) => return self.failed("vault", &error.to_string()).await,
        };
        for item in items.iter().filter(|item| item.item.part != Part::Logs) {
            let name = item.item.id.clone();
            if self.journal.run().restored.contains(&name) {
                continue;
            }
            if self.interrupt.asked() {
                return Ok(());
            }
            self.journal.append(Event::ItemRestoreStarted { item: name.clone() }).await?;
            let answer = match self.put_item(&vault, id, item).await {
                Ok(answer) => answer,
                Err(ExecutorError::Transport(error)) if is_passing(&error) => {
                    return self.lost(&item.item.server, &error).await;
                }
                Err(ExecutorError::Transport(error)) => return self.failed(&name, &error.to_string()).await,
                Err(other) => return Err(other),
            };
            if !answer.status.success() {
                let said = self.site.redact(String::from_utf8_lossy(&answer.stderr).trim());
                return self
                    .failed(&name, &format!("`{name}` could not be put back: {}\n{said}", answer.status))
                    .await;
            }
            if item.item.part == Part::Packages
                && let Err(failure) = self.quiesce_again().await?
            {
                return self.failed(&name, &failure.words).await;
            }
            self.journal.append(Event::ItemRestored { item: name }).await?;
        }
        self.journal.append(Event::RestoreCompleted).await
    }

    /// Sends one item to its server, puts it back there, and removes what was sent.
    async fn put_item(
        &self,
        vault: &Vault,
        id: &BackupId,
        item: &ItemManifest,
    ) -> Result<Answer, ExecutorError> {
        let (server, as_user, blob) = (&item.item.server, item.item.run_as(), item.blob());
        let session = self.fleet.session_again(server).await?;
        let mut source = vault.open_item(id, &item.item.id).await?;
        if let Err(error) = session.upload(&as_user, &blob, &mut source).await {
            if !error.is_lost() {
                return Err(error.into());
            }
            self.fleet.forget(server).await;
            let session = self.fleet.session_again(server).await?;
            let mut source = vault.open_item(id, &item.item.id).await?;
            session.upload(&as_user, &blob, &mut source).await?;
        }
        let frame = Frame::change(as_user.clone(), item.item.restore(item));
        let answer = self.one(server, frame.timeout(ITEM_TIMEOUT).output_limit(OUTPUT_MAX)).await?;
        let remove = Script(format!("rm -f -- \"$BLOBS\"/{}", blob.digest));
        self.one(server, Frame::change(as_user, remove)).await?;
        Ok(answer)
    }

    async fn failed(&self, at: &str, words: &str) -> Result<(), ExecutorError> {
        let words = self.site.redact(words);
        let failure = Failure { at: Some(at.to_owned()), words, hint: None, unreachable: false };
        self.journal.append(Event::RestoreFailed { failure }).await
    }
}
