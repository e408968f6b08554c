//! What an activity of a procedure takes, and what of an answer does not fit.

use crate::model::Language;

texts! {
    takes(id) { en: "{id} takes:", es: "{id} recibe:" }
    takes_nothing(id) { en: "{id} takes nothing now.", es: "{id} no recibe nada ahora." }
    required() { en: "required", es: "obligatorio" }
    optional() { en: "optional", es: "opcional" }
    required_for_no() { en: "required for a no", es: "obligatorio si es no" }
    files_at_least(count) { en: "at least {count}", es: "al menos {count}" }
    any_of(roles, last) { en: "{roles} or {last}", es: "{roles} o {last}" }
    each_of(roles, last) { en: "{roles} and {last}, each of them", es: "{roles} y {last}, cada uno" }
    who_label() { en: "Answered by", es: "Responde" }
    not_complete(id) { en: "`{id}` cannot be recorded like this", es: "`{id}` no se puede registrar así" }
    field_missing(name) { en: "the field `{name}` is missing", es: "falta el campo `{name}`" }
    field_unknown(name) { en: "there is no field `{name}`", es: "no existe el campo `{name}`" }
    field_wrong(name, wanted) { en: "the field `{name}` must be {wanted}", es: "el campo `{name}` debe ser {wanted}" }
    field_wrong_given(name, wanted, given) {
        en: "the field `{name}` must be {wanted}, not `{given}`",
        es: "el campo `{name}` debe ser {wanted}, no `{given}`"
    }
    answer_missing() { en: "the answer is missing", es: "falta la respuesta" }
    answer_unknown(word) { en: "`{word}` is no answer here", es: "`{word}` no es una respuesta aquí" }
    reason_missing() { en: "the reason is missing", es: "falta el motivo" }
    files_missing(wanted, given) {
        en: "files of evidence: {given} of at least {wanted}",
        es: "archivos de evidencia: {given} de al menos {wanted}"
    }
    search_by_hand() {
        en: "the field `search` is filled in by `--search`: it is not given by hand",
        es: "el campo `search` lo llena `--search`: no se escribe a mano"
    }
    search_missing() { en: "nothing was searched in the catalogue", es: "no se ha buscado en el catálogo" }
    reference_missing() {
        en: "the number under which the other process was opened is missing",
        es: "falta el radicado del otro proceso"
    }
    kind_text() { en: "a text", es: "un texto" }
    kind_number() { en: "a whole number", es: "un número entero" }
    kind_date() { en: "a day such as 2026-12-31", es: "un día como 2026-12-31" }
    kind_system() { en: "the name of a system", es: "el nombre de un sistema" }
    kind_version() { en: "a version", es: "una versión" }
    kind_url() { en: "an address that begins with https://", es: "una dirección que empieza con https://" }
    kind_licence() { en: "a licence such as GPL-2.0-or-later", es: "una licencia como GPL-2.0-or-later" }
    kind_package() { en: "the sha256 of a package in the depot", es: "el sha256 de un paquete del depósito" }
    kind_secret() {
        en: "the name of a secret, never its value",
        es: "el nombre de un secreto, nunca su valor"
    }
    kind_approval() {
        en: "the id of a run whose gate was approved, see `esclusa history`",
        es: "el id de una ejecución cuya solicitud se aprobó, ver `esclusa history`"
    }
    kind_choice(words) { en: "one of {words}", es: "una de {words}" }
}
