//! What the `jump` keys of an inventory lead to.

use super::Environment;
use crate::document::{Decoder, Node};
use std::collections::HashMap;

/// Longest way through servers of the inventory.
const JUMPS_MAX: usize = 6;

/// A `jump` names a server of the inventory or hosts of the SSH configuration, and comes to an end.
pub fn check(decoder: &mut Decoder<'_>, node: &Node, environments: &[Environment]) {
    let jumps: HashMap<&str, Option<&str>> = environments
        .iter()
        .flat_map(|environment| environment.servers.values())
        .map(|server| (server.name.as_str(), server.jump.as_deref()))
        .collect();
    for (_, entry) in node.entries_of("environments") {
        for (name, server) in entry.entries_of("servers") {
            let Some(at) = server.get("jump") else { continue };
            let text = at.scalar().unwrap_or_default();
            if let Err((message, help)) = form(text, &jumps).and_then(|()| end(&name.text, &jumps)) {
                decoder.error(at.span, message, help);
            }
        }
    }
}

/// Whether a `jump` is written as one.
fn form(text: &str, jumps: &HashMap<&str, Option<&str>>) -> Result<(), (String, String)> {
    let hosts: Vec<&str> = text.split(',').map(str::trim).collect();
    if let Some(bad) = hosts.iter().find(|host| !is_host(host)) {
        let message = format!("`{bad}` is no server and no host to go through");
        let help = "name a server of the inventory, or hosts: `user@host:port`, separated by commas";
        return Err((message, help.to_owned()));
    }
    if hosts.len() > 1
        && let Some(listed) = hosts.iter().find(|host| jumps.contains_key(**host))
    {
        let message = format!("`{listed}` is a server of the inventory and cannot stand in a list");
        let help = "name the last server before this one alone, and give that one a `jump` of its own";
        return Err((message, help.to_owned()));
    }
    Ok(())
}

/// `host`, `user@host:port`, `ssh://user@host:port` or `[v6]:port`; it becomes a word of `ssh -G`.
fn is_host(text: &str) -> bool {
    let text = text.strip_prefix("ssh://").unwrap_or(text);
    let (user, host) = text.rsplit_once('@').map_or((None, text), |(user, host)| (Some(user), host));
    let word = |text: &str| {
        let bad = |c: char| c.is_whitespace() || c.is_control() || "/@,".contains(c);
        !text.is_empty() && !text.starts_with('-') && !text.contains(bad)
    };
    let port = host.strip_prefix('[').map_or_else(
        || host.split_once(':').map(|(_, port)| port).filter(|port| !port.contains(':')),
        |rest| rest.split_once("]:").map(|(_, port)| port),
    );
    word(host)
        && user.is_none_or(word)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether the way from a server comes to an end soon enough.
fn end(server: &str, jumps: &HashMap<&str, Option<&str>>) -> Result<(), (String, String)> {
    let mut way = vec![server];
    while let Some(next) = way.last().and_then(|last| jumps.get(*last).copied().flatten()) {
        if !jumps.contains_key(next) {
            break;
        }
        if let Some(first) = way.iter().position(|before| *before == next) {
            let circle = way[first..].iter().chain([&next]).copied().collect::<Vec<_>>().join(" → ");
            let message = format!("the way to `{server}` never ends: {circle}");
            return Err((message, "remove one of the `jump` keys of the circle".to_owned()));
        }
        way.push(next);
    }
    if way.len() > JUMPS_MAX + 1 {
        let message = format!("the way to `{server}` leads through {} servers", way.len() - 1);
        return Err((message, format!("at most {JUMPS_MAX} can be gone through")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_to_go_through_is_written_as_ssh_takes_it() {
        for good in [
            "bastion",
            "me@bastion",
            "me@bastion:2222",
            "ssh://me@b:22",
            "[::1]:22",
            "::1",
            "10.0.0.1",
            "none",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in
            ["", "-oProxyCommand=x", "a b", "a/b", "me@", "@b", "b:0", "b:x", "[::1]:", "me@-x", "a\nb"]
        {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
