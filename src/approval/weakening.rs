//! A rule of the policy in force that a planned policy loosens.

use crate::model::{EnvironmentKind, Language, Role};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One rule that becomes weaker. It takes effect only by a decision of those whom the old policy names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Weakening {
    /// Nobody would approve any more.
    ApprovalRemoved {
        /// Who approves now.
        roles: Vec<Role>,
    },
    /// Fewer people of a role would approve.
    FewerApprovals {
        /// The role.
        role: Role,
        /// How many of them now.
        was: usize,
        /// How many then.
        becomes: usize,
    },
    /// There would be more time to decide.
    LongerToDecide {
        /// Seconds now.
        was_seconds: i64,
        /// Seconds then.
        becomes_seconds: i64,
    },
    /// An approval would hold for longer.
    LongerValid {
        /// Seconds now.
        was_seconds: i64,
        /// Seconds then.
        becomes_seconds: i64,
    },
    /// Decisions would not be signed.
    Unsigned,
    /// A release need not have passed in test.
    NotTested,
    /// An older backup would do.
    OlderBackup {
        /// Oldest age admitted now, in seconds; nothing means only the run's own.
        was_seconds: Option<i64>,
        /// Oldest age admitted then, in seconds.
        becomes_seconds: i64,
    },
    /// A failed change would not be followed by a restore.
    NoRestore,
    /// Changes could start at times at which they cannot now.
    WiderWindow,
    /// More people could run.
    MoreMayRun,
    /// The environment would be treated as one that matters less.
    LowerKind {
        /// Its kind now.
        was: EnvironmentKind,
        /// Its kind then.
        becomes: EnvironmentKind,
    },
}

impl Weakening {
    /// The weakening in a person's words.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match language {
            Language::Es => self.spanish(),
            Language::En => self.to_string(),
        }
    }

    fn spanish(&self) -> String {
        match self {
            Self::ApprovalRemoved { roles } => {
                format!("ya no se pediría la aprobación de {}", super::refusal::roles(roles))
            }
            Self::FewerApprovals { role, was, becomes } => {
                format!("las aprobaciones del rol {role} pasarían de {was} a {becomes}")
            }
            Self::LongerToDecide { was_seconds, becomes_seconds } => {
                format!(
                    "el plazo para decidir pasaría de {} a {}",
                    Span(*was_seconds),
                    Span(*becomes_seconds)
                )
            }
            Self::LongerValid { was_seconds, becomes_seconds } => {
                format!(
                    "la vigencia de una aprobación pasaría de {} a {}",
                    Span(*was_seconds),
                    Span(*becomes_seconds)
                )
            }
            Self::Unsigned => "las decisiones ya no se firmarían".to_owned(),
            Self::NotTested => "ya no se exigiría haber pasado por pruebas".to_owned(),
            Self::OlderBackup { was_seconds: None, becomes_seconds } => {
                format!("bastaría una copia de respaldo de hasta {}, no una propia", Span(*becomes_seconds))
            }
            Self::OlderBackup { was_seconds: Some(was), becomes_seconds } => {
                format!(
                    "la edad admitida de la copia de respaldo pasaría de {} a {}",
                    Span(*was),
                    Span(*becomes_seconds)
                )
            }
            Self::NoRestore => "una falla ya no llevaría a restaurar lo que había".to_owned(),
            Self::WiderWindow => "los cambios podrían empezar en más horarios que ahora".to_owned(),
            Self::MoreMayRun => "más personas podrían ejecutar cambios".to_owned(),
            Self::LowerKind { was, becomes } => {
                let word = |kind| match kind {
                    EnvironmentKind::Development => "desarrollo",
                    EnvironmentKind::Test => "pruebas",
                    EnvironmentKind::Production => "producción",
                };
                format!("el ambiente pasaría de {} a {}", word(*was), word(*becomes))
            }
        }
    }
}

impl fmt::Display for Weakening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApprovalRemoved { roles } => {
                write!(f, "the approval of {} would no longer be asked for", super::refusal::roles(roles))
            }
            Self::FewerApprovals { role, was, becomes } => {
                write!(f, "approvals by the role {role} would go from {was} to {becomes}")
            }
            Self::LongerToDecide { was_seconds, becomes_seconds } => {
                write!(
                    f,
                    "the time to decide would go from {} to {}",
                    Span(*was_seconds),
                    Span(*becomes_seconds)
                )
            }
            Self::LongerValid { was_seconds, becomes_seconds } => {
                write!(
                    f,
                    "an approval would hold for {} instead of {}",
                    Span(*becomes_seconds),
                    Span(*was_seconds)
                )
            }
            Self::Unsigned => f.write_str("decisions would no longer be signed"),
            Self::NotTested => f.write_str("a release would no longer have to pass in test first"),
            Self::OlderBackup { was_seconds: None, becomes_seconds } => {
                write!(f, "a backup of up to {} would do instead of the run's own", Span(*becomes_seconds))
            }
            Self::OlderBackup { was_seconds: Some(was), becomes_seconds } => {
                write!(
                    f,
                    "the oldest backup admitted would go from {} to {}",
                    Span(*was),
                    Span(*becomes_seconds)
                )
            }
            Self::NoRestore => f.write_str("a failure would no longer put back what was there"),
            Self::WiderWindow => f.write_str("changes could start at more times than now"),
            Self::MoreMayRun => f.write_str("more people could run changes"),
            Self::LowerKind { was, becomes } => {
                write!(f, "the environment would be treated as {becomes} instead of {was}")
            }
        }
    }
}

/// Seconds in the largest unit that is exact; the symbols are the same in both languages.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (length, unit) = match self.0 {
            seconds if seconds != 0 && seconds % 86_400 == 0 => (seconds / 86_400, "d"),
            seconds if seconds != 0 && seconds % 3_600 == 0 => (seconds / 3_600, "h"),
            seconds if seconds != 0 && seconds % 60 == 0 => (seconds / 60, "min"),
            seconds => (seconds, "s"),
        };
        write!(f, "{length} {unit}")
    }
}
