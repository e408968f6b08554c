//! A step's arguments, rendered for one server as far as they can be known.

use super::{Place as Where, Plan, PlanError, PlannedServer, PlannedStep, Release, ReleaseFiles};
use crate::{
    expression::{self, ExpressionError, Scope},
    model::{BlobRef, SecretName, Value},
    module::{self, Action, Content, ContentSource, ModuleError, Place},
};
use std::collections::{BTreeMap, BTreeSet};

/// How the place of a secret is marked in a text that is shown or hashed.
pub const SECRET_MARK: &str = "<secret:";

/// Largest file that travels inside a script; a larger one is uploaded as a blob.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// How often variables that are made of other variables are looked through.
const VARIABLE_DEPTH_MAX: usize = 8;

/// The secrets' values, or their marks where values must not be known yet.
#[derive(Clone, Default)]
pub struct SecretValues(BTreeMap<SecretName, String>);

impl SecretValues {
    /// Marks instead of values: for predictions.
    #[must_use]
    pub fn marks<'a>(names: impl IntoIterator<Item = &'a SecretName>) -> Self {
        Self(names.into_iter().map(|name| (name.clone(), format!("{SECRET_MARK}{name}>"))).collect())
    }

    /// The values: only after the gate.
    #[must_use]
    pub fn known(values: BTreeMap<SecretName, String>) -> Self {
        Self(values)
    }
}

/// What is known of a server besides its variables.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Facts by name.
    pub facts: BTreeMap<String, Value>,
    /// Registered values by name.
    pub registered: BTreeMap<String, Value>,
}

/// A step on one server, ready to be probed.
#[derive(Debug)]
pub struct Prepared {
    /// What the module makes of the arguments.
    pub action: Action,
    /// Secrets that went into them: their diff is withheld.
    pub secrets: BTreeSet<SecretName>,
}

/// Why a step is not ready.
#[derive(Debug)]
pub enum Unready {
    /// Its condition is false.
    Skipped(String),
    /// It needs a value that an earlier step registers.
    Later(String),
    /// Its module refuses the arguments.
    Refused(ModuleError),
    /// A template or its condition is wrong.
    Broken(PlanError),
}

/// Everything that a step is rendered from.
pub struct Ground<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its release.
    pub release: &'a Release,
    /// The release's text files.
    pub files: &'a ReleaseFiles,
    /// Secrets or their marks.
    pub secrets: &'a SecretValues,
}

/// Renders `step` for the server `on`, with what is known by now.
pub fn prepare(
    ground: &Ground<'_>,
    step: &PlannedStep,
    on: &PlannedServer,
    known: &Known,
) -> Result<Prepared, Unready> {
    let broken = |source| {
        Unready::Broken(PlanError::Expression {
            place: step.place.clone(),
            step: step.id.to_string(),
            source,
        })
    };
    let scope = scope(ground, step, on, known, ground.secrets);
    // A name that cannot be rendered is an error of the arguments, which are rendered below.
    let template: Vec<_> = template(ground, step, &scope).ok().flatten().into_iter().collect();
    if let Some(name) = missing_register(ground.plan, step, known, &template) {
        return Err(Unready::Later(name));
    }
    if let Some(when) = &step.when
        && !expression::condition(when, &scope).map_err(broken)?
    {
        return Err(Unready::Skipped(when.clone()));
    }
    let args = expression::render_value(&step.args, &scope).map_err(broken)?;
    let contents = Contents { ground, module: &step.module, scope: &scope };
    let action = module::parse(&step.module, &args, &Place { files: &contents }).map_err(Unready::Refused)?;
    Ok(Prepared { action, secrets: tainted(ground, step, &template) })
}

/// The text of the template that a step renders, whose name may be made of what is known in `scope`.
fn template(
    ground: &Ground<'_>,
    step: &PlannedStep,
    scope: &Scope,
) -> Result<Option<String>, ExpressionError> {
    let Some(src) = step.args.get("src").and_then(Value::as_text).filter(|_| step.module == "template")
    else {
        return Ok(None);
    };
    let src = expression::render(src, scope)?;
    let files = &ground.files.0;
    let text = files.get(&beside(ground.plan, &src)).or_else(|| files.get(&src));
    Ok(text.map(|text| String::from_utf8_lossy(text).into_owned()))
}

