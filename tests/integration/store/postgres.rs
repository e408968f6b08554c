//! A PostgreSQL server of the tests' own: made in a temporary folder, ended with the process.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The password of the server's one login.
pub const PASSWORD: &str = "only-for-tests-4711";

/// The folder of the server's socket; nothing where PostgreSQL is not installed.
pub fn socket_folder() -> Option<&'static Path> {
    static SERVER: OnceLock<Option<PathBuf>> = OnceLock::new();
    SERVER.get_or_init(start).as_deref()
}

#[expect(clippy::zombie_processes, reason = "it ends after this process does")]
fn start() -> Option<PathBuf> {
    let Some(bin) = binaries() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "PostgreSQL is not installed, and with `CI` nothing is left out"
        );
        eprintln!("left out: the PostgreSQL store, since no `initdb` was found below /usr/lib/postgresql");
        return None;
    };
    let folder = tempfile::Builder::new().prefix("esclusa-pg-").tempdir_in("/tmp").unwrap().keep();
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if root {
        // PostgreSQL refuses to run as root.
        assert!(Command::new("chown").arg("postgres").arg(&folder).status().unwrap().success());
    }
    std::fs::write(folder.join("password"), PASSWORD).unwrap();
    assert!(Command::new("chmod").arg("644").arg(folder.join("password")).status().unwrap().success());
    // The shell waits for the end of its standard input, which comes when this process ends, however it
    // ends; then it stops the server and removes the folder.
    let script = r#"
        cd "$FOLDER" || exit 1
        trap '' HUP INT
        $AS "$BIN/initdb" -D data -U esclusa -A scram-sha-256 --pwfile=password -E UTF8 --locale=C --no-sync >initdb.log 2>&1
        $AS "$BIN/postgres" -D data -k "$FOLDER" -c listen_addresses= -c fsync=off -c max_connections=200 >server.log 2>&1 &
        cat >/dev/null
        $AS "$BIN/pg_ctl" -D data -m immediate stop >/dev/null 2>&1
        wait
        cd / && rm -rf "$FOLDER"
    "#;
    let mut shell = Command::new("setsid")
        .args(["sh", "-c", script])
        .env("FOLDER", &folder)
        .env("BIN", bin)
        .env("AS", if root { "runuser -u postgres --" } else { "" })
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::mem::forget(shell.stdin.take());
    let begun = Instant::now();
    while !folder.join(".s.PGSQL.5432").exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "PostgreSQL did not start, see {}",
            folder.display()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(folder)
}

/// The folder with the newest PostgreSQL's programs.
fn binaries() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
        .collect();
    found.sort();
    found.pop()
}
