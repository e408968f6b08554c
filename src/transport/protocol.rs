//! Reads the answers of the persistent shell out of its output.
//!
//! ```text
//! \nNONCE NUMBER CODE\n  standard output  \nNONCE -\n  standard error  \nNONCE .\n
//! ```
//!
//! The nonce is known to our shell alone, so no output can imitate a mark; bytes are passed as they are.

use super::frame::Refusal;
use crate::model::{Answer, ServerName, Status};

/// One answer, still in the shell's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Raw {
    /// The frame's number.
    pub(super) number: u64,
    /// An exit status, or a letter of our own.
    pub(super) code: String,
    /// Standard output.
    pub(super) stdout: Vec<u8>,
    /// Standard error.
    pub(super) stderr: Vec<u8>,
}

/// A mark's line, and the bytes before it.
type Mark = (Vec<u8>, Vec<u8>);

/// What a mark opens or ends.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Outside,
    Stdout,
    Stderr,
}

/// Collects bytes and hands out whole answers.
pub(super) struct Reader {
    mark: Vec<u8>,
    buffer: Vec<u8>,
    searched: usize,
    part: Part,
    open: Option<Raw>,
    room: usize,
}

/// Bytes that may come before an answer: what a login prints.
const OUTSIDE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest line of a mark; a longer one is no mark of ours.
const MARK_LINE_BYTES_MAX: usize = 4096;

impl Reader {
    pub(super) fn new(nonce: &str) -> Self {
        Self {
            mark: format!("\n{nonce} ").into_bytes(),
            buffer: Vec::new(),
            searched: 0,
            part: Part::Outside,
            open: None,
            room: OUTSIDE_BYTES_MAX,
        }
    }

    /// Says how many bytes each output of the next answer may have.
    pub(super) fn expect(&mut self, limit: usize) {
        self.room = limit.saturating_add(MARK_LINE_BYTES_MAX);
    }

