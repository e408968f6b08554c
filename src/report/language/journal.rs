//! What the events of a run's journal say.

use crate::model::Language;

texts! {
    event_predicted(changes, unknown, same) {
        en: "predicted: {changes} would change, {unknown} unknown, {same} as wanted",
        es: "previsto: {changes} por cambiar, {unknown} sin poder saberse, {same} como debe ser"
    }
    event_version_seen(version) { en: "; version {version} is installed", es: "; está instalada la versión {version}" }
    event_cannot_start(why) { en: "cannot start: {why}", es: "no puede empezar: {why}" }
    event_gate_opened(roles) { en: "gate opened: waits for {roles}", es: "solicitud abierta: espera a {roles}" }
    event_approved(names, how) { en: "approved by {names} ({how})", es: "aprobada por {names} ({how})" }
    event_rejected(name, reason) { en: "rejected by {name}: {reason}", es: "rechazada por {name}: {reason}" }
    event_expired() { en: "the time to decide, or the approval, ran out", es: "venció el plazo para decidir, o la aprobación" }
    event_window(moment, zone) {
        en: "waits for its window, which opens {moment} ({zone})",
        es: "espera su ventana, que abre el {moment} ({zone})"
    }
    event_window_never() { en: "waits for a window that never opens", es: "espera una ventana que nunca abre" }
    event_claimed(count) { en: "servers claimed: {count}", es: "servidores ocupados: {count}" }
    event_rechecked() {
        en: "asked again: the servers are as they were predicted",
        es: "se preguntó de nuevo: los servidores siguen como se previó"
    }
    event_stale(server, step, words) { en: "stale: {server}: {step} {words}", es: "ya no es lo aprobado: {server}: {step} {words}" }
    event_stopping() { en: "stopping services", es: "deteniendo los servicios" }
    event_stopped() { en: "services stopped", es: "servicios detenidos" }
    event_backup_started(backup) { en: "backup {backup} started", es: "empezó la copia {backup}" }
    event_copied(item, size) { en: "backup: {item} copied ({size})", es: "copia: {item} copiado ({size})" }
    event_backup_verified(backup, size) { en: "backup {backup} verified ({size})", es: "copia {backup} verificada ({size})" }
    event_backup_admitted(backup, when) { en: "backup {backup} of {when} read back: the policy admits it", es: "copia {backup} del {when} releída: la política la admite" }
    event_no_backup(why) { en: "no backup, so no change: {why}", es: "sin copia no hay cambio: {why}" }
    event_unchanged(server, steps) { en: "{server}: as wanted: {steps}", es: "{server}: ya como debe ser: {steps}" }
    event_skipped(server, step) { en: "{server}: {step} skipped", es: "{server}: {step} omitido" }
    event_started(server, step, summary) { en: "{server}: {step} started: {summary}", es: "{server}: {step} empezó: {summary}" }
    event_started_again(server, step, attempt, summary) {
        en: "{server}: {step} started (attempt {attempt}): {summary}",
        es: "{server}: {step} empezó (intento {attempt}): {summary}"
    }
    event_changed(server, step) { en: "{server}: {step} changed", es: "{server}: {step} hecho" }
    event_failed(server, step, why) { en: "{server}: {step} failed: {why}", es: "{server}: {step} falló: {why}" }
    event_in_doubt(server, step, why) { en: "{server}: {step} in doubt: {why}", es: "{server}: {step} en duda: {why}" }
    event_lost(server, why) { en: "{server} lost: {why}", es: "{server} perdido: {why}" }
    event_steps_done() { en: "all steps done", es: "todos los pasos hechos" }
    event_stage_copy(stage) { en: "{stage}: servers are held and copied", es: "{stage}: se reservan y copian los servidores" }
    event_stage_allowed(stage, phases) { en: "{stage} may begin: {phases}", es: "{stage} puede empezar: {phases}" }
    event_stage_done(stage) { en: "{stage}: all steps done", es: "{stage}: todos los pasos hechos" }
    event_undo_asked(why) { en: "to be undone: {why}", es: "se deshace: {why}" }
    event_accepted(by) { en: "accepted by {by}", es: "aceptada por {by}" }
    event_starting() { en: "starting services", es: "iniciando los servicios" }
    event_services_up() { en: "services started", es: "servicios iniciados" }
    event_services_up_after(length) {
        en: "services started; they were stopped for {length}",
        es: "servicios iniciados; estuvieron detenidos {length}"
    }
    event_services_failed(why) { en: "services do not start: {why}", es: "los servicios no inician: {why}" }
    event_checks_good(count) { en: "{count} checks, all good", es: "{count} comprobaciones, todas bien" }
    event_check(finding) { en: "check {finding}", es: "comprobación {finding}" }
    event_safety_started() {
        en: "copying what is there now before anything is put back",
        es: "copiando lo que hay ahora antes de reponer nada"
    }
    event_safety_taken(backup) { en: "copied: {backup}", es: "copiado: {backup}" }
    event_safety_failed(why) { en: "what is there now cannot be copied: {why}", es: "no se puede copiar lo que hay ahora: {why}" }
    event_restore_failed(why) { en: "cannot be put back: {why}", es: "no se puede reponer: {why}" }
    event_restoring(item) { en: "restoring {item}", es: "reponiendo {item}" }
    event_restored(item) { en: "{item} restored", es: "{item} repuesto" }
    event_all_restored() { en: "everything is back", es: "todo está repuesto" }
    event_cancel_asked(name, reason) { en: "{name} asked to cancel: {reason}", es: "{name} pidió cancelar: {reason}" }
    event_interrupted() { en: "interrupted; nothing is lost", es: "interrumpida; nada se pierde" }
    event_resumed(name) { en: "taken up again by {name}", es: "retomada por {name}" }
    event_stuck(why) { en: "stuck: {why}", es: "detenida: {why}" }
    event_ended(state, words) { en: "{state}: {words}", es: "{state}: {words}" }
    event_unknown() { en: "an event of a later version", es: "un evento de una versión posterior" }
    how_signed() { en: "signed", es: "con firma" }
    how_unsigned() { en: "unsigned", es: "sin firma" }
    finding(check, server, verdict, lines) { en: "{check} on {server} is {verdict}: {lines}", es: "{check} en {server} está {verdict}: {lines}" }
    found(value, found, wanted) { en: "{value}: {found} (wanted: {wanted})", es: "{value}: {found} (se espera: {wanted})" }
    wanted_is(value) { en: "is {value}", es: "igual a {value}" }
    wanted_not(value) { en: "is not {value}", es: "distinto de {value}" }
    wanted_contains(text) { en: "contains {text}", es: "contiene {text}" }
    wanted_matches(text) { en: "matches {text}", es: "coincide con {text}" }
    wanted_below(limit) { en: "below {limit}", es: "menor que {limit}" }
    wanted_above(limit) { en: "above {limit}", es: "mayor que {limit}" }
    wanted_at_least(limit) { en: "at least {limit}", es: "al menos {limit}" }
    wanted_at_most(limit) { en: "at most {limit}", es: "a lo sumo {limit}" }
    checks_all_good() { en: "all checks good.", es: "todas las comprobaciones están bien." }
    checks_not_all_good() { en: "not all checks are good.", es: "no todas las comprobaciones están bien." }
    verdict_good() { en: "good", es: "bien" }
    verdict_bad() { en: "bad", es: "mal" }
    verdict_unknown() { en: "unknown", es: "sin saberse" }
    and() { en: " and ", es: " y " }
}
