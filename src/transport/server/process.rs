//! The commands of one connection.

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, Sig};
use std::collections::HashMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

/// Bytes read at once from a command.
const PIECE_BYTES: usize = 32 * 1024;

type Groups = Arc<Mutex<HashMap<ChannelId, rustix::process::Pid>>>;

/// Starts commands and passes their streams.
pub(super) struct Processes {
    home: PathBuf,
    shell: PathBuf,
    /// Process groups that run, by channel.
    groups: Groups,
}

impl Processes {
    pub(super) fn new(home: PathBuf, shell: PathBuf) -> Self {
        Self { home, shell, groups: Groups::default() }
    }

    /// Runs `command` with the shell, its streams on `channel`.
    pub(super) fn start(&self, channel: Channel<Msg>, command: &[u8], handle: Handle) -> io::Result<()> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let user = std::env::var_os("USER").unwrap_or_else(|| "nobody".into());
        let mut child = Command::new(&self.shell)
            .arg("-c")
            .arg(OsStr::from_bytes(command))
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", path)
            .env("USER", &user)
            .env("LOGNAME", user)
            .current_dir(&self.home)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let id = channel.id();
        if let Some(pid) = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
            self.lock().insert(id, pid);
        }
        let missing = || io::Error::other("a command without pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let (from, to) = channel.split();
        let groups = self.groups.clone();
        let input = tokio::spawn(feed(from, stdin));
        let output = tokio::spawn(async move {
            // Both directions keep the client's window: a slow reader slows the command.
            tokio::join!(pass_output(stdout, &to), pass_errors(stderr, &to));
            to
        });
        tokio::spawn(async move {
            let status = child.wait().await;
            groups.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            // Like OpenSSH: first all output, however slowly it is read, then the status.
            let _ = output.await;
            if let Ok(status) = status {
                report(&handle, id, status).await;
            }
            let _ = handle.eof(id).await;
            let _ = handle.close(id).await;
            input.abort();
        });
        Ok(())
    }

    /// Sends a signal to the process group of a command.
    pub(super) fn signal(&self, id: ChannelId, signal: &Sig) {
        use rustix::process::Signal;
        let signal = match signal {
            Sig::TERM => Signal::TERM,
            Sig::KILL => Signal::KILL,
            Sig::INT => Signal::INT,
            Sig::HUP => Signal::HUP,
            _ => return,
        };
        if let Some(pid) = self.lock().get(&id) {
            let _ = rustix::process::kill_process_group(*pid, signal);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ChannelId, rustix::process::Pid>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn report(handle: &Handle, id: ChannelId, status: ExitStatus) {
    if let Some(code) = status.code() {
        let _ = handle.exit_status_request(id, code.cast_unsigned()).await;
        return;
    }
    let name = match status.signal() {
        Some(1) => Sig::HUP,
        Some(2) => Sig::INT,
        Some(6) => Sig::ABRT,
        Some(9) => Sig::KILL,
        Some(11) => Sig::SEGV,
        Some(13) => Sig::PIPE,
        Some(15) => Sig::TERM,
        Some(other) => Sig::Custom(other.to_string()),
        None => Sig::Custom("unknown".to_owned()),
    };
    let _ = handle.exit_signal_request(id, name, false, String::new(), String::new()).await;
}

async fn feed(mut from: ChannelReadHalf, stdin: ChildStdin) {
    let mut stdin = Some(stdin);
    while let Some(message) = from.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let Some(pipe) = &mut stdin else { continue };
                if pipe.write_all(&data).await.is_err() {
                    stdin = None;
                }
            }
            ChannelMsg::Eof | ChannelMsg::Close => stdin = None,
            _ => {}
        }
    }
}

type To = russh::ChannelWriteHalf<Msg>;

async fn pass_output(mut stdout: ChildStdout, to: &To) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(count @ 1..) = stdout.read(&mut piece).await {
        if to.data_bytes(piece[..count].to_vec()).await.is_err() {
            return;
        }
    }
}

async fn pass_errors(mut stderr: ChildStderr, to: &To) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(count @ 1..) = stderr.read(&mut piece).await {
        if to.extended_data_bytes(1, piece[..count].to_vec()).await.is_err() {
            return;
        }
    }
}
