//! The shells that the scripts of modules run under, and what a module does there.

use esclusa::{
    model::{Answer, Script, Status, Value},
    module::{Change, Content, ContentSource, ModuleError, Outcome, Place, parse},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::symlink, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A shell and the tools beside it.
pub struct Shell {
    pub name: &'static str,
    words: Vec<String>,
    path: String,
    pub blobs: PathBuf,
    folder: tempfile::TempDir,
}

pub fn shells() -> Vec<Shell> {
    let new = |name, words: &[&str], path: Option<&Path>| {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs");
        fs::create_dir(&blobs).unwrap();
        Shell {
            name,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            path: path.map_or_else(
                || "/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
                |path| path.display().to_string(),
            ),
            blobs,
            folder,
        }
    };
    let mut shells = vec![new("sh", &["/bin/sh"], None)];
    let Ok(list) = Command::new("busybox").arg("--list").output() else {
        assert!(std::env::var_os("CI").is_none(), "busybox is missing");
        eprintln!("left out: the scripts under busybox, which is not installed");
        return shells;
    };
    let busybox =
        String::from_utf8(Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap().stdout)
            .unwrap();
    let mut shell = new("busybox", &[busybox.trim(), "sh"], None);
    let tools = shell.folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    for tool in String::from_utf8(list.stdout).unwrap().lines() {
        symlink(busybox.trim(), tools.join(tool)).unwrap();
    }
    shell.path = tools.display().to_string();
    shells.push(shell);
    shells
}

impl Shell {
    pub fn run(&self, script: &Script) -> Answer {
        let file = self.folder.path().join("script");
        fs::write(&file, &script.0).unwrap();
        let output = Command::new(&self.words[0])
            .args(&self.words[1..])
            .arg(&file)
            .env_clear()
            .env("PATH", &self.path)
            .env("BLOBS", &self.blobs)
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let status = match output.status.code() {
            Some(code) => Status::Exited(code),
            None => Status::Signalled(output.status.signal().unwrap().to_string()),
        };
        Answer { status, stdout: output.stdout, stderr: output.stderr, truncated: false }
    }

    pub fn outcome(
        &self,
        module: &str,
        args: &serde_json::Value,
        files: &Files,
    ) -> Result<Outcome, ModuleError> {
        let args: Value = serde_json::from_value(args.clone()).unwrap();
        let action = parse(module, &args, &Place { files })?;
        let answer = action.probe().map(|script| self.run(&script));
        action.change(answer.as_ref())
    }

    pub fn change(&self, module: &str, args: &serde_json::Value, files: &Files) -> Change {
        match self.outcome(module, args, files) {
            Ok(Outcome::Change(change)) => change,
            other => panic!("{}: {module} {args}: expected a change, not {other:?}", self.name),
        }
    }

    /// Makes it so, and shows that a second run changes nothing. Returns what `register` keeps.
    pub fn apply(&self, module: &str, args: &serde_json::Value, files: &Files) -> Value {
        let change = self.change(module, args, files);
        let answer = self.run(&change.script);
        let place = Place { files };
        let action = parse(module, &serde_json::from_value(args.clone()).unwrap(), &place).unwrap();
        let value =
            action.result(&answer).unwrap_or_else(|error| panic!("{}: {module} {args}: {error}", self.name));
        match self.outcome(module, args, files) {
            Ok(Outcome::Unchanged(_)) => value,
            other => panic!("{}: {module} {args}: a second run gives {other:?}", self.name),
        }
    }

    pub fn home(&self, name: &str) -> PathBuf {
        let home = self.folder.path().join(name);
        fs::create_dir_all(&home).unwrap();
        home
    }
}

#[derive(Default)]
pub struct Files(pub BTreeMap<String, Content>);

impl Files {
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self(BTreeMap::from([(name.to_owned(), Content::Bytes(bytes.to_vec()))]))
    }
}

impl ContentSource for Files {
    fn content(&self, src: &str) -> Result<Content, String> {
        self.0.get(src).cloned().ok_or_else(|| "there is no such file".to_owned())
    }
}
