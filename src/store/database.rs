//! The one door to the two engines: the same SQL text with `$n`, the same values, the same rows.
//!
//! Columns are `BIGINT` or `TEXT` and nothing else, so one small value type serves both engines and
//! no query is written twice. SQL is always a literal; everything else is bound.

use super::error::StoreError;
use crate::model::{Digest, Timestamp};
use sqlx::{PgPool, Postgres, Row as _, Sqlite, SqlitePool, Transaction};

/// Result of a question to the store.
pub(super) type Result<T> = std::result::Result<T, StoreError>;

/// A pool of connections to one of the engines.
#[derive(Debug, Clone)]
pub(super) enum Database {
    /// SQLite: one connection writes, so writers of this process queue instead of polling.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// PostgreSQL.
    Postgres(PgPool),
}

/// A transaction that may write; dropped without `commit` it leaves nothing behind.
pub(super) enum Write {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A value to bind.
#[derive(Debug, Clone)]
pub(super) enum Bind {
    Integer(Option<i64>),
    Text(Option<String>),
}

/// A row of an answer.
pub(super) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

/// Writes the list of values to bind.
macro_rules! binds {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::database::Bind::from($value)),*] };
}
pub(super) use binds;

/// Milliseconds since 1970 by the engine's clock.
const SQLITE_NOW: &str = "SELECT CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) AS now";
const POSTGRES_NOW: &str =
    "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT) AS now";

/// Runs one statement with its values and returns its rows.
macro_rules! fetch {
    ($sql:expr, $binds:expr, $on:expr, $row:path) => {{
        let mut query = sqlx::query($sql);
        for bind in $binds {
            query = match bind {
                Bind::Integer(value) => query.bind(value),
                Bind::Text(value) => query.bind(value),
            };
        }
        let rows = query.fetch_all($on).await?;
        Ok(rows.into_iter().map($row).collect())
    }};
}

/// Runs one statement with its values and returns how many rows it touched.
macro_rules! execute {
    ($sql:expr, $binds:expr, $on:expr) => {{
        let mut query = sqlx::query($sql);
        for bind in $binds {
            query = match bind {
                Bind::Integer(value) => query.bind(value),
                Bind::Text(value) => query.bind(value),
            };
        }
        Ok(query.execute($on).await?.rows_affected())
    }};
}

impl Database {
    /// Asks without changing.
    pub(super) async fn read(&self, sql: &'static str, binds: Vec<Bind>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite { readers, .. } => fetch!(sql, binds, readers, Row::Sqlite),
            Self::Postgres(pool) => fetch!(sql, binds, pool, Row::Postgres),
        }
    }

    /// Starts a transaction that writes; on SQLite it takes the write lock at once, since a read
    /// lock cannot be raised while others write.
    pub(super) async fn write(&self) -> Result<Write> {
        match self {
            Self::Sqlite { writer, .. } => Ok(Write::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)),
            Self::Postgres(pool) => Ok(Write::Postgres(pool.begin().await?)),
        }
    }

    /// The database's clock.
    pub(super) async fn now(&self) -> Result<Timestamp> {
        let sql = match self {
            Self::Sqlite { .. } => SQLITE_NOW,
            Self::Postgres(_) => POSTGRES_NOW,
        };
        moment(&self.read(sql, Vec::new()).await?)
    }
}

