//! Small edits of files that people write: comments and form stay, and what comes out is read again
//! before anything is kept.

use super::CliError;
use crate::{
    document::{self, Content, Diagnostics, Node, Source, Span},
    inventory::{Project, SecretSource, parse_inventory, parse_project},
    model::{HostKey, SecretName, ServerName},
};
use std::{io, path::Path};

/// Says why a file is not edited; the words to add by hand are the caller's to show.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EditError {
    /// The file itself is wrong.
    #[error("`{0}` has errors: `esclusa validate` shows them")]
    Unreadable(String),
    /// The place is not there.
    #[error("{0}")]
    Missing(String),
    /// The place is written in a form that only a person should touch.
    #[error("`{0}` is written in a form that is not edited automatically")]
    Form(String),
}

/// The inventory's text with the host keys of one server replaced or added.
///
/// # Errors
/// When another text than this would be needed for exactly this change.
pub fn pin_host_keys(
    source: &Source,
    zone: &str,
    server: &ServerName,
    keys: &[HostKey],
) -> Result<String, EditError> {
    let unreadable = || EditError::Unreadable(source.path().to_owned());
    let form = || EditError::Form(source.path().to_owned());
    let root = document::parse(source).map_err(|_| unreadable())?;
    let mut wanted = parse_inventory(source, zone, &mut Diagnostics::default()).ok_or_else(unreadable)?;
    let place = wanted.environments.iter_mut().find_map(|one| one.servers.get_mut(server));
    let place = place.ok_or_else(|| EditError::Missing(format!("there is no server `{server}`")))?;
    place.host_keys = keys.to_vec();
    let entry = root
        .entries_of("environments")
        .iter()
        .flat_map(|(_, environment)| environment.entries_of("servers"))
        .find(|(key, _)| key.text == server.as_str())
        .map(|(_, entry)| entry)
        .ok_or_else(form)?;
    let line = match keys {
        [one] => one.0.clone(),
        many => format!("[{}]", many.iter().map(|key| key.0.as_str()).collect::<Vec<_>>().join(", ")),
    };
    let edited = match entry.get("host_key") {
        Some(value) => replace(source.text(), value, &line),
        None => add(source.text(), entry, Some("address"), &format!("host_key: {line}")),
    }
    .ok_or_else(form)?;
    let again = Source::new(source.path(), edited.as_str());
    let found = parse_inventory(&again, zone, &mut Diagnostics::default());
    if found.as_ref() == Some(&wanted) { Ok(edited) } else { Err(form()) }
}

/// The project file's text with a source added for a secret.
///
/// # Errors
/// When another text than this would be needed for exactly this change.
pub fn add_secret(
    source: &Source,
    project: &Project,
    name: &SecretName,
    file: &str,
) -> Result<String, EditError> {
    let form = || EditError::Form(source.path().to_owned());
    let root = document::parse(source).map_err(|_| EditError::Unreadable(source.path().to_owned()))?;
    let mut wanted = project.clone();
    wanted.secrets.insert(name.clone(), SecretSource::Age(file.to_owned()));
    let line = secret_line(name, file);
    let text = source.text();
    let edited = match root.entry("secrets") {
        Some((_, map)) if !map.entries().is_empty() => add(text, map, None, &line),
        Some((_, map)) if text.get(map.span.start..map.span.end) == Some("{}") => {
            Some(splice(text, map.span, &format!("{{{line}}}")))
        }
        Some(_) => None,
        None if text.starts_with('{') => None,
        None => {
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            Some(format!("{text}{gap}secrets:\n  {line}\n"))
        }
    }
    .ok_or_else(form)?;
    let again = Source::new(source.path(), edited.as_str());
    let found = parse_project(&again, &mut Diagnostics::default());
    if found.as_ref() == Some(&wanted) { Ok(edited) } else { Err(form()) }
}

/// How a secret's source is written.
#[must_use]
pub fn secret_line(name: &SecretName, file: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let file = if file.chars().all(plain) {
        file.to_owned()
    } else {
        format!("\"{}\"", file.replace('\\', "\\\\").replace('"', "\\\""))
    };
    format!("{name}: {{age: {file}}}")
}

/// How long another process that edits is waited for.
const WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// Keeps other processes from editing the project's files while the returned handle lives; waits up to
/// [`WAIT`] for them.
///
/// # Errors
/// When another process does not end.
pub fn alone(root: &Path) -> Result<Option<std::fs::File>, CliError> {
    let end = std::time::Instant::now() + WAIT;
    // Where a folder cannot be locked, nobody can.
    let Ok(folder) = std::fs::File::open(root) else { return Ok(None) };
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(std::fs::TryLockError::Error(_)) => return Ok(None),
            Err(std::fs::TryLockError::WouldBlock) if std::time::Instant::now() < end => {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(CliError::failed("another process edits the files of this project")
                    .hint("wait until it has ended, and do this again"));
            }
        }
    }
}

/// Replaces a file in one step; a link's target is replaced, not the link.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(path.metadata()?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

fn splice(text: &str, span: Span, new: &str) -> String {
    format!("{}{new}{}", &text[..span.start], &text[span.end..])
}

/// Replaces a value that stands on one line, or a list that holds no comment.
fn replace(text: &str, value: &Node, new: &str) -> Option<String> {
    let old = text.get(value.span.start..value.span.end)?;
    if old.contains('#') || (matches!(value.content, Content::List(_)) && !old.starts_with(['[', '-'])) {
        return None;
    }
    Some(splice(text, value.span, new))
}

/// Adds an entry to a map: inside its braces, or on a line of its own after the entry `after`.
fn add(text: &str, map: &Node, after: Option<&str>, entry: &str) -> Option<String> {
    let (first, _) = map.entries().first()?;
    if text.get(map.span.start..)?.starts_with('{') {
        let (_, last) = map.entries().last()?;
        let at = Span { start: last.span.end, end: last.span.end };
        return Some(splice(text, at, &format!(", {entry}")));
    }
    let line_start = text.get(..first.span.start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let indent = &text[line_start..first.span.start];
    if !indent.chars().all(|c| c == ' ') {
        return None;
    }
    let (_, neighbour) = match after {
        Some(key) => map.entry(key)?,
        None => map.entries().last().map(|(key, node)| (key, node))?,
    };
    Some(insert_line(text, neighbour.span.end, &format!("{indent}{entry}")))
}

/// Puts a line after the one in which `offset` is.
fn insert_line(text: &str, offset: usize, line: &str) -> String {
    match text[offset..].find('\n') {
        Some(newline) => {
            let at = offset + newline + 1;
            format!("{}{line}\n{}", &text[..at], &text[at..])
        }
        None => format!("{text}\n{line}\n"),
    }
}

#[cfg(test)]
#[path = "edit/tests.rs"]
mod tests;
