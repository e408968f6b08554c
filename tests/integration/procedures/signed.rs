//! Answers that are signed: who can, who cannot, and what everybody sees of it.

use super::{
    super::approve::keyboard::{DOWN, Session},
    office::{Office, text},
};
use serde_json::Value as Json;
use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A gate of two, another process, a delivery, all of them signed, and one thing that is not.
pub const SIGNED: &str = r#"
kind: procedure
number: 9.3
title: {es: Comprar, en: Buy}
roles:
  director: {es: Director, en: Director}
  unit: {es: Unidad, en: Unit}
  professional: {es: Profesional, en: Professional}
processes: {purchase: {es: Compras, en: Purchase}}
exceptions: [director]
activities:
  - {id: 01, kind: start, text: {es: Inicio, en: Start}, next: 02}
  - id: 02
    kind: gate
    signers: [director, unit]
    signed: true
    text: {es: Aprobar la compra, en: Approve the purchase}
    on_yes: 03
    on_no: 02
    attempts: {limit: 3, then: 06r}
  - id: 03
    kind: external
    roles: [professional]
    process: purchase
    signed: true
    text: {es: Comprar, en: Buy}
    returns: {es: La factura, en: The invoice}
    next: 04
  - id: 04
    kind: attest
    roles: [professional]
    text: {es: Desempacar, en: Unpack}
    next: 05
  - id: 05
    kind: deliver
    signers: [professional, unit]
    signed: true
    files: 1
    text: {es: Entregar a la unidad, en: Deliver to the unit}
    next: 06
  - {id: 06, kind: end, text: {es: Fin, en: End}}
  - {id: 06r, kind: end, outcome: rejected, text: {es: Rechazada, en: Rejected}}
"#;

const YES: [&str; 4] = ["--answer", "yes", "--reason", "so it is"];

/// Everything that is answered from the gate to the delivery, in order.
const ANSWERS: [(&str, &str, &[&str]); 7] = [
    ("ana", "9.3-02", &YES),
    ("eva", "9.3-02", &YES),
    ("luis", "9.3-03", &["--reference", "2026-7"]),
    ("luis", "9.3-03", &["--reason", "bought", "--attach", "paper.txt"]),
    ("luis", "9.3-04", &["--reason", "unpacked"]),
    ("luis", "9.3-05", &["--reason", "delivered", "--attach", "paper.txt"]),
    ("eva", "9.3-05", &["--reason", "received"]),
];

/// An office with a run of the procedure at its gate, and the run.
pub fn at_the_gate() -> (Office, String) {
    let office = Office::with_procedure("buy", SIGNED);
    office.done_as("luis", &["request", "new", "buy", "--system", "library"]);
    let id = office.runs()[0]["run"].as_str().unwrap().to_owned();
    (office, id)
}

