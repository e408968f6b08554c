//! `esclusa run`: one environment, or along the playbook's route.

use super::{CliError, Format, Global, Terminal, documents, project, summary};
use crate::{
    executor::{self, Opening, Patience, Site, Wanted, interrupt::Interrupt},
    model::{EnvironmentName, ExitCode, RunId, Value},
    plan::Release,
    run::Goal,
};
use clap::Args;
use std::collections::BTreeMap;

/// Arguments of `esclusa run`.
#[derive(Args)]
pub struct RunArgs {
    /// The playbook: a path, or SYSTEM/KIND such as wiki/update
    playbook: String,
    #[command(flatten)]
    inputs: Inputs,
    /// Only this environment
    #[arg(long, value_name = "ENVIRONMENT", conflicts_with = "to")]
    env: Option<String>,
    /// Along the route, up to and with this environment
    #[arg(long, value_name = "ENVIRONMENT")]
    to: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
    /// Why, for those who decide and for the record
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// Values for a playbook's inputs.
#[derive(Args, Clone)]
pub struct Inputs {
    /// A value for an input of the playbook; as often as needed
    #[arg(short = 'i', long = "input", value_name = "NAME=VALUE")]
    input: Vec<String>,
}

/// How long to wait for people and windows.
#[derive(Args, Clone)]
pub struct Waiting {
    /// Wait so long at a gate or for a window (30s, 15m, 2h); otherwise the run is left waiting
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<std::time::Duration>,
}

impl Inputs {
    /// The inputs by name; values keep their spelling.
    pub fn values(&self) -> Result<BTreeMap<String, Value>, CliError> {
        let mut values = BTreeMap::new();
        for text in &self.input {
            let Some((name, value)) = text.split_once('=') else {
                return Err(CliError::input(format!("`{text}` is not NAME=VALUE")));
            };
            if values.insert(name.to_owned(), Value::plain(value)).is_some() {
                return Err(CliError::input(format!("input `{name}` is given twice")));
            }
        }
        Ok(values)
    }
}

impl Waiting {
    /// As the executor takes it.
    #[must_use]
    pub fn patience(&self) -> Patience {
        self.wait.map_or(Patience::NONE, Patience)
    }
}

/// Reads a duration of the command line.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::document::quantity::duration_ms(text)
        .map(std::time::Duration::from_millis)
        .ok_or_else(|| "write a number and a unit: 30s, 15m, 2h, 1d".to_owned())
}

/// Listens to signals and says so once.
#[must_use]
pub fn interrupt(terminal: &Terminal) -> Interrupt {
    let terminal = terminal.clone();
    Interrupt::listen(move || {
        terminal
            .note("stopping after the running steps; once more to stop now (steps on servers go on there)");
    })
}

/// Performs `esclusa run`.
pub async fn run(global: &Global, terminal: &Terminal, args: RunArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let playbook = documents::runnable_path(&site.root, &site.project.playbooks, &args.playbook)?;
    let wanted = Wanted { playbook, inputs: args.inputs.values()? };
    let release = executor::take_in(&site, &wanted).await?;
    let environments = environments(&site, &release, args.env.as_deref(), args.to.as_deref())?;
    let route = (environments.len() > 1).then(|| uuid::Uuid::now_v7().to_string());
    let interrupt = interrupt(terminal);
    let mut last = ExitCode::Done;
    let mut ends = Vec::new();
    for environment in environments {
        let opening = Opening {
            why: args.why.clone(),
            route: route.clone(),
            ..Opening::new(Goal::Change, environment)
        };
        let id = executor::open(&site, &release, opening).await?;
        last = go(&site, terminal, &id, args.waiting.patience(), &interrupt).await?;
        ends.push((id.clone(), last));
        if terminal.format == Format::Text {
            summary::print(&site, terminal, &id, last).await?;
        }
        if last != ExitCode::Done {
            break;
        }
    }
    summary::print_all(&site, terminal, &ends).await?;
    Ok(last)
}

/// Drives a run, then says how it stands and what to do next.
pub async fn follow(
    site: &Site,
    terminal: &Terminal,
    id: &RunId,
    patience: Patience,
    interrupt: &Interrupt,
) -> Result<ExitCode, CliError> {
    let code = go(site, terminal, id, patience, interrupt).await?;
    summary::print(site, terminal, id, code).await?;
    Ok(code)
}

/// Drives a run and delivers what is to be told of it.
async fn go(
    site: &Site,
    terminal: &Terminal,
    id: &RunId,
    patience: Patience,
    interrupt: &Interrupt,
) -> Result<ExitCode, CliError> {
    let watch = super::progress::watch(terminal, site);
    let result = executor::drive(site, id, patience, interrupt, watch).await;
    super::notify::deliver(site, terminal).await;
    Ok(result?)
}

/// The environments of this call, in order.
fn environments(
    site: &Site,
    release: &Release,
    env: Option<&str>,
    to: Option<&str>,
) -> Result<Vec<EnvironmentName>, CliError> {
    if let Some(env) = env {
        return Ok(vec![name(site, env)?]);
    }
    let route = route(site, release)?;
    let Some(to) = to else { return Ok(route) };
    let to = name(site, to)?;
    match route.iter().position(|environment| *environment == to) {
        Some(at) => Ok(route[..=at].to_vec()),
        None => Err(CliError::input(format!("`{to}` is not on the route of `{}`", release.playbook))),
    }
}

/// The playbook's route; without one, the inventory's order.
pub fn route(site: &Site, release: &Release) -> Result<Vec<EnvironmentName>, CliError> {
    let text =
        site.inventory.environments.iter().map(|environment| environment.name.clone()).collect::<Vec<_>>();
    let written = super::promote::written_route(site, release)?;
    Ok(if written.is_empty() { text } else { written })
}

/// An environment's name that the inventory knows.
pub fn name(site: &Site, text: &str) -> Result<EnvironmentName, CliError> {
    let name = EnvironmentName::parse(text).map_err(|error| CliError::input(error.to_string()))?;
    site.environment(&name)?;
    Ok(name)
}
