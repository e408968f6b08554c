//! Every sentence that people of the institution read, in both languages, side by side.
//!
//! A message is a function of the language and its arguments. One that lacks a language, or uses an
//! argument that it does not have, does not compile.

use crate::{
    backup::spec::Part,
    model::{EnvironmentKind, Language, PlaybookKind},
    procedure::ActivityKind,
};

macro_rules! texts {
    ($($name:ident($($argument:ident),*) { en: $en:literal, es: $es:literal })*) => {
        $(
            #[doc = $en]
            #[must_use]
            pub fn $name(language: Language $(, $argument: impl std::fmt::Display)*) -> String {
                match language {
                    Language::En => format!($en),
                    Language::Es => format!($es),
                }
            }
        )*

        /// Every message with each argument's name in its place: for tests and for whoever proofreads.
        #[must_use]
        pub fn catalogue(language: Language) -> Vec<(&'static str, String)> {
            vec![$((stringify!($name), $name(language $(, concat!("<", stringify!($argument), ">"))*))),*]
        }
    };
}

pub mod doctor;
pub mod documents;
pub mod journal;
pub mod procedures;
pub mod records;
pub mod wanted;

texts! {
    // The approval sheet.
    approval_title(system, environment) { en: "APPROVAL: {system}, {environment}", es: "APROBACIÓN: {system}, {environment}" }
    change_label() { en: "Change", es: "Cambio" }
    change_versions(kind, from, to) { en: "{kind} from {from} to {to}", es: "{kind} de {from} a {to}" }
    change_to(kind, to) { en: "{kind} of {to}", es: "{kind} de {to}" }
    change_from_unknown(kind, to) {
        en: "{kind} to {to}; the version that is there is unknown",
        es: "{kind} a {to}; no se conoce la versión que hay"
    }
    playbook_label() { en: "Playbook", es: "Guion" }
    inputs_label() { en: "Inputs", es: "Datos" }
    requester_label() { en: "Asked by", es: "Solicita" }
    requester_machine(name) { en: "{name} (machine)", es: "{name} (máquina)" }
    reason_label() { en: "Reason", es: "Motivo" }
    reason_missing() { en: "none was given", es: "no se dio" }
    new_gate_label() { en: "Again", es: "De nuevo" }
    new_gate() {
        en: "approved before; below is only what differs from what was approved then",
        es: "ya se había aprobado; abajo está solo lo que difiere de lo aprobado entonces"
    }
    changes_heading() { en: "WHAT CHANGES", es: "QUÉ CAMBIA" }
    changes_counts(changes, unknown, unchanged) {
        en: "to change: {changes}, unknown: {unknown}, as it is: {unchanged}",
        es: "por cambiar: {changes}, sin poder saberse: {unknown}, igual: {unchanged}"
    }
    changes_more(count) { en: "and {count} more", es: "y {count} más" }
    changes_none() { en: "nothing", es: "nada" }
    tested_heading() { en: "WHAT WAS TESTED", es: "QUÉ SE PROBÓ" }
    tested_nowhere() { en: "This release has run in no other environment.", es: "Esta versión no se ha ejecutado en ningún otro entorno." }
    tested_checks(passed, total) { en: "{passed} of {total} checks", es: "{passed} de {total} comprobaciones" }
    tested_outage(length) { en: "out of service for {length}", es: "{length} sin servicio" }
    outcome_succeeded() { en: "succeeded", es: "terminó bien" }
    outcome_failed() { en: "FAILED", es: "FALLÓ" }
    outcome_restored() { en: "FAILED, restored", es: "FALLÓ, restaurado" }
    outcome_stuck() { en: "STUCK", es: "DETENIDO" }
    failure_heading() { en: "IF IT FAILS", es: "SI FALLA" }
    failure_restores() {
        en: "What was there is put back from this run's own backup, and checked.",
        es: "Se repone lo que había con la copia propia de esta ejecución, y se comprueba."
    }
    failure_person() {
        en: "Nothing is put back by itself: a person decides.",
        es: "Nada se repone por sí solo: decide una persona."
    }
    failure_install() {
        en: "It is a first install: there is nothing to put back.",
        es: "Es una primera instalación: no hay nada que reponer."
    }
    backup_label() { en: "Backup", es: "Respaldo" }
    backup_own(parts) { en: "just before the change, read back: {parts}", es: "justo antes del cambio, releído: {parts}" }
    backup_older(moment) { en: "none of its own; the one of {moment} stands in", es: "sin copia propia; vale la del {moment}" }
    backup_none() { en: "none", es: "ninguno" }
    backup_safety(moment, parts) {
        en: "what is there is copied first; put back is the one of {moment}: {parts}",
        es: "antes se copia lo que hay; se repone la del {moment}: {parts}"
    }
    backup_size_label() { en: "Size", es: "Tamaño" }
    backup_size(size) { en: "about {size}", es: "cerca de {size}" }
    left_out_label() { en: "Left out", es: "Se omite" }
    left_out(part, reason) { en: "{part}: “{reason}”", es: "{part}: “{reason}”" }
    proof_label() { en: "Proven", es: "Probado" }
    proof_restore(moment, length) { en: "last restore {moment}, took {length}", es: "última restauración {moment}, tomó {length}" }
    proof_rehearsal(moment, length) { en: "last rehearsal {moment}, took {length}", es: "último simulacro {moment}, tomó {length}" }
    proof_never() { en: "NEVER: no backup of it was ever restored", es: "NUNCA: jamás se ha restaurado una copia suya" }
    part_packages() { en: "packages", es: "paquetes" }
    part_configuration() { en: "configuration", es: "configuración" }
    part_databases() { en: "databases", es: "bases de datos" }
    part_complementary() { en: "complementary", es: "complementario" }
    part_logs() { en: "logs", es: "registros" }
    weakening_heading() { en: "APPROVING ALSO LOOSENS THE RULES HERE", es: "APROBAR TAMBIÉN AFLOJA LAS REGLAS DE ESTE ENTORNO" }
    decision_heading() { en: "THE DECISION", es: "LA DECISIÓN" }
    decides_label() { en: "Missing", es: "Falta" }
    decided_label() { en: "Approved", es: "Aprobó" }
    decided_by(name, role) { en: "{name} ({role})", es: "{name} ({role})" }
    until_label() { en: "Until", es: "Hasta" }
    until(moment) { en: "{moment}; without an answer nothing is done", es: "{moment}; sin respuesta no se hace nada" }
    valid_label() { en: "Holds for", es: "Vigencia" }
    valid(length) { en: "{length} from the last approval", es: "{length} desde la última aprobación" }
    window_label() { en: "Window", es: "Ventana" }
    window_any() { en: "at any time", es: "a cualquier hora" }
    window_open(moment) { en: "open now, until {moment}", es: "abierta ahora, hasta el {moment}" }
    window_open_always() { en: "open now", es: "abierta ahora" }
    window_closed(moment) { en: "opens {moment}", es: "abre el {moment}" }
    window_never() { en: "NEVER OPENS", es: "NUNCA ABRE" }
    signature_label() { en: "Signature", es: "Firma" }
    signature_signed() { en: "with the SSH key of whoever decides", es: "con la llave SSH de quien decide" }
    signature_unsigned() { en: "UNSIGNED: the account of whoever decides counts", es: "SIN FIRMA: vale la cuenta de quien decide" }
    digests_label() { en: "Exactly", es: "Exactamente" }
    digests(release, plan, prediction) {
        en: "release {release} · plan {plan} · prediction {prediction}",
        es: "versión {release} · plan {plan} · predicción {prediction}"
    }
    zone_label() { en: "Times", es: "Horas" }

    // The prompt.
    ask_decision() { en: "Approve (a), reject (r) or decide later (l)?", es: "¿Aprobar (a), rechazar (r) o decidir luego (l)?" }
    ask_reason() { en: "Reason", es: "Motivo" }
    ask_reason_needed() { en: "A rejection needs a reason.", es: "Un rechazo necesita un motivo." }
    decision_recorded() { en: "Your decision is recorded.", es: "Su decisión quedó registrada." }
    decision_left() { en: "Nothing was decided.", es: "No se decidió nada." }
    decision_nothing_waits() { en: "Nothing waits for you.", es: "Nada espera por usted." }

    // Status of a run.
    state_planned() { en: "planned", es: "planeada" }
    state_waiting_approval(who) { en: "waiting for approval by {who}", es: "espera la aprobación de {who}" }
    state_waiting_window(moment) { en: "waiting for the window, which opens {moment}", es: "espera la ventana, que abre el {moment}" }
    state_waiting_window_any() { en: "approved; waiting for the window", es: "aprobada; espera la ventana" }
    state_stale() { en: "stale: more would change than was approved", es: "ya no es lo aprobado: cambiaría más" }
    state_waiting_claim(run) { en: "waiting for run {run}, which holds the servers", es: "espera a la ejecución {run}, que ocupa los servidores" }
    state_waiting_person(role) { en: "waiting for {role}", es: "espera a {role}" }
    state_backing_up() { en: "backing up", es: "respaldando" }
    state_running() { en: "running", es: "en curso" }
    state_verifying() { en: "verifying", es: "comprobando" }
    state_held() { en: "standing still; its procedure takes it on", es: "detenida; su procedimiento la continúa" }
    state_restoring() { en: "restoring", es: "restaurando" }
    state_succeeded() { en: "succeeded", es: "terminada con éxito" }
    state_failed() { en: "failed", es: "fallida" }
    state_restored() { en: "failed, and what was there is back", es: "fallida, y lo que había está repuesto" }
    state_stuck() { en: "stuck: it needs a person", es: "detenida: necesita a una persona" }
    state_rejected() { en: "rejected", es: "rechazada" }
    state_expired() { en: "expired", es: "vencida" }
    state_cancelled() { en: "cancelled", es: "cancelada" }
    next_command(command) { en: "Next: {command}", es: "Sigue: {command}" }

    // The graph of a procedure.
    way_yes() { en: "yes", es: "sí" }
    way_no() { en: "no", es: "no" }
    way_failed() { en: "failed", es: "falló" }
    way_limit(times) { en: "after {times} times", es: "a las {times} veces" }

    // Messages to people.
    mail_approval(system, environment) {
        en: "Your approval is asked for: {system} in {environment}",
        es: "Se pide su aprobación: {system} en {environment}"
    }
    mail_approval_body(requester, system, environment, moment, command) {
        en: "{requester} asks to change {system} in {environment}. Decide by {moment} with: {command}",
        es: "{requester} solicita cambiar {system} en {environment}. Decida a más tardar el {moment} con: {command}"
    }
    mail_approved(system, environment, name) {
        en: "{name} approved the change of {system} in {environment}",
        es: "{name} aprobó el cambio de {system} en {environment}"
    }
    mail_rejected(system, environment, name, reason) {
        en: "{name} rejected the change of {system} in {environment}: “{reason}”",
        es: "{name} rechazó el cambio de {system} en {environment}: “{reason}”"
    }
    mail_expired(system, environment) {
        en: "Nobody decided in time on {system} in {environment}; nothing was changed",
        es: "Nadie decidió a tiempo sobre {system} en {environment}; no se cambió nada"
    }
    mail_succeeded(system, environment, to) {
        en: "{system} in {environment} is now at {to} and passes its checks",
        es: "{system} en {environment} está ahora en {to} y pasa sus comprobaciones"
    }
    mail_failed(system, environment, cause) {
        en: "The change of {system} in {environment} failed: {cause}",
        es: "El cambio de {system} en {environment} falló: {cause}"
    }
    mail_restored(system, environment, cause) {
        en: "The change of {system} in {environment} failed, and what was there works again: {cause}",
        es: "El cambio de {system} en {environment} falló, y lo que había funciona de nuevo: {cause}"
    }
    mail_stuck(system, environment, command) {
        en: "{system} in {environment} is stuck and needs a person: {command}",
        es: "{system} en {environment} está detenido y necesita a una persona: {command}"
    }
}

