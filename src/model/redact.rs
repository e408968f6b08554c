//! Keeps secrets out of everything that leaves the process.

use super::SecretName;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

mod forms;

/// Shortest value that is searched for; a shorter one would blot out ordinary text.
pub const SECRET_BYTES_MIN: usize = 4;

/// Where a text was cut: whoever cuts one leaves this mark, since half a secret may stand beside it.
const CUT: &str = "…";

/// Replaces every known secret value by `<secret:name>`.
///
/// It also knows the forms in which a value is often echoed: base64 in every alignment and alphabet,
/// percent-encoded, JSON-escaped, shell-quoted, with its control characters escaped, and each line of a
/// value with several lines. Beside an ellipsis, where somebody cut a text, it also finds the beginning
/// and the end of a value.
#[derive(Clone, Default)]
pub struct Redactor {
    /// By their first byte, the longest first.
    needles: BTreeMap<u8, Vec<Needle>>,
    known: BTreeSet<SecretName>,
}

#[derive(Clone)]
struct Needle {
    bytes: Vec<u8>,
    name: SecretName,
    /// Whether it is the value itself and not another spelling of it.
    plain: bool,
}

impl Redactor {
    /// Adds a secret's value.
    pub fn learn(&mut self, name: &SecretName, value: &str) {
        self.known.insert(name.clone());
        for (at, form) in forms::of(value).into_iter().enumerate() {
            let (Some(first), true) = (form.first(), form.len() >= SECRET_BYTES_MIN) else { continue };
            let needles = self.needles.entry(*first).or_default();
            match needles.iter_mut().find(|needle| needle.bytes == form) {
                Some(needle) => needle.plain |= at == 0,
                None => needles.push(Needle { bytes: form, name: name.clone(), plain: at == 0 }),
            }
            needles.sort_by_key(|needle| std::cmp::Reverse(needle.bytes.len()));
        }
    }

    /// Whether it was told the value of this secret.
    #[must_use]
    pub fn knows(&self, name: &SecretName) -> bool {
        self.known.contains(name)
    }

    /// The secret whose value stands in `text` as it is.
    #[must_use]
    pub fn held_by(&self, text: &str) -> Option<&SecretName> {
        let held = |needle: &&Needle| needle.plain && find(text.as_bytes(), &needle.bytes).is_some();
        self.all().find(held).map(|needle| &needle.name)
    }

    /// Returns `text` without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.needles.is_empty() {
            return text.to_owned();
        }
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// Takes secrets out of `text`.
    pub fn clean(&self, text: &mut String) {
        if !self.needles.is_empty() {
            *text = self.text(text);
        }
    }

    /// Returns `bytes` without secrets.
    #[must_use]
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            if let Some(length) = self.mark(rest) {
                // A mark stays as it is, though a value may be a word of it: twice redacted is once redacted.
                clean.extend_from_slice(&rest[..length]);
                at += length;
            } else if let Some(needle) = self.needle(rest) {
                clean.extend_from_slice(mark(&needle.name).as_bytes());
                at += needle.bytes.len();
            } else if rest.starts_with(CUT.as_bytes()) {
                self.end(&mut clean);
                clean.extend_from_slice(CUT.as_bytes());
                at += CUT.len();
                at += self.beginning(&bytes[at..], &mut clean);
            } else {
                clean.push(bytes[at]);
                at += 1;
            }
        }
        clean
    }

    fn all(&self) -> impl Iterator<Item = &Needle> {
        self.needles.values().flatten()
    }

    /// The longest value that `text` begins with.
    fn needle(&self, text: &[u8]) -> Option<&Needle> {
        self.needles.get(text.first()?)?.iter().find(|needle| text.starts_with(&needle.bytes))
    }

    /// Length of the mark that `text` begins with.
    fn mark(&self, text: &[u8]) -> Option<usize> {
        let name = text.strip_prefix(b"<secret:")?;
        let end = name.iter().take(super::name::NAME_BYTES_MAX + 1).position(|byte| *byte == b'>')?;
        let name = SecretName::parse(std::str::from_utf8(&name[..end]).ok()?).ok()?;
        self.known.contains(&name).then(|| mark(&name).len())
    }

    /// Replaces the beginning of a value at the end of `clean`, where a text was cut.
    fn end(&self, clean: &mut Vec<u8>) {
        let Some(last) = clean.last_chunk::<SECRET_BYTES_MIN>() else { return };
        let begun = |needle: &Needle| {
            let mut parts = needle.bytes.windows(SECRET_BYTES_MIN).enumerate();
            let begins = |at: usize| clean.ends_with(&needle.bytes[..at + SECRET_BYTES_MIN]);
            let (at, _) = parts.rfind(|(at, part)| *part == last && begins(*at))?;
            Some(at + SECRET_BYTES_MIN)
        };
        let longest = self.all().filter_map(|needle| Some((begun(needle)?, &needle.name))).max();
        if let Some((length, name)) = longest {
            clean.truncate(clean.len() - length);
            clean.extend_from_slice(mark(name).as_bytes());
        }
    }

    /// Replaces the end of a value at the beginning of `text`, where a text was cut. Returns its length.
    fn beginning(&self, text: &[u8], clean: &mut Vec<u8>) -> usize {
        let Some(first) = text.first_chunk::<SECRET_BYTES_MIN>() else { return 0 };
        let ended = |needle: &Needle| {
            let mut parts = needle.bytes.windows(SECRET_BYTES_MIN).enumerate();
            let (at, _) =
                parts.find(|(at, part)| *part == first && text.starts_with(&needle.bytes[*at..]))?;
            Some(needle.bytes.len() - at)
        };
        let longest = self.all().filter_map(|needle| Some((ended(needle)?, &needle.name))).max();
        let Some((length, name)) = longest else { return 0 };
        clean.extend_from_slice(mark(name).as_bytes());
        length
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} values)", self.known.len())
    }
}

/// What stands in place of a value.
fn mark(name: &SecretName) -> String {
    format!("<secret:{name}>")
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests;