    /// What has come that belongs to no answer.
    pub(super) fn stray(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole answer, if it has arrived.
    ///
    /// # Errors
    /// What the shell said when it gave up, or what came out of turn.
    pub(super) fn next(&mut self) -> Result<Option<Raw>, String> {
        while let Some((line, before)) = self.next_mark()? {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(cause) = line.strip_prefix("! ") {
                return Err(cause.to_owned());
            }
            if let Some(raw) = self.turn(&line, before)? {
                return Ok(Some(raw));
            }
        }
        Ok(None)
    }

    fn turn(&mut self, line: &str, before: Vec<u8>) -> Result<Option<Raw>, String> {
        match (&self.part, line) {
            (Part::Stdout, "-") => {
                if let Some(raw) = &mut self.open {
                    raw.stdout = before;
                }
                self.part = Part::Stderr;
            }
            (Part::Stderr, ".") => {
                self.part = Part::Outside;
                if let Some(mut raw) = self.open.take() {
                    raw.stderr = before;
                    return Ok(Some(raw));
                }
            }
            (Part::Outside, _) => {
                let (number, code) = line.split_once(' ').ok_or_else(|| format!("`{line}`"))?;
                let number = number.parse().map_err(|_| format!("`{line}`"))?;
                self.open =
                    Some(Raw { number, code: code.to_owned(), stdout: Vec::new(), stderr: Vec::new() });
                self.part = Part::Stdout;
            }
            _ => return Err(format!("`{line}`")),
        }
        Ok(None)
    }

    fn next_mark(&mut self) -> Result<Option<Mark>, String> {
        let Some(at) = self.find_mark() else {
            let room = if self.part == Part::Outside { OUTSIDE_BYTES_MAX } else { self.room };
            if self.buffer.len() > room {
                return Err("more output than was asked for".to_owned());
            }
            return Ok(None);
        };
        let start = at + self.mark.len();
        let window = &self.buffer[start..self.buffer.len().min(start + MARK_LINE_BYTES_MAX)];
        let Some(length) = window.iter().position(|byte| *byte == b'\n') else {
            self.searched = at;
            return if window.len() == MARK_LINE_BYTES_MAX {
                Err("an endless line".to_owned())
            } else {
                Ok(None)
            };
        };
        let line = window[..length].to_vec();
        let rest = self.buffer.split_off(start + length + 1);
        let mut before = std::mem::replace(&mut self.buffer, rest);
        before.truncate(at);
        self.searched = 0;
        Ok(Some((line, before)))
    }

    fn find_mark(&mut self) -> Option<usize> {
        let mut from = self.searched;
        while let Some(step) = self.buffer[from..].iter().position(|byte| *byte == b'\n') {
            let at = from + step;
            if self.buffer.len() < at + self.mark.len() {
                self.searched = at;
                return None;
            }
            if self.buffer[at..].starts_with(&self.mark) {
                return Some(at);
            }
            from = at + 1;
        }
        self.searched = self.buffer.len();
        None
    }
}

/// The names of signals 1 to 31 on Linux.
const SIGNALS: &[&str] = &[
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Reads a shell's `$?`: above 128 it names the signal that ended the command.
pub(super) fn status(code: u32) -> Status {
    let signal = (code as usize).checked_sub(129).and_then(|index| SIGNALS.get(index));
    match signal {
        Some(name) => Status::Signalled((*name).to_owned()),
        None => Status::Exited(code.min(255).cast_signed()),
    }
}

/// The answer in `raw`, cut to `limit`; nothing if its code is no status.
pub(super) fn answer(mut raw: Raw, limit: usize) -> Option<Answer> {
    let status = match raw.code.as_str() {
        "T" => Status::TimedOut,
        number => status(number.parse().ok()?),
    };
    let truncated = raw.stdout.len() > limit || raw.stderr.len() > limit;
    raw.stdout.truncate(limit);
    raw.stderr.truncate(limit);
    Some(Answer { status, stdout: raw.stdout, stderr: raw.stderr, truncated })
}

/// Who holds the server, from the text of its guard file.
pub(super) fn refusal(server: &ServerName, text: &[u8], ours: Option<&(String, u64)>) -> Refusal {
    let text = String::from_utf8_lossy(text);
    let (store, epoch) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let clean: String = store.chars().filter(|c| !c.is_control()).take(128).collect();
    Refusal {
        server: server.clone(),
        store: clean,
        epoch: epoch.trim().parse().unwrap_or(0),
        our_store: ours.map(|(store, _)| store.clone()).unwrap_or_default(),
        our_epoch: ours.map_or(0, |(_, epoch)| *epoch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_however_the_bytes_are_cut() {
        let stream = b"Welcome!\n\nN 4 0\n\x00\xff\nN is not\n\nN -\n\nN .\n\nN 5 T\nout\nN -\nerr\n\nN .\n";
        let nonce = "eRandom";
        let text = String::from_utf8_lossy(stream)
            .replace("\nN ", "\neRandom ")
            .replace("eRandom is not", "eRando is not");
        for size in 1..text.len() {
            let mut reader = Reader::new(nonce);
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                reader.push(piece);
                while let Some(raw) = reader.next().unwrap() {
                    found.push(raw);
                }
            }
            assert_eq!(found.len(), 2);
            assert!(found[0].stdout.ends_with(b"is not\n"));
            assert_eq!((found[1].code.as_str(), found[1].stderr.as_slice()), ("T", &b"err\n"[..]));
        }
    }

    #[test]
    fn a_server_that_sends_more_than_was_asked_for_is_cut_off() {
        let mut reader = Reader::new("eRandom");
        reader.expect(1000);
        reader.push(b"\neRandom 1 0\n");
        reader.push(&[b'x'; 1001]);
        assert_eq!(reader.next(), Ok(None), "one byte more says that it was cut");
        reader.push(&[b'x'; 8192]);
        assert_eq!(reader.next(), Err("more output than was asked for".to_owned()));
    }

    #[test]
    fn a_signal_is_no_exit_status() {
        assert_eq!(status(0), Status::Exited(0));
        assert_eq!(status(128), Status::Exited(128));
        assert_eq!(status(137), Status::Signalled("KILL".to_owned()));
        assert_eq!(status(255), Status::Exited(255));
    }
}
