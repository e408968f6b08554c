//! A line with latency: a proxy that holds every piece of a TCP connection back for a while.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How many pieces may be on the way in one direction before the sender has to wait.
const PIECES_UNDER_WAY: usize = 1024;

/// Listens on a port of loopback of its own until it is dropped.
#[derive(Debug)]
pub struct SlowLine {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl SlowLine {
    /// A line to `target` on which every byte arrives `one_way` later; order and content stay.
    pub async fn to(target: SocketAddr, one_way: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(target).await {
                        join(near, far, one_way).await;
                    }
                });
            }
        });
        Ok(Self { address, task })
    }

    /// Where to connect instead of the target.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn join(near: TcpStream, far: TcpStream, one_way: Duration) {
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::join!(carry(near_read, far_write, one_way), carry(far_read, near_write, one_way));
}

/// Reads at once and writes when each piece is due, so latency does not lower the throughput.
async fn carry(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, one_way: Duration) {
    let (send, mut receive) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_UNDER_WAY);
    let reader = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if send.send((Instant::now() + one_way, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let writer = async move {
        while let Some((due, piece)) = receive.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reader, writer);
}
