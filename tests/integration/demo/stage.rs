//! A demonstration's folder for a test, with the program that runs it; its servers end with it.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub struct Stage {
    folder: tempfile::TempDir,
}

/// What a command printed and returned.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn all(&self) -> String {
        format!("{}{}", self.stderr, self.stdout)
    }

    #[track_caller]
    pub fn ends_with(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}", self.all());
    }

    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(self.all().contains(words), "`{words}` is not in:\n{}", self.all());
    }
}

impl Stage {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn dir(&self) -> &str {
        self.path().to_str().unwrap()
    }

    /// `esclusa` with these arguments and no terminal.
    pub fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_esclusa"));
        command.args(arguments);
        quiet(&mut command);
        command
    }

    pub fn esclusa(&self, arguments: &[&str]) -> Said {
        said(&mut Self::command(arguments))
    }

    /// `esclusa` in the demonstration's project, called from another folder.
    pub fn project(&self, arguments: &[&str]) -> Said {
        said(Self::command(&[&["-C", self.dir()], arguments].concat()).current_dir("/"))
    }

    pub fn demo(&self, arguments: &[&str]) -> Said {
        self.esclusa(&[&["demo", "--dir", self.dir()], arguments].concat())
    }

    /// A line as a person would paste it.
    pub fn shell(&self, line: &str) -> Said {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir("/");
        quiet(&mut command);
        said(&mut command)
    }

    pub fn home(&self, environment: &str) -> PathBuf {
        self.path().join("servers").join(environment).join("home")
    }

    pub fn root(&self, environment: &str) -> PathBuf {
        self.home(environment).join("srv/notes")
    }

    /// The version that production has.
    pub fn version(&self) -> String {
        fs::read_to_string(self.root("production").join("lib/VERSION")).unwrap().trim().to_owned()
    }

    /// How often a migration was begun.
    pub fn migrations(&self, environment: &str) -> usize {
        let log = self.root(environment).join("log/migrations.log");
        fs::read_to_string(log).map_or(0, |text| text.lines().count())
    }

    /// What production answers at its front page.
    pub fn page(&self) -> String {
        self.get("/")
    }

    /// Production's notes.
    pub fn notes(&self) -> Vec<String> {
        self.get("/notes").lines().map(str::to_owned).collect()
    }

    fn get(&self, path: &str) -> String {
        let port = fs::read_to_string(self.path().join("servers/production/notes-port")).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port.trim().parse().unwrap())).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        body.to_owned()
    }

    /// Every file of the system in production, but what its service writes by itself.
    pub fn home_files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.root("production"), &mut files);
        files.retain(|path, _| !path.ends_with("service.pid") && !path.ends_with("service.log"));
        files
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.path().join("esclusa.yaml").exists() {
            let _ = Self::command(&["demo", "--stop", "--dir", self.dir()]).output();
        }
    }
}

fn quiet(command: &mut Command) {
    command.stdin(Stdio::null()).env("ESCLUSA_STORE_IS_KEPT", "1");
    for name in ["ESCLUSA_PROJECT", "ESCLUSA_LANG", "ESCLUSA_DATABASE", "SSH_AUTH_SOCK"] {
        command.env_remove(name);
    }
}

pub fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The run that a command names last.
pub fn run_of(command: &str) -> String {
    command.split(' ').next_back().unwrap().to_owned()
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
}