impl Write {
    /// Asks, or changes and asks with `RETURNING`.
    pub(super) async fn fetch(&mut self, sql: &'static str, binds: Vec<Bind>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(transaction) => fetch!(sql, binds, &mut **transaction, Row::Sqlite),
            Self::Postgres(transaction) => fetch!(sql, binds, &mut **transaction, Row::Postgres),
        }
    }

    /// Changes rows and says how many.
    pub(super) async fn execute(&mut self, sql: &'static str, binds: Vec<Bind>) -> Result<u64> {
        match self {
            Self::Sqlite(transaction) => execute!(sql, binds, &mut **transaction),
            Self::Postgres(transaction) => execute!(sql, binds, &mut **transaction),
        }
    }

    /// Runs a script of several statements without values.
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(transaction) => sqlx::raw_sql(sql).execute(&mut **transaction).await.map(drop)?,
            Self::Postgres(transaction) => sqlx::raw_sql(sql).execute(&mut **transaction).await.map(drop)?,
        }
        Ok(())
    }

    /// The database's clock.
    pub(super) async fn now(&mut self) -> Result<Timestamp> {
        let sql = match self {
            Self::Sqlite(_) => SQLITE_NOW,
            Self::Postgres(_) => POSTGRES_NOW,
        };
        moment(&self.fetch(sql, Vec::new()).await?)
    }

    /// Makes everything since the start durable.
    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }
}

fn moment(rows: &[Row]) -> Result<Timestamp> {
    let row = rows.first().ok_or_else(|| StoreError::corrupt("the database's clock", "no answer"))?;
    row.time("now")
}

impl Row {
    /// An integer that may be missing.
    pub(super) fn optional_integer(&self, column: &str) -> Result<Option<i64>> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A text that may be missing.
    pub(super) fn optional_text(&self, column: &str) -> Result<Option<String>> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// An integer.
    pub(super) fn integer(&self, column: &str) -> Result<i64> {
        self.optional_integer(column)?.ok_or_else(|| missing(column))
    }

    /// An integer that counts.
    pub(super) fn count(&self, column: &str) -> Result<u64> {
        let value = self.integer(column)?;
        u64::try_from(value)
            .map_err(|_| StoreError::corrupt(format!("column `{column}`"), format!("{value} is negative")))
    }

    /// A text.
    pub(super) fn text(&self, column: &str) -> Result<String> {
        self.optional_text(column)?.ok_or_else(|| missing(column))
    }

    /// A point in time.
    pub(super) fn time(&self, column: &str) -> Result<Timestamp> {
        self.integer(column).map(Timestamp)
    }

    /// A point in time that may be missing.
    pub(super) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.optional_integer(column)?.map(Timestamp))
    }

    /// A digest.
    pub(super) fn digest(&self, column: &str) -> Result<Digest> {
        parse_digest(column, &self.text(column)?)
    }

    /// A digest that may be missing.
    pub(super) fn optional_digest(&self, column: &str) -> Result<Option<Digest>> {
        self.optional_text(column)?.map(|text| parse_digest(column, &text)).transpose()
    }

    /// A text with a grammar of its own, such as a name.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        column: &str,
        parse: impl Fn(&str) -> std::result::Result<T, E>,
    ) -> Result<T> {
        parse(&self.text(column)?)
            .map_err(|error| StoreError::corrupt(format!("column `{column}`"), error.to_string()))
    }
}

fn missing(column: &str) -> StoreError {
    StoreError::corrupt(format!("column `{column}`"), "it is empty")
}

fn parse_digest(column: &str, text: &str) -> Result<Digest> {
    Digest::parse(text).ok_or_else(|| StoreError::corrupt(format!("column `{column}`"), "not a digest"))
}

/// An unsigned number as the databases store it; beyond their range it stays at its end.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl From<i64> for Bind {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}
impl From<u64> for Bind {
    fn from(value: u64) -> Self {
        Self::Integer(Some(stored(value)))
    }
}
impl From<Option<i64>> for Bind {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}
impl From<Timestamp> for Bind {
    fn from(value: Timestamp) -> Self {
        Self::Integer(Some(value.0))
    }
}
impl From<Option<Timestamp>> for Bind {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Integer(value.map(|time| time.0))
    }
}
impl From<&str> for Bind {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}
impl From<String> for Bind {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}
impl From<Option<&str>> for Bind {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}
impl From<Option<String>> for Bind {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}
impl From<Digest> for Bind {
    fn from(value: Digest) -> Self {
        Self::Text(Some(value.to_string()))
    }
}
impl From<Option<Digest>> for Bind {
    fn from(value: Option<Digest>) -> Self {
        Self::Text(value.map(|digest| digest.to_string()))
    }
}
