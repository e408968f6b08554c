//! `esclusa explain`: a module's keys, or where a variable's value comes from.

use crate::{
    document::{Field, Kind, Shape, decoder::similar},
    inventory::Inventory,
    model::{ServerName, Value},
    playbook::{Playbook, Resolved, variables::Layers},
    system::SystemSheet,
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, fmt::Write as _};

/// Says why there is nothing to explain.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExplainError {
    /// No module has this name.
    #[error("there is no module `{name}`{}", .similar.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default())]
    NoModule {
        /// What was asked for.
        name: String,
        /// The most similar name.
        similar: Option<String>,
    },
    /// No server has this name.
    #[error("there is no server `{0}` in the inventory")]
    NoServer(String),
    /// Nothing sets the variable for this server.
    #[error("nothing sets `{variable}` for the server `{server}`")]
    NotSet {
        /// The variable.
        variable: String,
        /// The server.
        server: String,
    },
}

/// The module of this name.
pub fn find_module(name: &str, modules: &[&'static Shape]) -> Result<&'static Shape, ExplainError> {
    let found = modules.iter().find(|shape| shape.name == name).copied();
    found.ok_or_else(|| {
        let names: Vec<&str> = modules.iter().map(|shape| shape.name).collect();
        let similar = similar(name, &names).map(str::to_owned);
        ExplainError::NoModule { name: name.to_owned(), similar }
    })
}

/// Every module with what it does.
#[must_use]
pub fn list(modules: &[&'static Shape]) -> String {
    let mut text = String::new();
    for shape in modules {
        let _ = writeln!(text, "{:<10} {}", shape.name, shape.doc);
    }
    text
}

/// The same for machines.
#[must_use]
pub fn list_document(modules: &[&'static Shape]) -> Json {
    let modules = modules.iter().map(|shape| json!({ "module": shape.name, "does": shape.doc }));
    json!({ "modules": modules.collect::<Vec<_>>() })
}

/// What a module does and every key of it; `example` is a playbook that shows them, where there is one.
#[must_use]
pub fn explain_module(shape: &Shape, example: Option<&str>) -> String {
    let mut text = format!("{}: {}\n\n", shape.name, shape.doc);
    keys(shape, 1, &mut text);
    for set in shape.one_of {
        let _ = writeln!(text, "\nexactly one of: {}", set.join(", "));
    }
    if let Some(example) = example {
        let _ = write!(text, "\n{}\n", example.trim_end());
    }
    text
}

/// The same for machines.
#[must_use]
pub fn module_document(shape: &Shape, example: Option<&str>) -> Json {
    json!({
        "module": shape.name, "does": shape.doc, "keys": keys_document(shape), "one_of": shape.one_of,
        "example": example,
    })
}

fn keys_document(shape: &Shape) -> Vec<Json> {
    let document = |field: &Field| {
        let inner = match &field.kind {
            Kind::Shape(inner) => keys_document(inner),
            _ => Vec::new(),
        };
        json!({
            "key": field.key, "kind": field.kind.wanted(), "required": field.required, "means": field.doc,
            "keys": inner,
        })
    };
    shape.fields.iter().map(document).collect()
}

fn keys(shape: &Shape, depth: usize, text: &mut String) {
    for Field { key, kind, required, doc, .. } in shape.fields {
        let must = if *required { ", required" } else { "" };
        let _ = writeln!(
            text,
            "{}{key}: {}{must}\n{}{doc}",
            "  ".repeat(depth),
            kind.wanted(),
            "  ".repeat(depth + 2)
        );
        if let Kind::Shape(inner) = kind {
            keys(inner, depth + 2, text);
        }
    }
}

/// Where a variable's value on a server comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Chain {
    variable: String,
    server: String,
    environment: String,
    /// The strongest first.
    layers: Vec<Resolved>,
}

impl Chain {
    /// The layers, with the winner marked.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{} for {} in {}:\n", self.variable, self.server, self.environment);
        for (position, one) in self.layers.iter().enumerate() {
            let mark = if position == 0 { "=>" } else { "  " };
            let value = one.value.scalar();
            let value = value.unwrap_or_else(|| serde_json::to_string(&one.value).unwrap_or_default());
            let _ = writeln!(text, "{mark} {:<12} {:<24} {value}", one.layer.as_str(), one.origin);
        }
        text
    }

    /// The same for machines.
    #[must_use]
    pub fn document(&self) -> Json {
        let layers = self.layers.iter().enumerate().map(|(position, one)| {
            json!({
                "layer": one.layer.as_str(), "origin": one.origin, "value": one.value, "wins": position == 0,
            })
        });
        json!({
            "variable": self.variable, "server": self.server, "environment": self.environment,
            "layers": layers.collect::<Vec<_>>(),
        })
    }
}

/// The layers that set a variable for a server.
pub fn explain_variable(
    variable: &str,
    server: &str,
    inventory: &Inventory,
    sheet: Option<&SystemSheet>,
    playbook: &Playbook,
    inputs: &BTreeMap<String, Value>,
) -> Result<Chain, ExplainError> {
    let missing = || ExplainError::NoServer(server.to_owned());
    let name = ServerName::parse(server).map_err(|_| missing())?;
    let found = inventory
        .environments
        .iter()
        .find_map(|environment| Some((environment, environment.servers.get(&name)?)));
    let (environment, known) = found.ok_or_else(missing)?;
    let with = BTreeMap::new();
    let layers = Layers { sheet, playbook, environment, server: known, inputs, with: &with };
    let mut chain = layers.chain(variable);
    chain.reverse();
    if chain.is_empty() {
        return Err(ExplainError::NotSet { variable: variable.to_owned(), server: server.to_owned() });
    }
    Ok(Chain {
        variable: variable.to_owned(),
        server: server.to_owned(),
        environment: environment.name.to_string(),
        layers: chain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Diagnostics, Source},
        inventory::parse_inventory,
        model::{PlaybookKind, SystemName},
        playbook::without_steps,
    };

    fn inventory() -> Inventory {
        let text = "
groups: {web: {variables: {port: 1}}}
environments:
  test:
    kind: test
    variables: {port: 2, motto: a}
    groups: {web: {variables: {port: 3}}}
    servers:
      one: {address: a, groups: [web], variables: {port: 4}}
      two: {address: b, groups: [web]}
";
        let mut diagnostics = Diagnostics::default();
        let inventory = parse_inventory(&Source::new("inventory.yaml", text), "UTC", &mut diagnostics);
        inventory.unwrap_or_else(|| panic!("{}", diagnostics.render(false)))
    }

    #[test]
    fn the_chain_of_a_variable_names_every_layer_and_marks_the_winner() {
        let mut playbook =
            without_steps("playbooks/x/update.yaml", PlaybookKind::Update, &SystemName::parse("x").unwrap());
        playbook.variables.insert("port".to_owned(), Value::Int(0));
        let inputs = BTreeMap::new();
        let explain = |variable: &str, server: &str, inputs: &BTreeMap<String, Value>| {
            let chain = explain_variable(variable, server, &inventory(), None, &playbook, inputs);
            chain.map(|chain| chain.text())
        };
        let layers = |text: String| -> Vec<String> {
            text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
        };
        assert_eq!(
            layers(explain("port", "one", &inputs).unwrap()),
            ["=> server one 4", "group web 3", "environment test 2", "playbook playbooks/x/update.yaml 0"]
        );
        assert_eq!(layers(explain("port", "two", &inputs).unwrap())[0], "=> group web 3");
        let given = BTreeMap::from([("port".to_owned(), Value::Int(9))]);
        assert_eq!(layers(explain("port", "one", &given).unwrap())[0], "=> input command line 9");
        assert!(matches!(explain("prot", "one", &inputs), Err(ExplainError::NotSet { .. })));
        assert_eq!(explain("port", "six", &inputs), Err(ExplainError::NoServer("six".to_owned())));
    }

    #[test]
    fn a_module_is_explained_with_every_key() {
        const SHAPE: Shape =
            Shape::new("copy", "A file.", &[Field::required("dest", Kind::ServerPath, "Where it goes.")]);
        let text = explain_module(find_module("copy", &[&SHAPE]).unwrap(), Some("- copy: {}"));
        assert!(text.contains("dest: an absolute path, required") && text.contains("- copy: {}"), "{text}");
        let error = find_module("cpoy", &[&SHAPE]).unwrap_err();
        assert_eq!(error.to_string(), "there is no module `cpoy`; did you mean `copy`?");
    }
}
