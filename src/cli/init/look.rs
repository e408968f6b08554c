//! What a server that has the system already shows. The system is only asked; the one thing that
//! appears there is the transport's own folder.

use crate::{
    cli::{CliError, Terminal},
    executor::ExecutorError,
    model::{Become, HostKey, RunAs, Script, Server, ServerName, Value},
    report::escape,
    transport::{self, Credentials, Frame, Options, Session, Way},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most names of services and packages that are noted.
const NAMES_MAX: usize = 40;

/// What was found.
pub struct Found {
    /// The server's entry of the inventory, its name after `@NAME@`.
    pub server: String,
    /// Comments for the data sheet.
    pub notes: String,
}

/// Units that run, and those of well-known packages that are installed.
const SCRIPT: &str = r#"if command -v systemctl >/dev/null 2>&1; then
  systemctl list-units --type=service --state=running --no-legend --plain 2>/dev/null |
    while read -r name rest; do printf 'service %s\n' "${name%.service}"; done
fi
if command -v dpkg-query >/dev/null 2>&1; then
  for name in apache2 nginx mariadb-server mysql-server postgresql redis-server php tomcat10 tomcat9 \
    nodejs python3-django mediawiki moodle docker.io; do
    case $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) in
      *' installed') printf 'package %s\n' "$name" ;;
    esac
  done
fi
if sudo -n true 2>/dev/null; then printf 'sudo yes\n'; fi
exit 0"#;

/// Connects, after the host key was compared, and looks.
pub async fn look(terminal: &Terminal, from: &str, fingerprint: Option<&str>) -> Result<Found, CliError> {
    let mut server = parse(from)?;
    let options = Options::default();
    let failed = |error| CliError::from(ExecutorError::Transport(error));
    let keys = transport::fetch_host_keys(&server, &Way::default(), &options).await.map_err(failed)?;
    let key = compared(terminal, from, keys, fingerprint)?;
    server.host_keys = vec![key.clone()];
    let session = Session::connect(&server, &Way::default(), &Credentials::default(), &options)
        .await
        .map_err(failed)?;
    let facts = session.facts().await.map_err(failed)?;
    let frame = Frame::ask(RunAs::Login, Script::new(SCRIPT)).output_limit(64 * 1024);
    let reply = session.run(vec![frame]).await.map_err(failed)?.pop();
    session.close().await;
    let answer = reply.map(|reply| reply.answer(&server.name)).transpose().map_err(failed)?;
    let text = answer.map(|answer| answer.text()).unwrap_or_default();
    Ok(Found { server: entry(&server, &key, &facts, &text), notes: notes(from, &facts, &text) })
}

/// Reads `user@server` with a port after a colon, where there is one.
fn parse(from: &str) -> Result<Server, CliError> {
    let wrong = || CliError::input(format!("`{}` is not USER@SERVER", escape::visible(from)));
    let (user, host) = from.rsplit_once('@').ok_or_else(wrong)?;
    let (address, port) = match host.split_once(':') {
        Some((address, port)) if !port.contains(':') => (address, Some(port.parse().map_err(|_| wrong())?)),
        _ => (host, None),
    };
    let plain = |text: &str, more: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(good)
    };
    if !plain(user, "-_.") || !plain(address, "-_.:") || port == Some(0) {
        return Err(wrong());
    }
    Ok(Server {
        name: ServerName::parse("from").map_err(|_| wrong())?,
        address: address.to_owned(),
        port,
        user: Some(user.to_owned()),
        escalation: Become::No,
        sudo_password: None,
        password: None,
        identity_file: None,
        passphrase: None,
        jump: None,
        host_keys: Vec::new(),
        groups: BTreeSet::new(),
        variables: BTreeMap::new(),
    })
}

