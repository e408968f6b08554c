//! Bulk data, on a connection of its own: head-of-line blocking would stall the shell, and a large
//! window is only wanted here.

use super::account::Place;
use super::channel::{Event, Line};
use super::connect::{self, Connection, Purpose};
use super::session::{Session, exec, exit_status};
use super::shell::{keep, said, wait_for_start};
use super::{TransportError, text};
use crate::model::{Answer, BlobRef, RunAs, Script, Status};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

/// Time for staging a script.
const STAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a script may take no bytes of its standard input.
const FEED_SILENCE: Duration = Duration::from_secs(30 * 60);
/// How long what is told to end may take before its connection goes.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes read at once from a source.
const PIECE_BYTES: usize = 128 * 1024;
/// Most bytes of standard error and, where it is kept, standard output.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// Room that must stay free beside a file, in bytes.
const ROOM_BYTES: u64 = 16 * 1024 * 1024;

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEnd {
    /// The script's status; a stream without one is an error.
    pub status: Status,
    /// The last bytes of standard error.
    pub stderr: Vec<u8>,
    /// Bytes that went into the sink.
    pub bytes: u64,
}

/// How long a download may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Without a byte of either output.
    pub silence: Duration,
    /// From its start to its end.
    pub whole: Duration,
}

struct Stream {
    line: Line,
    /// What came before and with the mark of the start.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    connection: Connection,
}

impl Stream {
    /// Tells what runs to end, unless it has, and only then lets the connection go. A server need not pass that
    /// on: then what runs ends when it writes to the line that is gone.
    async fn end(self) {
        self.line.stop(END_TIMEOUT).await;
        drop(self.connection);
    }
}

/// A stream that is ended in order however it is left: its future may be dropped at any time.
struct Held(Option<Stream>);

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some(stream), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(stream.end());
        }
    }
}

