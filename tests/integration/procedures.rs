//! Runs of procedures, as the persons involved do them: the real program, a store in a file, no server.

mod approvals;
pub mod cast;
mod hostile;
mod ladder;
mod life;
pub mod office;
mod records;
mod signed;

use super::approve::keyboard::{DOWN, Session};
use office::{Office, text};
use serde_json::Value as Json;
use std::{collections::BTreeMap, fs, os::unix::process::ExitStatusExt as _, process::Command};

/// What each activity is answered with: the person and the flags, one entry after the other.
type Script = BTreeMap<&'static str, Vec<(&'static str, Vec<&'static str>)>>;

const PAPER: [&str; 4] = ["--reason", "it is in the paper", "--attach", "paper.txt"];
const SEARCH: [&str; 4] = ["--reason", "what there is was searched", "--search", "notas biblioteca"];
const YES: [&str; 4] = ["--answer", "yes", "--reason", "so it is"];
const NO: [&str; 4] = ["--answer", "no", "--reason", "that will not do"];
const REQUEST: [&str; 9] = [
    "--attach",
    "paper.txt",
    "--field",
    "unit=Library",
    "--field",
    "need=a catalogue",
    "--field",
    "date=2026-11-20",
    "--answer=done",
];

/// The beginning that all ways share, and the ways of one branch.
fn script(branch: &[(&'static str, &'static str, &[&'static str])]) -> Script {
    let begin: [(&str, &str, &[&str]); 3] =
        [("3.2.1-02", "eva", &REQUEST), ("3.2.1-03", "luis", &PAPER), ("3.2.1-04", "luis", &SEARCH)];
    let mut script = Script::new();
    for (activity, person, words) in begin.iter().chain(branch) {
        script.entry(activity).or_default().push((person, words.to_vec()));
    }
    script
}

/// Answers whatever waits until the first run ends. `fault` kills a process once, after that event.
fn play(office: &Office, mut script: Script, fault: Option<u64>) -> (Json, bool) {
    let new = ["request", "new", "ti-p01/3.2.1", "--system", "library"];
    let mut fault = fault.map(|event| event.to_string());
    let wanted = fault.is_some();
    let mut act = |person: &str, words: &[&str]| {
        let mut command = office.command(person, words);
        if let Some(event) = &fault {
            command.env("ESCLUSA_FAULT_KILL_AFTER_EVENT", event);
        }
        let output = command.output().unwrap();
        if output.status.signal() == Some(9) {
            fault = None;
            return false;
        }
        assert!(output.status.success(), "{person} {words:?}: {}", text(&output.stderr));
        true
    };
    // Who asks decides nothing, so nobody of the two directors does.
    act("luis", &new);
    let mut given = BTreeMap::<String, usize>::new();
    for _ in 0..60 {
        let run = office.runs().swap_remove(0);
        if !run["outcome"].is_null() {
            return (run, wanted && fault.is_none());
        }
        let Some(item) = office.waiting().into_iter().next_back() else {
            // Nobody is waited for, so a process ended before it was through.
            let output = office.try_as("luis", &["resume", run["run"].as_str().unwrap()]);
            assert!(matches!(output.status.code(), Some(0 | 10)), "{output:?}");
            continue;
        };
        let id = item["run"].as_str().unwrap();
        let activity = item["activity"].as_str().unwrap();
        if let Some(missing) = item["missing"][0].as_str() {
            act("ana", &["do", id, "--except", missing, "--reason", "it is installed by hand"]);
        } else if !activity.starts_with("3.2.1") {
            act("ana", &["cancel", id, "--reason", "this office has no servers"]);
        } else {
            let turns = script.get_mut(activity).unwrap_or_else(|| panic!("{activity} was not expected"));
            let (person, words) = turns[0].clone();
            let through = act(person, &[&["do", activity][..], &words].concat());
            // A killed process may or may not have recorded the answer; the run knows.
            if through || said(&office.journal(id), activity) > said_before(&given, activity) {
                *given.entry(activity.to_owned()).or_default() += 1;
                turns.remove(0);
            }
        }
    }
    panic!("the run does not end: {:?}", office.runs());
}

/// How often an activity was answered, or its other process opened.
fn said(journal: &[Json], activity: &str) -> usize {
    let said = |event: &&Json| {
        let names = ["answered", "external_opened", "external_returned"];
        event["activity"] == activity && names.iter().any(|name| event["event"] == *name)
    };
    journal.iter().filter(said).count()
}

fn said_before(given: &BTreeMap<String, usize>, activity: &str) -> usize {
    given.get(activity).copied().unwrap_or_default()
}

/// A branch: its outcome, the number of runs that it takes, and the answers.
type Branch = (&'static str, usize, &'static [(&'static str, &'static str, &'static [&'static str])]);

const OPENED: [&str; 2] = ["--reference", "2026-118"];

const BRANCHES: &[Branch] = &[
    ("reused", 1, &[("3.2.1-05", "luis", &YES)]),
    (
        "unsolved",
        1,
        &[
            ("3.2.1-05", "luis", &NO),
            ("3.2.1-07", "luis", &PAPER),
            ("3.2.1-08", "luis", &NO),
            ("3.2.1-13", "dora", &NO),
            ("3.2.1-18", "luis", &NO),
        ],
    ),
    (
        "done",
        2,
        &[
            ("3.2.1-05", "luis", &NO),
            ("3.2.1-07", "luis", &PAPER),
            ("3.2.1-08", "luis", &YES),
            ("3.2.1-09", "luis", &PAPER),
            ("3.2.1-11", "ana", &YES),
            ("3.2.1-11", "eva", &YES),
        ],
    ),
    (
        "done",
        2,
        &[
            ("3.2.1-05", "luis", &NO),
            ("3.2.1-07", "luis", &PAPER),
            ("3.2.1-08", "luis", &YES),
            ("3.2.1-09", "luis", &PAPER),
            ("3.2.1-11", "eva", &NO),
            ("3.2.1-13", "dora", &YES),
            ("3.2.1-14", "dora", &PAPER),
            ("3.2.1-16", "eva", &YES),
            ("3.2.1-16", "ana", &YES),
            ("3.2.1-17", "dora", &OPENED),
            ("3.2.1-17", "dora", &["--reason", "built", "--attach", "paper.txt"]),
        ],
    ),
    (
        "done",
        2,
        &[
            ("3.2.1-05", "luis", &NO),
            ("3.2.1-07", "luis", &PAPER),
            ("3.2.1-08", "luis", &NO),
            ("3.2.1-13", "dora", &YES),
            ("3.2.1-14", "dora", &PAPER),
            ("3.2.1-16", "ana", &NO),
            ("3.2.1-18", "luis", &YES),
            ("3.2.1-19", "luis", &OPENED),
            ("3.2.1-19", "luis", &["--reason", "bought", "--attach", "paper.txt"]),
        ],
    ),
];

#[test]
fn the_intake_ends_in_each_of_its_branches_by_the_answers_of_the_persons_involved() {
    for (outcome, runs, branch) in BRANCHES {
        let office = Office::open();
        let (run, _) = play(&office, script(branch), None);
        assert_eq!(run["outcome"], *outcome, "{branch:?}");
        assert_eq!(office.runs().len(), *runs, "{branch:?}");
        let id = run["run"].as_str().unwrap();
        let coverage = office.json(&["coverage", id]);
        assert_eq!(coverage["complete"], true, "{coverage}");
        assert!(office.done_as("ana", &["audit"]).contains("ledger"));
        assert_eq!(office.done_as("ana", &["todo"]).trim(), "Nothing waits for you, Ana Ruiz.");
        for page in [&["show", id][..], &["coverage", id], &["history"], &["status"]] {
            let page = office.done_as("ana", page);
            assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
        }
    }
}

#[test]
fn whoever_has_not_the_role_is_refused_and_nothing_is_recorded() {
    let office = Office::open();
    office.done_as("eva", &["request", "new", "ti-p01/3.2.1", "--system", "library"]);
    let id = office.runs()[0]["run"].as_str().unwrap().to_owned();
    let before = office.journal(&id);
    // One byte more than a file of evidence may have; it takes no room on the disk.
    let large = fs::File::create(office.folder.path().join("large")).unwrap();
    large.set_len((64 << 20) + 1).unwrap();
    let refused: [(&str, &[&str], &str); 7] = [
        ("eva", &["do", "02", "--attach", "large"], "67108864"),
        ("luis", &["do", "02", "--attach", "paper.txt"], "none of the roles director, unit"),
        ("luis", &["do", &id, "--except", "02", "--reason", "no"], "none of the roles director"),
        ("eva", &["do", "3.2.1-02", "--field", "unit=Library", "--attach", "paper.txt"], "the field `need`"),
        ("eva", &["do", "3.2.1-03", "--attach", "paper.txt"], "no run is at `3.2.1-03`"),
        ("eva", &[&["do", "3.2.1-02"][..], &REQUEST[2..]].concat(), "0 of at least 1"),
        ("nobody", &["do", "3.2.1-02"], "belongs to no person"),
    ];
    for (person, words, why) in refused {
        let output = office.try_as(person, words);
        assert_eq!(output.status.code(), Some(2), "{person} {words:?}: {output:?}");
        assert!(text(&output.stderr).contains(why), "{person} {words:?}: {}", text(&output.stderr));
    }
    assert_eq!(office.journal(&id), before);
    assert!(office.done_as("luis", &["todo"]).contains("Nothing waits for you"));
    assert!(office.done_as("eva", &["todo"]).contains("3.2.1-02"));
}

#[test]
fn a_run_killed_after_any_event_comes_to_the_same_end_with_nothing_done_twice() {
    let (_, _, branch) = BRANCHES[2];
    let whole = Office::open();
    let (run, _) = play(&whole, script(branch), None);
    let id = run["run"].as_str().unwrap();
    let wanted = whole.journal(id);
    // Most of the time of each goes into waiting for the disk.
    let workers = 4;
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let wanted = &wanted;
            scope.spawn(move || {
                for event in (1..=wanted.len() as u64).filter(|event| event % workers == worker) {
                    let office = Office::open();
                    let (run, killed) = play(&office, script(branch), Some(event));
                    assert!(killed, "no process was killed after event {event}");
                    let journal = office.journal(run["run"].as_str().unwrap());
                    assert_eq!(journal, *wanted, "killed after event {event}");
                    assert_eq!(office.runs().len(), 2, "killed after event {event}");
                }
            });
        }
    });
}

