//! Connections: TCP, jumps, key exchange, host key, login.

use super::TransportError;
use super::auth::{self, Offer};
use super::config::{Route, split_jump};
use super::hostkey::{self, Trust};
use super::options::{Credentials, Options};
use crate::model::{HostKey, Server, ServerName};
use russh::client::{self, Handle};
use russh::keys::PublicKeyOrCertificate;
use russh::{Preferred, cipher};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Handshakes at once to one sshd; more are refused at random (`MaxStartups`).
const HANDSHAKES_MAX: usize = 4;
/// Attempts when a handshake is cut off.
const ATTEMPTS_MAX: u32 = 8;
/// Longest chain of jumps.
const JUMPS_MAX: usize = 6;
/// Time for the login; a person may have to touch a key.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Window of the persistent shell's connection, in bytes.
const SHELL_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Window of a connection for bulk data; with 2 MiB a line of 80 ms carries 12 MiB/s, with 8 MiB 30.
const BULK_WINDOW_BYTES: u32 = 12 * 1024 * 1024;

pub(super) type Client = Handle<Watcher>;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Shell,
    Bulk,
}

/// A connection, with the connections that it goes through.
pub(super) struct Connection {
    pub(super) client: Client,
    /// Kept open as long as the last one lives.
    _through: Vec<Client>,
}

/// Sees the host key while the connection is made.
pub(super) struct Watcher {
    trust: Trust,
    verdict: Arc<Mutex<Verdict>>,
}

#[derive(Default)]
struct Verdict {
    refused: Option<TransportError>,
    shown: Option<HostKey>,
}

impl client::Handler for Watcher {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let result = self.trust.check(shown);
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        verdict.shown = Some(hostkey::without_comment(&shown.public_key()));
        verdict.refused = result.err();
        Ok(verdict.refused.is_none())
    }
}

/// One host on the way.
struct Hop<'a> {
    route: Route,
    pinned: &'a [HostKey],
    password: Option<&'a secrecy::SecretString>,
    passphrase: Option<&'a secrecy::SecretString>,
}

/// Connects to `server` and logs in.
pub(super) async fn connect(
    server: &Server,
    jump: Option<&Server>,
    credentials: &Credentials,
    options: &Options,
    purpose: Purpose,
) -> Result<Connection, TransportError> {
    let hops = hops(server, jump, credentials, options).await?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        match through(&server.name, &hops, options, purpose, None).await {
            Ok(connection) => return Ok(connection),
            Err(Failure::Cut(_)) if attempt < ATTEMPTS_MAX => {
                tokio::time::sleep(pause(attempt)).await;
            }
            Err(failure) => return Err(failure.into_error(server)),
        }
    }
}

/// Longer after each attempt, and never the same for two that were refused together.
fn pause(attempt: u32) -> Duration {
    let [chance, ..] = *uuid::Uuid::new_v4().as_bytes();
    Duration::from_millis((100 << attempt.min(4)) + 2 * u64::from(chance))
}

/// Asks a server for its host keys, one of each kind, without logging in.
///
/// The way to it, where it leads through jumps, is checked as always.
///
/// # Errors
/// When it cannot be reached.
pub async fn fetch_host_keys(
    server: &Server,
    jump: Option<&Server>,
    options: &Options,
) -> Result<Vec<HostKey>, TransportError> {
    let credentials = Credentials::default();
    let hops = hops(server, jump, &credentials, options).await?;
    let mut keys: Vec<HostKey> = Vec::new();
    let mut failure = None;
    let kinds = Trust::new(&server.name, "", 22, None, &[], &[]).algorithms();
    for kind in kinds {
        let verdict = Arc::new(Mutex::new(Verdict::default()));
        let show = Some((kind, verdict.clone()));
        let result = through(&server.name, &hops, options, Purpose::Shell, show).await;
        let shown = verdict.lock().unwrap_or_else(PoisonError::into_inner).shown.take();
        match (shown, result) {
            (Some(key), _) => {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            (None, Err(failed)) => failure = Some(failed),
            (None, Ok(_)) => {}
        }
        if matches!(failure, Some(Failure::Unreachable(_) | Failure::Final(_))) {
            break;
        }
    }
    match (keys.is_empty(), failure) {
        (true, Some(failure)) => Err(failure.into_error(server)),
        _ => Ok(keys),
    }
}

async fn hops<'a>(
    server: &'a Server,
    jump: Option<&'a Server>,
    credentials: &'a Credentials,
    options: &Options,
) -> Result<Vec<Hop<'a>>, TransportError> {
    let route = Route::of_server(server, options).await?;
    let passphrase = credentials.passphrase.as_ref();
    // A password goes to its own server alone.
    let hop = |route: Route, pinned: &'a [HostKey]| Hop { route, pinned, password: None, passphrase };
    let mut hops = Vec::new();
    if let Some(jump) = jump {
        let jump_route = Route::of_server(jump, options).await?;
        hops.extend(named_hops(&jump_route.jumps, options).await?.into_iter().map(|route| hop(route, &[])));
        hops.push(hop(jump_route, &jump.host_keys));
    } else {
        let names = match server.jump.as_deref() {
            Some(names) if names != "none" => names.split(',').map(str::to_owned).collect(),
            Some(_) => Vec::new(),
            None => route.jumps.clone(),
        };
        hops.extend(named_hops(&names, options).await?.into_iter().map(|route| hop(route, &[])));
    }
    hops.push(Hop { route, pinned: &server.host_keys, password: credentials.password.as_ref(), passphrase });
    Ok(hops)
}

