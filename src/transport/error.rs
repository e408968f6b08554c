//! What can go wrong between here and a server, told apart by what may have happened there.

use crate::model::{HostKey, ServerName};

/// Why something over SSH did not end as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection came about; nothing was done on the server.
    #[error("server `{server}` cannot be reached at `{address}`: {cause}")]
    Unreachable {
        /// The server.
        server: ServerName,
        /// Where it was looked for.
        address: String,
        /// What the network said.
        cause: String,
    },
    /// The line broke after something was sent: what happened is to be asked of the server.
    #[error("the line to server `{server}` was lost: {cause}")]
    Lost {
        /// The server.
        server: ServerName,
        /// What was noticed.
        cause: String,
    },
    /// Nobody has said which host key this server has.
    #[error("the host key of server `{server}` is not known: {fingerprint}")]
    UnknownHostKey {
        /// The server.
        server: ServerName,
        /// `SHA256:…` of the key that it showed.
        fingerprint: String,
        /// The key that it showed.
        key: HostKey,
    },
    /// The server shows another host key than the one that is known.
    #[error("server `{server}` shows the host key {fingerprint}, which is not the one in {place}")]
    ChangedHostKey {
        /// The server.
        server: ServerName,
        /// `SHA256:…` of the key that it showed.
        fingerprint: String,
        /// Where another key stands.
        place: String,
    },
    /// The key that the server shows was revoked.
    #[error("the host key {fingerprint} of server `{server}` is revoked in {place}")]
    RevokedHostKey {
        /// The server.
        server: ServerName,
        /// `SHA256:…` of the key that it showed.
        fingerprint: String,
        /// Where it is revoked.
        place: String,
    },
    /// The server's certificate does not speak for it.
    #[error("the host certificate of server `{server}` is refused: {cause}")]
    HostCertificate {
        /// The server.
        server: ServerName,
        /// Which rule it breaks.
        cause: String,
    },
    /// No key, certificate or password was accepted.
    #[error("server `{server}` refused the login of `{user}`; tried: {tried}")]
    LoginRefused {
        /// The server.
        server: ServerName,
        /// The login name.
        user: String,
        /// What was offered, without secrets.
        tried: String,
    },
    /// The SSH configuration cannot be used.
    #[error("the SSH configuration of `{address}` cannot be used: {cause}")]
    Config {
        /// The name that was looked up.
        address: String,
        /// Why not.
        cause: String,
    },
    /// `sudo` asks for a password and none is there.
    #[error("`sudo` on server `{server}` asks for a password")]
    SudoPasswordMissing {
        /// The server.
        server: ServerName,
    },
    /// `sudo` did not accept the password; it was sent once.
    #[error("`sudo` on server `{server}` refused the password")]
    SudoPasswordWrong {
        /// The server.
        server: ServerName,
    },
    /// `sudo` did not start a root shell.
    #[error("`sudo` on server `{server}` is refused: {cause}")]
    SudoRefused {
        /// The server.
        server: ServerName,
        /// What it said.
        cause: String,
    },
    /// There is no way to become that account.
    #[error("server `{server}` has no way to become `{user}`")]
    NoEscalation {
        /// The server.
        server: ServerName,
        /// The account.
        user: String,
    },
    /// Another controller with a higher epoch holds the server.
    #[error("server `{server}` is held by epoch {held}; this one has {ours}")]
    Superseded {
        /// The server.
        server: ServerName,
        /// The epoch on the server.
        held: u64,
        /// The epoch that was shown.
        ours: u64,
    },
    /// The server belongs to another store.
    #[error("server `{server}` belongs to another database, `{held}`")]
    OtherStore {
        /// The server.
        server: ServerName,
        /// The store id on the server.
        held: String,
    },
    /// A change was sent before the epoch was shown, or another session took over.
    #[error("this session does not hold server `{server}`")]
    NotGuarded {
        /// The server.
        server: ServerName,
    },
    /// A unit was started, left no status and is gone.
    #[error("a detached step on server `{server}` left no status")]
    InDoubt {
        /// The server.
        server: ServerName,
    },
    /// A step was left out because an earlier one failed.
    #[error("not run on server `{server}`, since an earlier step failed")]
    Skipped {
        /// The server.
        server: ServerName,
    },
    /// The server's disk has no room for a file.
    #[error("server `{server}` has {free} bytes free in `{folder}`; {needed} are needed")]
    NoSpace {
        /// The server.
        server: ServerName,
        /// The folder.
        folder: String,
        /// Bytes free there.
        free: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// A file did not arrive as it was sent.
    #[error("the file {digest} did not reach server `{server}` whole: {cause}")]
    Upload {
        /// The server.
        server: ServerName,
        /// The first digits of its digest.
        digest: String,
        /// What differed.
        cause: String,
    },
    /// Reading or writing here failed while streaming.
    #[error("a stream of server `{server}` could not be read or written here: {cause}")]
    Local {
        /// The server.
        server: ServerName,
        /// What the operating system said.
        cause: String,
    },
    /// The server answered something that is not an answer.
    #[error("server `{server}` answered out of turn: {cause}")]
    Protocol {
        /// The server.
        server: ServerName,
        /// What came.
        cause: String,
    },
    /// The server's shell cannot work.
    #[error("the shell on server `{server}` cannot work: {cause}")]
    Shell {
        /// The server.
        server: ServerName,
        /// What it said.
        cause: String,
    },
    /// A port could not be reached from the server.
    #[error("`{target}` cannot be reached from server `{server}`: {cause}")]
    Forward {
        /// The server.
        server: ServerName,
        /// Host and port.
        target: String,
        /// What the server said.
        cause: String,
        /// Whether the server did not even try, so that nothing is known of the port.
        forbidden: bool,
    },
    /// A key of ours cannot be used.
    #[error("the key `{key}` cannot be used: {cause}")]
    Key {
        /// Its file or fingerprint.
        key: String,
        /// Why not.
        cause: String,
    },
}

