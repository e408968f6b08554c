//! Asks all servers at once what a plan would change, and changes nothing.

use super::{
    ExecutorError, Loaded, Site,
    change::notified_on,
    fleet::Fleet,
    look,
    presence::{self, Presence},
};
use crate::{
    backup::{Part, travels},
    model::{Digest, FreeText, RunAs, Script, ServerName, StepId, Value, canonical},
    module::Outcome,
    plan::{Ground, Known, PlannedStep, Predicted, Prediction},
    run::{Failure, Observed},
    store::BackupRow,
    transport::{Frame, Session},
};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A prediction with everything that people want to see of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Forecast {
    /// What is hashed.
    pub prediction: Prediction,
    /// What is shown.
    pub shown: Shown,
    /// What was seen of the system.
    pub observed: Observed,
    /// Why the plan cannot work as the servers are.
    pub problems: Vec<Failure>,
}

/// What is shown beside a prediction and never hashed with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Server by server, in the order of the steps.
    pub servers: BTreeMap<ServerName, Vec<ShownStep>>,
}

/// One step's forecast in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownStep {
    /// Its id.
    pub step: StepId,
    /// Its name.
    pub name: String,
    /// `change`, `no change`, `unknown` or `skipped`.
    pub kind: String,
    /// What would change, or why it is unknown.
    pub words: String,
    /// The difference, where there is one to show.
    pub diff: Option<String>,
}

impl FreeText for Forecast {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        let Self { prediction: _, shown, observed, problems } = self;
        for step in shown.servers.values_mut().flatten() {
            let ShownStep { step: _, name: _, kind: _, words, diff } = step;
            words.free_text(each);
            diff.free_text(each);
        }
        observed.free_text(each);
        problems.free_text(each);
    }
}

impl Shown {
    /// Stores it and returns its digest.
    pub async fn store(&self, site: &Site) -> Result<Digest, ExecutorError> {
        let text = canonical(self).map_err(|error| ExecutorError::document("forecast", error))?;
        let digest = Digest::of(text.as_bytes());
        site.store.put_document("shown", digest, &text).await?;
        Ok(digest)
    }
}

/// Asks every server of the plan.
pub async fn forecast(site: &Site, loaded: &Loaded, fleet: &Fleet<'_>) -> Result<Forecast, ExecutorError> {
    site.learn_secrets().await;
    let marks = site.secret_marks();
    let ground = loaded.ground(&marks);
    let width = site.project.parallel.clamp(1, 100) as usize;
    let walks = stream::iter(loaded.plan.servers.keys().cloned())
        .map(|server| {
            let ground = &ground;
            async move { (server.clone(), one_server(site, ground, fleet, &server).await) }
        })
        .buffer_unordered(width)
        .collect::<Vec<_>>()
        .await;
    // What a step changes on one server may notify a handler on another: all steps come first.
    let changing: BTreeSet<(ServerName, StepId)> = walks
        .iter()
        .filter_map(|(server, walk)| Some((server, walk.as_ref().ok()?)))
        .flat_map(|(server, walk)| walk.changing().map(|step| (server.clone(), step.clone())))
        .collect();
    let mut asked = stream::iter(walks)
        .map(|(server, walk)| {
            let changing = &changing;
            async move {
                let seen = match walk {
                    Ok(walk) => walk.handlers(changing).await,
                    Err(error) => Err(error),
                };
                (server, seen)
            }
        })
        .buffer_unordered(width);
    let mut forecast = Forecast::default();
    let (mut version, mut there, mut unreached) = (None, presence::Seen::NOTHING, 0);
    while let Some((server, result)) = asked.next().await {
        match result {
            Ok(seen) => {
                for (step, predicted) in seen.predicted {
                    forecast.prediction.insert(&server, &step, predicted);
                }
                forecast.shown.servers.insert(server, seen.shown);
                forecast.problems.extend(seen.problems);
                version = version.or(seen.version);
                there = there.and(seen.there);
            }
            Err(ExecutorError::Transport(error)) => {
                unreached += 1;
                forecast.problems.push(Failure {
                    at: Some(server.to_string()),
                    words: error.to_string(),
                    hint: error.hint(),
                    unreachable: true,
                });
            }
            Err(other) => return Err(other),
        }
    }
    drop(asked);
    let absent = unreached == 0 && there.is_absent(site, loaded).await?;
    forecast.observed = Observed { absent, version };
    forecast.prediction.absent = forecast.observed.absent;
    forecast.free_text(&mut |text| *text = site.redact(text));
    Ok(forecast)
}

