//! Fields that a person fills in, and everything in them that does not fit.

use super::{Activity, FieldKind, FieldSpec, SEARCH};
use std::{collections::BTreeMap, fmt};

/// Longest part of a value that a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// One field that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldFault {
    /// It must be there.
    Missing(String),
    /// The activity asks for no such field.
    Unknown(String),
    /// Its value is none of its kind.
    Wrong {
        /// Its name.
        name: String,
        /// What it holds.
        kind: FieldKind,
        /// The only values allowed, of a choice.
        choices: Vec<String>,
        /// What was given, its beginning; nothing where that could be a secret.
        given: Option<String>,
    },
}

impl FieldFault {
    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Missing(name) | Self::Unknown(name) | Self::Wrong { name, .. } => name,
        }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the field `{name}` is missing"),
            Self::Unknown(name) => write!(f, "there is no field `{name}`"),
            Self::Wrong { name, .. } => write!(f, "the field `{name}` is not of its kind"),
        }
    }
}

/// Every field of `given` that does not fit what the activity asks for.
#[must_use]
pub fn field_faults(activity: &Activity, given: &BTreeMap<String, String>) -> Vec<FieldFault> {
    let known = |name: &str| {
        activity.fields.iter().any(|spec| spec.name == name) || activity.search.is_some() && name == SEARCH
    };
    let unknown = given.keys().filter(|name| !known(name)).cloned().map(FieldFault::Unknown);
    activity.fields.iter().filter_map(|spec| fault(spec, given.get(&spec.name))).chain(unknown).collect()
}

fn fault(spec: &FieldSpec, value: Option<&String>) -> Option<FieldFault> {
    let good = match value {
        Some(value) if spec.kind == FieldKind::Choice => spec.choices.contains(value),
        Some(value) => spec.kind.fits(value),
        None if spec.optional => true,
        None => return Some(FieldFault::Missing(spec.name.clone())),
    };
    // Whoever takes a secret's name for its value must not see it again.
    let shown = value.filter(|_| spec.kind != FieldKind::Secret);
    (!good).then(|| FieldFault::Wrong {
        name: spec.name.clone(),
        kind: spec.kind,
        choices: spec.choices.clone(),
        given: shown.map(|value| value.chars().take(SHOWN_CHARS_MAX).collect()),
    })
}

/// Faults as one sentence.
#[must_use]
pub fn sentence(faults: &[FieldFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
