//! Takes a playbook in: every file that it names and every artifact, by content, into the depot.

use super::{
    ExecutorError, Site,
    loaded::{self, source},
};
use crate::{
    depot,
    document::{Diagnostics, Files, Kind},
    expression,
    model::{BlobRef, Digest, PlaybookKind, SystemName, Value},
    module,
    plan::{
        self, Artifact, FileRef, PLAN_FORMAT, Place, PlannedServer, Release, ReleaseFiles, RequestedSource,
    },
    playbook::{self, Playbook, Sha256Source, SignatureSpec, Step},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

/// Largest file of a project that is taken in, in bytes.
const PROJECT_FILE_BYTES_MAX: u64 = 256 << 20;

/// Largest YAML file that is read.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// Largest artifact, in bytes.
const ARTIFACT_BYTES_MAX: u64 = 16 << 30;

/// The files of a project's folder; remembers which were read.
pub struct ProjectFiles {
    root: PathBuf,
    read: RefCell<BTreeSet<String>>,
}

impl ProjectFiles {
    /// The files below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), read: RefCell::default() }
    }

    /// The path of a file, if it stays inside the project and exists.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let inside =
            Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let path = self.root.join(name);
        (inside && path.is_file()).then_some(path)
    }
}

impl Files for ProjectFiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let file = self.path(path)?;
        // One byte more than is allowed, so that the reader sees that it is too long.
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(file).ok()?;
        std::io::Read::read_to_end(&mut std::io::Read::take(opened, DOCUMENT_BYTES_MAX + 1), &mut bytes)
            .ok()?;
        self.read.borrow_mut().insert(path.to_owned());
        Some(bytes)
    }

    fn trouble(&self, path: &str) -> Option<String> {
        trouble(&self.root.join(path))
    }

    fn exists(&self, path: &str) -> bool {
        self.path(path).is_some()
    }
}

/// Why something that is there cannot be read as a file.
#[must_use]
pub fn trouble(path: &Path) -> Option<String> {
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(error.to_string()),
        Ok(found) if found.is_dir() => Some("it is a folder".to_owned()),
        Ok(found) if !found.is_file() => Some("it is no ordinary file".to_owned()),
        Ok(_) => std::fs::File::open(path).err().map(|error| error.to_string()),
    }
}

/// What a caller wants to run.
pub struct Wanted {
    /// The playbook's path relative to the project's folder.
    pub playbook: String,
    /// The inputs given.
    pub inputs: BTreeMap<String, Value>,
}

/// Takes a playbook in and returns its release, stored.
pub async fn take_in(site: &Site, wanted: &Wanted) -> Result<Release, ExecutorError> {
    let files = ProjectFiles::new(&site.root);
    let mut diagnostics = Diagnostics::default();
    let playbook = source(&files, &wanted.playbook, &mut diagnostics)
        .and_then(|source| playbook::parse_playbook(&source, &files, module::SHAPES, &mut diagnostics))
        .map(|parsed| parsed.playbook);
    let playbook = match playbook {
        Some(playbook) if !diagnostics.has_errors() => playbook,
        _ => {
            return Err(ExecutorError::input_hint(
                diagnostics.render(false).trim_end(),
                "mend the file and run `esclusa validate`",
            ));
        }
    };
    if playbook.kind == PlaybookKind::Backup {
        return Err(ExecutorError::input_hint(
            format!("`{}` is a backup playbook", wanted.playbook),
            format!("take a backup with `esclusa backup {} --env ENVIRONMENT`", playbook.system),
        ));
    }
    let inputs = plan::inputs(&playbook.inputs, &wanted.inputs)?;
    let folder = folder_of(&wanted.playbook);
    for beside in ["system.yaml", "backup.yaml", "restore.yaml"] {
        let _ = files.read(&format!("{folder}/{beside}"));
    }
    let mut named = named_files(site, &playbook, folder, &inputs, &files);
    named.extend(files.read.borrow().iter().cloned());
    let stored = store_files(site, &files, named)?;
    let mut artifacts = BTreeMap::new();
    for (name, spec) in &playbook.artifacts {
        let request = plan::artifact_request(name, spec, &inputs)?;
        let mut artifact = artifact(site, &request).await?;
        check_licence(site, name, spec.licence.as_deref())?;
        artifact.origin = spec.origin;
        artifact.licence.clone_from(&spec.licence);
        artifacts.insert(name.clone(), artifact);
    }
    let release = Release {
        format: PLAN_FORMAT,
        system: playbook.system.clone(),
        kind: playbook.kind,
        playbook: wanted.playbook.clone(),
        files: stored,
        artifacts,
        inputs,
    };
    readable(site, &release).await?;
    store_release(site, &release).await?;
    Ok(release)
}

