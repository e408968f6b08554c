//! Steps of a playbook to steps of a plan: selectors resolved, loops expanded.

use super::{Place, PlanError, PlannedServer, PlannedStep, render};
use crate::{
    expression::{self, Selector},
    model::{EnvironmentName, ServerName, StepId, Value, slug},
    playbook::Step,
};
use std::collections::BTreeMap;

/// Returns the servers that `selector` selects, in the order of their names.
pub(super) fn select(
    selector: &str,
    place: &str,
    environment: &EnvironmentName,
    servers: &BTreeMap<ServerName, PlannedServer>,
) -> Result<Vec<ServerName>, PlanError> {
    let parsed = Selector::parse(selector).map_err(|why| PlanError::Selector {
        place: place.to_owned(),
        selector: selector.to_owned(),
        why: why.to_string(),
    })?;
    Ok(servers
        .values()
        .filter(|planned| parsed.selects(environment, &planned.server))
        .map(|p| p.server.name.clone())
        .collect())
}

/// The steps of some phases, phase by phase in the order wanted and in the order of the file within
/// each; all steps as they are when no phase is named.
pub(super) fn of_phases(steps: Vec<PlannedStep>, phases: &[String]) -> Vec<PlannedStep> {
    if phases.is_empty() {
        return steps;
    }
    let place = |step: &PlannedStep| phases.iter().position(|phase| phase == step.phase());
    let mut wanted: Vec<_> = steps.into_iter().filter_map(|step| Some((place(&step)?, step))).collect();
    wanted.sort_by_key(|(place, _)| *place);
    wanted.into_iter().map(|(_, step)| step).collect()
}

/// Expands one step: where it runs, and one step for each item of its loop.
///
/// A loop's value is evaluated with the variables of the step's first server: it must be known when
/// planning, and the same step exists on all of its servers.
pub fn expand(
    step: &Step,
    environment: &Place,
    servers: &BTreeMap<ServerName, PlannedServer>,
    inputs: &BTreeMap<String, Value>,
) -> Result<Vec<PlannedStep>, PlanError> {
    let selected = select(&step.at, &step.place, &environment.name, servers)?;
    let Some(first) = selected.first() else { return Ok(Vec::new()) };
    let Some(repeat) = &step.repeat else { return Ok(vec![planned(step, step.id.clone(), selected, None)]) };
    let scope = render::planning_scope(&servers[first], environment, &step.variables, inputs);
    let expression =
        |source| PlanError::Expression { place: step.place.clone(), step: step.id.to_string(), source };
    let items = match expression::render_value(repeat, &scope).map_err(expression)? {
        Value::List(items) => {
            items.into_iter().enumerate().map(|(at, item)| (key(&item, at), item)).collect()
        }
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| {
                let item = BTreeMap::from([
                    ("key".to_owned(), Value::Text(key.clone())),
                    ("value".to_owned(), value),
                ]);
                (slug(&key), Value::Map(item))
            })
            .collect::<Vec<_>>(),
        other => {
            return Err(PlanError::Loop {
                place: step.place.clone(),
                step: step.id.to_string(),
                kind: other.kind(),
            });
        }
    };
    let mut seen = BTreeMap::<String, usize>::new();
    Ok(items
        .into_iter()
        .map(|(key, item)| {
            let times = seen.entry(key.clone()).or_default();
            *times += 1;
            let key = if *times > 1 { format!("{key}-{times}") } else { key };
            planned(step, StepId(format!("{}[{key}]", step.id)), selected.clone(), Some(item))
        })
        .collect())
}

fn key(item: &Value, position: usize) -> String {
    let text = item.scalar().or_else(|| item.get("name").and_then(Value::scalar)).unwrap_or_default();
    let slug = slug(&text);
    if slug.is_empty() { (position + 1).to_string() } else { slug }
}

fn planned(step: &Step, id: StepId, servers: Vec<ServerName>, item: Option<Value>) -> PlannedStep {
    PlannedStep {
        id,
        name: step.name.clone(),
        place: step.place.clone(),
        module: step.module.clone(),
        args: step.args.clone(),
        servers,
        when: step.when.clone(),
        item,
        register: step.register.clone(),
        notify: step.notify.clone(),
        retries: step.retries,
        delay_seconds: step.delay_seconds,
        timeout_seconds: step.timeout_seconds,
        as_user: step.as_user.clone(),
        phase: step.phase.clone(),
        role: step.role.clone(),
        procedure: step.procedure.clone(),
        variables: step.variables.clone(),
    }
}
