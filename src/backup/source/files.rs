//! Files and folders: one tar stream there, and back.

use super::{PRELUDE, WORK, blob};
use crate::backup::{BackupError, EntryKind, FileEntry, Item, ItemManifest};
use crate::model::Script;
use crate::model::script::quote;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Whether tar is GNU's; and which of its options it knows.
const GNU: &str = r#"gnu=no
case $(tar --version 2>/dev/null | head -n 1) in *'GNU tar'*) gnu=yes ;; esac
sort=
if [ $gnu = yes ] && tar --help 2>/dev/null | grep -q -e '--sort='; then sort=--sort=name; fi
acls=
if [ $gnu = yes ] && tar --help 2>/dev/null | grep -q -e '--acls'; then acls=--acls; fi
"#;

/// Absolute paths without `.` and `..`, and never the whole server.
pub fn check(item: &Item, paths: &[String]) -> Result<(), BackupError> {
    for path in paths {
        let parts_are_plain = path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
        if !path.starts_with('/') || !parts_are_plain || path.contains('\0') {
            return Err(BackupError::Value {
                item: item.id.clone(),
                value: path.escape_debug().to_string(),
                reason: "must be an absolute path below `/`, without `.`, `..`, `//` and a final `/`",
            });
        }
    }
    Ok(())
}

/// `case` patterns for what lies at or below `paths`.
fn covered(paths: &[String]) -> String {
    let pattern = |path: &String| format!("{0}|{0}/*", quote(path));
    paths.iter().map(pattern).collect::<Vec<_>>().join("|")
}

/// Existence, links that lead out, file systems below, size, free tools.
pub fn preflight(paths: &[String]) -> Script {
    let mut text = format!("{PRELUDE}{GNU}tool tar; tool du; tool readlink\n");
    text.push_str("printf 'tool tar %s\\n' \"$(tar --version 2>&1 | head -n 1)\"\n");
    text.push_str("[ $gnu = yes ] || warn 'tar of this server keeps neither extended attributes nor access control lists'\n[ -z \"$acls\" ] || echo 'tool acls kept'\nset --\n");
    let _ = writeln!(
        text,
        "look() {{\n\
         if [ -L \"$1\" ]; then\n  target=$(readlink -f \"$1\") || target=nowhere\n\
         case $target in {}) ;; *) refuse \"\\`$1\\` is a symbolic link to \\`$target\\`: name the target too\" ;; esac\n\
         elif [ ! -e \"$1\" ]; then refuse \"\\`$1\\` does not exist\"; fi\n}}",
        covered(paths)
    );
    let top = topmost(paths);
    for path in paths {
        let plain = quote(path);
        let parent = quote(parents(path).pop().unwrap_or("/"));
        let name = quote(path.rsplit('/').next().unwrap_or_default());
        // Where the path really is: a folder above it may be a symbolic link.
        let _ = writeln!(
            text,
            "look {plain}; real=$(readlink -f {parent}) || real={parent}; real=${{real%/}}/{name}; set -- \"$@\" \"$real\""
        );
        if let Some(above) = top.iter().find(|above| path.starts_with(&format!("{above}/"))) {
            let rest = quote(&path[above.len()..]);
            let _ = writeln!(
                text,
                "[ \"$real\" = \"$(readlink -f {})\"{rest} ] || refuse {plain} \"leads through a symbolic link to \\`$real\\`: name the target\"",
                quote(above)
            );
        }
    }
    text.push_str(BELOW);
    text.push_str(SIZE);
    Script::new(text)
}

