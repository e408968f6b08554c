//! Copies what is there into the vault: before a change, and before a restore.

use super::{ExecutorError, change::Changing, journal::Extra, look};
use crate::{
    backup::{self, BackupId, Estimate, Header, Item, ItemManifest, Manifest, NoPlace, Part, Purpose},
    model::{BackupRule, ServerName, Status, Timestamp},
    run::{BackupState, Event, Failure, Goal},
    store::{BackupFilter, BackupRow},
    transport::{Frame, Limits, TransportError},
    vault::{Spool, Vault, VaultError},
};
use std::{collections::BTreeMap, time::Duration};
use tokio::io::AsyncWriteExt as _;

/// Bytes of the vault's file system that stay free.
const VAULT_RESERVE_BYTES: u64 = 64 << 20;

/// Longest time that the copy of one item may take.
const COPY_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// How the ids of copies made before a restore begin.
pub const SAFETY_PREFIX: &str = "safety-";

/// Why a copy was not made: a fact for the journal, or the executor's own trouble.
pub enum CopyError {
    /// Words for the journal.
    Failed(Failure),
    /// A server could not be reached any more.
    Lost(ServerName, String, Option<String>),
    /// Somebody asked to stop; the copy is made once more when the run goes on.
    Interrupted,
    /// The executor cannot go on.
    Executor(ExecutorError),
}

impl From<ExecutorError> for CopyError {
    /// The vault's trouble is the backup's failure; everything else stops the executor.
    fn from(error: ExecutorError) -> Self {
        match error {
            ExecutorError::Vault(error) => error.into(),
            other => Self::Executor(other),
        }
    }
}

impl From<VaultError> for CopyError {
    fn from(error: VaultError) -> Self {
        let words = match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Self::Failed(Failure { at: None, words, hint: error.hint(), unreachable: false })
    }
}

fn failed(at: impl ToString, words: impl ToString) -> CopyError {
    CopyError::Failed(Failure {
        at: Some(at.to_string()),
        words: words.to_string(),
        hint: None,
        unreachable: false,
    })
}