/// The release of a backup alone, or of a restore: data sheet and backup playbook.
pub async fn take_in_system(site: &Site, system: &SystemName) -> Result<Release, ExecutorError> {
    let files = ProjectFiles::new(&site.root);
    let folder = format!("{}/{system}", site.project.playbooks);
    let mut named = BTreeSet::new();
    for name in ["system.yaml", "backup.yaml"] {
        let path = format!("{folder}/{name}");
        if files.path(&path).is_none() {
            return Err(ExecutorError::input_hint(
                format!("there is no `{path}`"),
                "a system has a data sheet and a backup playbook; see `esclusa init`",
            ));
        }
        named.insert(path);
    }
    let release = Release {
        format: PLAN_FORMAT,
        system: system.clone(),
        kind: PlaybookKind::Backup,
        playbook: format!("{folder}/backup.yaml"),
        files: store_files(site, &files, named)?,
        artifacts: BTreeMap::new(),
        inputs: BTreeMap::new(),
    };
    readable(site, &release).await?;
    store_release(site, &release).await?;
    Ok(release)
}

/// Refuses a release whose documents cannot be read: what the author can mend must not end as a run
/// that nobody can go on with.
async fn readable(site: &Site, release: &Release) -> Result<(), ExecutorError> {
    let refused = |faults: Box<Diagnostics>| {
        ExecutorError::input_hint(faults.render(false).trim_end(), "mend the file and run `esclusa validate`")
    };
    loaded::read(release, &loaded::files(site, release).await?).map(drop).map_err(refused)
}

async fn store_release(site: &Site, release: &Release) -> Result<(), ExecutorError> {
    let text = crate::model::canonical(release).map_err(|error| ExecutorError::document("release", error))?;
    Ok(site.store.put_document("release", Digest::of(text.as_bytes()), &text).await?)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Files that steps name; a name with templates is rendered for every server of every
/// environment, so that the release is the same wherever it goes.
fn named_files(
    site: &Site,
    playbook: &Playbook,
    folder: &str,
    inputs: &BTreeMap<String, Value>,
    files: &ProjectFiles,
) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let steps = playbook.steps.iter().chain(&playbook.handlers);
    for step in steps {
        for name in sources(site, playbook, step, inputs) {
            for path in [format!("{folder}/{name}"), name.clone()] {
                if files.path(&path).is_some() {
                    named.insert(path);
                    break;
                }
            }
        }
    }
    named
}

fn sources(
    site: &Site,
    playbook: &Playbook,
    step: &Step,
    inputs: &BTreeMap<String, Value>,
) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in file_names(step) {
        if text.contains("{{") || text.contains("{%") {
            names.extend(rendered(site, playbook, step, inputs, text));
        } else {
            names.insert(text.to_owned());
        }
    }
    names
}

/// The texts with which a step names files of the project: the module's table of keys says where.
fn file_names(step: &Step) -> Vec<&str> {
    let shape = module::SHAPES.iter().find(|shape| shape.name == step.module);
    let fields = shape.iter().flat_map(|shape| shape.fields);
    let mut names = Vec::new();
    for field in fields.filter(|field| names_a_file(&field.kind)) {
        match step.args.get(field.key) {
            Some(Value::List(items)) => names.extend(items.iter().filter_map(Value::as_text)),
            Some(value) => names.extend(value.as_text()),
            None => {}
        }
    }
    names
}

fn names_a_file(kind: &Kind) -> bool {
    match kind {
        Kind::ProjectFile => true,
        Kind::Either(kinds) => kinds.iter().any(names_a_file),
        _ => false,
    }
}

fn rendered(
    site: &Site,
    playbook: &Playbook,
    step: &Step,
    inputs: &BTreeMap<String, Value>,
    text: &str,
) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for environment in &site.inventory.environments {
        for server in environment.servers.values() {
            let mut variables = playbook.variables.clone();
            variables.extend(environment.variables.clone());
            variables.extend(server.variables.clone());
            let on = PlannedServer { server: server.clone(), variables };
            let place = Place {
                name: environment.name.clone(),
                kind: environment.kind,
                policy: environment.policy.clone(),
            };
            let scope = plan::planning_scope(&on, &place, &step.variables, inputs);
            let items = match &step.repeat {
                Some(Value::List(items)) => items.clone(),
                _ => vec![Value::Null],
            };
            for item in items {
                names.extend(expression::render(text, &scope.clone().with("item", item)).ok());
            }
        }
    }
    names
}

/// Files of the project as the depot keeps them.
pub(super) fn store_files(
    site: &Site,
    files: &ProjectFiles,
    named: BTreeSet<String>,
) -> Result<BTreeMap<String, FileRef>, ExecutorError> {
    let mut stored = BTreeMap::new();
    for name in named {
        let Some(path) = files.path(&name) else { continue };
        let blob = put_file(site, &path)?;
        stored.insert(name, FileRef { digest: blob.digest, size: blob.size });
    }
    Ok(stored)
}

