//! The demonstration's folder: a project like any other, with its servers beside it.

use super::{DemoError, ServerFolder};
use crate::{transport::generate_key, vault};
use secrecy::ExposeSecret as _;
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::{OpenOptionsExt as _, symlink},
    path::{Path, PathBuf},
};

/// The environments, in the order of promotion.
pub const ENVIRONMENTS: [&str; 3] = ["development", "test", "production"];

/// Marks the folder, from its first moment on.
const MARK: &str = ".esclusa-demo";

/// Ports are looked for here: below those that the system gives to outgoing connections, so that a
/// port that was free stays so.
const PORTS: std::ops::Range<u16> = 18_000..32_000;

/// The project's files that are the same everywhere.
const FILES: [(&str, &str); 6] = [
    ("playbooks/notes/system.yaml", include_str!("project/playbooks/notes/system.yaml")),
    ("playbooks/notes/install.yaml", include_str!("project/playbooks/notes/install.yaml")),
    ("playbooks/notes/update.yaml", include_str!("project/playbooks/notes/update.yaml")),
    ("playbooks/notes/backup.yaml", include_str!("project/playbooks/notes/backup.yaml")),
    (
        "playbooks/notes/templates/service.conf",
        include_str!("project/playbooks/notes/templates/service.conf"),
    ),
    ("playbooks/notes/files/notes", include_str!("project/playbooks/notes/files/notes")),
];

/// The demonstration's folder.
#[derive(Debug, Clone)]
pub struct DemoFolder {
    path: PathBuf,
}

impl DemoFolder {
    /// The demonstration at `path`, if one is there.
    pub fn find(path: &Path) -> Result<Option<Self>, DemoError> {
        if !path.join(MARK).is_file() {
            return Ok(None);
        }
        Ok(Some(Self { path: path.canonicalize().map_err(DemoError::file(path))? }))
    }

