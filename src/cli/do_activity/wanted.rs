//! What an activity takes: shown when somebody asks, and when what they gave does not fit.

use super::super::{CliError, procedural::asks_reason};
use crate::{
    executor::procedure::Deed,
    model::Language,
    procedure::{Activity, Answer, Effect, FieldFault, FieldKind, FieldSpec, SEARCH, field_faults, route},
    report::{escape, language::wanted as say, roles as titled},
};
use serde_json::{Value as Json, json};

/// Longest word of a person's that a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// What an activity takes now.
pub struct Wanted<'a> {
    activity: &'a Activity,
    part: Part,
    /// Somebody has signed already, with the files and the search that all of them sign.
    further: bool,
}

/// What is waited for at an activity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// An answer to it.
    Answer,
    /// Only that somebody lets it start.
    Start,
    /// Another process, which has a number.
    Opening,
    /// What comes back from that process.
    Return,
}

impl<'a> Wanted<'a> {
    /// What the open activity takes; nothing where nobody is waited for.
    pub fn at(activity: &'a Activity, effect: &Effect, further: bool) -> Option<Self> {
        let part = match effect {
            Effect::AskToStart { .. } => Part::Start,
            Effect::OpenExternal { .. } => Part::Opening,
            Effect::AwaitExternal { .. } => Part::Return,
            Effect::AskExceptions { .. } => return None,
            effect => effect.waits_for().map(|_| Part::Answer)?,
        };
        Some(Self { activity, part, further })
    }

    /// What a request takes before it is opened.
    pub fn of_request(activity: &'a Activity) -> Self {
        Self { activity, part: Part::Answer, further: false }
    }

    fn answers(&self) -> bool {
        matches!(self.part, Part::Answer | Part::Return)
    }

    fn takes_fields(&self) -> bool {
        self.part == Part::Answer
    }

    /// Refuses a deed with everything that is missing, unknown or of another kind, and with what is taken.
    /// `called` says that who called the run has approved it.
    pub fn refuse(&self, deed: &Deed, called: bool, language: Language) -> Result<(), CliError> {
        let faults = self.faults(deed, called, language);
        let mut faults = faults.into_iter();
        let Some(first) = faults.next() else { return Ok(()) };
        let words = std::iter::once(first).chain(faults).collect::<Vec<_>>().join("; ");
        let error = CliError::input(format!("{}: {words}", say::not_complete(language, &self.activity.id)));
        Err(self.lines(language).into_iter().fold(error, CliError::hint))
    }

    fn faults(&self, deed: &Deed, called: bool, language: Language) -> Vec<String> {
        let mut faults = Vec::new();
        let no = deed.answer == Some(Answer::No);
        if self.part == Part::Opening && deed.reference.as_deref().is_none_or(|text| text.trim().is_empty()) {
            faults.push(say::reference_missing(language));
        }
        if self.answers() {
            match &deed.answer {
                Some(answer) if route::way_of(self.activity, answer).is_none() => {
                    faults.push(say::answer_unknown(language, shown(word(answer))));
                }
                None if !self.has_one_answer() => faults.push(say::answer_missing(language)),
                _ => {}
            }
            if (no || asks_reason(self.activity)) && deed.reason.trim().is_empty() {
                faults.push(say::reason_missing(language));
            }
        }
        if self.takes_fields() && !no {
            let approval = |fault: &FieldFault| {
                // What names an approval is looked up, and may be the caller's.
                let kind = |spec: &&FieldSpec| spec.name == fault.name() && spec.kind == FieldKind::Approval;
                self.activity.fields.iter().any(|spec| kind(&spec))
                    && (called || !matches!(fault, FieldFault::Missing(_)))
            };
            let found = field_faults(self.activity, &deed.fields);
            faults.extend(found.iter().filter(|fault| !approval(fault)).map(|one| field(one, language)));
        }
        if self.answers() && !no && !self.further {
            let searches = self.takes_fields() && self.activity.search.is_some();
            if searches && deed.fields.contains_key(SEARCH) {
                faults.push(say::search_by_hand(language));
            } else if searches && deed.search.is_none() {
                faults.push(say::search_missing(language));
            }
            // What a search finds is a file too.
            let files = deed.evidence.len() + usize::from(searches && deed.search.is_some());
            if files < self.activity.files {
                faults.push(say::files_missing(language, self.activity.files, files));
            }
        }
        faults
    }

    /// Whether the answer need not be said.
    fn has_one_answer(&self) -> bool {
        self.activity.targets.next.is_some() && words(self.activity).len() == 1
    }

