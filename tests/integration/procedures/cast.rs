//! Plays a procedure from its request to its end: whoever is waited for does their part.

use super::office::{Office, PEOPLE, text};
use esclusa::model::Digest;
use serde_json::Value as Json;
use std::{collections::BTreeMap, fs, os::unix::process::ExitStatusExt as _};

/// How many turns a play may take.
const TURNS_MAX: usize = 400;

/// What is said where there is a choice, and what fields hold.
#[derive(Default)]
pub struct Part<'a> {
    /// Activities that are answered with no the first time.
    pub noes: &'a [&'a str],
    /// Fields by their names; others get something that fits.
    pub fields: &'a [(&'a str, &'a str)],
    /// The word where an activity branches.
    pub branch: &'a str,
    /// A process is killed once, after this event: `run:12`, `procedure:7`.
    pub fault: Option<String>,
}

/// What came of a play.
pub struct Played {
    /// The procedure's run.
    pub run: String,
    /// How it ended.
    pub outcome: String,
    /// Activities in the order of their opening, by their short ids.
    pub opened: Vec<String>,
    /// Whether a process was killed.
    pub killed: bool,
}

struct Play<'a> {
    office: &'a Office,
    part: &'a Part<'a>,
    run: String,
    activities: BTreeMap<String, Json>,
    fault: Option<String>,
    /// How often each activity was answered.
    turns: BTreeMap<String, usize>,
}

/// Plays a procedure about a system.
pub fn play(office: &Office, procedure: &str, system: &str, part: &Part<'_>) -> Played {
    let ours =
        ["3.2.1", "3.2.2", "3.2.3", "3.2.4", "3.2.5", "3.2.6"].map(|number| format!("ti-p01/{number}"));
    let mut activities = BTreeMap::new();
    for name in ours.iter().map(String::as_str).chain([procedure]) {
        let shown = office.json(&["procedure", "show", &format!("playbooks/{name}.yaml")]);
        for activity in shown["activities"].as_array().unwrap() {
            activities.insert(activity["id"].as_str().unwrap().to_owned(), activity.clone());
        }
    }
    // In a fresh project there is no store yet.
    let before = if office.has_store() { office.runs().len() } else { 0 };
    let fault = part.fault.clone();
    let mut play = Play { office, part, run: String::new(), activities, fault, turns: BTreeMap::new() };
    loop {
        play.act("luis", &["request", "new", procedure, "--system", system]);
        if office.has_store() && office.runs().len() > before {
            break;
        }
    }
    play.run = office.runs()[before]["run"].as_str().unwrap().to_owned();
    let mut idle = 0;
    for _ in 0..TURNS_MAX {
        let shown = office.json(&["show", &play.run]);
        if let Some(outcome) = shown["outcome"].as_str() {
            let (run, outcome) = (play.run.clone(), outcome.to_owned());
            let killed = part.fault.is_some() && play.fault.is_none();
            return Played { run, outcome, opened: opened(&shown), killed };
        }
        idle = if play.turn() { 0 } else { idle + 1 };
        assert!(idle < 4, "nobody is waited for, and nothing goes on: {shown}");
    }
    panic!("the run does not end");
}

fn opened(shown: &Json) -> Vec<String> {
    let events = shown["journal"].as_array().unwrap().iter().map(|row| &row["event"]);
    let opened = events.filter(|event| event["event"] == "activity_opened");
    opened.map(|event| short(event["activity"].as_str().unwrap()).to_owned()).collect()
}

fn short(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(_, short)| short)
}

/// Who has a role.
fn person(role: &str) -> &'static str {
    PEOPLE.iter().find(|(.., roles)| roles.split(", ").any(|one| one == role)).unwrap().0
}

