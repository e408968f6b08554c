//! The lab as tests see it: one for the whole run, shared, and taken in turns where a test breaks it.

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Control host and three servers on a network of their own; see `tests/lab/lab`.
///
/// The lab's folder comes from `ESCLUSA_LAB` when a caller has booted one, else it is booted here.
/// It ends with the process that booted it, however that ends.
#[derive(Debug)]
pub struct Lab {
    folder: PathBuf,
    servers: Vec<Server>,
}

/// One server: reachable from this machine, without a way out of the lab.
#[derive(Debug, Clone)]
pub struct Server {
    /// `control`, `dev`, `test` or `prod`.
    pub name: String,
    /// Where sshd listens, port 22.
    pub address: IpAddr,
    /// Its host key as in `known_hosts`: `ssh-ed25519 AAAA…`.
    pub host_key: String,
}

/// The right to break servers or to fill them: held by one test at a time, across processes.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

static LAB: OnceLock<Lab> = OnceLock::new();

impl Lab {
    /// The lab, booted when it is not there yet.
    pub fn get() -> &'static Lab {
        LAB.get_or_init(|| {
            let folder = match std::env::var_os("ESCLUSA_LAB") {
                Some(folder) => PathBuf::from(folder),
                None => PathBuf::from(control(&["up", &std::process::id().to_string()])),
            };
            let servers = fs::read_to_string(folder.join("servers")).expect("a lab has a list of servers");
            Lab { servers: servers.lines().map(server).collect(), folder }
        })
    }

    /// Waits until no other test breaks or fills servers.
    pub fn turn(&self) -> Turn {
        let lock = File::create(self.folder.join("turn")).unwrap();
        lock.lock().unwrap();
        Turn { _lock: lock }
    }

    /// The server with this name.
    pub fn server(&self, name: &str) -> &Server {
        self.servers.iter().find(|server| server.name == name).unwrap_or_else(|| panic!("no server `{name}`"))
    }

    /// The private key that opens `account` on every server: `deploy` (root by sudo without a
    /// password), `asks` (with the password [`Lab::SUDO_PASSWORD`]), `stranger` (never), and on the
    /// control host `director`, `professional`, `pipeline`.
    pub fn key(&self, account: &str) -> PathBuf {
        self.folder.join("keys").join(account)
    }

    /// What `asks` types for sudo.
    pub const SUDO_PASSWORD: &'static str = "open sesame";

    /// A `known_hosts` file with every server.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// Downloaded `.deb` files for artifacts, with their `SHA256SUMS`.
    pub fn artifacts(&self) -> PathBuf {
        let packages = fs::read_to_string(self.folder.join("packages")).unwrap();
        Path::new(packages.trim()).join("artifacts")
    }

    /// Runs a command of the shell on a server through the system's own ssh.
    pub fn ssh(&self, account: &str, server: &str, command: &str) -> Output {
        self.feed(account, server, command, File::open("/dev/null").unwrap())
    }

    /// The same with something to read on standard input.
    pub fn feed(&self, account: &str, server: &str, command: &str, input: impl Into<Stdio>) -> Output {
        Command::new(program())
            .arg("ssh")
            .arg(&self.folder)
            .args([&format!("{account}@{server}"), command])
            .stdin(input)
            .output()
            .unwrap()
    }

    /// What a command printed that must succeed, without the last line's end.
    pub fn answer(&self, account: &str, server: &str, command: &str) -> String {
        let output = self.ssh(account, server, command);
        assert!(
            output.status.success(),
            "`{command}` on {server}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Pulls a server's network cable.
    pub fn cut(&self, server: &str) {
        self.act("cut", server);
    }

    /// Puts it back.
    pub fn mend(&self, server: &str) {
        self.act("mend", server);
    }

    /// Pulls a server's power: every process on it ends at once.
    pub fn kill(&self, server: &str) {
        self.act("kill", server);
    }

    /// Switches it on again and waits until systemd says `running`.
    pub fn boot(&self, server: &str) {
        self.act("boot", server);
    }

    /// Makes servers again what they were when the lab was new; their host keys stay.
    pub fn fresh(&self, servers: &[&str]) {
        control(&[&["fresh", self.folder.to_str().unwrap()], servers].concat());
    }

    fn act(&self, verb: &str, server: &str) {
        control(&[verb, self.folder.to_str().unwrap(), server]);
    }
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab")
}

fn control(words: &[&str]) -> String {
    let output = Command::new(program())
        .args(words)
        .env("ESCLUSA_BIN", env!("CARGO_BIN_EXE_esclusa"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "`lab {}` failed: {}", words.join(" "), output.status);
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn server(line: &str) -> Server {
    let (name, rest) = line.split_once(' ').unwrap();
    let (address, host_key) = rest.split_once(' ').unwrap();
    Server { name: name.to_owned(), address: address.parse().unwrap(), host_key: host_key.to_owned() }
}