/// The routes of a `ProxyJump` list. The first of a list may itself lie behind others.
async fn named_hops(names: &[String], options: &Options) -> Result<Vec<Route>, TransportError> {
    let mut routes: Vec<Route> = Vec::new();
    let mut names: Vec<String> = names.to_vec();
    while let Some(first) = names.first().cloned() {
        let mut list = Vec::new();
        for name in &names {
            let (user, host, port) = split_jump(name);
            list.push(Route::resolve(&host, user.as_deref(), port, options).await?);
        }
        names = list.first().map(|route| route.jumps.clone()).unwrap_or_default();
        list.append(&mut routes);
        routes = list;
        if routes.len() > JUMPS_MAX {
            let cause = format!("more than {JUMPS_MAX} jumps");
            return Err(TransportError::Config { address: first, cause });
        }
    }
    Ok(routes)
}

/// Why an attempt came to nothing.
enum Failure {
    /// Cut off before anything happened: the server may be busy.
    Cut(String),
    /// The two sides have no algorithm in common.
    Foreign(String),
    Unreachable(String),
    Final(TransportError),
}

impl Failure {
    fn into_error(self, server: &Server) -> TransportError {
        match self {
            Self::Final(error) => error,
            Self::Cut(cause) | Self::Foreign(cause) | Self::Unreachable(cause) => {
                let address = server.address.chars().filter(|c| !c.is_control()).collect();
                TransportError::Unreachable { server: server.name.clone(), address, cause }
            }
        }
    }
}

type Show = Option<(russh::keys::Algorithm, Arc<Mutex<Verdict>>)>;

