//! PostgreSQL databases: roles and tablespaces as text, then a `pg_dump` archive, in one stream.
//!
//! The stream is a line `esclusa-postgresql 1 N`, N bytes of `pg_dumpall --globals-only`, and the
//! archive: without Esclusa, `head`, `tail` and `pg_restore` take it apart.

use super::{PRELUDE, WORK, blob};
use crate::backup::ItemManifest;
use crate::model::Script;
use crate::model::script::quote;

/// A line for each role that owns something of the database, has a right there, or is a member of one that
/// does: what the copy says of other roles is only used where these are gone.
const MINE: &str = r#"with recursive base as (select oid, datdba from pg_database where datname = :'db'),
mine(role) as (select datdba from base
union select refobjid from pg_shdepend d, base where refclassid = 'pg_authid'::regclass
and (dbid = base.oid or (dbid = 0 and classid = 'pg_database'::regclass and objid = base.oid))
union select member from pg_auth_members join mine on roleid = role)
select '-- esclusa-role "' || replace(rolname, '"', '""') || '"' from mine join pg_roles on oid = role where rolname !~ '[\n\r]';
"#;

/// The roles that are there, as the lines of [`MINE`] have them.
const THERE: &str = r#""select '\"' || replace(rolname, '\"', '\"\"') || '\"' from pg_roles""#;