impl Play<'_> {
    /// Somebody at the keyboard; false where the process was killed.
    fn act(&mut self, person: &str, words: &[&str]) -> bool {
        let mut command = self.office.command(person, words);
        if let Some(fault) = &self.fault {
            command.env("ESCLUSA_FAULT_KILL_AFTER_EVENT", fault);
        }
        let output = command.output().unwrap();
        if output.status.signal() == Some(9) {
            self.fault = None;
            return false;
        }
        let said = format!("{person} {words:?}: {}{}", text(&output.stderr), text(&output.stdout));
        if !matches!(output.status.code(), Some(0 | 10)) {
            // The run that was opened last tells why.
            let shown = self.office.try_as("ana", &["history", "--format", "json"]);
            let history: Json = serde_json::from_slice(&shown.stdout).unwrap_or_default();
            let last = history["runs"][0]["run"].as_str().unwrap_or_default().to_owned();
            let journal = text(&self.office.try_as("ana", &["show", &last]).stdout);
            let from = journal.find("JOURNAL").unwrap_or_default();
            panic!("{said}{}", &journal[from..]);
        }
        true
    }

    /// One person does one thing; false where nobody is waited for, and the run is only taken on.
    fn turn(&mut self) -> bool {
        let waiting = self.office.waiting();
        if let Some(gate) = waiting.iter().find(|item| item["kind"] == "gate") {
            self.decide(gate["run"].as_str().unwrap());
            return true;
        }
        // Of the runs that call one another the innermost waits for somebody.
        let Some(item) = waiting.last() else {
            let run = self.run.clone();
            self.act("luis", &["resume", &run]);
            return false;
        };
        let run = item["run"].as_str().unwrap().to_owned();
        if let Some(missing) = item["missing"][0].as_str() {
            self.act("ana", &["do", &run, "--except", missing, "--reason", "it is not needed here"]);
            return true;
        }
        let id = item["activity"].as_str().unwrap().to_owned();
        let events = self.office.json(&["show", &run])["journal"].as_array().unwrap().len();
        let words = self.words(&id);
        let words: Vec<&str> = ["do", &run].into_iter().chain(words.iter().map(String::as_str)).collect();
        let done = self.act(person(item["waits_for"][0].as_str().unwrap()), &words);
        // A killed process may or may not have recorded the answer; the run knows.
        if done || self.answered_since(&run, events, &id) {
            *self.turns.entry(id).or_default() += 1;
        }
        true
    }

    fn answered_since(&self, run: &str, events: usize, id: &str) -> bool {
        let shown = self.office.json(&["show", run]);
        let new = shown["journal"].as_array().unwrap()[events..].iter().map(|row| &row["event"]);
        let deeds = ["answered", "external_opened", "external_returned", "start_allowed"];
        new.filter(|event| event["activity"] == id)
            .any(|event| deeds.iter().any(|deed| event["event"] == *deed))
    }

    /// The director at a run's gate; then the professional takes the procedure on.
    fn decide(&mut self, run: &str) {
        // Why it was opened names the activity and the procedure's run.
        let why = self.office.json(&["show", run])["header"]["why"].as_str().unwrap().to_owned();
        let (activity, procedure) = why.split_once(": ").unwrap();
        let turn = self.turns.entry(activity.to_owned()).or_default();
        *turn += 1;
        let no = *turn == 1 && self.part.noes.contains(&activity);
        let decision = if no { "reject" } else { "approve" };
        let words = ["approve", run, "--decide", decision, "--reason", "it was read", "--key", "key-ana"];
        self.office.done_as("luis", &words);
        self.act("luis", &["resume", procedure]);
    }

    /// The flags with which an activity is done.
    fn words(&self, id: &str) -> Vec<String> {
        let activity = &self.activities[id];
        let turn = self.turns.get(id).copied().unwrap_or_default();
        let kind = activity["kind"].as_str().unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        if ["remote", "backup", "recovery", "call"].contains(&kind) {
            return Vec::new();
        }
        if kind == "external" && turn.is_multiple_of(2) {
            return words(&["--reference", "2026-118"]);
        }
        let mut said = words(&["--reason", "so it is"]);
        let targets = &activity["targets"];
        let branches = targets["branches"].as_object().is_some_and(|branches| !branches.is_empty());
        let no = turn == 0 && self.part.noes.contains(&id);
        if branches {
            said.extend(words(&["--answer", self.part.branch]));
        } else if targets["on_yes"].is_object() {
            said.extend(words(&["--answer", if no { "no" } else { "yes" }]));
        }
        if no {
            return said;
        }
        let mut packages = false;
        for field in activity["fields"].as_array().unwrap() {
            let (name, kind) = (field["name"].as_str().unwrap(), field["kind"].as_str().unwrap());
            packages |= kind == "package";
            let given = self.part.fields.iter().find(|(given, _)| *given == name);
            let value = match given {
                Some((_, value)) => (*value).to_owned(),
                // The run that called this one is the approval.
                None if field["optional"] == true || kind == "approval" => continue,
                None => self.something(kind),
            };
            said.extend(["--field".to_owned(), format!("{name}={value}")]);
        }
        if activity["search"].is_string() {
            said.extend(words(&["--search", "notes library"]));
        } else if packages || activity["files"] != 0 {
            said.extend(words(&["--attach", "paper.txt"]));
        }
        said
    }

    /// A value that fits a field.
    fn something(&self, kind: &str) -> String {
        let paper = fs::read(self.office.folder.path().join("paper.txt")).unwrap();
        match kind {
            "number" => "3".to_owned(),
            "date" => "2026-11-25".to_owned(),
            "url" => "https://example.org/notes".to_owned(),
            "licence" => "MIT".to_owned(),
            "system" | "secret" => "notes".to_owned(),
            "package" => Digest::of(&paper).to_string(),
            _ => "as agreed".to_owned(),
        }
    }
}
