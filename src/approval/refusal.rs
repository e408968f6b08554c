//! Why a person or a decision does not count, in both languages.

use crate::model::{PersonName, Role};

macro_rules! refusals {
    ($(#[$of:meta])* $enum:ident: $($(#[$doc:meta])* $name:ident $({ $($field:ident : $type:ty),* })? => $en:literal, $es:literal;)*) => {
        $(#[$of])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        pub enum $enum {
            $($(#[$doc])* #[error($en)] $name $({ $(#[allow(missing_docs)] $field: $type),* })?,)*
        }

        impl $enum {
            /// The refusal in a person's language.
            #[must_use]
            pub fn message(&self, language: $crate::model::Language) -> String {
                match (self, language) {
                    $((Self::$name $({ $($field),* })?, $crate::model::Language::En) => format!($en),
                      (Self::$name $({ $($field),* })?, $crate::model::Language::Es) => format!($es),)*
                }
            }
        }
    };
}

pub(super) use refusals;

refusals! {
    /// Why a person may not decide, or why a recorded decision does not count.
    Refusal:
    /// The people file does not name the caller.
    NotInPeopleFile { person: PersonName }
        => "`{person}` is not in the people file",
           "`{person}` no está en el archivo de personas";
    /// Nobody in the people file has the caller's account or login.
    UnknownCaller
        => "the people file names nobody with this account",
           "el archivo de personas no nombra a nadie con esta cuenta";
    /// A machine identity never satisfies a gate.
    Machine { person: PersonName }
        => "`{person}` is a machine, and only people decide",
           "`{person}` es una máquina, y solo deciden las personas";
    /// Nobody approves what they asked for.
    OwnRequest { person: PersonName }
        => "`{person}` asked for this change and cannot decide on it",
           "`{person}` solicitó este cambio y no puede decidir sobre él";
    /// None of the person's roles is asked for.
    NoSuchRole { person: PersonName, needed: String }
        => "`{person}` has none of the roles that decide here: {needed}",
           "`{person}` no tiene ninguno de los roles que deciden aquí: {needed}";
    /// None of the person's roles may run here.
    MayNotRun { needed: String }
        => "running here needs one of these roles: {needed}",
           "para ejecutar aquí se necesita uno de estos roles: {needed}";
    /// The person has decided on this gate already.
    AlreadyDecided { person: PersonName }
        => "`{person}` has already decided on this gate",
           "`{person}` ya decidió sobre esta solicitud";
    /// The gate was decided before.
    GateClosed
        => "the gate is already closed",
           "la solicitud ya está cerrada";
    /// The time to decide is over.
    Expired
        => "the time to decide is over",
           "el plazo para decidir ya terminó";
    /// The decision's time lies outside the gate's life.
    WrongTime
        => "the decision's time does not lie within the life of the gate",
           "la fecha de la decisión no está dentro de la vigencia de la solicitud";
    /// Decisions are signed here, and the people file lists no key of the person.
    NoKey { person: PersonName }
        => "`{person}` has no SSH key in the people file, and decisions are signed here",
           "`{person}` no tiene una llave SSH en el archivo de personas, y aquí las decisiones se firman";
    /// The key that signed is not one of the person's.
    KeyNotListed
        => "the key that signed is not one of this person's keys in the people file",
           "la llave que firmó no es de esta persona según el archivo de personas";
    /// Two names share a key or an account, so it says nothing about which of them decided.
    SharedIdentity { person: PersonName, other: PersonName }
        => "`{person}` and `{other}` share a key or an account",
           "`{person}` y `{other}` comparten una llave o una cuenta";
    /// The signature was made for another purpose.
    WrongNamespace
        => "the signature was not made for a decision of Esclusa",
           "la firma no se hizo para una decisión de Esclusa";
    /// The signature is not of this text.
    TextChanged
        => "the signature does not belong to this text",
           "la firma no corresponde a este texto";
    /// The signature cannot be read.
    BadSignature
        => "the signature cannot be read",
           "la firma no se puede leer";
    /// The statement is not the canonical text of a decision.
    BadStatement
        => "the decision cannot be read",
           "la decisión no se puede leer";
    /// Written by a newer program.
    NewerFormat { format: u32 }
        => "the decision has format {format}, which this program does not know",
           "la decisión tiene el formato {format}, que este programa no conoce";
    /// The people file is not the one that the gate recorded.
    PeopleChanged
        => "the people file has changed since the gate was opened",
           "el archivo de personas cambió desde que se abrió la solicitud";
    /// The decision is about something else than the gate.
    SubjectChanged
        => "the decision is about something else than what waits at this gate",
           "la decisión se refiere a algo distinto de lo que espera en esta solicitud";
    /// Decisions are signed here.
    UnsignedNotAllowed
        => "decisions are signed here, and this one is not",
           "aquí las decisiones se firman, y esta no está firmada";
    /// A rejection says why.
    NoReason
        => "a rejection needs a reason",
           "un rechazo necesita un motivo";
    /// The reason is longer than a person would read.
    ReasonTooLong { max: usize }
        => "a reason has at most {max} characters",
           "un motivo tiene como máximo {max} caracteres";
}

/// Writes roles as people read a list.
pub(super) fn roles<'a>(roles: impl IntoIterator<Item = &'a Role>) -> String {
    roles.into_iter().map(Role::as_str).collect::<Vec<_>>().join(", ")
}
