//! Markdown as documents use it: people's words stay words, and lines fit a page.

use crate::report::{escape as visible, lines::COLUMNS};

/// Longest text of a person in a document, in characters; the journal has all of it.
const TEXT_CHARS_MAX: usize = 4000;

/// A text on one line that means nothing to Markdown.
#[must_use]
pub fn escape(text: &str) -> String {
    let cut = text.chars().nth(TEXT_CHARS_MAX).is_some();
    let spaced = |letter| if matches!(letter, '\n' | '\r' | '\t') { ' ' } else { letter };
    let one_line: String = text.chars().take(TEXT_CHARS_MAX).map(spaced).collect();
    let mut plain = String::with_capacity(text.len());
    for letter in visible::visible(one_line.trim()).chars() {
        if "\\`*_[]<>#|~&$".contains(letter) {
            plain.push('\\');
        }
        plain.push(letter);
    }
    if cut {
        plain.push('…');
    }
    let (first, rest) = plain.split_at(plain.find(' ').unwrap_or(plain.len()));
    format!("{}{rest}", at_the_beginning(first))
}

/// The text without empty lines one after the other and without blanks at the ends of lines; what is
/// longer than a page is wide goes on below, where Markdown takes it as the same item.
pub(super) fn tidy(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            if out.last().is_some_and(|last| !last.is_empty()) {
                out.push(String::new());
            }
            continue;
        }
        out.extend(wrap(line));
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out.join("\n") + "\n"
}

fn wrap(line: &str) -> Vec<String> {
    if line.starts_with('#') || visible::width(line) <= COLUMNS {
        return vec![line.to_owned()];
    }
    let indent = line.len() - line.trim_start().len();
    let body = line.trim_start();
    let hang = " ".repeat(indent + if body.starts_with("- ") { 2 } else { 0 });
    let mut lines = Vec::new();
    let mut current = " ".repeat(indent);
    let mut empty = true;
    for word in body.split(' ').filter(|word| !word.is_empty()) {
        if !empty && visible::width(&current) + 1 + visible::width(word) > COLUMNS {
            lines.push(std::mem::replace(&mut current, hang.clone()));
            current.push_str(&at_the_beginning(word));
        } else {
            if !empty {
                current.push(' ');
            }
            current.push_str(word);
        }
        empty = false;
    }
    lines.push(current);
    lines
}

/// A word that would begin a list or a heading where a line begins with it.
fn at_the_beginning(word: &str) -> String {
    let digits = word.chars().take_while(char::is_ascii_digit).count();
    let after = word.get(digits..).unwrap_or_default();
    if digits > 0 && (after == "." || after == ")") {
        return format!("{}\\{after}", &word[..digits]);
    }
    if word.starts_with(['-', '+', '=']) {
        return format!("\\{word}");
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_stays_text() {
        for (text, shown) in [
            ("# a\n- b", "\\# a - b"),
            ("[x](http://e)", "\\[x\\](http://e)"),
            ("<b> & `c` | d", "\\<b\\> \\& \\`c\\` \\| d"),
            ("- a", "\\- a"),
            ("1. a", "1\\. a"),
            ("1.2.3", "1.2.3"),
            ("a\u{1b}[2J\u{202e}", "a\\\\u{1b}\\[2J\\\\u{202e}"),
        ] {
            assert_eq!(escape(text), shown);
        }
        assert!(escape(&"a".repeat(5000)).ends_with('…'));
    }

    #[test]
    fn a_long_item_goes_on_below_itself_and_begins_no_other() {
        let text = format!("- {} ab - and 7. so +\n\n\n\n# {}\n", "word ".repeat(15).trim(), "x ".repeat(60));
        let tidy = tidy(&text);
        let lines: Vec<_> = tidy.lines().collect();
        assert_eq!(lines[1], "  \\- and 7. so +");
        assert_eq!(lines[2], "");
        assert!(lines[3].starts_with("# x"));
        assert_eq!(lines.len(), 4);
    }

    proptest! {
        #[test]
        fn no_line_of_words_is_wider_than_a_page(words in prop::collection::vec("[a-z.0-9+-]{1,30}", 1..60)) {
            let text = tidy(&format!("  - {}", words.join(" ")));
            for line in text.lines() {
                // A word that would begin a list is longer by its backslash.
                prop_assert!(visible::width(line) <= COLUMNS + 1, "{line}");
            }
            let joined: String = text.chars().filter(|letter| !" \n\\".contains(*letter)).collect();
            let whole: String = format!("-{}", words.concat());
            prop_assert_eq!(joined, whole);
        }
    }
}
