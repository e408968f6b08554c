//! Asks a source for a secret's value.

use super::{SecretError, file};
use crate::inventory::project::SecretSource;
use crate::model::SecretName;
use secrecy::SecretString;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

/// Most bytes of a value.
pub const VALUE_BYTES_MAX: usize = 65_536;
/// Longest run of a command.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Gives the value of `name`. Relative paths start at `project_root`, commands run there.
pub async fn resolve(
    name: &SecretName,
    source: &SecretSource,
    project_root: &Path,
    age_identity: &Path,
) -> Result<SecretString, SecretError> {
    match source {
        SecretSource::Environment(variable) => {
            let missing = || SecretError::Environment { name: name.clone(), variable: variable.clone() };
            let value = std::env::var(variable).map_err(|_| missing())?;
            checked(name, Zeroizing::new(value.into_bytes()))
        }
        SecretSource::File(path) => {
            let (name, path) = (name.clone(), project_root.join(path));
            blocking(move || checked(&name, private(&path)?)).await
        }
        SecretSource::Command(words) => command(name, words, project_root, COMMAND_TIMEOUT).await,
        SecretSource::Age(path) => {
            let (name, path) = (name.clone(), project_root.join(path));
            let identity: PathBuf = project_root.join(age_identity);
            blocking(move || file::get(&path, &name, &identity)).await
        }
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SecretError> + Send + 'static,
) -> Result<T, SecretError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| SecretError::Interrupted)?
}

/// Reads a file that only its owner (and root) can read.
fn private(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let shown = || path.display().to_string();
    let bad = |source| SecretError::File { doing: "read", path: shown(), source };
    let opened = std::fs::File::open(path).map_err(bad)?;
    // Asked of the open file, so that nobody can exchange it in between.
    let mode = opened.metadata().map_err(bad)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Open { path: shown(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    opened.take(VALUE_BYTES_MAX as u64 + 2).read_to_end(&mut bytes).map_err(bad)?;
    Ok(bytes)
}

/// Runs a command and takes what it prints. Its standard error is not shown: some tools repeat what
/// they were asked for.
async fn command(
    name: &SecretName,
    words: &[String],
    folder: &Path,
    limit: Duration,
) -> Result<SecretString, SecretError> {
    let failed = |reason: String| SecretError::Command { name: name.clone(), reason };
    let (program, arguments) = words.split_first().ok_or_else(|| failed("is empty".into()))?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    let stdout = child.stdout.take().ok_or(SecretError::Interrupted)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let work = async {
        stdout.take(VALUE_BYTES_MAX as u64 + 2).read_to_end(&mut bytes).await?;
        child.wait().await
    };
    let status = tokio::time::timeout(limit, work)
        .await
        .map_err(|_| failed(format!("took longer than {} seconds", limit.as_secs())))?
        .map_err(|error| failed(format!("failed: {error}")))?;
    if !status.success() {
        return Err(failed(format!("failed with {status}; run it by hand to see why")));
    }
    checked(name, bytes)
}

/// Removes one final newline and refuses what cannot be a value.
pub(super) fn checked(name: &SecretName, bytes: Zeroizing<Vec<u8>>) -> Result<SecretString, SecretError> {
    let bad = |reason| SecretError::Value { name: name.clone(), reason };
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(bad("is empty"));
    }
    if text.len() > VALUE_BYTES_MAX {
        return Err(bad("is longer than 64 KiB"));
    }
    if text.contains('\0') {
        return Err(bad("holds a zero byte"));
    }
    Ok(SecretString::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn name() -> SecretName {
        SecretName::parse("db").unwrap()
    }

    async fn ask(source: SecretSource, root: &Path) -> Result<String, SecretError> {
        let value = resolve(&name(), &source, root, Path::new("key")).await;
        value.map(|value| value.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_file_gives_its_text_only_when_it_is_private() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("s");
        std::fs::write(&path, "p w\n\n").unwrap();
        for (mode, allowed) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o666, false)]
        {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let value = ask(SecretSource::File("s".into()), root.path()).await;
            assert_eq!(value.ok(), allowed.then(|| "p w\n".to_owned()), "{mode:o}");
        }
        assert!(ask(SecretSource::File("none".into()), root.path()).await.is_err());
    }

    #[tokio::test]
    async fn a_command_gives_what_it_prints_and_its_failure_shows_no_output() {
        let root = tempfile::tempdir().unwrap();
        let sh = |text: &str| SecretSource::Command(vec!["sh".into(), "-c".into(), text.into()]);
        assert_eq!(ask(sh("printf 'v1\\n'"), root.path()).await.unwrap(), "v1");
        for text in
            ["echo hush; echo hush >&2; exit 3", "printf ''", "printf 'hush\\0x'", "printf '\\377hush'"]
        {
            let error = ask(sh(text), root.path()).await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
        let long = sh("head -c 70000 /dev/zero | tr '\\0' x");
        assert!(ask(long, root.path()).await.is_err());
        assert!(ask(SecretSource::Command(vec!["/no/such".into()]), root.path()).await.is_err());
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended() {
        let words: Vec<String> = ["sleep", "60"].map(String::from).into();
        let error = command(&name(), &words, Path::new("/"), Duration::from_millis(100)).await.unwrap_err();
        assert!(error.to_string().contains("took longer"), "{error}");
    }

    #[tokio::test]
    async fn a_variable_that_is_not_set_is_named() {
        let source = SecretSource::Environment("ESCLUSA_TEST_NOT_SET".into());
        let error = ask(source, Path::new("/")).await.unwrap_err();
        assert!(error.to_string().contains("ESCLUSA_TEST_NOT_SET"));
        assert_eq!(
            ask(SecretSource::Environment("HOME".into()), Path::new("/")).await.ok(),
            std::env::var("HOME").ok()
        );
    }
}
