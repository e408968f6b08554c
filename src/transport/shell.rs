//! The persistent shell: texts in, answers out, in order.

use super::TransportError;
use super::channel::{Event, Line, Orders};
use super::protocol::{Raw, Reader};
use super::text;
use crate::model::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use tokio::time::timeout;

/// Time that a shell, and `sudo`, may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(45);
/// Bytes of the shell's own error output that are kept to explain a failure.
const ERROR_BYTES_MAX: usize = 8 * 1024;
/// Characters of it that stand in a message.
const SAID_CHARS_MAX: usize = 400;
/// Where a text was cut.
const CUT: &str = "…";
/// Small texts travel together.
const CHUNK_BYTES: usize = 64 * 1024;

/// A text for the shell, and how long its answer may take.
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) text: String,
    pub(super) patience: Duration,
}

/// One persistent shell.
pub(super) struct Shell {
    server: ServerName,
    line: Line,
    orders: Orders,
    reader: Reader,
    errors: Vec<u8>,
    next: u64,
    /// Set while answers are awaited; a call that was given up leaves it set.
    busy: bool,
    /// Store and epoch under which this shell holds the server.
    pub(super) guard: Option<(String, u64)>,
}

/// How to become root when a shell opens.
pub(super) struct Sudo<'a> {
    pub(super) password: Option<&'a SecretString>,
    pub(super) prompt: String,
    /// The word by which the command says that it runs.
    pub(super) ready: String,
    /// Whether it says so on standard error, since standard output is a stream.
    pub(super) streams: bool,
}

impl Sudo<'_> {
    /// The command that starts `command` as root.
    pub(super) fn command(&self, command: &str) -> String {
        format!("exec sudo -S -p {} {command}", self.prompt)
    }
}

