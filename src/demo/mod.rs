//! `esclusa demo`: three servers and a small system of Esclusa's own.
//!
//! ```text
//! DemoFolder ─ project, keys, ports ─▶ ServerFolder ×3 ─ a process each, which outlives its starter
//!      │                                     └─ home/srv/notes: the small system, installed by playbooks
//!      ▼
//! Story ─ the same calls as `esclusa run`, `approve` and `resume` ─▶ lines for people, an exit code
//! ```
//!
//! The product has no bypass for any of it: the director is a person of the people file with a key,
//! and the failure of `--fail` is data that the new version cannot take. Knows nothing of arguments
//! and terminals.

mod director;
mod error;
mod folder;
mod notes;
mod server;
mod service;
mod story;
mod tale;
mod visitor;

pub use director::DIRECTOR;
pub use error::DemoError;
pub use folder::{DemoFolder, ENVIRONMENTS};
pub use notes::{NOTE_CHARS_MAX, Notes, migrate};
pub use server::{IDLE, ServerFolder, run as run_server};
pub use service::serve as serve_notes;
pub use story::{AtGate, Ending, Say, Story};

/// Returns when this process is asked to end.
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
}