    /// The demonstration at `path`, made if there is none. `account` is the caller's.
    pub fn prepare(path: &Path, account: &str, program: &Path) -> Result<Self, DemoError> {
        let is_new = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => true,
        };
        if !is_new && !path.join(MARK).is_file() {
            return Err(DemoError::NotOurs(path.display().to_string()));
        }
        fs::create_dir_all(path).map_err(DemoError::file(path))?;
        let folder = Self { path: path.canonicalize().map_err(DemoError::file(path))? };
        folder.write(
            MARK,
            "A demonstration of Esclusa; stop its servers with `esclusa demo --stop`.\n",
            0o644,
        )?;
        folder.link(program)?;
        // The project file is written last: without it everything is made anew.
        if !folder.path.join("esclusa.yaml").is_file() {
            folder.fill(account)?;
        }
        Ok(folder)
    }

    /// Its path, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The program, by a name in the folder that stays when the program is built anew.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.path.join("esclusa")
    }

    /// The director's private key file.
    #[must_use]
    pub fn director_key(&self) -> PathBuf {
        self.path.join("keys/director")
    }

    /// The folder of an environment's server.
    #[must_use]
    pub fn server(&self, environment: &str) -> ServerFolder {
        ServerFolder(self.path.join("servers").join(environment))
    }

    /// The port of an environment's notes.
    pub fn notes_port(&self, environment: &str) -> Result<u16, DemoError> {
        let path = self.server(environment).0.join("notes-port");
        let text = fs::read_to_string(&path).map_err(DemoError::file(&path))?;
        text.trim().parse().map_err(DemoError::data)
    }

    /// Starts the servers that do not run.
    pub fn start(&self) -> Result<(), DemoError> {
        let program = self.program();
        ENVIRONMENTS.iter().try_for_each(|environment| self.server(environment).start(&program))
    }

    /// Stops the servers that run, and what runs on them; says how many there were.
    pub fn stop(&self) -> Result<usize, DemoError> {
        let mut stopped = 0;
        for environment in ENVIRONMENTS {
            let server = self.server(environment);
            if server.is_running() {
                server.stop()?;
                stopped += 1;
            }
        }
        Ok(stopped)
    }

    fn link(&self, program: &Path) -> Result<(), DemoError> {
        let link = self.program();
        if fs::read_link(&link).is_ok_and(|there| there == program) || link == program {
            return Ok(());
        }
        let new = self.path.join(".esclusa-new");
        let _ = fs::remove_file(&new);
        symlink(program, &new).and_then(|()| fs::rename(&new, &link)).map_err(DemoError::file(&link))
    }

    fn fill(&self, account: &str) -> Result<(), DemoError> {
        let mut words = BTreeMap::from([
            ("PROGRAM".to_owned(), self.program().display().to_string()),
            ("USER".to_owned(), account.to_owned()),
            ("ACCOUNT".to_owned(), account.to_owned()),
        ]);
        let login = self.key("keys/login", "login of the demonstration")?;
        words.insert("DIRECTOR".to_owned(), self.key("keys/director", "director of the demonstration")?);
        for (name, path) in [("CONTROL", "state/control.key"), ("RECOVERY", "keys/recovery.key")] {
            let (identity, recipient) = vault::generate_identity();
            self.write(path, &format!("{}\n", identity.expose_secret()), 0o600)?;
            words.insert(name.to_owned(), recipient);
        }
        for (environment, ports) in ENVIRONMENTS.iter().zip(free_pairs(ENVIRONMENTS.len())?) {
            let folder = format!("servers/{environment}");
            let host_key = self.key(&format!("{folder}/host.key"), "")?;
            self.write(&format!("{folder}/authorized"), &format!("{login}\n"), 0o600)?;
            self.write(&format!("{folder}/port"), &format!("{}\n", ports[0]), 0o600)?;
            self.write(&format!("{folder}/notes-port"), &format!("{}\n", ports[1]), 0o600)?;
            let server = self.server(environment);
            let home = server.home();
            fs::create_dir_all(&home).map_err(DemoError::file(&home))?;
            let name = environment.to_uppercase();
            words.insert(format!("{name}_SSH"), ports[0].to_string());
            words.insert(format!("{name}_HTTP"), ports[1].to_string());
            words.insert(format!("{name}_KEY"), host_key);
            words.insert(format!("{name}_ROOT"), server.root().display().to_string());
        }
        for (path, text) in FILES {
            self.write(path, text, if path.ends_with("files/notes") { 0o755 } else { 0o644 })?;
        }
        self.write("inventory.yaml", &filled(include_str!("project/inventory.yaml"), &words), 0o644)?;
        self.write("people.yaml", &filled(include_str!("project/people.yaml"), &words), 0o644)?;
        self.write("esclusa.yaml", &filled(include_str!("project/esclusa.yaml"), &words), 0o644)
    }

    /// Makes a key, writes both halves and returns the public one.
    fn key(&self, path: &str, comment: &str) -> Result<String, DemoError> {
        let (private, public) = generate_key(comment)?;
        self.write(path, &private, 0o600)?;
        let public = public.trim().to_owned();
        self.write(&format!("{path}.pub"), &format!("{public}\n"), 0o644)?;
        Ok(public)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), DemoError> {
        let path = self.path.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(DemoError::file(folder))?;
        }
        let _ = fs::remove_file(&path);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(DemoError::file(&path))?;
        file.write_all(text.as_bytes()).map_err(DemoError::file(&path))
    }
}

/// Puts each `@WORD@` in its place; inside quotation marks, as YAML wants it.
fn filled(text: &str, words: &BTreeMap<String, String>) -> String {
    words.iter().fold(text.to_owned(), |text, (name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        text.replace(&format!("@{name}@"), &value)
    })
}

/// Pairs of neighbouring ports of the loopback interface that nobody uses.
///
/// The first of a pair is an SSH server's, which listens at once and as long as the demonstration lives: another
/// demonstration that draws the pair sees it, even while nothing listens at the second yet.
fn free_pairs(count: usize) -> Result<Vec<[u16; 2]>, DemoError> {
    // Held until all are found, so that none is found twice.
    let mut found: Vec<(u16, [TcpListener; 2])> = Vec::new();
    for _ in 0..10_000 {
        if found.len() == count {
            return Ok(found.into_iter().map(|(port, _)| [port, port + 1]).collect());
        }
        let random = uuid::Uuid::new_v4().as_u128();
        let pairs = u128::from((PORTS.end - PORTS.start) / 2);
        let port = PORTS.start + 2 * u16::try_from(random % pairs).unwrap_or(0);
        let bind = |port: u16| TcpListener::bind(("127.0.0.1", port));
        if let (Ok(first), Ok(second)) = (bind(port), bind(port + 1)) {
            found.push((port, [first, second]));
        }
    }
    Err(DemoError::data("there are no free ports on the loopback interface"))
}
