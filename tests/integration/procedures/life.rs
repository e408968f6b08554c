//! A system's life on servers that really run: the demonstration's, with a procedure of its own.

use super::super::demo::stage::{Said, Stage, said};
use serde_json::Value as Json;
use std::{fs, path::PathBuf, process::Command};

/// The demonstration after its update, and people that sit down at it one after the other.
struct Life {
    stage: Stage,
}

impl Life {
    fn begin() -> Self {
        let stage = Stage::new();
        stage.demo(&["--approve"]).ends_with(0);
        let life = Self { stage };
        life.write("playbooks/life.yaml", include_str!("life.yaml"));
        let update = life.read("playbooks/notes/update.yaml");
        let step = "    at: web\n    phase: configure\n";
        assert!(update.contains(step), "{update}");
        let tagged = update.replace(step, &format!("{step}    procedure: [9.3-03m]\n"));
        life.write("playbooks/notes/update.yaml", &tagged);
        let sheet = life.read("playbooks/notes/system.yaml");
        life.write(
            "playbooks/notes/system.yaml",
            &sheet.replace("title: Notes", "title: \"Notes *of* all\""),
        );
        life.speak("es");
        life.sit_down("luis");
        life
    }

    fn path(&self, file: &str) -> PathBuf {
        self.stage.path().join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    /// The institution's language, in which documents are written.
    fn speak(&self, language: &str) {
        let project = self.read("esclusa.yaml");
        let other = if language == "es" { "en" } else { "es" };
        self.write(
            "esclusa.yaml",
            &project.replace(&format!("language: {other}"), &format!("language: {language}")),
        );
    }

    fn sit_down(&self, person: &str) {
        let account = said(Command::new("id").arg("-un")).stdout;
        let key = self.read("keys/director.pub");
        let mut people = format!(
            "people:\n  demo-director:\n    name: Ana Ruiz\n    roles: [director]\n    keys: \"{}\"\n",
            key.trim()
        );
        for (name, full, role) in [("luis", "Luis Mora", "professional"), ("eva", "Eva Paz", "unit")] {
            people += &format!("  {name}:\n    name: {full}\n    roles: [{role}]\n");
            if name == person {
                people += &format!("    account: {}\n", account.trim());
            }
        }
        self.write("people.yaml", &people);
    }

    fn esclusa(&self, words: &[&str]) -> Said {
        self.stage.esclusa(&[&["-C", self.stage.dir()], words].concat())
    }

    #[track_caller]
    fn done(&self, words: &[&str]) -> String {
        let said = self.esclusa(words);
        assert!(matches!(said.code, Some(0 | 10)), "{words:?}: {}", said.all());
        said.stdout
    }

    fn json(&self, words: &[&str]) -> Json {
        let said = self.esclusa(&[words, &["--format", "json"]].concat());
        serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{words:?}: {}", said.all()))
    }

    /// Approves the run of a playbook that waits, and takes it and what called it on.
    fn approve(&self, run: &str) {
        let waiting = self.json(&["status"])["runs"][0]["run"].as_str().unwrap().to_owned();
        let key = self.path("keys/director");
        let how = ["--decide", "approve", "--reason", "it must come back", "--key", key.to_str().unwrap()];
        self.done(&[&["approve", &waiting][..], &how].concat());
        self.done(&["resume", &waiting]);
        self.done(&["resume", run]);
    }

    /// The documents of a run by their form, as they are printed.
    fn documents(&self, run: &str) -> Vec<(String, String)> {
        let coverage = self.json(&["coverage", run]);
        let made = coverage["activities"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|one| one["documents"].as_array().unwrap().clone());
        made.map(|made| {
            let digest = made["digest"].as_str().unwrap();
            (made["form"].as_str().unwrap().to_owned(), self.done(&["evidence", digest]))
        })
        .collect()
    }
}

fn fits(page: &str) {
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
}

fn form<'a>(documents: &'a [(String, String)], form: &str) -> &'a str {
    &documents.iter().find(|(name, _)| name == form).unwrap_or_else(|| panic!("no {form}")).1
}