fn check_licence(site: &Site, name: &str, licence: Option<&str>) -> Result<(), ExecutorError> {
    let allowed = &site.project.licences;
    match licence {
        _ if allowed.is_empty() => Ok(()),
        Some(licence) if allowed.iter().any(|one| one == licence) => Ok(()),
        Some(licence) => Err(ExecutorError::input_hint(
            format!("artifact `{name}` has licence `{licence}`, which the project does not allow"),
            "the allowed ones stand under `licences:` in esclusa.yaml",
        )),
        None => Err(ExecutorError::input_hint(
            format!("artifact `{name}` names no licence"),
            "add `licence:` with its SPDX identifier",
        )),
    }
}

async fn artifact(site: &Site, request: &plan::ArtifactRequest) -> Result<Artifact, ExecutorError> {
    let wanted = wanted_digest(site, request).await?;
    let blob = fetch(site, &request.source, wanted).await?;
    let signed_by = match &request.signature {
        Some(signature) => Some(verify(site, blob.digest, signature).await?),
        None => None,
    };
    let mut manuals = Vec::new();
    for manual in &request.manuals {
        let blob = if manual.contains("://") {
            site.depot.put_bytes(&depot::fetch_small(manual, PROJECT_FILE_BYTES_MAX).await?)?
        } else {
            put_file(site, &site.root.join(manual))?
        };
        manuals.push(FileRef { digest: blob.digest, size: blob.size });
    }
    Ok(Artifact {
        digest: blob.digest,
        size: blob.size,
        file_name: request.file_name.clone(),
        origin: None,
        licence: None,
        signed_by,
        manuals,
    })
}

fn put_file(site: &Site, path: &Path) -> Result<BlobRef, ExecutorError> {
    let shown = path.display().to_string();
    let file =
        std::fs::File::open(path).map_err(|error| ExecutorError::input(format!("`{shown}`: {error}")))?;
    Ok(site.depot.put_reader(file, &shown, PROJECT_FILE_BYTES_MAX)?)
}

async fn fetch(site: &Site, source: &RequestedSource, wanted: Digest) -> Result<BlobRef, ExecutorError> {
    Ok(match source {
        RequestedSource::Path(path) => {
            site.depot.fetch_path(&site.root.join(path), wanted, ARTIFACT_BYTES_MAX)?
        }
        RequestedSource::Url(url) => site.depot.fetch_url(url, wanted, ARTIFACT_BYTES_MAX, |_| {}).await?,
    })
}

async fn wanted_digest(site: &Site, request: &plan::ArtifactRequest) -> Result<Digest, ExecutorError> {
    let name = &request.name;
    match &request.sha256 {
        Sha256Source::Value(text) => Digest::parse(text)
            .ok_or_else(|| ExecutorError::input(format!("artifact `{name}`: `{text}` is not a sha256"))),
        Sha256Source::From(path) => {
            let files = ProjectFiles::new(&site.root);
            let bytes = files.read(path).ok_or_else(|| {
                ExecutorError::input(format!("artifact `{name}`: there is no file `{path}`"))
            })?;
            depot::sum_of(&String::from_utf8_lossy(&bytes), &request.file_name)
                .map_err(|error| ExecutorError::input(format!("artifact `{name}`: `{path}`: {error}")))
        }
        Sha256Source::PerVersion(_) => Err(ExecutorError::input(format!("artifact `{name}` has no sha256"))),
    }
}

/// Largest signature that is read, in bytes.
const SIGNATURE_BYTES_MAX: u64 = 64 << 10;

async fn verify(site: &Site, digest: Digest, signature: &SignatureSpec) -> Result<String, ExecutorError> {
    let (SignatureSpec::Minisign { signature: place, .. } | SignatureSpec::Gpg { signature: place, .. }) =
        signature;
    let bytes = if place.contains("://") {
        depot::fetch_small(place, SIGNATURE_BYTES_MAX).await?
    } else {
        ProjectFiles::new(&site.root)
            .read(place)
            .ok_or_else(|| ExecutorError::input(format!("there is no signature file `{place}`")))?
    };
    let path = site.depot.path(&digest);
    Ok(match signature {
        SignatureSpec::Minisign { key, .. } => {
            depot::verify_minisign(&path, &String::from_utf8_lossy(&bytes), key)?;
            format!("minisign {key}")
        }
        SignatureSpec::Gpg { keyring, .. } => depot::verify_gpg(&path, &bytes, &site.root.join(keyring))?,
    })
}

/// The release's files as they are in the depot.
pub async fn files(site: &Site, release: &Release) -> Result<ReleaseFiles, ExecutorError> {
    loaded::files(site, release).await
}
