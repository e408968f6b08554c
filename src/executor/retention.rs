//! Removes backups that the system's backup playbook no longer keeps.

use super::{ExecutorError, Site, journal};
use crate::{
    backup::{BackupId, Candidate, retain as choose},
    model::EnvironmentKind,
    plan::Plan,
    run::{BackupState, Goal},
    store::{BackupFilter, BackupMark, RunFilter},
    vault::VaultError,
};
use std::collections::BTreeSet;

/// Removes what is not kept. Backups of runs that have not ended are pinned, and so is what such a run
/// would put back. One that cannot be removed does not keep the others.
pub async fn retain(site: &Site, plan: &Plan) -> Result<(), ExecutorError> {
    let Some(keep) = plan.backup.as_ref().map(|backup| &backup.keep) else { return Ok(()) };
    if *keep == crate::backup::Keep::default() {
        return Ok(());
    }
    let filter = BackupFilter {
        system: Some(plan.system.clone()),
        environment: Some(plan.environment.clone()),
        ..BackupFilter::default()
    };
    let wanted = wanted(site, plan).await?;
    let mut candidates = Vec::new();
    for row in site.store.backups(&filter).await? {
        let run = site.store.run(&row.run).await?;
        // What was copied before a restore is data that nothing else holds: only a person removes it.
        if row.id.starts_with(super::copy::SAFETY_PREFIX) {
            continue;
        }
        let Ok(id) = BackupId::parse(&row.id) else { continue };
        candidates.push(Candidate {
            id,
            taken_at: row.taken_at,
            verified: row.verified_at.is_some() && row.broken.is_none(),
            pinned: run.ended_at.is_none() || wanted.contains(&row.id),
        });
    }
    let zone = jiff::tz::TimeZone::get(&site.project.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let vault = site.vault(plan.environment_kind == EnvironmentKind::Production).await?;
    let mut first_error = None;
    for id in choose(keep, &candidates, &zone).remove {
        match vault.remove(&id).await {
            // Somebody else removed it.
            Ok(()) | Err(VaultError::Unknown(_)) => {
                site.store.mark_backup(id.as_str(), BackupMark::Removed).await?;
            }
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(()), |error| Err(error.into()))
}

/// Backups that runs which have not ended put back, or would: those that a restore names, in whichever
/// environment it is, and those that a policy admitted.
async fn wanted(site: &Site, plan: &Plan) -> Result<BTreeSet<String>, ExecutorError> {
    let filter = RunFilter { system: Some(plan.system.clone()), ended: Some(false), ..RunFilter::default() };
    let mut wanted = BTreeSet::new();
    for row in site.store.runs(&filter).await? {
        // A procedure's journal names no backup.
        let Ok(run) = journal::load(&site.store, &row.new.id).await else { continue };
        if let Goal::Restore { backup } = &run.header.goal {
            wanted.insert(backup.clone());
        }
        if let BackupState::Admitted(backup) = &run.backup {
            wanted.insert(backup.clone());
        }
    }
    Ok(wanted)
}
