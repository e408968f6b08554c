//! The demonstration's servers: each a process of its own that outlives whoever started it.

use super::DemoError;
use crate::transport::server::{Settings, serve};
use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process},
};
use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A server that nobody has used for so long stops, if nobody says otherwise.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often it looks.
const LOOK: Duration = Duration::from_secs(2);
/// Says that the small system ran when its server was stopped.
const SERVED: &str = "served";
/// Time for a server to start or stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// The folder of one server: its key, port, log and home.
#[derive(Debug, Clone)]
pub struct ServerFolder(pub PathBuf);

impl ServerFolder {
    /// The home of the account that logs in.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// Where the small system lies.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.home().join("srv/notes")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Result<String, DemoError> {
        let path = self.file(name);
        fs::read_to_string(&path).map_err(DemoError::file(&path))
    }

    /// Asks the small system, where it is installed; whether it says yes.
    fn notes(&self, verb: &str) -> bool {
        let program = self.root().join("bin/notes");
        let asked = || Command::new(&program).arg(verb).stdin(Stdio::null()).status();
        program.exists() && asked().is_ok_and(|status| status.success())
    }

    /// Whether its process lives: it holds a lock as long as it does.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let Ok(file) = File::open(self.file("pid")) else { return false };
        flock(&file, FlockOperation::NonBlockingLockShared).is_err()
    }

    /// Starts its process, if it does not run, and waits until it listens.
    pub fn start(&self, program: &Path) -> Result<(), DemoError> {
        if self.is_running() {
            return Ok(());
        }
        let log_path = self.file("log");
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(DemoError::file(&log_path))?;
        let errors = log.try_clone().map_err(DemoError::file(&log_path))?;
        let _ = fs::remove_file(self.file("ready"));
        Command::new(program)
            .args(["demo-process", "server", "--folder"])
            .arg(&self.0)
            .env("HOME", self.home())
            .env_remove("SSH_AUTH_SOCK")
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(DemoError::file(program))?;
        self.wait("start", || self.file("ready").exists() && self.is_running())
    }

    /// Stops its process and the service that runs on it.
    pub fn stop(&self) -> Result<(), DemoError> {
        if !self.is_running() {
            return Ok(());
        }
        let pid = self.read("pid")?.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| DemoError::data("the server's process has no number"))?;
        // If it has just gone, that is as well.
        let _ = kill_process(pid, Signal::TERM);
        self.wait("stop", || !self.is_running())
    }

    fn wait(&self, verb: &'static str, done: impl Fn() -> bool) -> Result<(), DemoError> {
        let until = Instant::now() + PATIENCE;
        while !done() {
            if Instant::now() > until {
                let what = format!("the server of `{}` (see its file `log`)", self.0.display());
                return Err(DemoError::Process { what, verb });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// The server's process: serves until it is told to stop, nobody has used it for `idle`, or its folder
/// is gone.
pub async fn run(folder: &ServerFolder, idle: Duration) -> Result<(), DemoError> {
    // Out of the session of whoever started it.
    let _ = rustix::process::setsid();
    let path = folder.file("pid");
    let mut pid = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(DemoError::file(&path))?;
    lock(&pid).await?;
    pid.set_len(0).and_then(|()| writeln!(pid, "{}", std::process::id())).map_err(DemoError::file(&path))?;
    let port: u16 = folder.read("port")?.trim().parse().map_err(DemoError::data)?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| DemoError::data(format!("cannot listen at port {port}: {error}")))?;
    let settings = Settings {
        host_key: folder.read("host.key")?,
        authorized: folder.read("authorized")?.lines().map(str::to_owned).collect(),
        home: folder.home(),
        shell: PathBuf::from("/bin/sh"),
    };
    // Like a machine that is switched on again: what ran when it was stopped runs once more.
    if fs::remove_file(folder.file(SERVED)).is_ok() {
        folder.notes("start");
    }
    let ready = folder.file("ready");
    fs::write(&ready, "").map_err(DemoError::file(&ready))?;
    let used = Arc::new(Mutex::new(Instant::now()));
    let activity = Arc::clone(&used);
    let on_activity =
        Arc::new(move || *activity.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now());
    let result = tokio::select! {
        result = serve(listener, settings, on_activity) => result.map_err(DemoError::from),
        () = unwanted(&path, &pid, &used, idle) => Ok(()),
        () = super::terminated() => Ok(()),
    };
    // A folder that was made anew belongs to another process.
    if !is_named(&path, &pid) {
        return result;
    }
    if folder.notes("status") {
        let mark = folder.file(SERVED);
        fs::write(&mark, "").map_err(DemoError::file(&mark))?;
    }
    folder.notes("stop");
    let _ = fs::remove_file(&ready);
    result
}

/// Takes the lock; one who only looks whether it is held has it for a moment.
async fn lock(pid: &File) -> Result<(), DemoError> {
    for _ in 0..10 {
        if flock(pid, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    Err(DemoError::data("this server runs already"))
}

async fn unwanted(path: &Path, pid: &File, used: &Mutex<Instant>, idle: Duration) {
    let unused = || used.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
    while is_named(path, pid) && unused() < idle {
        tokio::time::sleep(LOOK.min(idle)).await;
    }
}

/// Whether the file that is held is still the one at `path`.
fn is_named(path: &Path, held: &File) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (fs::metadata(path), held.metadata()) {
        (Ok(there), Ok(held)) => identity(there) == identity(held),
        _ => false,
    }
}
