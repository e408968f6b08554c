//! The plain document of an activity that names none: what was done, by whom, with what evidence.

use crate::{
    model::{Language, Timestamp},
    procedure::{ActivityId, Event, ProcedureRun, Standing, coverage},
    report::{deeds, documents::escape as plain, moment},
};

/// The document of an activity in Markdown, made from the journal.
pub fn markdown(
    run: &ProcedureRun,
    events: &[(Event, Timestamp)],
    activity: &ActivityId,
    zone: &str,
    language: Language,
) -> String {
    let es = language == Language::Es;
    let word = |spanish: &'static str, english: &'static str| if es { spanish } else { english };
    let procedure = &run.procedure;
    let title = procedure.activity(activity).map_or("", |activity| activity.text.of(language));
    let mut lines = vec![format!("# {}", plain(title)), String::new()];
    let mut fact = |name: &str, value: &str| lines.push(format!("- {name}: {}", plain(value)));
    fact(
        word("Procedimiento", "Procedure"),
        &format!("{} {}", procedure.number, procedure.title.of(language)),
    );
    fact(word("Actividad", "Activity"), activity.as_str());
    fact(word("Ejecución", "Run"), run.header.id.as_str());
    if let Some(system) = &run.header.system {
        fact(word("Sistema", "System"), system.as_str());
    }
    fact(word("Solicitante", "Asked for by"), run.header.requester.as_str());
    fact(word("Abierta", "Opened"), &moment::words(run.header.opened, zone, language));
    lines.extend([String::new(), format!("## {}", word("Lo hecho", "What was done")), String::new()]);
    for (event, at) in events {
        if is_deed(event) {
            lines.push(format!(
                "- {}: {}",
                moment::exact(*at, zone),
                plain(&deeds::words(event, procedure, language))
            ));
        }
    }
    lines.extend([String::new(), format!("## {}", word("Evidencia", "Evidence")), String::new()]);
    for covered in
        coverage(run).iter().filter(|one| !matches!(one.standing, Standing::NotTaken | Standing::NotReached))
    {
        for digest in &covered.evidence {
            lines.push(format!("- {}: sha256 {digest}", covered.activity));
        }
        for call in &covered.runs {
            lines.push(format!("- {}: {} {call}", covered.activity, word("ejecución", "run")));
        }
    }
    lines.join("\n") + "\n"
}

/// Whether an event is worth a line: what was done, not how the run came there.
pub fn is_deed(event: &Event) -> bool {
    matches!(
        event,
        Event::Answered { .. }
            | Event::ExternalOpened { .. }
            | Event::ExternalReturned { .. }
            | Event::Excepted { .. }
            | Event::CallEnded { .. }
            | Event::Measured { .. }
            | Event::LimitReached { .. }
    )
}