/// What a restore by hand would do: every item is put back, whatever is there.
#[must_use]
pub fn restore_forecast(loaded: &Loaded, backup: &BackupRow) -> Forecast {
    let mut forecast = Forecast::default();
    let items = loaded.plan.backup.iter().flat_map(|backup| &backup.items);
    let rehearsal = backup.environment != loaded.plan.environment;
    for item in items.filter(|item| item.part != Part::Logs && (!rehearsal || travels(item.part))) {
        let step = StepId(format!("restore {}", item.id));
        // The decision is about this backup and no other.
        forecast.prediction.insert(&item.server, &step, Predicted::Change(backup.manifest));
        let shown = ShownStep {
            step,
            name: item.id.clone(),
            kind: "restore".to_owned(),
            words: format!("puts back {} from backup {}", item.part.as_str(), backup.id),
            diff: None,
        };
        forecast.shown.servers.entry(item.server.clone()).or_default().push(shown);
    }
    forecast
}

struct Seen {
    predicted: Vec<(StepId, Predicted)>,
    shown: Vec<ShownStep>,
    problems: Vec<Failure>,
    version: Option<String>,
    there: presence::Seen,
}

async fn one_server<'a>(
    site: &'a Site,
    ground: &'a Ground<'a>,
    fleet: &Fleet<'_>,
    server: &ServerName,
) -> Result<Walk<'a>, ExecutorError> {
    let session = fleet.session(server).await?;
    let facts = session.facts().await?;
    let mut seen = Seen {
        predicted: Vec::new(),
        shown: Vec::new(),
        problems: requirements(ground, server, &facts),
        version: None,
        there: presence::Seen { system: Presence::Present, traces: Presence::Present },
    };
    seen.problems.extend(free_space(ground, server, &session).await?);
    seen.there.traces = presence::traces(ground, server, &session).await?;
    (seen.version, seen.there.system) =
        presence::observe(ground, server, &session, seen.there.traces).await?;
    let known = Known { facts, registered: BTreeMap::new() };
    let mine: Vec<_> = ground.plan.steps.iter().filter(|step| step.servers.contains(server)).collect();
    let mut walk = Walk { site, ground, server: server.clone(), session, known, seen, earlier: None };
    walk.steps(&mine).await?;
    Ok(walk)
}

/// Goes through steps in order, in as few round trips as their registered values allow.
struct Walk<'a> {
    site: &'a Site,
    ground: &'a Ground<'a>,
    server: ServerName,
    session: Arc<Session>,
    known: Known,
    seen: Seen,
    /// The first step that would change something: what comes after it cannot be taken for granted.
    earlier: Option<StepId>,
}

