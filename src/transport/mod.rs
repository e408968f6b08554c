//! SSH: connections, the persistent shell, detached units, streams.
//!
//! ```text
//! options, config ─▶ way (jump servers) ─▶ connect (host keys, login) ─▶ Session ─┬─ shell: frames in, replies out
//!                    bridge: their lines, shared                                  ├─ stream: a second connection
//!                                                                                 └─ forward: TCP from the server
//! ```
//!
//! What this folder promises: a host key is always checked; what was sent and not answered is
//! reported as lost and never as done or undone; the server's shell parses only text that is made in
//! [`text`](self); a status that did not arrive is no success. It knows nothing of plans, playbooks,
//! databases or people. `russh` is used nowhere else.

mod account;
mod auth;
mod bridge;
mod bunch;
mod channel;
mod config;
mod connect;
mod error;
mod facts;
mod frame;
mod hostkey;
mod keys;
mod known_hosts;
mod options;
mod protocol;
pub mod server;
mod session;
mod shell;
mod stream;
mod text;
mod tunnel;
mod way;

pub use bridge::Bridges;
pub use connect::fetch_host_keys;
pub use error::TransportError;
pub use frame::{Frame, Refusal, Reply, UnitId, UnitState, Work};
pub use hostkey::fingerprint;
pub use keys::{agent_keys, generate_key, sign_with_agent};
pub use options::{ConfigSource, Credentials, Options};
pub use session::Session;
pub use stream::{Limits, StreamEnd};
pub use tunnel::Tunnel;
pub use way::{Jump, Way};
