//! `esclusa init`: a commented start for a system, with its keys.

mod files;
mod look;

use super::{CliError, Format, Global, Terminal, project};
use crate::{
    executor::ExecutorError,
    model::{ExitCode, Language, SystemName, slug},
    report::escape,
    vault,
};
use clap::Args;
use files::Start;
use look::Found;
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::{
    fs::{DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Where the control host's key lies, below the project's folder.
const IDENTITY: &str = "state/keys/control.age";

/// Arguments of `esclusa init`.
#[derive(Args)]
pub struct InitArgs {
    /// The system's name: lower-case letters, digits, `-` and `_`, at most 40, for example my-app
    #[arg(required = true, num_args = 1.., value_name = "SYSTEM")]
    system: Vec<std::ffi::OsString>,
    /// Look at a server that has the system already; only a folder of Esclusa's own is made there
    #[arg(long, value_name = "USER@SERVER[:PORT]")]
    from: Option<String>,
    /// The host key of that server, which you know from elsewhere; asked for on a terminal
    #[arg(long, value_name = "SHA256:…", requires = "from")]
    fingerprint: Option<String>,
    /// Where the project is or will be; the current folder otherwise
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Performs `esclusa init`.
pub async fn init(global: &Global, terminal: &Terminal, args: InitArgs) -> Result<ExitCode, CliError> {
    let system = name(&args.system)?;
    let language = terminal.language(None, Language::Es);
    let root = args.dir.or_else(|| global.project.clone()).unwrap_or_else(|| PathBuf::from("."));
    let fresh = !root.join(project::PROJECT_FILE).exists();
    let sketch = Start { system: &system, found: None, control: "", recovery: "", language };
    if let Some(file) = root.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir()) {
        return Err(CliError::input(format!("`{}` is no folder", file.display()))
            .hint("name another folder with `--dir`"));
    }
    refuse_overwriting(&root, &sketch, fresh)?;
    let found = match &args.from {
        Some(from) => Some(look::look(terminal, from, args.fingerprint.as_deref()).await?),
        None => None,
    };
    let (control, control_recipient) = vault::generate_identity();
    let (recovery, recovery_recipient) = vault::generate_identity();
    let start = Start {
        system: &system,
        found: found.as_ref(),
        control: &control_recipient,
        recovery: &recovery_recipient,
        language,
    };
    let mut made = Made::default();
    let written = write(&root, &start, fresh, &mut made);
    let result = match written {
        Ok(()) if fresh => {
            let path = root.join(IDENTITY);
            vault::write_identity(&path, &control).await.map_err(|error| ExecutorError::from(error).into())
        }
        other => other,
    };
    if let Err(error) = result {
        made.undo();
        return Err(error);
    }
    let ignored = root.join(".gitignore");
    let ignore = fresh && !made.files.contains(&ignored);
    say(terminal, &root, &made, &start, fresh.then(|| recovery.expose_secret()), ignore);
    Ok(ExitCode::Done)
}

/// Longest name of a system that is started, in characters: `-test` and more are put to it.
const NAME_CHARS_MAX: usize = 40;

/// The one rule for a name that will name folders, groups and servers.
fn name(words: &[std::ffi::OsString]) -> Result<SystemName, CliError> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let text = words.join(" ");
    let good = |name: &SystemName| !name.as_str().contains('.') && name.as_str().len() <= NAME_CHARS_MAX;
    if let Some(name) = SystemName::parse(&text).ok().filter(good) {
        return Ok(name);
    }
    let rule = format!(
        "use lower-case letters, digits, `-` and `_`, at most {NAME_CHARS_MAX}, beginning with a letter or a digit"
    );
    let error =
        CliError::input(format!("`{}` cannot be a system's name", escape::capped(&text, 60))).hint(rule);
    let similar: String = slug(&text).chars().take(NAME_CHARS_MAX).collect();
    let similar = similar.trim_end_matches('-');
    Err(match similar {
        "" => error,
        similar => error.hint(format!("for example `esclusa init {similar}`")),
    })
}

/// What was made so far, so that a failure leaves nothing behind.
#[derive(Default)]
struct Made {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Made {
    fn undo(&self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        // Only empty ones go.
        for folder in self.folders.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }

    fn folder(&mut self, path: &Path, mode: u32) -> Result<(), CliError> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.folder(parent, 0o777)?;
        }
        DirBuilder::new().mode(mode).create(path).map_err(|error| failed(path, error))?;
        self.folders.push(path.to_owned());
        Ok(())
    }

    fn file(&mut self, path: &Path, text: &str) -> Result<(), CliError> {
        self.folder(path.parent().unwrap_or(Path::new("")), 0o777)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o666).open(path);
        let mut file = file.map_err(|error| failed(path, error))?;
        self.files.push(path.to_owned());
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| failed(path, error))
    }
}

