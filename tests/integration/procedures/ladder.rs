//! The ladder on servers: development, test, the gate and production as one procedure, with every "no" and
//! its way back, on the demonstration's three servers.

use super::{
    super::demo::stage::Stage,
    cast::{Part, Played, play},
    office::{Office, copy},
};
use serde_json::Value as Json;
use std::{fs, path::PathBuf, process::Command, sync::Mutex};

/// Three servers with version 1 of the notes on each of them.
struct Ground {
    stage: Stage,
    office: Office,
}

const VERSIONS: [&str; 3] = ["development", "test", "production"];

impl Ground {
    /// Servers with nothing on them.
    fn bare() -> Self {
        let stage = Stage::new();
        stage.demo(&[]).ends_with(10);
        for environment in VERSIONS {
            notes(&stage, environment, "stop");
            fs::remove_dir_all(stage.root(environment)).unwrap();
        }
        // What the demonstration did is another institution's story.
        for entry in fs::read_dir(stage.path().join("state")).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => fs::remove_dir_all(path).unwrap(),
                false if path.ends_with("control.key") => {}
                false => fs::remove_file(path).unwrap(),
            }
        }
        let office = Office::at(stage.path());
        for environment in VERSIONS {
            let known = stage.home(environment).join(".esclusa");
            fs::remove_dir_all(known).unwrap();
        }
        Self { stage, office }
    }

    fn play(&self, procedure: &str, part: &Part<'_>) -> Played {
        play(&self.office, procedure, "notes", part)
    }

    /// The version in each environment.
    fn versions(&self) -> [String; 3] {
        VERSIONS.map(|environment| {
            let text = fs::read_to_string(self.stage.root(environment).join("lib/VERSION")).unwrap();
            text.trim().to_owned()
        })
    }

    fn complete(&self, played: &Played) {
        let coverage = self.office.json(&["coverage", &played.run]);
        assert_eq!(coverage["complete"], true, "{coverage}");
        self.office.done_as("ana", &["audit"]);
    }
}

fn notes(stage: &Stage, environment: &str, verb: &str) {
    let notes = stage.root(environment).join("bin/notes");
    assert!(Command::new(notes).arg(verb).status().unwrap().success(), "notes {verb}");
}

/// Whether these ids come one after the other.
fn passes(played: &Played, way: &str) -> bool {
    format!(" {} ", played.opened.join(" ")).contains(&format!(" {way} "))
}

#[test]
fn software_of_the_house_goes_from_request_to_delivery_and_is_updated_with_every_no() {
    let ground = Ground::bare();
    // 3.2.1 hands what was developed to 3.2.3; a first no in development, one in production.
    let noes = ["3.2.1-05", "3.2.1-08", "3.2.3-15", "3.2.3-21"];
    let part = Part { noes: &noes, fields: &[("version", "1")], ..Part::default() };
    let played = ground.play("ti-p01/3.2.1", &part);
    assert_eq!(played.outcome, "done", "{:?}", played.opened);
    assert_eq!(ground.versions(), ["1", "1", "1"]);
    ground.complete(&played);
    let runs = ground.office.runs();
    let called = runs.iter().find(|run| run["procedure"].as_str().unwrap().contains("3.2.3")).unwrap();
    assert_eq!(called["outcome"], "done");
    let called = called["run"].as_str().unwrap().to_owned();
    assert_eq!(ground.office.json(&["coverage", &called])["complete"], true);

    let noes = ["06", "08", "15", "17", "19", "23", "25", "26d"].map(|short| format!("3.2.5-{short}"));
    let noes: Vec<&str> = noes.iter().map(String::as_str).collect();
    let part = Part { noes: &noes, fields: &[("version", "2")], branch: "in-house", ..Part::default() };
    let played = ground.play("ti-p01/3.2.5", &part);
    assert_eq!(played.outcome, "done", "{:?}", played.opened);
    for way in [
        // Paths differ between the demonstration's servers, which all live on this machine.
        "06 07 08m 08 09 08m 08 10 11 11v 11w 12",
        "15 15s 12 13 14 15 16 17 17s 12",
        "19 12",
        "19 11r 20 21a 21b 22 23 23r 23v 23a 23s 12",
        "25 25r 25v 25a 25s 12",
        "25 26 26t 26d 25r 25v 25a 25s 12",
        "25 26 26t 26d 27 28 29",
    ] {
        assert!(passes(&played, way), "{way}: {:?}", played.opened);
    }
    // Production went to 2, back to 1 three times, and to 2 again, with its data.
    assert_eq!(ground.versions(), ["1", "2", "2"]);
    assert_eq!(ground.stage.migrations("production"), 1 + 3);
    ground.complete(&played);
}

/// A rung in test and one in production, on one page.
const SHORT: &str = r#"
kind: procedure
number: 9.7
title: {es: Actualizar, en: Update}
roles:
  director: {es: Director, en: Director}
  professional: {es: Profesional, en: Professional}
  dba: {es: Base de datos, en: Database}
