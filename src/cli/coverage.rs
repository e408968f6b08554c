//! `esclusa coverage`: how each activity of a procedure's run stands, and by which way it led on.

mod system;

use super::{
    CliError, Format, Global, Terminal,
    procedural::{self, Standing, is_one},
    records::{Door, Records},
};
use crate::{
    model::{ExitCode, Language, PersonName},
    procedure::{self, Covered, Standing as How},
    report::{
        escape, graph,
        language::{documents, procedures as say, records as common},
        lines::Lines,
        moment,
    },
};
use clap::Args;
use serde_json::{Value as Json, json};

/// Columns of an activity's id.
const ID_COLUMNS: usize = 12;

/// Arguments of `esclusa coverage`.
#[derive(Args)]
pub struct CoverageArgs {
    /// The procedure's run: its id, the first characters of it, or `latest`
    #[arg(required_unless_present = "system")]
    run: Option<String>,
    /// All procedures of a system: the newest run of each; `-v` shows every activity
    #[arg(long, value_name = "SYSTEM", conflicts_with = "run")]
    system: Option<String>,
    #[command(flatten)]
    door: Door,
}

/// Performs `esclusa coverage`: fails while something is missing.
pub async fn coverage(
    global: &Global,
    terminal: &Terminal,
    args: CoverageArgs,
) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let language = records.language(terminal, None);
    if let Some(name) = &args.system {
        return system::coverage(&records, terminal, name).await;
    }
    let row = procedural::find_as(&records.store, args.run.as_deref().unwrap_or("latest"), language).await?;
    if !is_one(&row) {
        return Err(CliError::input(format!("run {} is no procedure's", row.new.id))
            .hint(format!("see it with `esclusa show {}`", row.new.id)));
    }
    let standing = Standing::load(&records.store, &row.new.id).await?;
    let covered = procedure::coverage(&standing.stored.run);
    let counts = Counts::of(&covered);
    let code = if counts.is_complete() { ExitCode::Done } else { ExitCode::Failed };
    if terminal.format == Format::Json {
        let activities: Vec<_> = covered.iter().map(|one| document(one, &standing)).collect();
        terminal.json(&json!({
            "run": row.new.id, "complete": counts.is_complete(), "missing": counts.missing,
            "counts": counts.document(), "activities": activities,
        }));
        return Ok(code);
    }
    let mut lines = Lines::default();
    lines.title(&standing.title(language));
    lines.pair(&common::run_label(language), row.new.id.as_str());
    lines.pair(&common::state_label(language), &standing.state(language));
    lines.pair(&documents::counts_label(language), &counts.words(language));
    lines.heading(&documents::counts_label(language));
    for one in &covered {
        describe(one, &standing, &records, language, &mut lines);
        for digest in &one.evidence {
            let made = one.documents.iter().find(|made| made.digest == *digest);
            let name = made.map(|made| format!("{}: ", documents::form(made.form, language)));
            lines.named("", ID_COLUMNS, &format!("{}sha256 {digest}", name.unwrap_or_default()));
        }
        for run in &one.runs {
            lines.named("", ID_COLUMNS, &format!("esclusa show {run}"));
        }
    }
    lines.heading(&match (counts.missing, counts.ahead()) {
        (0, 0) => say::complete(language, counts.taken()),
        (0, ahead) => say::goes_on(language, ahead),
        (missing, _) => say::incomplete(language, missing),
    });
    terminal.result(&lines.text());
    Ok(code)
}

/// How many activities stand how.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    done: usize,
    attested: usize,
    excepted: usize,
    failed: usize,
    missing: usize,
    open: usize,
    not_reached: usize,
    not_taken: usize,
}

impl Counts {
    fn of(covered: &[Covered]) -> Self {
        let mut counts = Self::default();
        for one in covered {
            *match one.standing {
                How::Done => &mut counts.done,
                How::Attested { .. } => &mut counts.attested,
                How::Excepted { .. } => &mut counts.excepted,
                How::Failed => &mut counts.failed,
                How::Missing => &mut counts.missing,
                How::Open => &mut counts.open,
                How::NotReached => &mut counts.not_reached,
                How::NotTaken => &mut counts.not_taken,
            } += 1;
        }
        counts
    }

    /// Open, or on a way that may still be taken.
    fn ahead(&self) -> usize {
        self.open + self.not_reached
    }

