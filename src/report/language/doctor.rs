//! What the look at everything that an environment needs says; what was seen stays in technical English.

use crate::model::Language;

texts! {
    place_header() { en: "where", es: "dónde" }
    what_header() { en: "what", es: "qué" }
    verdict_header() { en: "is", es: "está" }
    seen_header() { en: "seen", es: "visto" }
    here() { en: "here", es: "aquí" }
    to_do() { en: "what to do:", es: "qué hacer:" }
    counts(good, bad, unknown) {
        en: "{good} good, {bad} bad, {unknown} unknown.",
        es: "{good} bien, {bad} mal, {unknown} sin saberse."
    }
}

/// What was looked at, by its word in JSON.
#[must_use]
pub fn what(word: &str, language: Language) -> String {
    const WORDS: [(&str, &str); 15] = [
        ("caller", "quien llama"),
        ("client", "cliente"),
        ("clock", "reloj"),
        ("database", "base de datos"),
        ("gate", "aprobación"),
        ("host key", "llave del servidor"),
        ("line", "línea"),
        ("login", "ingreso"),
        ("playbooks", "guiones"),
        ("recovery key", "llave de recuperación"),
        ("root", "administrador"),
        ("secrets", "secretos"),
        ("space", "espacio"),
        ("tools", "herramientas"),
        ("vault", "bóveda"),
    ];
    let spanish = WORDS.iter().find(|(english, _)| *english == word && language == Language::Es);
    spanish.map_or_else(|| word.to_owned(), |(_, spanish)| (*spanish).to_owned())
}
