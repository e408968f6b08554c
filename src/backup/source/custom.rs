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
) -> Result<(), BackupError> {
    for words in [Some(dump), Some(load), check].into_iter().flatten() {
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
pub fn dump(dump: &[String], check: Option<&[String]>, safety: bool) -> Script {
    let dump = command_line(dump);
    // Before a restore there may be nothing left to copy; then whatever came is kept.
    let failed = if safety { "exit 0" } else { "exit $?" };
    let Some(check) = check else {
        return Script::new(format!("{PRELUDE}{dump} </dev/null || {failed}\n"));
    };
    let refused = if safety { ":" } else { "die 'the check refused the copy'" };
    Script::new(format!(
        "{PRELUDE}{WORK}{dump} </dev/null >\"$work/copy\" || {failed}\n\
         {check} <\"$work/copy\" >&2 || {refused}\n\
         cat \"$work/copy\"\n",
        check = command_line(check)
    ))
}

/// Feeds the copy to the author's command.
pub fn restore(load: &[String], manifest: &ItemManifest) -> Script {
    Script::new(format!("{PRELUDE}{}{} <\"$blob\"\n", blob(manifest), command_line(load)))
}
