//! `esclusa trust`: shows a server's host keys, and pins them when a person has compared them.

use super::{CliError, Format, Global, Terminal, approach, edit, project};
use crate::{
    document::Source,
    executor::{self, ExecutorError},
    model::{ExitCode, HostKey, Server, ServerName},
    report::{escape, table::Table},
    transport,
};
use clap::Args;
use serde_json::json;

/// Arguments of `esclusa trust`.
#[derive(Args)]
pub struct TrustArgs {
    /// The server
    server: String,
    /// The environment that it must belong to
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Option<String>,
    /// Pin the key with this fingerprint, which you know from elsewhere; as often as needed
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Vec<String>,
}

/// A key that the server shows.
struct Shown {
    key: HostKey,
    kind: String,
    fingerprint: String,
    pinned: bool,
}

/// Performs `esclusa trust`.
pub async fn trust(global: &Global, terminal: &Terminal, args: TrustArgs) -> Result<ExitCode, CliError> {
    let read = project::read(global)?;
    let server = find(&read, &args.server, args.env.as_deref())?;
    let keys = fetch(&read, terminal, server).await?;
    let shown: Vec<Shown> = keys.into_iter().filter_map(|key| look(server, key)).collect();
    if shown.is_empty() {
        return Err(CliError::failed(format!("server `{}` shows no host key", server.name)));
    }
    let gone: Vec<_> =
        server.host_keys.iter().filter(|key| shown.iter().all(|one| one.key != **key)).collect();
    let changed = !server.host_keys.is_empty() && shown.iter().all(|one| !one.pinned);
    if terminal.format == Format::Text {
        terminal.result(&text(server, &shown, &gone, changed));
    }
    let complete = gone.is_empty() && shown.iter().all(|one| one.pinned);
    let wanted = if complete && args.fingerprint.is_empty() {
        Vec::new()
    } else {
        chosen(terminal, server, &shown, &args.fingerprint, changed)?
    };
    let same = wanted == server.host_keys;
    if !wanted.is_empty() && !same {
        pin(&read, server, &wanted)?;
    }
    let pinned = complete || !wanted.is_empty();
    let code = if pinned { ExitCode::Done } else { ExitCode::Failed };
    if terminal.format == Format::Text {
        terminal.result(&match (complete || same, pinned) {
            (_, false) => "nothing was pinned.".to_owned(),
            (true, true) => format!("these keys are pinned in {} already.", read.project.inventory),
            (false, true) => format!("pinned in {}.", read.project.inventory),
        });
    } else {
        terminal.json(&document(server, &shown, &gone, changed, pinned, code));
    }
    Ok(code)
}

/// The keys that the server shows. The way to it is opened as always, by a person if need be.
async fn fetch(read: &project::Read, terminal: &Terminal, server: &Server) -> Result<Vec<HostKey>, CliError> {
    let options = executor::options(&read.root, &read.project);
    let way = approach::way(read, server).await;
    let mut approach = way.map_err(|error| CliError::failed(error.to_string()))?;
    let ask = |what: &str, whose: &str| {
        terminal.can_ask().then(|| Terminal::password(&format!("{what} for {whose}"))).flatten()
    };
    loop {
        match transport::fetch_host_keys(server, &approach.way, &options).await {
            Err(error) if approach.learn(&error, server, ask) => {}
            other => return Ok(other.map_err(ExecutorError::from)?),
        }
    }
}

/// The server of this name.
pub fn find<'a>(read: &'a project::Read, name: &str, env: Option<&str>) -> Result<&'a Server, CliError> {
    let name = ServerName::parse(name).map_err(|error| CliError::input(error.to_string()))?;
    let all = || read.inventory.environments.iter();
    if let Some(env) = env.filter(|env| all().all(|one| one.name.as_str() != *env)) {
        return Err(CliError::input(format!("there is no environment `{}`", escape::visible(env))));
    }
    let here = all().filter(|one| env.is_none_or(|env| one.name.as_str() == env));
    here.clone().find_map(|one| one.servers.get(&name)).ok_or_else(|| {
        let known: Vec<_> =
            here.flat_map(|one| one.servers.keys()).map(ToString::to_string).take(20).collect();
        CliError::input(format!("there is no server `{name}`"))
            .hint(format!("the inventory has {}", known.join(", ")))
    })
}

fn look(server: &Server, key: HostKey) -> Option<Shown> {
    Some(Shown {
        kind: kind(&key),
        fingerprint: transport::fingerprint(&key)?,
        pinned: server.host_keys.contains(&key),
        key,
    })
}

