//! Search in the catalogue, files of evidence, coverage of a system and the drawing of a run.

use super::{
    super::approve::keyboard::{DOWN, Session},
    PAPER, REQUEST, SEARCH, YES,
    office::{Office, text},
};
use std::fs;

const KOHA: &str = "system: koha
title: Catálogo bibliográfico
objective: Gestión de la biblioteca y de sus préstamos, con un texto tan largo que no cabe en una sola línea de ochenta columnas
origin: open-source
licence: GPL-3.0-or-later
services: [Préstamos, Consulta en línea]
units: [Biblioteca central]
owner: {person: Berta Ríos, unit: Biblioteca}
";

fn fits(page: &str) {
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
}

/// An office with a second system, at the search.
fn office() -> Office {
    let office = Office::open();
    let koha = office.folder.path().join("playbooks/koha");
    fs::create_dir(&koha).unwrap();
    fs::write(koha.join("system.yaml"), KOHA).unwrap();
    let new = ["request", "new", "ti-p01/3.2.1", "--system", "library"];
    office.done_as("eva", &[&new[..], &REQUEST].concat());
    office.done_as("luis", &[&["do", "3.2.1-03"][..], &PAPER].concat());
    office
}

fn run_of(office: &Office) -> String {
    office.runs()[0]["run"].as_str().unwrap().to_owned()
}

#[test]
fn the_catalogue_is_listed_and_searched_in_both_languages() {
    let office = office();
    for (language, list, found, none) in [
        ("es", "Responsable  Berta Ríos", "Coincide     servicio: Préstamos", "ninguna coincidencia"),
        ("en", "Owner        Berta Ríos", "Found in     service: Préstamos", "nothing found"),
    ] {
        for (words, wanted) in [("", list), ("PRESTAMOS biblio", found), ("nomina", none)] {
            let mut call = vec!["catalogue", "--lang", language];
            call.extend(words.split_whitespace());
            let page = office.done_as("luis", &call);
            fits(&page);
            assert!(page.contains(wanted), "{page}");
        }
    }
    let found = office.json(&["catalogue", "biblio"]);
    assert_eq!(found["systems"][0]["entry"]["system"], "koha", "{found}");
    let digest = found["digest"].clone();
    fs::write(office.folder.path().join("playbooks/koha/system.yaml"), "system: [").unwrap();
    let broken = office.json(&["catalogue"]);
    assert_eq!(broken["unreadable"][0], "playbooks/koha/system.yaml", "{broken}");
    assert_ne!(broken["digest"], digest);
    let nothing = office.try_as("luis", &["catalogue", "..."]);
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
}

#[test]
fn an_activity_that_searches_keeps_what_was_found_and_is_refused_without() {
    let office = office();
    let id = run_of(&office);
    let before = office.journal(&id);
    for (words, why) in [
        (&PAPER[..], "nothing was searched in the catalogue\nhint: --reason"),
        (&["--search", "..."], "has no word to search for"),
        (&["--field", "search=aa", "--attach", "paper.txt"], "is not given by hand"),
    ] {
        let refused = office.try_as("luis", &[&["do", "3.2.1-04"], words].concat());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(text(&refused.stderr).contains(why), "{refused:?}");
    }
    let stranger = office.try_as("eva", &[&["do", "3.2.1-04"][..], &SEARCH].concat());
    assert!(text(&stranger.stderr).contains("none of the roles professional"), "{stranger:?}");
    assert_eq!(office.journal(&id), before);

    let catalogue = office.json(&["catalogue"])["digest"].as_str().unwrap().to_owned();
    office.done_as("luis", &["do", "3.2.1-04", "--search", "Biblioteca prestamo"]);
    let journal = office.journal(&id);
    let answer = journal.iter().find(|event| event["activity"] == "3.2.1-04" && event["event"] == "answered");
    let answer = answer.unwrap();
    let kept = answer["evidence"][0].as_str().unwrap();
    assert_eq!(answer["fields"]["search"], kept);
    let document = office.done_as("luis", &["evidence", kept]);
    fits(&document);
    for wanted in [
        "- Words: Biblioteca prestamo",
        &catalogue,
        "Catálogo bibliográfico (koha)",
        "  - service: Préstamos",
    ] {
        assert!(document.contains(wanted), "{document}");
    }
    let elsewhere = office.try_as("luis", &[&["do", "3.2.1-05", "--search", "x"][..], &YES].concat());
    assert!(text(&elsewhere.stderr).contains("nothing is searched at `3.2.1-05`"), "{elsewhere:?}");
}

