//! Untrusted text made safe to show: what a terminal would obey or a reader would not see is written out.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Combining marks that may follow one another; more would cover the lines above and below.
const COMBINING_MAX: usize = 2;

/// Returns `text` as one line that shows everything: `\n`, `\u{1b}`, `\u{202e}`.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut combining = 0;
    for character in text.chars() {
        let has_no_width = character.width() == Some(0);
        combining = if has_no_width { combining + 1 } else { 0 };
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if deceives(character) || combining > COMBINING_MAX => {
                shown.extend(character.escape_unicode());
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// Whether a terminal obeys `character`, or a reader cannot see it or sees others in another order.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
        || (character.is_whitespace() && character != ' ')
}

/// Returns [`visible`] text of at most `columns_max` columns; what was cut is marked with `…`.
#[must_use]
pub fn capped(text: &str, columns_max: usize) -> String {
    // Far beyond what fits there is nothing to escape.
    let shown = visible(&text.chars().take(columns_max.saturating_mul(4)).collect::<String>());
    let cut = text.chars().nth(columns_max.saturating_mul(4)).is_some();
    if width(&shown) <= columns_max && !cut {
        return shown;
    }
    let mut short = take(&shown, columns_max.saturating_sub(1)).to_owned();
    if width(&short) >= columns_max {
        // One wide character that does not fit beside the mark.
        short.clear();
    }
    short.push('…');
    short
}

/// Columns that `text` takes on a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// Breaks [`visible`] text into lines of at most `columns`, between words where possible.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let text = visible(text);
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        let line = lines.last().map_or(0, |line| width(line));
        if line > 0 && line + 1 + width(word) > columns {
            lines.push(String::new());
        }
        while width(word) > columns {
            let piece = take(word, columns);
            push(&mut lines, piece);
            lines.push(String::new());
            word = &word[piece.len()..];
        }
        push(&mut lines, word);
    }
    if lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn push(lines: &mut [String], word: &str) {
    if let Some(line) = lines.last_mut() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
}

/// The longest beginning of `text` that fits into `columns`; at least one character.
fn take(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > columns && at > 0 {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, shown) in [
            ("año 2026", "año 2026"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{200b}b\u{2066}", "a\\u{200b}b\\u{2066}"),
            ("e\u{301}\u{301}\u{301}", "e\u{301}\u{301}\\u{301}"),
            ("a\u{a0}b", "a\\u{a0}b"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn cut_text_says_so() {
        assert_eq!(capped("abcdef", 6), "abcdef");
        assert_eq!(capped("abcdefg", 6), "abcde…");
        assert_eq!(capped("日本語", 4), "日…");
        assert_eq!(width(&capped(&"\u{301}".repeat(1000), 5)), 5);
    }

    proptest! {
        #[test]
        // Letters of every script but without the marks of which a terminal's width is nobody's to say.
        fn lines_fit_and_nothing_is_lost(text in r"[\p{L}\p{N}\p{P}\p{S}\p{C} ]{0,64}", columns in 2usize..60) {
            let lines = wrap(&text, columns);
            let joined: String = lines.concat().chars().filter(|c| *c != ' ').collect();
            let whole: String = visible(&text).chars().filter(|c| *c != ' ').collect();
            prop_assert_eq!(joined, whole);
            for line in &lines {
                prop_assert!(width(line) <= columns, "{:?}", line);
                prop_assert!(!line.chars().any(deceives));
            }
            prop_assert!(width(&capped(&text, columns)) <= columns);
        }
    }
}