fn kind(key: &HostKey) -> String {
    key.0.split(' ').next().unwrap_or_default().to_owned()
}

fn text(server: &Server, shown: &[Shown], gone: &[&HostKey], changed: bool) -> String {
    let port = server.port.map(|port| format!(", port {port}")).unwrap_or_default();
    let mut text = format!("{} at {}{port} shows:\n\n", server.name, escape::visible(&server.address));
    let mut table = Table::new(&["key", "fingerprint", "state"]);
    for one in shown {
        let state = if one.pinned { "pinned" } else { "new" };
        table = table.row(vec![one.kind.clone(), one.fingerprint.clone(), state.to_owned()]);
    }
    for key in gone {
        let fingerprint = transport::fingerprint(key).unwrap_or_default();
        table = table.row(vec![kind(key), fingerprint, "was pinned".to_owned()]);
    }
    text.push_str(&table.render(80));
    if changed {
        text.push_str(
            "\nTHE KEY HAS CHANGED: none of the pinned keys is shown. Either the server was installed\n\
             again, or somebody stands between you and it.\n",
        );
    }
    text
}

/// The keys to pin: those whose fingerprints were given, or all after a person has said so.
fn chosen(
    terminal: &Terminal,
    server: &Server,
    shown: &[Shown],
    fingerprints: &[String],
    changed: bool,
) -> Result<Vec<HostKey>, CliError> {
    if !fingerprints.is_empty() {
        return fingerprints
            .iter()
            .map(|text| {
                let wanted = text.trim().trim_end_matches('=');
                let found = shown.iter().find(|one| one.fingerprint == wanted);
                found.map(|one| one.key.clone()).ok_or_else(|| {
                    CliError::input(format!(
                        "server `{}` shows no key with the fingerprint `{}`; nothing was pinned",
                        server.name,
                        escape::visible(wanted)
                    ))
                    .hint("if the fingerprint is right, somebody may stand between you and the server")
                })
            })
            .collect();
    }
    if !terminal.can_ask() {
        return Err(CliError::input("nobody is here to compare the fingerprints; nothing was pinned")
            .hint("on the server's console: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`")
            .hint(format!(
                "then pin the one that is right: `esclusa trust {} --fingerprint SHA256:…`",
                server.name
            )));
    }
    terminal.note("Compare with what the server's own console shows, not over this line:");
    terminal.note("  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    let question = if changed { "Replace the pinned keys by these?" } else { "Are they the same? Pin them?" };
    let yes = dialoguer::Confirm::new().with_prompt(question).default(false).interact().unwrap_or(false);
    Ok(if yes { shown.iter().map(|one| one.key.clone()).collect() } else { Vec::new() })
}

/// Writes the keys into the inventory, or says what to write.
fn pin(read: &project::Read, server: &Server, keys: &[HostKey]) -> Result<(), CliError> {
    let name = &read.project.inventory;
    let path = read.root.join(name);
    let by_hand = |error: String| {
        let all = keys.iter().map(|key| key.0.as_str()).collect::<Vec<_>>().join(", ");
        CliError::failed(error).hint(format!("write under `{}` in {name}: `host_key: [{all}]`", server.name))
    };
    let _alone = edit::alone(&read.root)?;
    let text = std::fs::read_to_string(&path).map_err(|error| by_hand(format!("`{name}`: {error}")))?;
    let source = Source::new(name.as_str(), text);
    let edited = edit::pin_host_keys(&source, &read.project.zone, &server.name, keys)
        .map_err(|error| by_hand(error.to_string()))?;
    edit::write(&path, &edited).map_err(|error| by_hand(format!("`{name}` cannot be written: {error}")))
}

fn document(
    server: &Server,
    shown: &[Shown],
    gone: &[&HostKey],
    changed: bool,
    pinned: bool,
    code: ExitCode,
) -> serde_json::Value {
    let keys: Vec<_> = shown
        .iter()
        .map(|one| json!({"type": one.kind, "fingerprint": one.fingerprint, "key": one.key, "was_pinned": one.pinned}))
        .collect();
    let gone: Vec<_> = gone.iter().map(|key| transport::fingerprint(key)).collect();
    json!({
        "exit": code.number(), "server": server.name, "address": server.address, "keys": keys,
        "no_longer_shown": gone, "changed": changed, "pinned": pinned,
    })
}
