//! A plan with everything that it names, loaded from the store and the depot: never from the
//! project's folder, so that what was approved is what runs.

use super::{ExecutorError, Site};
use crate::{
    backup::BackupSpec,
    document::{Diagnostics, Files, Source},
    model::{Digest, PlaybookKind, RunAs},
    module,
    plan::{self, BuildInput, Ground, Plan, PlannedStep, Release, ReleaseFiles, SecretValues},
    playbook::{self, Playbook},
    system::{self, SystemSheet},
};
use std::collections::BTreeMap;

/// Largest file of a release that is loaded as text; larger ones travel as blobs.
pub const FILE_BYTES_MAX: u64 = 8 << 20;

/// A plan and what it is made of.
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// Its release.
    pub release: Release,
    /// The release's files.
    pub files: ReleaseFiles,
}

impl Loaded {
    /// Loads a plan by its digest and rebuilds it: when the same plan does not come out of the same
    /// release, this program understands it differently, and it must not run.
    pub async fn of(site: &Site, digest: Digest) -> Result<Self, ExecutorError> {
        let plan = plan(site, digest).await?;
        let release = release(site, plan.release).await?;
        let files = files(site, &release).await?;
        Ok(Self { plan, release, files })
    }

    /// What steps are rendered from.
    #[must_use]
    pub fn ground<'a>(&'a self, secrets: &'a SecretValues) -> Ground<'a> {
        Ground { plan: &self.plan, release: &self.release, files: &self.files, secrets }
    }
}

/// Loads a release by its digest.
pub async fn release(site: &Site, digest: Digest) -> Result<Release, ExecutorError> {
    let release: Release = serde_json::from_str(&site.store.document(digest).await?)
        .map_err(|error| ExecutorError::document("release", error))?;
    refuse_newer("release", release.format)?;
    Ok(release)
}

/// Loads a plan by its digest.
pub async fn plan(site: &Site, digest: Digest) -> Result<Plan, ExecutorError> {
    let plan: Plan = serde_json::from_str(&site.store.document(digest).await?)
        .map_err(|error| ExecutorError::document("plan", error))?;
    refuse_newer("plan", plan.format)?;
    Ok(plan)
}

/// A document of a later format may say what this program does not see, and would leave out.
fn refuse_newer(what: &'static str, format: u32) -> Result<(), ExecutorError> {
    if format > plan::PLAN_FORMAT {
        return Err(ExecutorError::document(what, "a newer version of this program made it"));
    }
    Ok(())
}

/// Loads the files of a release from the depot.
pub async fn files(site: &Site, release: &Release) -> Result<ReleaseFiles, ExecutorError> {
    let mut files = BTreeMap::new();
    for (path, file) in &release.files {
        if file.size <= FILE_BYTES_MAX {
            files.insert(path.clone(), site.depot.read(&file.digest, FILE_BYTES_MAX)?);
        }
    }
    Ok(ReleaseFiles(files))
}

/// The parsed documents of a release.
pub struct Documents {
    /// The data sheet.
    pub sheet: SystemSheet,
    /// The playbook.
    pub playbook: Playbook,
    /// The backup playbook.
    pub backup: Option<BackupSpec>,
}

/// Parses the documents of a release.
pub fn documents(release: &Release, files: &ReleaseFiles) -> Result<Documents, ExecutorError> {
    read(release, files).map_err(|faults| ExecutorError::document("release", faults.render(false)))
}

/// The same before a release is stored, when what is wrong is the author's to mend.
pub fn read(release: &Release, files: &ReleaseFiles) -> Result<Documents, Box<Diagnostics>> {
    let mut diagnostics = Diagnostics::default();
    let folder = release.playbook.rsplit_once('/').map_or("", |(folder, _)| folder);
    let sheet = source(files, &format!("{folder}/system.yaml"), &mut diagnostics)
        .and_then(|source| system::parse_sheet(&source, &mut diagnostics));
    let backup_path = format!("{folder}/backup.yaml");
    let backup = files
        .0
        .contains_key(&backup_path)
        .then(|| source(files, &backup_path, &mut diagnostics))
        .flatten()
        .and_then(|source| playbook::parse_backup(&source, &mut diagnostics));
    let playbook = if release.kind == PlaybookKind::Backup {
        sheet
            .as_ref()
            .map(|sheet| playbook::without_steps(&release.playbook, PlaybookKind::Backup, &sheet.system))
    } else {
        source(files, &release.playbook, &mut diagnostics)
            .and_then(|source| playbook::parse_playbook(&source, files, module::SHAPES, &mut diagnostics))
            .map(|parsed| parsed.playbook)
    };
    match (sheet, playbook) {
        (Some(sheet), Some(playbook)) if !diagnostics.has_errors() => {
            Ok(Documents { sheet, playbook, backup })
        }
        _ => Err(Box::new(diagnostics)),
    }
}

/// One document of a project or release; what cannot be read is a diagnostic.
pub fn source(files: &dyn Files, path: &str, diagnostics: &mut Diagnostics) -> Option<Source> {
    Source::read(files, path, diagnostics)
}

/// Builds the plan of a release on an environment of the inventory.
pub fn build(
    site: &Site,
    release: &Release,
    files: &ReleaseFiles,
    environment: &crate::model::EnvironmentName,
    phases: &[String],
) -> Result<Plan, ExecutorError> {
    let documents = documents(release, files)?;
    Ok(plan::build(&BuildInput {
        release,
        sheet: &documents.sheet,
        playbook: &documents.playbook,
        backup: documents.backup.as_ref(),
        environment: site.environment(environment)?,
        inventory: &site.inventory,
        phases,
    })?)
}

/// As whom a step runs.
#[must_use]
pub fn run_as(step: &PlannedStep) -> RunAs {
    step.as_user.clone().map_or(RunAs::Root, RunAs::User)
}

/// Builds the plan once more from what the depot holds and from the servers, policy and variables
/// that the plan itself carries. A different plan means that the depot or this program has changed.
pub fn rebuild(loaded: &Loaded) -> Result<Plan, ExecutorError> {
    let documents = documents(&loaded.release, &loaded.files)?;
    let plan = &loaded.plan;
    let rebuilt = plan::rebuild(&plan::RebuildInput {
        release: &loaded.release,
        sheet: &documents.sheet,
        playbook: &documents.playbook,
        backup: documents.backup.as_ref(),
        plan,
    })?;
    Ok(rebuilt)
}