#[test]
fn a_terminal_asks_for_the_words_shows_what_was_found_and_searches_again() {
    let office = office();
    office.sit_down("luis");
    let mut session = Session::start(office.folder.path(), "do 3.2.1-04 --lang es");
    session.at("Palabras para buscar en el catálogo", "nomina\r");
    session.at("«nomina»: ninguna coincidencia", "\r");
    session.at("Y ahora: Buscar de nuevo", "biblio prestam\r");
    session.at("«biblio prestam»: coincidencias: 1", &format!("{DOWN}\r"));
    session.at("Qué se hizo", "se buscó\r");
    let (code, seen) = session.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("Catálogo bibliográfico (koha)"), "{seen}");
    let answer =
        office.journal(&run_of(&office)).into_iter().rfind(|event| event["event"] == "answered").unwrap();
    assert_eq!(answer["activity"], "3.2.1-04");
    assert_eq!(answer["evidence"].as_array().unwrap().len(), 1, "{answer}");
}

#[test]
fn evidence_is_proven_named_by_its_first_digits_and_never_obeyed_by_a_terminal() {
    let office = office();
    let path = office.folder.path();
    fs::write(path.join("evil.txt"), "safe\n\u{1b}]0;title\u{7}\u{1b}[2J\n").unwrap();
    let evil = ["do", "3.2.1-04", "--search", "notes", "--attach", "evil.txt"];
    office.done_as("luis", &evil);
    let id = run_of(&office);
    let journal = office.journal(&id);
    let answer = journal.iter().rfind(|event| event["event"] == "answered").unwrap();
    let kept = answer["evidence"][0].as_str().unwrap().to_owned();
    let raw = office.try_as("luis", &["evidence", &kept[..12]]);
    assert_eq!(raw.stdout, fs::read(path.join("evil.txt")).unwrap(), "a pipe gets the bytes");
    let session = Session::start(path, &format!("evidence {kept}"));
    let (code, seen) = session.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("\\u{1b}[2J") && !seen.contains('\u{1b}'), "{seen:?}");

    let out = ["evidence", &kept, "--out", "out.txt"];
    office.done_as("luis", &out);
    assert_eq!(fs::read(path.join("out.txt")).unwrap(), raw.stdout);
    let again = office.try_as("luis", &out);
    assert_eq!(again.status.code(), Some(2), "a file that is there is left alone: {again:?}");
    for (digest, why) in
        [("abc", "8 digits"), ("0123456789", "no run names a file"), ("xyzxyzxyz", "is not a sha256")]
    {
        let refused = office.try_as("luis", &["evidence", digest]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(text(&refused.stderr).contains(why), "{refused:?}");
    }
    let files =
        std::process::Command::new("grep").args(["-rl", "safe", "state/depot"]).current_dir(path).output();
    let file = text(&files.unwrap().stdout).lines().next().unwrap().to_owned();
    fs::write(path.join(file), "forged").unwrap();
    let damaged = office.try_as("luis", &["evidence", &kept]);
    assert!(!damaged.status.success() && damaged.stdout.is_empty(), "{damaged:?}");
}