/// Names of secrets that the step's texts use, whatever is made of them: found without rendering, so
/// that no filter hides one.
fn tainted(ground: &Ground<'_>, step: &PlannedStep, templates: &[String]) -> BTreeSet<SecretName> {
    let every = || ground.secrets.0.keys().cloned();
    let mut found = BTreeSet::new();
    let used = texts(step, templates)
        .into_iter()
        .map(|text| (text, false))
        .chain(step.when.iter().map(|when| (when.clone(), true)));
    for (text, expression) in used {
        for name in expression::names(&text, expression).unwrap_or_default() {
            match name.secret().map(SecretName::parse) {
                Some(Ok(name)) => {
                    found.insert(name);
                }
                // A secret that is chosen at run time may be any of them.
                Some(Err(_)) => found.extend(every()),
                None if name.root == "secret" => found.extend(every()),
                None => {}
            }
        }
    }
    found
}

/// The secrets that a plan's steps use, on whichever of its servers.
#[must_use]
pub fn secrets_used(ground: &Ground<'_>) -> BTreeSet<SecretName> {
    let used = |step: &PlannedStep| -> BTreeSet<SecretName> {
        let servers = step.servers.iter().filter_map(|server| ground.plan.servers.get(server));
        servers
            .flat_map(|on| {
                let scope = scope(ground, step, on, &Known::default(), ground.secrets);
                let templates = match template(ground, step, &scope) {
                    Ok(text) => text.into_iter().collect(),
                    // Its name is made of facts or registered values: it may be any file that travels.
                    Err(_) => every_text(ground.files),
                };
                tainted(ground, step, &templates)
            })
            .collect()
    };
    ground.plan.steps.iter().chain(&ground.plan.handlers).flat_map(used).collect()
}

/// Every text that a step is rendered from, its condition aside.
fn texts(step: &PlannedStep, templates: &[String]) -> Vec<String> {
    let mut texts = templates.to_vec();
    strings(&step.args, &mut texts);
    step.variables.values().for_each(|value| strings(value, &mut texts));
    texts
}

fn every_text(files: &ReleaseFiles) -> Vec<String> {
    files.0.values().filter_map(|bytes| String::from_utf8(bytes.clone()).ok()).collect()
}

/// The first registered name that the step uses and that is not known yet.
fn missing_register(plan: &Plan, step: &PlannedStep, known: &Known, templates: &[String]) -> Option<String> {
    let texts = texts(step, templates);
    let used: BTreeSet<String> = texts
        .iter()
        .flat_map(|text| roots(text, false))
        .chain(step.when.iter().flat_map(|when| roots(when, true)))
        .collect();
    plan.steps
        .iter()
        .filter_map(|other| other.register.as_ref())
        .find(|name| used.contains(*name) && !known.registered.contains_key(*name))
        .cloned()
}

/// First words of the names that a text uses; a text that cannot be read is refused elsewhere.
fn roots(text: &str, expression: bool) -> Vec<String> {
    expression::names(text, expression)
        .map(|names| names.into_iter().map(|name| name.root).collect())
        .unwrap_or_default()
}

/// Collects every text inside a value.
fn strings(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Text(text) => texts.push(text.clone()),
        Value::List(items) => items.iter().for_each(|item| strings(item, texts)),
        Value::Map(entries) => entries.values().for_each(|item| strings(item, texts)),
        _ => {}
    }
}

/// The names that a step's templates see.
#[must_use]
pub fn scope(
    ground: &Ground<'_>,
    step: &PlannedStep,
    on: &PlannedServer,
    known: &Known,
    secrets: &SecretValues,
) -> Scope {
    let plan = ground.plan;
    let mut fixed = base(on, &plan.place(), &plan.inputs);
    fixed.insert("facts".into(), Value::Map(known.facts.clone()));
    let secret = secrets.0.iter().map(|(name, value)| (name.to_string(), Value::Text(value.clone())));
    fixed.insert("secret".into(), Value::Map(secret.collect()));
    let artifact =
        ground.release.artifacts.keys().map(|name| (name.clone(), Value::Text(format!("artifact:{name}"))));
    fixed.insert("artifacts".into(), Value::Map(artifact.collect()));
    if let Some(item) = &step.item {
        fixed.insert("item".into(), item.clone());
    }
    fixed.extend(known.registered.clone());
    let mut variables = on.variables.clone();
    variables.extend(step.variables.clone());
    settle(&variables, fixed)
}

