//! A TCP connection that starts at the server.

use russh::ChannelStream;
use russh::client::Msg;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

/// Bytes that wait for a reader.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a full tunnel may wait for its reader: meanwhile the whole connection waits.
const READER_PATIENCE: Duration = Duration::from_secs(2);

/// A TCP connection from the server to a host and port that it can reach; closed when dropped.
///
/// It shares its connection with the server's shells, which an unread channel would stop. So a
/// tunnel is drained into a limited buffer, and cut when nobody reads a full one.
pub struct Tunnel {
    near: DuplexStream,
    pump: tokio::task::JoinHandle<()>,
    /// A place among the few channels that an sshd allows.
    _place: OwnedSemaphorePermit,
}

impl Tunnel {
    pub(super) fn new(stream: ChannelStream<Msg>, place: OwnedSemaphorePermit) -> Self {
        let (near, far) = tokio::io::duplex(WAITING_BYTES_MAX);
        Self { near, pump: tokio::spawn(pump(stream, far)), _place: place }
    }
}

async fn pump(stream: ChannelStream<Msg>, far: DuplexStream) {
    let (mut from_server, mut to_server) = tokio::io::split(stream);
    let (mut from_here, mut to_here) = tokio::io::split(far);
    let up = async {
        let _ = tokio::io::copy(&mut from_here, &mut to_server).await;
        let _ = to_server.shutdown().await;
        // The other direction decides about the end.
        std::future::pending::<()>().await;
    };
    let down = async {
        let mut piece = vec![0; 32 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut piece).await {
            match tokio::time::timeout(READER_PATIENCE, to_here.write_all(&piece[..count])).await {
                Ok(Ok(())) => {}
                _ => return,
            }
        }
        let _ = to_here.shutdown().await;
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // Dropping the channel's stream closes it.
        self.pump.abort();
    }
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tunnel(…)")
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.near).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_shutdown(cx)
    }
}