impl Walk<'_> {
    /// Steps that change something here, or may.
    fn changing(&self) -> impl Iterator<Item = &StepId> {
        let predicted = self.seen.predicted.iter();
        predicted.filter(|(_, predicted)| *predicted != Predicted::NoChange).map(|(step, _)| step)
    }

    /// Goes through the handlers that run here when these steps change something.
    async fn handlers(mut self, changing: &BTreeSet<(ServerName, StepId)>) -> Result<Seen, ExecutorError> {
        let plan = self.ground.plan;
        let by = |handler: &PlannedStep| -> BTreeSet<&ServerName> {
            let notifies = |id| plan.step(id).is_some_and(|step| step.notify.contains(&handler.id));
            changing.iter().filter(|(_, step)| notifies(step)).map(|(server, _)| server).collect()
        };
        let runs_here = |handler: &&PlannedStep| {
            handler.servers.contains(&self.server)
                && notified_on(handler, &by(handler)).contains(&&self.server)
        };
        let handlers: Vec<_> = plan.handlers.iter().filter(runs_here).collect();
        self.steps(&handlers).await?;
        Ok(self.seen)
    }

    async fn steps(&mut self, mine: &[&PlannedStep]) -> Result<(), ExecutorError> {
        let mut rest = mine;
        while !rest.is_empty() {
            let mut batch = Vec::new();
            for step in rest {
                let looked = look::look(self.ground, step, &self.server, &self.known);
                if matches!(looked, look::Look::Later(_)) && !batch.is_empty() {
                    break;
                }
                let stops = matches!(looked, look::Look::Later(_));
                batch.push((*step, looked));
                if stops {
                    break;
                }
            }
            rest = &rest[batch.len()..];
            let answers = look::ask(&self.session, &self.server, &batch).await?;
            for ((step, looked), answer) in batch.into_iter().zip(answers) {
                self.one(step, looked, answer.as_ref());
            }
        }
        Ok(())
    }

    fn one(&mut self, step: &PlannedStep, looked: look::Look, answer: Option<&crate::model::Answer>) {
        let (predicted, kind, words, diff) = match looked {
            look::Look::Skipped(when) => (Predicted::NoChange, "skipped", format!("`{when}` is false"), None),
            look::Look::Later(name) => {
                self.unknown(step, format!("needs `{name}`, which an earlier step registers"))
            }
            look::Look::Broken(words) => match &self.earlier {
                Some(earlier) => self.unknown(step, format!("until `{earlier}` has run: {words}")),
                None => return problem(&mut self.seen, &self.server, step, words),
            },
            look::Look::Ready(prepared) => match look::judge(&prepared, answer) {
                Ok(Outcome::Unchanged(value)) => {
                    if let Some(name) = &step.register {
                        self.known.registered.insert(name.clone(), value);
                    }
                    (Predicted::NoChange, "no change", String::new(), None)
                }
                Ok(Outcome::Change(change)) => match (&self.earlier, change.lacks.as_slice()) {
                    (None, [lack, ..]) => {
                        let words = format!("{}: step `{}`: {lack}", step.place, step.id);
                        return problem(&mut self.seen, &self.server, step, words);
                    }
                    _ => {
                        let shown = look::shown_diff(&prepared, &change, self.site);
                        if !prepared.secrets.is_empty() {
                            let names: Vec<_> = prepared.secrets.iter().map(ToString::to_string).collect();
                            self.unknown(step, format!("secret: {}", names.join(", ")))
                        } else if change.diff.is_empty() {
                            (Predicted::NoChange, "no change", change.summary, None)
                        } else {
                            self.earlier.get_or_insert_with(|| step.id.clone());
                            let compared = look::compared_diff(&change, self.site);
                            let digest = Digest::of(canonical(&compared).unwrap_or_default().as_bytes());
                            (Predicted::Change(digest), "change", change.summary, Some(shown))
                        }
                    }
                },
                Err(error) => match &self.earlier {
                    Some(earlier) => self.unknown(step, format!("until `{earlier}` has run: {error}")),
                    None => return problem(&mut self.seen, &self.server, step, look::located(step, &error)),
                },
            },
        };
        self.seen.predicted.push((step.id.clone(), predicted));
        self.seen.shown.push(ShownStep {
            step: step.id.clone(),
            name: step.name.clone(),
            kind: kind.to_owned(),
            words,
            diff,
        });
    }

    fn unknown(
        &mut self,
        step: &PlannedStep,
        words: String,
    ) -> (Predicted, &'static str, String, Option<String>) {
        self.earlier.get_or_insert_with(|| step.id.clone());
        // The reason is shown, not hashed by its details: only that it is unknown is approved.
        (Predicted::Unknown("later".to_owned()), "unknown", words, None)
    }
}

fn problem(seen: &mut Seen, server: &ServerName, step: &PlannedStep, words: String) {
    seen.problems.push(Failure {
        at: Some(format!("{server}: {}", step.id)),
        words: words.clone(),
        hint: None,
        unreachable: false,
    });
    seen.predicted.push((step.id.clone(), Predicted::Unknown("problem".to_owned())));
    seen.shown.push(ShownStep {
        step: step.id.clone(),
        name: step.name.clone(),
        kind: "problem".to_owned(),
        words,
        diff: None,
    });
}

