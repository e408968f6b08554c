use super::*;
use base64::{Engine as _, prelude::*};
use proptest::prelude::*;

fn knowing(value: &str) -> Redactor {
    let mut redactor = Redactor::default();
    redactor.learn(&SecretName::parse("db").unwrap(), value);
    redactor
}

#[test]
fn every_form_of_a_secret_is_replaced() {
    let redactor = knowing("p'w \"x\" 1234");
    for text in ["p'w \"x\" 1234", "cCd3ICJ4IiAxMjM0", "p%27w%20%22x%22%201234", r#"p'w \"x\" 1234"#] {
        assert_eq!(redactor.text(&format!("a {text} b")), "a <secret:db> b");
    }
    assert!(!format!("{redactor:?}").contains("1234"));
}

#[test]
fn a_secret_is_found_in_the_spellings_of_other_programs() {
    let redactor = knowing("contraseña/única+1?");
    for text in [
        r"contrase\u00f1a/\u00fanica+1?",
        r"contrase\u00F1a\/\u00FAnica+1?",
        r"contraseña\/única+1?",
        "contrase%c3%b1a%2f%c3%banica%2b1%3f",
        "contrase%C3%B1a%2F%C3%BAnica%2B1%3F",
        &BASE64_URL_SAFE_NO_PAD.encode("contraseña/única+1?"),
        &BASE64_STANDARD_NO_PAD.encode("contraseña/única+1?"),
        &hex::encode_upper("contraseña/única+1?"),
    ] {
        assert_eq!(redactor.text(text), "<secret:db>");
    }
    assert_eq!(knowing("one two three").text("said: one%20two%20three one+two+three"), {
        "said: <secret:db> <secret:db>"
    });
    assert_eq!(knowing("with\u{1b}escape").text(r"with\u{1b}escape"), "<secret:db>");
}

#[test]
fn a_mark_stays_a_mark_though_a_value_is_a_word_of_it() {
    let redactor = knowing("secret");
    let once = redactor.text("the secret is <secret:db>");
    assert_eq!(once, "the <secret:db> is <secret:db>");
    assert_eq!(redactor.text(&once), once);
    assert_eq!(redactor.text("<secret:other>"), "<<secret:db>:other>", "no mark of ours");
}

#[test]
fn names_that_hold_a_value_are_told_by_the_secrets_name() {
    let redactor = knowing("wiki");
    assert_eq!(redactor.held_by("install-wiki").map(SecretName::as_str), Some("db"));
    assert_eq!(redactor.held_by("d2lraQ"), None, "another spelling of it is no name of anything");
    assert!(redactor.knows(&SecretName::parse("db").unwrap()));
    assert!(!redactor.knows(&SecretName::parse("dba").unwrap()));
}

/// A value without anything that is spelled differently somewhere.
fn value() -> impl Strategy<Value = String> {
    "[A-Z0-9]{8,40}"
}

/// Whether four characters of the value in a row are left.
fn leaks(text: &str, value: &str) -> bool {
    value.as_bytes().windows(SECRET_BYTES_MIN).any(|part| find(text.as_bytes(), part).is_some())
}

proptest! {
    #[test]
    fn nothing_of_a_secret_survives_beside_a_cut(value in value(), at in 0usize..60, keep_end: bool) {
        let text: Vec<char> = format!("it said: {value}, and no more").chars().collect();
        let at = at.min(text.len());
        let cut: String = match keep_end {
            true => [&['…'], &text[at..]].concat().iter().collect(),
            false => [&text[..at], &['…']].concat().iter().collect(),
        };
        let clean = knowing(&value).text(&cut);
        prop_assert!(!leaks(&clean, &value), "{clean}");
        prop_assert_eq!(knowing(&value).text(&clean), clean.clone());
    }

    #[test]
    fn base64_of_a_text_around_a_secret_does_not_give_it_away(
        before in "[a-z:]{0,12}",
        value in "[!-~]{12,40}",
        after in "[a-z]{0,12}",
        url: bool,
        padded: bool,
    ) {
        let text = format!("{before}{value}{after}");
        let encoded = match (url, padded) {
            (true, true) => BASE64_URL_SAFE.encode(&text),
            (true, false) => BASE64_URL_SAFE_NO_PAD.encode(&text),
            (false, true) => BASE64_STANDARD.encode(&text),
            (false, false) => BASE64_STANDARD_NO_PAD.encode(&text),
        };
        let clean = knowing(&value).text(&format!("Authorization: Basic {encoded}"));
        prop_assert!(clean.contains("<secret:db>"), "{clean}");
        // What is left of it is what stands around it, and a character at either side that belongs to both.
        let left: usize = clean.len() - "Authorization: Basic <secret:db>".len();
        prop_assert!(left <= (before.len() + after.len()) * 4 / 3 + 2 + 4, "{clean}");
    }

    #[test]
    fn a_text_without_the_secret_stays_as_it_is(value in value(), text in "[a-z …<>:.-]{0,80}") {
        prop_assert_eq!(knowing(&value).text(&text), text);
    }
}
