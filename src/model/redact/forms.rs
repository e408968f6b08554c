//! The spellings in which a value may be echoed.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

/// Shortest line of a value with several lines that is a needle of its own, in bytes.
const LINE_BYTES_MIN: usize = 8;

/// All spellings of a value; the value itself is the first.
pub(super) fn of(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_owned(), value.trim_end().to_owned()];
    forms.extend(value.lines().filter(|line| line.trim().len() >= LINE_BYTES_MIN).map(str::to_owned));
    forms.push(value.split_whitespace().collect::<Vec<_>>().join(" "));
    forms.push(value.replace('\'', r"'\''"));
    forms.push(value.chars().map(shown).collect());
    forms.extend([hex::encode(value), hex::encode_upper(value)]);
    forms.extend(json(value));
    forms.extend(percent(value));
    forms.extend(base64(value));
    forms.into_iter().map(String::into_bytes).collect()
}

/// A character as it is shown to people: what would move a terminal is escaped.
fn shown(character: char) -> String {
    match character.is_control() && character != '\t' {
        true => character.escape_default().collect(),
        false => character.to_string(),
    }
}

/// As a JSON text: as it is, with escaped slashes, and with nothing but ASCII.
fn json(value: &str) -> Vec<String> {
    let Ok(quoted) = serde_json::to_string(value) else { return Vec::new() };
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let ascii = |upper: bool| -> String {
        plain
            .chars()
            .flat_map(|character| {
                match character.is_ascii() {
                    true => character.to_string(),
                    false => {
                        character.encode_utf16(&mut [0; 2]).iter().map(|unit| escaped(*unit, upper)).collect()
                    }
                }
                .chars()
                .collect::<Vec<_>>()
            })
            .collect()
    };
    let forms = [plain.clone(), ascii(false), ascii(true)];
    forms.iter().map(|form| form.replace('/', r"\/")).chain(forms.clone()).collect()
}

fn escaped(unit: u16, upper: bool) -> String {
    if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") }
}

/// Percent-encoded: strictly, as browsers do it, with either case of digits, and with `+` for spaces.
fn percent(value: &str) -> Vec<String> {
    let encode = |kept: &str, upper: bool| -> String {
        let one = |byte: u8| match char::from(byte) {
            kind if kind.is_ascii_alphanumeric() || kept.contains(kind) => kind.to_string(),
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        };
        value.bytes().map(one).collect()
    };
    let mut forms = Vec::new();
    for kept in ["-_.~", "-_.~!*'()"] {
        for upper in [true, false] {
            let form = encode(kept, upper);
            forms.extend([form.replace("%20", "+"), form]);
        }
    }
    forms
}

/// In base64, alone and inside of something longer: three alignments, of each the part that depends on
/// the value alone, in both alphabets.
fn base64(value: &str) -> Vec<String> {
    let mut forms = vec![BASE64_STANDARD.encode(value)];
    for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        forms.push(engine.encode(value));
        for before in 0..3 {
            let bytes = [&[0; 2][..before], value.as_bytes()].concat();
            let (start, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
            forms.extend(engine.encode(&bytes).get(start..end).map(str::to_owned));
        }
    }
    forms
}