/// A procedure that is late at once, runs a part of a playbook of a system that is not there, and leaves a
/// document.
const LATE: &str = r#"
kind: procedure
number: 9.1
title: {es: Tarea corta, en: Short work}
roles:
  director: {es: Director, en: Director}
  professional: {es: Profesional, en: Professional}
exceptions: [director]
activities:
  - {id: 01, kind: start, text: {es: Inicio, en: Start}, next: 02}
  - id: 02
    kind: attest
    roles: [professional]
    text: {es: Revisar, en: Look}
    deadline: 1s
    remind: 1s
    next: 03
  - id: 03
    kind: remote
    playbook: "{{ system }}/update"
    phase: [database]
    environment: test
    text: {es: Migrar la base de datos, en: Migrate the database}
    next: 04
  - id: 04
    kind: record
    text: {es: Informe de lo hecho, en: Report of what was done}
    next: 05
  - {id: 05, kind: end, text: {es: Fin, en: End}}
"#;

#[test]
fn what_is_late_is_told_once_and_what_cannot_be_done_is_refused_until_it_is_left_out() {
    let office = Office::open();
    let path = office.folder.path();
    fs::write(path.join("playbooks/late.yaml"), LATE).unwrap();
    let project = fs::read_to_string(path.join("esclusa.yaml")).unwrap();
    let notify = "notify: {command: [sh, -c, \"cat >> mails; echo >> mails\"]}\n";
    fs::write(path.join("esclusa.yaml"), project + notify).unwrap();
    office.done_as("luis", &["request", "new", "late", "--system", "notes"]);
    let id = office.runs()[0]["run"].as_str().unwrap().to_owned();
    std::thread::sleep(std::time::Duration::from_millis(1200));
    office.done_as("luis", &["resume", "--approved"]);
    let named = |name: &str| office.journal(&id).iter().filter(|event| event["event"] == name).count();
    assert_eq!((named("deadline_passed"), named("reminded")), (1, 1));
    let mails = fs::read_to_string(path.join("mails")).unwrap();
    for word in ["activity_waits", "activity_overdue", "activity_reminded", "Luis Mora"] {
        assert_eq!(mails.contains(word), word != "Luis Mora", "{word} in {mails}");
    }
    assert!(office.done_as("luis", &["todo"]).contains("OVERDUE"));

    let refused = office.try_as("luis", &["do", "9.1-02", "--reason", "looked"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let words = text(&refused.stderr);
    assert!(
        words.contains("recorded: 9.1-02") && words.contains("input `version`: must be given"),
        "{words}"
    );
    assert_eq!(named("call_started"), 0);
    let until = ["--until", "2099-12-31"];
    let except = ["do", &id, "--except", "9.1-03", "--reason", "the database has nothing to migrate"];
    office.done_as("ana", &[&except[..], &until].concat());
    assert_eq!(office.runs()[0]["outcome"], "done");
    let coverage = office.json(&["coverage", &id]);
    let of = |id: &str| {
        let all = coverage["activities"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["activity"] == id).unwrap()
    };
    assert_eq!(of("9.1-03")["standing"], "excepted");
    assert_eq!(of("9.1-03")["by"][0], "ana");
    let report = of("9.1-04")["evidence"][0].as_str().unwrap().to_owned();
    let found = Command::new("find").args(["state/depot", "-type", "f"]).current_dir(path).output().unwrap();
    let hex = report.rsplit(':').next().unwrap();
    let (tail, found) = (&hex[hex.len() - 32..], text(&found.stdout));
    let file = found.lines().find(|line| line.ends_with(tail)).unwrap_or_else(|| panic!("{hex} in {found}"));
    let document = fs::read_to_string(path.join(file)).unwrap();
    assert!(document.starts_with("# Report of what was done\n"), "{document}");
    assert!(document.contains("9.1-02 luis (Professional, unsigned): done: looked"), "{document}");
}

#[test]
fn a_terminal_asks_in_the_persons_language_within_80_columns() {
    let office = Office::open();
    let spanish = || {
        let people = office.folder.path().join("people.yaml");
        let text = fs::read_to_string(&people).unwrap().replace("language: en", "language: es");
        fs::write(people, text).unwrap();
    };
    let new = ["request", "new", "ti-p01/3.2.1", "--system", "library"];
    office.done_as("eva", &[&new[..], &REQUEST].concat());
    for (language, words) in [("es", "Espera a"), ("en", "Waits for")] {
        let page = office.done_as("luis", &["todo", "--lang", language]);
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
        assert!(page.contains(words), "{page}");
    }
    office.sit_down("luis");
    spanish();
    let mut session = Session::start(office.folder.path(), "do 3.2.1-03");
    session.at("Qué se hizo", "se analizó\r");
    session.at("Archivos de evidencia", "paper.txt\r");
    let (code, seen) = session.end();
    assert_eq!(code, Some(0), "{seen}");
    office.done_as("luis", &[&["do", "04"][..], &SEARCH].concat());
    spanish();
    let mut session = Session::start(office.folder.path(), "do 3.2.1-05");
    session.at("Respuesta", &format!("{DOWN}\r"));
    session.at("Motivo", "ya existe\r");
    let (code, seen) = session.end();
    assert_eq!(code, Some(0), "{seen}");
    let run = office.runs().swap_remove(0);
    assert_eq!(run["outcome"], "reused", "{seen}");
    let journal = office.journal(run["run"].as_str().unwrap());
    let answer = journal.iter().rfind(|event| event["event"] == "answered").unwrap();
    assert_eq!((&answer["answer"], &answer["reason"]), (&Json::from("yes"), &Json::from("ya existe")));
}

/// A procedure that installs what was asked for.
const INSTALL: &str = r#"
kind: procedure
number: 9.2
title: {es: Instalar, en: Install}
roles:
  director: {es: Director, en: Director}
  professional: {es: Profesional, en: Professional}
exceptions: [director]
activities:
  - {id: 01, kind: start, text: {es: Inicio, en: Start}, next: 02}
  - id: 02
    kind: request
    roles: [professional]
    text: {es: Pedir, en: Ask}
    fields: [{name: version, kind: version, text: {es: Versión, en: Version}}]
    next: 03
  - id: 03
    kind: remote
    playbook: "{{ system }}/install"
    environment: test
    text: {es: Instalar, en: Install}
    on_yes: 04
    on_no: 05
  - {id: 04, kind: end, text: {es: Fin, en: End}}
  - {id: 05, kind: end, outcome: unsolved, text: {es: Fin sin solución, en: End without a solution}}
"#;

#[test]
fn a_playbook_that_is_called_is_a_run_of_its_own_and_its_failure_takes_the_way_of_no() {
    // Killed before and after the call is recorded, and after its end is: one run all the same.
    for fault in [None, Some(6), Some(7), Some(8)] {
        let office = Office::open();
        let path = office.folder.path();
        fs::write(path.join("playbooks/setup.yaml"), INSTALL).unwrap();
        // Nothing listens there: a server that is switched off.
        let inventory = fs::read_to_string(path.join("inventory.yaml")).unwrap();
        let inventory = inventory.replace("address: 192.0.2.12", "address: 127.0.0.1\n        port: 1");
        fs::write(path.join("inventory.yaml"), inventory).unwrap();
        let project = fs::read_to_string(path.join("esclusa.yaml")).unwrap() + "ssh_config: none\n";
        fs::write(path.join("esclusa.yaml"), project).unwrap();
        let tiny = path.join("playbooks/tiny");
        fs::create_dir(&tiny).unwrap();
        let sheet = fs::read_to_string(path.join("playbooks/notes/system.yaml")).unwrap();
        fs::write(tiny.join("system.yaml"), sheet.replace("system: notes", "system: tiny")).unwrap();
        let playbook = "kind: install\nsystem: tiny\ninputs: {version: {required: true, description: Which}}\n\
            steps:\n  - name: Say which\n    at: web\n    copy: {content: \"{{ version }}\", dest: /srv/VERSION}\n";
        fs::write(tiny.join("install.yaml"), playbook).unwrap();

        office.done_as("luis", &["request", "new", "setup", "--system", "tiny"]);
        let id = office.runs()[0]["run"].as_str().unwrap().to_owned();
        let mut command = office.command("luis", &["do", "9.2-02", "--field", "version=1.2"]);
        if let Some(event) = fault {
            command.env("ESCLUSA_FAULT_KILL_AFTER_EVENT", event.to_string());
        }
        let output = command.output().unwrap();
        let killed = output.status.signal() == Some(9);
        assert_eq!(killed, fault.is_some(), "{fault:?}: {output:?}");
        if killed {
            office.try_as("luis", &["resume", &id]);
        }
        let run = office.runs().swap_remove(0);
        assert_eq!(run["outcome"], "unsolved", "{fault:?}: {output:?}");
        let called = office.json(&["history"])["runs"].as_array().unwrap().clone();
        assert_eq!(called.len(), 1, "{fault:?}: {called:?}");
        assert_eq!((&called[0]["exit"], &called[0]["version"]), (&Json::from(4), &Json::from("1.2")));
        let journal = office.journal(&id);
        let ended: Vec<_> = journal.iter().filter(|event| event["event"] == "call_ended").collect();
        assert_eq!(ended.len(), 1, "{journal:?}");
        assert_eq!(ended[0]["exit"], 4);
        assert!(office.done_as("ana", &["audit"]).contains("ledger"));
    }
}
