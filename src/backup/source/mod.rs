//! One file for each kind of source: how it is looked at, copied and put back on a server.
//!
//! Everything here is shell text that runs under dash and busybox.

pub mod apt;
pub mod custom;
pub mod files;
pub mod mariadb;
pub mod postgresql;
pub mod sqlite;

use crate::backup::ItemManifest;

/// What every script starts with: strict variables, private files, one language, a full path.
pub(crate) const PRELUDE: &str = r#"set -u
umask 077
LC_ALL=C; LANGUAGE=C; export LC_ALL LANGUAGE
PATH=${PATH:-/usr/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
die() { printf '%s\n' "$*" >&2; exit 3; }
refuse() { printf 'refuse %s\n' "$*"; }
warn() { printf 'warn %s\n' "$*"; }
tool() { if command -v "$1" >/dev/null 2>&1; then return 0; fi; refuse "\`$1\` is not installed on the server"; return 1; }
"#;

/// Makes `$work`, a private folder that goes away with the script.
pub(crate) const WORK: &str = r#"work=$(mktemp -d "${TMPDIR:-/var/tmp}/esclusa.XXXXXX") || exit 3
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
"#;

/// Sets `$blob` to the plain copy and stops unless it is what the manifest says.
pub(crate) fn blob(manifest: &ItemManifest) -> String {
    let digest = manifest.digest;
    format!(
        "blob=$BLOBS/{digest}\n\
         [ -r \"$blob\" ] || die 'the copy is not on the server or cannot be read'\n\
         [ \"$(sha256sum < \"$blob\" | cut -c1-64)\" = {digest} ] || die 'the copy on the server is damaged'\n"
    )
}