/// A file system below a path would be a hole in the copy: one that is mounted, and one that only has a
/// device number of its own, as a subvolume. `$@` holds where the paths really are.
const BELOW: &str = r#"below() { for one do case $at in "$one") return 1 ;; esac; done; for one do case $at in "$one"/*) return 0 ;; esac; done; return 1; }
{ if [ -r /proc/self/mounts ]; then while read -r _ at _; do
case $at in *\\*) at=$(printf '%b' "$at") ;; esac
if below "$@"; then printf '%s\n' "$at"; fi
done </proc/self/mounts; fi
for real do
[ -d "$real" ] && [ ! -L "$real" ] || continue
find "$real" -xdev -type d -exec stat -c '%d %n' {} + 2>/dev/null | DEVICE=$(stat -c %d "$real") REAL=$real awk '{ d = $1; at = substr($0, length(d) + 2) } d != ENVIRON["DEVICE"] && index(at, ENVIRON["REAL"] "/") == 1 { print at }' |
while IFS= read -r at; do if below "$@"; then printf '%s\n' "$at"; fi; done
done; } | sort -u | head -n 20 | while IFS= read -r at; do refuse "a file system is mounted at \`$at\`: name it as a path of its own"; done
"#;

/// What tar will write: holes come as zeros.
const SIZE: &str = r#"apparent=; if du -sk --apparent-size /dev/null >/dev/null 2>&1; then apparent=--apparent-size; fi
size=$(du -skx $apparent "$@" 2>/dev/null | awk '{sum += $1} END {printf "%.0f", sum * 1024}')
printf 'bytes %s\nend\n' "${size:-0}"
"#;

/// The folders above `path`, the nearest last, without `/`.
fn parents(path: &str) -> Vec<&str> {
    path.char_indices().skip(1).filter(|(_, c)| *c == '/').map(|(at, _)| &path[..at]).collect()
}

