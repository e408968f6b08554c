//! The end of a run: what is recorded, told and removed with it.

use super::{ExecutorError, drive::Driver, fleet::Fleet, journal::Extra};
use crate::{
    approval,
    model::{ExitCode, Language, canonical},
    notify::{Notice, NoticeKind, Recipient},
    report::endings,
    run::{BackupState, Ending, Event, Goal, Run},
};

impl Driver<'_> {
    pub(super) async fn end(
        &self,
        run: &Run,
        fleet: &Fleet<'_>,
        exit: ExitCode,
        ending: Ending,
    ) -> Result<(), ExecutorError> {
        for server in self.loaded.plan.servers.keys() {
            if (run.changed || run.restoring)
                && let Ok(session) = fleet.session(server).await
            {
                // What cannot be removed now lies in a folder of its own, which only its account can open.
                let _ = session.forget_units(&run.header.id).await;
            }
        }
        let policy = match exit {
            ExitCode::Done if run.header.goal == Goal::Change => self.policy_after(run).await?,
            _ => None,
        };
        let extra = Extra { outbox: self.ended_notice(run, exit, &ending), policy, ..Extra::default() };
        self.journal.append_with(vec![Event::ended(exit.number(), ending)], extra).await?;
        if exit == ExitCode::Done && matches!(run.backup, BackupState::Verified(_)) {
            self.retain().await;
        }
        Ok(())
    }

    /// The policy that the next run here is judged under. What another run has tightened meanwhile is
    /// not rolled back, and loosening holds only when those whom the stricter one names agreed to it.
    async fn policy_after(&self, run: &Run) -> Result<Option<String>, ExecutorError> {
        let plan = &self.loaded.plan;
        let planned = approval::Judged::planned(&plan.policy, plan.environment_kind);
        let policy = match self.site.policy_in_force(plan).await? {
            None => planned,
            Some(in_force) => {
                let approved = match self.site.verdict(run).await? {
                    Some(approval::Verdict::Approved(approved)) => Some(approved),
                    _ => approval::Approved::not_required(&in_force),
                };
                match approved {
                    Some(approved) => approval::in_force_after(&in_force, &planned, &approved),
                    None => approval::stricter(&in_force, &planned).0,
                }
            }
        };
        canonical(&policy).map(Some).map_err(|error| ExecutorError::document("policy", error))
    }

    fn ended_notice(&self, run: &Run, exit: ExitCode, ending: &Ending) -> Vec<crate::store::Message> {
        let Some(person) = run.header.requested_by.as_ref().and_then(|name| self.site.people.0.get(name))
        else {
            return Vec::new();
        };
        let language = person.language.unwrap_or(self.site.project.language);
        let title = &self.loaded.plan.title;
        let environment = &run.header.environment;
        let subject = match language {
            Language::Es => format!("{title} en {environment}: la ejecución terminó ({})", exit.number()),
            Language::En => format!("{title} in {environment}: the run ended ({})", exit.number()),
        };
        let notice = Notice {
            kind: NoticeKind::RunEnded,
            recipients: vec![Recipient { person: person.name.clone(), mail: person.mail.clone() }],
            language,
            subject,
            text: endings::words(Some(ending), &ending.to_string(), language),
            run: run.header.id.clone(),
            environment: environment.clone(),
            system: run.header.system.clone(),
        };
        notice.message().into_iter().collect()
    }

    /// Removes backups that are no longer kept. What cannot be removed now is tried at the next run.
    async fn retain(&self) {
        if let Err(error) = super::retention::retain(self.site, &self.loaded.plan).await {
            self.journal.watch().note(&format!("old backups were not removed: {error}"));
        }
    }
}
