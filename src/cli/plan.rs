//! `esclusa plan`: what a playbook would change.

use super::{CliError, Format, Global, Terminal, documents, progress, project, run};
use crate::{
    executor::{self, Forecast, Loaded, Shown, Site, Wanted, fleet::Fleet},
    model::{Digest, ExitCode, Language, canonical},
    plan::Prediction,
    report::{changes, escape, language::records as say},
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
    let language = progress::site_language(terminal, &site);
    let shown = text(&forecast.shown, plan.environment.as_ref(), language);
    if !shown.is_empty() {
        terminal.result(&shown);
    }
    let (release, plan) = (plan.release.short(), digest.short());
    terminal.result(&match prediction {
        Some(prediction) => {
            let (changes, unknown, same) = forecast.prediction.counts();
            let prediction = prediction.short();
            let counts = say::plan_counts(language, changes, unknown, same);
            format!("{counts}\n{}", say::plan_digests(language, release, plan, prediction))
        }
        None => format!(
            "{}\n{}",
            unpredicted(&forecast, language),
            say::plan_digests_unpredicted(language, release, plan)
        ),
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
fn unpredicted(forecast: &Forecast, language: Language) -> String {
    let unreached = forecast.problems.iter().filter(|problem| problem.unreachable).count();
    let all = unreached + forecast.shown.servers.len();
    match unreached {
        0 => say::plan_cannot_work(language),
        count => say::plan_unasked(language, count, all),
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
pub fn text(shown: &Shown, environment: &str, language: Language) -> String {
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
            let kind = say::step_kind(&step.kind, language);
            let _ = writeln!(text, "  {mark} {}: {kind}", escape::visible(&step.name));
            let words = changes::words(&step.words, language);
            for line in words.lines().filter(|line| !line.trim().is_empty()) {
                let _ = writeln!(text, "      {}", escape::visible(line));
            }
            for line in step.diff.iter().flat_map(|diff| diff.lines()) {
                let _ = writeln!(text, "      {}", escape::visible(line));
            }
        }
    }
    text
}
