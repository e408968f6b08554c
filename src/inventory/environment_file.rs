//! Reading the inventory.

use super::{
    Environment, Inventory, jumps,
    policy_file::{self, POLICY},
    ssh_key,
    variables::read_variables,
};
use crate::{
    document::{self, Decoder, Diagnostics, Field, Key, Kind, Node, Shape, Source, Span},
    model::{
        Become, EnvironmentKind, EnvironmentName, GroupName, HostKey, SecretName, Server, ServerName, Value,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const SERVER: Shape = Shape::new(
    "server",
    "One machine.",
    &[
        Field::required("address", Kind::Text, "Host name, IP address, or a name of the SSH configuration."),
        Field::optional("port", Kind::Integer(1, 65_535), "TCP port; the SSH configuration's, or 22."),
        Field::optional("user", Kind::Text, "Login name."),
        Field::optional(
            "become",
            Kind::Word(&["no", "sudo", "doas"]),
            "How steps become root, `no` by default.",
        ),
        Field::optional("sudo_password", Kind::Name, "Secret with the password that sudo asks for."),
        Field::optional("password", Kind::Name, "Secret with the password of the login."),
        Field::optional(
            "identity_file",
            Kind::Text,
            "Private key file, `~` allowed; a relative one lies in the project's folder.",
        ),
        Field::optional("passphrase", Kind::Name, "Secret with the passphrase of the private key file."),
        Field::optional(
            "jump",
            Kind::Text,
            "Server of the inventory to go through, or SSH hosts: `user@host:port`, separated by commas.",
        ),
        Field::optional("host_key", Kind::Texts, "Pinned public keys: `ssh-ed25519 AAAA…`."),
        Field::optional("groups", Kind::List(&Kind::Name), "What it is for."),
        Field::optional("variables", Kind::Map(&Kind::Any), "Its own variables."),
    ],
);

const GROUP: Shape = Shape::new(
    "group",
    "What the servers of a group have in common.",
    &[Field::optional("variables", Kind::Map(&Kind::Any), "Variables of its servers.")],
);

const GROUPS: Kind = Kind::Named(&Kind::Shape(&GROUP));

const ENVIRONMENT: Shape = Shape::new(
    "environment",
    "Servers with one purpose and one policy.",
    &[
        Field::required("kind", Kind::Word(EnvironmentKind::WORDS), "What it is for; policy hangs on it."),
        Field::required("servers", Kind::Named(&Kind::Shape(&SERVER)), "Its servers."),
        Field::optional("policy", Kind::Shape(&POLICY), "What it asks of a run."),
        Field::optional("variables", Kind::Map(&Kind::Any), "Variables of all its servers."),
        Field::optional("groups", GROUPS, "Variables of its groups."),
    ],
);

/// The shape of the inventory.
pub const INVENTORY: Shape = Shape::new(
    "inventory",
    "Environments and their servers.",
    &[
        Field::optional("format", Kind::Integer(1, 1), "Version of the format, 1."),
        Field::required("environments", Kind::Named(&Kind::Shape(&ENVIRONMENT)), "The environments."),
        Field::optional("groups", GROUPS, "Variables of groups in every environment."),
    ],
);

/// Reads the inventory; `zone` is the institution's time zone, for windows that name none.
pub fn parse_inventory(source: &Source, zone: &str, diagnostics: &mut Diagnostics) -> Option<Inventory> {
    let inventory = read_inventory(source, zone, diagnostics)?;
    (!diagnostics.has_errors_in(source.path())).then_some(inventory)
}

/// The same, as far as it can be read: what is wrong in one place must not hide what is wrong in another.
pub fn read_inventory(source: &Source, zone: &str, diagnostics: &mut Diagnostics) -> Option<Inventory> {
    let (node, mut decoder) = document::open(source, &INVENTORY, diagnostics)?;
    let common = group_variables(&mut decoder, &node);
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut environments = Vec::new();
    for (key, entry) in node.entries_of("environments") {
        let Some(environment) = environment(&mut decoder, key, entry, &common, zone) else { continue };
        for (server, _) in entry.entries_of("servers") {
            if let Some(first) = seen.insert(server.text.clone(), server.span) {
                let line = decoder.source.line_column(first.start).0;
                let message = format!("the server `{}` is there twice", server.text);
                let help =
                    format!("the first one is in line {line}; a server's name is unique in the inventory");
                decoder.error(server.span, message, help);
            }
        }
        environments.push(environment);
    }
    ambiguous_names(&mut decoder, &node, &environments);
    jumps::check(&mut decoder, &node, &environments);
    Some(Inventory { environments })
}

fn environment(
    decoder: &mut Decoder<'_>,
    key: &Key,
    entry: &Node,
    common: &BTreeMap<GroupName, BTreeMap<String, Value>>,
    zone: &str,
) -> Option<Environment> {
    let kind = entry.text("kind").and_then(|word| EnvironmentKind::parse(&word));
    let policy =
        policy_file::read(decoder, entry.get("policy"), kind.unwrap_or(EnvironmentKind::Production), zone);
    let mut servers = BTreeMap::new();
    for (name, server) in entry.entries_of("servers") {
        if let Some(server) = read_server(decoder, name, server) {
            servers.insert(server.name.clone(), server);
        }
    }
    let mut groups = common.clone();
    for (group, variables) in group_variables(decoder, entry) {
        groups.entry(group).or_default().extend(variables);
    }
    Some(Environment {
        name: EnvironmentName::parse(&key.text).ok()?,
        kind: kind?,
        servers,
        policy,
        variables: read_variables(decoder, entry, "variables"),
        group_variables: groups,
    })
}

fn group_variables(decoder: &mut Decoder<'_>, node: &Node) -> BTreeMap<GroupName, BTreeMap<String, Value>> {
    node.entries_of("groups")
        .iter()
        .filter_map(|(key, group)| {
            let variables = read_variables(decoder, group, "variables");
            Some((GroupName::parse(&key.text).ok()?, variables))
        })
        .collect()
}

fn read_server(decoder: &mut Decoder<'_>, key: &Key, node: &Node) -> Option<Server> {
    let secret = |key: &str| node.text(key).and_then(|name| SecretName::parse(&name).ok());
    if let Some(address) = node.get("address") {
        let text = address.scalar().unwrap_or_default();
        // It becomes a word of `ssh -G`, where a leading dash would be an option.
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '@' || c == '/';
        if text.starts_with('-') || text.contains(bad) {
            let help = "give a host name or an IP address; `user` and `port` have keys of their own";
            decoder.error(address.span, format!("`{text}` is not an address"), help);
        }
    }
    let mut host_keys = Vec::new();
    if let Some(lines) = node.get("host_key") {
        for line in if lines.scalar().is_some() { std::slice::from_ref(lines) } else { lines.items() } {
            match ssh_key::without_comment(line.scalar().unwrap_or_default()) {
                Ok(key) => host_keys.push(HostKey(key)),
                Err(what) => decoder.error(line.span, what, "`esclusa trust SERVER` shows the server's keys"),
            }
        }
    }
    Some(Server {
        name: ServerName::parse(&key.text).ok()?,
        address: node.text("address")?,
        port: node.number("port"),
        user: node.text("user"),
        escalation: match node.text("become").as_deref() {
            Some("sudo") => Become::Sudo,
            Some("doas") => Become::Doas,
            _ => Become::No,
        },
        sudo_password: secret("sudo_password"),
        password: secret("password"),
        identity_file: node.text("identity_file"),
        passphrase: secret("passphrase"),
        jump: node.text("jump"),
        host_keys,
        groups: node.texts("groups").iter().filter_map(|group| GroupName::parse(group).ok()).collect(),
        variables: read_variables(decoder, node, "variables"),
    })
}

/// A selector's word means one thing: a server may share its name only with its own group or environment.
fn ambiguous_names(decoder: &mut Decoder<'_>, node: &Node, environments: &[Environment]) {
    let all = || environments.iter().flat_map(|environment| environment.servers.values());
    let groups: BTreeSet<&str> = all().flat_map(|server| &server.groups).map(GroupName::as_str).collect();
    let names: BTreeSet<&str> = environments.iter().map(|environment| environment.name.as_str()).collect();
    let words = ["all", "and", "or", "not"];
    for (key, entry) in node.entries_of("environments") {
        for (server, server_node) in entry.entries_of("servers") {
            let text = server.text.as_str();
            let own = server_node.texts("groups").iter().any(|group| group == text);
            let what = match text {
                _ if groups.contains(text) && !own => "a group",
                _ if names.contains(text) && text != key.text => "an environment",
                _ if words.contains(&text) => "a word of selectors",
                _ => continue,
            };
            let message = format!("the server `{text}` is called like {what}");
            decoder.error(server.span, message, "a selector could not tell them apart; rename one");
        }
        if groups.contains(key.text.as_str()) || words.contains(&key.text.as_str()) {
            let message =
                format!("the environment `{}` is called like a group or a word of selectors", key.text);
            decoder.error(key.span, message, "a selector could not tell them apart; rename one");
        }
    }
}
