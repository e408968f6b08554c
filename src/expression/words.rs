//! Filters and tests that do not exist, found before anything runs: the engine itself notices only
//! when it gets there.

use super::{ExpressionError, engine::ENGINE};
use minijinja::ErrorKind;
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?s)\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{#.*?#\}|\{\{(.*?)\}\}|\{%(.*?)%\}").ok()
});
static QUOTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?s)"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"#).ok());
static FILTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\|\s*([A-Za-z_]\w*)").ok());
static TEST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bis\s+(?:not\s+)?([A-Za-z_]\w*)").ok());

/// Refuses a filter or a test that the engine does not know.
pub(super) fn check(text: &str, expression: bool) -> Result<(), ExpressionError> {
    if expression {
        return check_code(text, 0);
    }
    let Some(code) = CODE.as_ref() else { return Ok(()) };
    for found in code.captures_iter(text) {
        if let Some(inner) = found.get(1).or(found.get(2)) {
            check_code(inner.as_str(), inner.start())?;
        }
    }
    Ok(())
}

fn check_code(code: &str, offset: usize) -> Result<(), ExpressionError> {
    // Quoted text is content; it is blotted out at its length, so that places stay right.
    let blotted = match QUOTED.as_ref() {
        Some(quoted) => quoted.replace_all(code, |found: &regex::Captures<'_>| "'".repeat(found[0].len())),
        None => code.into(),
    };
    let kinds = [
        (&FILTER, "filter", ErrorKind::UnknownFilter, "0 | "),
        (&TEST, "test", ErrorKind::UnknownTest, "0 is "),
    ];
    for (pattern, what, kind, before) in kinds {
        let Some(pattern) = pattern.as_ref() else { continue };
        for found in pattern.captures_iter(&blotted).filter_map(|found| found.get(1)) {
            if !is_known(before, found.as_str(), kind) {
                let what = format!("there is no {what} `{}`", found.as_str());
                let Range { start, end } = found.range();
                return Err(ExpressionError::Syntax { what, at: Some((offset + start, offset + end)) });
            }
        }
    }
    Ok(())
}

/// Asks the engine itself, on a value that matters to nobody.
fn is_known(before: &str, word: &str, unknown: ErrorKind) -> bool {
    let probe = format!("{before}{word}");
    match ENGINE.compile_expression(&probe) {
        Ok(compiled) => compiled.eval(()).err().is_none_or(|error| error.kind() != unknown),
        // Some tests are words of the grammar and need an operand: `in`.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_filters_and_tests_that_exist_are_accepted() {
        for (text, good) in [
            ("a | b {{ x | upper | to_json }}", true),
            ("{{ x | uper }}", false),
            ("{{ 'a | b is c' }}", true),
            ("{% if x is defined and y is not none %}{% endif %}", true),
            ("{% if x is definde %}{% endif %}", false),
            ("{{ x is in [1] }} {{ x is eq(1) }}", true),
            ("{% raw %}{{ x | nope }}{% endraw %}{# | nope #}", true),
            ("{{ x | default('}}') | ternary(1, 2) }}", true),
        ] {
            assert_eq!(check(text, false).is_ok(), good, "{text}");
        }
        assert!(check("x | uper", true).is_err());
    }
}