exceptions: [director]
activities:
  - {id: 01, kind: start, text: {es: Inicio, en: Start}, next: 02}
  - id: 02
    kind: request
    roles: [professional]
    text: {es: Pedir, en: Ask}
    fields: [{name: version, kind: version, text: {es: Versión, en: Version}}]
    next: 03
  - {id: 03, kind: remote, run: test, playbook: "{{ system }}/update", phase: [install], environment: test, text: {es: Instalar, en: Install}, next: 04, on_no: 05}
  - {id: 04, kind: remote, run: test, playbook: "{{ system }}/update", phase: [database, configure], environment: test, text: {es: Migrar, en: Migrate}, next: 05, on_no: 05}
  - {id: 05, kind: decision, roles: [professional], of: [03, 04], accepts: [test], text: {es: ¿Bien?, en: Good?}, on_yes: 06, on_no: 03, attempts: {limit: 2, then: 12}}
  - {id: 06, kind: gate, signers: [director], run: production, playbook: "{{ system }}/update", environment: production, text: {es: Aprobar, en: Approve}, on_yes: 07, on_no: 12}
  - {id: 07, kind: backup, run: production, text: {es: Copiar, en: Copy}, next: 08, on_no: 12}
  - {id: 08, kind: remote, run: production, playbook: "{{ system }}/update", phase: [install], environment: production, text: {es: Instalar, en: Install}, next: 09, on_no: 10}
  - {id: 09, kind: remote, run: production, started_by: [dba], playbook: "{{ system }}/update", phase: [database, configure], environment: production, text: {es: Migrar, en: Migrate}, next: 10, on_no: 10}
  - {id: 10, kind: decision, roles: [professional], of: [07, 08, 09], accepts: [production], text: {es: ¿Bien?, en: Good?}, on_yes: 11, on_no: 10r}
  - {id: 10r, kind: recovery, run: production, text: {es: Deshacer, en: Undo}, next: 12}
  - {id: 11, kind: end, text: {es: Fin, en: End}}
  - {id: 12, kind: end, outcome: unsolved, text: {es: Fin, en: End}}
"#;

/// Grounds on which ladders are killed side by side.
const GROUNDS: usize = 4;

/// A ground that can be put back to the moment before its update.
struct Again {
    ground: Ground,
    before: tempfile::TempDir,
}

impl Again {
    fn new() -> Self {
        let ground = Ground::bare();
        fs::write(ground.stage.path().join("playbooks/short.yaml"), SHORT).unwrap();
        let office = &ground.office;
        let run = office.try_as("luis", &["run", "notes/install", "-i", "version=1"]);
        assert_eq!(run.status.code(), Some(10), "{run:?}");
        office.done_as(
            "luis",
            &["approve", "latest", "--decide", "approve", "--reason", "new", "--key", "key-ana"],
        );
        office.done_as("luis", &["resume", "latest"]);
        let again = Self { ground, before: tempfile::tempdir().unwrap() };
        for environment in VERSIONS {
            notes(&again.ground.stage, environment, "stop");
        }
        for (name, there) in again.places() {
            copy(&there, &again.before.path().join(name));
        }
        again
    }

    fn places(&self) -> [(&'static str, PathBuf); 3] {
        let home = |environment| self.ground.stage.home(environment);
        [
            ("state", self.ground.stage.path().join("state")),
            ("test", home("test")),
            ("production", home("production")),
        ]
    }

    /// Plays the procedure from the same beginning.
    fn play(&self, fault: Option<String>) -> Ending {
        let stage = &self.ground.stage;
        for environment in VERSIONS {
            notes(stage, environment, "stop");
        }
        for (name, there) in self.places() {
            fs::remove_dir_all(&there).unwrap();
            copy(&self.before.path().join(name), &there);
        }
        for environment in VERSIONS {
            notes(stage, environment, "start");
        }
        let part = Part { fields: &[("version", "2")], fault, ..Part::default() };
        let played = self.ground.play("short", &part);
        self.ground.complete(&played);
        let mut journal = self.ground.office.journal(&played.run);
        for event in &mut journal {
            event.as_object_mut().unwrap().remove("document");
        }
        let migrations = ["test", "production"].map(|environment| stage.migrations(environment));
        Ending {
            outcome: played.outcome,
            killed: played.killed,
            versions: self.ground.versions(),
            migrations,
            journal,
        }
    }
}

struct Ending {
    outcome: String,
    killed: bool,
    versions: [String; 3],
    migrations: [usize; 2],
    journal: Vec<Json>,
}

#[test]
fn a_ladder_killed_after_any_event_comes_to_the_same_end_with_nothing_asked_or_done_twice() {
    let again = Again::new();
    let whole = again.play(None);
    assert_eq!(whole.outcome, "done");
    assert_eq!((whole.versions.clone(), whole.migrations), (["1", "2", "2"].map(str::to_owned), [1, 1]));
    // Every event of the procedure's journal, and of its runs those that the others do not fall on.
    let procedure = (1..=whole.journal.len()).map(|event| format!("procedure:{event}"));
    let runs = (1..=24).step_by(3).map(|event| format!("run:{event}"));
    let faults = Mutex::new(procedure.chain(runs).collect::<Vec<_>>());
    let work = |again: &Again| {
        loop {
            let Some(fault) = faults.lock().unwrap().pop() else { return };
            let end = again.play(Some(fault.clone()));
            assert!(end.killed, "{fault}: nobody was killed");
            assert_eq!(end.outcome, "done", "{fault}");
            assert_eq!((&end.versions, end.migrations), (&whole.versions, whole.migrations), "{fault}");
            assert!(end.journal == whole.journal, "{fault}: another journal: {:?}", names(&end.journal));
        }
    };
    std::thread::scope(|scope| {
        // Most of the time is spent waiting.
        let others: Vec<_> = (1..GROUNDS).map(|_| scope.spawn(|| work(&Again::new()))).collect();
        work(&again);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

fn names(journal: &[Json]) -> Vec<String> {
    journal.iter().map(|event| format!("{} {}", event["activity"], event["event"])).collect()
}
