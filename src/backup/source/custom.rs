//! The author's own commands.

use super::{PRELUDE, WORK, blob};
use crate::backup::{BackupError, Item, ItemManifest};
use crate::model::Script;
use crate::model::script::{command_line, quote};

/// Every command has a first word, and no word holds a zero byte.
pub fn check(
    item: &Item,
    dump: &[String],
    load: &[String],
    check: Option<&[String]>,
    gone: Option<&[String]>,
) -> Result<(), BackupError> {
    for words in [Some(dump), Some(load), check, gone].into_iter().flatten() {
        let empty = words.first().is_none_or(String::is_empty);
        if empty || words.iter().any(|word| word.contains('\0')) {
            return Err(BackupError::Value {
                item: item.id.clone(),
                value: words.join(" ").escape_debug().to_string(),
                reason: "is no command: it needs a first word, and no zero bytes",
            });
        }
    }
    Ok(())
}

/// Only asks whether the command is there; its size is not known.
pub fn preflight(dump: &[String]) -> Script {
    let program = quote(dump.first().map_or("", String::as_str));
    Script::new(format!("{PRELUDE}tool {program}\necho end\n"))
}

/// Runs the dump; with a check, the copy lies in a private file until the check has passed.
///
/// Before a restore, `gone` may say that nothing is left to copy. Nothing else makes an empty copy pass,
/// least of all a dump that fails: what it could not read is about to be overwritten.
pub fn dump(dump: &[String], check: Option<&[String]>, gone: Option<&[String]>, safety: bool) -> Script {
    let dump = command_line(dump);
    let gone = match gone.filter(|_| safety) {
        Some(words) => format!("if {} </dev/null >&2; then exit 0; fi\n", command_line(words)),
        None => String::new(),
    };
    let Some(check) = check else {
        if safety {
            return Script::new(format!("{PRELUDE}{WORK}{gone}{}", SOMETHING.replace("DUMP", &dump)));
        }
        return Script::new(format!("{PRELUDE}{dump} </dev/null || exit $?\n"));
    };
    // What is there may be damaged, and is kept as it is.
    let refused =
        if safety { "echo 'the check refused the copy' >&2" } else { "die 'the check refused the copy'" };
    Script::new(format!(
        "{PRELUDE}{WORK}{gone}{dump} </dev/null >\"$work/copy\" || exit $?\n\
         [ -s \"$work/copy\" ] || die 'the dump wrote nothing'\n\
         {check} <\"$work/copy\" >&2 || {refused}\n\
         cat \"$work/copy\"\n",
        check = command_line(check)
    ))
}

/// Passes the dump on, and fails when it fails or writes nothing.
const SOMETHING: &str = r#"{ DUMP </dev/null; echo $? >"$work/status"; } |
{ dd bs=1 count=1 2>/dev/null >"$work/first"; cat "$work/first" - || : >"$work/cut"; }
[ ! -e "$work/cut" ] || exit 3
read -r status <"$work/status" || exit 3
[ "$status" = 0 ] || exit "$status"
[ -s "$work/first" ] || die 'the dump wrote nothing'
"#;

/// Feeds the copy to the author's command.
pub fn restore(load: &[String], manifest: &ItemManifest) -> Script {
    Script::new(format!("{PRELUDE}{}{} <\"$blob\"\n", blob(manifest), command_line(load)))
}
