//! Whether a system is on its servers: a first installation needs no backup, everything else does.

use super::{ExecutorError, Loaded, Site, fleet::Fleet, look};
use crate::{
    backup::Source,
    model::{PlaybookKind, RunAs, Script, ServerName, Status},
    plan::Ground,
    store::BackupFilter,
    transport::{Frame, Session},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

/// Whether the system is on a server. What cannot be told counts as present: only what is surely
/// absent needs no backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    Absent,
    Present,
}

/// What every server says of the system, taken together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// What the data sheet's probe says.
    pub(super) system: Presence,
    /// Whether something of the backup's files lies there.
    pub(super) traces: Presence,
}

impl Seen {
    /// What is known before any server was asked.
    pub(super) const NOTHING: Self = Self { system: Presence::Absent, traces: Presence::Absent };

    /// With what another server says.
    pub(super) fn and(self, other: Self) -> Self {
        Self { system: self.system.max(other.system), traces: self.traces.max(other.traces) }
    }

    /// Whether this is a first installation.
    pub(super) async fn is_absent(self, site: &Site, loaded: &Loaded) -> Result<bool, ExecutorError> {
        Ok(loaded.plan.kind == PlaybookKind::Install
            && self.system == Presence::Absent
            && (self.traces == Presence::Absent || !known_here(site, loaded).await?))
    }
}

/// Asks all servers again whether this is a first installation, and nothing else.
pub(super) async fn still_absent(
    site: &Site,
    loaded: &Loaded,
    fleet: &Fleet<'_>,
) -> Result<bool, ExecutorError> {
    let marks = site.secret_marks();
    let ground = loaded.ground(&marks);
    let width = site.project.parallel.clamp(1, 100) as usize;
    let seen = stream::iter(loaded.plan.servers.keys())
        .map(|server| {
            let ground = &ground;
            async move {
                let session = fleet.session(server).await?;
                let traces = traces(ground, server, &session).await?;
                let (_, system) = observe(ground, server, &session, traces).await?;
                Ok::<_, ExecutorError>(Seen { system, traces })
            }
        })
        .buffer_unordered(width)
        .try_fold(Seen::NOTHING, |all, one| async move { Ok(all.and(one)) })
        .await?;
    seen.is_absent(site, loaded).await
}

/// Whether this store knows the system there: it was installed or backed up by Esclusa before.
pub(super) async fn known_here(site: &Site, loaded: &Loaded) -> Result<bool, ExecutorError> {
    let plan = &loaded.plan;
    if site.store.last_success(&plan.system, &plan.environment).await?.is_some() {
        return Ok(true);
    }
    let filter = BackupFilter {
        system: Some(plan.system.clone()),
        environment: Some(plan.environment.clone()),
        ..BackupFilter::default()
    };
    Ok(!site.store.backups(&filter).await?.is_empty())
}

/// What is installed on a server. The data sheet's probe says so, and it is asked on every server where
/// it can be; without a probe the files and packages of the backup playbook do.
pub(super) async fn observe(
    ground: &Ground<'_>,
    server: &ServerName,
    session: &Session,
    traces: Presence,
) -> Result<(Option<String>, Presence), ExecutorError> {
    let Some(version) = &ground.plan.version else { return Ok((None, traces)) };
    if !version.servers.contains(server) {
        return Ok((None, Presence::Absent));
    }
    let as_user = version.as_user.clone().map_or(RunAs::Login, RunAs::User);
    let script = Script(crate::model::script::command_line(&version.run));
    let replies = session.run(vec![Frame::ask(as_user, script)]).await?;
    let Some(answer) = look::next_answer(&mut replies.into_iter(), server)? else {
        return Ok((None, Presence::Present));
    };
    let text = answer.text().trim().to_owned();
    Ok(match answer.status {
        Status::Exited(0) if !text.is_empty() => (Some(text), Presence::Present),
        // 126: it is there and cannot be run. Everything else that fails by itself says "not installed".
        Status::Exited(126) | Status::Signalled(_) | Status::TimedOut => (None, Presence::Present),
        // 127: this account does not find the program. It need not be away where its files lie about.
        Status::Exited(127) => (None, traces),
        Status::Exited(_) => (None, Presence::Absent),
    })
}

/// Whether something of the system's backup lies on a server.
pub(super) async fn traces(
    ground: &Ground<'_>,
    server: &ServerName,
    session: &Session,
) -> Result<Presence, ExecutorError> {
    let quote = crate::model::script::quote;
    let mut tests = Vec::new();
    for item in
        ground.plan.backup.iter().flat_map(|backup| &backup.items).filter(|item| item.server == *server)
    {
        match &item.source {
            Source::Paths(paths) => tests.extend(paths.iter().map(|path| format!("[ -e {} ]", quote(path)))),
            Source::Sqlite(path) => tests.push(format!("[ -e {} ]", quote(path))),
            _ => {}
        }
    }
    if tests.is_empty() {
        // A server with none of the backup's files says nothing; where no server has any, nothing is proven.
        let anywhere = ground.plan.backup.iter().flat_map(|backup| &backup.items);
        let paths =
            anywhere.filter(|item| matches!(item.source, Source::Paths(_) | Source::Sqlite(_))).count();
        return Ok(if paths > 0 { Presence::Absent } else { Presence::Present });
    }
    let script = Script(tests.join(" || "));
    let replies = session.run(vec![Frame::ask(RunAs::Root, script)]).await?;
    let answer = look::next_answer(&mut replies.into_iter(), server)?;
    let absent = answer.is_some_and(|answer| answer.status == Status::Exited(1));
    Ok(if absent { Presence::Absent } else { Presence::Present })
}
