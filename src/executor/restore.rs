//! Puts a verified backup back, item by item, each of them repeatable.

use super::{ExecutorError, change::Changing, fleet::is_passing};
use crate::{
    backup::{BackupId, ItemManifest, Part, Source},
    model::Answer,
    run::{Event, Failure, RestorePermit},
    transport::Frame,
    vault::{Vault, VaultError},
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
        if manifest.digest().map_err(VaultError::from)? != permit.backup().manifest() {
            let words = format!("backup `{id}` in the vault is not the one that was proven");
            return self.failed("vault", &words).await;
        }
        let mut items = match self.placed(&manifest) {
            Ok(items) => items,
            Err(error) => return self.failed("vault", &error.to_string()).await,
        };
        items.retain(|item| item.item.part != Part::Logs);
        // A folder that was copied file by file may hold a database of which there is a whole copy.
        items.sort_by_key(|item| matches!(item.item.source, Source::Sqlite(_)));
        if !self.there_is_room(&items).await? {
            return Ok(());
        }
        for item in &items {
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

    /// Whether every server has room for the largest item that it is sent; asked before anything is
    /// removed. The answer "no" is in the journal.
    async fn there_is_room(&self, items: &[ItemManifest]) -> Result<bool, ExecutorError> {
        let restored = self.journal.run().restored.clone();
        let mut largest: Vec<&ItemManifest> = Vec::new();
        for item in items.iter().filter(|item| !restored.contains(&item.item.id)) {
            let place = |other: &ItemManifest| (other.item.server.clone(), other.item.run_as());
            match largest.iter_mut().find(|other| place(other) == place(item)) {
                Some(other) if other.size < item.size => *other = item,
                Some(_) => {}
                None => largest.push(item),
            }
        }
        for item in largest {
            let (server, name) = (&item.item.server, &item.item.id);
            let asked = match self.fleet.session_again(server).await {
                Ok(session) => session.has_room(&item.item.run_as(), &item.blob(), item.size).await,
                Err(ExecutorError::Transport(error)) => Err(error),
                Err(other) => return Err(other),
            };
            match asked {
                Ok(_) => {}
                Err(error) if is_passing(&error) => {
                    self.lost(server, &error).await?;
                    return Ok(false);
                }
                Err(error) => {
                    self.failed(name, &format!("nothing was put back yet: {error}")).await?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
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
        let session = self.fleet.session_again(server).await?;
        match session.discard(&as_user, &blob).await {
            Err(error) if error.is_lost() => {
                self.fleet.forget(server).await;
                self.fleet.session_again(server).await?.discard(&as_user, &blob).await?;
            }
            other => other?,
        }
        Ok(answer)
    }

    async fn failed(&self, at: &str, words: &str) -> Result<(), ExecutorError> {
        let words = self.site.redact(words);
        let failure = Failure { at: Some(at.to_owned()), words, hint: None, unreachable: false };
        self.journal.append(Event::RestoreFailed { failure }).await
    }
}
