//! Runs of procedures, as the persons involved do them: the real program, a store in a file, no server.

use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const PEOPLE: &[(&str, &str, &str)] = &[
    ("ana", "Ana Ruiz", "director"),
    ("luis", "Luis Mora", "professional"),
    ("eva", "Eva Paz", "unit"),
    ("dora", "Dora Gil", "development"),
    ("oto", "Oto Rey", "dba, server-admin, vendor, contract-supervisor, directors"),
];

/// A project with the six procedures, in which one person after the other sits at the keyboard.
struct Office {
    folder: tempfile::TempDir,
    account: String,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if from.is_dir() {
            copy(&from, &to.join(name))
        } else {
            fs::copy(&from, to.join(name)).map(drop).unwrap()
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Office {
    fn open() -> Self {
        let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        copy(&home.join("examples/first-run"), folder.path());
        copy(&home.join("playbooks/ti-p01"), &folder.path().join("playbooks/ti-p01"));
        fs::write(folder.path().join("paper.txt"), "what was found\n").unwrap();
        let account = Command::new("id").arg("-un").output().unwrap();
        Self { folder, account: text(&account.stdout).trim().to_owned() }
    }

    fn sit_down(&self, person: &str) {
        let mut people = "people:\n".to_owned();
        for (name, full, roles) in PEOPLE {
            people += &format!("  {name}:\n    name: {full}\n    roles: [{roles}]\n    language: en\n");
            if *name == person {
                people += &format!("    account: {}\n", self.account);
            }
        }
        fs::write(self.folder.path().join("people.yaml"), people).unwrap();
    }

    fn command(&self, person: &str, words: &[&str]) -> Command {
        self.sit_down(person);
        let mut command = Command::new(env!("CARGO_BIN_EXE_esclusa"));
        command.current_dir(self.folder.path()).args(words).env("NO_COLOR", "1").env("ESCLUSA_LANG", "en");
        command.env("ESCLUSA_STORE_IS_KEPT", "1").env("NOTES_TOKEN", "a-token-of-notes");
        for name in ["ESCLUSA_PROJECT", "ESCLUSA_DATABASE", "ESCLUSA_FAULT_KILL_AFTER_EVENT"] {
            command.env_remove(name);
        }
        command
    }

    fn try_as(&self, person: &str, words: &[&str]) -> Output {
        self.command(person, words).output().unwrap()
    }

    fn done_as(&self, person: &str, words: &[&str]) -> String {
        let output = self.try_as(person, words);
        assert!(output.status.success(), "{person} {words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, words: &[&str]) -> Json {
        let output = self.try_as("ana", &[words, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"))
    }

    /// Everything that waits for anybody.
    fn waiting(&self) -> Vec<Json> {
        self.json(&["todo", "--all"])["waiting"].as_array().unwrap().clone()
    }

    /// Every procedure's run, the oldest first.
    fn runs(&self) -> Vec<Json> {
        let mut runs = Vec::new();
        for verb in ["status", "history"] {
            runs.extend(self.json(&[verb])["procedures"].as_array().unwrap().clone());
        }
        runs.sort_by_key(|run| run["run"].as_str().unwrap().to_owned());
        runs
    }

    /// A run's journal without what is different each time.
    fn journal(&self, run: &str) -> Vec<Json> {
        let mut shown = self.json(&["show", run]);
        let events = shown["journal"].as_array_mut().unwrap();
        events.iter_mut().for_each(|event| {
            let event = event["event"].as_object_mut().unwrap();
            event.remove("run");
        });
        events.iter().map(|event| event["event"].clone()).collect()
    }
}

/// What each activity is answered with: the person and the flags, one entry after the other.
type Script = BTreeMap<&'static str, Vec<(&'static str, Vec<&'static str>)>>;

const PAPER: [&str; 4] = ["--reason", "it is in the paper", "--attach", "paper.txt"];
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
        [("3.2.1-02", "eva", &REQUEST), ("3.2.1-03", "luis", &PAPER), ("3.2.1-04", "luis", &PAPER)];
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
    act("eva", &new);
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
            let before = office.journal(id).len();
            let through = act(person, &[&["do", activity][..], &words].concat());
            // A killed process may or may not have recorded the answer; the run knows.
            let answered = |event: &Json| {
                ["answered", "external_opened", "external_returned"]
                    .iter()
                    .any(|name| event["event"] == *name)
            };
            if through || office.journal(id)[before..].iter().any(answered) {
                turns.remove(0);
            }
        }
    }
    panic!("the run does not end: {:?}", office.runs());
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
    let refused: [(&str, &[&str], &str); 6] = [
        ("luis", &["do", "02", "--attach", "paper.txt"], "none of the roles director, unit"),
        ("luis", &["do", &id, "--except", "02", "--reason", "no"], "none of the roles director"),
        ("eva", &["do", "3.2.1-02", "--field", "unit=Library", "--attach", "paper.txt"], "the field `need`"),
        ("eva", &["do", "3.2.1-03", "--attach", "paper.txt"], "no run is at `3.2.1-03`"),
        ("eva", &[&["do", "3.2.1-02"][..], &REQUEST[2..]].concat(), "needs 1 files of evidence"),
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
    for event in 1..=wanted.len() as u64 {
        let office = Office::open();
        let (run, killed) = play(&office, script(branch), Some(event));
        assert!(killed, "no process was killed after event {event}");
        assert_eq!(office.journal(run["run"].as_str().unwrap()), wanted, "killed after event {event}");
        assert_eq!(office.runs().len(), 2, "killed after event {event}");
    }
}
