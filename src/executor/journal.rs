//! The one writer of a run's journal: appends under the lease, then applies.

use super::{ExecutorError, Site};
use crate::{
    model::{Digest, FreeText, Redactor, RunId, Timestamp, canonical},
    run::{Event, Run, RunHeader},
    store::{Append, BackupRow, Lease, Message, NewGate, Store, Taken},
};
use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

/// How long a lease holds without a heartbeat. A process that is gone for longer is superseded.
pub const LEASE_SECONDS: u32 = 60;

/// Time between two heartbeats: several may fail before the lease is lost.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Is told of every event after it is recorded.
pub trait Watch: Send + Sync {
    /// An event of `run` was recorded.
    fn event(&self, run: &Run, event: &Event, at: Timestamp);
    /// Something worth a line that is not an event: a connection, a wait.
    fn note(&self, words: &str);
    /// Output of a server's command, redacted, for `-v`.
    fn output(&self, server: &str, step: &str, text: &str);
}

/// What is appended together with events.
#[derive(Default)]
pub struct Extra {
    /// Gates to open.
    pub gates: Vec<NewGate>,
    /// Gates to close with their outcome.
    pub close: Vec<(String, String)>,
    /// Backups to list.
    pub backups: Vec<BackupRow>,
    /// Messages to people.
    pub outbox: Vec<Message>,
    /// The policy that is in force from now on.
    pub policy: Option<String>,
    /// Who is waited for.
    pub waiting_for: Option<String>,
}

/// A run that this process drives.
pub struct Journal {
    store: Store,
    lease: Lease,
    run: Mutex<Run>,
    /// One append at a time: events are applied in the order in which they are recorded.
    order: tokio::sync::Mutex<()>,
    lost: Arc<AtomicBool>,
    heartbeat: tokio::task::JoinHandle<()>,
    watch: Arc<dyn Watch>,
    redactor: Arc<Mutex<Redactor>>,
}

/// Replays a run from the store.
pub async fn load(store: &Store, id: &RunId) -> Result<Run, ExecutorError> {
    let row = store.run(id).await?;
    let header: RunHeader =
        serde_json::from_str(&row.new.body).map_err(|error| ExecutorError::document("run", error))?;
    if header.format > super::open::RUN_FORMAT {
        return Err(ExecutorError::document("run", "a newer version of this program opened it"));
    }
    let mut run = Run::new(header);
    for row in store.events(id).await? {
        let event: Event =
            serde_json::from_str(&row.body).map_err(|error| ExecutorError::document("event", error))?;
        if event == Event::Unknown {
            return Err(ExecutorError::document("event", "a newer version of this program wrote it"));
        }
        run.apply(&event, row.at).map_err(|source| ExecutorError::Journal { run: id.to_string(), source })?;
    }
    Ok(run)
}

/// Takes the lease of a run; a holder of this host that is gone is superseded at once.
pub(super) async fn take_lease(site: &Site, id: &RunId) -> Result<Lease, ExecutorError> {
    let owner = owner(&site.caller.account);
    let store = &site.store;
    match store.take_lease(id, &owner, LEASE_SECONDS).await? {
        Taken::Lease(lease) => Ok(lease),
        // A holder of this host that is gone can no longer write: its lease is nobody's.
        Taken::Held { owner: gone, .. } if holder_is_gone(&gone) => {
            match store.seize_lease(id, &gone, &owner, LEASE_SECONDS).await? {
                Taken::Lease(lease) => Ok(lease),
                Taken::Held { owner, .. } => Err(ExecutorError::Driven { run: id.to_string(), owner }),
            }
        }
        Taken::Held { owner, .. } => Err(ExecutorError::Driven { run: id.to_string(), owner }),
    }
}

/// An event without secrets in its free texts: the last sieve before the record. Names stay as they are,
/// or the record would be about something else.
pub(super) fn cleaned<E: FreeText + Clone>(
    redactor: &Mutex<Redactor>,
    event: &E,
) -> Result<E, ExecutorError> {
    let redactor = redactor.lock().map_err(|_| ExecutorError::document("event", "the redactor is gone"))?;
    let mut event = event.clone();
    event.free_text(&mut |text| redactor.clean(text));
    Ok(event)
}

impl Journal {
    /// Takes the run's lease and replays it.
    pub async fn take(site: &Site, id: &RunId, watch: Arc<dyn Watch>) -> Result<Self, ExecutorError> {
        let store = site.store.clone();
        let lease = take_lease(site, id).await?;
        let run = match load(&store, id).await {
            Ok(run) => run,
            Err(error) => {
                // What cannot be read is not kept from whoever mends it.
                let _ = store.release_lease(&lease).await;
                return Err(error);
            }
        };
        let lost = Arc::new(AtomicBool::new(false));
        let heartbeat = tokio::spawn(beat(store.clone(), lease.clone(), Arc::clone(&lost)));
        Ok(Self {
            store,
            lease,
            run: Mutex::new(run),
            order: tokio::sync::Mutex::new(()),
            lost,
            heartbeat,
            watch,
            redactor: Arc::clone(&site.redactor),
        })
    }

