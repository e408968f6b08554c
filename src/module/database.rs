//! `database`: a database, its account and grants, and SQL that runs once.

use super::{
    Change, Content, Diff, Engine, Module, ModuleError, Outcome, Place, args::Args, content::content_of,
    error, registered, shell, sql,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Digest, Script};
use std::collections::BTreeSet;

pub(super) const SHAPE: Shape = Shape::new(
    "database",
    "a database, its account and grants, or SQL that runs once",
    &[
        Field::required("engine", Wants::Word(Engine::WORDS), "postgresql or mariadb"),
        Field::required("database", Wants::Text, "the database, made when there is none"),
        Field::optional("owner", Wants::Text, "its owner, of a new database (PostgreSQL)"),
        Field::optional("encoding", Wants::Text, "its character set, of a new database: UTF8, utf8mb4"),
        Field::optional("collation", Wants::Text, "its collation, of a new database"),
        Field::optional("account", Wants::Text, "an account, made when there is none"),
        Field::optional(
            "host",
            Wants::Text,
            "from where the account connects (MariaDB), `localhost` when left out",
        ),
        Field::optional("password", Wants::Text, "the account's password; travels on standard input"),
        Field::optional(
            "grants",
            Wants::Texts,
            "privileges of the account on the database, `ALL` for every one",
        ),
        Field::optional("script", Wants::ProjectFile, "a file with SQL that runs in the database, once"),
        Field::optional(
            "unless",
            Wants::Text,
            "a query; the script need not run when it yields a first value other than 0, f, false or nothing",
        ),
    ],
);

/// Bytes of the salt of a new verifier.
const SALT_BYTES: usize = 16;

pub(super) struct Database {
    engine: Engine,
    database: String,
    owner: Option<String>,
    encoding: Option<String>,
    collation: Option<String>,
    account: Option<Account>,
    script: Option<SqlFile>,
}

struct Account {
    name: String,
    host: String,
    password: Option<String>,
    grants: BTreeSet<String>,
}

struct SqlFile {
    src: String,
    content: Content,
    unless: Option<String>,
}

/// What the probe saw.
#[derive(Default)]
struct Seen {
    database: bool,
    account: bool,
    password: bool,
    grants: BTreeSet<String>,
    done: bool,
    unanswered: bool,
    /// How PostgreSQL keeps passwords.
    encryption: String,
    /// Random bytes of the server, for a new verifier.
    salt: Vec<u8>,
}

impl Database {
    pub fn parse(args: &Args<'_>, place: &Place<'_>) -> Result<Self, ModuleError> {
        let name = |key: &str| -> Result<Option<String>, ModuleError> {
            let text = args.text(key)?;
            let bad = |text: &String| text.is_empty() || text.len() > 63 || text.contains(char::is_control);
            if text.as_ref().is_some_and(bad) {
                return Err(args.wrong(key, "must be a name of 1 to 63 bytes without control characters"));
            }
            Ok(text)
        };
        let word = |key: &str| -> Result<Option<String>, ModuleError> {
            let text = args.text(key)?;
            let good = |text: &String| {
                !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
            };
            if text.as_ref().is_some_and(|text| !good(text)) {
                return Err(args.wrong(key, "must be letters, digits, `_`, `-` and `.`"));
            }
            Ok(text)
        };
        for (key, needs) in
            [("host", "account"), ("password", "account"), ("grants", "account"), ("unless", "script")]
        {
            if args.has(key) && !args.has(needs) {
                return Err(args.wrong(key, format!("needs `{needs}` beside it")));
            }
        }
        let engine = args.choice("engine", Engine::WORDS)?.and_then(Engine::parse);
        let engine = engine.ok_or_else(|| args.wrong("engine", "must be `postgresql` or `mariadb`"))?;
        let account = match name("account")? {
            None => None,
            Some(account) => Some(Account {
                name: account,
                host: name("host")?.unwrap_or_else(|| "localhost".to_owned()),
                password: args.text("password")?,
                grants: Self::grants(args)?,
            }),
        };
        let script = match args.text("script")? {
            None => None,
            Some(src) => {
                Some(SqlFile { content: content_of(place, &src)?, src, unless: args.text("unless")? })
            }
        };
        let database = name("database")?.unwrap_or_default();
        if database.starts_with('-') || database.contains('=') {
            return Err(args.wrong("database", "must not start with `-` nor hold `=`"));
        }
        Ok(Self {
            engine,
            database,
            owner: name("owner")?,
            encoding: word("encoding")?,
            collation: word("collation")?,
            account,
            script,
        })
    }

