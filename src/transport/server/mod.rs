//! A small SSH server: for the demo's servers and for tests. It runs commands as the account that it
//! runs under, in a home folder of its own, and forwards TCP to the loopback interface alone.

mod process;

use super::TransportError;
use process::Processes;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, Sig};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Connections at once.
const CONNECTIONS_MAX: usize = 64;
/// Silence after which the client is asked for a sign of life; three unanswered end the connection.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// What a server is made of.
#[derive(Clone)]
pub struct Settings {
    /// Private host key in OpenSSH's form.
    pub host_key: String,
    /// Public keys that may log in, in OpenSSH's form; any login name will do.
    pub authorized: Vec<String>,
    /// Home folder, and where commands start.
    pub home: PathBuf,
    /// The shell that runs commands, and is found as `sh` by them only if it is the system's.
    pub shell: PathBuf,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({})", self.home.display())
    }
}

/// Serves until its future is dropped. `on_activity` is called whenever somebody uses it.
///
/// # Errors
/// When a key cannot be read, or the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    on_activity: Arc<dyn Fn() + Send + Sync>,
) -> Result<(), TransportError> {
    let fail = |key: &str, cause: String| TransportError::Key { key: key.to_owned(), cause };
    let host_key =
        PrivateKey::from_openssh(&settings.host_key).map_err(|error| fail("host key", error.to_string()))?;
    let mut authorized = Vec::new();
    for key in &settings.authorized {
        authorized
            .push(PublicKey::from_openssh(key).map_err(|error| fail("authorized key", error.to_string()))?);
    }
    let config = Arc::new(server::Config {
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        keys: vec![host_key],
        auth_rejection_time: Duration::from_millis(300),
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        nodelay: true,
        ..server::Config::default()
    });
    let doors = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = doors.clone().acquire_owned().await else { return Ok(()) };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Out of descriptors, or a connection that is gone already: wait for better times.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        on_activity();
        let _ = stream.set_nodelay(true);
        let visitor = Visitor {
            authorized: authorized.clone(),
            processes: Processes::new(settings.home.clone(), settings.shell.clone()),
            channels: HashMap::new(),
            on_activity: on_activity.clone(),
        };
        let config = config.clone();
        connections.spawn(async move {
            let _place = place;
            if let Ok(running) = server::run_stream(config, stream, visitor).await {
                let _ = running.await;
            }
        });
    }
}

/// One connection.
struct Visitor {
    authorized: Vec<PublicKey>,
    processes: Processes,
    /// Channels that are open and run nothing yet.
    channels: HashMap<ChannelId, Channel<Msg>>,
    on_activity: Arc<dyn Fn() + Send + Sync>,
}

impl Visitor {
    fn knows(&self, key: &PublicKey) -> bool {
        self.authorized.iter().any(|known| known.key_data() == key.key_data())
    }
}

impl server::Handler for Visitor {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: server::PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(if self.knows(offer.public_key) { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(if self.knows(key.public_key) { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        (self.on_activity)();
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        (self.on_activity)();
        let (host, port) = (host.to_owned(), u16::try_from(port).unwrap_or(0));
        tokio::spawn(async move {
            let loopback =
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            if !loopback {
                reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
                return;
            }
            match TcpStream::connect((host.as_str(), port)).await {
                Ok(mut stream) => {
                    let _ = stream.set_nodelay(true);
                    reply.accept().await;
                    let _ = tokio::io::copy_bidirectional(&mut channel.into_stream(), &mut stream).await;
                }
                Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
            }
        });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        (self.on_activity)();
        let Some(channel) = self.channels.remove(&id) else { return session.channel_failure(id) };
        match self.processes.start(channel, command, session.handle()) {
            Ok(()) => session.channel_success(id),
            Err(_) => session.channel_failure(id),
        }
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _: &mut Session) -> Result<(), Self::Error> {
        self.processes.signal(id, &signal);
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        Ok(())
    }
}

/// The public key of a private one, both in OpenSSH's form.
///
/// # Errors
/// When it is no key.
pub fn public_key(private: &str) -> Result<String, TransportError> {
    let fail = |error: russh::keys::ssh_key::Error| TransportError::Key {
        key: "private key".to_owned(),
        cause: error.to_string(),
    };
    PrivateKey::from_openssh(private).map_err(fail)?.public_key().to_openssh().map_err(fail)
}
