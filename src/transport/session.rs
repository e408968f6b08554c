//! A session: one server, its connection, its shells.

use super::account::{Accounts, Place};
use super::bunch::{self, Placed};
use super::channel::Line;
use super::connect::{self, Client, Connection, Purpose};
use super::frame::{Frame, Reply, UnitId, UnitState};
use super::options::{Credentials, Options};
use super::protocol::{self, Raw};
use super::shell::{Request, Shell, Sudo, said};
use super::tunnel::Tunnel;
use super::way::Way;
use super::{TransportError, bridge, facts, text};
use crate::model::{Answer, RunAs, RunId, Server, Status, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};

/// Channels at once on one connection; sshd refuses at six now and then.
const CHANNELS_MAX: usize = 5;
/// Of these the two shells take their own.
const SHELLS_MAX: usize = 2;
/// Attempts when a channel is refused.
const CHANNEL_ATTEMPTS_MAX: u32 = 6;
/// Bytes of an answer to a text of our own; the output of a unit is the longest.
const OWN_BYTES_MAX: usize = 8 << 20;
/// What an answer may take beyond its own time limit, on a slow line.
const GRACE: Duration = Duration::from_secs(60);

/// An open session with one server. Everything takes `&self`; share it in an `Arc`.
pub struct Session {
    pub(super) server: Server,
    pub(super) way: Way,
    pub(super) credentials: Credentials,
    pub(super) options: Options,
    connection: Connection,
    channels: Arc<Semaphore>,
    login: Mutex<Option<Shell>>,
    root: Mutex<Option<Shell>>,
    pub(super) accounts: Accounts,
    /// Store, epoch and whether it was adopted; for shells that open later.
    holding: std::sync::Mutex<Option<(String, u64)>>,
    pub(super) facts: BTreeMap<String, Value>,
    round_trips: AtomicU64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.server.name)
    }
}

impl Session {
    /// Connects, checks the host key, logs in, opens the login shell and reads the facts.
    ///
    /// `way` has the inventory's servers that lie before it; without any, `server.jump` and the SSH
    /// configuration's `ProxyJump` are names of the SSH configuration.
    ///
    /// # Errors
    /// Nothing was done on the server, whatever the error. [`TransportError::Jump`] names the jump
    /// server that the way ended at.
    pub async fn connect(
        server: &Server,
        way: &Way,
        credentials: &Credentials,
        options: &Options,
    ) -> Result<Self, TransportError> {
        let connection = connect::connect(server, way, credentials, options, Purpose::Shell).await?;
        let channels = Arc::new(Semaphore::new(CHANNELS_MAX - SHELLS_MAX));
        let line = exec(&connection.client, server, "exec sh -s", Line::drained).await;
        let line = line.map_err(|error| unreachable(server, error))?;
        let mut shell =
            Shell::open(&server.name, line, None).await.map_err(|error| unreachable(server, error))?;
        let number = shell.number();
        let request = Request { number, text: text::facts(number), patience: GRACE, limit: OWN_BYTES_MAX };
        let mut facts = BTreeMap::new();
        let mut seen = |raw: Raw| {
            facts = facts::read(&raw.stdout);
            Ok(())
        };
        shell.exchange(vec![request], &mut seen).await.map_err(|error| unreachable(server, error))?;
        Ok(Self {
            server: server.clone(),
            way: way.clone(),
            credentials: credentials.clone(),
            options: options.clone(),
            connection,
            channels,
            login: Mutex::new(Some(shell)),
            root: Mutex::new(None),
            accounts: Accounts::default(),
            holding: std::sync::Mutex::new(None),
            facts,
            round_trips: AtomicU64::new(1),
        })
    }

    /// The server of this session.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The jump servers that the line goes through, the nearest to here first.
    #[must_use]
    pub fn jumps(&self) -> Vec<String> {
        self.connection.through.as_ref().map(|bridge| bridge.stations()).unwrap_or_default()
    }

    /// What the server is, as it was when connecting: `os`, `os_version`, `os_name`, `arch`,
    /// `hostname`, `kernel`, `memory_bytes`, `cpus`, `boot_id`, `uid`, `user`, `folder`, `tools`.
    ///
    /// # Errors
    /// None at present; the facts came with the connection.
    pub async fn facts(&self) -> Result<BTreeMap<String, Value>, TransportError> {
        Ok(self.facts.clone())
    }

    /// How often this session has waited for its server's shells.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Whether the line is gone; then connect again and ask.
    pub fn is_closed(&self) -> bool {
        self.connection.client.is_closed()
    }

    /// Ends the session in order.
    pub async fn close(&self) {
        let _ = self.connection.client.disconnect(russh::Disconnect::ByApplication, "done", "en").await;
    }

