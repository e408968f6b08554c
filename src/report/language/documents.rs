//! Documents, the catalogue, coverage over all runs, and where a run stands in its drawing.

use crate::{catalogue::Part, model::Language, procedure::Form};

texts! {
    // Documents.
    form_test_report() { en: "test report", es: "informe de pruebas" }
    form_errors_and_solutions() { en: "errors and solutions", es: "errores y soluciones" }
    form_data_sheet() { en: "data sheet", es: "ficha del sistema" }
    form_life_record() { en: "line of the life record", es: "asiento de la hoja de vida" }
    form_delivery_act() { en: "delivery act", es: "acta de entrega" }
    form_reversal() { en: "record of the reversal", es: "acta de reversión" }
    form_incident() { en: "incident report", es: "informe de incidente" }
    form_logbook() { en: "logbook entry", es: "asiento de la bitácora" }
    ended_with(exit) { en: "the run ended with exit code {exit}", es: "la ejecución terminó con el código {exit}" }
    attempt_good(attempt) { en: "attempt {attempt} went well", es: "el intento {attempt} salió bien" }
    documents_heading() { en: "DOCUMENTS", es: "DOCUMENTOS" }
    document_label() { en: "Document", es: "Documento" }

    // The catalogue.
    part_title() { en: "title", es: "título" }
    part_objective() { en: "objective", es: "objetivo" }
    part_service() { en: "service", es: "servicio" }
    part_unit() { en: "unit", es: "unidad" }
    catalogue_heading(count) { en: "Catalogue, systems: {count}", es: "Catálogo, sistemas: {count}" }
    catalogue_found(count, words) { en: "“{words}”: found: {count}", es: "«{words}»: coincidencias: {count}" }
    catalogue_none(words) { en: "“{words}”: nothing found", es: "«{words}»: ninguna coincidencia" }
    catalogue_empty() { en: "The catalogue is empty: no playbook folder has a data sheet.", es: "El catálogo está vacío: ninguna carpeta de guiones tiene ficha." }
    catalogue_digest_label() { en: "sha256", es: "sha256" }
    catalogue_unreadable(path) { en: "not searched, because it cannot be read: {path}", es: "no se consultó, porque no se puede leer: {path}" }
    objective_label() { en: "Objective", es: "Objetivo" }
    services_label() { en: "Services", es: "Servicios" }
    units_label() { en: "Units", es: "Unidades" }
    licence_label() { en: "Licence", es: "Licencia" }
    owner_label() { en: "Owner", es: "Responsable" }
    found_label() { en: "Found in", es: "Coincide" }
    origin_open_source() { en: "open source", es: "código abierto" }
    origin_in_house() { en: "in-house", es: "desarrollo propio" }
    origin_proprietary() { en: "proprietary", es: "propietario" }
    ask_search() { en: "Words to search the catalogue for", es: "Palabras para buscar en el catálogo" }
    search_keep() { en: "Keep this search as evidence", es: "Guardar esta búsqueda como evidencia" }
    search_again() { en: "Search again", es: "Buscar de nuevo" }
    search_choice() { en: "And now", es: "Y ahora" }

    // Coverage over all runs of a system.
    system_coverage(system) { en: "Coverage of {system}", es: "Cobertura de {system}" }
    counts(done, attested, excepted, failed, missing) {
        en: "done {done}, attested {attested}, excepted {excepted}, failed {failed}, missing {missing}",
        es: "hechas {done}, atestadas {attested}, exceptuadas {excepted}, fallidas {failed}, faltan {missing}"
    }
    counts_ahead(counts, open, ahead) {
        en: "{counts}; open now {open}, not reached yet {ahead}",
        es: "{counts}; abiertas ahora {open}, aún no alcanzadas {ahead}"
    }
    counts_label() { en: "Activities", es: "Actividades" }
    no_procedures(system) { en: "No procedure was ever run for {system}.", es: "Nunca se ejecutó un procedimiento para {system}." }
    system_complete(count) { en: "complete: nothing is missing; procedures: {count}", es: "completa: no falta nada; procedimientos: {count}" }
    system_goes_on(ahead, count) {
        en: "nothing is missing so far; activities open or not reached yet: {ahead}; procedures: {count}",
        es: "no falta nada hasta ahora; actividades abiertas o aún no alcanzadas: {ahead}; procedimientos: {count}"
    }
    system_incomplete(missing, count) {
        en: "activities missing: {missing}; procedures: {count}",
        es: "actividades que faltan: {missing}; procedimientos: {count}"
    }

    // Where a run stands in the drawing.
    mark_done() { en: "done", es: "hecha" }
    mark_attested() { en: "attested", es: "atestada" }
    mark_excepted() { en: "excepted", es: "exceptuada" }
    mark_missing() { en: "missing", es: "falta" }
    mark_failed() { en: "failed", es: "fallida" }
    mark_not_reached() { en: "not reached yet", es: "aún no alcanzada" }
    mark_not_taken() { en: "not taken", es: "no tomada" }
    mark_open() { en: "OPEN NOW", es: "ABIERTA AHORA" }
    run_line(run, state) { en: "run {run}: {state}", es: "ejecución {run}: {state}" }
}

/// What a document is called.
#[must_use]
pub fn form(form: Form, language: Language) -> String {
    match form {
        Form::TestReport => form_test_report(language),
        Form::ErrorsAndSolutions => form_errors_and_solutions(language),
        Form::DataSheet => form_data_sheet(language),
        Form::LifeRecord => form_life_record(language),
        Form::DeliveryAct => form_delivery_act(language),
        Form::Reversal => form_reversal(language),
        Form::Incident => form_incident(language),
        Form::Logbook => form_logbook(language),
    }
}

/// What a part of a data sheet is called.
#[must_use]
pub fn part(part: Part, language: Language) -> String {
    match part {
        Part::Title => part_title(language),
        Part::Objective => part_objective(language),
        Part::Services => part_service(language),
        Part::Units => part_unit(language),
    }
}

/// What a check wanted, whose words are recorded in English.
#[must_use]
pub fn wanted(wanted: &str, language: Language) -> String {
    const WORDS: [(&str, &str); 8] = [
        ("is not ", "distinto de "),
        ("is ", "igual a "),
        ("contains ", "contiene "),
        ("matches ", "coincide con "),
        ("below ", "menor que "),
        ("above ", "mayor que "),
        ("at least ", "al menos "),
        ("at most ", "a lo sumo "),
    ];
    let known = WORDS.iter().filter(|_| language == Language::Es);
    let found = known.filter_map(|(en, es)| Some(format!("{es}{}", wanted.strip_prefix(en)?))).next();
    found.unwrap_or_else(|| wanted.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wanted_is_said_in_the_readers_language() {
        assert_eq!(wanted("is not 3", Language::Es), "distinto de 3");
        assert_eq!(wanted("at most 3", Language::Es), "a lo sumo 3");
        assert_eq!(wanted("at most 3", Language::En), "at most 3");
    }
}
