//! Saving.

use super::{DATABASE, DEPOT, FORMAT, IDENTITY, MANIFEST, Manifest, archive};
use crate::{
    cli::{CliError, Format, Global, Terminal, project},
    executor::{ExecutorError, Site},
    model::{ExitCode, Language, canonical},
    report::{escape, size},
    store::{Location, Store},
    vault::Sealer,
};
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Deepest folder of the depot.
const DEPTH_MAX: usize = 4;

/// Performs `esclusa state backup`.
pub async fn save(global: &Global, terminal: &Terminal, file: PathBuf) -> Result<ExitCode, CliError> {
    let read = project::read(global)?;
    if !read.project.database.starts_with("sqlite:") {
        let address = escape::visible(&read.project.database);
        return Err(CliError::input("a PostgreSQL store is saved with PostgreSQL's own tool").hint(format!(
            "pg_dump --format=custom --file=esclusa.dump '{address}', and copy the folder `{}`",
            read.project.depot
        )));
    }
    if file.exists() {
        return Err(CliError::input(format!("`{}` exists; it is not overwritten", file.display())));
    }
    let site = project::open(global).await?;
    let recipients = site.project.vault.recipients.clone();
    if recipients.len() < 2 {
        return Err(CliError::input(
            "`vault.recipients` names no recovery key: with this control host the file would be lost too",
        )
        .hint("`esclusa keys new` makes one"));
    }
    site.store
        .verify_ledger(&[])
        .await
        .map_err(|error| CliError::failed(error.to_string()).hint("see `esclusa audit`"))?;
    let folder = tempfile::tempdir_in(state_folder(&site)).map_err(|error| failed(&file, error))?;
    let copy = folder.path().join(DATABASE);
    site.store.backup_to(&copy).await?;
    // The copy says what it holds: the store itself may have gone on meanwhile.
    let manifest = manifest_of(&site, &copy).await?;
    let shown = file.display().to_string();
    let identity = site.root.join(&site.project.vault.identity);
    let depot = site.root.join(&site.project.depot);
    let (length, blobs) = tokio::task::spawn_blocking(move || {
        let result = write(&file, &recipients, manifest, &copy, &identity, &depot);
        if result.is_err() {
            let _ = std::fs::remove_file(&file);
        }
        result
    })
    .await
    .map_err(|error| CliError::failed(error.to_string()))??;
    if terminal.format == Format::Json {
        terminal.json(&json!({"exit": 0, "file": shown, "size_bytes": length, "blobs": blobs, "store": site.store.id()}));
    } else {
        terminal.result(&format!(
            "saved to {}: {}, {blobs} blobs of the depot.\nKeep it on another machine. The vault's backups are not in it.",
            escape::visible(&shown),
            size::words(length, Language::En)
        ));
    }
    Ok(ExitCode::Done)
}

/// The folder of the database: private, and on a disk with room for it.
fn state_folder(site: &Site) -> PathBuf {
    let location = Location::parse(&site.project.database, &site.root, None);
    let file = location.ok().and_then(|location| location.file().map(Path::to_owned));
    file.and_then(|file| file.parent().map(Path::to_owned)).unwrap_or_else(|| site.root.clone())
}

async fn manifest_of(site: &Site, copy: &Path) -> Result<Manifest, CliError> {
    let location = Location::parse(&format!("sqlite:{}", copy.display()), Path::new("/"), None)?;
    let store = Store::open(&location).await?;
    let head = store.ledger_head().await?;
    let manifest = Manifest {
        format: FORMAT,
        store: site.store.id().to_owned(),
        saved_at: site.store.now().await?.to_string(),
        head,
        blobs: 0,
    };
    store.close().await;
    Ok(manifest)
}

fn write(
    file: &Path,
    recipients: &[String],
    mut manifest: Manifest,
    copy: &Path,
    identity: &Path,
    depot: &Path,
) -> Result<(u64, usize), CliError> {
    let blobs = blobs(depot, 0).map_err(|error| failed(depot, error))?;
    manifest.blobs = blobs.len();
    let output = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(|error| failed(file, error))?;
    let mut out = Sealer::to(recipients, BufWriter::new(output))
        .map_err(|error| CliError::failed(error.to_string()))?;
    let text = canonical(&manifest).map_err(|error| CliError::failed(error.to_string()))?;
    let fill = |out: &mut Sealer<_>| -> io::Result<()> {
        archive::add(out, MANIFEST, text.len() as u64, text.as_bytes())?;
        add_file(out, DATABASE, copy)?;
        if identity.is_file() {
            add_file(out, IDENTITY, identity)?;
        }
        for (digest, path) in &blobs {
            add_file(out, &format!("{DEPOT}{digest}"), path)?;
        }
        archive::end(out)
    };
    fill(&mut out).map_err(|error| failed(file, error))?;
    let done = || -> io::Result<u64> {
        let file = out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    Ok((done().map_err(|error| failed(file, error))?, blobs.len()))
}

fn add_file(out: &mut impl Write, name: &str, path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    archive::add(out, name, size, file)
}

/// The blobs of the depot with their digests, wherever below the folder they are.
fn blobs(folder: &Path, depth: usize) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH_MAX && !(depth == 0 && name == "incoming") {
            found.extend(blobs(&entry.path(), depth + 1)?);
        } else if kind.is_file() && crate::model::Digest::parse(&name).is_some() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn failed(path: &Path, error: impl std::fmt::Display) -> CliError {
    CliError::from(ExecutorError::input(format!("`{}`: {error}", path.display()))).code(ExitCode::Failed)
}