    /// Sends all frames and waits for their replies, in order.
    ///
    /// Consecutive frames of one shell are one round trip; the login shell takes `RunAs::Login`, the
    /// root shell `RunAs::Root` and `RunAs::User`. Where root is refused, each account has its own.
    ///
    /// # Errors
    /// [`TransportError::Lost`] when the line breaks: ask the server what happened.
    pub async fn run(&self, frames: Vec<Frame>) -> Result<Vec<Reply>, TransportError> {
        self.run_each(frames, &mut |_, _| {}).await
    }

    /// Like [`Session::run`], and tells of each reply as it arrives.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn run_each(
        &self,
        frames: Vec<Frame>,
        seen: &mut (dyn FnMut(usize, &Reply) + Send),
    ) -> Result<Vec<Reply>, TransportError> {
        let mut placed = Vec::new();
        for frame in frames {
            let (place, account) = self.settle(&frame.as_user).await?;
            placed.push((place, account, frame));
        }
        let mut replies: Vec<Reply> = Vec::new();
        let mut rest = placed.into_iter().peekable();
        while let Some((place, ..)) = rest.peek() {
            let place = *place;
            let mut group: Vec<Placed> = Vec::new();
            while let Some(item) = rest.next_if(|(next, ..)| *next == place) {
                group.push(item);
            }
            let went_well =
                replies.iter().all(|reply| matches!(reply, Reply::Answered(a) if a.status.success()));
            if let Err(error) = self.run_group(place, group, went_well, &mut replies, seen).await {
                return Err(self.blame(error).await);
            }
        }
        Ok(replies)
    }

    async fn run_group(
        &self,
        place: Place,
        group: Vec<Placed>,
        went_well: bool,
        replies: &mut Vec<Reply>,
        seen: &mut (dyn FnMut(usize, &Reply) + Send),
    ) -> Result<(), TransportError> {
        let mut requests = Vec::new();
        let mut limits = Vec::new();
        let mut shell = self.shell(place).await?;
        for bunch in bunch::bunches(&group) {
            limits.extend(bunch.iter().map(|(_, _, frame)| frame.output_limit));
            requests.extend(bunch::requests(&mut shell, bunch, GRACE));
        }
        if let Some(first) = requests.first_mut() {
            first.text.insert_str(0, if went_well { "E_OK=1\n" } else { "E_OK=0\n" });
        }
        let guard = shell.guard.clone();
        let mut limits = limits.into_iter();
        let mut each = |raw: Raw| {
            let reply = self.reply(raw, limits.next().unwrap_or(0), guard.as_ref())?;
            seen(replies.len(), &reply);
            replies.push(reply);
            Ok(())
        };
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        shell.exchange(requests, &mut each).await?;
        shell.tell("e_tidy\n").await;
        Ok(())
    }

    fn reply(&self, raw: Raw, limit: usize, guard: Option<&(String, u64)>) -> Result<Reply, TransportError> {
        Ok(match raw.code.as_str() {
            "R" => Reply::Refused(protocol::refusal(&self.server.name, &raw.stdout, guard)),
            "S" => Reply::Skipped,
            "V" => Reply::InDoubt,
            _ => Reply::Answered(self.answer(raw, limit)?),
        })
    }

    fn answer(&self, raw: Raw, limit: usize) -> Result<Answer, TransportError> {
        let code = said(raw.code.as_bytes());
        protocol::answer(raw, limit).ok_or_else(|| TransportError::Protocol {
            server: self.server.name.clone(),
            cause: format!("the status `{code}`"),
        })
    }

    /// What the server knows of a unit. Asks; changes nothing.
    ///
    /// # Errors
    /// When the line breaks.
    pub async fn observe(
        &self,
        as_user: &RunAs,
        unit: &UnitId,
        output_limit: usize,
    ) -> Result<UnitState, TransportError> {
        let raw = self.ask(as_user, GRACE, |number| text::observe(number, output_limit, unit)).await?;
        self.unit_state(raw, output_limit)
    }

    /// Ends a unit's process group, TERM first, KILL after five seconds, and says what came of it.
    ///
    /// # Errors
    /// When the line breaks.
    pub async fn kill_unit(
        &self,
        as_user: &RunAs,
        unit: &UnitId,
        output_limit: usize,
    ) -> Result<UnitState, TransportError> {
        let raw = self.ask(as_user, GRACE * 3, |number| text::kill(number, output_limit, unit)).await?;
        self.unit_state(raw, output_limit)
    }

    fn unit_state(&self, raw: Raw, limit: usize) -> Result<UnitState, TransportError> {
        Ok(match raw.code.as_str() {
            "A" => UnitState::Absent,
            "W" => UnitState::Running,
            "V" => UnitState::Vanished,
            _ => UnitState::Finished(self.answer(raw, limit)?),
        })
    }

    /// Removes what the server keeps of a run: its finished units, and the files under `$BLOBS`, which
    /// may hold what no server should keep. Units without a status stay.
    ///
    /// # Errors
    /// When the line breaks.
    pub async fn forget_units(&self, run: &RunId) -> Result<(), TransportError> {
        let prefix = UnitId::prefix(run);
        self.ask(&RunAs::Login, GRACE, |number| text::forget(number, &prefix)).await?;
        if self.place(&RunAs::Root)?.0 == Place::Root && !self.accounts.is_rootless() {
            self.ask(&RunAs::Root, GRACE, |number| text::forget(number, &prefix)).await?;
        }
        for name in self.accounts.names() {
            self.ask(&RunAs::User(name), GRACE, |number| text::forget(number, &prefix)).await?;
        }
        Ok(())
    }

    /// Asks to which store the server belongs, and takes nothing.
    ///
    /// # Errors
    /// [`TransportError::OtherStore`] where it is another one than `store_id`.
    pub async fn refuse_other_store(&self, store_id: &str) -> Result<(), TransportError> {
        let raw = self.ask(&RunAs::Login, GRACE, text::holder).await?;
        let held = protocol::refusal(&self.server.name, &raw.stdout, None);
        if held.store.is_empty() || held.store == store_id {
            return Ok(());
        }
        Err(TransportError::OtherStore { server: self.server.name.clone(), held: held.store })
    }

    /// Whether [`guard`](Self::guard) has taken the server for this session.
    pub fn is_guarded(&self) -> bool {
        self.holding.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some()
    }

    /// Takes the server for a store and an epoch: needed before the first change. What an older
    /// session for the same server name left running is ended, apart from units.
    ///
    /// # Errors
    /// [`TransportError::Superseded`], [`TransportError::OtherStore`] unless `adopt`.
    pub async fn guard(&self, store_id: &str, epoch: u64, adopt: bool) -> Result<(), TransportError> {
        if store_id.is_empty() || store_id.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let cause = "the store id is no word".to_owned();
            return Err(TransportError::Protocol { server: self.server.name.clone(), cause });
        }
        let holding = (store_id.to_owned(), epoch);
        {
            let mut login = self.shell(Place::Login).await?;
            self.guard_shell(&mut login, &holding, adopt).await?;
        }
        let needs_root = adopt && self.place(&RunAs::Root)?.0 == Place::Root;
        let mut root = self.root.lock().await;
        if needs_root && root.is_none() {
            *root = Some(self.open_shell(Place::Root).await?);
        }
        if let Some(root) = root.as_mut() {
            self.guard_shell(root, &holding, adopt).await?;
        }
        *self.holding.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(holding);
        Ok(())
    }

    async fn guard_shell(
        &self,
        shell: &mut Shell,
        holding: &(String, u64),
        adopt: bool,
    ) -> Result<(), TransportError> {
        let number = shell.number();
        let text = text::guard(number, &holding.0, holding.1, adopt, self.server.name.as_str());
        let raw = self
            .exchange_one(shell, Request { number, text, patience: GRACE * 2, limit: OWN_BYTES_MAX })
            .await?;
        if raw.code == "0" {
            shell.guard = Some(holding.clone());
            return Ok(());
        }
        shell.guard = None;
        Err(protocol::refusal(&self.server.name, &raw.stdout, Some(holding)).into())
    }

    /// Opens a TCP connection from the server to `host`:`port`.
    ///
    /// # Errors
    /// [`TransportError::Forward`] when the server cannot or may not connect there.
    pub async fn forward(&self, host: &str, port: u16) -> Result<Tunnel, TransportError> {
        let place = self.channel_place().await?;
        let open = self.connection.client.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        match tokio::time::timeout(self.options.connect_timeout, open).await {
            Ok(Ok(channel)) => Ok(Tunnel::new(channel.into_stream(), place)),
            Ok(Err(russh::Error::SendError)) => Err(self.lost("the connection is closed")),
            failed => {
                use russh::{ChannelOpenFailure::ConnectFailed, Error::ChannelOpenFailure};
                let forbidden =
                    matches!(&failed, Ok(Err(ChannelOpenFailure(reason))) if *reason != ConnectFailed);
                let cause = match failed {
                    Ok(Err(error)) => said(error.to_string().as_bytes()),
                    _ => "no answer in time".to_owned(),
                };
                let target = said(format!("{host}:{port}").as_bytes());
                Err(TransportError::Forward { server: self.server.name.clone(), target, cause, forbidden })
            }
        }
    }

    async fn channel_place(&self) -> Result<OwnedSemaphorePermit, TransportError> {
        self.channels.clone().acquire_owned().await.map_err(|_| self.lost("the session is closed"))
    }

    /// Names the jump server whose line was cut, where one was.
    pub(super) async fn blame(&self, error: TransportError) -> TransportError {
        bridge::blame(error, self.connection.through.as_ref()).await
    }

    pub(super) fn lost(&self, cause: &str) -> TransportError {
        TransportError::Lost { server: self.server.name.clone(), cause: cause.to_owned() }
    }

    pub(super) async fn shell(&self, place: Place) -> Result<MappedMutexGuard<'_, Shell>, TransportError> {
        let slot = match place {
            Place::Login => &self.login,
            Place::Root => &self.root,
            Place::Account(at) => self.accounts.shell(at).ok_or_else(|| self.lost("there is no shell"))?,
        };
        let mut slot = slot.lock().await;
        if slot.is_none() {
            let mut shell = self.open_shell(place).await?;
            let holding = self.holding.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            if let Some(holding) = holding {
                self.guard_shell(&mut shell, &holding, false).await?;
            }
            *slot = Some(shell);
        }
        MutexGuard::try_map(slot, Option::as_mut).map_err(|_| self.lost("there is no shell"))
    }

    async fn open_shell(&self, place: Place) -> Result<Shell, TransportError> {
        let sudo = self.sudo(place, text::random_word(), false);
        let command = sudo.command(&format!("sh -c 'echo {}; exec sh -s'", sudo.ready));
        let line = exec(&self.connection.client, &self.server, &command, Line::drained).await?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        Shell::open(&self.server.name, line, Some(&sudo)).await
    }

    pub(super) fn sudo(&self, place: Place, ready: String, streams: bool) -> Sudo<'_> {
        Sudo {
            program: self.server.escalation,
            account: self.accounts.name(place),
            password: self.credentials.sudo_password.as_ref(),
            prompt: text::random_word(),
            ready,
            streams,
        }
    }

    /// Sends one text of our own and waits for its answer.
    pub(super) async fn ask(
        &self,
        as_user: &RunAs,
        patience: Duration,
        text: impl FnOnce(u64) -> String,
    ) -> Result<Raw, TransportError> {
        let (place, _) = self.settle(as_user).await?;
        let mut shell = self.shell(place).await?;
        let number = shell.number();
        self.exchange_one(&mut shell, Request { number, text: text(number), patience, limit: OWN_BYTES_MAX })
            .await
    }

    async fn exchange_one(&self, shell: &mut Shell, request: Request) -> Result<Raw, TransportError> {
        let mut answer = None;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let mut seen = |raw: Raw| {
            answer = Some(raw);
            Ok(())
        };
        if let Err(error) = shell.exchange(vec![request], &mut seen).await {
            return Err(self.blame(error).await);
        }
        answer.ok_or_else(|| self.lost("no answer"))
    }
}