#[test]
fn documents_are_made_from_what_really_happened() {
    let life = Life::begin();
    // What the update meets first is in its way.
    let configuration = life.stage.root("development").join("etc/service.conf");
    let aside = configuration.with_extension("aside");
    fs::rename(&configuration, &aside).unwrap();
    fs::create_dir(&configuration).unwrap();
    life.done(&["request", "new", "life", "--system", "notes", "--field", "version=2"]);
    let run = life.json(&["status"])["procedures"][0]["run"].as_str().unwrap().to_owned();
    fs::remove_dir(&configuration).unwrap();
    fs::rename(&aside, &configuration).unwrap();
    life.done(&["do", &run, "--answer", "again", "--reason", "# the folder was *moved* away"]);
    life.approve(&run);
    life.approve(&run);
    life.done(&["do", &run, "--reason", "the office was told"]);

    let act = life.json(&["show", &run])["documents"][0]["digest"].as_str().unwrap().to_owned();
    fits(&life.done(&["todo", "--lang", "es"]));
    assert!(
        life.done(&["todo", "--lang", "es"])
            .contains(&format!("acta de entrega: esclusa evidence {}", &act[..12]))
    );
    life.done(&["do", &run, "--reason", "handed over"]);
    life.sit_down("eva");
    life.done(&["do", &run, "--reason", "received"]);
    let shown = life.json(&["show", &run]);
    assert_eq!(shown["outcome"], "done", "{shown}");
    let signatures = shown["journal"].as_array().unwrap().iter().map(|row| &row["event"]);
    let signatures = signatures.filter(|event| event["event"] == "answered" && event["activity"] == "9.3-10");
    let signed: Vec<_> = signatures.map(|event| event["evidence"].as_array().unwrap().clone()).collect();
    assert_eq!(signed, [[Json::from(act.clone())], [Json::from(act)]], "each signature names the act");

    documents_say(&life, &run);
    pages_say(&life, &run);
    life.sit_down("luis");
    english_documents(&life);
}

/// What the documents of the whole way say.
fn documents_say(life: &Life, run: &str) {
    let documents = life.documents(run);
    let forms: Vec<_> = documents.iter().map(|(form, _)| form.as_str()).collect();
    let wanted = ["test-report", "errors-and-solutions", "reversal", "data-sheet", "life-record", "logbook"];
    assert_eq!(forms, [&wanted[..], &["incident", "delivery-act"]].concat());
    let digest = life.json(&["show", run])["header"]["digest"].as_str().unwrap().to_owned();
    for (form, text) in &documents {
        fits(text);
        for wanted in ["XX-P09 v01", run, &digest, "Notes \\*of\\* all (notes)"] {
            assert!(text.contains(wanted), "{form} has no {wanted}: {text}");
        }
    }
    let says = |name: &str, wanted: &[&str]| {
        let text = form(&documents, name).split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in wanted {
            assert!(text.contains(wanted), "{name} has no `{wanted}`: {text}");
        }
    };
    says(
        "test-report",
        &[
            "### 9.3-04 Probar",
            "front-page, notes-development: cumple",
            "ms; se pide: menor que 2000 ms; fuente: requirements, page 4; cumple",
        ],
    );
    says(
        "errors-and-solutions",
        &[
            "is a folder, not a file",
            "Respuesta: 9.3-03s Luis Mora: \\# the folder was \\*moved\\* away",
            "Resuelto: 20",
        ],
    );
    says(
        "reversal",
        &["9.3-07,", "9.3-07b,", "databases.notes-production.0", "Tiempo:", "safety-", "Resultado: repuesto"],
    );
    assert!(!form(&documents, "reversal").contains("9.3-04 Probar"), "only what was checked afterwards");
    let put_back: Vec<_> =
        form(&documents, "reversal").lines().filter(|line| line.starts_with("- Copia repuesta: ")).collect();
    assert_eq!(put_back.len(), 2);
    assert_eq!(put_back[0], put_back[1], "what was there before a restore is no backup");
    assert!(!put_back[0].contains("safety-"), "{put_back:?}");
    says(
        "data-sheet",
        &["Origen: desarrollo propio", "production: versión 2 (ejecución", "notes-production (127.0.0.1)"],
    );
    says("life-record", &["restauración · Notes", "→ 2 ·", "Ana Ruiz (aprobó)"]);
    says("logbook", &["9.3-06 Copiar producción: playbooks/notes/backup.yaml, production, terminó bien"]);
    says("incident", &["Detectado: 20", "production: playbooks/notes/update.yaml, you, terminó bien"]);
    says(
        "delivery-act",
        &[
            "Profesional universitario (entrega): Luis Mora",
            "Unidad académica (recibe): Eva Paz",
            "Ana Ruiz aprobó",
            "9.3-08 acta de reversión sha256",
            "recibido a satisfacción",
            "Versión de destino: 2",
        ],
    );
    assert!(!form(&documents, "delivery-act").contains("Manifiesto, sha256\n  none"));
}