#[test]
fn coverage_of_a_system_is_incomplete_until_its_procedures_are() {
    let office = office();
    let run = run_of(&office);
    let nothing = office.try_as("ana", &["coverage", "--system", "payroll", "--lang", "en"]);
    assert_eq!(nothing.status.code(), Some(1), "{nothing:?}");
    assert!(text(&nothing.stdout).contains("No procedure was ever run for payroll."), "{nothing:?}");
    for (language, words) in [("es", "no falta nada hasta ahora"), ("en", "nothing is missing so far")] {
        for more in [&[][..], &["-v"]] {
            let call = [&["coverage", "--system", "library", "--lang", language], more].concat();
            let page = office.try_as("ana", &call);
            assert_eq!(page.status.code(), Some(1), "{page:?}");
            fits(&text(&page.stdout));
            assert!(text(&page.stdout).contains(words), "{page:?}");
        }
    }
    office.done_as("luis", &[&["do", "3.2.1-04"][..], &SEARCH].concat());
    office.done_as("luis", &[&["do", "3.2.1-05"][..], &YES].concat());
    let whole = office.json(&["coverage", "--system", "library"]);
    assert_eq!(whole["complete"], true, "{whole}");
    let counts = &whole["procedures"][0]["counts"];
    assert_eq!((counts["done"].as_u64(), counts["attested"].as_u64()), (Some(3), Some(4)), "{counts}");
    assert_eq!(whole["procedures"][0]["run"], run);
    // A newer run of the same procedure counts in its place.
    office.done_as("eva", &["request", "new", "ti-p01/3.2.1", "--system", "library"]);
    let newer = office.json(&["coverage", "--system", "library"]);
    assert_eq!(newer["complete"], false, "{newer}");
    assert_ne!(newer["procedures"][0]["run"], run);
}

#[test]
fn the_drawing_of_a_run_marks_every_activity_without_colour() {
    let office = office();
    let run = run_of(&office);
    for (language, open, legend) in [("es", "ABIERTA AHORA", "✔ hecha (1)"), ("en", "OPEN NOW", "✔ done (1)")]
    {
        let page = office.done_as("ana", &["procedure", "show", "--run", &run, "--lang", language]);
        fits(&page);
        for wanted in [open, legend, "✎ □ 03", "► □ 04", "┃ │", "… ◇ 05"] {
            assert!(page.contains(wanted), "no {wanted}: {page}");
        }
        assert!(!page.contains('\u{1b}'));
    }
    // The procedure is the stored one, whatever became of the file.
    let path = office.folder.path().join("playbooks/ti-p01/3.2.1.yaml");
    fs::remove_file(&path).unwrap();
    office.done_as("ana", &["procedure", "show", "--run", &run, "--svg", "run.svg"]);
    let drawing = fs::read_to_string(office.folder.path().join("run.svg")).unwrap();
    for wanted in ["class=\"open\"", "class=\"attested\"", "class=\"notreached\"", "►", "✎"] {
        assert!(drawing.contains(wanted), "no {wanted}");
    }
    let marks = office.json(&["procedure", "show", "--run", &run]);
    assert_eq!(
        (&marks["marks"]["3.2.1-04"], &marks["marks"]["3.2.1-03"]),
        (&"open".into(), &"attested".into())
    );
    let other = office.try_as("ana", &["procedure", "show", "playbooks/ti-p01/3.2.2.yaml", "--run", &run]);
    assert_eq!(other.status.code(), Some(2), "{other:?}");
    let neither = office.try_as("ana", &["procedure", "show"]);
    assert_eq!(neither.status.code(), Some(2), "{neither:?}");
}

/// A procedure that asks for approval, has something left out, and calls another.
const ASKS: &str = r#"
kind: procedure
number: 9.5
title: {es: Pedir, en: Ask}
roles:
  director: {es: Director de TIC, en: ICT director}
  professional: {es: Profesional, en: Professional}
exceptions: [director]
activities:
  - {id: 01, kind: start, text: {es: Inicio, en: Start}, next: 02}
  - {id: 02, kind: attest, roles: [professional], text: {es: Entrenar, en: Train people}, next: 03}
  - {id: 03, kind: gate, signers: [director], text: {es: Aprobar, en: Approve the work}, on_yes: 04, on_no: 05r}
  - {id: 04, kind: call, playbook: delivers, text: {es: Entregar, en: Deliver}, next: 05}
  - {id: 05, kind: end, text: {es: Fin, en: End}}
  - {id: 05r, kind: end, outcome: rejected, text: {es: Fin, en: End}}