/// The names that are known when planning: no facts, secrets, artifacts or registered values.
#[must_use]
pub fn planning_scope(
    on: &PlannedServer,
    place: &Where,
    given: &BTreeMap<String, Value>,
    inputs: &BTreeMap<String, Value>,
) -> Scope {
    let mut variables = on.variables.clone();
    variables.extend(given.clone());
    settle(&variables, base(on, place, inputs))
}

fn base(on: &PlannedServer, place: &Where, inputs: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let groups = on.server.groups.iter().map(|group| group.as_str().into()).collect();
    let server = [
        ("name".to_owned(), on.server.name.as_str().into()),
        ("address".to_owned(), Value::Text(on.server.address.clone())),
        ("groups".to_owned(), Value::List(groups)),
    ];
    let environment =
        [("name".to_owned(), place.name.as_str().into()), ("kind".to_owned(), place.kind.as_str().into())];
    let mut fixed = inputs.clone();
    fixed.insert("inputs".into(), Value::Map(inputs.clone()));
    fixed.insert("server".into(), Value::Map(server.into()));
    fixed.insert("environment".into(), Value::Map(environment.into()));
    fixed
}

/// Adds variables whose values are made of other variables, until nothing more can be settled. One
/// that cannot is left out, so that using it is an error that names it.
fn settle(variables: &BTreeMap<String, Value>, fixed: BTreeMap<String, Value>) -> Scope {
    let mut settled = fixed;
    let mut open: BTreeMap<&String, &Value> =
        variables.iter().filter(|(name, _)| !settled.contains_key(*name)).collect();
    for _ in 0..VARIABLE_DEPTH_MAX {
        let scope = Scope::of(settled.clone());
        let before = open.len();
        open.retain(|name, value| match expression::render_value(value, &scope) {
            Ok(value) => settled.insert((*name).clone(), value).is_some(),
            Err(_) => true,
        });
        if open.is_empty() || open.len() == before {
            break;
        }
    }
    Scope::of(settled)
}

/// A file beside the playbook.
fn beside(plan: &Plan, src: &str) -> String {
    match plan.playbook.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{src}"),
        None => src.to_owned(),
    }
}

/// Gives modules the contents of the release.
struct Contents<'a> {
    ground: &'a Ground<'a>,
    module: &'a str,
    scope: &'a Scope,
}

impl ContentSource for Contents<'_> {
    fn content(&self, src: &str) -> Result<Content, String> {
        if let Some(name) = src.strip_prefix("artifact:") {
            let artifact = self
                .ground
                .release
                .artifacts
                .get(name)
                .ok_or_else(|| format!("the playbook has no artifact `{name}`"))?;
            return Ok(Content::Blob(BlobRef { digest: artifact.digest, size: artifact.size }));
        }
        let path = beside(self.ground.plan, src);
        let files = &self.ground.files.0;
        let path = if files.contains_key(&path) || !self.ground.release.files.contains_key(src) {
            &path
        } else {
            src
        };
        let Some(bytes) = files.get(path) else {
            // Too large to be loaded as text: it travels as a blob.
            let file =
                self.ground.release.files.get(path).ok_or_else(|| format!("there is no file `{path}`"))?;
            return Ok(Content::Blob(BlobRef { digest: file.digest, size: file.size }));
        };
        if self.module == "template" {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| format!("`{path}` is not UTF-8, so it is no template"))?;
            let text = expression::render(text, self.scope).map_err(|error| format!("`{path}`: {error}"))?;
            return Ok(Content::Bytes(text.into_bytes()));
        }
        if bytes.len() > INLINE_BYTES_MAX
            && let Some(file) = self.ground.release.files.get(path)
        {
            return Ok(Content::Blob(BlobRef { digest: file.digest, size: file.size }));
        }
        Ok(Content::Bytes(bytes.clone()))
    }
}
