//! Keeps secrets out of everything that leaves the process.

use super::SecretName;
use std::fmt;

/// Shortest value that is searched for; a shorter one would blot out ordinary text.
pub const SECRET_BYTES_MIN: usize = 4;

/// Replaces every known secret value by `<secret:name>`.
///
/// It also knows the forms in which a value is often echoed: base64, percent-encoded, JSON-escaped,
/// shell-quoted, and each line of a value with several lines.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Value and its replacement, the longest value first.
    needles: Vec<(Vec<u8>, String)>,
}

impl Redactor {
    /// Adds a secret's value.
    pub fn learn(&mut self, name: &SecretName, value: &str) {
        let mark = format!("<secret:{name}>");
        for form in forms(value) {
            if form.len() >= SECRET_BYTES_MIN && !self.needles.iter().any(|(known, _)| *known == form) {
                self.needles.push((form, mark.clone()));
            }
        }
        self.needles.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    }

    /// Returns `text` without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.needles.is_empty() {
            return text.to_owned();
        }
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// Returns `bytes` without secrets.
    #[must_use]
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0;
        'outer: while at < bytes.len() {
            for (needle, mark) in &self.needles {
                if bytes[at..].starts_with(needle) {
                    clean.extend_from_slice(mark.as_bytes());
                    at += needle.len();
                    continue 'outer;
                }
            }
            clean.push(bytes[at]);
            at += 1;
        }
        clean
    }

    /// Whether `text` holds a secret.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        self.needles.iter().any(|(needle, _)| {
            text.as_bytes().windows(needle.len()).any(|window| window == needle.as_slice())
        })
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} values)", self.needles.len())
    }
}

fn forms(value: &str) -> Vec<Vec<u8>> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let mut forms = vec![value.to_owned(), value.trim_end().to_owned()];
    forms.extend(value.lines().filter(|line| line.trim().len() >= 8).map(str::to_owned));
    forms.push(BASE64_STANDARD.encode(value));
    forms.push(hex::encode(value));
    if let Ok(json) = serde_json::to_string(value) {
        forms.push(json[1..json.len() - 1].to_owned());
    }
    forms.push(value.replace('\'', r"'\''"));
    let percent = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    forms.push(value.bytes().map(percent).collect());
    forms.into_iter().map(String::into_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret_is_replaced() {
        let mut redactor = Redactor::default();
        redactor.learn(&SecretName::parse("db").unwrap(), "p'w \"x\" 1234");
        for text in
            ["p'w \"x\" 1234", "cCd3ICJ4IiAxMjM0", r"p'\''w", "p%27w%20%22x%22%201234", r#"p'w \"x\" 1234"#]
        {
            let clean = redactor.text(&format!("before {text} after"));
            assert!(!clean.contains("1234") || text.starts_with(r"p'\"), "{clean}");
        }
        assert_eq!(redactor.text("a p'w \"x\" 1234 b"), "a <secret:db> b");
        assert!(redactor.finds("xx p'w \"x\" 1234"));
        assert!(!format!("{redactor:?}").contains("1234"));
    }
}