impl TransportError {
    /// Whether the login was refused while a key file stayed closed, for want of its passphrase.
    #[must_use]
    pub fn wants_passphrase(&self) -> bool {
        matches!(self, Self::LoginRefused { tried, .. } if tried.contains(super::auth::LOCKED))
    }

    /// Whether it is certain that nothing was done on the server.
    #[must_use]
    pub fn nothing_done(&self) -> bool {
        !matches!(
            self,
            Self::Lost { .. }
                | Self::InDoubt { .. }
                | Self::Protocol { .. }
                | Self::Local { .. }
                | Self::Upload { .. }
        )
    }

    /// Whether the line broke, so that connecting again and asking is the way on.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownHostKey { server, .. } => format!(
                "compare the fingerprint with the one shown on the server's console, then pin it with `esclusa trust {server}`"
            ),
            Self::ChangedHostKey { server, .. } => format!(
                "if the server was installed again, replace the key with `esclusa trust {server}`; otherwise somebody may be in between"
            ),
            Self::RevokedHostKey { .. } => "do not connect until the server has a new host key".to_owned(),
            Self::SudoPasswordMissing { .. } => {
                "name a secret under `sudo_password` of the server, or run on a terminal".to_owned()
            }
            Self::SudoPasswordWrong { .. } => "it was sent once; correct it and run again".to_owned(),
            Self::SudoRefused { cause, .. } if cause.contains("tty") => {
                "remove `requiretty` for this account from the server's sudoers".to_owned()
            }
            Self::NoEscalation { .. } => "set `become: sudo` for the server".to_owned(),
            Self::OtherStore { server, .. } | Self::Superseded { server, .. } => {
                format!(
                    "if this control host is to take over, use `esclusa server adopt {server} --env ENVIRONMENT --reason TEXT`"
                )
            }
            Self::LoginRefused { .. } => {
                "check user, key and agent; `ssh -v` to the same address shows what the server accepts"
                    .to_owned()
            }
            _ => return None,
        };
        Some(hint)
    }
}