/// The paths that lie below none of the others. What lies below one, a file system mounted there, comes
/// back with it: tar would take the second name for one that the archive does not have.
fn topmost(paths: &[String]) -> Vec<&String> {
    let below = |path: &String, other: &String| {
        path.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    let mut topmost: Vec<&String> =
        paths.iter().filter(|path| !paths.iter().any(|other| below(path, other))).collect();
    let mut seen = BTreeSet::new();
    topmost.retain(|path| seen.insert(path.as_str()));
    topmost
}

/// One archive: first the folders above the paths (without contents), then the paths.
///
/// Names are relative to `/` and start with `./`, so none looks like an option.
pub fn dump(paths: &[String], safety: bool) -> Script {
    let member = |path: &str| quote(&format!(".{path}"));
    let top = topmost(paths);
    let above: BTreeSet<&str> = top.iter().flat_map(|path| parents(path)).collect();
    let mut text = format!("{PRELUDE}{GNU}cd / || exit 3\nset --\n");
    for path in &top {
        let (plain, member) = (quote(path), member(path));
        if safety {
            let _ = writeln!(text, "if [ -e {plain} ] || [ -L {plain} ]; then set -- \"$@\" {member}; fi");
        } else {
            let _ = writeln!(text, "set -- \"$@\" {member}");
        }
    }
    // GNU tar stays on the file system of what it is given, so what is mounted below is given as well.
    for path in paths.iter().filter(|path| !top.contains(path)) {
        let (plain, parent) = (quote(path), quote(parents(path).pop().unwrap_or("/")));
        let there =
            if safety { format!(" && {{ [ -e {plain} ] || [ -L {plain} ]; }}") } else { String::new() };
        let _ = writeln!(
            text,
            "if [ $gnu = yes ] && [ \"$(stat -c %d {plain} 2>/dev/null)\" != \"$(stat -c %d {parent} 2>/dev/null)\" ]{there}; then set -- \"$@\" {}; fi",
            member(path)
        );
    }
    // Two blocks of zeros are an archive of nothing.
    text.push_str("if [ $# -eq 0 ]; then head -c 1024 /dev/zero; exit; fi\nif [ $gnu = yes ]; then\nset -- --recursion \"$@\"\n");
    for path in above.iter().rev() {
        let _ = writeln!(text, "if [ -d {} ]; then set -- {} \"$@\"; fi", quote(path), member(path));
    }
    text.push_str(
        "exec tar -C / --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \\\n\
         --xattrs --xattrs-include='*' $acls --numeric-owner --one-file-system --no-unquote $sort \\\n\
         -cf - --no-recursion \"$@\"\n\
         fi\n\
         tar -C / -cf - \"$@\" || exit 2\n",
    );
    Script::new(text)
}

/// Removes what the manifest does not list, extracts, and compares.
pub fn restore(paths: &[String], manifest: &ItemManifest) -> Script {
    let mut text = format!("{PRELUDE}{WORK}{}{GNU}", blob(manifest));
    let top = topmost(paths);
    for path in top.iter().flat_map(|path| parents(path)).collect::<BTreeSet<_>>() {
        let found = manifest.files.iter().find(|file| file.path.0 == path.as_bytes());
        let (mode, uid, gid) = found.map_or((0o755, 0, 0), |file| (file.mode, file.uid, file.gid));
        let path = quote(path);
        let _ = writeln!(
            text,
            "[ -d {path} ] || {{ mkdir {path} && chown {uid}:{gid} {path} && chmod {mode:04o} {path}; }} || die 'cannot make' {path}"
        );
    }
    for (at, path) in top.iter().enumerate() {
        let parent = parents(path).pop().unwrap_or("/");
        let _ = writeln!(text, "touch -r {} \"$work/above.{at}\"", quote(parent));
    }
    text.push_str("set --\n");
    for path in paths {
        let _ = writeln!(text, "if [ -e {0} ] || [ -L {0} ]; then set -- \"$@\" {0}; fi", quote(path));
    }
    let _ = writeln!(
        text,
        "base64 -d >\"$work/want\" <<'ESCLUSA_END' || die 'cannot read the list'\n{}ESCLUSA_END",
        listing(paths, manifest)
    );
    text.push_str(REMOVE);
    if !brings_acls(manifest) {
        text.push_str("acls=\n");
    }
    let members: Vec<String> = top.iter().map(|path| quote(&format!(".{path}"))).collect();
    let _ = writeln!(text, "set -- {}", members.join(" "));
    text.push_str(EXTRACT);
    if !manifest.tools.get("tar").is_some_and(|version| version.contains("GNU tar")) {
        let _ = writeln!(
            text,
            "base64 -d >\"$work/times\" <<'ESCLUSA_END' || die 'cannot read the times'\n{}ESCLUSA_END",
            times(paths, manifest)
        );
        text.push_str(TOUCH);
    }
    for (at, path) in top.iter().enumerate() {
        let parent = parents(path).pop().unwrap_or("/");
        let _ = writeln!(text, "touch -r \"$work/above.{at}\" {}", quote(parent));
    }
    Script::new(text)
}

/// Whether tar may set access control lists: then a file without one gets none, whatever the folder
/// above hands down. A copy that was made without `--acls` has them as plain attributes, which that would undo.
fn brings_acls(manifest: &ItemManifest) -> bool {
    let has_one = |file: &FileEntry| file.xattrs.keys().any(|name| name.starts_with("system.posix_acl_"));
    manifest.tools.contains_key("acls") || !manifest.files.iter().any(has_one)
}

/// A line for each entry below the paths: `d` for folders or `f`, and the path, where newlines are
/// written as the byte 1; in base64, since paths need not be text.
fn listing(paths: &[String], manifest: &ItemManifest) -> String {
    let mut lines = Vec::new();
    for file in below(paths, manifest) {
        lines.push(if file.kind == EntryKind::Folder { b'd' } else { b'f' });
        lines.extend(on_one_line(file));
        lines.push(b'\n');
    }
    wrapped(lines)
}

/// A line for each folder and symbolic link, the deepest first: seconds, a space and the path.
fn times(paths: &[String], manifest: &ItemManifest) -> String {
    let mut files: Vec<&FileEntry> = below(paths, manifest)
        .filter(|file| matches!(file.kind, EntryKind::Folder | EntryKind::SymbolicLink))
        .collect();
    files.sort_by(|a, b| b.path.cmp(&a.path));
    let mut lines = Vec::new();
    for file in files {
        lines.extend(format!("{} ", file.mtime).into_bytes());
        lines.extend(on_one_line(file));
        lines.push(b'\n');
    }
    wrapped(lines)
}

/// The entries at or below the paths.
fn below<'a>(paths: &'a [String], manifest: &'a ItemManifest) -> impl Iterator<Item = &'a FileEntry> {
    manifest.files.iter().filter(move |file| {
        paths.iter().any(|path| {
            let rest = file.path.0.strip_prefix(path.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
    })
}

fn on_one_line(file: &FileEntry) -> impl Iterator<Item = u8> + '_ {
    file.path.0.iter().map(|byte| if *byte == b'\n' { 1 } else { *byte })
}

/// Lines in base64, 76 characters each.
fn wrapped(lines: Vec<u8>) -> String {
    let text = BASE64_STANDARD.encode(lines);
    let mut wrapped = String::with_capacity(text.len() + text.len() / 76 + 1);
    for chunk in text.as_bytes().chunks(76) {
        wrapped.push_str(&String::from_utf8_lossy(chunk));
        wrapped.push('\n');
    }
    wrapped
}

/// `$@` holds those paths that are there. Files go first, then folders, the deepest first; a folder
/// on which something is mounted stays and is an error. Sockets are never copied, so they only go
/// together with a folder that goes.
const REMOVE: &str = r#"if [ $# -gt 0 ]; then
{ find "$@" -xdev -type d -print0 | tr '\n\0' '\001\n' | sed 's/^/d/'
find "$@" -xdev ! -type d ! -type s -print0 | tr '\n\0' '\001\n' | sed 's/^/f/'; } >"$work/have" || exit 3
awk 'FILENAME == ARGV[1] { want[$0]; next } !($0 in want)' "$work/want" "$work/have" >"$work/extra" || exit 3
sed -n 's/^f//p' "$work/extra" | tr '\n\001' '\0\n' | xargs -0 -r rm -f -- || die 'cannot remove what was added'
sed -n 's/^d//p' "$work/extra" | sort -ru | tr '\n\001' '\0\n' | xargs -0 -r sh -c '
for folder do find "$folder" -xdev -type s -exec rm -f {} \; ; rmdir "$folder" || exit 1; done' sh || die 'cannot remove folders that were added'
fi
"#;

/// Extracts, where tar puts a new file in place of an old one, and with GNU tar reads everything back from the disk and compares.
const EXTRACT: &str = r#"if [ $gnu = yes ]; then
tar -C / --xattrs --xattrs-include='*' $acls --numeric-owner --same-owner --no-unquote -p -xf - "$@" <"$blob" || die 'extracting failed'
tar -C / --numeric-owner --no-unquote -df - "$@" <"$blob" >"$work/differs" 2>&1 || { head -n 20 "$work/differs" >&2; die 'what was put back differs from the copy'; }
else
number=
if tar --help 2>&1 | grep -q -e numeric-owner; then number=--numeric-owner; fi
tar -C / -x -p $number -f - <"$blob" || die 'extracting failed'
fi
"#;

/// Busybox tar sets a folder's time before it fills the folder, and a link's not at all.
const TOUCH: &str = r#"while IFS= read -r line; do
path=$(printf '%sx' "${line#* }" | tr '\001' '\n'); path=${path%x}
touch -h -d "@${line%% *}" "$path" 2>/dev/null || [ -L "$path" ] || touch -d "@${line%% *}" "$path" || die 'cannot set times'
done <"$work/times"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_above_a_path_are_listed_from_the_top() {
        assert_eq!(parents("/var/lib/wiki"), ["/var", "/var/lib"]);
        assert!(parents("/srv").is_empty());
    }

    #[test]
    fn what_lies_below_another_path_comes_with_it() {
        let paths = ["/a/b", "/a/b/c", "/a/bc", "/a/b", "/z"].map(str::to_owned);
        assert_eq!(topmost(&paths), ["/a/b", "/a/bc", "/z"]);
    }
}
