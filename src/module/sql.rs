//! The two database engines: how their clients are called and how SQL is quoted.

use crate::model::script::quote;
use sha2::{Digest as _, Sha256};

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL, asked as its owner by `psql`.
    Postgresql,
    /// MariaDB, asked as root by its socket.
    Mariadb,
}

impl Engine {
    /// The words in files.
    pub const WORDS: &'static [&'static str] = &["postgresql", "mariadb"];

    /// Returns the engine that `text` names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "postgresql" => Some(Self::Postgresql),
            "mariadb" => Some(Self::Mariadb),
            _ => None,
        }
    }

    /// A shell function `sql DATABASE` that runs the SQL on its standard input, stops at the first
    /// error, and prints rows with tabs between the columns.
    #[must_use]
    pub fn client(self) -> &'static str {
        match self {
            Self::Postgresql => POSTGRESQL,
            Self::Mariadb => MARIADB,
        }
    }

    /// The database to be in where none is named.
    #[must_use]
    pub fn maintenance(self) -> &'static str {
        match self {
            Self::Postgresql => "postgres",
            Self::Mariadb => "mysql",
        }
    }

    /// `text` as an SQL string.
    #[must_use]
    pub fn literal(self, text: &str) -> String {
        match self {
            Self::Postgresql => format!("'{}'", text.replace('\'', "''")),
            Self::Mariadb => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        }
    }

    /// `text` as the name of something.
    #[must_use]
    pub fn name(self, text: &str) -> String {
        match self {
            Self::Postgresql => format!("\"{}\"", text.replace('"', "\"\"")),
            Self::Mariadb => format!("`{}`", text.replace('`', "``")),
        }
    }

    /// Shell text that runs `sql` in `database` and prints the rows.
    #[must_use]
    pub fn run(self, database: &str, sql: &str) -> String {
        format!("{{\n{}}} | sql {}\n", super::shell::emit_bytes(sql.as_bytes()), quote(database))
    }
}

// Root becomes the cluster's owner; any other account asks as itself. Terse errors do not repeat the
// statement, which can hold a password.
const POSTGRESQL: &str = r#"command -v psql >/dev/null || { echo 'esclusa: psql is missing' >&2; exit 69; }
sql() {
  set -- psql -X -q -A -t -F "$(printf '\t')" -v ON_ERROR_STOP=1 -v VERBOSITY=terse -d "$1" -f -
  cd /
  if [ "$(id -u)" != 0 ]; then "$@"
  elif command -v runuser >/dev/null; then runuser -u postgres -- "$@"
  else echo 'esclusa: runuser is missing to become postgres' >&2; return 69; fi
}
"#;

// The client repeats a statement that fails, with any password in it: only its error is let through.
const MARIADB: &str = r#"if command -v mariadb >/dev/null; then m=mariadb
elif command -v mysql >/dev/null; then m=mysql
else echo 'esclusa: mariadb is missing' >&2; exit 69; fi
sql() {
  e=$(mktemp) || return 66
  s=0
  "$m" --batch --skip-column-names --default-character-set=utf8mb4 -D "$1" 2>"$e" || s=$?
  [ $s = 0 ] || grep '^ERROR' "$e" >&2 || :
  rm -f "$e"
  return $s
}
"#;

/// Whether `verifier`, as PostgreSQL stores it, belongs to `password`.
///
/// `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`; nothing for other kinds.
pub(super) fn scram_matches(password: &str, verifier: &str) -> Option<bool> {
    let rest = verifier.strip_prefix("SCRAM-SHA-256$")?;
    let (parameters, keys) = rest.split_once('$')?;
    let (iterations, salt) = parameters.split_once(':')?;
    let (stored, _) = keys.split_once(':')?;
    let iterations: u32 = iterations.parse().ok().filter(|count| (1..=1_000_000).contains(count))?;
    let salt = super::shell::decode(salt)?;
    let stored = super::shell::decode(stored)?;
    let salted = pbkdf2(password.as_bytes(), &salt, iterations);
    let client_key = hmac(&salted, b"Client Key");
    Some(Sha256::digest(client_key).as_slice() == stored)
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut round = hmac(password, &[salt, &1u32.to_be_bytes()].concat());
    let mut result = round;
    for _ in 1..iterations {
        round = hmac(password, &round);
        result.iter_mut().zip(round).for_each(|(left, right)| *left ^= right);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_and_pbkdf2_agree_with_published_vectors() {
        // RFC 4231, test case 2; RFC 7914, section 11 (first 32 bytes).
        assert_eq!(
            hex::encode(hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex::encode(pbkdf2(b"passwd", b"salt", 1)),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
        );
    }

    #[test]
    fn names_and_strings_cannot_leave_their_quotes() {
        for (engine, text, literal, name) in [
            (Engine::Postgresql, "a'b\\\"", "'a''b\\\"'", "\"a'b\\\"\"\""),
            (Engine::Mariadb, "a'b\\`", "'a''b\\\\`'", "`a'b\\```"),
        ] {
            assert_eq!(engine.literal(text), literal);
            assert_eq!(engine.name(text), name);
        }
    }
}
