//! Reading a procedure.

use super::{
    Activity, ActivityId, ActivityKind, Attempts, FieldKind, FieldSpec, Finding, Form, Procedure, SEARCH,
    Search, Target, Targets, Text, Work, lint::Scope, part,
};
use crate::{
    document::{self, Decoder, Diagnostic, Diagnostics, Field, Files, Kind, Node, Shape, Source},
    model::{EnvironmentKind, People, Role},
};
use std::collections::{BTreeMap, BTreeSet};

const TEXT: Shape = Shape::new(
    "text",
    "A text in both languages.",
    &[Field::required("es", Kind::Text, "In Spanish."), Field::required("en", Kind::Text, "In English.")],
);

const ATTEMPTS: Shape = Shape::new(
    "limit",
    "How often an activity may lead back.",
    &[
        Field::required(
            "limit",
            Kind::Integer(1, 20),
            "How many noes, or openings of an activity without `on_no`.",
        ),
        Field::required("then", Kind::Text, "The activity that opens in place of one more."),
    ],
);

const FIELD: Shape = Shape::new(
    "field",
    "What is asked for in a request.",
    &[
        Field::required("name", Kind::Name, "Its name."),
        Field::optional("kind", Kind::Word(FieldKind::WORDS), "What it holds, `text` by default."),
        Field::required("text", Kind::Shape(&TEXT), "What people are asked."),
        Field::optional("optional", Kind::Bool, "Whether it may be left out, `false` by default."),
        Field::optional("choices", Kind::List(&Kind::Name), "The only values of a choice."),
    ],
);

/// The shape of an activity.
pub const ACTIVITY: Shape = Shape::new(
    "activity",
    "One activity of a procedure.",
    &[
        Field::required("id", Kind::Name, "Its number, with a letter where one number is several: `10b`."),
        Field::required("kind", Kind::Word(ActivityKind::WORDS), "What it is."),
        Field::required("text", Kind::Shape(&TEXT), "What is done."),
        Field::optional("roles", Kind::List(&Kind::Name), "Who is responsible: any one of them."),
        Field::optional("signers", Kind::List(&Kind::Name), "Roles of which each must sign."),
        Field::optional("signed", Kind::Bool, "Whether answers are signed, `false` by default."),
        Field::optional("started_by", Kind::List(&Kind::Name), "Roles of which one must start the run."),
        Field::optional("next", Kind::Text, "What follows when it is done."),
        Field::optional("on_yes", Kind::Text, "What follows a yes."),
        Field::optional("on_no", Kind::Text, "What follows a no, bad checks or a failed run."),
        Field::optional("branches", Kind::Named(&Kind::Text), "What follows, by the word answered."),
        Field::optional("of", Kind::List(&Kind::Text), "What must have ended well before a yes."),
        Field::optional("attempts", Kind::Shape(&ATTEMPTS), "How often it may lead back."),
        Field::optional("covers", Kind::List(&Kind::Text), "Numbers that it stands for too."),
        Field::optional("evidence", Kind::Shape(&TEXT), "What evidence is wanted."),
        Field::optional("files", Kind::Integer(0, 20), "Fewest files of evidence, 0 by default."),
        Field::optional("fields", Kind::List(&Kind::Shape(&FIELD)), "What a request asks for."),
        Field::optional("process", Kind::Name, "The process of the institution that is opened."),
        Field::optional("returns", Kind::Shape(&TEXT), "What must come back from it."),
        Field::optional("playbook", Kind::Text, "The playbook that runs: `{{ system }}/update`."),
        Field::optional(
            "run",
            Kind::Name,
            "The run of which it is a stage: activities with the same word share one.",
        ),
        Field::optional(
            "accepts",
            Kind::List(&Kind::Name),
            "Runs that end well when this is answered with yes.",
        ),
        Field::optional("from", Kind::Text, "The activity whose run took the backup that is put back."),
        Field::optional("phase", Kind::Texts, "Phases of that playbook; all of it by default."),
        Field::optional("environment", Kind::Word(EnvironmentKind::WORDS), "Where."),
        Field::optional("checks", Kind::List(&Kind::Name), "Groups of checks, all by default."),
        Field::optional("max_age", Kind::Duration, "A verified backup that is younger will do."),
        Field::optional("deadline", Kind::Duration, "When it should be done, from its opening."),
        Field::optional("remind", Kind::Duration, "How often those who must act are reminded."),
        Field::optional("search", Kind::Word(Search::WORDS), "What must be searched before the answer."),
        Field::optional("documents", Kind::List(&Kind::Word(Form::WORDS)), "Documents that it makes."),
        Field::optional("outcome", Kind::Name, "How the procedure ended, at an end: `done` by default."),
        Field::optional("again", Kind::Text, "Where the next run begins, at an end."),
    ],
);

