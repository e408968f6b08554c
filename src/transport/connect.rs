//! Connections: TCP, jumps, key exchange, host key, login.

use super::TransportError;
use super::auth::{self, Offer};
use super::bridge::Bridge;
use super::hostkey::{self, Trust};
use super::options::{Credentials, Options};
use super::way::{self, Hop, Station, Way};
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
    /// Others go through it.
    Bridge,
}

/// A connection, and the jump server that it goes through.
pub(super) struct Connection {
    pub(super) client: Client,
    /// Stays open as long as this one.
    pub(super) through: Option<Arc<Bridge>>,
}

/// Sees the host key while the connection is made.
pub(super) struct Watcher {
    trust: Trust,
    verdict: Arc<Mutex<Verdict>>,
}

#[derive(Default)]
pub(super) struct Verdict {
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

/// Connects to `server` and logs in.
pub(super) async fn connect(
    server: &Server,
    way: &Way,
    credentials: &Credentials,
    options: &Options,
    purpose: Purpose,
) -> Result<Connection, TransportError> {
    let hops = way::hops(server, way, credentials, options).await?;
    let (hop, before) = split(&hops, server)?;
    let made = persist(|| async {
        let bridge = options.bridges.cross(&server.name, before, options).await.map_err(Failure::Final)?;
        let client = arrive(hop, bridge.as_ref(), options, purpose, None).await?;
        Ok(Connection { client, through: bridge })
    });
    made.await.map_err(|failure| failure.at_the_end(&hop.station))
}

fn split<'a>(hops: &'a [Hop], server: &Server) -> Result<(&'a Hop, &'a [Hop]), TransportError> {
    hops.split_last().ok_or_else(|| TransportError::Config {
        address: server.address.clone(),
        cause: "there is no way".to_owned(),
    })
}

/// Tries again while handshakes are cut off.
pub(super) async fn persist<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt().await {
            Err(Failure::Cut(_)) if attempts < ATTEMPTS_MAX => tokio::time::sleep(pause(attempts)).await,
            other => return other,
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
/// The way to it, where it leads through jump servers, is checked and opened as always.
///
/// # Errors
/// When it cannot be reached.
pub async fn fetch_host_keys(
    server: &Server,
    way: &Way,
    options: &Options,
) -> Result<Vec<HostKey>, TransportError> {
    let hops = way::hops(server, way, &Credentials::default(), options).await?;
    let (hop, before) = split(&hops, server)?;
    let bridge = options.bridges.cross(&server.name, before, options).await?;
    let mut keys: Vec<HostKey> = Vec::new();
    let mut failure = None;
    let kinds = Trust::new(&server.name, "", 22, None, &[], &[]).algorithms();
    for kind in kinds {
        let verdict = Arc::new(Mutex::new(Verdict::default()));
        let show = Some((kind, verdict.clone()));
        let result = arrive(hop, bridge.as_ref(), options, Purpose::Shell, show).await;
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
        if matches!(failure, Some(Failure::Unreachable(_) | Failure::Final(_) | Failure::At(..))) {
            break;
        }
    }
    match (keys.is_empty(), failure) {
        (true, Some(failure)) => Err(failure.at_the_end(&hop.station)),
        _ => Ok(keys),
    }
}

/// Why an attempt came to nothing.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Cut off before anything happened: the server may be busy.
    Cut(String),
    /// The two sides have no algorithm in common: for what, and what the other side has.
    Foreign(String, String),
    Unreachable(String),
    Final(TransportError),
    /// A jump server before this host is to blame.
    At(Station, TransportError),
}

impl Failure {
    /// The error of the server that was to be reached.
    fn at_the_end(self, last: &Station) -> TransportError {
        match self {
            Self::At(station, error) => behind(last.server.clone(), station, error),
            other => other.of(last),
        }
    }

    /// The error of a server that lies behind this station.
    pub(super) fn on_the_way(self, station: &Station, target: &ServerName) -> TransportError {
        match self {
            Self::At(station, error) => behind(target.clone(), station, error),
            other => behind(target.clone(), station.clone(), other.of(station)),
        }
    }

