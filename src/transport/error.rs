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
    /// The way to a server ends at a jump server before it; nothing was done on the server.
    #[error("server `{server}` lies behind `{hop}`: {error}")]
    Jump {
        /// The server that was to be reached.
        server: ServerName,
        /// The jump server: its name in the inventory, or what the SSH configuration was asked for.
        hop: String,
        /// Whether it is a server of the inventory.
        listed: bool,
        /// What is wrong there.
        error: Box<TransportError>,
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
    /// The server knows no algorithm that is safe enough.
    #[error("server `{server}` offers no {what} that is still safe, only {theirs}")]
    NoCommonAlgorithm {
        /// The server.
        server: ServerName,
        /// What the algorithm is for.
        what: String,
        /// What the server offers.
        theirs: String,
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
    /// `sudo`, or `doas`, did not start a shell.
    #[error("`{with}` on server `{server}` is refused: {cause}")]
    SudoRefused {
        /// The server.
        server: ServerName,
        /// Which of the two.
        with: &'static str,
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
    /// What is wrong, and the jump server where it is, if it is one.
    #[must_use]
    pub fn place(&self) -> (&Self, Option<&str>) {
        match self {
            Self::Jump { hop, error, .. } => (error, Some(hop)),
            other => (other, None),
        }
    }

    /// Whether the login was refused while a key file stayed closed, for want of its passphrase.
    #[must_use]
    pub fn wants_passphrase(&self) -> bool {
        matches!(self.place().0, Self::LoginRefused { tried, .. } if tried.contains(super::auth::LOCKED))
    }

    /// Whether trying again after a while may help: nobody has to mend anything first.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.place().0, Self::Lost { .. } | Self::Unreachable { .. })
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
            Self::Jump { hop, listed: false, error, .. } => return host_hint(hop, error),
            Self::Jump { error, .. } => return error.hint(),
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
            Self::SudoRefused { with: "doas", cause, .. } if cause.contains("uthenti") || cause.contains("tty") => {
                "`doas` takes a password on a terminal only: add `nopass` to the account's rule in doas.conf, or use `sudo`"
                    .to_owned()
            }
            Self::SudoRefused { with: "doas", .. } => "look at the server's doas.conf".to_owned(),
            Self::SudoRefused { cause, .. } if cause.contains("it waits") => {
                "only a password can be given to `sudo`: let this account do without a code or a question there"
                    .to_owned()
            }
            Self::SudoRefused { .. } => {
                "`sudo -l` there, as the login, shows what it may do; a shell (`sh`) is what is started".to_owned()
            }
            Self::NoEscalation { .. } => {
                "set `become: sudo` or `become: doas` for the server, or log in there as that account or as root"
                    .to_owned()
            }
            Self::Shell { cause, .. } if cause.contains("cannot write to") => {
                "the login needs a home folder that it can write to, with room: Esclusa keeps its place there".to_owned()
            }
            Self::Shell { .. } => {
                "`ssh` to it with the command `sh -c true` must work and print nothing: look at the account's login \
                 shell, `ForceCommand`, and its start files such as `.bashrc`"
                    .to_owned()
            }
            Self::OtherStore { server, .. } | Self::Superseded { server, .. } => {
                format!(
                    "if this control host is to take over, use `esclusa server adopt {server} --env ENVIRONMENT --reason TEXT`"
                )
            }
            Self::NoCommonAlgorithm { what, .. } if what == "host key" => {
                "give it a new key, `ssh-keygen -A` there, or an OpenSSH of this decade (7.2 or later)".to_owned()
            }
            Self::NoCommonAlgorithm { .. } => "update its OpenSSH (7.2 or later), or undo what its sshd_config restricts".to_owned(),
            Self::LoginRefused { tried, .. } if tried.contains(super::auth::HUNG_UP) => {
                "the right key came too late: name it under `identity_file` of the server, which is tried first".to_owned()
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

/// What to do about a jump server that the inventory does not have.
fn host_hint(hop: &str, error: &TransportError) -> Option<String> {
    // With a port, `ssh` takes it in this form alone.
    let address =
        if hop.contains(':') && !hop.contains("//") { format!("ssh://{hop}") } else { hop.to_owned() };
    Some(match error {
        TransportError::UnknownHostKey { .. } => format!(
            "compare the fingerprint with the one on its console while you connect once with `ssh {address}`, or make \
             it a server of the inventory and pin its key with `esclusa trust`"
        ),
        TransportError::ChangedHostKey { .. } => {
            "if it was installed again, replace its line in that file; otherwise somebody may be in between"
                .to_owned()
        }
        TransportError::Unreachable { .. } => format!(
            "`{hop}` is no server of the inventory, so the SSH configuration says where it is; `ssh -v {address}` shows more"
        ),
        other => return other.hint(),
    })
}
