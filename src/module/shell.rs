//! Pieces of shell text that several modules share.

use super::Content;
use crate::model::script::quote;
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Returns `text` with control characters escaped, cut after `chars_max` characters.
///
/// Everything from a server or a file goes through this before a person sees it: an escape sequence
/// must not reach a terminal.
#[must_use]
pub fn printable(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == chars_max {
            shown.push('…');
            break;
        }
        let hidden =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if hidden || (character.is_control() && character != '\t') {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A text for the shell as words of a command, for places that take words only.
#[must_use]
pub fn words_of_shell(text: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), text.to_owned()]
}

/// The start of every script that changes something: it stops at the first error, and what it
/// creates is private until it is told otherwise.
pub(super) const CHANGE: &str =
    "set -eu\numask 077\nfail() { printf 'esclusa: %s\\n' \"$1\" >&2; exit 65; }\n";

/// Shell text that writes `content` to standard output.
pub(super) fn emit(content: &Content) -> String {
    match content {
        Content::Bytes(bytes) if bytes.is_empty() => ":\n".to_owned(),
        Content::Bytes(bytes) => emit_bytes(bytes),
        Content::Blob(blob) => format!("cat -- \"$BLOBS/{}\"\n", blob.digest),
    }
}

/// Shell text that writes `bytes` to standard output; put it in braces to send it elsewhere.
///
/// Base64 in a quoted here-document: no byte of the content is ever parsed by the shell.
pub(super) fn emit_bytes(bytes: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(bytes);
    let mut text = String::from("base64 -d <<'ESCLUSA_END'\n");
    for line in encoded.as_bytes().chunks(76) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str("ESCLUSA_END\n");
    text
}

/// Decodes base64 that a probe printed.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text.trim()).ok()
}

/// Assigns `value` to the shell variable `name`.
pub(super) fn assign(name: &str, value: &str) -> String {
    format!("{name}={}\n", quote(value))
}

/// The lines `key=value` of a probe's answer.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_terminal_gets_through() {
        for (text, shown) in [
            ("plain ñ", "plain ñ"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\rb", "a\\rb"),
            ("abc\u{202e}txt", "abc\\u{202e}txt"),
            ("123456789012", "1234567890…"),
        ] {
            assert_eq!(printable(text, 10), shown);
        }
    }
}