    /// What the way that was taken came by.
    fn taken(&self) -> usize {
        self.done + self.attested + self.excepted + self.failed
    }

    fn is_complete(&self) -> bool {
        self.missing + self.ahead() == 0
    }

    fn words(&self, language: Language) -> String {
        let Self { done, attested, excepted, failed, missing, .. } = *self;
        let counts = documents::counts(language, done, attested, excepted, failed, missing);
        match self.ahead() {
            0 => counts,
            _ => documents::counts_ahead(language, counts, self.open, self.not_reached),
        }
    }

    fn document(&self) -> Json {
        json!({
            "done": self.done, "attested": self.attested, "excepted": self.excepted, "failed": self.failed,
            "missing": self.missing, "open": self.open, "not_reached": self.not_reached,
            "not_taken": self.not_taken,
        })
    }
}

/// An activity's line: what it is called, and how it stands.
fn describe(one: &Covered, standing: &Standing, records: &Records, language: Language, lines: &mut Lines) {
    let activity = standing.stored.run.procedure.activity(&one.activity);
    let title = activity.map_or("", |activity| activity.text.of(language));
    let how = escape::capped(&words(one, standing, records, language), 400);
    lines.named(one.activity.as_str(), ID_COLUMNS, &format!("{}: {how}", escape::capped(title, 200)));
}

/// How an activity stands, and by which of its ways it led on where it has several.
fn words(one: &Covered, standing: &Standing, records: &Records, language: Language) -> String {
    let how = standing_words(one, records, language);
    let activity = standing.stored.run.procedure.activity(&one.activity);
    let asked = matches!(one.standing, How::Done | How::Attested { .. } | How::Failed | How::Excepted { .. });
    let way = activity.zip(one.took.as_ref()).filter(|_| asked);
    match way.map(|(activity, took)| graph::way(activity, took, language)) {
        Some(way) if !way.is_empty() => say::led_on(language, how, way),
        _ => how,
    }
}

fn standing_words(one: &Covered, records: &Records, language: Language) -> String {
    let name = |name: &PersonName| match &records.people {
        Some(people) => super::history::full_name(people, name.as_str()),
        None => name.to_string(),
    };
    match &one.standing {
        How::Done => say::standing_done(language),
        How::Attested { by, signed } => {
            let names = by.iter().map(name).collect::<Vec<_>>().join(", ");
            match signed {
                true => say::standing_attested(language, names, say::signed(language)),
                false => say::standing_attested(language, names, say::unsigned(language)),
            }
        }
        How::Excepted { by, why, until: None } => say::standing_excepted(language, name(by), why),
        How::Excepted { by, why, until: Some(until) } => {
            let until = moment::words(*until, &records.zone, language);
            say::standing_excepted_until(language, name(by), until, why)
        }
        How::Failed => say::standing_failed(language),
        // What was left by its way and is missing all the same has failed there.
        How::Missing if one.took.is_some() => say::standing_missing_failed(language),
        How::Missing => say::standing_missing(language),
        How::Open => say::standing_open(language),
        How::NotReached => say::standing_not_reached(language),
        How::NotTaken => say::standing_not_taken(language),
    }
}

fn document(one: &Covered, standing_of_run: &Standing) -> Json {
    let activity = standing_of_run.stored.run.procedure.activity(&one.activity);
    let signed = match &one.standing {
        How::Attested { signed, .. } => Some(*signed),
        _ => None,
    };
    let (standing, by, why, until) = match &one.standing {
        How::Done => ("done", Vec::new(), None, None),
        How::Attested { by, .. } => ("attested", by.clone(), None, None),
        How::Excepted { by, why, until } => ("excepted", vec![by.clone()], Some(why), *until),
        How::Failed => ("failed", Vec::new(), None, None),
        How::Missing => ("missing", Vec::new(), None, None),
        How::Open => ("open", Vec::new(), None, None),
        How::NotReached => ("not_reached", Vec::new(), None, None),
        How::NotTaken => ("not_taken", Vec::new(), None, None),
    };
    json!({
        "activity": one.activity, "text": activity.map(|activity| &activity.text), "standing": standing,
        "led_on_by": one.took, "by": by, "signed": signed, "why": why,
        "until": until.map(|at| at.to_string()), "evidence": one.evidence,
        "documents": one.documents, "runs": one.runs,
    })
}