    /// The options of the command line that say what is taken, one a line.
    pub fn lines(&self, language: Language) -> Vec<String> {
        let mut lines = Vec::new();
        let must = |needed: bool| if needed { say::required(language) } else { say::optional(language) };
        if self.part == Part::Opening {
            lines.push(format!("--reference NUMBER ({})", must(true)));
        }
        if self.answers() {
            if !self.has_one_answer() {
                lines.push(format!("--answer {} ({})", words(self.activity).join("|"), must(true)));
            }
            let needed = match self.activity.targets.on_no.is_some() {
                _ if asks_reason(self.activity) => must(true),
                true => say::required_for_no(language),
                false => must(false),
            };
            lines.push(format!("--reason TEXT ({needed})"));
        }
        if self.takes_fields() {
            for spec in &self.activity.fields {
                let kind = kind(spec.kind, &spec.choices, language);
                let text = escape::capped(spec.text.of(language), 200);
                lines.push(format!("--field {}=… ({}, {kind}): {text}", spec.name, must(!spec.optional)));
            }
            if self.activity.search.is_some() {
                lines.push(format!("--search WORDS ({})", must(true)));
            }
        }
        if self.answers() && self.activity.files > 0 {
            lines.push(format!("--attach FILE ({})", say::files_at_least(language, self.activity.files)));
        }
        lines
    }

    /// What is taken, as people read it.
    pub fn page(&self, language: Language) -> String {
        let lines = self.lines(language);
        let head = match lines.is_empty() {
            true => say::takes_nothing(language, &self.activity.id),
            false => say::takes(language, &self.activity.id),
        };
        let mut page = format!("{head}\n");
        for line in lines {
            for (at, part) in escape::wrap(&line, 76).into_iter().enumerate() {
                page.push_str(if at == 0 { "  " } else { "      " });
                page.push_str(&part);
                page.push('\n');
            }
        }
        page.push_str(&format!("{}: {}\n", say::who_label(language), responsible(self.activity, language)));
        page
    }

    /// The same for machines.
    pub fn document(&self) -> Json {
        let activity = self.activity;
        let fields = activity.fields.iter().filter(|_| self.takes_fields()).map(|spec| {
            json!({
                "name": spec.name, "kind": spec.kind, "text": spec.text, "required": !spec.optional,
                "choices": spec.choices,
            })
        });
        json!({
            "activity": activity.id, "kind": activity.kind, "text": activity.text,
            "roles": activity.answering(), "each_role": !activity.signers.is_empty(),
            "answers": if self.answers() { words(activity) } else { Vec::new() },
            "answer_required": self.answers() && !self.has_one_answer(),
            "reason_required": self.answers() && asks_reason(activity),
            "fields": fields.collect::<Vec<_>>(),
            "files": if self.answers() { activity.files } else { 0 },
            "search": self.takes_fields() && activity.search.is_some(),
            "reference": self.part == Part::Opening,
        })
    }
}

/// Who answers: any one of several roles, or each of them.
pub fn responsible(activity: &Activity, language: Language) -> String {
    let titles = activity.answering().iter().map(|role| titled::title(role, language));
    roles(titles, !activity.signers.is_empty(), language)
}

/// Roles of which any one is enough, or each is needed.
pub fn roles(titles: impl Iterator<Item = String>, each: bool, language: Language) -> String {
    let names: Vec<String> = titles.collect();
    match names.split_last() {
        None => "-".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) if each => say::each_of(language, others.join(", "), last),
        Some((last, others)) => say::any_of(language, others.join(", "), last),
    }
}

/// The words with which an activity can be answered.
fn words(activity: &Activity) -> Vec<String> {
    let targets = &activity.targets;
    let fixed = [("done", &targets.next), ("yes", &targets.on_yes), ("no", &targets.on_no)];
    let fixed = fixed.iter().filter(|(_, target)| target.is_some()).map(|(word, _)| (*word).to_owned());
    fixed.chain(targets.branches.keys().cloned()).collect()
}

fn word(answer: &Answer) -> &str {
    match answer {
        Answer::Done => "done",
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Choice(word) => word,
    }
}

fn shown(word: &str) -> String {
    escape::capped(word, SHOWN_CHARS_MAX)
}

fn field(fault: &FieldFault, language: Language) -> String {
    match fault {
        FieldFault::Missing(name) => say::field_missing(language, name),
        FieldFault::Unknown(name) => say::field_unknown(language, shown(name)),
        FieldFault::Wrong { name, kind: of, choices, given } => {
            let wanted = kind(*of, choices, language);
            match given {
                Some(given) => say::field_wrong_given(language, name, wanted, shown(given)),
                None => say::field_wrong(language, name, wanted),
            }
        }
    }
}

fn kind(kind: FieldKind, choices: &[String], language: Language) -> String {
    match kind {
        FieldKind::Text => say::kind_text(language),
        FieldKind::Number => say::kind_number(language),
        FieldKind::Date => say::kind_date(language),
        FieldKind::System => say::kind_system(language),
        FieldKind::Version => say::kind_version(language),
        FieldKind::Url => say::kind_url(language),
        FieldKind::Licence => say::kind_licence(language),
        FieldKind::Package => say::kind_package(language),
        FieldKind::Secret => say::kind_secret(language),
        FieldKind::Approval => say::kind_approval(language),
        FieldKind::Choice => say::kind_choice(language, choices.join(", ")),
    }
}
