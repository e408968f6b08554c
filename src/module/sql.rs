//! The two database engines: how their clients are called and how SQL is quoted.

use crate::model::script::quote;
use base64::{Engine as _, prelude::BASE64_STANDARD};
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

/// How often a verifier that is made here hashes a password: PostgreSQL's own number.
const ITERATIONS: u32 = 4096;

/// What PostgreSQL keeps of a password instead of it.
pub(super) struct Verifier<'a> {
    pub account: &'a str,
    pub password: &'a str,
}

impl Verifier<'_> {
    /// Whether `stored` belongs to the password, in whichever way the server keeps it.
    pub fn fits(&self, stored: &str) -> bool {
        match stored.starts_with("SCRAM-SHA-256$") {
            true => scram_matches(self.password, stored).unwrap_or(false),
            false => stored == self.md5(),
        }
    }

    /// A new one for a server whose `password_encryption` is this. The password itself never travels in a
    /// statement, which the server may log.
    pub fn new_for(&self, encryption: &str, salt: &[u8]) -> String {
        match encryption {
            // Clients of servers that keep it like this may know nothing else.
            "md5" | "on" | "off" => self.md5(),
            _ => scram(self.password, salt, ITERATIONS),
        }
    }

    fn md5(&self) -> String {
        use md5::Digest as _;
        format!("md5{}", hex::encode(md5::Md5::digest(format!("{}{}", self.password, self.account))))
    }
}

/// The password as it is hashed: in one spelling of its characters, as PostgreSQL does it.
fn prepared(password: &str) -> std::borrow::Cow<'_, str> {
    stringprep::saslprep(password).unwrap_or(password.into())
}

fn scram(password: &str, salt: &[u8], iterations: u32) -> String {
    let salted = pbkdf2(prepared(password).as_bytes(), salt, iterations);
    let stored = Sha256::digest(hmac(&salted, b"Client Key"));
    let server = hmac(&salted, b"Server Key");
    let [salt, stored, server] = [salt, &stored[..], &server[..]].map(|bytes| BASE64_STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${iterations}:{salt}${stored}:{server}")
}

/// Whether `verifier`, as PostgreSQL stores it, belongs to `password`.
///
/// `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`; nothing for other kinds.
fn scram_matches(password: &str, verifier: &str) -> Option<bool> {
    let rest = verifier.strip_prefix("SCRAM-SHA-256$")?;
    let (parameters, keys) = rest.split_once('$')?;
    let (iterations, salt) = parameters.split_once(':')?;
    let (stored, _) = keys.split_once(':')?;
    let iterations: u32 = iterations.parse().ok().filter(|count| (1..=1_000_000).contains(count))?;
    let salt = super::shell::decode(salt)?;
    let stored = super::shell::decode(stored)?;
    let salted = pbkdf2(prepared(password).as_bytes(), &salt, iterations);
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
    fn a_verifier_is_that_of_the_standard_and_fits_its_password_alone() {
        // RFC 7677, section 3: the server's signature follows from the verifier's second key.
        let salt = super::super::shell::decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let pencil = scram("pencil", &salt, 4096);
        let server_key = super::super::shell::decode(pencil.rsplit(':').next().unwrap()).unwrap();
        let said = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,\
                    r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        assert_eq!(
            BASE64_STANDARD.encode(hmac(&server_key, said.as_bytes())),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
        for password in ["pencil", "contraseña", "ⅨX"] {
            let verifier = Verifier { account: "wiki", password };
            for encryption in ["scram-sha-256", "md5"] {
                let stored = verifier.new_for(encryption, &salt);
                assert!(verifier.fits(&stored) && !stored.contains(password));
                assert!(!Verifier { account: "wiki", password: "other" }.fits(&stored));
            }
        }
        // One password in two spellings of its characters.
        let composed = Verifier { account: "wiki", password: "ma\u{f1}ana" }.new_for("", &salt);
        assert!(Verifier { account: "wiki", password: "man\u{303}ana" }.fits(&composed));
        // As the server itself says it: md5 of password and account.
        let stored = Verifier { account: "wiki", password: "secret" }.new_for("md5", &salt);
        assert_eq!(stored, "md5af0641d4a18da95b6c6304cf75421b6e");
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
