//! Why what a person is said to have signed does not count, in both languages.

use crate::{
    approval::refusal::refusals,
    model::{PersonName, Role},
};

refusals! {
    /// Why an event of a procedure that must be signed does not count.
    TestimonyRefusal:
    /// Nothing is signed where the procedure asks for it.
    Unsigned
        => "this activity is signed, and the answer is not",
           "esta actividad se firma, y la respuesta no está firmada";
    /// The text is not a testimony's.
    Unreadable
        => "what was signed cannot be read",
           "lo que se firmó no se puede leer";
    /// Written by a newer program.
    NewerFormat { format: u32 }
        => "what was signed has format {format}, which this program does not know",
           "lo que se firmó tiene el formato {format}, que este programa no conoce";
    /// The same text was used before.
    Replayed
        => "the same signature was used before in this run",
           "la misma firma ya se usó en esta ejecución";
    /// Another run.
    OtherRun
        => "what was signed is about another run",
           "lo que se firmó es de otra ejecución";
    /// Another procedure, or another version of it.
    OtherProcedure
        => "what was signed is about another version of the procedure",
           "lo que se firmó es de otra versión del procedimiento";
    /// Another activity.
    OtherActivity
        => "what was signed is about another activity",
           "lo que se firmó es de otra actividad";
    /// Another opening of the activity.
    OtherAttempt
        => "what was signed is about another attempt at this activity",
           "lo que se firmó es de otro intento de esta actividad";
    /// Another person or role.
    OtherPerson
        => "what was signed names another person or role",
           "lo que se firmó nombra a otra persona u otro rol";
    /// Other files.
    OtherEvidence
        => "what was signed names other files of evidence",
           "lo que se firmó nombra otros archivos de evidencia";
    /// Another answer, reason, field, reference or date.
    OtherWords
        => "what was signed says something else than what is recorded",
           "lo que se firmó dice otra cosa que lo registrado";
    /// The people file is not the one that the run recorded.
    PeopleChanged
        => "what was signed names another people file than the one recorded with the run",
           "lo que se firmó nombra otro archivo de personas que el registrado con la ejecución";
    /// The people file that the run recorded is not known.
    PeopleUnknown
        => "the people file of this signature was not recorded with the run",
           "el archivo de personas de esta firma no se registró con la ejecución";
    /// Signed before the activity was open, or after it was recorded.
    WrongTime
        => "the time of the signature does not lie within the life of the activity",
           "la fecha de la firma no está dentro de la vigencia de la actividad";
    /// The people file does not name the person.
    NotInPeopleFile { person: PersonName }
        => "`{person}` is not in the people file",
           "`{person}` no está en el archivo de personas";
    /// A machine signs nothing.
    Machine { person: PersonName }
        => "`{person}` is a machine, and only people sign",
           "`{person}` es una máquina, y solo firman las personas";
    /// The person does not have the role.
    NoSuchRole { person: PersonName, role: Role }
        => "`{person}` does not have the role `{role}`",
           "`{person}` no tiene el rol `{role}`";
    /// The person has no key.
    NoKey { person: PersonName }
        => "`{person}` has no SSH key in the people file, and this activity is signed",
           "`{person}` no tiene una llave SSH en el archivo de personas, y esta actividad se firma";
    /// Two names share a key or an account, so it says nothing about which of them signed.
    SharedIdentity { person: PersonName, other: PersonName }
        => "`{person}` and `{other}` share a key or an account",
           "`{person}` y `{other}` comparten una llave o una cuenta";
    /// The key that signed is not one of the person's.
    KeyNotListed { person: PersonName }
        => "the key that signed is not one of the keys of `{person}` in the people file",
           "la llave que firmó no es de `{person}` según el archivo de personas";
    /// The signature was made for another purpose.
    WrongNamespace
        => "the signature was not made for an activity of a procedure",
           "la firma no se hizo para una actividad de un procedimiento";
    /// The signature is not of this text.
    TextChanged
        => "the signature does not belong to this text",
           "la firma no corresponde a este texto";
    /// The signature cannot be read.
    BadSignature
        => "the signature cannot be read",
           "la firma no se puede leer";
}
