//! What documents are made of: plain values, in the words in which they are shown.
//!
//! Moments are in the institution's zone, names are people's full names, and what is not known is
//! empty. Lists are in the order of time.

use serde::Serialize;

/// Everything that a document can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What the activity is.
    pub title: String,
    /// Its id.
    pub activity: String,
    /// The document's code: `TI-P01`.
    pub code: String,
    /// Its version.
    pub version: String,
    /// The procedure's number.
    pub number: String,
    /// What it is called.
    pub procedure: String,
    /// SHA-256 of the procedure as it was read.
    pub digest: String,
    /// The run.
    pub run: String,
    /// When the document was made.
    pub made: String,
    /// Who asked for the run.
    pub requester: String,
    /// Why.
    pub reason: String,
    /// When it was opened.
    pub opened: String,
    /// What happened to the system, in a word: an update, an installation.
    pub what: String,
    /// The version that was there.
    pub from: String,
    /// The version that is there.
    pub to: String,
    /// The system.
    pub system: System,
    /// What requests asked and were given.
    pub fields: Vec<Named>,
    /// Who takes part, by role.
    pub parties: Vec<Party>,
    /// Where it runs.
    pub places: Vec<Place>,
    /// What was tested.
    pub tests: Vec<Test>,
    /// What went wrong.
    pub troubles: Vec<Trouble>,
    /// What was approved or rejected.
    pub approvals: Vec<Approval>,
    /// Runs that were called.
    pub calls: Vec<Called>,
    /// The last verified backup of production.
    pub backup: Option<Copy>,
    /// What was put back.
    pub reversals: Vec<Reversal>,
    /// What was left out.
    pub exceptions: Vec<Exception>,
    /// Documents that were made, and files that were handed in.
    pub evidence: Vec<Evidence>,
    /// What was done.
    pub deeds: Vec<Deed>,
    /// Changes of the system before the first failure.
    pub changes: Vec<Change>,
    /// Who was told.
    pub told: Vec<Told>,
}

/// A system as its data sheet describes it; only a name where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct System {
    /// Its name.
    pub name: String,
    /// Its name as people write it.
    pub title: String,
    /// What it is for.
    pub objective: String,
    /// Where it comes from, as the file says it: `open-source`.
    pub origin: String,
    /// SPDX expression.
    pub licence: String,
    /// Services.
    pub services: Vec<String>,
    /// Units.
    pub units: Vec<String>,
    /// The person who answers for it.
    pub owner: String,
    /// The unit that does.
    pub owner_unit: String,
    /// Where mail goes.
    pub owner_mail: String,
    /// SHA-256 of the data sheet's file.
    pub digest: String,
}

/// A name and its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// What was asked.
    pub name: String,
    /// What was given.
    pub value: String,
}

/// Who takes part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Party {
    /// The role's title.
    pub role: String,
    /// Who has it.
    pub names: Vec<String>,
    /// Whether this party receives what the others deliver.
    pub receives: bool,
}

/// An environment and what was last seen there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its name.
    pub environment: String,
    /// Its servers with their addresses.
    pub servers: Vec<String>,
    /// The version that the last run left there.
    pub version: String,
    /// That run.
    pub run: String,
    /// When it ended.
    pub at: String,
}

/// One asking of checks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Test {
    /// The activity, or the run's.
    pub activity: String,
    /// What the activity is.
    pub what: String,
    /// Where.
    pub environment: String,
    /// When.
    pub at: String,
    /// Whether all of it was good.
    pub good: bool,
    /// By check and server.
    pub findings: Vec<Finding>,
    /// Findings that are left out because there are too many.
    pub more: usize,
}

/// A check on a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub check: String,
    /// The server.
    pub server: String,
    /// `good`, `bad` or `unknown`.
    pub verdict: String,
    /// By expectation.
    pub lines: Vec<Line>,
}

