//! Bringing artifacts into the depot, once, and only what was announced.

use super::blobs::{CHUNK_BYTES, Depot};
use super::error::{DepotError, file};
use crate::model::{BlobRef, Digest};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use ureq::Agent;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the other side may be silent.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a whole download may take.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(2 * 3600);
/// Redirects that are followed.
const REDIRECTS_MAX: u32 = 5;

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes so far.
    pub bytes: u64,
    /// Bytes in all, where the other side said so.
    pub total: Option<u64>,
}

impl Depot {
    /// Takes the file `path` in, if its digest is `expected` and it has at most `limit` bytes.
    pub fn fetch_path(&self, path: &Path, expected: Digest, limit: u64) -> Result<BlobRef, DepotError> {
        if let Some(blob) = self.present(&expected) {
            return Ok(blob);
        }
        let source = File::open(path).map_err(file(path, "read"))?;
        if !source.metadata().map_err(file(path, "read"))?.is_file() {
            return Err(DepotError::NotAFile(path.to_owned()));
        }
        let mut writer = self.writer(&path.display().to_string(), limit)?;
        copy(source, |chunk| writer.write(chunk), file(path, "read"))?;
        writer.finish_as(expected)
    }

    /// Fetches `url`, if its content's digest is `expected` and it has at most `limit` bytes. What the
    /// depot has already is not fetched again.
    pub async fn fetch_url(
        &self,
        url: &str,
        expected: Digest,
        limit: u64,
        progress: impl Fn(Progress) + Send + 'static,
    ) -> Result<BlobRef, DepotError> {
        let (depot, url) = (self.clone(), url.to_owned());
        let work = move || {
            if let Some(blob) = depot.present(&expected) {
                return Ok(blob);
            }
            let mut writer = depot.writer(&shown(&url), limit)?;
            download(&url, limit, |chunk, total| {
                writer.write(chunk)?;
                progress(Progress { bytes: writer.size(), total });
                Ok(())
            })?;
            writer.finish_as(expected)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| DepotError::Interrupted)?
    }

    /// The blob, if it is there and whole.
    fn present(&self, digest: &Digest) -> Option<BlobRef> {
        let (_, size) = self.open_blob(digest).ok()?;
        Some(BlobRef { digest: *digest, size })
    }
}

/// Fetches something small, such as a signature or a file of digests.
pub async fn fetch_small(url: &str, limit: u64) -> Result<Vec<u8>, DepotError> {
    let url = url.to_owned();
    let work = move || {
        let mut bytes = Vec::new();
        download(&url, limit, |chunk, _| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        Ok(bytes)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| DepotError::Interrupted)?
}

/// Feeds `sink` with the content of `url` and the size that was announced.
fn download(
    url: &str,
    limit: u64,
    mut sink: impl FnMut(&[u8], Option<u64>) -> Result<(), DepotError>,
) -> Result<(), DepotError> {
    let secure = url.starts_with("https://");
    if !secure && !url.starts_with("http://") {
        return Err(DepotError::Address(shown(url)));
    }
    let fails = |why: String| DepotError::Fetch { address: shown(url), why };
    let agent: Agent = Agent::config_builder()
        // Neither does a redirect lead from a secure address to an open one.
        .https_only(secure)
        .max_redirects(REDIRECTS_MAX)
        .max_redirects_will_error(true)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(SILENCE_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .timeout_global(Some(DOWNLOAD_TIMEOUT))
        .user_agent(concat!("esclusa/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let response = agent.get(url).call().map_err(|error| fails(reason(&error)))?;
    let body = response.into_body();
    let total = body.content_length();
    if total.is_some_and(|total| total > limit) {
        return Err(DepotError::TooLarge { what: shown(url), limit });
    }
    let mut count = 0;
    let broken = |error: std::io::Error| fails(error.to_string());
    copy(
        body.into_reader(),
        |chunk| {
            count += chunk.len() as u64;
            if count > limit {
                return Err(DepotError::TooLarge { what: shown(url), limit });
            }
            sink(chunk, total)
        },
        broken,
    )?;
    match total {
        Some(total) if total != count => Err(fails(format!("it ended after {count} of {total} bytes"))),
        _ => Ok(()),
    }
}

fn copy(
    mut source: impl Read,
    mut sink: impl FnMut(&[u8]) -> Result<(), DepotError>,
    broken: impl FnOnce(std::io::Error) -> DepotError,
) -> Result<(), DepotError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match source.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => sink(&chunk[..count])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
    }
}

/// Why a request failed, without the address, which may hold credentials.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(code) => format!("the server answered with status {code}"),
        ureq::Error::RequireHttpsOnly(_) => "it leads to an address without encryption".to_owned(),
        ureq::Error::BadUri(_) => "the address is not valid".to_owned(),
        ureq::Error::TooManyRedirects => format!("it leads on more than {REDIRECTS_MAX} times"),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        other => other.to_string(),
    }
}

