//! The persistent shell: texts in, answers out, in order.

use super::TransportError;
use super::channel::{Event, Line, Orders};
use super::protocol::{Raw, Reader};
use super::text;
use crate::model::script::quote;
use crate::model::{Become, ServerName};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use tokio::time::timeout;

/// Time that a shell, and `sudo`, may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(45);
/// Silence after a question that is not ours; then nobody is going to answer it.
const QUESTION_PATIENCE: Duration = Duration::from_secs(10);
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
    /// Bytes that each output of the answer may have.
    pub(super) limit: usize,
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

/// How to become root, or another account, when a shell opens.
pub(super) struct Sudo<'a> {
    /// The program that does it.
    pub(super) program: Become,
    /// Another account than root.
    pub(super) account: Option<String>,
    pub(super) password: Option<&'a SecretString>,
    pub(super) prompt: String,
    /// The word by which the command says that it runs.
    pub(super) ready: String,
    /// Whether it says so on standard error, since standard output is a stream.
    pub(super) streams: bool,
}

impl Sudo<'_> {
    /// It does not go on, after these words.
    fn waits(&self, server: &ServerName, words: &str) -> TransportError {
        let words = said(words.replace(&self.prompt, "").as_bytes());
        let cause = if words.is_empty() {
            "it does not answer".to_owned()
        } else {
            format!("it waits after these words: {words}")
        };
        TransportError::SudoRefused { server: server.clone(), with: self.name(), cause }
    }

    fn name(&self) -> &'static str {
        if self.program == Become::Doas { "doas" } else { "sudo" }
    }

    /// The command that starts `command` as that account.
    pub(super) fn command(&self, command: &str) -> String {
        let user = self.account.as_ref().map(|name| format!(" -u {}", quote(name))).unwrap_or_default();
        match self.program {
            // It reads passwords from a terminal alone, so it must not ask for one.
            Become::Doas => format!("exec doas -n{user} {command}"),
            Become::Sudo | Become::No if user.is_empty() => {
                format!("exec sudo -S -p {} {command}", self.prompt)
            }
            Become::Sudo | Become::No => format!("exec sudo -S -H -p {}{user} {command}", self.prompt),
        }
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
            Err(_) => return Err(shell.silent(sudo)),
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
        let expected: Vec<(u64, Duration, usize)> =
            requests.iter().map(|request| (request.number, request.patience, request.limit)).collect();
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
            for (number, patience, limit) in expected {
                shell.reader.expect(limit);
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
                None if self.next <= 1 => return Err(self.broken("it ended at once")),
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

    /// What a shell says that never worked, on whichever output.
    fn broken(&self, cause: &str) -> TransportError {
        let words = [said(&self.errors), said(self.reader.stray())];
        let words: Vec<&str> = words.iter().map(String::as_str).filter(|words| !words.is_empty()).collect();
        let mut cause = said(cause.as_bytes());
        if !words.is_empty() {
            cause.push_str(&format!("; it said: {}", words.join(" ")));
        }
        TransportError::Shell { server: self.server.clone(), cause }
    }

    /// A shell that does not start in time, or a `sudo` that waits for something else than a password.
    fn silent(&self, sudo: Option<&Sudo<'_>>) -> TransportError {
        match sudo {
            Some(sudo) => sudo.waits(&self.server, &String::from_utf8_lossy(&self.errors)),
            None => self.broken("it does not answer"),
        }
    }
}

/// Answers `sudo`'s prompt, once, and waits until its command says that it runs.
///
/// What follows the word goes to `errors`; of a stream's output what follows it there, to `stray`: what
/// the login prints before that is none of it.
pub(super) async fn wait_for_start(
    server: &ServerName,
    line: &mut Line,
    sudo: &Sudo<'_>,
    errors: &mut Vec<u8>,
    stray: &mut Vec<u8>,
) -> Result<(), TransportError> {
    let orders = line.orders();
    // Kept outside, so that it can be told if the time is over.
    let (output, mut asked) = (errors, 0);
    let word = format!("{}\n", sudo.ready);
    let mut begun = !sudo.streams;
    loop {
        let Ok(event) = timeout(QUESTION_PATIENCE, line.next()).await else {
            // Before the prompt it may be the login that is slow.
            match question(output, &sudo.prompt).filter(|_| asked > 0) {
                Some(words) => return Err(sudo.waits(server, &words)),
                None => continue,
            }
        };
        match event {
            Some(Event::Out(bytes)) if begun && sudo.streams => stray.extend_from_slice(&bytes),
            Some(Event::Out(bytes)) if sudo.streams => {
                stray.extend_from_slice(&bytes);
                // Without the word, only a part of it at the end still counts.
                let from = stray.len().saturating_sub(word.len());
                let at = find(stray, word.as_bytes()).map(|at| at + word.len());
                stray.drain(..at.unwrap_or(from));
                if at.is_some() {
                    begun = true;
                }
            }
            Some(Event::Out(bytes) | Event::Err(bytes)) => keep(output, &bytes),
            Some(_) => continue,
            None => {
                let text =
                    String::from_utf8_lossy(output).replace(&sudo.prompt, "").replace(&sudo.ready, "…");
                let text = said(text.as_bytes());
                let cause = if text.is_empty() { "it ended without a word".to_owned() } else { text };
                return Err(TransportError::SudoRefused { server: server.clone(), with: sudo.name(), cause });
            }
        }
        if let Some(at) = find(output, word.as_bytes()).filter(|_| begun) {
            output.drain(..at + word.len());
            return Ok(());
        }
        let prompts = String::from_utf8_lossy(output).matches(&sudo.prompt).count();
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

/// A last line without an end that is not our prompt: somebody else's question, such as for a code.
fn question(output: &[u8], prompt: &str) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let last = text.rsplit(prompt).next().unwrap_or_default();
    (!last.trim().is_empty() && !last.ends_with('\n')).then(|| last.to_owned())
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