/// What an environment is for.
#[must_use]
pub fn environment_kind(kind: EnvironmentKind, language: Language) -> &'static str {
    match (kind, language) {
        (EnvironmentKind::Development, Language::En) => "development",
        (EnvironmentKind::Development, Language::Es) => "desarrollo",
        (EnvironmentKind::Test, Language::En) => "test",
        (EnvironmentKind::Test, Language::Es) => "pruebas",
        (EnvironmentKind::Production, Language::En) => "production",
        (EnvironmentKind::Production, Language::Es) => "producción",
    }
}

/// One of a backup's parts.
#[must_use]
pub fn part(part: Part, language: Language) -> String {
    match part {
        Part::Packages => part_packages(language),
        Part::Configuration => part_configuration(language),
        Part::Databases => part_databases(language),
        Part::Complementary => part_complementary(language),
        Part::Logs => part_logs(language),
    }
}

/// What a playbook does, as a noun.
#[must_use]
pub fn playbook_kind(kind: PlaybookKind, language: Language) -> &'static str {
    match (kind, language) {
        (PlaybookKind::Install, Language::En) => "install",
        (PlaybookKind::Install, Language::Es) => "instalación",
        (PlaybookKind::Update, Language::En) => "update",
        (PlaybookKind::Update, Language::Es) => "actualización",
        (PlaybookKind::Backup, Language::En) => "backup",
        (PlaybookKind::Backup, Language::Es) => "copia de respaldo",
        (PlaybookKind::Restore, Language::En) => "restore",
        (PlaybookKind::Restore, Language::Es) => "restauración",
        (PlaybookKind::Maintenance, Language::En) => "maintenance",
        (PlaybookKind::Maintenance, Language::Es) => "mantenimiento",
        (PlaybookKind::Procedure, Language::En) => "procedure",
        (PlaybookKind::Procedure, Language::Es) => "procedimiento",
    }
}

