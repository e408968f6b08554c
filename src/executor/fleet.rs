//! The connections of a run: one a server, made when first needed, made again after a loss.

use super::{ExecutorError, Site};
use crate::{
    model::{Become, RunAs, Script, Server, ServerName},
    plan::Plan,
    transport::{Credentials, Frame, Session, TransportError},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
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
    sessions: Mutex<BTreeMap<ServerName, Slot>>,
}

impl<'a> Fleet<'a> {
    /// Connections that only ask.
    #[must_use]
    pub fn asking(site: &'a Site, plan: &'a Plan) -> Self {
        Self { site, plan, guard: None, sessions: Mutex::default() }
    }

    /// Connections that may change: servers refuse them once a later epoch has been there.
    #[must_use]
    pub fn changing(site: &'a Site, plan: &'a Plan, epoch: u64) -> Self {
        Self { site, plan, guard: Some(epoch), sessions: Mutex::default() }
    }

    /// The session of a server; connects where there is none, or the old one is lost.
    pub async fn session(&self, name: &ServerName) -> Result<Arc<Session>, ExecutorError> {
        let slot = Arc::clone(self.sessions.lock().await.entry(name.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| !session.is_closed()) {
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
        let jump = server.jump.as_ref().and_then(|name| {
            let planned = self.plan.servers.values().map(|planned| &planned.server);
            planned.chain(self.plan.jumps.values()).find(|other| other.name.as_str() == name)
        });
        let mut credentials = self.credentials(server).await?;
        let connect = |credentials: Credentials| async move {
            Session::connect(server, jump, &credentials, &self.site.options).await
        };
        let mut session = loop {
            match connect(credentials.clone()).await {
                // Nothing that was configured opens the door: a person at the keyboard may. As with
                // `ssh`, a key is unlocked first, and the password is the last thing.
                Err(error @ TransportError::LoginRefused { .. }) if self.site.ask.is_some() => {
                    let (slot, what) = if error.wants_passphrase() {
                        (&mut credentials.passphrase, "passphrase of the key")
                    } else {
                        (&mut credentials.password, "password")
                    };
                    if slot.is_some() {
                        return Err(error.into());
                    }
                    *slot = self.site.asked(what, &server.name);
                    if slot.is_none() {
                        return Err(error.into());
                    }
                }
                other => break other?,
            }
        };
        let may_ask = self.site.ask.is_some() && credentials.sudo_password.is_none();
        if may_ask && server.escalation == Become::Sudo {
            let probe = vec![Frame::ask(RunAs::Root, Script::new("true"))];
            if let Err(TransportError::SudoPasswordMissing { .. }) = session.run(probe).await {
                credentials.sudo_password = self.site.asked("sudo password", &server.name);
                session.close().await;
                session = connect(credentials).await?;
            }
        }
        if let Some(epoch) = self.guard {
            session.guard(self.site.store.id(), epoch, false).await?;
        }
        Ok(session)
    }

    async fn credentials(&self, server: &Server) -> Result<Credentials, ExecutorError> {
        let mut credentials = Credentials::default();
        for (name, slot) in [
            (&server.password, &mut credentials.password),
            (&server.sudo_password, &mut credentials.sudo_password),
            (&server.passphrase, &mut credentials.passphrase),
        ] {
            if let Some(name) = name {
                *slot = Some(self.site.secret(name).await?);
            }
        }
        Ok(credentials)
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
    error.is_lost() || matches!(error, TransportError::Unreachable { .. })
}