/// The shape of a procedure. Activities are held against their own shape.
pub const PROCEDURE: Shape = Shape::new(
    "procedure",
    "A graph of activities with responsible roles.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::required("kind", Kind::Word(&["procedure"]), "`procedure`."),
        Field::optional("code", Kind::Text, "The document's code."),
        Field::optional("version", Kind::Text, "The document's version."),
        Field::required("number", Kind::Name, "The procedure's number in the document: `3.2.5`."),
        Field::required("title", Kind::Shape(&TEXT), "What it is called."),
        Field::required("roles", Kind::Named(&Kind::Shape(&TEXT)), "The roles that activities name."),
        Field::optional("processes", Kind::Named(&Kind::Shape(&TEXT)), "Other processes that are opened."),
        Field::optional("exceptions", Kind::List(&Kind::Name), "Roles that may grant exceptions."),
        Field::required("activities", Kind::List(&Kind::Any), "The activities, and `use` of parts."),
    ],
);

/// A procedure with its sources.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The procedure.
    pub procedure: Procedure,
    /// Its file, then those of its parts.
    pub sources: Vec<Source>,
    /// How much of it could be read.
    pub reading: Reading,
}

/// How much of a procedure's text could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Nothing is wrong with the text.
    pub whole: bool,
    /// Every activity is there, be it with faults.
    pub every_activity: bool,
    /// Activities with faults in their text.
    pub unclear: BTreeSet<ActivityId>,
}

impl Parsed {
    /// A finding as a diagnostic with its source line.
    #[must_use]
    pub fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        self.at(&finding.file, finding.line, finding.message.clone()).help(&finding.help)
    }

    /// What is wrong with the graph, as far as it does not hang on what could not be read.
    #[must_use]
    pub fn findings(&self, people: Option<&People>) -> Vec<Diagnostic> {
        let reading = &self.reading;
        let clear = |finding: &Finding| {
            reading.whole
                || finding.activity.as_ref().is_none_or(|activity| !reading.unclear.contains(activity))
                    && match finding.rule.scope() {
                        Scope::Activity => true,
                        Scope::Activities => reading.every_activity,
                        Scope::Graph => false,
                    }
        };
        let found = super::lint(&self.procedure, people);
        found.iter().filter(|finding| clear(finding)).map(|finding| self.diagnostic(finding)).collect()
    }

    /// An error at a line of the procedure's files.
    #[must_use]
    pub fn at(&self, file: &str, line: usize, message: String) -> Diagnostic {
        match self.sources.iter().find(|source| source.path() == file) {
            Some(source) => Diagnostic::error(source, line_span(source, line), message),
            None => Diagnostic::about_file(file, message),
        }
    }
}

fn line_span(source: &Source, line: usize) -> document::Span {
    let mut start = 0;
    for (at, text) in source.text().split_inclusive('\n').enumerate() {
        let shown = text.trim_end();
        if at + 1 == line {
            let indent = shown.len() - shown.trim_start().len();
            return document::Span { start: start + indent, end: start + shown.len() };
        }
        start += text.len();
    }
    document::Span::default()
}