    fn of(self, station: &Station) -> TransportError {
        match self {
            Self::Final(error) | Self::At(_, error) => error,
            Self::Foreign(what, theirs) => {
                TransportError::NoCommonAlgorithm { server: station.server.clone(), what, theirs }
            }
            Self::Cut(cause) | Self::Unreachable(cause) => {
                let (server, address) = (station.server.clone(), station.address.clone());
                TransportError::Unreachable { server, address, cause }
            }
        }
    }
}

fn behind(server: ServerName, station: Station, error: TransportError) -> TransportError {
    TransportError::Jump { server, hop: station.label, listed: station.listed, error: Box::new(error) }
}

/// Where a host key is put that is only shown, and of which kind it is to be.
type Show = Option<(russh::keys::Algorithm, Arc<Mutex<Verdict>>)>;

/// Connects to one host, through what lies before it, and logs in unless its key is only shown.
pub(super) async fn arrive(
    hop: &Hop,
    before: Option<&Arc<Bridge>>,
    options: &Options,
    purpose: Purpose,
    show: Show,
) -> Result<Client, Failure> {
    let _permit = permit(&hop.route.host, hop.route.port).await?;
    let limit = hop.route.connect_timeout.unwrap_or(options.connect_timeout);
    let showing = show.is_some();
    let shake = handshake(hop, before, options, purpose, show);
    let mut client = match tokio::time::timeout(limit, shake).await {
        Ok(client) => client?,
        Err(_) => return Err(Failure::Unreachable(format!("no answer within {} s", limit.as_secs()))),
    };
    if showing {
        return Ok(client);
    }
    let offer = Offer {
        server: &hop.station.server,
        route: &hop.route,
        password: hop.credentials.password.as_ref(),
        passphrase: hop.credentials.passphrase.as_ref(),
    };
    match tokio::time::timeout(LOGIN_TIMEOUT, auth::log_in(&mut client, &offer)).await {
        Ok(result) => result.map_err(Failure::Final)?,
        Err(_) => return Err(Failure::Unreachable("the login took too long".to_owned())),
    }
    Ok(client)
}

async fn handshake(
    hop: &Hop,
    before: Option<&Arc<Bridge>>,
    options: &Options,
    purpose: Purpose,
    show: Show,
) -> Result<Client, Failure> {
    let route = &hop.route;
    // Also beside pinned keys: a revocation counts there too.
    let files = route.known_hosts_files().await;
    let server = &hop.station.server;
    let mut trust = Trust::new(server, &route.host, route.port, route.alias.as_deref(), &hop.pinned, &files);
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
        (Some(bridge), _) => {
            let crossing = bridge.open(&route.host, route.port).await?;
            client::connect_stream(config, crossing, watcher).await
        }
        (None, Some(command)) => {
            let stream = proxy(command).map_err(|error| Failure::Unreachable(error.to_string()))?;
            client::connect_stream(config, stream, watcher).await
        }
        (None, None) => {
            let stream = TcpStream::connect((route.host.as_str(), route.port)).await.map_err(network)?;
            stream.set_nodelay(true).map_err(network)?;
            client::connect_stream(config, Prompt { stream, at_once: purpose == Purpose::Bridge }, watcher)
                .await
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
        russh::Error::NoCommonAlgo { kind, theirs, .. } => foreign(kind, theirs),
        other => Failure::Unreachable(other.to_string()),
    }
}

fn foreign(kind: &russh::AlgorithmKind, theirs: &[String]) -> Failure {
    let what = match kind {
        russh::AlgorithmKind::Kex => "key exchange",
        russh::AlgorithmKind::Key => "host key",
        russh::AlgorithmKind::Cipher => "cipher",
        russh::AlgorithmKind::Compression => "compression",
        russh::AlgorithmKind::Mac => "message authentication",
    };
    // Words of the protocol's extensions are no algorithms.
    let real = theirs.iter().filter(|name| !name.starts_with("kex-strict") && !name.starts_with("ext-info"));
    let theirs: Vec<String> =
        real.take(8).map(|name| name.chars().filter(|c| c.is_ascii_graphic()).collect()).collect();
    let theirs = if theirs.is_empty() { "nothing".to_owned() } else { theirs.join(", ") };
    Failure::Foreign(what.to_owned(), theirs)
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
        window_size: if purpose == Purpose::Shell { SHELL_WINDOW_BYTES } else { BULK_WINDOW_BYTES },
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
