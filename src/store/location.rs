//! Where the database is, and whether it may be there.

use super::database::Result;
use super::error::StoreError;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, SqlitePool};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

/// How long a writer waits for another process's write to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take, waiting for a free one included.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(35);
/// How long the first connection to PostgreSQL may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Connections that read at once.
const READERS: u32 = 4;
/// Connections to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 8;

/// Where a store's database is. Never shows a password.
#[derive(Clone)]
pub struct Location(Place);

#[derive(Clone)]
enum Place {
    Sqlite(PathBuf),
    Postgres { options: Box<PgConnectOptions>, shown: String },
}

impl Location {
    /// Reads an address: `sqlite:PATH`, relative to `base`, or `postgres://user@host:port/database`.
    ///
    /// The password comes apart from the address, so that no file and no error can hold it.
    pub fn parse(address: &str, base: &Path, password: Option<SecretString>) -> Result<Self> {
        if let Some(path) = address.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(refused(address, "a path of a file is needed, as in `sqlite:state/esclusa.db`"));
            }
            return Ok(Self(Place::Sqlite(base.join(path))));
        }
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(refused(&redact(address), "it must start with `sqlite:` or `postgres://`"));
        }
        let shown = redact(address);
        if shown != address {
            return Err(refused(
                &shown,
                "keep its password in a secret and name that as `database_password`",
            ));
        }
        let mut options = PgConnectOptions::from_str(address).map_err(|_| {
            refused(&shown, "it is not an address of the form `postgres://user@host/database`")
        })?;
        if !names_a_user(address) {
            options = options.username(&super::account());
        }
        if let Some(password) = password {
            options = options.password(password.expose_secret());
        }
        // A committed decision must survive a power cut, whatever the server's default is.
        let options = options.application_name("esclusa").options([("synchronous_commit", "on")]);
        Ok(Self(Place::Postgres { options: Box::new(options), shown }))
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Postgres { .. } => None,
        }
    }

    /// Makes the file that only its owner can read, unless it is there.
    pub(super) fn create_file(&self) -> Result<()> {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        let Some(path) = self.file() else { return Ok(()) };
        let fails = |error: std::io::Error| refused(&self.to_string(), &error.to_string());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fails)?;
        }
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(fails(error)),
        }
    }

    /// Connects to the SQLite file: the writer and the readers.
    pub(super) async fn sqlite(&self, path: &Path) -> Result<(SqlitePool, SqlitePool)> {
        refuse_network_file_system(path, &self.to_string())?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(0)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        Ok((writer, readers))
    }

    /// Connects to PostgreSQL.
    pub(super) async fn postgres(&self) -> Result<Option<PgPool>> {
        let Place::Postgres { options, .. } = &self.0 else { return Ok(None) };
        // The pool waits for a server that refuses; the first connection says at once what is wrong.
        let first = tokio::time::timeout(CONNECT_TIMEOUT, options.connect());
        first.await.map_err(|_| sqlx::Error::PoolTimedOut)??.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with((**options).clone());
        Ok(Some(pool))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres { shown, .. } => f.write_str(shown),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

fn refused(address: &str, why: &str) -> StoreError {
    StoreError::Location { address: address.to_owned(), why: why.to_owned() }
}

/// Whether an address says as whom to log in; otherwise it is the account of the process, as with `psql`.
fn names_a_user(address: &str) -> bool {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority.contains('@') || rest.split(['?', '&']).skip(1).any(|pair| pair.starts_with("user="))
}

/// The address with every password in it replaced.
fn redact(address: &str) -> String {
    let (head, query) = address.split_once('?').map_or((address, None), |(head, query)| (head, Some(query)));
    let mut shown = match head.split_once("://").and_then(|(scheme, rest)| {
        let (login, place) = rest.rsplit_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{place}"))
    }) {
        Some(redacted) => redacted,
        None => head.to_owned(),
    };
    if let Some(query) = query {
        let kept: Vec<&str> = query
            .split('&')
            .map(|pair| if pair.to_ascii_lowercase().starts_with("password") { "password=***" } else { pair })
            .collect();
        shown = format!("{shown}?{}", kept.join("&"));
    }
    shown
}

/// SQLite's locks and its shared memory do not work over a network.
fn refuse_network_file_system(path: &Path, address: &str) -> Result<()> {
    #[cfg(target_os = "linux")]
    if let Ok(status) = rustix::fs::statfs(path)
        && let Some(name) = network_file_system(i128::from(status.f_type))
    {
        return Err(refused(
            address,
            &format!("it lies on {name}, where SQLite loses data; use a local disk or `postgres://`"),
        ));
    }
    Ok(())
}

/// The name of a network file system by its magic number.
#[cfg(target_os = "linux")]
fn network_file_system(magic: i128) -> Option<&'static str> {
    // The kernel's numbers are 32 bits; a signed field shows the high ones as negative.
    match magic & 0xFFFF_FFFF {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x5346_414F | 0x6B41_4653 => Some("AFS"),
        0x00C3_6400 => Some("Ceph"),
        0x7375_7245 => Some("Coda"),
        0x0116_1970 => Some("GFS2"),
        0x0BD0_0BD0 => Some("Lustre"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_never_shows_its_password() {
        let table = [
            ("postgres://u:p4ss@h/d", "postgres://u:***@h/d"),
            ("postgres://u:p@ss@h/d", "postgres://u:***@h/d"),
            ("postgres://h/d?user=u&password=p4ss", "postgres://h/d?user=u&password=***"),
            ("postgres://u@h/d?sslmode=require", "postgres://u@h/d?sslmode=require"),
        ];
        for (address, shown) in table {
            assert_eq!(redact(address), shown);
            let location = Location::parse(address, Path::new("/"), None);
            assert_eq!(location.is_err(), shown != address, "{address}");
            assert!(!format!("{location:?}").contains("p4ss"));
        }
        let password = SecretString::from("p4ss".to_owned());
        let location = Location::parse("postgres://u@h/d", Path::new("/"), Some(password)).unwrap();
        assert!(!format!("{location:?} {location}").contains("p4ss"));
    }

    #[test]
    fn addresses_of_other_databases_are_refused() {
        for address in ["mysql://h/d", "sqlite:", "sqlite::memory:", "esclusa.db", ""] {
            assert!(Location::parse(address, Path::new("/"), None).is_err(), "{address}");
        }
        let location = Location::parse("sqlite:state/e.db", Path::new("/p"), None).unwrap();
        assert_eq!(location.file(), Some(Path::new("/p/state/e.db")));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(network_file_system(0x6969), Some("NFS"));
        assert_eq!(network_file_system(i128::from(0xFE53_4D42_u32 as i32)), Some("SMB"));
        assert_eq!(network_file_system(0xEF53), None);
    }
}
