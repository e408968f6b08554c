//! `esclusa plan`: what a playbook would change.

use super::{CliError, Format, Global, Terminal, documents, project, run};
use crate::{
    executor::{self, Forecast, Loaded, Shown, Site, Wanted, fleet::Fleet},
    model::{Digest, ExitCode, canonical},
    plan::Prediction,
    report::escape,
    run::Failure,
};
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;

/// Arguments of `esclusa plan`.
#[derive(Args)]
pub struct PlanArgs {
    /// The playbook: a path, or SYSTEM/KIND such as wiki/update
    playbook: String,
    /// The environment
    #[arg(long, value_name = "ENVIRONMENT")]
    env: String,
    #[command(flatten)]
    inputs: run::Inputs,
}

/// Performs `esclusa plan`.
pub async fn plan(global: &Global, terminal: &Terminal, args: PlanArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let playbook = documents::runnable_path(&site.root, &site.project.playbooks, &args.playbook)?;
    let release = executor::take_in(&site, &Wanted { playbook, inputs: args.inputs.values()? }).await?;
    let environment = run::name(&site, &args.env)?;
    let plan = executor::plan(&site, &release, &environment, &[]).await?;
    let digest = plan.digest().map_err(|error| CliError::failed(error.to_string()))?;
    let loaded = Loaded::of(&site, digest).await?;
    let fleet = Fleet::asking(&site, &loaded.plan);
    let forecast = executor::forecast(&site, &loaded, &fleet).await?;
    fleet.close().await;
    // Where a server could not be asked, or the plan cannot work as it is, nothing was predicted.
    let prediction = match forecast.problems.is_empty() {
        true => Some(keep(&site, &forecast.prediction).await?),
        false => None,
    };
    let code = code(&forecast.problems);
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "exit": code.number(), "meaning": code.meaning(),
            "release": plan.release, "plan": digest, "prediction": prediction,
            "environment": plan.environment, "system": plan.system,
            "observed": forecast.observed, "servers": forecast.shown.servers, "problems": forecast.problems,
        }));
        return Ok(code);
    }
    let shown = text(&forecast.shown, plan.environment.as_ref());
    if !shown.is_empty() {
        terminal.result(&shown);
    }
    let (release, plan) = (plan.release.short(), digest.short());
    terminal.result(&match prediction {
        Some(prediction) => {
            let (changes, unknown, same) = forecast.prediction.counts();
            let prediction = prediction.short();
            format!(
                "{changes} would change, {unknown} unknown, {same} as wanted.\nrelease {release}  plan {plan}  prediction {prediction}"
            )
        }
        None => format!("{}\nrelease {release}  plan {plan}", unpredicted(&forecast)),
    });
    refusal(&forecast.problems, code).map_or(Ok(code), Err)
}

/// Keeps the prediction and returns its digest.
async fn keep(site: &Site, prediction: &Prediction) -> Result<Digest, CliError> {
    let text = canonical(prediction).map_err(|error| CliError::failed(error.to_string()))?;
    let digest = Digest::of(text.as_bytes());
    site.store.put_document("prediction", digest, &text).await?;
    Ok(digest)
}

fn code(problems: &[Failure]) -> ExitCode {
    match problems {
        [] => ExitCode::Done,
        all if all.iter().all(|problem| problem.unreachable) => ExitCode::Unreachable,
        _ => ExitCode::Failed,
    }
}

/// Why there is no prediction.
fn unpredicted(forecast: &Forecast) -> String {
    let unreached = forecast.problems.iter().filter(|problem| problem.unreachable).count();
    let all = unreached + forecast.shown.servers.len();
    match unreached {
        0 => "no prediction: the plan cannot work as the servers are.".to_owned(),
        count => format!("no prediction: {count} of {all} servers could not be asked."),
    }
}

fn refusal(problems: &[Failure], code: ExitCode) -> Option<CliError> {
    let words: Vec<_> = problems.iter().map(|problem| problem.words.clone()).collect();
    let error = CliError::failed(words.join("\n")).code(code);
    Some(match &problems.first()?.hint {
        Some(hint) => error.hint(hint.clone()),
        None => error,
    })
}

/// The forecast, server by server.
#[must_use]
pub fn text(shown: &Shown, environment: &str) -> String {
    let mut text = String::new();
    for (server, steps) in &shown.servers {
        let _ = writeln!(text, "{environment}: {server}");
        for step in steps {
            let mark = match step.kind.as_str() {
                "change" => "~",
                "unknown" => "?",
                "problem" => "!",
                "restore" => "<",
                _ => "=",
            };
            let _ = writeln!(text, "  {mark} {}: {}", step.name, step.kind);
            for line in step.words.lines().filter(|line| !line.trim().is_empty()) {
                let _ = writeln!(text, "      {}", escape::visible(line));
            }
            for line in step.diff.iter().flat_map(|diff| diff.lines()) {
                let _ = writeln!(text, "      {}", escape::visible(line));
            }
        }
    }
    text
}
