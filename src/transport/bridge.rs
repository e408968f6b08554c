//! Connections to jump servers: one each, shared by all servers that lie behind it.
//!
//! A jump server sees one login however many servers are behind it, so neither its `MaxStartups` nor a
//! person who has to touch a key is asked more often. Nothing is run there: a jump server needs no
//! shell, and `MaxSessions`, which counts shells, does not count these connections.

use super::connect::{Client, Failure, Purpose, arrive};
use super::options::Options;
use super::way::{Hop, Station};
use super::{TransportError, connect};
use crate::model::ServerName;
use russh::client::Msg;
use russh::{ChannelOpenFailure, ChannelStream};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Bytes that may wait for a reader behind one jump server. The window of the connection that goes
/// through keeps an honest server below it; another one is cut off.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// When it is asked whether a jump server's line is gone too.
const NOTICES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(200)];
/// Bytes read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A connection to a jump server.
pub(super) struct Bridge {
    client: Client,
    station: Station,
    /// What it goes through itself; lives as long.
    before: Option<Arc<Bridge>>,
}

/// The jump servers that this process is connected to. Clones share them; a connection ends with the
/// last one that goes through it.
#[derive(Clone, Default)]
pub struct Bridges(Arc<Mutex<HashMap<String, Arc<Slot>>>>);

/// One jump server's place; locked while it is being connected to, so that this is done once.
type Slot = tokio::sync::Mutex<Kept>;

#[derive(Default)]
struct Kept {
    bridge: Weak<Bridge>,
    /// How the last attempt failed: who waited for it meets the same, without knocking again.
    failed: Option<(Instant, Failure)>,
}

impl std::fmt::Debug for Bridges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bridges(…)")
    }
}

impl Bridges {
    /// The connection to the last one of `hops`, made where there is none.
    pub(super) async fn cross(
        &self,
        target: &ServerName,
        hops: &[Hop],
        options: &Options,
    ) -> Result<Option<Arc<Bridge>>, TransportError> {
        let mut bridge = None;
        let mut key = String::new();
        for hop in hops {
            key.push_str(&hop.identity());
            let made = self.bridge(&key, hop, bridge.as_ref(), options).await;
            bridge = Some(made.map_err(|failure| failure.on_the_way(&hop.station, target))?);
        }
        Ok(bridge)
    }

    async fn bridge(
        &self,
        key: &str,
        hop: &Hop,
        before: Option<&Arc<Bridge>>,
        options: &Options,
    ) -> Result<Arc<Bridge>, Failure> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry(key.to_owned()).or_default().clone()
        };
        let asked = Instant::now();
        let mut kept = slot.lock().await;
        if let Some(bridge) = kept.bridge.upgrade().filter(|bridge| bridge.broken().is_none()) {
            return Ok(bridge);
        }
        if let Some((at, failure)) = &kept.failed
            && *at >= asked
        {
            return Err(failure.clone());
        }
        let result = connect::persist(|| arrive(hop, before, options, Purpose::Bridge, None)).await;
        match result {
            Ok(client) => {
                let bridge = Bridge { client, station: hop.station.clone(), before: before.cloned() };
                let bridge = Arc::new(bridge);
                *kept = Kept { bridge: Arc::downgrade(&bridge), failed: None };
                Ok(bridge)
            }
            Err(failure) => {
                kept.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }
}

impl Bridge {
    /// The jump servers up to this one, the nearest to here first.
    pub(super) fn stations(&self) -> Vec<String> {
        let mut all = self.before.as_ref().map(|before| before.stations()).unwrap_or_default();
        all.push(self.station.label.clone());
        all
    }

    /// The first jump server whose line is gone.
    pub(super) fn broken(&self) -> Option<&str> {
        let here = || self.client.is_closed().then_some(self.station.label.as_str());
        self.before.as_ref().and_then(|before| before.broken()).or_else(here)
    }

    /// Lets the jump server connect to `host`:`port`.
    pub(super) async fn open(&self, host: &str, port: u16) -> Result<Crossing, Failure> {
        let name = &self.station.label;
        let opened = self.client.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0).await;
        match opened {
            Ok(channel) => Ok(Crossing::new(channel.into_stream())),
            Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited)) => {
                let error = TransportError::Forward {
                    server: self.station.server.clone(),
                    target: host_port(host, port),
                    cause:
                        "it does not pass connections on (`AllowTcpForwarding` or `PermitOpen` of its sshd)"
                            .to_owned(),
                    forbidden: true,
                };
                Err(Failure::At(self.station.clone(), error))
            }
            Err(russh::Error::ChannelOpenFailure(_)) => {
                Err(Failure::Unreachable(format!("jump server `{name}` gets no connection to it")))
            }
            Err(_) => Err(Failure::Cut(format!("the line to jump server `{name}` was cut"))),
        }
    }
}

/// Says which jump server's line is gone, where another line was lost with it.
pub(super) async fn blame(error: TransportError, through: Option<&Arc<Bridge>>) -> TransportError {
    let (TransportError::Lost { server, .. }, Some(bridge)) = (&error, through) else { return error };
    // The end of what goes through it may be noticed first.
    for wait in NOTICES {
        tokio::time::sleep(wait).await;
        if let Some(name) = bridge.broken() {
            let cause = format!("the line to jump server `{name}` was cut");
            return TransportError::Lost { server: server.clone(), cause };
        }
    }
    error
}

fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A connection that starts at a jump server; closed when dropped.
///
/// It shares its line with others, which an unread channel would stop. So it is always drained: a
/// stream that nobody reads for a while waits here, and only here.
pub(super) struct Crossing {
    pieces: mpsc::UnboundedReceiver<Vec<u8>>,
    piece: io::Cursor<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    to: WriteHalf<ChannelStream<Msg>>,
    pump: tokio::task::JoinHandle<()>,
}

impl Crossing {
    fn new(stream: ChannelStream<Msg>) -> Self {
        let (from, to) = tokio::io::split(stream);
        let (sender, pieces) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let pump = tokio::spawn(drain(from, sender, waiting.clone()));
        Self { pieces, piece: io::Cursor::default(), waiting, to, pump }
    }
}

async fn drain(
    mut from: ReadHalf<ChannelStream<Msg>>,
    sender: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let before = waiting.fetch_add(count, Ordering::Relaxed);
        if before + count > WAITING_BYTES_MAX || sender.send(piece[..count].to_vec()).is_err() {
            return;
        }
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        // Dropping both halves of the channel's stream closes it.
        self.pump.abort();
    }
}

impl AsyncRead for Crossing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.piece.position() >= this.piece.get_ref().len() as u64 {
            match ready!(this.pieces.poll_recv(cx)) {
                Some(piece) => this.piece = io::Cursor::new(piece),
                None => return Poll::Ready(Ok(())),
            }
        }
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut this.piece).poll_read(cx, buf));
        this.waiting.fetch_sub(buf.filled().len() - before, Ordering::Relaxed);
        Poll::Ready(result)
    }
}

impl AsyncWrite for Crossing {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.to).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_shutdown(cx)
    }
}
