//! What a procedure asks of servers without changing them: checks, and what a playbook would find.

use super::{advance::Engine, pen::Pen, subordinate};
use crate::{
    executor::{self, ExecutorError, Loaded, fleet::Fleet},
    model::{EnvironmentKind, EnvironmentName, canonical},
    plan::Plan,
    procedure::{ActivityId, ActivityKind, Event},
    run::Failure,
};
use serde_json::json;

/// What an activity wants to know.
pub(super) struct Asked {
    pub activity: ActivityId,
    pub environment: Option<EnvironmentKind>,
    pub groups: Vec<String>,
    pub playbook: Option<String>,
    pub phases: Vec<String>,
}

/// Asks, and keeps the report in the depot.
pub(super) async fn ask(engine: Engine<'_>, pen: &Pen<'_>, asked: Asked) -> Result<Event, ExecutorError> {
    let site = engine.site;
    let environment = subordinate::environment(site, &asked.activity, asked.environment)?;
    let (good, report) = match &asked.playbook {
        Some(playbook) => forecast(engine, pen, &environment, playbook, &asked.phases).await?,
        None => findings(engine, pen, &asked, &environment).await?,
    };
    let text = canonical(&report).map_err(|error| ExecutorError::document("report", error))?;
    let report = site.depot.put_bytes(site.redact(&text).as_bytes())?.digest;
    Ok(Event::Measured { activity: asked.activity, good, report })
}

/// Asks the checks of the data sheet that belong to the groups.
async fn findings(
    engine: Engine<'_>,
    pen: &Pen<'_>,
    asked: &Asked,
    environment: &EnvironmentName,
) -> Result<(bool, serde_json::Value), ExecutorError> {
    let site = engine.site;
    let system = pen.run.header.system.clone();
    let system = system.ok_or_else(|| ExecutorError::input("the run names no system"))?;
    let release = executor::take_in_system(site, &system).await?;
    let loaded = loaded(engine, &executor::plan(site, &release, environment, &[]).await?).await?;
    let any = loaded.plan.checks.iter().any(|planned| planned.check.is_of(&asked.groups));
    let looks =
        pen.run.procedure.activity(&asked.activity).is_some_and(|one| one.kind == ActivityKind::Monitor);
    if !any && !looks {
        return Err(ExecutorError::input_hint(
            format!(
                "`{}` asks the checks of {}, and `{system}` has none in `{environment}`",
                asked.activity,
                words(&asked.groups)
            ),
            format!("give checks of `{}/{system}/system.yaml` these `groups:`", site.project.playbooks),
        ));
    }
    let fleet = Fleet::asking(site, &loaded.plan);
    let found = executor::verify(site, &loaded, &fleet, engine.interrupt, &asked.groups).await;
    fleet.close().await;
    let found = found?;
    // What nobody declared cannot be good.
    let good = any && found.iter().all(|finding| finding.verdict == "good");
    Ok((good, json!({ "environment": environment, "groups": asked.groups, "findings": found })))
}

/// Asks what a playbook would find and change: requirements that are not met are not good.
async fn forecast(
    engine: Engine<'_>,
    pen: &Pen<'_>,
    environment: &EnvironmentName,
    playbook: &str,
    phases: &[String],
) -> Result<(bool, serde_json::Value), ExecutorError> {
    let site = engine.site;
    let path = subordinate::path(site, playbook);
    let inputs = subordinate::inputs(site, pen, &path)?;
    let release = executor::take_in(site, &executor::Wanted { playbook: path, inputs }).await?;
    let plan = executor::plan(site, &release, environment, phases).await?;
    let loaded = loaded(engine, &plan).await?;
    let fleet = Fleet::asking(site, &loaded.plan);
    let forecast = executor::forecast(site, &loaded, &fleet).await;
    fleet.close().await;
    let forecast = match forecast {
        Ok(forecast) => forecast,
        // What cannot be asked is not known to be good.
        Err(ExecutorError::Transport(error)) => {
            let problem = Failure { at: None, words: error.to_string(), hint: None, unreachable: true };
            return Ok((false, json!({ "environment": environment, "problems": [problem] })));
        }
        Err(other) => return Err(other),
    };
    let report = json!({
        "environment": environment, "playbook": loaded.plan.playbook, "phases": phases,
        "observed": forecast.observed, "problems": forecast.problems, "servers": forecast.shown.servers,
    });
    Ok((forecast.problems.is_empty(), report))
}

async fn loaded(engine: Engine<'_>, plan: &Plan) -> Result<Loaded, ExecutorError> {
    let digest = plan.digest().map_err(|error| ExecutorError::document("plan", error))?;
    Loaded::of(engine.site, digest).await
}

fn words(groups: &[String]) -> String {
    match groups {
        [] => "the system".to_owned(),
        several => format!("the groups {}", several.join(", ")),
    }
}