"#;

/// What is called: a no and what answered it, then a delivery that names no documents.
const DELIVERS: &str = r#"
kind: procedure
code: YY-P01
version: "03"
number: 9.6
title: {es: Entregar, en: Deliver}
roles:
  director: {es: Director de TIC, en: ICT director}
  professional: {es: Profesional, en: Professional}
  unit: {es: Unidad, en: Receiving unit}
exceptions: [director]
activities:
  - {id: 01, kind: start, text: {es: Inicio, en: Start}, next: 02}
  - {id: 02, kind: decision, roles: [professional], text: {es: ¿Listo?, en: "Is it ready?"}, on_yes: 04, on_no: 03, attempts: {limit: 3, then: 05u}}
  - {id: 03, kind: attest, roles: [professional], text: {es: Corregir, en: Mend it}, next: 02, attempts: {limit: 3, then: 05u}}
  - {id: 04, kind: deliver, signers: [professional, unit], text: {es: Entregar, en: Hand it over}, next: 05}
  - {id: 05, kind: end, text: {es: Fin, en: End}}
  - {id: 05u, kind: end, outcome: unsolved, text: {es: Fin, en: End}}
"#;

#[test]
fn a_delivery_act_names_what_was_approved_left_out_and_mended_wherever_that_was() {
    let office = Office::open();
    for (file, written) in [("asks", ASKS), ("delivers", DELIVERS)] {
        fs::write(office.folder.path().join(format!("playbooks/{file}.yaml")), written).unwrap();
    }
    office
        .done_as("luis", &["request", "new", "asks", "--system", "notes", "--reason", "the semester begins"]);
    office.done_as(
        "ana",
        &["do", "9.5-02", "--except", "9.5-02", "--until", "2099-12-31", "--reason", "later"],
    );
    office.done_as("ana", &["do", "9.5-03", "--answer", "yes", "--reason", "it is *urgent*"]);
    office.done_as("luis", &["do", "9.6-02", "--answer", "no", "--reason", "the page is empty"]);
    office.done_as("luis", &["do", "9.6-03", "--reason", "the page was written"]);
    office.done_as("luis", &[&["do", "9.6-02"][..], &YES].concat());
    let waits = office.waiting().remove(0);
    let digest = waits["documents"][0]["digest"].as_str().unwrap().to_owned();
    let act = office.done_as("eva", &["evidence", &digest]);
    fits(&act);
    let words = act.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "# Delivery act",
        "Document: YY-P01 v03",
        "Reason: the semester begins",
        "Title: Notes",
        "Professional (delivers): Luis Mora",
        "Receiving unit (receives): Eva Paz",
        "9.5-03 Approve the work: Ana Ruiz (ICT director) approved: it is \\*urgent\\*",
        "9.6-02, Luis Mora: no: the page is empty - Answer: 9.6-03 Luis Mora: the page was written - Solved: 20",
        "9.5-02 Train people: Ana Ruiz, until 2100-01-01 00:00: later",
        "There is no verified backup of production.",
        "Nothing was tested.",
    ] {
        assert!(words.contains(wanted), "no `{wanted}`: {act}");
    }
    // It is made once, whoever signs first.
    office.done_as("eva", &["do", "9.6-04", "--reason", "received"]);
    office.done_as("luis", &["do", "9.6-04", "--reason", "handed over"]);
    let runs = office.runs();
    assert_eq!((&runs[0]["outcome"], &runs[1]["outcome"]), (&"done".into(), &"done".into()), "{runs:?}");
    let journal = office.journal(runs[1]["run"].as_str().unwrap());
    let made: Vec<_> = journal.iter().filter(|event| !event["documents"].is_null()).collect();
    assert_eq!(made.len(), 1, "{made:?}");
    let page = office.done_as("eva", &["show", runs[1]["run"].as_str().unwrap()]);
    assert!(page.contains("9.6-04 made: delivery act"), "{page}");
}
