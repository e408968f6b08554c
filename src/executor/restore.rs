//! Puts a verified backup back, item by item, each of them repeatable.

use super::{ExecutorError, change::Changing};
use crate::{
    backup::Part,
    run::{Event, Failure, RestorePermit},
    transport::Frame,
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
            Err(ExecutorError::Transport(error)) if super::fleet::is_passing(&error) => {
                let server = self.loaded.plan.servers.keys().next().cloned();
                match server {
                    Some(server) => {
                        self.journal.append(Event::ServerLost { server, words: error.to_string() }).await
                    }
                    None => Err(error.into()),
                }
            }
            Err(ExecutorError::Transport(error)) => self.failed("restore", &error.to_string()).await,
            Err(ExecutorError::Vault(error)) => self.failed("vault", &error.to_string()).await,
            other => other,
        }
    }

    async fn put_back(&self, permit: &RestorePermit) -> Result<(), ExecutorError> {
        let vault = self.vault().await?;
        let id = permit.backup().id();
        let manifest = vault.manifest(id).await?;
        for item in manifest.items.iter().filter(|item| item.item.part != Part::Logs) {
            let name = item.item.id.clone();
            if self.journal.run().restored.contains(&name) {
                continue;
            }
            if self.interrupt.asked() {
                return Ok(());
            }
            self.journal.append(Event::ItemRestoreStarted { item: name.clone() }).await?;
            let as_user = item.item.run_as();
            let session = self.fleet.session_again(&item.item.server).await?;
            let mut source = vault.open_item(id, &name).await?;
            if let Err(error) = session.upload(&as_user, &item.blob(), &mut source).await {
                if !error.is_lost() {
                    return Err(error.into());
                }
                let session = self.fleet.session_again(&item.item.server).await?;
                let mut source = vault.open_item(id, &name).await?;
                session.upload(&as_user, &item.blob(), &mut source).await?;
            }
            let frame = Frame::change(as_user, item.item.restore(item))
                .timeout(ITEM_TIMEOUT)
                .output_limit(OUTPUT_MAX);
            let answer = self.one(&item.item.server, frame).await?;
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

    async fn failed(&self, at: &str, words: &str) -> Result<(), ExecutorError> {
        let words = self.site.redact(words);
        let failure = Failure { at: Some(at.to_owned()), words, hint: None, unreachable: false };
        self.journal.append(Event::RestoreFailed { failure }).await
    }
}