#[test]
fn what_is_signed_is_shown_counted_and_proven() {
    let (office, id) = at_the_gate();
    for (person, activity, words) in ANSWERS {
        office.done_as(person, &[&["do", activity][..], words].concat());
    }
    assert_eq!(office.runs()[0]["outcome"], "done");
    let journal = office.journal(&id);
    let count = |name: &str| journal.iter().filter(|event| event["event"] == name).count();
    // Luis opened the run; whoever signs after somebody else sat there has another people file.
    assert_eq!(count("people_recorded"), 4, "{journal:?}");
    assert_eq!(journal.iter().filter(|event| event["seal"] == "signed").count(), 6);
    let audit = office.json(&["audit"]);
    assert_eq!((&audit["good"], &audit["signed_answers"]), (&Json::from(true), &Json::from(6)), "{audit}");
    assert_eq!(audit["keys_not_listed"], Json::from(Vec::<Json>::new()));
    for (language, signed, unsigned, gate, answers) in [
        (
            "en",
            "signed",
            "unsigned",
            "attested by Ana Ruiz, Eva Paz (signed)",
            "answers in procedures: 6 signed",
        ),
        ("es", "con firma", "sin firma", "atestada por Ana Ruiz, Eva Paz (con firma)", "6 con firma"),
    ] {
        let page = |words: &[&str]| {
            let page = office.done_as("ana", &[words, &["--lang", language]].concat());
            assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
            page.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let shown = page(&["show", &id]);
        assert!(shown.contains(&format!("9.3-02 ana (Director, {signed}): ")), "{shown}");
        let role = if language == "es" { "Profesional" } else { "Professional" };
        assert!(shown.contains(&format!("9.3-04 luis ({role}, {unsigned}): ")), "{shown}");
        assert!(page(&["coverage", &id]).contains(gate));
        assert!(page(&["audit"]).contains(answers));
    }
    let coverage = office.json(&["coverage", &id]);
    let signed = |id: &str| {
        let all = coverage["activities"].as_array().unwrap();
        all.iter().find(|one| one["activity"] == id).unwrap()["signed"].clone()
    };
    assert_eq!((signed("9.3-02"), signed("9.3-04")), (Json::from(true), Json::from(false)));
    assert_eq!(signed("9.3-01"), Json::Null);

    // Ana's key is replaced: what she signed stands, and the audit says that the key is not hers now.
    let people = office.folder.path().join("people.yaml");
    let mut command = office.command("ana", &["audit", "--format", "json"]);
    let key = |name: &str| fs::read_to_string(office.folder.path().join(format!("key-{name}.pub"))).unwrap();
    let (_, new) = esclusa::transport::generate_key("ana").unwrap();
    fs::write(&people, fs::read_to_string(&people).unwrap().replace(&key("ana"), &new)).unwrap();
    let audit: Json = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let strange = &audit["keys_not_listed"];
    assert_eq!((&audit["good"], strange.as_array().unwrap().len()), (&Json::from(true), 1), "{audit}");
    assert_eq!((&strange[0]["person"], &strange[0]["activity"]), (&Json::from("ana"), &Json::from("9.3-02")));
}

#[test]
fn whoever_cannot_sign_is_told_why_and_nothing_is_recorded() {
    let (office, id) = at_the_gate();
    let path = office.folder.path();
    let before = office.journal(&id);
    let answer = [&["do", "9.3-02"][..], &YES].concat();
    let refused = |command: &mut Command, why: &str| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(why), "{why}: {}", text(&output.stderr));
        assert_eq!(office.journal(&id), before, "{why}");
    };
    let ana = |extra: &[&str]| office.command("ana", &[&answer[..], extra].concat());
    let empty = path.join("nobody-lives-here");
    refused(ana(&[]).env("HOME", &empty), "no key of Ana Ruiz is at hand");
    refused(ana(&["--lang", "es"]).env("HOME", &empty), "no hay a la mano una llave de Ana Ruiz");
    refused(&mut ana(&["--key", "key-luis"]), "`key-luis` is no key of `ana` in the people file");
    refused(&mut ana(&["--key", "paper.txt"]), "`paper.txt`: the private key is not in OpenSSH's form");
    refused(&mut office.command("nobody", &answer), "belongs to no person");
    // Whoever has the account and not the key is not the person.
    refused(ana(&[]).env("HOME", path.join("home-luis")), "no key of Ana Ruiz is at hand");
    // The person file lost the key after the run was opened.
    let mut keyless = ana(&[]);
    let people = path.join("people.yaml");
    let key = fs::read_to_string(path.join("key-ana.pub")).unwrap();
    let without = fs::read_to_string(&people).unwrap().replace(&format!("    keys: {key}\n"), "");
    fs::write(&people, &without).unwrap();
    let output = keyless.output().unwrap();
    assert!(text(&output.stderr).contains("`ana` has no SSH key in the people file"), "{output:?}");
    assert_eq!(office.journal(&id), before);
}

#[test]
fn an_agent_signs_if_it_holds_the_key() {
    let (office, id) = at_the_gate();
    let path = office.folder.path();
    let socket = path.join("agent.socket");
    let mut agent =
        Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !socket.exists() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the agent does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let add = |name: &str| {
        let mut command = Command::new("ssh-add");
        command.arg("-q").arg(path.join(format!("key-{name}"))).env("SSH_AUTH_SOCK", &socket);
        assert!(command.status().unwrap().success());
    };
    let answer = [&["do", "9.3-02"][..], &YES].concat();
    let ana = |extra: &[&str]| {
        let mut command = office.command("ana", &[&answer[..], extra].concat());
        command.env("SSH_AUTH_SOCK", &socket).env("HOME", path.join("nobody-lives-here"));
        command.output().unwrap()
    };
    add("luis");
    let (other, lacking) = (ana(&[]), ana(&["--key", "key-ana.pub"]));
    add("ana");
    let good = ana(&[]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(text(&other.stderr).contains("no key of Ana Ruiz is at hand"), "{other:?}");
    assert!(text(&lacking.stderr).contains("the agent does not hold it"), "{lacking:?}");
    assert_eq!((other.status.code(), lacking.status.code(), good.status.code()), (Some(2), Some(2), Some(0)));
    assert_eq!(office.journal(&id).iter().filter(|event| event["seal"] == "signed").count(), 1);
}

#[test]
fn an_exception_from_what_is_signed_is_signed_and_a_no_too() {
    let (office, id) = at_the_gate();
    office.done_as("eva", &["do", "9.3-02", "--answer", "no", "--reason", "too dear"]);
    for (person, activity, words) in &ANSWERS[..2] {
        office.done_as(person, &[&["do", activity][..], words].concat());
    }
    let except = ["do", &id, "--except", "9.3-03", "--reason", "it was a gift"];
    let output = office.command("ana", &except).env("HOME", "/nowhere").output().unwrap();
    assert!(text(&output.stderr).contains("no key of Ana Ruiz"), "{output:?}");
    office.done_as("ana", &except);
    let journal = office.journal(&id);
    let signed = journal.iter().filter(|event| event["seal"] == "signed");
    let names: Vec<_> = signed.map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["answered", "answered", "answered", "excepted"]);
    assert_eq!(office.json(&["audit"])["signed_answers"], 4);
}