/// Reads a procedure with the parts that it uses; everything that is wrong with the text goes to
/// `diagnostics`. What is wrong with the graph is for [`super::lint()`].
pub fn parse_procedure(source: &Source, files: &dyn Files, diagnostics: &mut Diagnostics) -> Option<Parsed> {
    read_procedure(source, files, diagnostics).filter(|parsed| parsed.reading.whole)
}

/// The same, as far as it can be read: what is wrong in one place must not hide what is wrong in another.
/// `diagnostics` holds nothing else yet.
pub fn read_procedure(source: &Source, files: &dyn Files, diagnostics: &mut Diagnostics) -> Option<Parsed> {
    let (node, _) = document::open(source, &PROCEDURE, diagnostics)?;
    let number = node.text("number").unwrap_or_default();
    let mut collector = part::Collector::new(files, diagnostics);
    collector.list(source, &node);
    let part::Collector { found, mut sources, lost, .. } = collector;
    let mut reading = Reading { every_activity: !lost, ..Reading::default() };
    let mut activities: Vec<Activity> = Vec::new();
    for (source, node) in &found {
        let mut decoder = Decoder::new(source, diagnostics);
        decoder.shape(node, &ACTIVITY);
        let Some(activity) = activity(source, node, &number) else {
            reading.every_activity = false;
            continue;
        };
        belongs(&mut decoder, node, &activity);
        if let Some(first) = activities.iter().find(|known| known.id == activity.id) {
            let span = node.get("id").map_or(node.span, |id| id.span);
            let help = format!("the first one is at {}", first.place());
            decoder.error(span, format!("the id `{}` is there twice", activity.id), help);
        }
        if let Some(signed) = node.get("signed").filter(|_| activity.signed && !activity.kind.needs_role()) {
            let message = format!("nobody answers an activity of kind `{}`, so nobody signs", activity.kind);
            decoder.error(signed.span, message, "remove `signed`");
        }
        if diagnostics.has_errors_within(source.path(), node.span) {
            reading.unclear.insert(activity.id.clone());
        }
        activities.push(activity);
    }
    sources.insert(0, source.clone());
    let faulty = sources.iter().any(|source| diagnostics.has_errors_in(source.path()));
    reading.whole = !lost && !faulty;
    let procedure = Procedure {
        path: source.path().to_owned(),
        code: node.text("code"),
        version: node.text("version"),
        number,
        title: text(&node, "title").unwrap_or_default(),
        roles: named(&node, "roles")
            .filter_map(|(name, text)| Some((Role::parse(name).ok()?, text)))
            .collect(),
        processes: named(&node, "processes").map(|(name, text)| (name.to_owned(), text)).collect(),
        exceptions: roles(&node, "exceptions"),
        activities,
    };
    Some(Parsed { procedure, sources, reading })
}

/// Records keys that mean nothing on an activity of this kind.
fn belongs(decoder: &mut Decoder<'_>, node: &Node, activity: &Activity) {
    let kind = activity.kind;
    if let Some(at) = node.get("documents")
        && !matches!(kind, ActivityKind::Record | ActivityKind::Deliver | ActivityKind::Incident)
    {
        let help = "`record`, `deliver` and `incident` make documents";
        decoder.error(at.span, format!("an activity of kind `{kind}` makes no documents"), help);
    }
    if let Some(at) = node.get("search") {
        if kind.work() != Work::Person {
            let help = "a search belongs to what a person answers: `attest`, `decision`";
            decoder.error(at.span, format!("nobody searches in an activity of kind `{kind}`"), help);
        }
        if activity.fields.iter().any(|spec| spec.name == SEARCH) {
            let message = format!("the field `{SEARCH}` holds what the search finds");
            decoder.error(at.span, message, "give the field another name");
        }
    }
}

