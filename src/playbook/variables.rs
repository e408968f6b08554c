//! Variables: five layers, one winner, and where it came from.

use super::Playbook;
use crate::{
    expression,
    inventory::Environment,
    model::{Server, Value},
    system::SystemSheet,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a variable is set; a later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The system's data sheet.
    Sheet,
    /// The playbook, and the defaults of its inputs.
    Playbook,
    /// The environment.
    Environment,
    /// A group of the server.
    Group,
    /// The server.
    Server,
    /// `with:` beside a `use:`.
    With,
    /// The caller.
    Input,
}

impl Layer {
    /// The word in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sheet => "data sheet",
            Self::Playbook => "playbook",
            Self::Environment => "environment",
            Self::Group => "group",
            Self::Server => "server",
            Self::With => "with",
            Self::Input => "input",
        }
    }
}

/// A variable's value and where it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// The value; it may still hold templates over other variables.
    pub value: Value,
    /// The layer that won.
    pub layer: Layer,
    /// Which one of the layer: the group's name, the server's, the playbook's path.
    pub origin: String,
}

/// Everything that sets variables for one server.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// The system's data sheet.
    pub sheet: Option<&'a SystemSheet>,
    /// The playbook.
    pub playbook: &'a Playbook,
    /// The environment.
    pub environment: &'a Environment,
    /// The server.
    pub server: &'a Server,
    /// What the caller gave.
    pub inputs: &'a BTreeMap<String, Value>,
    /// What a `use:` gave to the step.
    pub with: &'a BTreeMap<String, Value>,
}

impl<'a> Layers<'a> {
    /// Calls `see` with every setting, the weakest first.
    pub fn each(&self, see: &mut dyn FnMut(&'a str, &'a Value, Layer, &'a str)) {
        let mut all = |values: &'a BTreeMap<String, Value>, layer, origin| {
            values.iter().for_each(|(name, value)| see(name, value, layer, origin));
        };
        if let Some(sheet) = self.sheet {
            all(&sheet.variables, Layer::Sheet, sheet.system.as_str());
        }
        all(&self.playbook.variables, Layer::Playbook, &self.playbook.path);
        all(&self.environment.variables, Layer::Environment, self.environment.name.as_str());
        for group in &self.server.groups {
            if let Some(values) = self.environment.group_variables.get(group) {
                all(values, Layer::Group, group.as_str());
            }
        }
        all(&self.server.variables, Layer::Server, self.server.name.as_str());
        all(self.with, Layer::With, &self.playbook.path);
        all(self.inputs, Layer::Input, "command line");
    }

    /// Every setting of one variable, the weakest first; the last one wins.
    #[must_use]
    pub fn chain(&self, variable: &str) -> Vec<Resolved> {
        let mut chain = Vec::new();
        if let Some(default) = self.playbook.inputs.get(variable).and_then(|input| input.default.clone()) {
            chain.push(Resolved {
                value: default,
                layer: Layer::Playbook,
                origin: format!("{} (default of the input)", self.playbook.path),
            });
        }
        self.each(&mut |name, value, layer, origin| {
            if name == variable {
                chain.push(Resolved { value: value.clone(), layer, origin: origin.to_owned() });
            }
        });
        chain.sort_by_key(|resolved| resolved.layer);
        chain
    }
}

/// The variables of one server with the layers that won; `with` is what a `use:` gives to a step.
#[must_use]
pub fn resolve(
    sheet: Option<&SystemSheet>,
    playbook: &Playbook,
    environment: &Environment,
    server: &Server,
    inputs: &BTreeMap<String, Value>,
    with: &BTreeMap<String, Value>,
) -> BTreeMap<String, Resolved> {
    let layers = Layers { sheet, playbook, environment, server, inputs, with };
    let mut resolved = BTreeMap::new();
    layers.each(&mut |name, value, layer, origin| {
        let won = Resolved { value: value.clone(), layer, origin: origin.to_owned() };
        resolved.insert(name.to_owned(), won);
    });
    for (name, input) in &playbook.inputs {
        let weak = resolved.get(name).is_none_or(|won| won.layer == Layer::Sheet);
        if let (Some(default), true) = (&input.default, weak) {
            let origin = format!("{} (default of the input)", playbook.path);
            let won = Resolved { value: default.clone(), layer: Layer::Playbook, origin };
            resolved.insert(name.clone(), won);
        }
    }
    resolved
}

/// Whether a value's templates use a name for which `which` says yes.
pub(super) fn mentions(value: &Value, which: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Text(text) => {
            expression::names(text, false).is_ok_and(|names| names.iter().any(|name| which(&name.root)))
        }
        Value::List(items) => items.iter().any(|item| mentions(item, which)),
        Value::Map(entries) => entries.values().any(|entry| mentions(entry, which)),
        _ => false,
    }
}