/// The host key that a person, or a known fingerprint, says is right.
fn compared(
    terminal: &Terminal,
    from: &str,
    keys: Vec<HostKey>,
    fingerprint: Option<&str>,
) -> Result<HostKey, CliError> {
    let all: Vec<_> = keys.into_iter().filter_map(|key| Some((transport::fingerprint(&key)?, key))).collect();
    for (fingerprint, key) in &all {
        terminal.note(&format!("{from} shows {} {fingerprint}", key.0.split(' ').next().unwrap_or_default()));
    }
    if let Some(wanted) = fingerprint {
        let found = all.into_iter().find(|(fingerprint, _)| fingerprint == wanted.trim());
        return found.map(|(_, key)| key).ok_or_else(|| {
            CliError::input("the server shows no key with that fingerprint; nothing was made")
        });
    }
    if !terminal.can_ask() {
        return Err(CliError::input("nobody is here to compare the fingerprint; nothing was made")
            .hint("give the one that is right: `--fingerprint SHA256:…`"));
    }
    terminal.note("compare with its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    let yes = dialoguer::Confirm::new().with_prompt("Is it the same?").default(false).interact();
    match (yes.unwrap_or(false), all.into_iter().next()) {
        (true, Some((_, key))) => Ok(key),
        _ => Err(CliError::input("the host key was not accepted; nothing was made")),
    }
}

fn entry(server: &Server, key: &HostKey, facts: &BTreeMap<String, Value>, text: &str) -> String {
    let root = facts.get("uid") == Some(&Value::Int(0));
    let sudo = if text.lines().any(|line| line == "sudo yes") { "sudo" } else { "no" };
    let escalation = match (root, sudo) {
        (true, _) => "no    # the login is root already".to_owned(),
        (false, "no") => "sudo    # it asks for a password: see `sudo_password`".to_owned(),
        (false, sudo) => sudo.to_owned(),
    };
    let port = server.port.map(|port| format!("        port: {port}\n")).unwrap_or_default();
    format!(
        "      # Looked at when the project was made: {}, {}.\n      # It is taken for production, whose rules are \
         the strictest; move it where it belongs.\n      @NAME@-live:\n        address: {}\n{port}        user: {}\n        \
         become: {escalation}\n        groups: [app]\n        host_key: {}\n",
        fact(facts, "os_name"),
        fact(facts, "arch"),
        quoted(&server.address),
        quoted(server.user.as_deref().unwrap_or_default()),
        key.0
    )
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A fact as one line of a comment.
fn fact(facts: &BTreeMap<String, Value>, name: &str) -> String {
    match facts.get(name) {
        Some(Value::Text(text)) => plain(text),
        Some(Value::Int(number)) => number.to_string(),
        _ => "unknown".to_owned(),
    }
}

fn plain(text: &str) -> String {
    let good = |c: &char| c.is_ascii_alphanumeric() || " @.:_+-/()".contains(*c);
    text.chars().filter(good).take(80).collect()
}

fn notes(from: &str, facts: &BTreeMap<String, Value>, text: &str) -> String {
    let names = |kind: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(kind));
        lines.map(|name| plain(name.trim())).filter(|name| !name.is_empty()).take(NAMES_MAX).collect()
    };
    let mut notes = format!(
        "\n# What {} showed: {}, {}, {} processors.\n",
        plain(from),
        fact(facts, "os_name"),
        fact(facts, "arch"),
        fact(facts, "cpus")
    );
    for (what, names) in
        [("Services that run", names("service ")), ("Packages that may belong to it", names("package "))]
    {
        notes.push_str(&format!("# {what}{}\n", if names.is_empty() { ": none seen" } else { ":" }));
        for name in names {
            notes.push_str(&format!("#   {name}\n"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_user_and_address() {
        let server = parse("deploy@10.0.0.1:2222").unwrap();
        assert_eq!(
            (server.address.as_str(), server.port, server.user.as_deref()),
            ("10.0.0.1", Some(2222), Some("deploy"))
        );
        assert_eq!(parse("deploy@fe80::1").unwrap().address, "fe80::1");
        for bad in
            ["", "server", "@server", "a@", "a@-oProxyCommand=x", "a b@c", "a@b:0", "a@b:x", "a@b c", "a@b\n"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_server_says_stays_in_its_comment() {
        let hostile = "service ok\nservice a\u{1b}[2J: {x}\npackage x\"\r\n";
        let facts = BTreeMap::from([("os_name".to_owned(), Value::Text("Debian\nkind: evil".to_owned()))]);
        let notes = notes("a@b", &facts, hostile);
        assert!(notes.lines().all(|line| line.is_empty() || line.starts_with('#')), "{notes}");
        assert!(!notes.contains('\u{1b}'));
    }
}