fn named<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = (&'a str, Text)> {
    // A name that is explained badly is explained: it is not unknown too.
    node.entries_of(key).iter().map(|(name, text)| (name.text.as_str(), read_text(text).unwrap_or_default()))
}

fn text(node: &Node, key: &str) -> Option<Text> {
    read_text(node.get(key)?)
}

fn read_text(node: &Node) -> Option<Text> {
    Some(Text { es: node.text("es")?, en: node.text("en")? })
}

fn roles(node: &Node, key: &str) -> Vec<Role> {
    node.texts(key).iter().filter_map(|role| Role::parse(role).ok()).collect()
}

fn activity(source: &Source, node: &Node, number: &str) -> Option<Activity> {
    let line = |node: &Node| source.line_column(node.span.start).0;
    let target_of =
        |node: &Node| Some(Target { to: ActivityId::of(number, node.scalar()?), line: line(node) });
    let target = |node: &Node, key: &str| node.get(key).and_then(target_of);
    let ids = |key: &str| node.texts(key).iter().map(|id| ActivityId::of(number, id)).collect();
    let branches: BTreeMap<String, Target> = node
        .entries_of("branches")
        .iter()
        .filter_map(|(word, node)| Some((word.text.clone(), target_of(node)?)))
        .collect();
    let attempts = node
        .get("attempts")
        .and_then(|node| Some(Attempts { limit: node.number("limit")?, then: target(node, "then")? }));
    let fields = node.get("fields").map(Node::items).unwrap_or_default();
    let kind = ActivityKind::parse(&node.text("kind")?)?;
    let mut documents: Vec<Form> = Vec::new();
    for form in node.texts("documents").iter().filter_map(|word| Form::parse(word)) {
        if !documents.contains(&form) {
            documents.push(form);
        }
    }
    if kind == ActivityKind::Deliver && node.get("documents").is_none() {
        documents.push(Form::DeliveryAct);
    }
    Some(Activity {
        id: ActivityId::of(number, &node.text("id")?),
        kind,
        text: text(node, "text").unwrap_or_default(),
        roles: roles(node, "roles"),
        signers: roles(node, "signers"),
        signed: node.boolean("signed").unwrap_or(false),
        started_by: roles(node, "started_by"),
        targets: Targets {
            next: target(node, "next"),
            on_yes: target(node, "on_yes"),
            on_no: target(node, "on_no"),
            branches,
        },
        of: ids("of"),
        attempts,
        covers: ids("covers"),
        evidence: text(node, "evidence"),
        files: node.number("files").unwrap_or(0),
        fields: fields.iter().filter_map(field).collect(),
        process: node.text("process"),
        returns: text(node, "returns"),
        run: node.text("run"),
        accepts: node.texts("accepts"),
        from: node.text("from").map(|id| ActivityId::of(number, &id)),
        playbook: node.text("playbook"),
        phases: node.texts("phase"),
        environment: node.text("environment").and_then(|word| EnvironmentKind::parse(&word)),
        checks: node.texts("checks"),
        max_age_seconds: node.duration_seconds("max_age"),
        deadline_seconds: node.duration_seconds("deadline"),
        remind_seconds: node.duration_seconds("remind").filter(|seconds| *seconds > 0),
        search: node.text("search").and_then(|word| Search::parse(&word)),
        documents,
        outcome: node.text("outcome"),
        again: target(node, "again"),
        file: source.path().to_owned(),
        line: node.get("id").map_or(1, line),
    })
}

fn field(node: &Node) -> Option<FieldSpec> {
    let kind = node.text("kind").map_or(Some(FieldKind::Text), |word| FieldKind::parse(&word))?;
    Some(FieldSpec {
        name: node.text("name")?,
        kind,
        text: text(node, "text")?,
        optional: node.boolean("optional").unwrap_or(false),
        choices: node.texts("choices"),
    })
}