/// What an activity is.
#[must_use]
pub fn activity_kind(kind: ActivityKind, language: Language) -> &'static str {
    let (en, es) = match kind {
        ActivityKind::Start => ("start", "inicio"),
        ActivityKind::End => ("end", "fin"),
        ActivityKind::Request => ("request", "solicitud"),
        ActivityKind::Attest => ("attestation", "constancia"),
        ActivityKind::Decision => ("decision", "decisión"),
        ActivityKind::Gate => ("approval", "aprobación"),
        ActivityKind::External => ("other process", "otro proceso"),
        ActivityKind::Call => ("call", "llamada"),
        ActivityKind::Remote => ("run on servers", "ejecución en servidores"),
        ActivityKind::Backup => ("backup", "copia de respaldo"),
        ActivityKind::Test => ("test", "prueba"),
        ActivityKind::Record => ("record", "registro"),
        ActivityKind::Deliver => ("delivery", "entrega"),
        ActivityKind::Notify => ("notice", "aviso"),
        ActivityKind::Monitor => ("monitoring", "monitoreo"),
        ActivityKind::Incident => ("incident", "incidente"),
        ActivityKind::Recovery => ("recovery", "recuperación"),
    };
    match language {
        Language::En => en,
        Language::Es => es,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_use_the_same_arguments_and_short_labels() {
        let arguments = |text: &str| {
            let mut found: Vec<String> = text
                .split('<')
                .skip(1)
                .map(|rest| rest.split('>').next().unwrap_or_default().to_owned())
                .collect();
            found.sort();
            found
        };
        let all = |language| {
            [
                catalogue(language),
                journal::catalogue(language),
                records::catalogue(language),
                procedures::catalogue(language),
                documents::catalogue(language),
            ]
            .concat()
        };
        for ((name, en), (_, es)) in all(Language::En).into_iter().zip(all(Language::Es)) {
            assert_eq!(arguments(&en), arguments(&es), "{name}");
            assert!(!en.is_empty() && !es.is_empty(), "{name}");
            if name.ends_with("_label") {
                assert!(super::super::escape::width(&en) <= super::super::lines::LABEL_COLUMNS, "{name}");
                assert!(super::super::escape::width(&es) <= super::super::lines::LABEL_COLUMNS, "{name}");
            }
        }
    }
}