impl Changing<'_> {
    /// Takes the run's own verified backup: asks first, then stops what must be quiet, copies, seals
    /// and reads back. The outcome is in the journal.
    pub async fn take_backup(&self) -> Result<(), ExecutorError> {
        match self.copy_all().await {
            Ok(()) => Ok(()),
            Err(CopyError::Failed(failure)) => {
                let failure = Failure { words: self.site.redact(&failure.words), ..failure };
                self.journal.append(Event::BackupFailed { failure }).await
            }
            Err(CopyError::Lost(server, words, hint)) => {
                self.journal.append(Event::ServerLost { server, words, hint }).await
            }
            Err(CopyError::Interrupted) => Ok(()),
            Err(CopyError::Executor(error)) => Err(error),
        }
    }

    async fn copy_all(&self) -> Result<(), CopyError> {
        let Some(backup) = &self.loaded.plan.backup else {
            return Err(failed(
                &self.loaded.plan.system,
                "the system has no backup playbook, so nothing may change it",
            ));
        };
        let vault = self.vault().await?;
        vault.sweep().await?;
        if let Some((id, taken_at)) = self.admitted(&vault).await? {
            self.quiesce_once().await?;
            let event = Event::BackupAdmitted { backup: id.to_string(), taken_at };
            return Ok(self.journal.append(event).await?);
        }
        let estimates = self.estimates(&backup.items).await?;
        let wanted: u64 = estimates.values().map(|estimate| estimate.bytes).sum();
        let free = vault.free_space()?;
        if free < wanted.saturating_add(VAULT_RESERVE_BYTES) {
            return Err(failed(
                "vault",
                format!("the backup needs about {wanted} bytes and the vault has {free} free"),
            ));
        }
        self.quiesce_once().await?;
        let id = self.backup_id("")?;
        self.journal.append(Event::BackupStarted { backup: id.to_string() }).await?;
        let mut spool = vault.begin(self.header(&id, Purpose::Full, backup.items.clone()).await?).await?;
        for item in &backup.items {
            let bytes = self.copy_item(&mut spool, item, &estimates[&item.id], false).await?;
            let event = Event::BackupItemCopied { backup: id.to_string(), item: item.id.clone(), bytes };
            self.journal.append(event).await?;
        }
        let verified = spool.seal().await?;
        let row = self.row(&id, verified.size(), verified.manifest()).await?;
        let extra = Extra { backups: vec![row], ..Extra::default() };
        self.journal.append_with(vec![Event::BackupVerified { record: verified.record() }], extra).await?;
        Ok(())
    }

    /// The newest backup that the policy admits in place of the run's own, read back now.
    async fn admitted(&self, vault: &Vault) -> Result<Option<(BackupId, Timestamp)>, CopyError> {
        let (rule, goal) = {
            let run = self.journal.run();
            (run.header.judged.backup.clone(), run.header.goal.clone())
        };
        let BackupRule::MaxAgeSeconds(seconds) = rule else { return Ok(None) };
        if goal != Goal::Change {
            return Ok(None);
        }
        let now = self.site.store.now().await.map_err(ExecutorError::from)?;
        let filter = BackupFilter {
            system: Some(self.loaded.plan.system.clone()),
            environment: Some(self.loaded.plan.environment.clone()),
            ..BackupFilter::default()
        };
        let rows = self.site.store.backups(&filter).await.map_err(ExecutorError::from)?;
        let young = rows.into_iter().filter(|row| {
            !row.id.starts_with(SAFETY_PREFIX)
                && row.broken.is_none()
                && now.seconds_since(row.taken_at) <= seconds
        });
        for row in young {
            let Ok(id) = BackupId::parse(&row.id) else { continue };
            // One that cannot be read back, or lacks what the plan copies, is none: the run takes its own.
            let Ok(proof) = vault.verify(&id).await else { continue };
            let Ok(manifest) = vault.manifest(&id).await else { continue };
            let is_proven = manifest.digest().is_ok_and(|digest| digest == proof.manifest());
            if is_proven && manifest.covers(self.items()) {
                return Ok(Some((id, row.taken_at)));
            }
        }
        Ok(None)
    }

    /// Stops what must be quiet, unless this run has done so already.
    async fn quiesce_once(&self) -> Result<(), CopyError> {
        let Some(first) = self.loaded.plan.quiesce.first() else { return Ok(()) };
        if self.journal.run().quiesced {
            return Ok(());
        }
        let stopped = self.quiesce().await.map_err(|error| lost(&first.server, error))?;
        stopped.map_err(CopyError::Failed)
    }

    /// Copies what is there now, before something is put back over it.
    pub async fn safety_copy(&self) -> Result<(), ExecutorError> {
        match self.copy_for_safety().await {
            Ok(()) => Ok(()),
            Err(CopyError::Failed(failure)) => {
                let words =
                    format!("what is there now could not be copied: {}", self.site.redact(&failure.words));
                self.journal.append(Event::SafetyCopyFailed { failure: Failure { words, ..failure } }).await
            }
            Err(CopyError::Lost(server, words, hint)) => {
                self.journal.append(Event::ServerLost { server, words, hint }).await
            }
            Err(CopyError::Interrupted) => Ok(()),
            Err(CopyError::Executor(error)) => Err(error),
        }
    }

    async fn copy_for_safety(&self) -> Result<(), CopyError> {
        let vault = self.vault().await?;
        vault.sweep().await?;
        let id = self.backup_id(SAFETY_PREFIX)?;
        self.journal.append(Event::SafetyCopyStarted { backup: id.to_string() }).await?;
        let items = self.endangered(&vault).await?;
        let mut spool = vault.begin(self.header(&id, Purpose::Safety, items.clone()).await?).await?;
        for item in &items {
            self.copy_item(&mut spool, item, &Estimate::default(), true).await?;
        }
        let summary = spool.seal_safety().await?;
        let row = self.row(&id, summary.size, summary.manifest).await?;
        let extra = Extra { backups: vec![row], ..Extra::default() };
        let event = Event::SafetyCopyTaken { backup: id.to_string(), bytes: summary.size };
        self.journal.append_with(vec![event], extra).await?;
        Ok(())
    }

    /// Everything that a restore may overwrite: what the backup that is put back holds, and what the
    /// plan's backup holds now.
    async fn endangered(&self, vault: &Vault) -> Result<Vec<Item>, CopyError> {
        let id = {
            let run = self.journal.run();
            match (&run.header.goal, &run.backup) {
                (Goal::Restore { backup }, _) => backup.clone(),
                (_, BackupState::Verified(record)) => record.backup.to_string(),
                _ => return Err(failed("restore", "there is no backup to put back")),
            }
        };
        let id = BackupId::parse(&id).map_err(|error| failed("restore", error))?;
        let copied = self.placed(&vault.manifest(&id).await?).map_err(|error| failed("restore", error))?;
        let mut items: Vec<Item> = copied.into_iter().map(|item| item.item).collect();
        for item in self.items() {
            if !items.iter().any(|other| other.server == item.server && other.source == item.source) {
                // Ids are unique within a backup; one of the plan may be taken by another item there.
                let taken = items.iter().any(|other| other.id == item.id);
                let id = if taken { format!("now-{}", item.id) } else { item.id.clone() };
                items.push(Item { id, ..item.clone() });
            }
        }
        items.retain(|item| item.part != Part::Logs);
        Ok(items)
    }

    /// The items of a backup with the servers that they go to here.
    pub fn placed(&self, manifest: &Manifest) -> Result<Vec<ItemManifest>, NoPlace> {
        backup::placed(manifest, &self.loaded.plan.environment, self.items())
    }

    /// The items of the plan's backup.
    pub fn items(&self) -> &[Item] {
        self.loaded.plan.backup.as_ref().map_or(&[], |backup| &backup.items)
    }

    /// The vault, with the recipients that the environment's kind asks for.
    pub async fn vault(&self) -> Result<Vault, ExecutorError> {
        let production = self.journal.run().header.is_production();
        self.site.vault(production).await
    }

    async fn row(
        &self,
        id: &BackupId,
        size_bytes: u64,
        manifest: crate::model::Digest,
    ) -> Result<BackupRow, ExecutorError> {
        let run = self.journal.run().header.id.clone();
        let now = self.site.store.now().await?;
        Ok(BackupRow {
            id: id.to_string(),
            run,
            system: self.loaded.plan.system.clone(),
            environment: self.loaded.plan.environment.clone(),
            taken_at: now,
            size_bytes,
            vault: self.site.project.vault.path.clone(),
            manifest,
            verified_at: Some(now),
            broken: None,
            removed_at: None,
        })
    }

    fn backup_id(&self, prefix: &str) -> Result<BackupId, CopyError> {
        let id = format!("{prefix}{}", uuid::Uuid::now_v7());
        BackupId::parse(&id).map_err(|error| failed("backup", error))
    }

    async fn header(
        &self,
        id: &BackupId,
        purpose: Purpose,
        items: Vec<Item>,
    ) -> Result<Header, ExecutorError> {
        let plan = &self.loaded.plan;
        let quiesced = plan.quiesce.iter().map(|quiesce| {
            let mut what = quiesce.quiesce.services.clone();
            what.extend(quiesce.quiesce.stop.iter().map(|words| words.join(" ")));
            format!("{}: {}", quiesce.server, what.join(", "))
        });
        let run = self.journal.run().header.id.clone();
        Ok(Header {
            id: id.clone(),
            system: plan.system.clone(),
            environment: plan.environment.clone(),
            run,
            purpose,
            taken_at: self.site.store.now().await?,
            items,
            waived: plan.backup.as_ref().map(|backup| backup.left_out.clone()).unwrap_or_default(),
            quiesced: quiesced.collect(),
        })
    }

    /// Asks every item whether it can be copied and how large it is, in one round trip a server.
    async fn estimates(&self, items: &[Item]) -> Result<BTreeMap<String, Estimate>, CopyError> {
        let mut servers: BTreeMap<&ServerName, Vec<&Item>> = BTreeMap::new();
        for item in items {
            servers.entry(&item.server).or_default().push(item);
        }
        let mut estimates = BTreeMap::new();
        for (server, items) in servers {
            let session = self.fleet.session_again(server).await.map_err(|error| lost(server, error))?;
            let frames = items
                .iter()
                .map(|item| Frame::ask(item.run_as(), item.preflight()).timeout(Duration::from_secs(600)));
            let replies = session.run(frames.collect()).await.map_err(|error| lost(server, error.into()))?;
            let mut replies = replies.into_iter();
            for item in items {
                let answer =
                    look::next_answer(&mut replies, server).map_err(|error| lost(server, error.into()))?;
                let answer = answer.ok_or_else(|| failed(&item.id, "the server did not answer"))?;
                let estimate = item.read_preflight(&answer).map_err(|error| failed(&item.id, error))?;
                for warning in &estimate.warnings {
                    self.journal.watch().note(&format!("{}: {warning}", item.id));
                }
                estimates.insert(item.id.clone(), estimate);
            }
        }
        Ok(estimates)
    }

    /// Streams one item into the vault's spool; once more when the vault says that it may help, or
    /// the line was cut.
    async fn copy_item(
        &self,
        spool: &mut Spool,
        item: &Item,
        estimate: &Estimate,
        safety: bool,
    ) -> Result<u64, CopyError> {
        let script = if safety { item.safety_dump() } else { item.dump() };
        let mut again = true;
        loop {
            let session =
                self.fleet.session_again(&item.server).await.map_err(|error| lost(&item.server, error))?;
            let mut writer = spool.receive(item, estimate).await?;
            let run_as = item.run_as();
            let limits = Limits { silence: item.silence(), whole: COPY_TIMEOUT };
            let copied = tokio::select! {
                copied = session.download(&run_as, &script, limits, &mut writer) => copied,
                () = self.interrupt.wait() => return Err(CopyError::Interrupted),
            };
            let (status, stderr) = match copied {
                Ok(end) => (end.status, end.stderr),
                // The line is not to blame: the vault took no more, and knows why.
                Err(TransportError::Local { .. }) => return Err(spool.refused(writer).await.into()),
                Err(error) if error.is_lost() && again => {
                    again = false;
                    self.fleet.forget(&item.server).await;
                    continue;
                }
                Err(error) => return Err(lost(&item.server, error.into())),
            };
            let _ = writer.shutdown().await;
            let stderr = self.site.redact_bytes(&stderr);
            match spool.accept(writer, &status, &stderr).await {
                Ok(manifest) => return Ok(manifest.size),
                Err(error) if error.retry() && again && status != Status::TimedOut => again = false,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn lost(server: &ServerName, error: ExecutorError) -> CopyError {
    match error {
        ExecutorError::Transport(error) => {
            let words = format!("server `{server}` cannot be used: {error}");
            CopyError::Lost(server.clone(), words, error.hint())
        }
        other => CopyError::Executor(other),
    }
}
