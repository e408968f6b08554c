//! `esclusa plan`: what a playbook would change.

use super::{CliError, Format, Global, Terminal, documents, project, run};
use crate::{
    executor::{self, Loaded, Shown, Wanted, fleet::Fleet},
    model::{Digest, ExitCode, canonical},
    report::escape,
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
    let playbook = documents::playbook_path(&site.root, &site.project.playbooks, &args.playbook)?;
    let release = executor::take_in(&site, &Wanted { playbook, inputs: args.inputs.values()? }).await?;
    let environment = run::name(&site, &args.env)?;
    let plan = executor::plan(&site, &release, &environment, &[]).await?;
    let digest = plan.digest().map_err(|error| CliError::failed(error.to_string()))?;
    let loaded = Loaded::of(&site, digest).await?;
    let fleet = Fleet::asking(&site, &loaded.plan);
    let forecast = executor::forecast(&site, &loaded, &fleet).await?;
    fleet.close().await;
    let prediction = canonical(&forecast.prediction).map_err(|error| CliError::failed(error.to_string()))?;
    let prediction_digest = Digest::of(prediction.as_bytes());
    site.store.put_document("prediction", prediction_digest, &prediction).await?;
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "release": plan.release, "plan": digest, "prediction": prediction_digest,
            "environment": plan.environment, "system": plan.system,
            "observed": forecast.observed, "servers": forecast.shown.servers, "problems": forecast.problems,
        }));
    } else {
        terminal.result(&text(&forecast.shown, plan.environment.as_ref()));
        let (changes, unknown, same) = forecast.prediction.counts();
        terminal.result(&format!("{changes} would change, {unknown} unknown, {same} as wanted."));
        terminal.result(&format!(
            "release {}  plan {}  prediction {}",
            plan.release.short(),
            digest.short(),
            prediction_digest.short()
        ));
    }
    let Some(problem) = forecast.problems.first() else { return Ok(ExitCode::Done) };
    let code = if forecast.problems.iter().all(|problem| problem.unreachable) {
        ExitCode::Unreachable
    } else {
        ExitCode::Failed
    };
    let words: Vec<_> = forecast.problems.iter().map(|problem| problem.words.clone()).collect();
    let error = CliError::failed(words.join("\n")).code(code);
    Err(match &problem.hint {
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
