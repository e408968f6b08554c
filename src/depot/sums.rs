//! Files of digests in the formats of `sha256sum`.

use crate::model::Digest;

/// A line of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumLine {
    /// What the file must be.
    pub digest: Digest,
    /// Its path as written there.
    pub name: String,
}

/// Says why a file of digests does not give one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SumsError {
    /// A line in none of the formats.
    #[error("line {0} is not of the form `sha256  name`")]
    Line(usize),
    /// No line names the file.
    #[error("no line names `{0}`")]
    Missing(String),
    /// Several lines name it, with different digests.
    #[error("several lines name `{0}` with different digests")]
    Ambiguous(String),
}

/// Reads the lines of a file of digests; empty lines and comments do not count.
///
/// Both forms are read: `digest  name`, with `*` before the name for binary mode and a leading `\`
/// where the name is escaped, and `SHA256 (name) = digest`. Other algorithms' lines are passed over.
pub fn parse_sums(text: &str) -> Result<Vec<SumLine>, SumsError> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (line, escaped) = line.strip_prefix('\\').map_or((line, false), |rest| (rest, true));
        let found = match tagged(line) {
            Some(Tagged::Other) => continue,
            Some(Tagged::Sha256(digest, name)) => Some((digest, name)),
            None => plain(line),
        };
        let (digest, name) = found.ok_or(SumsError::Line(index + 1))?;
        let name = if escaped { unescape(name).ok_or(SumsError::Line(index + 1))? } else { name.to_owned() };
        lines.push(SumLine { digest, name });
    }
    Ok(lines)
}

/// The digest that `text` gives for the file `path`: by its whole path, or else by its last part.
pub fn sum_of(text: &str, path: &str) -> Result<Digest, SumsError> {
    let lines = parse_sums(text)?;
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let by_path: Vec<&SumLine> = lines
        .iter()
        .filter(|line| line.name.trim_start_matches("./") == path.trim_start_matches("./"))
        .collect();
    let found = if by_path.is_empty() {
        lines.iter().filter(|line| last(&line.name) == last(path)).collect()
    } else {
        by_path
    };
    match found.as_slice() {
        [] => Err(SumsError::Missing(path.to_owned())),
        [first, others @ ..] if others.iter().all(|other| other.digest == first.digest) => Ok(first.digest),
        _ => Err(SumsError::Ambiguous(path.to_owned())),
    }
}

enum Tagged<'a> {
    Sha256(Digest, &'a str),
    Other,
}

/// `SHA256 (name) = digest`.
fn tagged(line: &str) -> Option<Tagged<'_>> {
    let (algorithm, rest) = line.split_once(" (")?;
    let (name, digest) = rest.rsplit_once(") = ")?;
    if !algorithm.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "-/".contains(c)) {
        return None;
    }
    if algorithm != "SHA256" {
        return Some(Tagged::Other);
    }
    Some(Tagged::Sha256(Digest::parse(digest)?, name))
}

/// `digest  name` or `digest *name`.
fn plain(line: &str) -> Option<(Digest, &str)> {
    let (digest, name) = line.split_at_checked(64)?;
    let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"))?;
    if name.is_empty() {
        return None;
    }
    Some((Digest::parse(digest)?, name))
}

fn unescape(name: &str) -> Option<String> {
    let mut plain = String::with_capacity(name.len());
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    #[test]
    fn every_form_of_sha256sum_is_read() {
        let (a, b) = (hex("a"), hex("b"));
        let text = format!(
            "# made by hand\r\n{a}  core.deb\n{b} *dir/with space  .bin\r\n\n\\{a}  line\\nbreak\\\\x\n\
             SHA256 (b (1).tar) = {b}\nSHA512 (x) = 00\n"
        );
        let lines = parse_sums(&text).unwrap();
        let names: Vec<(Digest, &str)> = lines.iter().map(|line| (line.digest, line.name.as_str())).collect();
        let expected =
            [(a, "core.deb"), (b, "dir/with space  .bin"), (a, "line\nbreak\\x"), (b, "b (1).tar")];
        assert_eq!(names, expected);
        assert_eq!(sum_of(&text, "artifacts/core.deb"), Ok(a));
        assert_eq!(sum_of(&text, "none"), Err(SumsError::Missing("none".to_owned())));
    }

    #[test]
    fn the_whole_path_counts_before_the_last_part_and_doubt_is_refused() {
        let (a, b) = (hex("a"), hex("b"));
        let text = format!("{a}  x/f\n{b}  y/f\n{a}  ./g\n");
        assert_eq!(sum_of(&text, "y/f"), Ok(b));
        assert_eq!(sum_of(&text, "g"), Ok(a));
        assert_eq!(sum_of(&text, "z/f"), Err(SumsError::Ambiguous("z/f".to_owned())));
    }

    #[test]
    fn lines_in_no_form_are_named() {
        let digest = hex("a");
        for bad in [
            "x".to_owned(),
            format!("{digest}"),
            format!("{digest} name"),
            format!("{digest}  "),
            format!("\\{digest}  a\\x"),
            format!("\\{digest}  a\\"),
            "é".repeat(40),
            format!("SHA256 (x) = {}", digest.short()),
        ] {
            assert_eq!(parse_sums(&format!("\n{bad}\n")), Err(SumsError::Line(2)), "{bad}");
        }
    }
}
