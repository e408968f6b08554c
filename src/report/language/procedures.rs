//! What people are told and asked in procedures.

use crate::model::Language;

texts! {
    nothing_to_do(name) { en: "Nothing waits for you, {name}.", es: "Nada lo espera, {name}." }
    nothing_at_all() { en: "Nothing waits for anybody.", es: "Nada espera a nadie." }
    todo_no_people() {
        en: "a database alone does not say who you are: the people file lies in a project",
        es: "una base de datos sola no dice quién es usted: el archivo de personas está en un proyecto"
    }
    todo_no_people_hint() {
        en: "see what waits for anybody with `esclusa todo --all`, what waits for your key with `esclusa approve`, or name a project with `-C DIR`",
        es: "vea lo que espera a cualquiera con `esclusa todo --all`, lo que espera a su llave con `esclusa approve`, o indique un proyecto con `-C CARPETA`"
    }
    todo_stranger(account) {
        en: "account `{account}` belongs to nobody of the people file",
        es: "la cuenta `{account}` no es de nadie del archivo de personas"
    }
    todo_stranger_login(login) {
        en: "database login `{login}` belongs to nobody of the people file",
        es: "el usuario de base de datos `{login}` no es de nadie del archivo de personas"
    }
    todo_stranger_hint() {
        en: "add it there, or see what waits for anybody with `esclusa todo --all`",
        es: "agréguela allí, o vea lo que espera a cualquiera con `esclusa todo --all`"
    }
    since_label() { en: "Since", es: "Desde" }
    due_label() { en: "Due", es: "Plazo" }
    overdue(moment) { en: "{moment}: OVERDUE", es: "{moment}: VENCIDO" }
    for_label() { en: "Waits for", es: "Espera a" }
    missing_label() { en: "Missing", es: "Falta" }
    reference_label() { en: "Reference", es: "Radicado" }
    waits_for(id, what) { en: "{id} waits: {what}", es: "{id} espera: {what}" }
    needs(state, command) { en: "{state}: `{command}`", es: "{state}: `{command}`" }
    ended(outcome) { en: "ended: {outcome}", es: "terminó: {outcome}" }
    recorded(id) { en: "recorded: {id}", es: "registrada: {id}" }
    opened(id) { en: "opened: run {id}", es: "abierta: ejecución {id}" }
    ask_answer() { en: "Answer", es: "Respuesta" }
    ask_reason() { en: "Reason", es: "Motivo" }
    ask_text() { en: "What was done", es: "Qué se hizo" }
    ask_reference() { en: "Reference of the other process", es: "Radicado del otro proceso" }
    ask_files(wanted) {
        en: "Files of evidence, at least {wanted}, with a blank between them",
        es: "Archivos de evidencia, al menos {wanted}, separados por un espacio"
    }
    answer_done() { en: "done", es: "hecho" }
    answer_yes() { en: "yes", es: "sí" }
    answer_no() { en: "no", es: "no" }
    standing_done() { en: "done", es: "hecha" }
    standing_attested(names, how) { en: "attested by {names} ({how})", es: "atestada por {names} ({how})" }
    signed() { en: "signed", es: "con firma" }
    unsigned() { en: "unsigned", es: "sin firma" }
    you_sign() { en: "YOU SIGN:", es: "USTED FIRMA:" }
    act_label() { en: "Activity", es: "Actividad" }
    answer_label() { en: "Answer", es: "Respuesta" }
    reason_label() { en: "Reason", es: "Motivo" }
    digest_label() { en: "sha256", es: "sha256" }
    file_label() { en: "File", es: "Archivo" }
    no_files() { en: "no files of evidence", es: "sin archivos de evidencia" }
    as_label() { en: "As", es: "Como" }
    with_label() { en: "With", es: "Con" }
    left_out(moment) { en: "left out until {moment}", es: "se omite hasta {moment}" }
    left_out_for_good() { en: "left out", es: "se omite" }
    external_opened(reference) { en: "opened as {reference}", es: "abierto con {reference}" }
    ask_signature() { en: "Signature", es: "Firma" }
    choice_sign() { en: "sign it", es: "firmar" }
    choice_leave() { en: "leave it for later", es: "dejarlo para después" }
    nothing_signed() { en: "Nothing was signed; it still waits.", es: "No se firmó nada; sigue en espera." }
    no_key_at_hand(name) {
        en: "this activity is signed, and no key of {name} is at hand",
        es: "esta actividad se firma, y no hay a la mano una llave de {name}"
    }
    key_of_another(file, name) {
        en: "`{file}` is no key of `{name}` in the people file",
        es: "`{file}` no es una llave de `{name}` según el archivo de personas"
    }
    standing_excepted(name, why) { en: "excepted by {name}: {why}", es: "exceptuada por {name}: {why}" }
    standing_excepted_until(name, moment, why) {
        en: "excepted by {name} until {moment}: {why}",
        es: "exceptuada por {name} hasta {moment}: {why}"
    }
    standing_missing() { en: "MISSING", es: "FALTA" }
    standing_failed() { en: "FAILED", es: "FALLÓ" }
    standing_missing_failed() { en: "MISSING: it failed", es: "FALTA: falló" }
    standing_open() { en: "OPEN NOW", es: "ABIERTA AHORA" }
    standing_not_reached() { en: "not reached yet", es: "aún no alcanzada" }
    led_on(how, way) { en: "{how}; led on by “{way}”", es: "{how}; siguió por «{way}»" }
    goes_on(ahead) {
        en: "nothing is missing so far; {ahead} activities are open or not reached yet",
        es: "no falta nada hasta ahora; {ahead} actividades están abiertas o aún no alcanzadas"
    }
    standing_not_taken() { en: "not on the way taken", es: "no está en el camino tomado" }
    complete(count) { en: "complete: {count} activities, none is missing", es: "completa: {count} actividades, no falta ninguna" }
    incomplete(count) { en: "{count} activities are missing", es: "faltan {count} actividades" }
}
