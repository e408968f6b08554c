//! `esclusa secret`: secrets of the project in a file that only its keys open.

use super::{CliError, Format, Global, Terminal, edit, project};
use crate::{
    document::Source,
    executor::ExecutorError,
    inventory::SecretSource,
    model::{ExitCode, SecretName},
    report::{escape, table::Table},
    secret as secrets,
};
use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::json;
use std::{
    io::Read as _,
    path::{Component, Path, PathBuf},
};
use zeroize::Zeroizing;

/// The file of secrets where nobody names another.
const DEFAULT_FILE: &str = "secrets.age";
/// The state of a secret that can be had.
const THERE: &str = "there";
/// Most bytes of a value; the file's own limit is the same.
const VALUE_BYTES_MAX: u64 = 65_536;

/// Arguments of `esclusa secret`.
#[derive(Args)]
pub struct SecretArgs {
    #[command(subcommand)]
    verb: SecretVerb,
}

#[derive(Subcommand)]
enum SecretVerb {
    /// Keep a value, read from standard input or a hidden prompt, never from the command line
    Set {
        /// The secret's name
        name: String,
        /// Taken here so that it is refused without being repeated on the screen
        #[arg(hide = true)]
        value: Vec<std::ffi::OsString>,
        /// The encrypted file, within the project; secrets.age otherwise
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
    },
    /// Names of the secrets and where they come from; never a value
    List,
    /// Take a value out of its file
    Remove {
        /// The secret's name
        name: String,
        /// The encrypted file, within the project
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
    },
}

/// Performs `esclusa secret`.
pub async fn secret(global: &Global, terminal: &Terminal, args: SecretArgs) -> Result<ExitCode, CliError> {
    if let SecretVerb::Set { name, value, .. } = &args.verb
        && !value.is_empty()
    {
        return Err(CliError::input("a value is never given on the command line, where others can read it")
            .hint(format!(
                "run `esclusa secret set {}` and type it, or send it to standard input",
                escape::visible(name)
            ))
            .hint("take the one that was typed now as known to others"));
    }
    let read = project::read(global)?;
    match args.verb {
        SecretVerb::Set { name, file, .. } => set(&read, terminal, &parse(&name)?, file).await,
        SecretVerb::List => list(&read, terminal).await,
        SecretVerb::Remove { name, file } => remove(&read, terminal, &parse(&name)?, file).await,
    }
}

async fn set(
    read: &project::Read,
    terminal: &Terminal,
    name: &SecretName,
    file: Option<String>,
) -> Result<ExitCode, CliError> {
    let known = read.project.secrets.get(name);
    let file = file_of(known, file)?;
    let path = read.root.join(&file);
    if read.project.vault.recipients.is_empty() {
        return Err(CliError::input(
            "`vault.recipients` in esclusa.yaml is empty, so nobody could open the file",
        )
        .hint("`esclusa keys new --output state/keys/control.age` makes a key"));
    }
    let value = value(terminal, name)?;
    let identity = identity(read);
    let recipients = &read.project.vault.recipients;
    // Of two that write at once, the later one must see what the first one wrote.
    let _alone = edit::alone(&read.root)?;
    let replaced = secrets::set(&path, name, &value, recipients, &identity).await.map_err(explain)?;
    let added = match known {
        Some(_) => false,
        None => add_source(read, name, &file)?,
    };
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "exit": 0, "secret": name, "file": file, "replaced": replaced, "source_added": added,
        }));
    } else {
        terminal.result(&match replaced {
            true => format!("secret `{name}` in {file} has a new value; the old one is gone."),
            false => format!("secret `{name}` is kept in {file}."),
        });
        if added {
            terminal.result(&format!(
                "esclusa.yaml now says where it comes from: `{}`",
                edit::secret_line(name, &file)
            ));
        }
    }
    Ok(ExitCode::Done)
}

/// Where the secret is kept: what the project says, what the caller says, or the usual file.
fn file_of(known: Option<&SecretSource>, file: Option<String>) -> Result<String, CliError> {
    let file = file.map(|file| within(&file)).transpose()?;
    match (known, file) {
        (Some(SecretSource::Age(known)), Some(file)) if *known != file => Err(CliError::input(format!(
            "esclusa.yaml takes this secret from `{}`, not from `{file}`",
            escape::visible(known)
        ))),
        (Some(SecretSource::Age(known)), _) => Ok(known.clone()),
        (Some(_), _) => Err(CliError::input("esclusa.yaml takes this secret from elsewhere")
            .hint("remove its line under `secrets:` first, or set it there")),
        (None, file) => Ok(file.unwrap_or_else(|| DEFAULT_FILE.to_owned())),
    }
}

/// A path of the project that does not leave it.
fn within(file: &str) -> Result<String, CliError> {
    let path = Path::new(file);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if file.is_empty() || !inside || file.chars().any(char::is_control) {
        return Err(CliError::input(format!("`{}` is no file within the project", escape::visible(file)))
            .hint("give a path relative to the project's folder, such as `secrets.age`"));
    }
    Ok(file.trim_start_matches("./").to_owned())
}

