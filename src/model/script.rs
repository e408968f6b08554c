//! Shell text that travels to a server, and what came back. The one place where text is quoted.

use super::Digest;
use serde::{Deserialize, Serialize};

/// POSIX shell text of our own making, ready to be parsed by `sh`.
///
/// It is run from a file with standard input closed, so it may contain any construct; it must not
/// rely on bash. `$BLOBS` is the folder with the files of [`BlobRef`], each named by its digest.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Script(pub String);

impl Script {
    /// Returns a script of `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Script {
    /// Scripts can carry secrets, so their text is never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Script({} bytes)", self.0.len())
    }
}

/// Quotes `text` as one word of POSIX shell.
///
/// NUL cannot be in a word; callers refuse it when they read the value.
#[must_use]
pub fn quote(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(safe) && !text.contains('=') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes every word and joins them with spaces.
#[must_use]
pub fn command_line<T: AsRef<str>>(words: &[T]) -> String {
    words.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// As whom a script runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunAs {
    /// The user that logs in.
    Login,
    /// Root, by the server's way of becoming root; the login user where it has none.
    Root,
    /// Another account of the server.
    User(String),
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It returned this number, 0 to 255.
    Exited(i32),
    /// A signal ended it.
    Signalled(String),
    /// Its time ran out and it was ended.
    TimedOut,
}

impl Status {
    /// Whether it returned 0.
    #[must_use]
    pub fn success(&self) -> bool {
        *self == Self::Exited(0)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(number) => write!(f, "exit status {number}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut => write!(f, "time limit reached"),
        }
    }
}

/// What a script on a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub status: Status,
    /// Standard output, capped by the caller's limit.
    pub stdout: Vec<u8>,
    /// Standard error, capped.
    pub stderr: Vec<u8>,
    /// Whether an output was longer than the limit.
    pub truncated: bool,
}

impl Answer {
    /// Standard output as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// A file of the depot that must lie on the server before a script runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlobRef {
    /// Its digest, and its name below `$BLOBS`.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_once_and_for_all() {
        for (text, quoted) in [
            ("plain", "plain"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("-n", "-n"),
            ("a\nb", "'a\nb'"),
            ("$HOME `x`", "'$HOME `x`'"),
            ("A=b", "'A=b'"),
            ("~", "'~'"),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }
}