impl Session {
    /// Runs a script whose standard output goes into `sink`, on a second connection. One that passes its
    /// limits is given up, and has timed out.
    ///
    /// # Errors
    /// [`TransportError::Lost`] when the line breaks or no exit status comes: then what went into the
    /// sink is not whole. A script that fails is no error; see [`StreamEnd::status`].
    pub async fn download(
        &self,
        as_user: &RunAs,
        script: &Script,
        limits: Limits,
        sink: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<StreamEnd, TransportError> {
        let mut held = Held(Some(self.stream(as_user, script).await?));
        let Some(stream) = &mut held.0 else { return Err(self.lost("the stream is gone")) };
        let _ = stream.line.orders().eof().await;
        let (mut bytes, mut status) = (stream.stdout.len() as u64, None);
        sink.write_all(&stream.stdout).await.map_err(|error| self.local(&error))?;
        let end = Instant::now() + limits.whole;
        loop {
            let until = end.min(Instant::now() + limits.silence);
            let event = match tokio::time::timeout_at(until, stream.line.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(_) => {
                    keep(&mut stream.stderr, b"\nnothing came in time");
                    status = Some(Status::TimedOut);
                    break;
                }
            };
            match event {
                Event::Out(data) => {
                    sink.write_all(&data).await.map_err(|error| self.local(&error))?;
                    bytes += data.len() as u64;
                }
                Event::Err(data) => keep(&mut stream.stderr, &data),
                Event::Exit(code) => status = Some(exit_status(code)),
                Event::Signal(name) => status = Some(Status::Signalled(name)),
                Event::Granted(_) => {}
            }
        }
        sink.flush().await.map_err(|error| self.local(&error))?;
        let Some(status) = status else { return Err(self.without_status().await) };
        Ok(StreamEnd { status, stderr: std::mem::take(&mut stream.stderr), bytes })
    }

    /// Runs a script whose standard input is `source`, on a second connection.
    ///
    /// # Errors
    /// As [`Session::download`].
    pub async fn feed(
        &self,
        as_user: &RunAs,
        script: &Script,
        source: &mut (dyn AsyncRead + Unpin + Send),
    ) -> Result<Answer, TransportError> {
        let stream = self.stream(as_user, script).await?;
        let _connection = stream.connection;
        let orders = stream.line.orders();
        let mut answer = Output { stdout: stream.stdout, stderr: stream.stderr, ..Output::default() };
        let mut line = stream.line;
        let send = async {
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let count = source.read(&mut piece).await?;
                if count == 0 {
                    break;
                }
                match tokio::time::timeout(FEED_SILENCE, orders.send(piece[..count].to_vec())).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => break,
                    Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
                }
            }
            // The script may have ended before its input; its status says whether that was right.
            let _ = orders.eof().await;
            Ok::<(), std::io::Error>(())
        };
        let receive = async {
            while let Some(event) = line.next().await {
                answer.take(event);
            }
        };
        {
            let mut receive = std::pin::pin!(receive);
            tokio::select! {
                sent = send => {
                    sent.map_err(|error| self.local(&error))?;
                    receive.await;
                }
                () = &mut receive => {}
            }
        }
        let Some(status) = answer.status else { return Err(self.without_status().await) };
        let (stdout, stderr, truncated) = (answer.stdout, answer.stderr, answer.truncated);
        Ok(Answer { status, stdout, stderr, truncated })
    }

    /// Puts a file under `$BLOBS`, unless it is there: size and SHA-256 are verified on the server
    /// before it gets its name.
    ///
    /// # Errors
    /// [`TransportError::NoSpace`] before anything is sent, [`TransportError::Upload`] when the bytes
    /// that arrived are not those.
    pub async fn upload(
        &self,
        as_user: &RunAs,
        blob: &BlobRef,
        source: &mut (dyn AsyncRead + Unpin + Send),
    ) -> Result<(), TransportError> {
        let (owner, account) = self.keeper(as_user).await?;
        let digest = blob.digest.to_string();
        if self.has_room(as_user, blob, blob.size).await? {
            return Ok(());
        }
        let script = text::receive(&digest, blob.size, &text::random_word(), &account);
        let answer = self.feed(&owner, &script, source).await?;
        if answer.status.success() {
            return Ok(());
        }
        let said = said(&answer.stderr);
        let cause = if said.is_empty() { answer.status.to_string() } else { said };
        Err(TransportError::Upload { server: self.server.name.clone(), digest: blob.digest.short(), cause })
    }

    /// Whose files lie where an account finds them, and the account's name where it is not that one's own.
    async fn keeper(&self, as_user: &RunAs) -> Result<(RunAs, String), TransportError> {
        // Files lie in the folder of the shell; an account of its own reads them there.
        let (place, account) = self.settle(as_user).await?;
        let owner = match place {
            Place::Login => RunAs::Login,
            Place::Root => RunAs::Root,
            Place::Account(_) => as_user.clone(),
        };
        Ok((owner, account))
    }

    /// Whether a file is there already; if not, there is room for `size` bytes.
    ///
    /// # Errors
    /// [`TransportError::NoSpace`] where there is not.
    pub async fn has_room(&self, as_user: &RunAs, blob: &BlobRef, size: u64) -> Result<bool, TransportError> {
        let (owner, account) = self.keeper(as_user).await?;
        let digest = blob.digest.to_string();
        let raw = self.ask(&owner, STAGE_TIMEOUT, |number| text::room(number, &digest, &account)).await?;
        let room = String::from_utf8_lossy(&raw.stdout).into_owned();
        if room == "there" {
            return Ok(true);
        }
        let free = room
            .strip_prefix("free ")
            .and_then(|kib| kib.parse::<u64>().ok())
            .map(|kib| kib.saturating_mul(1024));
        let needed = size.saturating_add(ROOM_BYTES);
        if let Some(free) = free.filter(|free| *free < needed) {
            let server = self.server.name.clone();
            return Err(TransportError::NoSpace { server, folder: "$BLOBS".to_owned(), free, needed });
        }
        Ok(false)
    }

    /// Removes a file that was put under `$BLOBS`.
    ///
    /// # Errors
    /// When the line breaks.
    pub async fn discard(&self, as_user: &RunAs, blob: &BlobRef) -> Result<(), TransportError> {
        let (owner, _) = self.keeper(as_user).await?;
        let digest = blob.digest.to_string();
        self.ask(&owner, STAGE_TIMEOUT, |number| text::discard(number, &digest)).await.map(|_| ())
    }

    async fn stream(&self, as_user: &RunAs, script: &Script) -> Result<Stream, TransportError> {
        let (place, account) = self.settle(as_user).await?;
        let id = text::random_word();
        let raw =
            self.ask(as_user, STAGE_TIMEOUT, |number| text::stage(number, &account, &id, script)).await?;
        let path = String::from_utf8_lossy(&raw.stdout).into_owned();
        if raw.code != "0" {
            let cause = said(&raw.stdout);
            return Err(TransportError::Shell { server: self.server.name.clone(), cause });
        }
        let connection =
            connect::connect(&self.server, &self.way, &self.credentials, &self.options, Purpose::Bulk)
                .await?;
        let sudo = self.sudo(place, format!("{id}-ready"), true);
        let command = format!("sh {}", crate::model::script::quote(&path));
        let command = if place == Place::Login { format!("exec {command}") } else { sudo.command(&command) };
        let mut line = exec(&connection.client, &self.server, &command, Line::paced).await?;
        // The script says on both outputs that it starts, after any prompt: only then data may follow.
        let (mut stderr, mut stdout) = (Vec::new(), Vec::new());
        let start = wait_for_start(&self.server.name, &mut line, &sudo, &mut stderr, &mut stdout);
        match tokio::time::timeout(STAGE_TIMEOUT, start).await {
            Ok(Err(TransportError::SudoRefused { server, cause, .. })) if place == Place::Login => {
                return Err(TransportError::Shell { server, cause });
            }
            Ok(result) => result?,
            Err(_) => return Err(self.lost("a stream does not start")),
        }
        Ok(Stream { line, stdout, stderr, connection })
    }

    async fn without_status(&self) -> TransportError {
        self.blame(self.lost("the stream ended without a status")).await
    }

    fn local(&self, error: &std::io::Error) -> TransportError {
        TransportError::Local { server: self.server.name.clone(), cause: error.to_string() }
    }
}

/// What a fed script says, as far as it is kept.
#[derive(Default)]
struct Output {
    status: Option<Status>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    truncated: bool,
}

impl Output {
    fn take(&mut self, event: Event) {
        match event {
            Event::Out(data) => {
                let room = OUTPUT_BYTES_MAX.saturating_sub(self.stdout.len());
                self.truncated |= data.len() > room;
                self.stdout.extend_from_slice(&data[..data.len().min(room)]);
            }
            Event::Err(data) => keep(&mut self.stderr, &data),
            Event::Exit(code) => self.status = Some(exit_status(code)),
            Event::Signal(name) => self.status = Some(Status::Signalled(name)),
            Event::Granted(_) => {}
        }
    }
}