    /// The run as it is now.
    pub fn run(&self) -> MutexGuard<'_, Run> {
        // A poisoned lock means that applying an event panicked; the state before it is still true.
        self.run.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The lease's epoch, which servers are guarded with.
    pub fn epoch(&self) -> u64 {
        self.lease.epoch()
    }

    /// The lease itself, for claims.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Who is told of events.
    pub fn watch(&self) -> &Arc<dyn Watch> {
        &self.watch
    }

    /// Records one event.
    pub async fn append(&self, event: Event) -> Result<(), ExecutorError> {
        self.append_with(vec![event], Extra::default()).await
    }

    /// Records events and what goes with them in one transaction, then applies them. When this
    /// fails, nothing that the events announce may be done.
    pub async fn append_with(&self, events: Vec<Event>, extra: Extra) -> Result<(), ExecutorError> {
        let _order = self.order.lock().await;
        if self.lost.load(Ordering::SeqCst) {
            return Err(crate::store::StoreError::LeaseLost { run: self.run().header.id.clone() }.into());
        }
        // Applied to a copy first: an event that cannot follow is never recorded.
        let mut next = self.run().clone();
        let mut bodies = Vec::with_capacity(events.len());
        let events =
            events.iter().map(|event| cleaned(&self.redactor, event)).collect::<Result<Vec<_>, _>>()?;
        for event in &events {
            let id = next.header.id.to_string();
            next.apply(event, next.last_at).map_err(|source| ExecutorError::Journal { run: id, source })?;
            bodies.push(canonical(event).map_err(|error| ExecutorError::document("event", error))?);
        }
        let rows = self
            .store
            .append(
                &self.lease,
                Append {
                    events: bodies,
                    state: next.label().to_owned(),
                    waiting_for: extra.waiting_for,
                    final_exit: next.ended.as_ref().map(|(exit, _)| *exit),
                    open_gates: extra.gates,
                    close_gates: extra.close,
                    backups: extra.backups,
                    outbox: extra.outbox,
                    policy: extra.policy,
                    ..Append::default()
                },
            )
            .await?;
        for (event, row) in events.iter().zip(rows) {
            let applied = {
                let mut run = self.run();
                let id = run.header.id.to_string();
                run.apply(event, row.at).map_err(|source| ExecutorError::Journal { run: id, source })?;
                run.clone()
            };
            self.watch.event(&applied, event, row.at);
            fault_point("run", applied.events);
        }
        Ok(())
    }

    /// Gives the run up to whoever takes it next.
    pub async fn release(&self) {
        self.heartbeat.abort();
        // The run has ended, or somebody else has the lease: both are fine.
        let _ = self.store.release_lease(&self.lease).await;
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// Crash tests end the process here, as `kill -9` would: right after an event is recorded and before
/// anything that it announces is done. `12` is the twelfth event of any journal, `run:12` and
/// `procedure:12` that of one of a kind. Only in builds with debug assertions.
pub(super) fn fault_point(kind: &str, events: u64) {
    #[cfg(debug_assertions)]
    if std::env::var("ESCLUSA_FAULT_KILL_AFTER_EVENT")
        .is_ok_and(|wanted| wanted == events.to_string() || wanted == format!("{kind}:{events}"))
    {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    #[cfg(not(debug_assertions))]
    let _ = (kind, events);
}

/// Renews a lease until it is lost.
pub(super) async fn beat(store: Store, lease: Lease, lost: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        if let Err(crate::store::StoreError::LeaseLost { .. }) =
            store.renew_lease(&lease, LEASE_SECONDS).await
        {
            lost.store(true, Ordering::SeqCst);
            return;
        }
    }
}

/// The host's name, for people who look for a process.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// This process, for people and for other processes that ask whether it is still there.
fn owner(account: &str) -> String {
    let (host, pid) = (host_name(), std::process::id());
    match place() {
        Some(place) => format!("{account}@{host} pid {pid} [{place}]"),
        None => format!("{account}@{host} pid {pid}"),
    }
}

/// Where this process's id means what it says: one start of one kernel, and one numbering of processes on
/// it. Containers of one name on one host, or hosts of one name, are different places.
fn place() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let numbering = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let both = format!("{} {}", boot.trim(), numbering.display());
    Some(Digest::of(both.as_bytes()).short())
}

/// Whether `owner` names a process that would be seen here, and does not exist any more. Of any other it
/// is not known, and its lease is left to expire.
fn holder_is_gone(owner: &str) -> bool {
    let Some((_, process)) = owner.rsplit_once(" pid ") else { return false };
    let Some((pid, of)) = process.strip_suffix(']').and_then(|text| text.split_once(" [")) else {
        return false;
    };
    let here = place().is_some_and(|place| place == of);
    let gone = pid
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH));
    here && gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_gone_only_where_its_process_would_be_seen() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let place = place().unwrap();
        assert!(holder_is_gone(&format!("luis@here pid {pid} [{place}]")));
        assert!(!holder_is_gone(&owner("luis")), "this process is there");
        // A container of the same name, and a program that did not say where it runs.
        assert!(!holder_is_gone(&format!("luis@{} pid {pid} [0123456789ab]", host_name())));
        assert!(!holder_is_gone(&format!("luis@{} pid {pid}", host_name())));
        assert!(!holder_is_gone("luis@here pid x [") && !holder_is_gone(""));
    }
}