fn failed(path: &Path, error: std::io::Error) -> CliError {
    CliError::failed(format!("`{}` cannot be made: {error}", path.display()))
}

fn refuse_overwriting(root: &Path, start: &Start<'_>, fresh: bool) -> Result<(), CliError> {
    let mut paths: Vec<PathBuf> = start.files(fresh).into_iter().map(|(path, _)| root.join(path)).collect();
    if fresh {
        paths.push(root.join(IDENTITY));
    }
    match paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(CliError::input(format!("`{}` exists; nothing is overwritten", path.display()))
            .hint("choose another name or folder, or move it away")),
        None => Ok(()),
    }
}

fn write(root: &Path, start: &Start<'_>, fresh: bool, made: &mut Made) -> Result<(), CliError> {
    made.folder(root, 0o777)?;
    if fresh {
        made.folder(&root.join("state"), 0o700)?;
        made.folder(&root.join("state/keys"), 0o700)?;
    }
    for (path, text) in start.files(fresh) {
        made.file(&root.join(path), &text)?;
    }
    let ignored = root.join(".gitignore");
    if fresh && ignored.symlink_metadata().is_err() {
        made.file(&ignored, "# Database, depot, backups and keys of the control host.\n/state/\n")?;
    }
    Ok(())
}

fn say(
    terminal: &Terminal,
    root: &Path,
    made: &Made,
    start: &Start<'_>,
    recovery: Option<&str>,
    ignore: bool,
) {
    let short = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).display().to_string();
    let mut files: Vec<_> = made.files.iter().map(short).collect();
    if recovery.is_some() {
        files.push(IDENTITY.to_owned());
    }
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "exit": 0, "project": root.display().to_string(), "files": files,
            "recovery_key": recovery, "recovery_recipient": recovery.map(|_| start.recovery),
        }));
    } else {
        terminal.result("made:");
        for file in &files {
            terminal.result(&format!("  {file}"));
        }
        if let Some(key) = recovery {
            terminal.result(&format!(
                "\nThe recovery key. It is shown only now and kept nowhere: print it and put it\n\
                 into the safe. With it the backups open when this control host is lost.\n\n  {key}\n"
            ));
        }
        terminal.result("next: replace what says PLACEHOLDER, then");
        terminal.result("  esclusa validate");
        terminal.result("  esclusa trust SERVER");
        terminal.result("  esclusa doctor --env development");
        if recovery.is_some() {
            terminal.result("  esclusa keys check --recovery -   after the first backup");
        }
    }
    if ignore {
        terminal.note("there was a .gitignore: add the line `/state/` to it.");
    }
    if recovery.is_none() {
        terminal.note(&format!("add the servers of `{}` to the inventory, in a group `app`.", start.system));
        if let Some(Found { server, .. }) = start.found {
            terminal.note(&format!(
                "the server that was looked at:\n{}",
                server.trim_end().replace("@NAME@", start.system.as_str())
            ));
        }
    }
}
