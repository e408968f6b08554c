//! What the record's verbs say: who is waited for, what ended how, what was proven.

use crate::model::Language;

texts! {
    // Columns and labels.
    who_label() { en: "Can decide", es: "Decide" }
    asked_label() { en: "Asked by", es: "Solicitó" }
    approved_label() { en: "Approved by", es: "Aprobó" }
    backup_label() { en: "Backup", es: "Copia" }
    until_label() { en: "Until", es: "Hasta" }
    driver_label() { en: "Driven by", es: "Conduce" }
    system_in(system, environment) { en: "{system} in {environment}", es: "{system} en {environment}" }
    titled(kind, what) { en: "{kind}: {what}", es: "{kind}: {what}" }
    puts_back_label() { en: "Puts back", es: "Repone" }
    ended_line(what, outcome, exit) { en: "{what}: {outcome} ({exit})", es: "{what}: {outcome} ({exit})" }
    asked(name) { en: "asked by {name}", es: "solicitó {name}" }
    approved(names) { en: "approved by {names}", es: "aprobó {names}" }
    rejected(name, reason) { en: "rejected by {name}: “{reason}”", es: "rechazó {name}: “{reason}”" }
    nobody_decided() { en: "approval was asked, and not given", es: "se pidió aprobación, y no se dio" }
    not_approved() { en: "no approval was asked", es: "no se pidió aprobación" }
    backup(id) { en: "backup {id}", es: "copia {id}" }
    in_zone(moment, zone) { en: "{moment} ({zone})", es: "{moment} ({zone})" }
    recovery_opens(backup, items) {
        en: "The recovery key alone opens the newest backup, {backup}: {items} items read to the end.",
        es: "La llave de recuperación sola abre la copia más nueva, {backup}: {items} elementos leídos hasta el final."
    }
    recovery_recorded(moment) {
        en: "Recorded: {moment}. Put the key back into the safe.",
        es: "Registrado: {moment}. Devuelva la llave a la caja fuerte."
    }
    no_backups() { en: "There is no backup.", es: "No hay copias." }
    backup_verified() { en: "verified", es: "verificada" }
    backup_unverified() { en: "not read back yet", es: "aún sin releer" }
    backup_broken(why) { en: "BROKEN: {why}", es: "DAÑADA: {why}" }
    unknown_system(name) { en: "no system `{name}` is known", es: "no se conoce ningún sistema `{name}`" }
    unknown_environment(name) { en: "no environment `{name}` is known", es: "no se conoce ningún entorno `{name}`" }
    known_names(names) { en: "known: {names}", es: "se conocen: {names}" }
    no_run_yet() { en: "there is no run yet", es: "todavía no hay ninguna ejecución" }
    no_run_id(text) { en: "`{text}` is not the start of a run's id", es: "`{text}` no es el comienzo del id de una ejecución" }
    no_run(start) { en: "no run's id starts with `{start}`", es: "el id de ninguna ejecución empieza por `{start}`" }
    several_runs(start, ids) {
        en: "several runs start with `{start}`, such as {ids}; write more of the id",
        es: "varias ejecuciones empiezan por `{start}`, como {ids}; escriba más del id"
    }
    no_run_hint() {
        en: "`esclusa status` shows the open runs, `esclusa history` those that have ended; `latest` is the newest",
        es: "`esclusa status` muestra las ejecuciones abiertas, `esclusa history` las terminadas; `latest` es la más nueva"
    }
    run_is_procedure(run) {
        en: "run {run} is a procedure's: its gates are activities",
        es: "la ejecución {run} es de un procedimiento: sus aprobaciones son actividades"
    }
    run_is_procedure_hint(run) { en: "answer them with `esclusa do {run}`", es: "respóndalas con `esclusa do {run}`" }
    nobody_can() { en: "NOBODY of the people file, as it is", es: "NADIE del archivo de personas, tal como está" }
    decided_enough() { en: "approved; it can go on", es: "aprobada; puede seguir" }
    people_changed() {
        en: "the people file has changed; a new request is opened when it goes on",
        es: "el archivo de personas cambió; al seguir se abre una solicitud nueva"
    }
    nothing_open() { en: "No run is open.", es: "No hay ejecuciones abiertas." }
    nothing_ended() { en: "No run has ended.", es: "Ninguna ejecución ha terminado." }
    claims_heading() { en: "Servers that runs hold", es: "Servidores que ocupan las ejecuciones" }
    claim(server, environment, run, moment) {
        en: "{server} in {environment}: run {run}, since {moment}",
        es: "{server} en {environment}: ejecución {run}, desde {moment}"
    }
    machine(name) { en: "{name} (machine)", es: "{name} (máquina)" }
    approved_by(names, how) { en: "{names} ({how})", es: "{names} ({how})" }

    // The end of a verb.
    summary_steps(changed, unchanged, length) { en: "{changed} changed, {unchanged} as wanted, in {length}", es: "{changed} hechos, {unchanged} ya como deben ser, en {length}" }
    summary_steps_label() { en: "steps", es: "pasos" }
    summary_backup_label() { en: "backup", es: "copia" }
    summary_stopped_label() { en: "stopped", es: "detenido" }
    summary_failure_label() { en: "failure", es: "falla" }
    summary_hint_label() { en: "hint", es: "consejo" }
    summary_check_label() { en: "check", es: "comprob." }
    summary_run_label() { en: "run", es: "ejecuc." }
    summary_next_label() { en: "next", es: "sigue" }
    then(first, second) { en: "{first}; then {second}", es: "{first}; luego {second}" }
    summary_then_label() { en: "then", es: "luego" }
    only_records_the_end() { en: "it only records the end", es: "solo registra el final" }
    summary_who_label() { en: "decides", es: "decide" }
    summary_until_label() { en: "until", es: "hasta" }
    code_waiting() { en: "waiting for approval", es: "espera aprobación" }
    code_window_closed() { en: "window closed", es: "ventana cerrada" }
    code_interrupted() { en: "interrupted", es: "interrumpida" }
    code_stuck() { en: "stuck, needs a person", es: "detenida, necesita a una persona" }

    // A run in full.
    heading_plan() { en: "PLAN", es: "PLAN" }
    puts_back(backup) { en: "puts back backup {backup}", es: "repone la copia {backup}" }
    puts_back_of(backup, moment) {
        en: "puts back backup {backup} of {moment}",
        es: "repone la copia {backup} del {moment}"
    }
    heading_prediction() { en: "WHAT WAS PREDICTED", es: "QUÉ SE PREVIÓ" }
    heading_journal() { en: "JOURNAL", es: "BITÁCORA" }
    heading_decisions() { en: "DECISIONS", es: "DECISIONES" }
    heading_checks() { en: "CHECKS", es: "COMPROBACIONES" }
    heading_outputs() { en: "OUTPUTS", es: "SALIDAS" }
    run_label() { en: "Run", es: "Ejecución" }
    opened_label() { en: "Opened", es: "Abierta" }
    ended_label() { en: "Ended", es: "Terminó" }
    state_label() { en: "State", es: "Estado" }
    playbook_label() { en: "Playbook", es: "Guion" }
    outage_label() { en: "Stopped for", es: "Sin servicio" }
    failure_label() { en: "Failure", es: "Falla" }
    next_closes(command) { en: "{command} (only records the end)", es: "{command} (solo registra el final)" }
    needs_decision(state, names, moment, command) {
        en: "{state}: {names}, until {moment}, with `{command}`",
        es: "{state}: {names}, hasta el {moment}, con `{command}`"
    }
    needs_driver(state, command) {
        en: "{state}; nobody drives it now: `{command}`",
        es: "{state}; nadie la conduce ahora: `{command}`"
    }
    needs_closing(state, command) {
        en: "{state}; `{command}` records the end",
        es: "{state}; `{command}` registra el final"
    }
    needs_nothing(state) { en: "{state}; it is being driven", es: "{state}; alguien la conduce" }
    next_label() { en: "Next", es: "Sigue" }
    key_signed(fingerprint) { en: "signed with {fingerprint}", es: "firmada con {fingerprint}" }
    key_unsigned(account) { en: "UNSIGNED, by account {account}", es: "SIN FIRMA, de la cuenta {account}" }
    does_not_count(why) { en: "does not count: {why}", es: "no cuenta: {why}" }
    word_approved() { en: "approved", es: "aprobó" }
    word_rejected() { en: "rejected", es: "rechazó" }
    step_change() { en: "change", es: "cambia" }
    step_no_change() { en: "as wanted", es: "como debe ser" }
    step_unknown() { en: "unknown", es: "sin poder saberse" }
    step_skipped() { en: "skipped", es: "se omite" }
    step_restore() { en: "put back", es: "se repone" }
    step_problem() { en: "PROBLEM", es: "PROBLEMA" }
    plan_counts(changes, unknown, same) {
        en: "{changes} would change, {unknown} unknown, {same} as wanted.",
        es: "{changes} por cambiar, {unknown} sin poder saberse, {same} como debe ser."
    }
    plan_digests(release, plan, prediction) {
        en: "release {release}  plan {plan}  prediction {prediction}",
        es: "versión {release}  plan {plan}  predicción {prediction}"
    }
    plan_digests_unpredicted(release, plan) { en: "release {release}  plan {plan}", es: "versión {release}  plan {plan}" }
    plan_cannot_work() {
        en: "no prediction: the plan cannot work as the servers are.",
        es: "sin predicción: el plan no puede funcionar con los servidores como están."
    }
    plan_unasked(count, all) {
        en: "no prediction: {count} of {all} servers could not be asked.",
        es: "sin predicción: no se pudo preguntar a {count} de {all} servidores."
    }
    lines_more(count) { en: "… {count} more lines", es: "… {count} líneas más" }
    output_unreadable(why) { en: "cannot be read: {why}", es: "no se puede leer: {why}" }

    // Deciding.
    choose_gate() { en: "What do you want to decide on?", es: "¿Sobre qué quiere decidir?" }
    choice(system, environment, run) { en: "{system} in {environment} (run {run})", es: "{system} en {environment} (ejecución {run})" }
    choice_approve() { en: "Approve", es: "Aprobar" }
    choice_reject() { en: "Reject", es: "Rechazar" }
    choice_later() { en: "Decide later", es: "Decidir luego" }
    you_are(name, means) { en: "You decide as {name}, known by {means}.", es: "Usted decide como {name}, por {means}." }
    by_key(fingerprint) { en: "the key {fingerprint}", es: "la llave {fingerprint}" }
    by_account(account) { en: "the account {account}", es: "la cuenta {account}" }
    by_login(login) { en: "the database login {login}", es: "el usuario de base de datos {login}" }
    passphrase(file) { en: "Passphrase of {file}", es: "Contraseña de {file}" }
    waits_not_for_you(run, system, environment, why) {
        en: "Run {run} ({system} in {environment}) waits, but not for you: {why}.",
        es: "La ejecución {run} ({system} en {environment}) espera, pero no a usted: {why}."
    }
    still_missing(names) { en: "It still waits for: {names}", es: "Todavía espera a: {names}" }
    recorded_approved(name) { en: "Approved by {name}; nothing runs yet.", es: "Aprobado por {name}; todavía no se ejecuta nada." }
    recorded_rejected(name) { en: "Rejected by {name}.", es: "Rechazado por {name}." }
    no_terminal() {
        en: "nobody can be asked here: this is no terminal",
        es: "aquí no se puede preguntar a nadie: esto no es una terminal"
    }
    no_terminal_hint(run) {
        en: "open it on a terminal, or decide with `esclusa approve {run} --decide approve|reject --reason TEXT`",
        es: "ábrala en una terminal, o decida con `esclusa approve {run} --decide approve|reject --reason TEXTO`"
    }
    no_gate(run) { en: "run {run} waits for no decision", es: "la ejecución {run} no espera ninguna decisión" }
    gate_was_rejected(name) { en: "{name} has rejected it already", es: "{name} ya la rechazó" }
    gate_was_approved() { en: "it is approved already", es: "ya está aprobada" }
    several_gates() { en: "several runs wait for you: say which", es: "varias ejecuciones le esperan: diga cuál" }
    no_key() {
        en: "decisions are signed here, and there is no key to sign with",
        es: "aquí las decisiones se firman, y no hay llave con qué firmar"
    }
    no_key_hint() {
        en: "name one with `--key FILE`, or start an SSH agent that holds it",
        es: "indique una con `--key ARCHIVO`, o inicie un agente SSH que la tenga"
    }
    stranger_key() {
        en: "the people file names nobody with this key",
        es: "el archivo de personas no nombra a nadie con esta llave"
    }
    several_persons(names) {
        en: "your keys belong to several persons ({names}): name one with `--key FILE`",
        es: "sus llaves son de varias personas ({names}): indique una con `--key ARCHIVO`"
    }
    people_changed_hint(run) {
        en: "`esclusa resume {run}` opens a new request with the people file as it is now",
        es: "`esclusa resume {run}` abre una solicitud nueva con el archivo de personas actual"
    }
    notice_decided(system, environment) {
        en: "{system} in {environment}: somebody decided",
        es: "{system} en {environment}: hay una decisión"
    }
    notice_approved(name, command) { en: "{name} approved. Next: {command}", es: "{name} aprobó. Sigue: {command}" }
    notice_rejected(name, reason, command) {
        en: "{name} rejected: {reason}. Next: {command}",
        es: "{name} rechazó: {reason}. Sigue: {command}"
    }

    // Files of evidence.
    evidence_no_project() {
        en: "files of evidence lie in a project's depot, and there is no project",
        es: "los archivos de evidencia están en el depósito de un proyecto, y no hay proyecto"
    }
    evidence_no_project_hint() {
        en: "call it in the project's folder, or name that with `-C DIR`",
        es: "llámelo en la carpeta del proyecto, o indíquela con `-C CARPETA`"
    }
    evidence_written(path, size, digest) {
        en: "`{path}` is written: {size} bytes, sha256 {digest}",
        es: "`{path}` está escrito: {size} bytes, sha256 {digest}"
    }
    evidence_out_hint() { en: "write it to a file with `--out FILE`", es: "escríbalo en un archivo con `--out ARCHIVO`" }
    evidence_no_text() {
        en: "the file is no text, and this is a terminal",
        es: "el archivo no es texto, y esto es una terminal"
    }
    evidence_no_digest(text, digits) {
        en: "`{text}` is not a sha256 or at least {digits} digits of one",
        es: "`{text}` no es un sha256 ni al menos {digits} dígitos de uno"
    }
    evidence_several(text) {
        en: "several files of evidence begin with `{text}`",
        es: "varios archivos de evidencia empiezan por `{text}`"
    }
    evidence_none(text) { en: "no run names a file `{text}`", es: "ninguna ejecución nombra un archivo `{text}`" }
    evidence_none_hint() {
        en: "see a run's files with `esclusa coverage RUN`",
        es: "vea los archivos de una ejecución con `esclusa coverage EJECUCIÓN`"
    }

    // The audit.
    audit_ledger(entries, head) { en: "ledger: {entries} entries, whole; its head is {head}", es: "libro: {entries} asientos, íntegro; su cabeza es {head}" }
    audit_heads(count) { en: "heads that decisions name: {count}, all on the chain", es: "cabezas que nombran las decisiones: {count}, todas en la cadena" }
    audit_runs(count, events) { en: "runs: {count}, {events} events, each one possible where it stands", es: "ejecuciones: {count}, {events} eventos, cada uno posible donde está" }
    audit_decisions(count, signed) { en: "decisions: {count}, {signed} of them signed, all verified", es: "decisiones: {count}, {signed} con firma, todas verificadas" }
    audit_answers(count) { en: "answers in procedures: {count} signed, all verified", es: "respuestas en procedimientos: {count} con firma, todas verificadas" }
    audit_strange(run, activity, person, key) {
        en: "run {run}, {activity}: signed by {person} with {key}, which the people file does not list now",
        es: "ejecución {run}, {activity}: firmada por {person} con {key}, que hoy no está en el archivo de personas"
    }
    audit_answer(run, activity, why) {
        en: "run {run}, {activity}: {why}",
        es: "ejecución {run}, {activity}: {why}"
    }
    audit_answer_head(run, activity) {
        en: "run {run}, {activity}: what was signed names a head that is not on the chain, or not where it was: the ledger was rewritten",
        es: "ejecución {run}, {activity}: lo que se firmó nombra una cabeza que no está en la cadena, o no donde estaba: el libro fue reescrito"
    }
    audit_bad(what) { en: "the record is not good: {what}", es: "el registro no está bien: {what}" }
    audit_decision(seq, why) { en: "decision {seq}: {why}", es: "decisión {seq}: {why}" }
    audit_head_unknown(seq) {
        en: "decision {seq} names a head that is not on the chain: the ledger was rewritten",
        es: "la decisión {seq} nombra una cabeza que no está en la cadena: el libro fue reescrito"
    }
    audit_unproven(run, why) {
        en: "run {run} says that it was approved, and its decisions do not: {why}",
        es: "la ejecución {run} dice que fue aprobada, y sus decisiones no: {why}"
    }
    audit_gate(gate, run) {
        en: "gate {gate} is not the one that run {run} opened",
        es: "la solicitud {gate} no es la que abrió la ejecución {run}"
    }
    audit_no_gate() { en: "there is no such gate", es: "no existe tal solicitud" }
    audit_good() { en: "Nobody edited the record.", es: "Nadie alteró el registro." }
}

/// What a step's forecast says would happen, whose word is recorded in English.
#[must_use]
pub fn step_kind(kind: &str, language: Language) -> String {
    match kind {
        "change" => step_change(language),
        "unknown" => step_unknown(language),
        "skipped" => step_skipped(language),
        "restore" => step_restore(language),
        "problem" => step_problem(language),
        _ => step_no_change(language),
    }
}
