//! The outbox: messages that are stored with what they tell of, and sent afterwards.

use super::append::check_json;
use super::database::{Result, Row, Write, binds};
use super::error::StoreError;
use super::opening::Store;
use crate::model::Timestamp;

/// How long a message belongs to the courier that took it; a crashed one's come back after this.
pub const OUTBOX_HOLD_SECONDS: i64 = 120;
/// Longest cause of a failed delivery that is kept, in characters.
const ERROR_CHARS_MAX: usize = 500;

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub kind: String,
    /// Canonical JSON.
    pub body: String,
}

/// A message that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub kind: String,
    /// Canonical JSON.
    pub body: String,
    /// How often sending it was tried before.
    pub attempts: u32,
    /// When it was stored.
    pub created_at: Timestamp,
}

impl Store {
    /// Takes messages that are due, the oldest first. They are the caller's for
    /// [`OUTBOX_HOLD_SECONDS`], so that two couriers do not send the same one.
    pub async fn outbox_due(&self, limit: u32) -> Result<Vec<OutboxRow>> {
        let mut write = self.database.write().await?;
        let now = write.now().await?;
        let sql = "UPDATE outbox SET due_at = $2, attempts = attempts + 1
            WHERE state = 'waiting' AND due_at <= $1 AND id IN (
                SELECT id FROM outbox WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at, id LIMIT $3)
            RETURNING id, kind, body, attempts, created_at";
        let held = now.plus_seconds(OUTBOX_HOLD_SECONDS);
        let rows = write.fetch(sql, binds![now, held, limit]).await?;
        let mut due: Vec<OutboxRow> = rows.iter().map(read).collect::<Result<_>>()?;
        write.commit().await?;
        due.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(due)
    }

    /// Gives up every message that is due and was stored before `before`, and says how many there were.
    /// One that a courier has in hand is its own.
    pub async fn outbox_expire(&self, before: Timestamp, why: &str) -> Result<u64> {
        let mut write = self.database.write().await?;
        let sql = "UPDATE outbox SET state = 'given_up', last_error = COALESCE(last_error, $2)
            WHERE state = 'waiting' AND created_at < $1 AND due_at <= $3";
        let now = write.now().await?;
        let expired = write.execute(sql, binds![before, why, now]).await?;
        write.commit().await?;
        Ok(expired)
    }

    /// Notes that a message was sent.
    pub async fn outbox_done(&self, id: &str) -> Result<()> {
        let mut write = self.database.write().await?;
        let sql = "UPDATE outbox SET state = 'sent', last_error = NULL WHERE id = $1 AND state <> 'sent'";
        known(id, write.execute(sql, binds![id]).await?)?;
        write.commit().await
    }

    /// Notes that sending failed, and when it is tried again; never, if no moment is given.
    pub async fn outbox_failed(&self, id: &str, error: &str, retry_at: Option<Timestamp>) -> Result<()> {
        let error: String = error.chars().filter(|c| *c != '\0').take(ERROR_CHARS_MAX).collect();
        let state = if retry_at.is_some() { "waiting" } else { "given_up" };
        let mut write = self.database.write().await?;
        let sql = "UPDATE outbox SET state = $2, last_error = $3, due_at = COALESCE($4, due_at)
            WHERE id = $1 AND state = 'waiting'";
        known(id, write.execute(sql, binds![id, state, error, retry_at]).await?)?;
        write.commit().await
    }
}

fn known(id: &str, touched: u64) -> Result<()> {
    if touched == 0 {
        return Err(StoreError::not_found(format!("waiting message `{}`", id.escape_default())));
    }
    Ok(())
}

impl Store {
    /// Stores messages that belong to no event of a driven run, such as "somebody decided"; due at once.
    pub async fn outbox_add(&self, messages: &[Message]) -> Result<()> {
        messages.iter().try_for_each(|message| check_json("a message", &message.body))?;
        let mut write = self.database.write().await?;
        let now = write.now().await?;
        add(&mut write, now, messages).await?;
        write.commit().await
    }
}

/// Stores `messages`, due at once.
pub(super) async fn add(write: &mut Write, now: Timestamp, messages: &[Message]) -> Result<()> {
    let sql = "INSERT INTO outbox (id, kind, body, created_at, due_at, state)
        VALUES ($1, $2, $3, $4, $4, 'waiting')";
    for message in messages {
        let id = uuid::Uuid::now_v7().to_string();
        write.execute(sql, binds![id, message.kind.as_str(), message.body.as_str(), now]).await?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<OutboxRow> {
    Ok(OutboxRow {
        id: row.text("id")?,
        kind: row.text("kind")?,
        body: row.text("body")?,
        // The taking itself was counted just now.
        attempts: u32::try_from(row.count("attempts")?.saturating_sub(1)).unwrap_or(u32::MAX),
        created_at: row.time("created_at")?,
    })
}
