//! Events of a procedure's run in words.

use super::{language::procedures as say, roles};
use crate::{
    model::{Digest, Language, PersonName, Role},
    procedure::{ActivityKind, Answer, Event, Procedure, SEARCH, Took},
    report::language::documents,
};

/// One event as a line: the activity, who, what, why.
#[must_use]
pub fn words(event: &Event, procedure: &Procedure, language: Language) -> String {
    let es = language == Language::Es;
    let word = |spanish: &'static str, english: &'static str| if es { spanish } else { english };
    let title = |role: &Role| roles::title_in(procedure, role, language);
    let by = |by: &PersonName, role: &Role| match event.seal() {
        Some(_) => format!("{by} ({}, {})", title(role), say::signed(language)),
        None => format!("{by} ({}, {})", title(role), say::unsigned(language)),
    };
    let because = |reason: &str| if reason.trim().is_empty() { String::new() } else { format!(": {reason}") };
    match event {
        Event::ActivityOpened { activity, attempt: 1 } => format!("{activity} {}", word("abierta", "opened")),
        Event::ActivityOpened { activity, attempt } => {
            format!("{activity} {} ({attempt})", word("abierta de nuevo", "opened again"))
        }
        Event::Answered { activity, by: person, role, answer, reason, fields, .. } => {
            let shown = |(name, value): (&String, &String)| match Digest::parse(value) {
                Some(digest) if name == SEARCH => {
                    format!("; {} {}", word("búsqueda", "search"), digest.short())
                }
                _ => format!("; {name}: {value}"),
            };
            let fields: String = fields.iter().map(shown).collect();
            let (who, answer) = (by(person, role), self::answer(answer, language));
            format!("{activity} {who}: {answer}{}{fields}", because(reason))
        }
        Event::StartAllowed { activity, by, role } => {
            format!("{activity} {} {by} ({})", word("puede iniciar, según", "may start, says"), title(role))
        }
        Event::CallStarted { activity, run } => format!("{activity} {} {run}", word("ejecución", "run")),
        Event::CallEnded { activity, run, exit, .. } => {
            format!("{activity} {} {run} ({exit})", word("terminó la ejecución", "ended: run"))
        }
        Event::StagedRunEnded { activity, run, exit: 0 } => {
            format!("{activity} {} {run}", word("aceptada: la ejecución", "accepted: run"))
        }
        Event::StagedRunEnded { activity, run, exit } => {
            format!("{activity} {} {run} ({exit})", word("deshecha: la ejecución", "undone: run"))
        }
        Event::Measured { activity, good: true, .. } => {
            format!("{activity} {}", word("verificaciones buenas", "checks good"))
        }
        Event::Measured { activity, good: false, .. } => {
            format!("{activity} {}", word("verificaciones malas", "checks bad"))
        }
        Event::Performed { activity, documents: made, .. } if made.is_empty() => {
            format!("{activity} {}", word("hecha", "done"))
        }
        Event::Performed { activity, documents: made, .. } => {
            let names: Vec<_> = made.iter().map(|made| documents::form(made.form, language)).collect();
            format!("{activity} {}: {}", word("elaboró", "made"), names.join(", "))
        }
        Event::ExternalOpened { activity, by: person, role, reference, .. } => {
            format!("{activity} {}: {} {reference}", by(person, role), word("abierto con", "opened as"))
        }
        Event::ExternalReturned { activity, by: person, role, answer, reason, .. } => {
            let (who, answer) = (by(person, role), self::answer(answer, language));
            format!("{activity} {who}: {answer}{}", because(reason))
        }
        Event::LimitReached { activity, times, opens } => {
            format!("{activity} {times} {} → {opens}", word("veces: límite", "times: the limit"))
        }
        Event::Excepted { activity, by: person, role, reason, .. } => {
            let who = by(person, role);
            format!("{activity} {} {who}{}", word("exceptuada por", "excepted by"), because(reason))
        }
        Event::PeopleRecorded { people } => {
            let what = word("archivo de personas registrado", "people file recorded");
            format!("{what}: sha256 {}", people.short())
        }
        Event::Completed { activity, took, next } => {
            let way = match took {
                Took::Yes => word(" (sí)", " (yes)").to_owned(),
                Took::No => " (no)".to_owned(),
                Took::Branch(word) => format!(" ({word})"),
                Took::Next | Took::Limit => String::new(),
            };
            format!("{activity}{way} → {next}")
        }
        Event::Reminded { activity, number } => {
            format!("{activity} {} {number}", word("recordatorio", "reminder"))
        }
        Event::DeadlinePassed { activity } => format!("{activity} {}", word("plazo vencido", "overdue")),
        Event::Cancelled { by, role, reason } => {
            format!("{} {by} ({}){}", word("terminada por", "ended by"), title(role), because(reason))
        }
        Event::Closed { end, outcome } => {
            format!("{end} {}: {}", word("cerrada", "closed"), self::outcome(procedure, outcome, language))
        }
        Event::Unknown => word("evento de una versión posterior", "an event of a later version").to_owned(),
    }
}

/// An answer in one word.
pub fn answer(answer: &Answer, language: Language) -> &str {
    match (answer, language) {
        (Answer::Done, Language::Es) => "hecho",
        (Answer::Done, Language::En) => "done",
        (Answer::Yes, Language::Es) => "sí",
        (Answer::Yes, Language::En) => "yes",
        (Answer::No, _) => "no",
        (Answer::Choice(word), _) => word,
    }
}

/// How a procedure ended, whose word in files is an identifier: as the institution calls that end.
#[must_use]
pub fn outcome(procedure: &Procedure, word: &str, language: Language) -> String {
    const USUAL: [(&str, [&str; 2]); 6] = [
        ("done", ["done", "hecho"]),
        ("cancelled", ["cancelled", "cancelado"]),
        ("reused", ["reused", "se reutilizó"]),
        ("unsolved", ["without a solution", "sin solución"]),
        ("rejected", ["rejected", "rechazado"]),
        ("unrecovered", ["not recovered", "sin recuperar"]),
    ];
    let index = usize::from(language == Language::Es);
    if let Some((_, words)) = USUAL.iter().find(|(known, _)| *known == word) {
        return words[index].to_owned();
    }
    let named = |end: &&crate::procedure::Activity| {
        end.kind == ActivityKind::End && end.outcome.as_deref() == Some(word)
    };
    let end = procedure.activities.iter().find(named);
    end.map_or_else(|| word.to_owned(), |end| end.text.of(language).to_owned())
}