/// Leaves out what the copy says of the attributes and the password of a role that is there and is
/// another database's. A copy from before that question says it of all.
const OTHERS: &str = r#"'FILENAME == ARGV[1] { there[$0]; next }
/^-- esclusa-role / { mine[substr($0, 17)]; any = 1; next }
any && /^ALTER ROLE .* WITH / { name = substr($0, 12)
if (name ~ /^"/) { match(name, /^"([^"]|"")*"/); name = substr(name, 1, RLENGTH) } else { sub(/ .*/, "", name); name = "\"" name "\"" }
if ((name in there) && !(name in mine)) next }
{ print }'"#;

/// Feeds SQL on standard input to the maintenance database.
const ASK: &str = r#"ask() { psql -X -w -q -A -t -v ON_ERROR_STOP=1 -v db="$db" -d postgres; }
"#;

/// A role that has its membership already is a notice, which is not asked for; severities come in
/// English, whatever the server's language is.
const QUIET: &str = r#"-c "set client_min_messages = error" -c "set lc_messages = 'C'""#;

/// Tools and their versions against the server's, existence, rights, size.
pub fn preflight(name: &str) -> Script {
    Script::new(format!(
        r#"{PRELUDE}{ASK}db={db}
tool psql && tool pg_dump && tool pg_dumpall && tool pg_restore || {{ echo end; exit; }}
mine=$(pg_dump --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
printf 'tool pg_dump %s\n' "$(pg_dump --version)"
server=$(echo 'show server_version_num' | ask 2>&1) || {{ refuse "the database server does not answer: $(printf %s "$server" | tr '\n' ' ')"; echo end; exit; }}
printf 'tool server %s\n' "$server"
[ "${{mine:-0}}" -ge $((server / 10000)) ] || refuse "pg_dump $mine is older than the server ($server)"
[ "$(echo "select rolsuper from pg_roles where rolname = current_user" | ask)" = t ] || refuse 'the account is no superuser, so roles and their passwords cannot be copied'
size=$(echo "select pg_database_size(oid) from pg_database where datname = :'db'" | ask)
if [ -z "$size" ]; then refuse "database \`$db\` does not exist"; else printf 'bytes %s\n' "$size"; fi
echo end
"#,
        db = quote(name)
    ))
}

/// Both dumps in one stream; the first is small and held in memory, never on disk. A table that somebody
/// has locked is waited for, ten minutes long.
pub fn dump(name: &str, safety: bool) -> Script {
    let gone = if safety { "exit 0" } else { "die 'the database does not exist'" };
    Script::new(format!(
        r#"{PRELUDE}{ASK}db={db}
there=$(echo "select count(*) from pg_database where datname = :'db'" | ask) || exit 2
[ "$there" = 1 ] || {gone}
related() {{ ask <<'ESCLUSA_END'
{MINE}ESCLUSA_END
}}
mine=$(related) || exit 2
globals=$(pg_dumpall -w --globals-only </dev/null && echo x) || exit 2
globals="$mine
${{globals%x}}"
printf 'esclusa-postgresql 1 %s\n' "$(printf %s "$globals" | wc -c | tr -d ' ')"
printf %s "$globals" || exit 2
exec pg_dump -w -Fc -Z0 --lock-wait-timeout=600000 -d "$db" </dev/null
"#,
        db = quote(name)
    ))
}

/// Drops, makes and loads the database, after the archive was read to its end.
///
/// Roles that are there already are no error (42710), everything else is. Roles are set back to
/// what they were, so that a password that the update changed fits the configuration again; those of
/// other databases stay as they are.
pub fn restore(name: &str, manifest: &ItemManifest) -> Script {
    Script::new(format!(
        r#"{PRELUDE}{WORK}{ASK}{blob}db={db}
first=$(head -n 1 <"$blob"); globals=${{first##* }}; start=$((${{#first}} + 2))
archive() {{ tail -c +$((start + globals)) <"$blob"; }}
archive | pg_restore -f /dev/null || die 'the archive cannot be read'
tail -c +$start <"$blob" | head -c "$globals" >"$work/globals" || exit 3
echo {THERE} | ask >"$work/there" || exit 2
awk {OTHERS} "$work/there" "$work/globals" | psql -X -w -q -v VERBOSITY=sqlstate -d postgres {QUIET} -f - >/dev/null 2>"$work/errors"
[ $? -le 1 ] || {{ head -n 5 "$work/errors" >&2; die 'roles could not be put back'; }}
if grep -E '(ERROR|FATAL|PANIC):  [0-9A-Z]{{5}}$' "$work/errors" | grep -v -e '42710$' >&2; then die 'roles could not be put back'; fi
echo "select pg_terminate_backend(pid) from pg_stat_activity where datname = :'db' and pid <> pg_backend_pid()" | ask >/dev/null || exit 2
printf '%s\n' 'drop database if exists :"db"' | ask || die 'the database cannot be dropped'
archive | pg_restore -w --create --exit-on-error -d postgres || die 'loading the archive failed'
"#,
        blob = blob(manifest),
        db = quote(name)
    ))
}

/// Reads the stream's shape.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    globals: Option<u64>,
    magic: Vec<u8>,
    bad: bool,
}

/// The archive's first bytes.
const MAGIC: &[u8] = b"PGDMP";

impl Reader {
    /// Takes the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        if self.globals.is_none() && !self.bad {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            self.bad |= self.line.len() > 60;
            let Some(end) = end else { return };
            bytes = &bytes[end + 1..];
            let text = std::str::from_utf8(&self.line).unwrap_or_default();
            self.globals = text.strip_prefix("esclusa-postgresql 1 ").and_then(|number| number.parse().ok());
            self.bad |= self.globals.is_none();
        }
        let Some(left) = &mut self.globals else { return };
        let skipped = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        *left -= skipped as u64;
        // One byte more than the magic: the archive goes on.
        let wanted = (MAGIC.len() + 1).saturating_sub(self.magic.len());
        let rest = &bytes[skipped..];
        self.magic.extend_from_slice(&rest[..wanted.min(rest.len())]);
    }

    /// Whether the stream had its parts.
    pub fn finish(self) -> Result<(), &'static str> {
        if self.bad || self.globals.is_none() {
            return Err("its first line is damaged");
        }
        if self.magic.len() <= MAGIC.len() || !self.magic.starts_with(MAGIC) {
            return Err("it holds no pg_dump archive");
        }
        Ok(())
    }
}
