//! MariaDB and MySQL databases: SQL text by the server's own client.

use super::{PRELUDE, blob};
use crate::backup::ItemManifest;
use crate::model::Script;
use crate::model::script::quote;

/// The clients have two names each.
const CLIENTS: &str = r#"client=$(command -v mariadb || command -v mysql) || client=
dumper=$(command -v mariadb-dump || command -v mysqldump) || dumper=
ask() { "$client" --batch --skip-column-names -e "$1" </dev/null; }
history=
knows_history() { "$dumper" --help 2>/dev/null | grep -q -e --dump-history; }
"#;

/// Writes the accounts that have rights on the database as SQL: how they log in, and all their rights.
/// An update may set a new password, which the configuration that is put back does not know.
const ACCOUNTS: &str = r#"raw() { "$client" --batch --raw --skip-column-names -e "$1" </dev/null; }
accounts() {
raw "select concat(quote(User), '@', quote(Host)) from mysql.db where '$db' like Db and User <> '' and Host <> ''" &&
for table in tables_priv columns_priv procs_priv; do
raw "select concat(quote(User), '@', quote(Host)) from mysql.$table where Db = '$db' and User <> '' and Host <> ''" || return 1
done
}
hex=
if ask 'set session print_identified_with_as_hex = on' 2>/dev/null; then hex='set session print_identified_with_as_hex = on; '; fi
names=$(accounts 2>/dev/null) || { names=; echo 'the accounts of the database are not copied' >&2; }
printf '%s\n' "$names" | sort -u | { while IFS= read -r who; do
[ -n "$who" ] || continue
made=$(raw "${hex}show create user $who") && rights=$(raw "show grants for $who") || exit 1
case $made in 'CREATE USER '*) ;; *) exit 1 ;; esac
printf 'CREATE USER IF NOT EXISTS %s;\nALTER USER %s;\n' "${made#CREATE USER }" "${made#CREATE USER }"
printf '%s\n' "$rights" | sed 's/$/;/'
done; } || die 'an account of the database cannot be read'
"#;

/// Tools, existence, size, and tables whose engine knows no transactions.
pub fn preflight(name: &str) -> Script {
    Script::new(format!(
        r#"{PRELUDE}{CLIENTS}db={db}
if [ -z "$client" ] || [ -z "$dumper" ]; then refuse 'the client programs of MariaDB or MySQL are not installed on the server'; echo end; exit; fi
printf 'tool %s %s\n' "${{dumper##*/}}" "$("$dumper" --version | cut -c1-120)"
version=$(ask 'select version()' 2>&1) || {{ refuse "the database server does not answer: $(printf %s "$version" | tr '\n' ' ')"; echo end; exit; }}
printf 'tool server %s\n' "$version"
there=$(ask "select count(*) from information_schema.schemata where schema_name = '$db'")
[ "$there" = 1 ] || refuse "database \`$db\` does not exist"
others=$(ask "select concat(table_name, ' (', engine, ')') from information_schema.tables where table_schema = '$db' and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and engine <> 'InnoDB'" | tr '\n' ' ')
versioned=$(ask "select count(*) from information_schema.tables where table_schema = '$db' and table_type = 'SYSTEM VERSIONED'")
[ "${{versioned:-0}}" = 0 ] || knows_history || refuse "tables of \`$db\` keep their history, which \`${{dumper##*/}}\` of this server cannot copy"
ask 'select 1 from mysql.db limit 1' >/dev/null 2>&1 || warn 'accounts and their passwords are not copied: this account may not read them'
[ -z "$others" ] || warn "tables without transactions, copied under a lock: $others"
printf 'bytes %s\nend\n' "$(ask "select coalesce(sum(data_length), 0) from information_schema.tables where table_schema = '$db'" | cut -d . -f 1)"
"#,
        db = quote(name)
    ))
}

/// One transaction where every table has them, otherwise a read lock on all tables.
pub fn dump(name: &str, safety: bool) -> Script {
    let gone = if safety { "exit 0" } else { "die 'the database does not exist'" };
    Script::new(format!(
        r#"{PRELUDE}{CLIENTS}db={db}
[ -n "$client" ] && [ -n "$dumper" ] || die 'the client programs are not installed'
there=$(ask "select count(*) from information_schema.schemata where schema_name = '$db'") || exit 2
[ "$there" = 1 ] || {gone}
others=$(ask "select count(*) from information_schema.tables where table_schema = '$db' and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and engine <> 'InnoDB'") || exit 2
versioned=$(ask "select count(*) from information_schema.tables where table_schema = '$db' and table_type = 'SYSTEM VERSIONED'") || exit 2
if [ "$versioned" != 0 ]; then knows_history || die 'the client cannot copy the history of tables'; history=--dump-history; fi
{ACCOUNTS}if [ "$others" = 0 ]; then lock=--single-transaction; else lock=--lock-tables; fi
exec "$dumper" $lock $history --quick --routines --events --triggers --hex-blob --default-character-set=utf8mb4 --add-drop-database --databases "$db" </dev/null
"#,
        db = quote(name)
    ))
}

/// The copy sets accounts back to what they were, then drops, makes and fills the database. Accounts that
/// were added stay.
pub fn restore(manifest: &ItemManifest) -> Script {
    Script::new(format!(
        r#"{PRELUDE}{CLIENTS}{blob}[ -n "$client" ] || die 'the client program is not installed'
tail -c 200 <"$blob" | grep -q '^-- Dump completed' || die 'the copy has no end'
"$client" --batch --binary-mode --default-character-set=utf8mb4 <"$blob" || die 'loading the copy failed'
"#,
        blob = blob(manifest)
    ))
}