    fn grants(args: &Args<'_>) -> Result<BTreeSet<String>, ModuleError> {
        let words = args.words("grants")?.unwrap_or_default();
        let grants: BTreeSet<String> = words
            .iter()
            .map(|word| word.trim().to_ascii_uppercase())
            .map(|word| if word == "ALL PRIVILEGES" { "ALL".to_owned() } else { word })
            .collect();
        let good =
            |word: &String| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == ' ');
        if !grants.iter().all(good) {
            return Err(args.wrong("grants", "must be names of privileges, such as `SELECT` or `ALL`"));
        }
        Ok(grants)
    }

    fn probe_text(&self) -> String {
        let engine = self.engine;
        let database = engine.literal(&self.database);
        let ask = |sql: &str| engine.run(engine.maintenance(), sql);
        let mut text = format!("{}{}", shell::CHANGE, engine.client());
        match engine {
            Engine::Postgresql => {
                text.push_str(&ask(&format!(
                    "SELECT 'database=1' FROM pg_database WHERE datname = {database};"
                )));
                if let Some(account) = &self.account {
                    let name = engine.literal(&account.name);
                    text.push_str(&ask(&format!(
                        "SELECT 'account=' || coalesce(rolpassword, '') FROM pg_authid WHERE rolname = {name};\n\
                         SELECT 'encryption=' || setting FROM pg_settings WHERE name = 'password_encryption';"
                    )));
                    // Where a password is set, the server says with what it is salted.
                    text.push_str("printf 'salt=%s\\n' \"$(head -c 16 /dev/urandom | base64)\"\n");
                    let grants = "SELECT 'grant=' || a.privilege_type FROM pg_database d, aclexplode(d.datacl) a, pg_roles r \
                         WHERE a.grantee = r.oid";
                    text.push_str(&ask(&format!(
                        "{grants} AND d.datname = {database} AND r.rolname = {name};"
                    )));
                }
            }
            Engine::Mariadb => {
                text.push_str(&ask(&format!(
                    "SELECT 'database=1' FROM information_schema.schemata WHERE schema_name = {database};"
                )));
                if let Some(account) = &self.account {
                    text.push_str(&ask(&Self::mariadb_account(account, &self.database)));
                }
            }
        }
        if let Some(SqlFile { unless: Some(unless), .. }) = &self.script {
            text.push_str(&format!(
                "u=$(\n{}) && printf 'unless=%s\\n' \"$(printf '%s\\n' \"$u\" | head -n 1 | cut -f 1)\" || echo unanswered=1\n",
                engine.run(&self.database, unless)
            ));
        }
        text.push_str("echo end=1\n");
        text
    }

    /// The password is compared by the server, and the query kept out of its log.
    fn mariadb_account(account: &Account, database: &str) -> String {
        let engine = Engine::Mariadb;
        let (user, host) = (engine.literal(&account.name), engine.literal(&account.host));
        let same = match &account.password {
            None => "''".to_owned(),
            Some(password) => {
                format!(
                    "IF(u.authentication_string = PASSWORD({}), 'same', 'differs')",
                    engine.literal(password)
                )
            }
        };
        let pattern = database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
        format!(
            "SET SESSION sql_log_off = 1;\n\
             SELECT CONCAT('account=', {same}) FROM mysql.user u WHERE u.User = {user} AND u.Host = {host};\n\
             SELECT CONCAT('grant=', p.privilege_type) FROM information_schema.schema_privileges p \
             WHERE p.grantee = CONCAT('''', {user}, '''@''', {host}, '''') AND p.table_schema IN ({}, {});\n",
            engine.literal(database),
            engine.literal(&pattern),
        )
    }

    fn read(&self, text: &str) -> Result<Seen, ModuleError> {
        let mut seen = Seen::default();
        let mut ended = false;
        for (key, value) in shell::lines(text) {
            match key {
                "database" => seen.database = true,
                "account" => {
                    seen.account = true;
                    seen.password = self.password_holds(value);
                }
                "grant" => {
                    seen.grants.insert(value.to_owned());
                }
                "unless" => seen.done = !matches!(value.trim(), "" | "0" | "f" | "false" | "NULL"),
                "unanswered" => seen.unanswered = true,
                "encryption" => value.clone_into(&mut seen.encryption),
                "salt" => seen.salt = shell::decode(value).unwrap_or_default(),
                "end" => ended = true,
                _ => {}
            }
        }
        if ended { Ok(seen) } else { Err(ModuleError::Answer(super::printable(text, 200))) }
    }

    fn password_holds(&self, answer: &str) -> bool {
        let Some(password) = self.account.as_ref().and_then(|account| account.password.as_ref()) else {
            return true;
        };
        match (self.engine, &self.account) {
            (Engine::Postgresql, Some(account)) => {
                sql::Verifier { account: &account.name, password }.fits(answer)
            }
            _ => answer == "same",
        }
    }

    /// The password as it stands in a statement. PostgreSQL is told what it keeps of it and not the
    /// password itself, which its statistics and its logs would keep; MariaDB takes the password.
    fn password_literal(&self, account: &Account, seen: &Seen) -> Result<Option<String>, ModuleError> {
        let Some(password) = &account.password else { return Ok(None) };
        let needed = !seen.account || !seen.password;
        let text = match self.engine {
            Engine::Mariadb => password.clone(),
            Engine::Postgresql if needed && seen.salt.len() < SALT_BYTES => {
                return Err(ModuleError::Answer("it holds no salt for a password".to_owned()));
            }
            Engine::Postgresql => {
                sql::Verifier { account: &account.name, password }.new_for(&seen.encryption, &seen.salt)
            }
        };
        Ok(Some(self.engine.literal(&text)))
    }

    /// Grants that are wanted and not there.
    fn missing_grants(&self, account: &Account, seen: &Seen) -> Vec<String> {
        if account.grants.contains("ALL") {
            let every: &[&str] = match self.engine {
                Engine::Postgresql => &["CREATE", "CONNECT", "TEMPORARY"],
                Engine::Mariadb => MARIADB_ALL,
            };
            let whole = every.iter().all(|privilege| seen.grants.contains(*privilege));
            return if whole { Vec::new() } else { vec!["ALL".to_owned()] };
        }
        let same = |wanted: &str| if wanted == "TEMP" { "TEMPORARY".to_owned() } else { wanted.to_owned() };
        account
            .grants
            .iter()
            .map(|wanted| same(wanted))
            .filter(|wanted| !seen.grants.contains(wanted))
            .collect()
    }

    fn statements(&self, seen: &Seen, diff: &mut Diff) -> Result<String, ModuleError> {
        let engine = self.engine;
        let database = engine.name(&self.database);
        let mut sql = String::new();
        if let Some(account) = &self.account {
            let who = match engine {
                Engine::Postgresql => engine.name(&account.name),
                Engine::Mariadb => {
                    format!("{}@{}", engine.literal(&account.name), engine.literal(&account.host))
                }
            };
            sql.push_str(&self.account_statements(account, &who, seen, diff)?);
        }
        if !seen.database {
            diff.attribute(&format!("database {}", self.database), "nothing", "empty");
            sql.push_str(&self.create_database(&database));
        }
        if let Some(account) = &self.account {
            let missing = self.missing_grants(account, seen);
            if !missing.is_empty() {
                let list = missing.join(", ");
                diff.attribute(&format!("grants of {}", account.name), "less", &list);
                sql.push_str(&match engine {
                    Engine::Postgresql => {
                        format!("GRANT {list} ON DATABASE {database} TO {};\n", engine.name(&account.name))
                    }
                    Engine::Mariadb => {
                        let pattern =
                            self.database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
                        let (user, host) = (engine.literal(&account.name), engine.literal(&account.host));
                        format!("GRANT {list} ON {}.* TO {user}@{host};\n", engine.name(&pattern))
                    }
                });
            }
        }
        Ok(sql)
    }

    fn account_statements(
        &self,
        account: &Account,
        who: &str,
        seen: &Seen,
        diff: &mut Diff,
    ) -> Result<String, ModuleError> {
        let password = self.password_literal(account, seen)?;
        if !seen.account {
            diff.attribute(&format!("account {}", account.name), "nothing", "an account");
        } else if password.is_some() && !seen.password {
            diff.note(format!("password of {}: new", account.name));
        }
        Ok(match (self.engine, seen.account, password) {
            (Engine::Postgresql, false, None) => format!("CREATE ROLE {who} LOGIN;\n"),
            (Engine::Postgresql, false, Some(password)) => {
                format!("CREATE ROLE {who} LOGIN PASSWORD {password};\n")
            }
            (Engine::Postgresql, true, Some(password)) if !seen.password => {
                format!("ALTER ROLE {who} PASSWORD {password};\n")
            }
            (Engine::Mariadb, false, None) => format!("CREATE USER {who};\n"),
            (Engine::Mariadb, false, Some(password)) => {
                format!("CREATE USER {who} IDENTIFIED BY {password};\n")
            }
            (Engine::Mariadb, true, Some(password)) if !seen.password => {
                format!("ALTER USER {who} IDENTIFIED BY {password};\n")
            }
            _ => String::new(),
        })
    }

    fn create_database(&self, name: &str) -> String {
        let engine = self.engine;
        let mut sql = format!("CREATE DATABASE {name}");
        match engine {
            Engine::Postgresql => {
                if let Some(owner) = &self.owner {
                    sql.push_str(&format!(" OWNER {}", engine.name(owner)));
                }
                if let Some(encoding) = &self.encoding {
                    sql.push_str(&format!(" ENCODING {}", engine.literal(encoding)));
                }
                if let Some(collation) = &self.collation {
                    let collation = engine.literal(collation);
                    sql.push_str(&format!(" LC_COLLATE {collation} LC_CTYPE {collation}"));
                }
                if self.encoding.is_some() || self.collation.is_some() {
                    sql.push_str(" TEMPLATE template0");
                }
            }
            Engine::Mariadb => {
                if let Some(encoding) = &self.encoding {
                    sql.push_str(&format!(" CHARACTER SET {}", engine.literal(encoding)));
                }
                if let Some(collation) = &self.collation {
                    sql.push_str(&format!(" COLLATE {}", engine.literal(collation)));
                }
            }
        }
        sql.push_str(";\n");
        sql
    }

    /// Keeps statements with passwords out of the server's own logs.
    fn quiet(&self) -> &'static str {
        match self.engine {
            Engine::Postgresql => {
                "SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET log_min_duration_statement = -1;\n"
            }
            Engine::Mariadb => "SET SESSION sql_log_off = 1;\n",
        }
    }
}

