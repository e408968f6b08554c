//! The way to a server: the jump servers that lie before it, and what opens each of them.

use super::TransportError;
use super::config::{Route, split_jump};
use super::options::{Credentials, Options};
use crate::model::{HostKey, Server, ServerName, slug};
use std::collections::BTreeMap;

/// Longest chain of jump servers.
const JUMPS_MAX: usize = 6;

/// A server of the inventory that leads to another one.
#[derive(Debug, Clone)]
pub struct Jump {
    /// Where and how to connect; its own `jump` counts for the first one of a way only.
    pub server: Server,
    /// What opens it. A password goes to this server alone.
    pub credentials: Credentials,
}

/// What lies before a server. Nothing, by default: then the server's `jump` and the SSH
/// configuration's `ProxyJump` may still name hosts.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// Servers of the inventory, the nearest to here first; the last one is the server's `jump`.
    pub jumps: Vec<Jump>,
    /// What opens the hosts that are no servers of the inventory, by the name that leads to them.
    pub hosts: BTreeMap<String, Credentials>,
}

impl Way {
    /// What opens the jump server `name`, to add to it.
    pub fn credentials_of(&mut self, name: &str) -> &mut Credentials {
        match self.jumps.iter_mut().find(|jump| jump.server.name.as_str() == name) {
            Some(jump) => &mut jump.credentials,
            None => self.hosts.entry(name.to_owned()).or_default(),
        }
    }
}

/// What a host on the way is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Station {
    /// As it was written: a server's name, or `user@host:port`.
    pub(super) label: String,
    /// Whether it is a server of the inventory.
    pub(super) listed: bool,
    /// The name for messages.
    pub(super) server: ServerName,
    /// Where it was looked for.
    pub(super) address: String,
}

/// One host on the way, the last one included.
pub(super) struct Hop {
    pub(super) station: Station,
    pub(super) route: Route,
    pub(super) pinned: Vec<HostKey>,
    pub(super) credentials: Credentials,
}

impl Hop {
    fn of_server(server: &Server, route: Route, credentials: &Credentials) -> Self {
        let station = Station {
            label: server.name.to_string(),
            listed: true,
            server: server.name.clone(),
            address: server.address.chars().filter(|c| !c.is_control()).collect(),
        };
        Self { station, route, pinned: server.host_keys.clone(), credentials: credentials.clone() }
    }

    /// Two hops with the same text lead to the same place in the same way.
    pub(super) fn identity(&self) -> String {
        format!("{:?} {:?}\n", self.route, self.pinned)
    }
}

/// Every host from here to `server`, which is the last one.
pub(super) async fn hops(
    server: &Server,
    way: &Way,
    credentials: &Credentials,
    options: &Options,
) -> Result<Vec<Hop>, TransportError> {
    let first = way.jumps.first().map_or(server, |jump| &jump.server);
    let route = Route::of_server(first, options).await?;
    let names = match first.jump.as_deref() {
        Some("none") => Vec::new(),
        Some(names) => names.split(',').map(|name| name.trim().to_owned()).collect(),
        None => route.jumps.clone(),
    };
    let mut hops = Vec::new();
    for (label, route) in named_routes(&names, options).await? {
        // The key that opens the server may open these too; its passphrase does not travel.
        let usual = Credentials { passphrase: credentials.passphrase.clone(), ..Credentials::default() };
        let credentials = way.hosts.get(&label).cloned().unwrap_or(usual);
        let station = station(&label, server);
        hops.push(Hop { station, route, pinned: Vec::new(), credentials });
    }
    if hops.len() + way.jumps.len() > JUMPS_MAX {
        return Err(too_long(&server.address));
    }
    let mut route = Some(route);
    for jump in &way.jumps {
        let route = match route.take() {
            Some(route) => route,
            None => Route::of_server(&jump.server, options).await?,
        };
        hops.push(Hop::of_server(&jump.server, route, &jump.credentials));
    }
    let route = match route.take() {
        Some(route) => route,
        None => Route::of_server(server, options).await?,
    };
    hops.push(Hop::of_server(server, route, credentials));
    Ok(hops)
}

fn station(label: &str, behind: &Server) -> Station {
    let label: String = label.chars().filter(|c| !c.is_control()).take(200).collect();
    let (_, host, port) = split_jump(&label);
    let server = ServerName::parse(&host).or_else(|_| ServerName::parse(&slug(&host)));
    let server = server.unwrap_or_else(|_| behind.name.clone());
    let address = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    Station { label, listed: false, server, address }
}

/// The routes of a `ProxyJump` list. The first of a list may itself lie behind others.
async fn named_routes(names: &[String], options: &Options) -> Result<Vec<(String, Route)>, TransportError> {
    let mut routes: Vec<(String, Route)> = Vec::new();
    let mut names: Vec<String> = names.to_vec();
    while let Some(first) = names.first().cloned() {
        let mut list = Vec::new();
        for name in &names {
            let (user, host, port) = split_jump(name);
            list.push((name.clone(), Route::resolve(&host, user.as_deref(), port, options).await?));
        }
        names = list.first().map(|(_, route)| route.jumps.clone()).unwrap_or_default();
        list.append(&mut routes);
        routes = list;
        if routes.len() > JUMPS_MAX {
            return Err(too_long(&first));
        }
    }
    Ok(routes)
}

fn too_long(address: &str) -> TransportError {
    let cause = format!("the way leads through more than {JUMPS_MAX} jump servers, or in a circle");
    TransportError::Config { address: address.chars().filter(|c| !c.is_control()).collect(), cause }
}
