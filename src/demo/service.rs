//! The small system's service: notes over HTTP, from a data file whose schema must fit its version.

use super::{DemoError, Notes};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Bytes};
use hyper_util::rt::TokioIo;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Largest note in bytes.
const NOTE_BYTES_MAX: usize = 4096;
/// Without a request for so long the service ends by itself, should its server have gone.
const IDLE: Duration = Duration::from_secs(45 * 60);
/// How often it looks whether it is still wanted.
const LOOK: Duration = Duration::from_secs(5);

struct Service {
    title: String,
    version: u32,
    data: PathBuf,
    /// One change of the data at a time.
    writing: Mutex<()>,
    used: AtomicBool,
}

/// Serves the notes below `root` until it is told to stop.
pub async fn serve(root: &Path) -> Result<(), DemoError> {
    // Out of the shell's session: what started it may end.
    let _ = rustix::process::setsid();
    let config = root.join("etc/service.conf");
    let text = fs::read_to_string(&config).map_err(DemoError::file(&config))?;
    let value = |key: &str| -> Result<String, DemoError> {
        let find = |line: &str| {
            line.split_once('=').filter(|(name, _)| name.trim() == key).map(|(_, v)| v.trim().to_owned())
        };
        text.lines()
            .find_map(find)
            .ok_or_else(|| DemoError::data(format!("service.conf does not say `{key}`")))
    };
    let version: u32 = value("version")?.parse().map_err(DemoError::data)?;
    let data = root.join("data/data.json");
    let schema = Notes::read(&data)?.schema;
    if schema != version {
        return Err(DemoError::data(format!(
            "version {version} does not start on data of schema {schema}: migrate it first"
        )));
    }
    let address = value("listen")?;
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| DemoError::data(format!("cannot listen at `{address}`: {error}")))?;
    let pid = root.join("data/service.pid");
    fs::write(&pid, std::process::id().to_string()).map_err(DemoError::file(&pid))?;
    let service = Arc::new(Service {
        title: value("title")?,
        version,
        data,
        writing: Mutex::default(),
        used: AtomicBool::new(true),
    });
    tokio::select! {
        () = accept(listener, Arc::clone(&service)) => {}
        () = unwanted(&config, &service) => {}
        () = super::terminated() => {}
    }
    Ok(())
}

async fn accept(listener: tokio::net::TcpListener, service: Arc<Service>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let answer = hyper::service::service_fn(move |request| {
                let service = Arc::clone(&service);
                async move { service.answer(request).await }
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            let _ = tokio::time::timeout(Duration::from_secs(30), connection).await;
        });
    }
}

/// Returns when the service's folder is gone, or nobody has asked for long.
async fn unwanted(config: &Path, service: &Service) {
    let mut idle = Duration::ZERO;
    while config.exists() && idle < IDLE {
        tokio::time::sleep(LOOK).await;
        idle = if service.used.swap(false, Ordering::Relaxed) { Duration::ZERO } else { idle + LOOK };
    }
}

impl Service {
    async fn answer(
        &self,
        request: Request<hyper::body::Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        self.used.store(true, Ordering::Relaxed);
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body = if method == Method::POST {
            Limited::new(request.into_body(), NOTE_BYTES_MAX).collect().await.map(|body| body.to_bytes()).ok()
        } else {
            None
        };
        let result = match (&method, path.as_str()) {
            (&Method::GET, "/") => self.page(),
            (&Method::GET, "/notes") => Notes::read(&self.data).map(|notes| lines(&notes)),
            (&Method::POST, "/notes") => self.add(body.as_deref()),
            (&Method::POST, "/shorten") => self.shorten(),
            _ => return Ok(reply(StatusCode::NOT_FOUND, "there is nothing here\n".to_owned())),
        };
        Ok(match result {
            Ok(text) => reply(StatusCode::OK, text),
            Err(error) => reply(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        })
    }

    fn page(&self) -> Result<String, DemoError> {
        let count = Notes::read(&self.data)?.notes.len();
        Ok(format!("Notes, version {}: {} has {count}\n", self.version, self.title))
    }

    fn add(&self, body: Option<&[u8]>) -> Result<String, DemoError> {
        let text = body.and_then(|body| std::str::from_utf8(body).ok()).map(str::trim).unwrap_or_default();
        if text.is_empty() || text.contains(char::is_control) {
            return Err(DemoError::data("a note is one line of text"));
        }
        self.changed(|notes| notes.add(text))
    }

    /// Shortens notes that version 2 would not take: what people do after a migration has failed.
    fn shorten(&self) -> Result<String, DemoError> {
        self.changed(|notes| {
            for note in notes.notes.iter_mut().filter(|note| note.is_string()) {
                let text: String =
                    note.as_str().unwrap_or_default().chars().take(super::NOTE_CHARS_MAX).collect();
                *note = serde_json::Value::String(text);
            }
            Ok(())
        })
    }

    fn changed(&self, change: impl FnOnce(&mut Notes) -> Result<(), DemoError>) -> Result<String, DemoError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notes = Notes::read(&self.data)?;
        change(&mut notes)?;
        notes.write(&self.data)?;
        Ok(format!("{}\n", notes.notes.len()))
    }
}

fn lines(notes: &Notes) -> String {
    notes.texts().iter().map(|text| format!("{text}\n")).collect()
}

fn reply(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