/// What `ALL` on a MariaDB database consists of, as far as every supported version has it.
const MARIADB_ALL: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "EXECUTE",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EVENT",
    "TRIGGER",
];

impl Module for Database {
    fn probe(&self) -> Option<Script> {
        Some(Script(self.probe_text()))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let answer = error::probed(answer)?;
        let seen = self.read(&answer.text())?;
        if seen.unanswered && seen.database {
            // Taken for "no", a script that ran already would run again.
            let reason = String::from_utf8_lossy(&answer.stderr);
            return Err(ModuleError::state(
                format!("the query of `unless` fails: {}", super::printable(reason.trim(), 300)),
                "write a query that also works before the script has run, such as one on information_schema",
            ));
        }
        let mut diff = Diff::default();
        let statements = self.statements(&seen, &mut diff)?;
        let mut script = format!("{}{}", shell::CHANGE, self.engine.client());
        if !statements.is_empty() {
            script.push_str(
                &self.engine.run(self.engine.maintenance(), &format!("{}{statements}", self.quiet())),
            );
        }
        let mut blobs = Vec::new();
        if let Some(file) = self.script.as_ref().filter(|_| !seen.done) {
            let digest = match &file.content {
                Content::Bytes(bytes) => Digest::of(bytes),
                Content::Blob(blob) => {
                    blobs.push(blob.clone());
                    blob.digest
                }
            };
            diff.note(format!("run SQL: {}, sha256 {digest}", file.src));
            script.push_str(&format!(
                "{{\n{}}} | sql {}\n",
                shell::emit(&file.content),
                crate::model::script::quote(&self.database)
            ));
        }
        if diff.is_empty() {
            return Ok(Outcome::Unchanged(registered(false, [("database", self.database.as_str().into())])));
        }
        let mut change =
            Change::new(format!("database {}", super::printable(&self.database, 100)), diff, script);
        change.once = self.once();
        change.blobs = blobs;
        Ok(Outcome::Change(change))
    }

    fn once(&self) -> bool {
        self.script.is_some()
    }
}
