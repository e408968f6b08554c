//! Removes backups that the system's backup playbook no longer keeps.

use super::{ExecutorError, Site};
use crate::{
    backup::{BackupId, Candidate, retain as choose},
    model::EnvironmentKind,
    plan::Plan,
    store::{BackupFilter, BackupMark},
};

/// Removes what is not kept. Backups of runs that have not ended are pinned.
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
            pinned: run.ended_at.is_none(),
        });
    }
    let zone = jiff::tz::TimeZone::get(&site.project.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let vault = site.vault(plan.environment_kind == EnvironmentKind::Production).await?;
    for id in choose(keep, &candidates, &zone).remove {
        vault.remove(&id).await?;
        site.store.mark_backup(id.as_str(), BackupMark::Removed).await?;
    }
    Ok(())
}
