//! The shell text that travels: everything that the server's shell parses is made here.

use super::frame::{Frame, UnitId, Work};
use crate::model::Script;
use crate::model::script::quote;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use std::time::Duration;

/// The functions of the persistent shell.
const LIBRARY: &str = include_str!("library.sh");
/// Tools whose presence is a fact; modules and checks ask for more where they need it.
const TOOLS: &str = "setsid flock sha256sum stat head tail tar gzip xz zstd base64 find sed awk grep cut sort od dd df mktemp \
     timeout install chown chattr getfattr setfattr getfacl setfacl rsync curl wget openssl systemctl service apt-get dpkg-query \
     dnf yum rpm zypper apk pacman pg_dump psql pg_dumpall mariadb mariadb-dump mysql mysqldump sqlite3 runuser su sudo \
     useradd usermod groupadd visudo nginx apache2ctl busybox python3";

/// A word that nobody can guess: 128 random bits in letters and digits.
pub(super) fn random_word() -> String {
    // Two version-4 UUIDs carry 244 random bits.
    let (one, two) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let mut bytes = one.as_bytes().to_vec();
    bytes.extend_from_slice(two.as_bytes());
    let word = BASE64_URL_SAFE_NO_PAD.encode(&bytes);
    format!("e{}", word.replace(['-', '_'], "x"))
}

/// The first text for a new shell. `nonce` marks our lines; `id` names its folder, and may be seen.
pub(super) fn opening(nonce: &str, id: &str) -> String {
    format!("E_N={nonce}\nE_I={id}\n{LIBRARY}\n")
}

pub(super) fn facts(number: u64) -> String {
    format!("e_facts {number} '{TOOLS}'\n")
}

/// Puts a script into the session's folder: a quoted here-document, so nothing in it is read as ours.
fn script_file(number: u64, script: &Script) -> String {
    let end = random_word();
    format!("cat >\"$E_D/{number}.s\" <<'{end}'\n{}\n{end}\n", script.0)
}

/// The text of one frame; `account` is empty for the shell's own.
pub(super) fn frame(number: u64, frame: &Frame, account: &str) -> String {
    let limit = frame.output_limit.saturating_add(1);
    let seconds = seconds(frame.timeout);
    let account = quote(account);
    let (script, command) = match &frame.work {
        Work::Ask(script) => (script, format!("e_ask {number} {seconds} {limit} {account}")),
        Work::Change(script) => (script, format!("e_change {number} {seconds} {limit} {account}")),
        Work::Unit { id, script } => {
            (script, format!("e_unit {number} {seconds} {limit} {account} {}", quote(id.as_str())))
        }
    };
    let file = script_file(number, script);
    if frame.after_success {
        format!("if [ \"$E_OK\" = 1 ]; then\n{file}{command}\nelse e_note {number} S ''; fi\n")
    } else {
        format!("{file}{command}\n")
    }
}

/// The text of several probes, numbered from `first`, that run in one process of the shell's own account.
pub(super) fn probes<'a>(
    first: u64,
    timeout: Duration,
    limit: usize,
    scripts: impl Iterator<Item = &'a Script>,
) -> String {
    let mut file = String::new();
    let mut number = first;
    for script in scripts {
        // What a script says is not parsed before its own subshell does: an error in it is its own.
        file.push_str(&format!(
            "if [ \"$3\" -le {number} ]; then echo \"{number} $$ $2\" >\"$1/due\"\n\
             ( set --; umask 022; eval {} ) </dev/null >\"$1/{number}.o\" 2>\"$1/{number}.e\"\n\
             echo $? >\"$1/{number}.c\"; fi\n",
            quote(&script.0)
        ));
        number += 1;
    }
    let limit = limit.saturating_add(1);
    let command = format!("e_probes {} {limit} {first} {}", seconds(timeout), number - 1);
    format!("{}{command}\n", script_file(first, &Script(file)))
}

fn seconds(timeout: Duration) -> u64 {
    timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() > 0)).max(1)
}

pub(super) fn observe(number: u64, limit: usize, unit: &UnitId) -> String {
    format!("e_observe {number} {} {}\n", limit.saturating_add(1), quote(unit.as_str()))
}

pub(super) fn kill(number: u64, limit: usize, unit: &UnitId) -> String {
    format!("e_kill {number} {} {}\n", limit.saturating_add(1), quote(unit.as_str()))
}

pub(super) fn forget(number: u64, prefix: &str) -> String {
    format!("e_forget {number} {}\n", quote(prefix))
}

pub(super) fn guard(number: u64, store: &str, epoch: u64, adopt: bool, server: &str) -> String {
    format!("e_guard {number} {} {epoch} {} {}\n", quote(store), u8::from(adopt), quote(server))
}

pub(super) fn holder(number: u64) -> String {
    format!("e_holder {number}\n")
}

pub(super) fn room(number: u64, digest: &str, account: &str) -> String {
    format!("e_room {number} {} {}\n", quote(digest), quote(account))
}

pub(super) fn discard(number: u64, digest: &str) -> String {
    format!("e_discard {number} {}\n", quote(digest))
}

pub(super) fn stage(number: u64, account: &str, stream: &str, script: &Script) -> String {
    format!("{}e_stage {number} {} {}\n", script_file(number, script), quote(account), quote(stream))
}

/// Receives a file on standard input; it gets its name once size and digest are right. Only the account
/// that needs it can read it, the shell's own where none is named: it may be part of a backup.
pub(super) fn receive(digest: &str, size: u64, part: &str, account: &str) -> Script {
    let (digest, part) = (quote(digest), quote(part));
    let owner =
        if account.is_empty() { String::new() } else { format!("chown {} \"$t\" && ", quote(account)) };
    Script(format!(
        "umask 077\nt=\"$BLOBS/.\"{part}\ntrap 'rm -f \"$t\"' EXIT\ntrap 'exit 1' HUP INT TERM PIPE\n\
         cat >\"$t\" || exit 3\n\
         n=$(wc -c <\"$t\") || exit 3\n[ \"$n\" -eq {size} ] || {{ echo \"size $n instead of {size}\" >&2; exit 4; }}\n\
         d=$(sha256sum <\"$t\") || {{ echo 'the tool sha256sum is missing' >&2; exit 5; }}\n\
         [ \"${{d%% *}}\" = {digest} ] || {{ echo 'the digest differs' >&2; exit 4; }}\n\
         chmod 400 \"$t\" && {owner}mv -f \"$t\" \"$BLOBS/\"{digest}\n"
    ))
}
