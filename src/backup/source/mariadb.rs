//! MariaDB and MySQL databases: SQL text by the server's own client.

use super::{PRELUDE, blob};
use crate::backup::ItemManifest;
use crate::model::Script;
use crate::model::script::quote;

/// The clients have two names each.
const CLIENTS: &str = r#"client=$(command -v mariadb || command -v mysql) || client=
dumper=$(command -v mariadb-dump || command -v mysqldump) || dumper=
ask() { "$client" --batch --skip-column-names -e "$1" </dev/null; }
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
others=$(ask "select concat(table_name, ' (', engine, ')') from information_schema.tables where table_schema = '$db' and table_type = 'BASE TABLE' and engine <> 'InnoDB'" | tr '\n' ' ')
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
others=$(ask "select count(*) from information_schema.tables where table_schema = '$db' and table_type = 'BASE TABLE' and engine <> 'InnoDB'") || exit 2
if [ "$others" = 0 ]; then lock=--single-transaction; else lock=--lock-tables; fi
exec "$dumper" $lock --quick --routines --events --triggers --hex-blob --default-character-set=utf8mb4 --add-drop-database --databases "$db" </dev/null
"#,
        db = quote(name)
    ))
}

/// The dump drops, makes and fills the database; grants are kept by the server and stay.
pub fn restore(manifest: &ItemManifest) -> Script {
    Script::new(format!(
        r#"{PRELUDE}{CLIENTS}{blob}[ -n "$client" ] || die 'the client program is not installed'
tail -c 200 "$blob" | grep -q '^-- Dump completed' || die 'the copy has no end'
"$client" --batch --default-character-set=utf8mb4 <"$blob" || die 'loading the copy failed'
"#,
        blob = blob(manifest)
    ))
}
