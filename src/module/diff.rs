//! What differs, in lines that people read and that are hashed.

use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};
use std::{collections::BTreeSet, fmt};

/// Most lines of a text that a diff shows; beyond, the digests tell the difference.
const TEXT_LINES_MAX: usize = 400;
/// Longest line that a diff shows, in characters.
const LINE_CHARS_MAX: usize = 500;
/// Largest text that is compared line by line, in bytes.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// What a line of a diff says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// A text line that stays.
    Keep,
    /// A text line that goes.
    Remove,
    /// A text line that comes.
    Add,
    /// An attribute or a remark: `mode: 0644 → 0600`.
    Note,
}

/// One line of a diff.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DiffLine {
    /// What it says.
    pub sign: Sign,
    /// Its text without line end; control characters are escaped.
    pub text: String,
}

/// What differs. Equal differences have equal diffs, so its canonical JSON can be hashed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Diff {
    /// In the order to show.
    pub lines: Vec<DiffLine>,
}

impl Diff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The same without the text that is there now: lines that stay are left out, and lines that go say
    /// `instead`. A line that comes as it goes, with another line end, is text of now as well.
    #[must_use]
    pub fn without_old_text(&self, instead: &str) -> Self {
        let goes: BTreeSet<_> = self.lines.iter().filter(|line| line.sign == Sign::Remove).collect();
        let is_old = |line: &DiffLine| {
            line.sign == Sign::Remove || goes.contains(&DiffLine { sign: Sign::Remove, ..line.clone() })
        };
        let new = |line: &DiffLine| match line.sign {
            Sign::Keep => None,
            Sign::Remove | Sign::Add if is_old(line) => {
                Some(DiffLine { sign: line.sign, text: instead.to_owned() })
            }
            _ => Some(line.clone()),
        };
        Self { lines: self.lines.iter().filter_map(new).collect() }
    }

    /// Adds a remark.
    pub(super) fn note(&mut self, text: impl AsRef<str>) {
        let text = super::printable(text.as_ref(), LINE_CHARS_MAX);
        self.lines.push(DiffLine { sign: Sign::Note, text });
    }

    /// Adds `name: from → to`.
    pub(super) fn attribute(&mut self, name: &str, from: impl fmt::Display, to: impl fmt::Display) {
        self.note(format!("{name}: {from} → {to}"));
    }

    /// A diff of one remark.
    pub(super) fn of(text: impl AsRef<str>) -> Self {
        let mut diff = Self::default();
        diff.note(text);
        diff
    }

    /// Adds the difference of two texts as unified lines; says so where they are not text.
    pub(super) fn content(&mut self, old: &[u8], new: &[u8]) {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).ok()?;
            (bytes.len() <= TEXT_BYTES_MAX && !text.contains('\0')).then_some(text)
        };
        let (Some(old), Some(new)) = (text(old), text(new)) else {
            self.note(format!("content: {} bytes → {} bytes, not shown", old.len(), new.len()));
            return;
        };
        let mut room = TEXT_LINES_MAX;
        let compared = TextDiff::from_lines(&old, &new);
        for (at, group) in compared.grouped_ops(3).iter().enumerate() {
            if at > 0 {
                self.note("…");
            }
            for change in group.iter().flat_map(|op| compared.iter_changes(op)) {
                if room == 0 {
                    self.note("further lines are not shown");
                    return;
                }
                room -= 1;
                self.line(&change);
            }
        }
    }

    fn line(&mut self, change: &similar::Change<&str>) {
        let sign = match change.tag() {
            ChangeTag::Equal => Sign::Keep,
            ChangeTag::Delete => Sign::Remove,
            ChangeTag::Insert => Sign::Add,
        };
        let line = change.value();
        let ended = line.strip_suffix('\n');
        let text = super::printable(ended.unwrap_or(line), LINE_CHARS_MAX);
        self.lines.push(DiffLine { sign, text });
        if ended.is_none() {
            self.note("no line end at the end of the file");
        }
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let sign = match line.sign {
                Sign::Keep => ' ',
                Sign::Remove => '-',
                Sign::Add => '+',
                Sign::Note => '~',
            };
            writeln!(f, "{sign} {}", line.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let mut diff = Diff::default();
        diff.content(old.as_bytes(), new.as_bytes());
        diff.to_string()
    }

    #[test]
    fn texts_differ_by_lines_and_by_their_end() {
        assert_eq!(shown("a\nb\n", "a\nc\n"), "  a\n- b\n+ c\n");
        assert_eq!(shown("a\n", "a"), "- a\n+ a\n~ no line end at the end of the file\n");
        assert_eq!(shown("a\n", "a\n"), "");
        assert_eq!(shown("", "\u{1b}[31m\n"), "+ \\u{1b}[31m\n");
        assert!(shown("a\0", "b").contains("not shown"));
    }

    #[test]
    fn what_stands_there_now_can_be_left_out() {
        let mut diff = Diff::default();
        diff.content(b"a=1\nb=2\nc=3\nlast", b"a=1\nb=3\nc=3\nlast\nd=4");
        let without = diff.without_old_text("x").to_string();
        assert_eq!(
            without,
            "- x\n+ b=3\n- x\n~ no line end at the end of the file\n+ x\n+ d=4\n~ no line end at the end of the file\n"
        );
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let new: String = (0..1000).map(|number| format!("{number}\n")).collect();
        let text = shown("", &new);
        assert!(text.lines().count() <= TEXT_LINES_MAX + 1 && text.ends_with("not shown\n"));
    }
}
