//! Delivers what is due by the project's command, which gets one JSON document on its standard input.

use super::schedule::{AGE_SECONDS_MAX, retry_after};
use crate::store::{OutboxRow, Store, StoreError};
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// How long the command may take for one message.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How much of its complaint is kept, in bytes; the rest is read and forgotten.
const COMPLAINT_BYTES_MAX: usize = 2048;
/// How long its standard error may stay open after it has ended.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// Messages that one call delivers at most.
const MESSAGES_MAX: u32 = 100;

/// Delivers messages.
#[derive(Debug, Clone)]
pub struct Courier {
    command: Vec<String>,
    folder: PathBuf,
    time_limit: Duration,
    age_seconds_max: i64,
}

/// What came of one delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Sent.
    pub sent: u32,
    /// Not sent, tried again later.
    pub failed: u32,
    /// Not sent, and never tried again.
    pub given_up: u32,
    /// Not tried: too old to be news.
    pub too_old: u64,
}

/// Says why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The project names no words of a command.
    #[error("the command of `notify` is empty")]
    NoCommand,
    /// The message in the outbox is not a JSON object.
    #[error("the message is not a JSON object")]
    NotAnObject,
    /// The command did not start.
    #[error("`{command}` cannot be run: {source}")]
    Start {
        /// The command's name.
        command: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The command took too long and was ended.
    #[error("`{command}` did not end within {seconds} s")]
    TimeLimit {
        /// The command's name.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// The command failed.
    #[error("`{command}` ended with {status}: {complaint}")]
    Failed {
        /// The command's name.
        command: String,
        /// Its exit status.
        status: ExitStatus,
        /// The beginning of its standard error.
        complaint: String,
    },
}

impl Courier {
    /// A courier that runs `command` in `folder`, the project's.
    #[must_use]
    pub fn new(command: Vec<String>, folder: PathBuf) -> Self {
        Self { command, folder, time_limit: TIME_LIMIT, age_seconds_max: AGE_SECONDS_MAX }
    }

    /// The same with another limit for one message.
    #[must_use]
    pub fn within(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// The same with another age that a message may have.
    #[must_use]
    pub fn no_older_than(self, age_seconds_max: i64) -> Self {
        Self { age_seconds_max, ..self }
    }

    /// Delivers what is due. A message that cannot be sent is no error of this call: it is tried again
    /// by the schedule, and given up in the end. What is older than [`AGE_SECONDS_MAX`] is not sent: a
    /// project that is given its first `notify` does not send years of messages.
    pub async fn deliver_due(&self, store: &Store) -> Result<Delivered, StoreError> {
        let youngest = store.now().await?.plus_seconds(-self.age_seconds_max);
        let too_old = store.outbox_expire(youngest, "too old to be sent").await?;
        let mut delivered = Delivered { too_old, ..Delivered::default() };
        for _ in 0..MESSAGES_MAX {
            // One at a time: it stays ours for longer than the command may take.
            let Some(message) = store.outbox_due(1).await?.pop() else { break };
            let Err(error) = self.deliver(&message).await else {
                store.outbox_done(&message.id).await?;
                delivered.sent += 1;
                continue;
            };
            let retry_at = match retry_after(message.attempts.saturating_add(1)) {
                Some(wait) => Some(store.now().await?.plus_seconds(wait.as_secs().cast_signed())),
                None => None,
            };
            store.outbox_failed(&message.id, &error.to_string(), retry_at).await?;
            match retry_at {
                Some(_) => delivered.failed += 1,
                None => delivered.given_up += 1,
            }
        }
        Ok(delivered)
    }

    /// Sends one message.
    async fn deliver(&self, message: &OutboxRow) -> Result<(), DeliveryError> {
        let document = document(message)?;
        let (program, arguments) = self.command.split_first().ok_or(DeliveryError::NoCommand)?;
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A group of its own, so that the limit ends whatever it started.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| DeliveryError::Start { command: program.clone(), source })?;
        let ended = tokio::time::timeout(self.time_limit, converse(&mut child, &document)).await;
        let (status, complaint) = match ended {
            Ok(Ok(ended)) => ended,
            Ok(Err(source)) => return Err(DeliveryError::Start { command: program.clone(), source }),
            Err(_) => {
                end_group(&mut child).await;
                let seconds = self.time_limit.as_secs();
                return Err(DeliveryError::TimeLimit { command: program.clone(), seconds });
            }
        };
        if status.success() {
            return Ok(());
        }
        Err(DeliveryError::Failed { command: program.clone(), status, complaint })
    }
}

/// The message with its id, by which a repeated one can be told.
fn document(message: &OutboxRow) -> Result<String, DeliveryError> {
    let mut value: serde_json::Value =
        serde_json::from_str(&message.body).map_err(|_| DeliveryError::NotAnObject)?;
    let object = value.as_object_mut().ok_or(DeliveryError::NotAnObject)?;
    object.insert("id".to_owned(), message.id.clone().into());
    object.insert("format".to_owned(), 1.into());
    Ok(value.to_string())
}

/// Feeds the command and listens to its complaint until it ends.
async fn converse(child: &mut Child, document: &str) -> std::io::Result<(ExitStatus, String)> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A command that does not want to read it all may still succeed.
            stdin.write_all(document.as_bytes()).await.ok();
        }
    };
    let (sender, mut kept) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
    let listener = tokio::spawn(async move {
        let (Some(mut stderr), mut chunk, mut room) = (stderr, [0; 1024], COMPLAINT_BYTES_MAX) else {
            return;
        };
        while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
            let part = &chunk[..count.min(room)];
            room -= part.len();
            if !part.is_empty() {
                sender.send(part.to_vec()).ok();
            }
        }
    });
    let (status, ()) = tokio::join!(child.wait(), feed);
    // A process that it left behind may hold its standard error open.
    let abort = listener.abort_handle();
    if tokio::time::timeout(DRAIN_LIMIT, listener).await.is_err() {
        abort.abort();
    }
    let mut complaint = Vec::new();
    while let Ok(part) = kept.try_recv() {
        complaint.extend(part);
    }
    let text = String::from_utf8_lossy(&complaint);
    Ok((status?, text.trim().escape_debug().to_string()))
}

/// Ends the command and whatever it started.
async fn end_group(child: &mut Child) {
    if let Some(group) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        kill_process_group(group, Signal::KILL).ok();
    }
    child.kill().await.ok();
}

#[cfg(test)]
mod tests;
