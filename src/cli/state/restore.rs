//! Bringing back: everything is looked at in a folder of its own before anything takes its place.

use super::{DATABASE, DEPOT, FORMAT, IDENTITY, MANIFEST, Manifest, archive};
use crate::{
    cli::{CliError, Format, Global, Terminal, keys, project},
    depot::Depot,
    model::{Digest, ExitCode},
    store::{Location, Store},
    vault,
};
use secrecy::SecretString;
use serde_json::json;
use std::{
    fs::DirBuilder,
    io::{self, Read, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Most bytes of the manifest and of the key.
const SMALL_BYTES_MAX: u64 = 65_536;

/// Where the parts belong.
struct Places {
    database: PathBuf,
    depot: PathBuf,
    identity: PathBuf,
}

/// Performs `esclusa state restore`.
pub async fn restore(
    global: &Global,
    terminal: &Terminal,
    file: PathBuf,
    key: Option<PathBuf>,
) -> Result<ExitCode, CliError> {
    let read = project::read(global)?;
    let places = places(&read)?;
    refuse_overwriting(&places)?;
    let key = open_key(&places, key)?;
    let parent = places.database.parent().unwrap_or(&read.root).to_owned();
    let failed = |error: io::Error| CliError::failed(format!("`{}`: {error}", parent.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(&parent).map_err(failed)?;
    let folder = tempfile::Builder::new().prefix(".restoring-").tempdir_in(&parent).map_err(failed)?;
    let aside = folder.path().to_owned();
    let manifest = tokio::task::spawn_blocking(move || unpack(&file, &key, &aside))
        .await
        .map_err(|error| CliError::failed(error.to_string()))??;
    let entries = prove(&manifest, folder.path()).await?;
    // Asked again: the unpacking took its time.
    refuse_overwriting(&places)?;
    settle(folder.path(), &places).map_err(failed)?;
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "exit": 0, "store": manifest.store, "saved_at": manifest.saved_at,
            "ledger_entries": entries, "blobs": manifest.blobs,
        }));
    } else {
        terminal.result(&format!(
            "the state of {} is back: {entries} ledger entries, all proven, and {} blobs.",
            manifest.saved_at, manifest.blobs
        ));
        terminal.note(
            "Runs that came after it are not in it. Where a server refuses because of a later epoch, use",
        );
        terminal.note("`esclusa server adopt SERVER --env ENVIRONMENT --reason TEXT`.");
    }
    Ok(ExitCode::Done)
}

fn places(read: &project::Read) -> Result<Places, CliError> {
    let location = Location::parse(&read.project.database, &read.root, None)?;
    let database = location.file().ok_or_else(|| {
        CliError::input("this project's store is PostgreSQL: bring it back with `pg_restore`")
    })?;
    Ok(Places {
        database: database.to_owned(),
        depot: read.root.join(&read.project.depot),
        identity: read.root.join(&read.project.vault.identity),
    })
}

fn refuse_overwriting(places: &Places) -> Result<(), CliError> {
    let filled =
        |path: &Path| path.is_file() || path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    for path in [&places.database, &places.depot] {
        if filled(path) {
            return Err(CliError::input(format!(
                "`{}` is there; a state is never overwritten",
                path.display()
            ))
            .hint("move it away first, or restore into a fresh checkout of the project"));
        }
    }
    Ok(())
}

fn open_key(places: &Places, key: Option<PathBuf>) -> Result<SecretString, CliError> {
    match key {
        Some(file) => keys::read_key(&file),
        None if places.identity.is_file() => keys::read_key(&places.identity),
        None => Err(CliError::input("the control host's key is not here, so the file cannot be opened")
            .hint("take the recovery key from the safe: `--key FILE`, or `--key -` to give it on standard input")),
    }
}

/// Unpacks everything into `aside`; nothing but known names is accepted.
fn unpack(file: &Path, key: &SecretString, aside: &Path) -> Result<Manifest, CliError> {
    let mut input = vault::unseal(file, key).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        CliError::input(format!("{error}{cause}"))
            .hint("the key must be one of those that the state was saved for, such as the recovery key")
    })?;
    let bad = |error: io::Error| CliError::failed(format!("`{}`: {error}", file.display()));
    let depot = Depot::open(&aside.join("depot")).map_err(|error| CliError::failed(error.to_string()))?;
    let mut manifest: Option<Manifest> = None;
    let mut blobs = 0;
    archive::each(&mut input, |name, size, content| match (&manifest, name) {
        (None, MANIFEST) => {
            let mut text = Vec::new();
            content.take(SMALL_BYTES_MAX).read_to_end(&mut text)?;
            let read: Manifest = serde_json::from_slice(&text).map_err(io::Error::other)?;
            if read.format > FORMAT {
                return Err(io::Error::other("it was saved by a newer version of esclusa"));
            }
            manifest = Some(read);
            Ok(())
        }
        (Some(_), DATABASE) => put(&aside.join(DATABASE), content),
        (Some(_), IDENTITY) if size <= SMALL_BYTES_MAX => put(&aside.join(IDENTITY), content),
        (Some(_), name) => {
            let digest = name.strip_prefix(DEPOT).and_then(Digest::parse);
            let digest =
                digest.ok_or_else(|| io::Error::other("it holds a file that does not belong there"))?;
            let mut writer = depot.writer(name, size).map_err(io::Error::other)?;
            let mut chunk = vec![0; 128 * 1024];
            loop {
                let length = content.read(&mut chunk)?;
                if length == 0 {
                    break;
                }
                writer.write(&chunk[..length]).map_err(io::Error::other)?;
            }
            writer.finish_as(digest).map_err(io::Error::other)?;
            blobs += 1;
            Ok(())
        }
        _ => Err(io::Error::other("it does not begin as a saved state does")),
    })
    .map_err(bad)?;
    let manifest = manifest.ok_or_else(|| bad(io::Error::other("it is empty")))?;
    if blobs != manifest.blobs || !aside.join(DATABASE).is_file() {
        return Err(bad(io::Error::other("a part of it is missing")));
    }
    Ok(manifest)
}

fn put(path: &Path, content: &mut dyn Read) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::copy(content, &mut file)?;
    file.flush()?;
    file.sync_all()
}

/// Proves that the database is the one that was saved, whole.
async fn prove(manifest: &Manifest, aside: &Path) -> Result<u64, CliError> {
    let address = format!("sqlite:{}", aside.join(DATABASE).display());
    let store = Store::open(&Location::parse(&address, Path::new("/"), None)?).await?;
    if store.id() != manifest.store {
        return Err(CliError::failed("the database in the file is another store's"));
    }
    let head = store
        .verify_ledger(&[manifest.head])
        .await
        .map_err(|error| CliError::failed(format!("the database in the file is not whole: {error}")))?;
    store.close().await;
    Ok(head.seq)
}

/// Puts the parts into their places; the database last, since it is what makes a state.
fn settle(aside: &Path, places: &Places) -> io::Result<()> {
    let folder = |path: &Path| match path.parent() {
        Some(parent) => DirBuilder::new().recursive(true).mode(0o700).create(parent),
        None => Ok(()),
    };
    let identity = aside.join(IDENTITY);
    if identity.is_file() && !places.identity.exists() {
        folder(&places.identity)?;
        std::fs::rename(&identity, &places.identity)?;
    }
    folder(&places.depot)?;
    let _ = std::fs::remove_dir(&places.depot);
    std::fs::rename(aside.join("depot"), &places.depot)?;
    std::fs::rename(aside.join(DATABASE), &places.database)
}
