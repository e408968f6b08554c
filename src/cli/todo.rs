//! `esclusa todo`: what waits for whoever calls, the oldest first.

use super::{
    CliError, Format, Global, Terminal,
    procedural::{Standing, is_one},
    records::{Door, Records},
};
use crate::{
    approval::{self, Verdict},
    executor::{procedure::roles_of, sheet::Asked},
    model::{ExitCode, Person, Timestamp},
    report::{
        escape,
        language::{procedures as say, records as common},
        lines::Lines,
        moment,
    },
    store::RunFilter,
};
use clap::Args;
use serde_json::json;

/// Arguments of `esclusa todo`.
#[derive(Args)]
pub struct TodoArgs {
    /// What waits for anybody
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    door: Door,
}

/// One thing that waits.
enum Item {
    Activity(Box<Standing>),
    Gate(Box<Asked>),
}

/// Performs `esclusa todo`.
pub async fn todo(global: &Global, terminal: &Terminal, args: TodoArgs) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let person = records.people.as_ref().and_then(|people| records.caller(people)).cloned();
    if person.is_none() && !args.all {
        let language = records.language(terminal, None);
        // A database alone does not say whose account or login it is: the people file does.
        return Err(match (&records.people, &records.login) {
            (None, _) => {
                CliError::input(say::todo_no_people(language)).hint(say::todo_no_people_hint(language))
            }
            (Some(_), Some(login)) => CliError::input(say::todo_stranger_login(language, login))
                .hint(say::todo_stranger_hint(language)),
            (Some(_), None) => CliError::input(say::todo_stranger(language, &records.account))
                .hint(say::todo_stranger_hint(language)),
        });
    }
    let language = records.language(terminal, person.as_ref());
    let person = person.filter(|_| !args.all);
    let items = waiting(&records, person.as_ref()).await?;
    if terminal.format == Format::Json {
        let items: Vec<_> = items.iter().map(document).collect();
        terminal.json(&json!({ "person": person.map(|person| person.name), "waiting": items }));
        return Ok(ExitCode::Done);
    }
    if items.is_empty() {
        terminal.result(&match person {
            Some(person) => say::nothing_to_do(language, escape::capped(&person.full_name, 60)),
            None => say::nothing_at_all(language),
        });
        return Ok(ExitCode::Done);
    }
    let mut lines = Lines::default();
    for item in &items {
        match item {
            Item::Activity(standing) => standing.describe(&records.zone, language, &mut lines),
            Item::Gate(asked) => {
                let gate = &asked.gate;
                let title = escape::capped(&asked.plan.title, 60);
                lines.heading(&common::choice(language, title, &gate.environment, &gate.run));
                let due = moment::words(gate.decide_by, &records.zone, language);
                lines.pair(
                    &say::since_label(language),
                    &moment::words(gate.opened_at, &records.zone, language),
                );
                lines.pair(&say::due_label(language), &due);
                lines.pair(&common::next_label(language), &format!("esclusa approve {}", gate.run));
            }
        }
    }
    terminal.result(lines.text().trim_start_matches('\n'));
    Ok(ExitCode::Done)
}

/// What waits for the person, or for anybody.
async fn waiting(records: &Records, person: Option<&Person>) -> Result<Vec<Item>, CliError> {
    let filter = RunFilter {
        kind: Some(crate::executor::procedure::KIND.to_owned()),
        ended: Some(false),
        limit: Some(u32::MAX),
        ..RunFilter::default()
    };
    let mut items: Vec<(Timestamp, Item)> = Vec::new();
    for row in records.store.runs(&filter).await?.iter().filter(|row| is_one(row)) {
        let standing = Standing::load(&records.store, &row.new.id).await?;
        let mine = match person {
            Some(person) => !roles_of(&standing.stored.run, person, standing.now).is_empty(),
            None => standing.waits.is_some(),
        };
        if let Some(since) = standing.since().filter(|_| mine) {
            items.push((since, Item::Activity(Box::new(standing))));
        }
    }
    for row in records.store.gates_waiting().await? {
        let asked = Asked::load(&records.store, &row.id).await?;
        let mine =
            person.is_none_or(|person| approval::eligible(&asked.gate, &person.name, &asked.people).is_ok());
        if mine && matches!(asked.verdict, Verdict::Open { .. }) {
            items.push((asked.gate.opened_at, Item::Gate(Box::new(asked))));
        }
    }
    items.sort_by_key(|(since, _)| *since);
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

fn document(item: &Item) -> serde_json::Value {
    match item {
        Item::Activity(standing) => standing.document(),
        Item::Gate(asked) => {
            let gate = &asked.gate;
            json!({
                "run": gate.run, "kind": "gate", "system": gate.system, "environment": gate.environment,
                "since": gate.opened_at.to_string(), "due": gate.decide_by.to_string(),
                "next": format!("esclusa approve {}", gate.run),
            })
        }
    }
}
