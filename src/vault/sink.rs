//! The way in: bytes of a copy are hashed, looked at, compressed, encrypted and written.

use super::crypt::Sealer;
use super::{VaultError, folder};
use crate::backup::{Contents, Item, StructureReader};
use crate::model::Digest;
use age::x25519;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt as _, AsyncWrite, DuplexStream};
use tokio::task::JoinHandle;

/// Bytes that wait between network and disk.
const PIPE_BYTES: usize = 1 << 20;
/// Bytes worked on at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// What came in.
#[derive(Debug)]
pub struct Received {
    pub digest: Digest,
    pub size: u64,
    pub contents: Contents,
}

/// Takes the bytes of one copy. Dropped without [`super::Spool::accept`], nothing is kept.
pub struct ItemWriter {
    pub(super) item: Item,
    pub(super) path: PathBuf,
    pipe: DuplexStream,
    task: JoinHandle<Result<Received, VaultError>>,
}

impl ItemWriter {
    pub(super) fn start(item: Item, path: PathBuf, recipients: Vec<x25519::Recipient>, safety: bool) -> Self {
        let (pipe, mut output) = tokio::io::duplex(PIPE_BYTES);
        let runtime = tokio::runtime::Handle::current();
        let (copied, file) = (item.clone(), path.clone());
        let task = tokio::task::spawn_blocking(move || {
            let mut sink = Sink::create(&copied, file, &recipients, safety)?;
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                let read = runtime.block_on(output.read(&mut chunk));
                match read.map_err(|error| VaultError::file("receive", &sink.path, error))? {
                    0 => return sink.finish(&copied.id),
                    length => sink.take(&chunk[..length])?,
                }
            }
        });
        Self { item, path, pipe, task }
    }

    /// Ends the stream and says what came in; the status of the dump has not been looked at yet.
    pub(super) async fn received(self) -> Result<Received, VaultError> {
        drop(self.pipe);
        self.task.await.map_err(|_| VaultError::Interrupted)?
    }
}

impl AsyncWrite for ItemWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// The blocking half.
struct Sink {
    path: PathBuf,
    sealer: Sealer<BufWriter<File>>,
    hasher: Sha256,
    size: u64,
    structure: StructureReader,
}

impl Sink {
    fn create(
        item: &Item,
        path: PathBuf,
        recipients: &[x25519::Recipient],
        safety: bool,
    ) -> Result<Self, VaultError> {
        let file = folder::create(&path)?;
        Ok(Self {
            sealer: Sealer::new(recipients, BufWriter::new(file))?,
            path,
            hasher: Sha256::new(),
            size: 0,
            structure: StructureReader::new(item.structure(), safety),
        })
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.structure.feed(bytes)?;
        self.sealer.write_all(bytes).map_err(|error| VaultError::file("write", &self.path, error))
    }

    fn finish(self, id: &str) -> Result<Received, VaultError> {
        let Self { path, sealer, hasher, size, structure } = self;
        let contents = structure.finish(id)?;
        let bad = |error| VaultError::file("write", &path, error);
        let file = sealer.finish().map_err(bad)?.into_inner().map_err(|error| bad(error.into_error()))?;
        file.sync_all().map_err(bad)?;
        Ok(Received { digest: Digest::finish(hasher), size, contents })
    }
}
