//! How a run ended, or why it stopped, in people's words.

use crate::{
    model::Language,
    run::{Ending, Run},
};

/// How the run ended, or why it needs a person; nothing while it goes on. A journal of an earlier
/// version has words alone, which are shown as they are.
#[must_use]
pub fn of(run: &Run, language: Language) -> Option<String> {
    let told = run.ended.as_ref().map(|(_, words)| words).or(run.stuck.as_ref())?;
    Some(words(run.ending.as_ref(), told, language))
}

/// What an event says: by what it is where that is recorded, in the recorded words otherwise.
#[must_use]
pub fn words(ending: Option<&Ending>, told: &str, language: Language) -> String {
    let spanish = ending.filter(|_| language == Language::Es).and_then(spanish);
    spanish.unwrap_or_else(|| told.to_owned())
}

fn spanish(ending: &Ending) -> Option<String> {
    Some(match ending {
        Ending::Done => "hecho; todas las comprobaciones bien".to_owned(),
        Ending::Unchanged => "nada que cambiar; todas las comprobaciones bien".to_owned(),
        Ending::UnchangedAndBad => "nada que cambiar, pero hay comprobaciones mal".to_owned(),
        Ending::BackedUp => "copia tomada y verificada".to_owned(),
        Ending::Restored => "restaurado; todas las comprobaciones bien".to_owned(),
        Ending::WentBack => "falló; está repuesto lo que había, y sus comprobaciones están bien".to_owned(),
        Ending::ChecksFailed { checks } => format!("comprobaciones mal: {checks}"),
        Ending::RestoreUndecided { words } => format!(
            "{words}; puede haber trabajo posterior a la copia: al cancelar, `--restore` la repone, después de \
             copiar lo que hay, y `--keep` lo deja"
        ),
        Ending::Rejected { by, reason } => format!("rechazada por {by}: {reason}"),
        Ending::Expired => "venció el plazo para decidir, o la aprobación".to_owned(),
        Ending::MoreThanApproved => "cambiaría más de lo que se aprobó".to_owned(),
        Ending::ServersChange => "los servidores cambian mientras se les mira".to_owned(),
        Ending::PeopleChanged => "el archivo de personas cambió después de abrirse la solicitud".to_owned(),
        Ending::PolicyStricter => {
            "la política del entorno se hizo más estricta después de abrirse la ejecución".to_owned()
        }
        Ending::Claimed { server, run } => format!("la ejecución {run} ocupa el servidor `{server}`"),
        Ending::Unreached { words } => format!("{words}; no se cambió nada"),
        Ending::Cancelled { by } => format!("cancelada por {by}"),
        Ending::CancelledAsItIs { by } => format!("cancelada por {by}; queda como está"),
        Ending::CancelledStopped { by, words } => format!("cancelada por {by}; {words}"),
        Ending::RestoreOwed { words } => format!("{words}; falta reponer lo que había"),
        Ending::LostStopped { words } => format!("{words}; puede haber servicios detenidos"),
        Ending::RejectedLate { by } => {
            format!("{by} rechazó cuando el cambio ya había empezado; retómela o cancélela")
        }
        Ending::ApprovalVoid { why } => format!("la aprobación ya no vale: {why}"),
        Ending::OwnBackupClosed => "no se puede abrir la copia propia de la ejecución".to_owned(),
        Ending::BackupClosed => "no se puede abrir la copia que se debe reponer".to_owned(),
        Ending::BackAndBad => "se repuso lo que había, pero sus comprobaciones no están bien".to_owned(),
        Ending::NothingToPutBack => {
            "esta ejecución no tiene copia que reponer; cancélela con `--keep`".to_owned()
        }
        Ending::Undecided => "la ejecución ya cambió algo: cancélela con `--restore` o `--keep`".to_owned(),
        // What servers and tools said is nobody's to translate.
        Ending::Failed { .. } | Ending::Other { .. } | Ending::Unknown => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Event;

    #[test]
    fn an_ending_is_told_in_the_readers_language_and_an_old_journal_in_its_own_words() {
        let told = |event: &Event| match event {
            Event::Ended { words: told, how, .. } => {
                [Language::En, Language::Es].map(|language| words(how.as_ref(), told, language))
            }
            other => panic!("{other:?}"),
        };
        let now = Event::ended(0, Ending::Done);
        assert_eq!(told(&now), ["done; all checks good", "hecho; todas las comprobaciones bien"]);
        for stored in [
            r#"{"event":"ended","exit":0,"words":"done; all checks good"}"#,
            r#"{"event":"ended","exit":0,"words":"done; all checks good","how":{"what":"of_a_later_version","x":1}}"#,
        ] {
            let event: Event = serde_json::from_str(stored).unwrap();
            assert_eq!(told(&event), ["done; all checks good", "done; all checks good"]);
        }
    }
}