async fn through(
    server: &ServerName,
    hops: &[Hop<'_>],
    options: &Options,
    purpose: Purpose,
    show: Show,
) -> Result<Connection, Failure> {
    let mut clients: Vec<Client> = Vec::new();
    let mut permits = Vec::new();
    for (index, hop) in hops.iter().enumerate() {
        let last = index + 1 == hops.len();
        permits.push(permit(&hop.route.host, hop.route.port).await?);
        let limit = hop.route.connect_timeout.unwrap_or(options.connect_timeout);
        let show = if last { show.clone() } else { None };
        let showing = show.is_some();
        let purpose = if last { purpose } else { Purpose::Bulk };
        let many = hops.len() > 1;
        let shake = handshake(server, hop, clients.last(), many, options, purpose, show);
        let mut client = match tokio::time::timeout(limit, shake).await {
            Ok(client) => client?,
            Err(_) => return Err(Failure::Unreachable(format!("no answer within {} s", limit.as_secs()))),
        };
        if !showing {
            let offer =
                Offer { server, route: &hop.route, password: hop.password, passphrase: hop.passphrase };
            match tokio::time::timeout(LOGIN_TIMEOUT, auth::log_in(&mut client, &offer)).await {
                Ok(result) => result.map_err(Failure::Final)?,
                Err(_) => return Err(Failure::Unreachable("the login took too long".to_owned())),
            }
        }
        clients.push(client);
    }
    let client = clients.pop().ok_or_else(|| Failure::Unreachable("there is no way".to_owned()))?;
    Ok(Connection { client, _through: clients })
}

async fn handshake(
    server: &ServerName,
    hop: &Hop<'_>,
    before: Option<&Client>,
    many: bool,
    options: &Options,
    purpose: Purpose,
    show: Show,
) -> Result<Client, Failure> {
    let route = &hop.route;
    // Also beside pinned keys: a revocation counts there too.
    let files = route.known_hosts_files().await;
    let mut trust = Trust::new(server, &route.host, route.port, route.alias.as_deref(), hop.pinned, &files);
    let mut algorithms = trust.algorithms();
    let verdict = match show {
        Some((kind, verdict)) => {
            trust.show_only = true;
            algorithms = vec![kind];
            verdict
        }
        None => Arc::new(Mutex::new(Verdict::default())),
    };
    let config = Arc::new(config(options, purpose, &trust, algorithms));
    let watcher = Watcher { trust, verdict: verdict.clone() };
    let result = match (before, &route.command) {
        (Some(client), _) => {
            let channel = client
                .channel_open_direct_tcpip(route.host.clone(), u32::from(route.port), "127.0.0.1", 0)
                .await
                .map_err(|error| Failure::Unreachable(format!("the jump server says: {error}")))?;
            client::connect_stream(config, channel.into_stream(), watcher).await
        }
        (None, Some(command)) => {
            let stream = proxy(command).map_err(|error| Failure::Unreachable(error.to_string()))?;
            client::connect_stream(config, stream, watcher).await
        }
        (None, None) => {
            let stream = TcpStream::connect((route.host.as_str(), route.port)).await.map_err(network)?;
            stream.set_nodelay(true).map_err(network)?;
            client::connect_stream(config, Prompt { stream, at_once: many }, watcher).await
        }
    };
    let refused = verdict.lock().unwrap_or_else(PoisonError::into_inner).refused.take();
    match (result, refused) {
        (_, Some(refused)) => Err(Failure::Final(refused)),
        (Ok(client), None) => Ok(client),
        (Err(error), None) => Err(kex_failure(&error)),
    }
}

fn network(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::ConnectionReset {
        Failure::Cut(error.to_string())
    } else {
        Failure::Unreachable(error.to_string())
    }
}

fn kex_failure(error: &russh::Error) -> Failure {
    match error {
        russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect | russh::Error::Version => {
            Failure::Cut(format!("the handshake was cut off: {error}"))
        }
        russh::Error::NoCommonAlgo { .. } => Failure::Foreign(error.to_string()),
        other => Failure::Unreachable(other.to_string()),
    }
}

fn config(
    options: &Options,
    purpose: Purpose,
    trust: &Trust,
    algorithms: Vec<russh::keys::Algorithm>,
) -> client::Config {
    let ciphers = [
        cipher::AES_128_GCM,
        cipher::AES_256_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ];
    client::Config {
        window_size: if purpose == Purpose::Bulk { BULK_WINDOW_BYTES } else { SHELL_WINDOW_BYTES },
        keepalive_interval: Some(options.keepalive_interval),
        keepalive_max: options.keepalive_max,
        nodelay: true,
        preferred: Preferred {
            key: Cow::Owned(algorithms),
            host_key_certificates: Cow::Owned(trust.certificate_algorithms()),
            cipher: Cow::Owned(ciphers.to_vec()),
            ..Preferred::default()
        },
        ..client::Config::default()
    }
}

async fn permit(host: &str, port: u16) -> Result<OwnedSemaphorePermit, Failure> {
    static DOORS: OnceLock<Mutex<HashMap<String, Arc<Semaphore>>>> = OnceLock::new();
    let door = {
        let mut doors = DOORS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        let door = doors.entry(format!("{host} {port}"));
        door.or_insert_with(|| Arc::new(Semaphore::new(HANDSHAKES_MAX))).clone()
    };
    door.acquire_owned().await.map_err(|_| Failure::Unreachable("shutting down".to_owned()))
}

fn proxy(command: &str) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", &format!("exec {command}")])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let missing = || io::Error::other("the proxy command has no pipes");
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stdin = child.stdin.take().ok_or_else(missing)?;
    // It ends with its pipes; the task only reaps it.
    tokio::spawn(async move {
        let _ = child.wait().await;
    });
    Ok(tokio::io::join(stdout, stdin))
}

/// A TCP stream that acknowledges at once where sessions of a jump server, which leaves Nagle's
/// algorithm on, would otherwise wait 40 ms for the acknowledgement of every small packet.
struct Prompt {
    stream: TcpStream,
    at_once: bool,
}

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        #[cfg(target_os = "linux")]
        if self.at_once {
            // The system forgets it after a while, so it is asked for again; a failure only costs time.
            let _ = self.stream.set_quickack(true);
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