/// Coverage and drawing of the run that has ended.
fn pages_say(life: &Life, run: &str) {
    for (language, words) in [("es", "DOCUMENTOS"), ("en", "DOCUMENTS")] {
        let page = life.done(&["show", run, "--lang", language]);
        fits(&page);
        assert!(page.contains(words), "{page}");
        let page = life.done(&["coverage", run, "--lang", language]);
        fits(&page);
        let page = life.done(&["coverage", "--system", "notes", "-v", "--lang", language]);
        fits(&page);
        assert!(page.contains("9.3-03m"), "{page}");
    }
    let coverage = life.json(&["coverage", "--system", "notes"]);
    assert_eq!(
        (&coverage["complete"], &coverage["missing"]),
        (&Json::from(true), &Json::from(0)),
        "{coverage}"
    );
    let activities = coverage["procedures"][0]["activities"].as_array().unwrap().clone();
    let by_step = activities.iter().find(|one| one["activity"] == "9.3-03m").unwrap();
    assert_eq!(by_step["standing"], "done", "{by_step}");
    let of_run = life.json(&["coverage", run]);
    let by_step_here =
        of_run["activities"].as_array().unwrap().iter().find(|one| one["activity"] == "9.3-03m");
    assert_eq!(by_step_here.unwrap()["standing"], "done", "the run that was called fulfilled it");
    let page = life.done(&["procedure", "show", "--run", run, "--lang", "es"]);
    fits(&page);
    assert!(page.contains("✔ □ 03m") && page.contains("✎ □ 10") && page.contains("– ■ 11u"), "{page}");
}

/// The same forms where the institution speaks English.
fn english_documents(life: &Life) {
    life.speak("en");
    let all = "[test-report, errors-and-solutions, data-sheet, life-record, delivery-act, reversal, incident, logbook]";
    let short = format!(
        "kind: procedure\nnumber: 9.4\ntitle: {{es: Registro, en: Record}}\nroles: {{director: {{es: D, en: D}}}}\n\
         exceptions: [director]\nactivities:\n  - {{id: 01, kind: start, text: {{es: a, en: a}}, next: 02}}\n  \
         - {{id: 02, kind: record, documents: {all}, text: {{es: Todo, en: Everything}}, next: 03}}\n  \
         - {{id: 03, kind: end, text: {{es: a, en: a}}}}\n"
    );
    life.write("playbooks/short.yaml", &short);
    life.done(&["request", "new", "short", "--system", "notes"]);
    let run = life.json(&["history"])["procedures"][0]["run"].as_str().unwrap().to_owned();
    let documents = life.documents(&run);
    assert_eq!(documents.len(), 8);
    documents.iter().for_each(|(_, text)| fits(text));
    for (name, wanted) in [
        ("delivery-act", "## Exceptions in force\n\nNone."),
        ("data-sheet", "- production: version 2"),
        ("reversal", "Nothing was put back."),
        ("test-report", "Nothing was tested."),
    ] {
        assert!(form(&documents, name).contains(wanted), "{}", form(&documents, name));
    }
    let both = life.json(&["coverage", "--system", "notes"]);
    assert_eq!(both["procedures"].as_array().unwrap().len(), 2, "{both}");
}
