//! An empty place for one store, and a hand that edits behind its back.

use super::postgres;
use esclusa::model::{Digest, EnvironmentName, RunId, ServerName, SystemName};
use esclusa::store::{Append, Lease, Location, NewRun, RunRow, Store, Taken};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};

/// An empty place for one store.
pub struct Ground {
    folder: tempfile::TempDir,
    location: Location,
}

impl Ground {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::parse("sqlite:esclusa.db", folder.path(), None).unwrap();
        Self { folder, location }
    }

    /// A database of its own, where PostgreSQL is installed.
    pub async fn postgres() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let socket = tokio::task::spawn_blocking(postgres::socket_folder).await.unwrap()?;
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut tries = 0;
        let mut connection = loop {
            match options(&address(socket, "postgres")).connect().await {
                Ok(connection) => break connection,
                Err(error) => assert!(tries < 100, "{error}"),
            }
            tries += 1;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let password = SecretString::from(postgres::PASSWORD.to_owned());
        let location = Location::parse(&address(socket, &name), folder.path(), Some(password)).unwrap();
        Some(Self { folder, location })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    pub async fn store(&self) -> Store {
        Store::create(&self.location).await.unwrap()
    }

    /// Runs statements as somebody with the database's own tools and rights would.
    pub async fn tamper(&self, statements: &[&str]) -> Result<(), sqlx::Error> {
        self.by_hand(statements, true).await
    }

    /// The same without switching the guards off.
    pub async fn by_hand(&self, statements: &[&str], unguarded: bool) -> Result<(), sqlx::Error> {
        if let Some(file) = self.location.file() {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).foreign_keys(!unguarded);
            let mut connection = options.connect().await?;
            if unguarded {
                let triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'";
                for row in sqlx::query(triggers).fetch_all(&mut connection).await? {
                    let drop = format!("DROP TRIGGER {}", row.get::<String, _>("name"));
                    sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await?;
                }
            }
            for statement in statements {
                sqlx::raw_sql(AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await?;
            }
            return Ok(());
        }
        let mut connection = options(&self.location.to_string()).connect().await?;
        if unguarded {
            // Switches triggers and foreign keys off for this connection.
            sqlx::raw_sql("SET session_replication_role = replica").execute(&mut connection).await?;
        }
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await?;
        }
        Ok(())
    }
}

fn address(socket: &Path, database: &str) -> String {
    format!("postgres://esclusa@localhost/{database}?host={}", socket.display())
}

fn options(address: &str) -> sqlx::postgres::PgConnectOptions {
    sqlx::postgres::PgConnectOptions::from_str(address).unwrap().password(postgres::PASSWORD)
}

pub fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::parse(name).unwrap()
}

pub fn server(environment_name: &str, name: &str) -> (EnvironmentName, ServerName) {
    (environment(environment_name), ServerName::parse(name).unwrap())
}

pub fn a_run(place: &str) -> NewRun {
    NewRun {
        id: RunId(uuid::Uuid::now_v7().to_string()),
        system: SystemName::parse("wiki").unwrap(),
        environment: environment(place),
        kind: "update".to_owned(),
        playbook: "playbooks/wiki/update.yaml".to_owned(),
        plan: Digest::of(b"{\"plan\":1}"),
        release: Digest::of(b"{\"release\":1}"),
        prediction: None,
        requested_by: "carla".to_owned(),
        requested_by_machine: false,
        state: "planned".to_owned(),
        route: None,
        body: "{}".to_owned(),
    }
}

pub async fn put_documents(store: &Store) {
    for (kind, text) in [("plan", "{\"plan\":1}"), ("release", "{\"release\":1}")] {
        store.put_document(kind, Digest::of(text.as_bytes()), text).await.unwrap();
    }
}

pub async fn open_run(store: &Store) -> RunRow {
    open_run_in(store, "production").await
}

pub async fn open_run_in(store: &Store, place: &str) -> RunRow {
    put_documents(store).await;
    store.open_run(a_run(place)).await.unwrap()
}

pub async fn lease(store: &Store, run: &RunRow, owner: &str) -> Lease {
    match store.take_lease(&run.new.id, owner, 60).await.unwrap() {
        Taken::Lease(lease) => lease,
        held @ Taken::Held { .. } => panic!("{held:?}"),
    }
}

pub fn events(state: &str, bodies: &[&str]) -> Append {
    Append {
        events: bodies.iter().map(|body| (*body).to_owned()).collect(),
        state: state.to_owned(),
        ..Append::default()
    }
}

pub fn ends(state: &str, exit: u8) -> Append {
    Append { final_exit: Some(exit), ..events(state, &["{\"event\":\"ended\"}"]) }
}
