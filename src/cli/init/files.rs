//! The files of a start, with their gaps filled.

use super::look::Found;
use crate::{
    cli::project::account,
    model::{Language, PersonName, SystemName, slug},
};

/// What the files are filled with.
pub struct Start<'a> {
    /// The system.
    pub system: &'a SystemName,
    /// What a server showed.
    pub found: Option<&'a Found>,
    /// The control host's recipient.
    pub control: &'a str,
    /// The recovery key's recipient.
    pub recovery: &'a str,
    /// The language of what people read: names of steps, reasons, descriptions.
    pub language: Language,
}

const PROJECT: [(&str, &str); 3] = [
    ("esclusa.yaml", include_str!("templates/esclusa.yaml")),
    ("inventory.yaml", include_str!("templates/inventory.yaml")),
    ("people.yaml", include_str!("templates/people.yaml")),
];

const SYSTEM: [(&str, &str); 4] = [
    ("system.yaml", include_str!("templates/system.yaml")),
    ("install.yaml", include_str!("templates/install.yaml")),
    ("update.yaml", include_str!("templates/update.yaml")),
    ("backup.yaml", include_str!("templates/backup.yaml")),
];

/// What people read, by its gap, in English and in Spanish.
const WORDS: [(&str, &str, &str); 11] = [
    ("@INSTITUTION@", "PLACEHOLDER Institution", "PLACEHOLDER Institución"),
    ("@DIRECTOR@", "PLACEHOLDER Director", "PLACEHOLDER Director"),
    ("@OBJECTIVE@", "PLACEHOLDER what it is for", "PLACEHOLDER para qué sirve"),
    ("@UNIT@", "PLACEHOLDER unit", "PLACEHOLDER dependencia"),
    ("@VERSION_INPUT@", "The version to install", "La versión que se instala"),
    ("@MAKE_FOLDER@", "Make the folder", "Crear la carpeta"),
    ("@SAY_VERSION@", "Say which version it is", "Decir qué versión es"),
    (
        "@PACKAGES_NOTE@",
        "PLACEHOLDER: the system comes with no packages of the server",
        "PLACEHOLDER: el sistema no trae paquetes del servidor",
    ),
    (
        "@CONFIGURATION_NOTE@",
        "PLACEHOLDER: the configuration lies in the system's folder",
        "PLACEHOLDER: la configuración está en la carpeta del sistema",
    ),
    (
        "@DATABASES_NOTE@",
        "PLACEHOLDER: the system has no database",
        "PLACEHOLDER: el sistema no tiene base de datos",
    ),
    ("@LANGUAGE@", "en", "es"),
];

impl Start<'_> {
    /// Every file with its path below the project's folder; the project's own only when it is new.
    pub fn files(&self, fresh: bool) -> Vec<(String, String)> {
        let own = PROJECT.iter().filter(|_| fresh).map(|(path, text)| ((*path).to_owned(), self.fill(text)));
        let system = SYSTEM.iter().map(|(name, text)| {
            let mut text = self.fill(text);
            if let (Some(found), "system.yaml") = (self.found, *name) {
                text.push_str(&found.notes);
            }
            (format!("playbooks/{}/{name}", self.system), text)
        });
        own.chain(system).collect()
    }

    fn fill(&self, text: &str) -> String {
        let account = account();
        let person =
            PersonName::parse(&slug(&account)).map_or_else(|_| "me".to_owned(), |name| name.to_string());
        let person = if person == "director" { "professional".to_owned() } else { person };
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let production = match self.found {
            Some(found) => found.server.replace("@NAME@", self.system.as_str()),
            None => format!(
                "      {}-live:\n        address: 192.0.2.13   # PLACEHOLDER\n        user: deploy\n        \
                 become: sudo\n        groups: [app]",
                self.system
            ),
        };
        let keys = match own_key() {
            Some(key) => format!("    keys: {key}"),
            None => "    # keys: ssh-ed25519 AAAA…   # no public key was found in ~/.ssh".to_owned(),
        };
        let fills = [
            ("@ZONE@", zone()),
            ("@CONTROL@", self.control.to_owned()),
            ("@RECOVERY@", self.recovery.to_owned()),
            ("@PRODUCTION@", production.trim_end().to_owned()),
            ("\"@FULL_NAME@\"", quoted(&account)),
            ("@ACCOUNT@", quoted(&account)),
            ("@PERSON@", person),
            ("@KEYS@", keys),
            ("@SYSTEM@", self.system.to_string()),
        ];
        let words = WORDS.iter().map(|(gap, english, spanish)| match self.language {
            Language::En => (*gap, (*english).to_owned()),
            Language::Es => (*gap, (*spanish).to_owned()),
        });
        words.chain(fills).fold(text.to_owned(), |text, (gap, fill)| text.replace(gap, &fill))
    }
}

/// The machine's time zone, where the bundled data knows it.
fn zone() -> String {
    let system = jiff::tz::TimeZone::system();
    let name = system.iana_name().filter(|name| jiff::tz::TimeZoneDatabase::bundled().get(name).is_ok());
    name.unwrap_or("America/Bogota").to_owned()
}

/// The caller's own public key, without its comment.
fn own_key() -> Option<String> {
    let home = std::env::var_os("HOME")?;
    ["id_ed25519.pub", "id_ecdsa.pub", "id_ed25519_sk.pub", "id_rsa.pub"].iter().find_map(|name| {
        let text = std::fs::read_to_string(std::path::Path::new(&home).join(".ssh").join(name)).ok()?;
        crate::inventory::ssh_key::without_comment(text.lines().next()?).ok()
    })
}
