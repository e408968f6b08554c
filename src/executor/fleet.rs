//! The connections of a run: one a server, made when first needed, made again after a loss.

use super::{Approach, ExecutorError, Site};
use crate::{
    model::{Become, RunAs, Script, Server, ServerName},
    plan::Plan,
    transport::{Frame, Session, TransportError},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Mutex;

/// How long a lost server is tried again before the run stops: a line that is cut for some seconds
/// must not end a run. One that is cut for good must be said within a minute, of which noticing the
/// silence takes up to 25 seconds and the last try up to 15.
pub const RECONNECT_PATIENCE: Duration = Duration::from_secs(18);

/// Time between two tries.
const RECONNECT_PAUSE: Duration = Duration::from_secs(2);

/// A server's session; locked while it is being made, so that it is made once.
type Slot = Arc<Mutex<Option<Arc<Session>>>>;

/// Connections to the servers of one plan.
pub struct Fleet<'a> {
    site: &'a Site,
    plan: &'a Plan,
    guard: Option<u64>,
    /// The servers are claimed: from now on they are held for `guard`.
    holds: AtomicBool,
    sessions: Mutex<BTreeMap<ServerName, Slot>>,
}

impl<'a> Fleet<'a> {
    /// Connections that only ask.
    #[must_use]
    pub fn asking(site: &'a Site, plan: &'a Plan) -> Self {
        Self { site, plan, guard: None, holds: AtomicBool::new(false), sessions: Mutex::default() }
    }

    /// Connections that may change once they [hold](Self::hold) their servers, which refuse them when a later
    /// epoch has been there. Until then they only ask: another run may be at work.
    #[must_use]
    pub fn changing(site: &'a Site, plan: &'a Plan, epoch: u64) -> Self {
        Self { guard: Some(epoch), ..Self::asking(site, plan) }
    }

    /// Holds the servers from now on: only for a run that has claimed them.
    pub fn hold(&self) {
        self.holds.store(true, Ordering::Relaxed);
    }

    /// The session of a server; connects where there is none, or the old one is lost.
    pub async fn session(&self, name: &ServerName) -> Result<Arc<Session>, ExecutorError> {
        let slot = Arc::clone(self.sessions.lock().await.entry(name.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| !session.is_closed()) {
            self.guard(session).await?;
            return Ok(Arc::clone(session));
        }
        let server = &self
            .plan
            .servers
            .get(name)
            .ok_or_else(|| ExecutorError::input(format!("server `{name}` is not in the plan")))?
            .server;
        let session = Arc::new(self.connect(server).await?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    /// The session of a server that was reachable before: tried again until patience ends.
    pub async fn session_again(&self, name: &ServerName) -> Result<Arc<Session>, ExecutorError> {
        let until = tokio::time::Instant::now() + RECONNECT_PATIENCE;
        loop {
            match self.session(name).await {
                Err(ExecutorError::Transport(error))
                    if is_passing(&error) && tokio::time::Instant::now() < until =>
                {
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
                other => return other,
            }
        }
    }

    /// Drops the session of a server: the next one is a new connection, even where the old one only
    /// lost its shell.
    pub async fn forget(&self, name: &ServerName) {
        if let Some(slot) = self.sessions.lock().await.get(name) {
            *slot.lock().await = None;
        }
    }

    async fn connect(&self, server: &Server) -> Result<Session, ExecutorError> {
        let before = self.plan.way_to(server);
        let mut approach = Approach::of(self.site, server, &before).await?;
        let mut session = self.log_in(server, &mut approach).await?;
        let may_ask = self.site.ask.is_some() && approach.credentials.sudo_password.is_none();
        if may_ask && server.escalation == Become::Sudo {
            let probe = vec![Frame::ask(RunAs::Root, Script::new("true"))];
            if let Err(TransportError::SudoPasswordMissing { .. }) = session.run(probe).await {
                approach.credentials.sudo_password = self.site.asked("sudo password", server.name.as_str());
                session.close().await;
                session = self.log_in(server, &mut approach).await?;
            }
        }
        self.guard(&session).await?;
        Ok(session)
    }

    /// Takes the server for this run, unless that was done or is not to be done yet.
    async fn guard(&self, session: &Session) -> Result<(), TransportError> {
        match self.guard {
            Some(_) if session.is_guarded() => Ok(()),
            Some(epoch) if self.holds.load(Ordering::Relaxed) => {
                session.guard(self.site.store.id(), epoch, false).await
            }
            // Known before anybody decides about a change that could not be made.
            Some(_) => session.refuse_other_store(self.site.store.id()).await,
            None => Ok(()),
        }
    }

    /// Where nothing that was configured opens a server, a person at the keyboard may.
    async fn log_in(&self, server: &Server, approach: &mut Approach) -> Result<Session, TransportError> {
        loop {
            let made =
                Session::connect(server, &approach.way, &approach.credentials, &self.site.options).await;
            match made {
                Err(error) if approach.learn(&error, server, |what, whose| self.site.asked(what, whose)) => {}
                other => return other,
            }
        }
    }

    /// Closes every connection in an orderly way.
    pub async fn close(&self) {
        for slot in self.sessions.lock().await.values() {
            if let Some(session) = slot.lock().await.take() {
                session.close().await;
            }
        }
    }
}

/// Whether trying again may help.
#[must_use]
pub fn is_passing(error: &TransportError) -> bool {
    error.is_passing()
}