/// Reads the value from a hidden prompt, or from standard input without its one final newline.
fn value(terminal: &Terminal, name: &SecretName) -> Result<SecretString, CliError> {
    if terminal.can_ask() {
        let typed = dialoguer::Password::new()
            .with_prompt(format!("Value of {name}"))
            .with_confirmation("Once more", "they differ")
            .interact()
            .map_err(|_| CliError::input("no value was given"))?;
        return Ok(SecretString::from(typed));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin()
        .take(VALUE_BYTES_MAX + 2)
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::input(format!("standard input cannot be read: {error}")))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| CliError::input("the value is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.is_empty() {
        return Err(CliError::input("no value came from standard input")
            .hint(format!("for example `pass show {name} | esclusa secret set {name}`")));
    }
    Ok(SecretString::from(text.to_owned()))
}

/// Adds the source to esclusa.yaml; where that cannot be done safely, says which line to write.
fn add_source(read: &project::Read, name: &SecretName, file: &str) -> Result<bool, CliError> {
    let path = read.root.join(project::PROJECT_FILE);
    // Another process may have added one since it was read.
    let again = project::reread(read)?;
    if again.secrets.contains_key(name) {
        return Ok(false);
    }
    let by_hand = |error: String| {
        CliError::failed(format!("the value is kept in `{file}`, but {error}"))
            .hint(format!("write under `secrets:` in esclusa.yaml: `{}`", edit::secret_line(name, file)))
    };
    let text = std::fs::read_to_string(&path).map_err(|error| by_hand(error.to_string()))?;
    let source = Source::new(project::PROJECT_FILE, text);
    let edited = edit::add_secret(&source, &again, name, file).map_err(|error| by_hand(error.to_string()))?;
    edit::write(&path, &edited).map_err(|error| by_hand(error.to_string()))?;
    Ok(true)
}

async fn list(read: &project::Read, terminal: &Terminal) -> Result<ExitCode, CliError> {
    let identity = identity(read);
    let mut rows = Vec::new();
    let mut missing = false;
    for (name, source) in &read.project.secrets {
        let (from, state) = match source {
            SecretSource::Environment(variable) => {
                let set = std::env::var_os(variable).is_some_and(|value| !value.is_empty());
                let state = if set { THERE } else { "not set in this environment" };
                (format!("environment {variable}"), state.to_owned())
            }
            SecretSource::File(path) => {
                let found = secrets::resolve(name, source, &read.root, &identity).await;
                let state = found.map_or_else(|error| explain(error).words, |_| THERE.to_owned());
                missing |= state != THERE;
                (format!("file {path}"), state)
            }
            // Whatever it does, it is not done for a list.
            SecretSource::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                (format!("command {program}"), "asked when it is needed".to_owned())
            }
            SecretSource::Age(file) => {
                let state = match secrets::names(&read.root.join(file), &identity).await {
                    Ok(names) if names.contains(name) => THERE.to_owned(),
                    Ok(_) => "missing".to_owned(),
                    Err(error) => explain(error).words,
                };
                missing |= state != THERE;
                (format!("age {file}"), state)
            }
        };
        rows.push((name, from, state));
    }
    let code = if missing { ExitCode::Failed } else { ExitCode::Done };
    if terminal.format == Format::Json {
        let list: Vec<_> = rows
            .iter()
            .map(|(name, from, state)| json!({"name": name, "source": from, "state": state}))
            .collect();
        terminal.json(&json!({"exit": code.number(), "secrets": list}));
    } else if rows.is_empty() {
        terminal.note("no secrets.");
    } else {
        let mut table = Table::new(&["secret", "comes from", "state"]);
        for (name, from, state) in rows {
            table = table.row(vec![name.to_string(), from, state]);
        }
        terminal.result(&table.render(80));
    }
    Ok(code)
}

async fn remove(
    read: &project::Read,
    terminal: &Terminal,
    name: &SecretName,
    file: Option<String>,
) -> Result<ExitCode, CliError> {
    let known = read.project.secrets.get(name);
    let file = file_of(known, file)?;
    let path = read.root.join(&file);
    let recipients = &read.project.vault.recipients;
    let _alone = edit::alone(&read.root)?;
    let there = secrets::remove(&path, name, recipients, &identity(read)).await.map_err(explain)?;
    if !there {
        return Err(CliError::input(format!("`{file}` holds no secret `{name}`")));
    }
    if terminal.format == Format::Json {
        terminal.json(&json!({"exit": 0, "secret": name, "file": file, "still_named": known.is_some()}));
    } else {
        terminal.result(&format!("secret `{name}` is no longer in {file}."));
    }
    if known.is_some() {
        terminal.note(&format!(
            "esclusa.yaml still names it: remove `{}`, and `secrets:` when nothing else stands under it",
            edit::secret_line(name, &file)
        ));
    }
    Ok(ExitCode::Done)
}

fn identity(read: &project::Read) -> PathBuf {
    read.root.join(&read.project.vault.identity)
}

fn parse(name: &str) -> Result<SecretName, CliError> {
    SecretName::parse(name).map_err(|error| CliError::input(error.to_string()))
}

fn explain(error: secrets::SecretError) -> CliError {
    let hint = error.hint();
    let words = CliError::from(ExecutorError::from(error));
    match hint {
        Some(hint) if words.hints.is_empty() => words.hint(hint),
        _ => words,
    }
}
