//! `esclusa coverage`: each activity of a procedure's run: done, attested, excepted or missing.

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
        escape,
        language::{documents, procedures as say},
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
    let row = procedural::find(&records.store, args.run.as_deref().unwrap_or("latest")).await?;
    if !is_one(&row) {
        return Err(CliError::input(format!("run {} is no procedure's", row.new.id))
            .hint(format!("see it with `esclusa show {}`", row.new.id)));
    }
    let standing = Standing::load(&records.store, &row.new.id).await?;
    let covered = procedure::coverage(&standing.stored.run);
    let missing = covered.iter().filter(|one| one.standing == How::Missing).count();
    let code = if missing == 0 { ExitCode::Done } else { ExitCode::Failed };
    if terminal.format == Format::Json {
        let activities: Vec<_> = covered.iter().map(document).collect();
        terminal.json(&json!({
            "run": row.new.id, "complete": missing == 0, "missing": missing, "activities": activities,
        }));
        return Ok(code);
    }
    let mut lines = Lines::default();
    lines.title(&standing.title(language));
    for one in &covered {
        let how = words(one, &records, language);
        lines.named(one.activity.as_str(), ID_COLUMNS, &escape::capped(&how, 400));
        for digest in &one.evidence {
            let made = one.documents.iter().find(|made| made.digest == *digest);
            let name = made.map(|made| format!("{}: ", documents::form(made.form, language)));
            lines.named("", ID_COLUMNS, &format!("{}sha256 {digest}", name.unwrap_or_default()));
        }
        for run in &one.runs {
            lines.named("", ID_COLUMNS, &format!("esclusa show {run}"));
        }
    }
    lines.heading(&match missing {
        0 => say::complete(language, covered.iter().filter(|one| one.standing != How::NotTaken).count()),
        _ => say::incomplete(language, missing),
    });
    terminal.result(&lines.text());
    Ok(code)
}

fn words(one: &Covered, records: &Records, language: Language) -> String {
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
        How::Missing => say::standing_missing(language),
        How::NotTaken => say::standing_not_taken(language),
    }
}

fn document(one: &Covered) -> Json {
    let signed = match &one.standing {
        How::Attested { signed, .. } => Some(*signed),
        _ => None,
    };
    let (standing, by, why, until) = match &one.standing {
        How::Done => ("done", Vec::new(), None, None),
        How::Attested { by, .. } => ("attested", by.clone(), None, None),
        How::Excepted { by, why, until } => ("excepted", vec![by.clone()], Some(why), *until),
        How::Missing => ("missing", Vec::new(), None, None),
        How::NotTaken => ("not_taken", Vec::new(), None, None),
    };
    json!({
        "activity": one.activity, "standing": standing, "by": by, "signed": signed, "why": why,
        "until": until.map(|at| at.to_string()), "evidence": one.evidence,
        "documents": one.documents, "runs": one.runs,
    })
}