/// Before the first answer nothing was done, whatever broke.
fn unreachable(server: &Server, error: TransportError) -> TransportError {
    match error {
        TransportError::Lost { cause, .. } | TransportError::Protocol { cause, .. } => {
            TransportError::Unreachable {
                server: server.name.clone(),
                address: server.address.clone(),
                cause,
            }
        }
        other => other,
    }
}

/// Starts a command on a channel of its own; a refused channel is asked for again.
pub(super) async fn exec(
    client: &Client,
    server: &Server,
    command: &str,
    line: impl FnOnce(russh::Channel<russh::client::Msg>) -> Line,
) -> Result<Line, TransportError> {
    let lost = |cause: String| TransportError::Lost { server: server.name.clone(), cause };
    let mut attempt = 0;
    let channel = loop {
        attempt += 1;
        match client.channel_open_session().await {
            Ok(channel) => break channel,
            Err(russh::Error::ChannelOpenFailure(_)) if attempt < CHANNEL_ATTEMPTS_MAX => {
                tokio::time::sleep(Duration::from_millis(25 * u64::from(2u32.pow(attempt)))).await;
            }
            Err(error) => return Err(lost(error.to_string())),
        }
    };
    channel.exec(true, command).await.map_err(|error| lost(error.to_string()))?;
    let mut line = line(channel);
    // `exec` returned when the request was sent; this is the answer.
    match tokio::time::timeout(GRACE, line.granted()).await {
        Ok(true) => Ok(line),
        Ok(false) => {
            let cause = "the server does not run commands for this account".to_owned();
            Err(TransportError::Shell { server: server.name.clone(), cause })
        }
        Err(_) => Err(lost("no answer to a request".to_owned())),
    }
}

/// The status in a channel's exit status.
pub(super) fn exit_status(code: u32) -> Status {
    protocol::status(code)
}
