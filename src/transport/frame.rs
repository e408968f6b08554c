//! What is sent to a server's shell, and what comes back.

use super::TransportError;
use crate::model::{Answer, Digest, RunAs, RunId, Script, ServerName};
use std::time::Duration;

/// Time limit of a frame that names none.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// Limit of each output in bytes of a frame that names none.
pub const OUTPUT_BYTES_DEFAULT: usize = 1024 * 1024;

/// One piece of work for a server's shell.
#[derive(Debug, Clone)]
pub struct Frame {
    /// As whom it runs.
    pub as_user: RunAs,
    /// What is done.
    pub work: Work,
    /// After this time its process group is ended, whether or not anybody is still connected.
    pub timeout: Duration,
    /// Most bytes of standard output, and of standard error, that travel back.
    pub output_limit: usize,
    /// Left out unless every earlier frame of the same call ended with status 0.
    pub after_success: bool,
}

/// What a frame does.
#[derive(Debug, Clone)]
pub enum Work {
    /// Reads only; may be sent again at will.
    Ask(Script),
    /// Changes something and may be repeated; refused unless this session holds the server.
    Change(Script),
    /// Changes something and must not be repeated: runs detached, at most once for this id.
    Unit {
        /// Under which name it is known on the server.
        id: UnitId,
        /// What it runs.
        script: Script,
    },
}

impl Frame {
    fn new(as_user: RunAs, work: Work) -> Self {
        Self {
            as_user,
            work,
            timeout: TIMEOUT_DEFAULT,
            output_limit: OUTPUT_BYTES_DEFAULT,
            after_success: false,
        }
    }

    /// A frame that only reads.
    #[must_use]
    pub fn ask(as_user: RunAs, script: Script) -> Self {
        Self::new(as_user, Work::Ask(script))
    }

    /// A frame that changes something and may be repeated.
    #[must_use]
    pub fn change(as_user: RunAs, script: Script) -> Self {
        Self::new(as_user, Work::Change(script))
    }

    /// A frame that starts a detached unit, or attaches to it, and waits for its end.
    #[must_use]
    pub fn unit(as_user: RunAs, id: UnitId, script: Script) -> Self {
        Self::new(as_user, Work::Unit { id, script })
    }

    /// With another time limit; rounded up to whole seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another limit of output.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Only after success of everything before it in the same call.
    #[must_use]
    pub fn after_success(mut self) -> Self {
        self.after_success = true;
        self
    }
}

/// What became of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It ran to an end.
    Answered(Answer),
    /// It was started, left no status and is gone.
    InDoubt,
    /// It was not started: this session does not hold the server.
    Refused(Refusal),
    /// It was not started: an earlier frame failed.
    Skipped,
}

/// Who holds the server instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The server.
    pub server: ServerName,
    /// The store id on the server, if any.
    pub store: String,
    /// The epoch on the server.
    pub epoch: u64,
    /// The store id that this session shows; empty before `guard`.
    pub our_store: String,
    /// The epoch that this session shows.
    pub our_epoch: u64,
}

impl From<Refusal> for TransportError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { server, store, epoch, our_store, our_epoch } = refusal;
        if our_store.is_empty() || store.is_empty() || (store == our_store && epoch == our_epoch) {
            Self::NotGuarded { server }
        } else if store == our_store {
            Self::Superseded { server, held: epoch, ours: our_epoch }
        } else {
            Self::OtherStore { server, held: store }
        }
    }
}

impl Reply {
    /// The answer, or why there is none.
    ///
    /// # Errors
    /// [`TransportError::InDoubt`], [`TransportError::Skipped`], or who holds the server.
    pub fn answer(self, server: &ServerName) -> Result<Answer, TransportError> {
        match self {
            Self::Answered(answer) => Ok(answer),
            Self::InDoubt => Err(TransportError::InDoubt { server: server.clone() }),
            Self::Refused(refusal) => Err(refusal.into()),
            Self::Skipped => Err(TransportError::Skipped { server: server.clone() }),
        }
    }
}

/// The name of a detached unit on a server: the run, and a digest of what tells it apart there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(String);

impl UnitId {
    /// The unit `name` of `run`; any text will do as a name.
    #[must_use]
    pub fn new(run: &RunId, name: &str) -> Self {
        let name = Digest::of(name.as_bytes()).to_string();
        Self(format!("{}{}", Self::prefix(run), &name[..32]))
    }

    /// A unit by the name that a journal holds: another version of the program may have made it otherwise.
    #[must_use]
    pub fn recorded(name: String) -> Self {
        Self(name)
    }

    /// What all units of `run` begin with.
    pub(super) fn prefix(run: &RunId) -> String {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !run.as_str().is_empty() && run.as_str().len() <= 64 && run.as_str().chars().all(good) {
            format!("{run}.")
        } else {
            format!("{}.", &Digest::of(run.as_str().as_bytes()).to_string()[..32])
        }
    }

    /// The name as text: letters, digits, `-` and `.`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a server knows of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitState {
    /// It never started.
    Absent,
    /// It runs.
    Running,
    /// It ended.
    Finished(Answer),
    /// It started, left no status, and its process is gone or the server was booted again.
    Vanished,
}
