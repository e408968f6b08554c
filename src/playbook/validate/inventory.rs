//! The inventory against people and secrets, and variables that hold what they must not.

use crate::{
    document::{Decoder, Diagnostic, Diagnostics, Node, Source, Span, yaml},
    expression,
    inventory::{Environment, Inventory, Project},
    model::{EnvironmentKind, People, Server, Value},
};
use std::collections::{BTreeMap, BTreeSet};

/// Checks the inventory against people and secrets, where these could be read: gates that nobody can
/// satisfy, unknown secrets, groups that disagree. The inventory may have faults itself, which
/// `diagnostics` holds: what hangs on them is not told.
pub fn check_inventory(
    source: &Source,
    inventory: &Inventory,
    people: Option<&People>,
    project: Option<&Project>,
    diagnostics: &mut Diagnostics,
) {
    let Ok(tree) = yaml::parse(source) else { return };
    check_variable_templates(source, &tree, diagnostics);
    let secrets: Option<Vec<&str>> =
        project.map(|project| project.secrets.keys().map(|name| name.as_str()).collect());
    for (key, entry) in tree.entries_of("environments") {
        let Some(environment) = inventory.environments.iter().find(|one| one.name.as_str() == key.text)
        else {
            continue;
        };
        let faulty = |node: &Node| diagnostics.has_errors_within(source.path(), node.span);
        let policy_is_known = !entry.get("policy").is_some_and(faulty) && entry.get("kind").is_some();
        if let Some(people) = people.filter(|_| policy_is_known) {
            check_gate(source, entry, key.span, environment, people, diagnostics);
        }
        for (name, server) in entry.entries_of("servers") {
            let mut decoder = Decoder::new(source, diagnostics);
            for word in ["sudo_password", "password", "passphrase"] {
                let Some(at) = server.get(word) else { continue };
                let secret = at.scalar().unwrap_or_default();
                if let Some(secrets) = secrets.as_ref().filter(|secrets| !secrets.contains(&secret)) {
                    decoder.unknown(at.span, "secret", secret, secrets);
                }
            }
            let known = environment.servers.values().find(|one| one.name.as_str() == name.text);
            if let Some((variable, one, two)) = known.and_then(|server| disagreement(environment, server)) {
                let message =
                    format!("the groups `{one}` and `{two}` of `{}` disagree about `{variable}`", name.text);
                decoder.error(name.span, message, "set the variable for the server, or in one of the groups");
            }
        }
    }
}

/// Checks that somebody else than the control host can open the backups. Production is refused with
/// fewer than two keys when it runs, and this says so before.
pub fn check_vault(source: &Source, project: &Project, inventory: &Inventory, diagnostics: &mut Diagnostics) {
    let keys: BTreeSet<&str> = project.vault.recipients.iter().map(|key| key.trim()).collect();
    let Some(vault) = yaml::parse(source).ok().and_then(|tree| tree.get("vault").cloned()) else { return };
    if diagnostics.has_errors_within(source.path(), vault.span) {
        return;
    }
    let span = vault.get("recipients").map_or(vault.span, |recipients| recipients.span);
    let production =
        inventory.environments.iter().find(|environment| environment.kind == EnvironmentKind::Production);
    let help = "add the recovery key: `age1…`, whose private half lies in a safe";
    match (keys.len(), production) {
        (0, _) => Decoder::new(source, diagnostics).error(
            span,
            "`vault` has no recipients: no backup can be made, so no update either",
            "name the control host's key and the recovery key under `recipients`",
        ),
        (1, Some(environment)) => {
            let message =
                format!("`{}` needs backups that two keys open, and there is one", environment.name);
            Decoder::new(source, diagnostics).error(span, message, help);
        }
        (1, None) => {
            let message = "backups are opened by one key alone; production will need two";
            diagnostics.push(Diagnostic::error(source, span, message).help(help).warning());
        }
        _ => {}
    }
}

fn check_gate(
    source: &Source,
    entry: &Node,
    name: Span,
    environment: &Environment,
    people: &People,
    diagnostics: &mut Diagnostics,
) {
    let Some(rule) = &environment.policy.approve else { return };
    let approve = entry.get("policy").and_then(|policy| policy.get("approve"));
    let span = approve.and_then(|approve| approve.get("each")).or(approve).map_or(name, |node| node.span);
    let span = Span {
        end: span.end.min(source.text()[span.start..].find('\n').map_or(span.end, |n| span.start + n)),
        ..span
    };
    for role in &rule.each {
        let mut eligible = people.with_role(role).peekable();
        let mut decoder = Decoder::new(source, diagnostics);
        if eligible.peek().is_none() {
            let message =
                format!("nobody can approve for `{}`: no person has the role `{role}`", environment.name);
            decoder.error(span, message, format!("give a person `roles: [{role}]` in the people file"));
        } else if rule.signed && eligible.all(|person| person.keys.is_empty()) {
            let message = format!(
                "nobody can sign for `{}`: no person with the role `{role}` has a key",
                environment.name
            );
            decoder.error(span, message, "add `keys:` to the person, or write `signed: false`");
        }
    }
}

fn disagreement<'a>(environment: &'a Environment, server: &'a Server) -> Option<(&'a str, &'a str, &'a str)> {
    let mut seen: BTreeMap<&str, (&str, &Value)> = BTreeMap::new();
    for group in &server.groups {
        for (name, value) in environment.group_variables.get(group).into_iter().flatten() {
            if server.variables.contains_key(name) {
                continue;
            }
            match seen.get(name.as_str()) {
                Some((first, other)) if *other != value => return Some((name, first, group.as_str())),
                _ => {
                    seen.insert(name, (group.as_str(), value));
                }
            }
        }
    }
    None
}

/// Checks the templates in every `variables:` and `with:` of a file: they must be readable, and a
/// variable, which is stored with the plan, cannot hold a secret.
pub fn check_variable_templates(source: &Source, node: &Node, diagnostics: &mut Diagnostics) {
    for item in node.items() {
        check_variable_templates(source, item, diagnostics);
    }
    for (key, value) in node.entries() {
        if !matches!(key.text.as_str(), "variables" | "with") {
            check_variable_templates(source, value, diagnostics);
            continue;
        }
        value.scalars(&mut |scalar, text| match expression::names(text, false) {
            Err(error) => {
                let message = format!("the template cannot be read: {error}");
                Decoder::new(source, diagnostics).error(scalar.span, message, "correct the expression");
            }
            Ok(names) if names.iter().any(|name| name.root == "secret") => {
                let help = "use `{{ secret.NAME }}` in the step that needs it";
                Decoder::new(source, diagnostics).error(scalar.span, "a variable cannot hold a secret", help);
            }
            Ok(_) => {}
        });
    }
}