/// Goes through all answers; `fault` kills a process once, after that event. The journal then.
fn play(fault: Option<u64>) -> Vec<Json> {
    let office = Office::with_procedure("buy", SIGNED);
    let mut left = fault;
    let mut act = |person: &str, words: &[&str]| {
        let mut command = office.command(person, words);
        if let Some(event) = left {
            command.env("ESCLUSA_FAULT_KILL_AFTER_EVENT", event.to_string());
        }
        let output = command.output().unwrap();
        if output.status.signal() == Some(9) {
            left = None;
        } else {
            assert!(output.status.success(), "{person} {words:?}: {}", text(&output.stderr));
        }
    };
    act("luis", &["request", "new", "buy", "--system", "library"]);
    let id = office.runs()[0]["run"].as_str().unwrap().to_owned();
    let acts = |journal: &[Json]| {
        let names = ["answered", "external_opened", "external_returned"];
        journal.iter().filter(|event| names.iter().any(|name| event["event"] == *name)).count()
    };
    for _ in 0..20 {
        let run = office.runs().swap_remove(0);
        if !run["outcome"].is_null() {
            assert_eq!(run["outcome"], "done");
            assert!(office.done_as("ana", &["audit"]).contains("6 signed"));
            assert_eq!(left, None, "no process was killed after event {fault:?}");
            return office.journal(&id);
        }
        let journal = office.journal(&id);
        if office.waiting().is_empty() {
            let output = office.try_as("luis", &["resume", &id]);
            assert!(matches!(output.status.code(), Some(0 | 10)), "{output:?}");
            continue;
        }
        let (person, activity, words) = ANSWERS[acts(&journal)];
        act(person, &[&["do", activity][..], words].concat());
    }
    panic!("the run does not end: {:?}", office.runs());
}

#[test]
fn a_signed_run_killed_after_any_event_comes_to_the_same_end_with_nothing_signed_twice() {
    let wanted = play(None);
    let workers = 4;
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let wanted = &wanted;
            scope.spawn(move || {
                for event in (1..=wanted.len() as u64).filter(|event| event % workers == worker) {
                    assert_eq!(play(Some(event)), *wanted, "killed after event {event}");
                }
            });
        }
    });
}

#[test]
fn a_terminal_shows_what_is_signed_before_it_asks_in_the_persons_language() {
    for (language, question, file, leave, signs) in [
        ("es", "Firma:", "Archivos de evidencia", "No se firmó nada; sigue en espera.", "USTED FIRMA:"),
        ("en", "Signature:", "Files of evidence", "Nothing was signed; it still waits.", "YOU SIGN:"),
    ] {
        let (office, id) = at_the_gate();
        for (person, activity, words) in &ANSWERS[..5] {
            office.done_as(person, &[&["do", activity][..], words].concat());
        }
        let before = office.journal(&id);
        let words = format!("do 9.3-05 --key key-luis --lang {language}");
        for keys in ["\r".to_owned(), format!("{DOWN}\r")] {
            office.sit_down("luis");
            let mut session = Session::start(office.folder.path(), &words);
            session.at(if language == "es" { "Qué se hizo" } else { "What was done" }, "todo\r");
            session.at(file, "paper.txt\r");
            session.at(question, &keys);
            let (code, seen) = session.end();
            for wanted in
                [signs, "paper.txt", "Luis Mora (professional)", "SHA256:", "  sha256       5d44ec3b"]
            {
                assert!(seen.contains(wanted), "{wanted}: {seen}");
            }
            // What is drawn again begins at the left.
            let wide = |line: &&str| {
                let last = line.trim_end().rsplit('\r').next().unwrap();
                dialoguer::console::strip_ansi_codes(last).chars().count() > 80
            };
            assert_eq!(seen.lines().find(wide), None, "{seen}");
            if keys == "\r" {
                assert_eq!(code, Some(10), "{seen}");
                assert!(seen.contains(leave), "{seen}");
                assert_eq!(office.journal(&id), before);
            } else {
                assert_eq!(code, Some(0), "{seen}");
            }
        }
        let journal = office.journal(&id);
        let last = journal.iter().rfind(|event| event["event"] == "answered").unwrap();
        assert_eq!((&last["reason"], &last["seal"]), (&Json::from("todo"), &Json::from("signed")));
    }
}
