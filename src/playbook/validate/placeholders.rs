//! What `init` wrote to be replaced, and nobody has replaced.

use crate::document::{Decoder, Diagnostics, Source, Span};

/// The word that marks it.
const WORD: &str = "PLACEHOLDER";

/// Warns of every line that still holds a placeholder. An address that is one cannot work, so it is an
/// error; a comment of its own line says something to people and is left alone.
pub fn check_placeholders(source: &Source, diagnostics: &mut Diagnostics) {
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let trimmed = line.trim_start();
        if let Some(at) = line.find(WORD).filter(|_| !trimmed.starts_with('#')) {
            let mut decoder = Decoder::new(source, diagnostics);
            let span = |from: usize, length: usize| Span { start: start + from, end: start + from + length };
            match trimmed.strip_prefix("address:") {
                Some(rest) => {
                    let address = rest.split('#').next().unwrap_or_default().trim();
                    let from = line.find(address).unwrap_or(at);
                    let message = format!("the address `{address}` is a placeholder, where no server is");
                    let help = "write the server's address, and remove the comment";
                    decoder.error(span(from, address.len()), message, help);
                }
                None => {
                    let message = "this is a placeholder, which people would read as it is";
                    decoder.warn(span(at, WORD.len()), message, "write what is so, and remove the word");
                }
            }
        }
        start += line.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_at_their_places_and_comments_are_left_alone() {
        let text = "# PLACEHOLDER: look\na: PLACEHOLDER name\n  address: 192.0.2.1   # PLACEHOLDER\nb: placeholder\n";
        let mut diagnostics = Diagnostics::default();
        check_placeholders(&Source::new("a.yaml", text), &mut diagnostics);
        let found: Vec<_> = diagnostics.sorted().iter().map(|one| one.line_column().unwrap()).collect();
        assert_eq!(found, [(2, 4), (3, 12)]);
        assert_eq!(diagnostics.errors(), 1);
    }
}