/// What the playbook requires and the server does not have.
fn requirements(ground: &Ground<'_>, server: &ServerName, facts: &BTreeMap<String, Value>) -> Vec<Failure> {
    let requires = &ground.plan.requires;
    let text = |name: &str| facts.get(name).and_then(Value::scalar).unwrap_or_default();
    let mut lacking = Vec::new();
    if let Some(wanted) = requires.memory_bytes {
        let there = text("memory_bytes").parse::<u64>().unwrap_or(0);
        if there < wanted {
            lacking.push(format!("has {there} bytes of memory, {wanted} are required"));
        }
    }
    let (os, version) = (text("os"), text("os_version"));
    if !requires.os.is_empty() && !requires.os.iter().any(|wanted| os_matches(wanted, &os, &version)) {
        lacking.push(format!("runs {os} {version}, required is {}", requires.os.join(" or ")));
    }
    let failure = |words| Failure {
        at: Some(server.to_string()),
        words: format!("server `{server}` {words}"),
        hint: None,
        unreachable: false,
    };
    lacking.into_iter().map(failure).collect()
}

/// Whether `debian >= 12` and the like hold. Versions are compared number by number.
fn os_matches(wanted: &str, os: &str, version: &str) -> bool {
    let words: Vec<_> = wanted.split_whitespace().collect();
    let numbers =
        |text: &str| -> Vec<u64> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
    match words.as_slice() {
        [name] => *name == os,
        [name, operator, number] if *name == os => {
            let (there, wanted) = (numbers(version), numbers(number));
            match *operator {
                ">=" => there >= wanted,
                ">" => there > wanted,
                "<=" => there <= wanted,
                "<" => there < wanted,
                "==" | "=" => there.starts_with(&wanted),
                _ => false,
            }
        }
        _ => false,
    }
}

async fn free_space(
    ground: &Ground<'_>,
    server: &ServerName,
    session: &Session,
) -> Result<Vec<Failure>, ExecutorError> {
    let requires = &ground.plan.requires;
    let mut frames = Vec::new();
    for path in requires.disk_free_bytes.keys() {
        let path = crate::model::script::quote(path);
        frames.push(Frame::ask(RunAs::Login, Script(format!("df -Pk -- {path} | awk 'NR==2 {{print $4}}'"))));
    }
    for command in &requires.commands {
        let command = crate::model::script::quote(command);
        frames.push(Frame::ask(RunAs::Login, Script(format!("command -v {command}"))));
    }
    if frames.is_empty() {
        return Ok(Vec::new());
    }
    let mut replies = session.run(frames).await?.into_iter();
    let mut lacking = Vec::new();
    for (path, wanted) in &requires.disk_free_bytes {
        let answer = look::next_answer(&mut replies, server)?;
        let free = answer.and_then(|answer| answer.text().trim().parse::<u64>().ok()).map(|kib| kib * 1024);
        match free {
            Some(free) if free >= *wanted => {}
            Some(free) => lacking.push(format!("has {free} bytes free at `{path}`, {wanted} are required")),
            None => lacking.push(format!("does not say how much is free at `{path}`")),
        }
    }
    for command in &requires.commands {
        if !look::next_answer(&mut replies, server)?.is_some_and(|answer| answer.status.success()) {
            lacking.push(format!("has no command `{command}`"));
        }
    }
    let failure = |words| Failure {
        at: Some(server.to_string()),
        words: format!("server `{server}` {words}"),
        hint: None,
        unreachable: false,
    };
    Ok(lacking.into_iter().map(failure).collect())
}

#[cfg(test)]
mod tests {
    use super::os_matches;

    #[test]
    fn operating_systems_are_compared_number_by_number() {
        for (wanted, os, version, holds) in [
            ("debian >= 12", "debian", "12", true),
            ("debian >= 12", "debian", "9", false),
            ("debian >= 12", "ubuntu", "24.04", false),
            ("ubuntu == 24", "ubuntu", "24.04", true),
            ("debian", "debian", "13", true),
            ("debian ~ 12", "debian", "12", false),
        ] {
            assert_eq!(os_matches(wanted, os, version), holds, "{wanted} on {os} {version}");
        }
    }
}
