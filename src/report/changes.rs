//! What a step would change, in people's words.
//!
//! Modules and the forecast say it in short English texts, which plans and journals keep. Their few
//! forms are told in Spanish here; a text of another form is shown as it is.

use crate::model::Language;

/// How texts begin, in English and in Spanish; what follows is a path, a name or a command.
const BEGINNINGS: &[(&str, &str)] = &[
    ("write ", "escribir "),
    ("run ", "ejecutar "),
    ("unpack ", "desempaquetar "),
    ("database ", "base de datos "),
    ("folder ", "carpeta "),
    ("remove ", "quitar "),
    ("make ", "crear "),
    ("set attributes of ", "atributos de "),
    ("group ", "grupo "),
    ("edit ", "editar "),
    ("link ", "enlazar "),
    ("install ", "instalar "),
    ("account ", "cuenta "),
    ("wait for ", "esperar a "),
    ("secret: ", "secreto: "),
];

/// States of a service as they end a text.
const SERVICE_STATES: &[(&str, &str)] = &[
    (" started", ": iniciar"),
    (" stopped", ": detener"),
    (" restarted", ": reiniciar"),
    (" reloaded", ": recargar"),
    (" enabled or disabled", ": habilitar o deshabilitar"),
];

/// Parts of a backup as a restore's forecast names them.
const PARTS: &[(&str, &str)] = &[
    ("packages", "paquetes"),
    ("configuration", "configuración"),
    ("databases", "bases de datos"),
    ("complementary", "complementario"),
];

/// The text in the reader's language.
#[must_use]
pub fn words(text: &str, language: Language) -> String {
    match language {
        Language::En => text.to_owned(),
        Language::Es => spanish(text).unwrap_or_else(|| text.to_owned()),
    }
}

fn spanish(text: &str) -> Option<String> {
    if let Some((part, backup)) =
        text.strip_prefix("puts back ").and_then(|rest| rest.split_once(" from backup "))
    {
        let part = PARTS.iter().find(|(english, _)| *english == part).map_or(part, |(_, spanish)| spanish);
        return Some(format!("repone {part} de la copia {backup}"));
    }
    if let Some(name) =
        text.strip_prefix("needs ").and_then(|rest| rest.strip_suffix(", which an earlier step registers"))
    {
        return Some(format!("necesita {name}, que registra un paso anterior"));
    }
    if let Some((step, why)) = text.strip_prefix("until ").and_then(|rest| rest.split_once(" has run: ")) {
        return Some(format!("hasta que se ejecute {step}: {why}"));
    }
    if let Some(when) = text.strip_suffix(" is false").filter(|when| when.starts_with('`')) {
        return Some(format!("{when} es falso"));
    }
    if let Some(unit) = text.strip_prefix("service ") {
        let state = SERVICE_STATES.iter().find_map(|(english, spanish)| {
            Some(format!("servicio {}{spanish}", unit.strip_suffix(english)?))
        });
        return state.or_else(|| Some(format!("servicio {unit}")));
    }
    let begins =
        |(english, spanish): &(&str, &str)| Some(format!("{spanish}{}", text.strip_prefix(english)?));
    BEGINNINGS.iter().find_map(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_forms_are_told_in_spanish_and_others_as_they_are() {
        for (english, told) in [
            ("write /etc/notes.conf", "escribir /etc/notes.conf"),
            ("run /srv/notes/bin/notes migrate", "ejecutar /srv/notes/bin/notes migrate"),
            ("service apache2 restarted", "servicio apache2: reiniciar"),
            ("puts back databases from backup b1", "repone bases de datos de la copia b1"),
            (
                "needs `data`, which an earlier step registers",
                "necesita `data`, que registra un paso anterior",
            ),
            ("until `copy` has run: there is no file", "hasta que se ejecute `copy`: there is no file"),
            ("`data == 1` is false", "`data == 1` es falso"),
            ("mediawiki 1.39.5 -> 1.39.8", "mediawiki 1.39.5 -> 1.39.8"),
        ] {
            assert_eq!(words(english, Language::Es), told);
            assert_eq!(words(english, Language::En), english);
        }
    }
}
