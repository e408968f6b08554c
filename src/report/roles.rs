//! Roles as people read them: by the title that a procedure gives them, or by what is usual.

use crate::{
    model::{Language, Role},
    procedure::Procedure,
};

/// Roles that projects begin with, in English and Spanish; one that is not here is shown as it is written.
const USUAL: &[(&str, [&str; 2])] = &[
    ("director", ["director", "director"]),
    ("directors", ["directors of the institution", "directivos de la institución"]),
    ("professional", ["professional", "profesional"]),
    ("unit", ["requesting unit", "unidad solicitante"]),
    ("development", ["development group", "grupo de desarrollo"]),
    ("dba", ["database administrator", "administrador de base de datos"]),
    ("server-admin", ["server administrator", "administrador de servidores"]),
    ("vendor", ["vendor", "proveedor"]),
    ("contract-supervisor", ["contract supervisor", "supervisor del contrato"]),
    ("auditor", ["auditor", "auditor"]),
];

/// What a role is called.
#[must_use]
pub fn title(role: &Role, language: Language) -> String {
    let usual = USUAL.iter().find(|(name, _)| *name == role.as_str());
    let index = usize::from(language == Language::Es);
    usual.map_or_else(|| role.to_string(), |(_, titles)| titles[index].to_owned())
}

/// What several roles are called, one after the other.
#[must_use]
pub fn titles<'a>(roles: impl IntoIterator<Item = &'a Role>, language: Language) -> String {
    roles.into_iter().map(|role| title(role, language)).collect::<Vec<_>>().join(", ")
}

/// What a role is called in a procedure, which may have a title for it.
#[must_use]
pub fn title_in(procedure: &Procedure, role: &Role, language: Language) -> String {
    let own = procedure.roles.get(role).map(|text| text.of(language).to_owned());
    own.unwrap_or_else(|| title(role, language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_called_in_the_readers_language_and_an_unknown_one_as_it_is_written() {
        let role = |name: &str| Role::parse(name).unwrap();
        assert_eq!(title(&role("dba"), Language::Es), "administrador de base de datos");
        assert_eq!(title(&role("dba"), Language::En), "database administrator");
        assert_eq!(title(&role("quality-office"), Language::Es), "quality-office");
        assert_eq!(titles(&[role("director"), role("unit")], Language::Es), "director, unidad solicitante");
    }
}