/// An expectation and what was measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The value's name; empty in what earlier versions recorded as one sentence.
    pub value: String,
    /// What was measured, or that sentence.
    pub found: String,
    /// Its unit.
    pub unit: String,
    /// What was wanted.
    pub wanted: String,
    /// Where the figure comes from.
    pub source: String,
    /// `good`, `bad` or `unknown`.
    pub verdict: String,
}

/// What went wrong and what answered it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// When.
    pub at: String,
    /// The activity.
    pub activity: String,
    /// Where else: a run, a server and a step, a check.
    pub place: String,
    /// What.
    pub what: String,
    /// What people said and did afterwards, until it went well.
    pub answers: Vec<String>,
    /// When it went well; empty where it has not.
    pub solved: String,
}

/// A decision at a gate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// When.
    pub at: String,
    /// At which activity, or of which run.
    pub activity: String,
    /// What was decided about.
    pub what: String,
    /// Who.
    pub person: String,
    /// In which role.
    pub role: String,
    /// Whether it was approved.
    pub approved: bool,
    /// Why.
    pub reason: String,
}

/// A run that was called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Called {
    /// The activity that called it.
    pub activity: String,
    /// What the activity is.
    pub what: String,
    /// The run.
    pub run: String,
    /// What it ran.
    pub playbook: String,
    /// Where.
    pub environment: String,
    /// Which version.
    pub version: String,
    /// Whether it ended well.
    pub good: bool,
    /// How it ended, in its own words.
    pub end: String,
    /// When it was opened.
    pub at: String,
    /// The backup that it took.
    pub backup: String,
    /// How long services were stopped.
    pub outage: String,
}

/// A verified backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// Its id.
    pub id: String,
    /// Where.
    pub environment: String,
    /// When it was taken.
    pub taken: String,
    /// When it was last read back.
    pub verified: String,
    /// Its size.
    pub size: String,
    /// SHA-256 of its manifest.
    pub manifest: String,
}

/// A restore.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reversal {
    /// When it began.
    pub at: String,
    /// The activity.
    pub activity: String,
    /// The run.
    pub run: String,
    /// Where.
    pub environment: String,
    /// The backup that was put back.
    pub backup: String,
    /// When that was taken.
    pub taken: String,
    /// The copy of what was there before.
    pub safety: String,
    /// What was put back.
    pub items: Vec<String>,
    /// Why.
    pub why: String,
    /// How long it took.
    pub took: String,
    /// Whether it ended well.
    pub good: bool,
}

/// An activity that was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// Which.
    pub activity: String,
    /// What it is.
    pub what: String,
    /// Who granted it.
    pub person: String,
    /// Why.
    pub why: String,
    /// Until when.
    pub until: String,
}

/// A file with its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The activity.
    pub activity: String,
    /// What it is.
    pub what: String,
    /// SHA-256.
    pub digest: String,
}

/// A line of what was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// When.
    pub at: String,
    /// What.
    pub words: String,
}

/// A change of the system by an earlier run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When it ended.
    pub at: String,
    /// The run.
    pub run: String,
    /// What it ran.
    pub playbook: String,
    /// Where.
    pub environment: String,
    /// Who asked.
    pub person: String,
    /// Whether it ended well.
    pub good: bool,
}

/// A notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// When.
    pub at: String,
    /// The activity.
    pub activity: String,
    /// What it is.
    pub what: String,
    /// Who.
    pub names: Vec<String>,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The words that were searched for, as they were written.
    pub words: String,
    /// How many data sheets were searched.
    pub sheets: usize,
    /// SHA-256 of the catalogue as it was.
    pub digest: String,
    /// What was found, the best first.
    pub matches: Vec<Match>,
    /// Data sheets that could not be read.
    pub unreadable: Vec<String>,
}

/// A system that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Its name.
    pub system: String,
    /// Its name as people write it.
    pub title: String,
    /// Its licence.
    pub licence: String,
    /// Who answers for it.
    pub owner: String,
    /// What matched: the part in people's words, and its text.
    pub matched: Vec<Named>,
}
