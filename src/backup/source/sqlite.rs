//! SQLite databases: a consistent copy by `.backup`, checked on the server, in a small archive that
//! keeps owner and mode.

use super::{PRELUDE, WORK, blob};
use crate::backup::{EntryKind, ItemManifest};
use crate::model::Script;
use crate::model::script::quote;

/// Tool, file, size, and room for the copy.
pub fn preflight(path: &str) -> Script {
    Script::new(format!(
        r#"{PRELUDE}db={db}
tool tar; tool df
tool sqlite3 && printf 'tool sqlite3 %s\n' "$(sqlite3 --version | cut -c1-40)"
if [ ! -f "$db" ]; then refuse "\`$db\` is no file"; else
if command -v sqlite3 >/dev/null 2>&1; then sqlite3 -readonly -bail "$db" 'pragma schema_version' >/dev/null 2>&1 </dev/null || refuse "\`$db\` cannot be read as an SQLite database"; fi
size=$(wc -c <"$db" | tr -d ' '); wal=0
if [ -f "$db-wal" ]; then wal=$(wc -c <"$db-wal" | tr -d ' '); fi
free=$(df -Pk "${{TMPDIR:-/var/tmp}}" | awk 'NR == 2 {{print $4}}')
[ "${{free:-0}}" -gt $(( (size + wal) / 1024 + 1024 )) ] || refuse "there is no room for a copy in \`${{TMPDIR:-/var/tmp}}\`"
printf 'bytes %s\n' $((size + wal)); fi
echo end
"#,
        db = quote(path)
    ))
}

/// Before a restore, a database that cannot be read is copied as the files that it is: it may be the
/// reason for the restore.
const RAW: &str = r#"printf '%s: its files are copied as they are\n' "$1" >&2
rm -f "$work"/copy*
set -- ./raw
ln -s "$db" "$work/raw" || exit 3
for end in -wal -journal; do
if [ -f "$db$end" ]; then ln -s "$db$end" "$work/raw$end" && set -- "$@" "./raw$end" || exit 3; fi
done
tar -C "$work" -chf - "$@" || exit 2
exit 0
"#;

/// Copies, checks, and writes the archive.
pub fn dump(path: &str, safety: bool) -> Script {
    let gone = if safety { "[ -f \"$db\" ] || exit 0\n" } else { "" };
    let failed = if safety { RAW } else { "die \"$1\"\n" };
    Script::new(format!(
        r#"{PRELUDE}{WORK}db={db}
failed() {{
{failed}}}
{gone}[ -f "$db" ] || die 'the database is no file'
sqlite3 -bail -cmd '.timeout 60000' "$db" ".backup '$work/copy'" </dev/null >&2 || failed 'sqlite3 could not copy the database'
[ "$(sqlite3 -readonly "$work/copy" 'pragma integrity_check' </dev/null)" = ok ] || failed 'the copy of the database is damaged'
rm -f "$work/copy-wal" "$work/copy-shm"
owner=$(stat -c '%u:%g' "$db") && mode=$(stat -c '%a' "$db") || die 'cannot read the owner'
if [ "$(id -u)" = 0 ]; then chown "$owner" "$work/copy" || exit 3; fi
chmod "$mode" "$work/copy" || exit 3
tar -C "$work" -cf - ./copy || exit 2
"#,
        db = quote(path)
    ))
}

/// Puts the copy beside the database, checks it, and moves it into place.
pub fn restore(path: &str, manifest: &ItemManifest) -> Script {
    if manifest.files.iter().any(|file| file.path.0 == b"/raw") {
        return restore_raw(path, manifest);
    }
    let file = manifest.files.iter().find(|file| file.kind == EntryKind::File);
    let (mode, uid, gid) = file.map_or((0o600, 0, 0), |file| (file.mode, file.uid, file.gid));
    Script::new(format!(
        r#"{PRELUDE}{blob}db={db}
folder=${{db%/*}}; new=$db.esclusa-new
mkdir -p "${{folder:-/}}" || exit 3
rm -f "$new" "$new-wal" "$new-shm" "$new-journal"
tar -xOf - ./copy <"$blob" >"$new" || die 'cannot unpack the copy'
[ "$(sqlite3 -readonly "$new" 'pragma integrity_check' </dev/null)" = ok ] || die 'the database in the copy is damaged'
rm -f "$new-wal" "$new-shm"
if [ "$(id -u)" = 0 ]; then chown {uid}:{gid} "$new" || exit 3; fi
chmod {mode:04o} "$new" || exit 3
rm -f "$db-wal" "$db-shm" "$db-journal"
mv -f "$new" "$db" || exit 3
sync
"#,
        blob = blob(manifest),
        db = quote(path)
    ))
}

/// Puts the files back as they were, whatever SQLite thinks of them.
fn restore_raw(path: &str, manifest: &ItemManifest) -> Script {
    let mut text = format!(
        "{PRELUDE}{}db={}\nfolder=${{db%/*}}; mkdir -p \"${{folder:-/}}\" || exit 3\n\
         rm -f \"$db-wal\" \"$db-shm\" \"$db-journal\"\n",
        blob(manifest),
        quote(path)
    );
    for end in ["", "-wal", "-journal"] {
        let member = format!("/raw{end}");
        let Some(file) = manifest.files.iter().find(|file| file.path.0 == member.as_bytes()) else {
            continue;
        };
        let (uid, gid, mode) = (file.uid, file.gid, file.mode);
        text.push_str(&format!(
            "tar -xOf - .{member} <\"$blob\" >\"$db.esclusa-new\" || die 'cannot unpack the copy'\n\
             if [ \"$(id -u)\" = 0 ]; then chown {uid}:{gid} \"$db.esclusa-new\" || exit 3; fi\n\
             chmod {mode:04o} \"$db.esclusa-new\" && mv -f \"$db.esclusa-new\" \"$db{end}\" || exit 3\n"
        ));
    }
    text.push_str("sync\n");
    Script::new(text)
}
