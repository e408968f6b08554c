//! Making, opening and copying a store.

use super::database::{Database, Result, Write, binds};
use super::error::StoreError;
use super::location::Location;
use crate::model::Timestamp;
use std::path::Path;

/// The format that this program writes.
pub const FORMAT: i64 = 2;

/// What brings a store to each format: the common text, and the two engines' own.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[
    (
        1,
        include_str!("migrations/0001_tables.sql"),
        include_str!("migrations/0001_guards_sqlite.sql"),
        include_str!("migrations/0001_guards_postgres.sql"),
    ),
    (
        2,
        include_str!("migrations/0002_machines.sql"),
        include_str!("migrations/0002_machines_sqlite.sql"),
        include_str!("migrations/0002_machines_postgres.sql"),
    ),
];

/// Two controllers that open an empty PostgreSQL database at once take turns by this lock.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(4915211)";

/// The database of a control host or of several controllers. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) database: Database,
    id: String,
}

impl Store {
    /// Opens the store at `at` and makes whatever of it is missing: the file, the tables, its id.
    pub async fn create(at: &Location) -> Result<Self> {
        at.create_file()?;
        let database = connect(at).await?;
        let mut write = database.write().await?;
        migrate(&mut write).await?;
        write.commit().await?;
        Self::of(database, at).await
    }

    /// Opens the store at `at`, which must be there; an older format is brought to this one.
    pub async fn open(at: &Location) -> Result<Self> {
        if at.file().is_some_and(|file| !file.exists()) {
            return Err(StoreError::not_found(format!("a database at `{at}`")));
        }
        let database = connect(at).await?;
        match format_of(&database).await? {
            None => return Err(StoreError::not_found(format!("a store at `{at}`"))),
            Some(found) if found > FORMAT => return Err(StoreError::NewerFormat { found, known: FORMAT }),
            Some(found) if found < FORMAT => {
                let mut write = database.write().await?;
                migrate(&mut write).await?;
                write.commit().await?;
            }
            Some(_) => {}
        }
        Self::of(database, at).await
    }

    async fn of(database: Database, at: &Location) -> Result<Self> {
        let rows = database.read("SELECT value FROM meta WHERE key = 'store_id'", Vec::new()).await?;
        let row = rows.first().ok_or_else(|| StoreError::corrupt(format!("`{at}`"), "it has no id"))?;
        let id = row.text("value")?;
        Ok(Self { database, id })
    }

    /// The store's own id, a UUID made once. Servers and vaults remember it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The database's clock: the only one that expiry is judged by.
    pub async fn now(&self) -> Result<Timestamp> {
        self.database.now().await
    }

    /// The login that this process has in PostgreSQL; SQLite has none.
    pub async fn database_login(&self) -> Result<Option<String>> {
        if matches!(self.database, Database::Sqlite { .. }) {
            return Ok(None);
        }
        // `session_user` cannot be changed by `SET ROLE`.
        let rows = self.database.read("SELECT CAST(session_user AS TEXT) AS login", Vec::new()).await?;
        rows.first().map(|row| row.text("login")).transpose()
    }

    /// The value kept under `key`.
    pub async fn meta(&self, key: &str) -> Result<Option<String>> {
        let rows = self.database.read("SELECT value FROM meta WHERE key = $1", binds![key]).await?;
        rows.first().map(|row| row.text("value")).transpose()
    }

    /// Keeps `value` under `key`; the store's id and format cannot be replaced.
    pub async fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        if matches!(key, "store_id" | "format") {
            return Err(StoreError::conflict(format!("`{key}` of a store is never changed")));
        }
        let mut write = self.database.write().await?;
        let sql = "INSERT INTO meta (key, value) VALUES ($1, $2)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        write.execute(sql, binds![key, value]).await?;
        write.commit().await
    }

    /// Writes a consistent copy of a SQLite store to the new file `path`, while others go on writing.
    pub async fn backup_to(&self, path: &Path) -> Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let Database::Sqlite { writer, .. } = &self.database else {
            return Err(StoreError::Unsupported("a PostgreSQL store is copied with `pg_dump`"));
        };
        let fails = |error: std::io::Error| {
            StoreError::conflict(format!("`{}` cannot be made: {error}", path.display()))
        };
        // SQLite fills an empty file, so its mode is right before anything is in it.
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fails)?;
        let target = path
            .to_str()
            .ok_or_else(|| StoreError::conflict(format!("`{}` is not UTF-8", path.display())))?;
        sqlx::query("VACUUM INTO $1").bind(target).execute(writer).await?;
        std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(fails)
    }

    /// Ends this process's connections; what is committed stays.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Database::Postgres(pool) => pool.close().await,
        }
    }
}

async fn connect(at: &Location) -> Result<Database> {
    if let Some(file) = at.file() {
        let (writer, readers) = at.sqlite(file).await?;
        return Ok(Database::Sqlite { writer, readers });
    }
    match at.postgres().await? {
        Some(pool) => Ok(Database::Postgres(pool)),
        None => Err(StoreError::not_found(format!("a database at `{at}`"))),
    }
}

const SQLITE_HAS_META: &str =
    "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table' AND name = 'meta'";
const POSTGRES_HAS_META: &str = "SELECT COUNT(*) AS n FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_name = 'meta'";
const FORMAT_ROW: &str = "SELECT CAST(value AS BIGINT) AS format FROM meta WHERE key = 'format'";

/// The format of the store, if there is one.
async fn format_of(database: &Database) -> Result<Option<i64>> {
    let has_meta = match database {
        Database::Sqlite { .. } => SQLITE_HAS_META,
        Database::Postgres(_) => POSTGRES_HAS_META,
    };
    let there = database.read(has_meta, Vec::new()).await?;
    if there.first().map(|row| row.integer("n")).transpose()? != Some(1) {
        return Ok(None);
    }
    database.read(FORMAT_ROW, Vec::new()).await?.first().map(|row| row.integer("format")).transpose()
}

/// Brings the store to [`FORMAT`] within one transaction.
async fn migrate(write: &mut Write) -> Result<()> {
    let has_meta = match write {
        Write::Sqlite(_) => SQLITE_HAS_META,
        Write::Postgres(_) => {
            write.fetch(MIGRATION_LOCK, Vec::new()).await?;
            POSTGRES_HAS_META
        }
    };
    let there = write.fetch(has_meta, Vec::new()).await?;
    let found = if there.first().map(|row| row.integer("n")).transpose()? == Some(1) {
        let rows = write.fetch(FORMAT_ROW, Vec::new()).await?;
        rows.first().map(|row| row.integer("format")).transpose()?.unwrap_or(0)
    } else {
        0
    };
    if found > FORMAT {
        return Err(StoreError::NewerFormat { found, known: FORMAT });
    }
    for (_, tables, sqlite, postgres) in MIGRATIONS.iter().filter(|(format, ..)| *format > found) {
        write.script(tables).await?;
        let guards = if matches!(write, Write::Sqlite(_)) { sqlite } else { postgres };
        write.script(guards).await?;
    }
    if found == 0 {
        let id = uuid::Uuid::new_v4().to_string();
        write.execute("INSERT INTO meta (key, value) VALUES ('store_id', $1)", binds![id]).await?;
        write.execute("INSERT INTO meta (key, value) VALUES ('format', '0')", Vec::new()).await?;
    }
    let format = FORMAT.to_string();
    write.execute("UPDATE meta SET value = $1 WHERE key = 'format'", binds![format]).await?;
    Ok(())
}