impl Shell {
    /// Opens the library in a shell that was started on `line`.
    pub(super) async fn open(
        server: &ServerName,
        line: Line,
        sudo: Option<&Sudo<'_>>,
    ) -> Result<Self, TransportError> {
        let (nonce, id) = (text::random_word(), text::random_word());
        let orders = line.orders();
        let mut shell = Self {
            server: server.clone(),
            line,
            orders,
            reader: Reader::new(&nonce),
            errors: Vec::new(),
            next: 0,
            busy: false,
            guard: None,
        };
        let opened = timeout(START_TIMEOUT, async {
            if let Some(sudo) = sudo {
                let mut stray = Vec::new();
                wait_for_start(&shell.server, &mut shell.line, sudo, &mut shell.errors, &mut stray).await?;
            }
            shell
                .orders
                .send(text::opening(&nonce, &id).into_bytes())
                .await
                .map_err(|_| shell.lost("it ended at once"))
        });
        match opened.await {
            Ok(result) => result?,
            Err(_) => return Err(shell.broken("it does not answer")),
        }
        Ok(shell)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Sends texts that ask for no answer.
    pub(super) async fn tell(&self, text: &str) {
        // If the line is gone, the next exchange says so.
        let _ = self.orders.send(text.as_bytes().to_vec()).await;
    }

    /// Sends all requests at once and reads their answers in order.
    pub(super) async fn exchange(
        &mut self,
        requests: Vec<Request>,
        seen: &mut (dyn FnMut(Raw) -> Result<(), TransportError> + Send),
    ) -> Result<(), TransportError> {
        if std::mem::replace(&mut self.busy, true) {
            return Err(self.lost("an earlier call was given up before its answers came"));
        }
        let expected: Vec<(u64, Duration)> =
            requests.iter().map(|request| (request.number, request.patience)).collect();
        let orders = self.orders.clone();
        let send = async move {
            let mut chunk = Vec::new();
            for request in requests {
                chunk.extend_from_slice(request.text.as_bytes());
                if chunk.len() >= CHUNK_BYTES && orders.send(std::mem::take(&mut chunk)).await.is_err() {
                    return;
                }
            }
            let _ = orders.send(chunk).await;
        };
        // Both at once: a shell that waits for its answers to be read does not read either.
        let receive = async {
            let shell = &mut *self;
            for (number, patience) in expected {
                let raw = match timeout(patience, shell.receive()).await {
                    Ok(raw) => raw?,
                    Err(_) => return Err(shell.lost("no answer in time")),
                };
                if raw.number != number {
                    return Err(shell.protocol(&format!("answer {} instead of {number}", raw.number)));
                }
                seen(raw)?;
            }
            Ok(())
        };
        let result = {
            let mut receive = std::pin::pin!(receive);
            tokio::select! {
                result = &mut receive => result,
                () = send => receive.await,
            }
        };
        self.busy = result.is_err();
        result
    }

    async fn receive(&mut self) -> Result<Raw, TransportError> {
        loop {
            match self.reader.next() {
                Ok(Some(raw)) => return Ok(raw),
                Ok(None) => {}
                Err(cause) if self.next <= 1 => return Err(self.broken(&cause)),
                Err(cause) => return Err(self.protocol(&cause)),
            }
            match self.line.next().await {
                Some(Event::Out(bytes)) => self.reader.push(&bytes),
                Some(Event::Err(bytes)) => keep(&mut self.errors, &bytes),
                Some(_) => {}
                None if self.next <= 1 => return Err(self.broken("it ended")),
                None => return Err(self.lost("the shell ended")),
            }
        }
    }

    fn lost(&self, cause: &str) -> TransportError {
        let said = said(&self.errors);
        let cause = if said.is_empty() { cause.to_owned() } else { format!("{cause}; it said: {said}") };
        TransportError::Lost { server: self.server.clone(), cause }
    }

    fn protocol(&self, cause: &str) -> TransportError {
        TransportError::Protocol { server: self.server.clone(), cause: said(cause.as_bytes()) }
    }

    fn broken(&self, cause: &str) -> TransportError {
        let said = said(&self.errors);
        let cause = if said.is_empty() { self::said(cause.as_bytes()) } else { said };
        TransportError::Shell { server: self.server.clone(), cause }
    }
}

/// Answers `sudo`'s prompt, once, and waits until its command says that it runs.
///
/// What follows the word goes to `errors`; output of a stream that overtakes it, to `stray`.
pub(super) async fn wait_for_start(
    server: &ServerName,
    line: &mut Line,
    sudo: &Sudo<'_>,
    errors: &mut Vec<u8>,
    stray: &mut Vec<u8>,
) -> Result<(), TransportError> {
    let orders = line.orders();
    let (mut output, mut asked) = (Vec::new(), 0);
    loop {
        match line.next().await {
            Some(Event::Out(bytes)) if sudo.streams => {
                stray.extend_from_slice(&bytes);
                continue;
            }
            Some(Event::Out(bytes) | Event::Err(bytes)) => keep(&mut output, &bytes),
            Some(_) => continue,
            None => {
                let text = said(String::from_utf8_lossy(&output).replace(&sudo.prompt, "").as_bytes());
                let cause = if text.is_empty() { "it ended without a word".to_owned() } else { text };
                return Err(TransportError::SudoRefused { server: server.clone(), cause });
            }
        }
        if let Some(at) = find(&output, format!("{}\n", sudo.ready).as_bytes()) {
            keep(errors, &output[at + sudo.ready.len() + 1..]);
            return Ok(());
        }
        let prompts = String::from_utf8_lossy(&output).matches(&sudo.prompt).count();
        if prompts > asked {
            asked = prompts;
            match sudo.password {
                None => return Err(TransportError::SudoPasswordMissing { server: server.clone() }),
                Some(_) if asked > 1 => {
                    return Err(TransportError::SudoPasswordWrong { server: server.clone() });
                }
                Some(password) => {
                    let mut answer = password.expose_secret().as_bytes().to_vec();
                    answer.push(b'\n');
                    let _ = orders.send(answer).await;
                }
            }
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// Keeps the last bytes of an output. Where some were dropped it begins with an ellipsis: half a secret may
/// follow, which is found by that.
pub(super) fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(bytes);
    if kept.len() > ERROR_BYTES_MAX {
        let surplus = kept.len() + CUT.len() - ERROR_BYTES_MAX;
        kept.splice(..surplus, CUT.bytes());
    }
}

/// What a server said, fit for one line of a message.
pub(super) fn said(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    let clean: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    let surplus = clean.chars().count().saturating_sub(SAID_CHARS_MAX);
    let cut = if surplus > 0 { CUT } else { "" };
    cut.chars().chain(clean.chars().skip(surplus)).collect()
}
