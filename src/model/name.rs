//! Names: one type each, so that a server is never taken for a system.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name in bytes; names become parts of paths and of columns on a terminal.
pub const NAME_BYTES_MAX: usize = 64;

/// Says why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was written.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("a name has at most {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// A character other than lower-case letters, digits, `-`, `_` and `.`, or a bad first one.
    #[error(
        "`{0}` is not a name: use lower-case letters, digits, `-`, `_` and `.`, and start with a letter or digit"
    )]
    Character(String),
}

/// Checks the one grammar of names: `[a-z0-9][a-z0-9._-]*`, at most 64 bytes.
pub fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !starts_well || !text.chars().all(good) {
        return Err(NameError::Character(text.to_owned()));
    }
    Ok(())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the name if `text` is one.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// The software that is looked after, described by its data sheet.
    SystemName,
    /// Where: development, test, production, or whatever the inventory calls them.
    EnvironmentName,
    /// One machine of an environment.
    ServerName,
    /// A set of servers, by what they do.
    GroupName,
    /// A person or machine identity of the people file.
    PersonName,
    /// What a person may do: `director`, `professional`, `unit`, …
    Role,
    /// A secret's name; its value never enters the model.
    SecretName,
}

/// A step's id within its playbook: a slug, with `[key]` appended for a loop's item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl StepId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A run's id: a UUIDv7 in text, so that ids sort by the time they were made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl RunId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Makes a slug of a step's name: lower case, other characters to single dashes, accents folded.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars() {
        let folded = match character {
            'á' | 'à' | 'ä' | 'â' | 'Á' => 'a',
            'é' | 'è' | 'ë' | 'ê' | 'É' => 'e',
            'í' | 'ì' | 'ï' | 'î' | 'Í' => 'i',
            'ó' | 'ò' | 'ö' | 'ô' | 'Ó' => 'o',
            'ú' | 'ù' | 'ü' | 'û' | 'Ú' => 'u',
            'ñ' | 'Ñ' => 'n',
            other => other.to_ascii_lowercase(),
        };
        if folded.is_ascii_alphanumeric() {
            slug.push(folded);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(NAME_BYTES_MAX);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_one_grammar() {
        for good in ["web", "wiki-test", "10.0.0.1", "a_b"] {
            assert!(ServerName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-web", "Web", "a b", "a/b", "ñ", "a\n", &"x".repeat(65)] {
            assert!(ServerName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn slugs_fold_accents_and_join_words() {
        assert_eq!(slug("Instalar la versión nueva!"), "instalar-la-version-nueva");
        assert_eq!(slug("  --  "), "");
    }
}
