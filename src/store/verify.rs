//! Proving that nobody edited, shortened or emptied what the store remembers.

use super::append;
use super::database::binds;
use super::decisions;
use super::error::StoreError;
use super::ledger::{self, LedgerHead, LedgerRow};
use super::opening::Store;
use super::runs::{self, RunRow};
use crate::model::{Digest, RunId};
use std::collections::BTreeMap;

/// Says what is wrong with the ledger, or with what it vouches for.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry does not say what was written.
    #[error("entry {seq} of the ledger was edited")]
    Edited {
        /// The entry.
        seq: u64,
    },
    /// An entry within the ledger is gone.
    #[error("entry {seq} of the ledger was deleted")]
    Missing {
        /// The entry.
        seq: u64,
    },
    /// The ledger's end is gone.
    #[error("the ledger was truncated: it ends with entry {found} and had {expected}")]
    Truncated {
        /// How many there must be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// A head that was known from elsewhere is not on this chain.
    #[error("the ledger was rewritten: entry {seq} is not the one that is known")]
    Rewritten {
        /// The entry.
        seq: u64,
    },
    /// A run that the ledger notes is gone.
    #[error("run `{run}`, opened by entry {seq} of the ledger, was deleted")]
    RunDeleted {
        /// The run.
        run: RunId,
        /// The entry that opened it.
        seq: u64,
    },
    /// A run is not what the ledger notes.
    #[error("run `{run}` was edited: {detail}")]
    RunEdited {
        /// The run.
        run: RunId,
        /// What does not fit.
        detail: String,
    },
    /// A run that the ledger does not note.
    #[error("run `{run}` was added behind the ledger's back")]
    RunUnknown {
        /// The run.
        run: RunId,
    },
    /// A decision that the ledger notes is gone.
    #[error("the decision of entry {seq} of the ledger was deleted")]
    DecisionDeleted {
        /// The entry.
        seq: u64,
    },
    /// A decision is not what the ledger notes, or is not noted.
    #[error("the decision of entry {seq} of the ledger was edited or added")]
    DecisionEdited {
        /// The entry.
        seq: u64,
    },
}

type Verified<T> = Result<T, LedgerError>;

impl Store {
    /// Proves the whole ledger, every run's journal and every decision, and returns the ledger's end.
    ///
    /// `known` are heads from elsewhere, such as signed decisions or an export: they must lie on the
    /// chain, which shows a ledger that was rewritten from some point on.
    pub async fn verify_ledger(&self, known: &[LedgerHead]) -> Verified<LedgerHead> {
        let head = self.ledger_head().await?;
        let known: BTreeMap<u64, Digest> = known.iter().map(|head| (head.seq, head.hash)).collect();
        if let Some((expected, _)) = known.last_key_value()
            && *expected > head.seq
        {
            return Err(LedgerError::Truncated { expected: *expected, found: head.seq });
        }
        let (mut seq, mut previous) = (0, ledger::genesis()?);
        while seq < head.seq {
            let page = self.ledger_after(seq).await?;
            if page.is_empty() {
                return Err(LedgerError::Truncated { expected: head.seq, found: seq });
            }
            for row in page.into_iter().take_while(|row| row.seq <= head.seq) {
                if row.seq != seq + 1 {
                    return Err(LedgerError::Missing { seq: seq + 1 });
                }
                if ledger::link(row.seq, row.at, previous, &row.entry)? != row.hash {
                    return Err(LedgerError::Edited { seq: row.seq });
                }
                if known.get(&row.seq).is_some_and(|hash| *hash != row.hash) {
                    return Err(LedgerError::Rewritten { seq: row.seq });
                }
                self.verify_subject(&row).await?;
                (seq, previous) = (row.seq, row.hash);
            }
            if seq < head.seq && self.ledger_after(seq).await?.first().is_some_and(|row| row.seq > head.seq) {
                return Err(LedgerError::Truncated { expected: head.seq, found: seq });
            }
        }
        if previous != head.hash {
            return Err(LedgerError::Edited { seq });
        }
        self.verify_nothing_added().await?;
        Ok(head)
    }

    /// Proves what an entry vouches for.
    async fn verify_subject(&self, row: &LedgerRow) -> Verified<()> {
        match (row.entry.kind.as_str(), &row.entry.run) {
            ("run_opened", Some(id)) => {
                let run = self.noted_run(row, id).await?;
                if run.new.opening()? != row.entry.body
                    || run.opened_seq != row.seq
                    || run.opened_hash != row.hash
                    || run.opened_at != row.at
                {
                    return edited(id, "it is not what was opened");
                }
                self.events_of(&run).await.map(drop).or_else(|error| edited(id, &error.to_string()))
            }
            ("run_ended", Some(id)) => {
                let run = self.noted_run(row, id).await?;
                let Some(exit) = run.final_exit else {
                    return edited(id, "it has ended and is shown as open");
                };
                if append::ending(&run, exit, &run.state)? != row.entry.body {
                    return edited(id, "its end is not the one that was noted");
                }
                Ok(())
            }
            ("decision", _) => {
                let sql = "SELECT * FROM decisions WHERE seq = $1";
                let rows = self.database.read(sql, binds![row.seq]).await?;
                let decision = match rows.first() {
                    Some(found) => decisions::read(found)?,
                    None => return Err(LedgerError::DecisionDeleted { seq: row.seq }),
                };
                if decision.new.noted()? != row.entry.body || decision.at != row.at {
                    return Err(LedgerError::DecisionEdited { seq: row.seq });
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn noted_run(&self, row: &LedgerRow, id: &RunId) -> Verified<RunRow> {
        match self.run(id).await {
            Err(StoreError::NotFound { .. }) => {
                Err(LedgerError::RunDeleted { run: id.clone(), seq: row.seq })
            }
            other => Ok(other?),
        }
    }

    /// Proves that the ledger knows every run, every end and every decision.
    async fn verify_nothing_added(&self) -> Verified<()> {
        let sql = "SELECT * FROM runs r WHERE NOT EXISTS (SELECT 1 FROM ledger l
            WHERE l.seq = r.opened_seq AND l.kind = 'run_opened' AND l.run = r.id) LIMIT 1";
        if let Some(found) = self.database.read(sql, Vec::new()).await?.first() {
            return Err(LedgerError::RunUnknown { run: runs::row(found)?.new.id });
        }
        let sql = "SELECT * FROM runs r WHERE r.final_exit IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger l
            WHERE l.kind = 'run_ended' AND l.run = r.id) LIMIT 1";
        if let Some(found) = self.database.read(sql, Vec::new()).await?.first() {
            return edited(&runs::row(found)?.new.id, "it is shown as ended, which nobody noted");
        }
        let sql = "SELECT seq FROM decisions d WHERE NOT EXISTS (SELECT 1 FROM ledger l
            WHERE l.seq = d.seq AND l.kind = 'decision') LIMIT 1";
        match self.database.read(sql, Vec::new()).await?.first() {
            Some(found) => Err(LedgerError::DecisionEdited { seq: found.count("seq")? }),
            None => Ok(()),
        }
    }
}

fn edited<T>(run: &RunId, detail: &str) -> Verified<T> {
    Err(LedgerError::RunEdited { run: run.clone(), detail: detail.to_owned() })
}
