//! The way out: the plain bytes of an item, refused at the end unless they are the right ones.

use crate::backup::ReadBackItem;
use crate::model::Digest;
use sha2::{Digest as _, Sha256};
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

const PIPE_BYTES: usize = 1 << 20;
const CHUNK_BYTES: usize = 128 * 1024;

/// A reader that compares size and digest when it comes to the end.
pub struct Checked<R> {
    inner: R,
    expected: ReadBackItem,
    hasher: Sha256,
    size: u64,
}

impl<R: Read> Checked<R> {
    pub fn new(inner: R, expected: ReadBackItem) -> Self {
        Self { inner, expected, hasher: Sha256::new(), size: 0 }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        self.size += length as u64;
        let ended = length == 0 && !buffer.is_empty();
        let whole =
            || self.size == self.expected.size && Digest::finish(self.hasher.clone()) == self.expected.digest;
        if self.size > self.expected.size || (ended && !whole()) {
            let reason = "the copy differs from its manifest";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(length)
    }
}

/// The plain bytes of an item. The last read is an error when digest or size differ, so nothing may
/// be done with the bytes before the end was seen.
pub struct ItemReader {
    pipe: DuplexStream,
    task: Option<JoinHandle<io::Result<()>>>,
}

impl ItemReader {
    pub(super) fn start(mut source: Box<dyn Read + Send>) -> Self {
        let (mut input, pipe) = tokio::io::duplex(PIPE_BYTES);
        let runtime = tokio::runtime::Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                let length = source.read(&mut chunk)?;
                if length == 0 {
                    return Ok(());
                }
                runtime.block_on(input.write_all(&chunk[..length]))?;
            }
        });
        Self { pipe, task: Some(task) }
    }
}

impl AsyncRead for ItemReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.pipe).poll_read(cx, buffer))?;
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let Some(task) = &mut self.task else { return Poll::Ready(Ok(())) };
        let ended = ready!(Pin::new(task).poll(cx));
        self.task = None;
        Poll::Ready(ended.unwrap_or_else(|error| Err(io::Error::other(error))))
    }
}