/// An address without user, password and query, any of which may be secret.
fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let shown = match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
            let host = authority.rsplit('@').next().unwrap_or(authority);
            let path = path.map(|path| format!("/{path}")).unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    };
    shown.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    /// Answers every request with what the path asks for; returns its address and the count of requests.
    fn web() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let (own, seen) = (address.clone(), Arc::clone(&count));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                seen.fetch_add(1, Ordering::SeqCst);
                let answer = match first.split(' ').nth(1).unwrap().split('?').next().unwrap() {
                    "/file" => {
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\ncontent".to_owned()
                    }
                    "/short" => {
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\ncontent".to_owned()
                    }
                    "/endless" => {
                        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(100_000))
                    }
                    "/there" => {
                        format!(
                            "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {own}/file\r\nContent-Length: 0\r\n\r\n"
                        )
                    }
                    "/loop" => {
                        format!(
                            "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {own}/loop\r\nContent-Length: 0\r\n\r\n"
                        )
                    }
                    _ => {
                        "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()
                    }
                };
                stream.write_all(answer.as_bytes()).ok();
            }
        });
        (address, count)
    }

    #[tokio::test]
    async fn a_url_is_fetched_once_and_only_as_it_was_announced() {
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::open(folder.path()).unwrap();
        let (web, requests) = web();
        let expected = Digest::of(b"content");
        let seen = Arc::new(AtomicU64::new(0));
        let watch = Arc::clone(&seen);
        let progress = move |p: Progress| watch.store(p.bytes + p.total.unwrap_or(0), Ordering::SeqCst);
        let blob = depot.fetch_url(&format!("{web}/there"), expected, 7, progress).await.unwrap();
        assert_eq!((blob.digest, blob.size, seen.load(Ordering::SeqCst)), (expected, 7, 14));
        let asked = requests.load(Ordering::SeqCst);
        depot.fetch_url(&format!("{web}/none"), expected, 7, |_| ()).await.unwrap();
        assert_eq!(requests.load(Ordering::SeqCst), asked, "what is there is not fetched again");
        let other = Digest::of(b"other");
        let error = depot.fetch_url(&format!("{web}/file?token=s3cret"), other, 7, |_| ()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&other.to_string()) && text.contains(&expected.to_string()), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
        assert_eq!(fetch_small(&format!("{web}/file"), 7).await.unwrap(), b"content");
    }

    #[tokio::test]
    async fn what_cannot_be_fetched_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::open(folder.path()).unwrap();
        let (web, _) = web();
        for (path, limit, part) in [
            ("/none", 9, "status 404"),
            ("/loop", 9, "leads on"),
            ("/file", 6, "larger than 6"),
            ("/endless", 1000, "larger than 1000"),
            ("/short", 99, "could not be fetched"),
        ] {
            let url = format!("{web}{path}");
            let error = depot.fetch_url(&url, Digest::of(b"content"), limit, |_| ()).await.unwrap_err();
            assert!(error.to_string().contains(part), "{path}: {error}");
        }
        for url in ["file:///etc/passwd", "ftp://h/x", "x", ""] {
            let error = depot.fetch_url(url, Digest::of(b"content"), 9, |_| ()).await.unwrap_err();
            assert!(matches!(error, DepotError::Address(_)), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
    }

    #[test]
    fn a_path_is_taken_in_only_as_it_was_announced() {
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::open(&folder.path().join("depot")).unwrap();
        let path = folder.path().join("a file");
        std::fs::write(&path, "content").unwrap();
        let expected = Digest::of(b"content");
        assert!(matches!(depot.fetch_path(&path, Digest::of(b"x"), 9), Err(DepotError::Mismatch { .. })));
        assert!(matches!(depot.fetch_path(&path, expected, 6), Err(DepotError::TooLarge { .. })));
        assert!(matches!(depot.fetch_path(folder.path(), expected, 9), Err(DepotError::NotAFile(_))));
        assert_eq!(depot.fetch_path(&path, expected, 7).unwrap().size, 7);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(depot.fetch_path(&path, expected, 7).unwrap().size, 7, "it is in the depot");
    }

    #[test]
    fn an_address_is_shown_without_credentials() {
        for (url, expected) in [
            ("https://u:p@h:1/a/b?token=t#f", "https://h:1/a/b"),
            ("https://u@h", "https://h"),
            ("http://h/a@b\u{1b}[2J", "http://h/a@b?[2J"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
