//! Which names a text uses, found without running it.

use super::{
    ExpressionError,
    engine::{ENGINE, explain},
    template::is_template,
};
use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

/// A name that a text looks up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The first word: a variable, or `inputs`, `facts`, `artifacts`, `secret`.
    pub root: String,
    /// The words after it, as far as they are known: `os` of `facts.os`.
    pub path: Vec<String>,
    /// Whether the text itself provides for the name being undefined: `is defined`, `default(…)`.
    pub guarded: bool,
}

impl Name {
    /// The name of the secret, if it is one: `secret.NAME` or `secret["NAME"]`.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        (self.root == "secret").then(|| self.path.first().map(String::as_str)).flatten()
    }

    /// The name as it is written.
    #[must_use]
    pub fn dotted(&self) -> String {
        std::iter::once(self.root.as_str())
            .chain(self.path.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(".")
    }
}

static INDEXED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"\b(secret|artifacts|inputs|facts)\s*\[\s*(?:'([^']*)'|"([^"]*)")\s*\]"#).ok()
});

/// Functions of the engine that look like names.
const GLOBALS: &[&str] = &["range", "dict", "namespace", "cycler", "joiner", "lipsum", "caller"];

/// The names that a template uses, or an expression without braces.
pub fn names(text: &str, expression: bool) -> Result<BTreeSet<Name>, ExpressionError> {
    if !expression && !is_template(text) {
        return Ok(BTreeSet::new());
    }
    let found = if expression {
        let compiled = ENGINE.compile_expression(text).map_err(|error| explain(&error, text))?;
        compiled.undeclared_variables(true)
    } else {
        let compiled = ENGINE.template_from_str(text).map_err(|error| explain(&error, text))?;
        compiled.undeclared_variables(true)
    };
    let mut names: BTreeSet<Name> = found
        .into_iter()
        .filter(|name| !GLOBALS.contains(&name.split('.').next().unwrap_or_default()))
        .map(|name| {
            let mut words = name.split('.').map(str::to_owned);
            let root = words.next().unwrap_or_default();
            Name { guarded: guarded(text, &name), root, path: words.collect() }
        })
        .collect();
    // The engine knows `secret.db`, and of `secret["db-password"]` only `secret`.
    if let Some(indexed) = INDEXED.as_ref() {
        for found in indexed.captures_iter(text) {
            let word = found.get(2).or(found.get(3)).map_or("", |word| word.as_str());
            let root = found[1].to_owned();
            if indexed.captures_iter(text).filter(|other| other[1] == root).count() == mentions(text, &root) {
                names.remove(&Name { root: root.clone(), path: Vec::new(), guarded: false });
            }
            names.insert(Name { root, path: vec![word.to_owned()], guarded: guarded(text, &found[0]) });
        }
    }
    Ok(names)
}

/// How often a root stands in the text without a dot after it.
fn mentions(text: &str, root: &str) -> usize {
    Regex::new(&format!(r"\b{root}\b\s*(?:[^.\w\s]|$)")).map_or(0, |regex| regex.find_iter(text).count())
}

fn guarded(text: &str, name: &str) -> bool {
    if !text.contains("default") && !text.contains("defined") && !text.contains("| d(") {
        return false;
    }
    let pattern = format!(
        r"(?:^|[^\w.]){}\s*(?:\|\s*(?:default|d)\b|is\s+(?:not\s+)?(?:un)?defined\b)",
        regex::escape(name)
    );
    Regex::new(&pattern).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_text_is_found() {
        for (text, wanted) in [
            ("no template", vec![]),
            ("{{ a }} {{ facts.os }}", vec!["a", "facts.os"]),
            ("{{ secret.db }}", vec!["secret.db"]),
            ("{{ secret['db-password'] }}", vec!["secret.db-password"]),
            ("{{ secret[x] }}", vec!["secret", "x"]),
            ("{% for x in list %}{{ x }}{{ loop.index }}{% endfor %}", vec!["list"]),
            ("{{ a | default('b') }}", vec!["a?"]),
            ("{% if a is defined %}{{ a }}{% endif %}", vec!["a?"]),
            ("{{ range(3) }}", vec![]),
        ] {
            let found: Vec<String> = names(text, false)
                .unwrap()
                .into_iter()
                .map(|name| format!("{}{}", name.dotted(), if name.guarded { "?" } else { "" }))
                .collect();
            assert_eq!(found, wanted, "{text}");
        }
        assert!(names("{{ a ", false).is_err());
    }
}
