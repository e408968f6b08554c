//! Whether what a dump gave is a copy.

use super::error::last_words;
use super::{BackupError, Contents, EntryKind, Item, Part, PathText, Source};
use crate::model::Status;

/// What let a copy pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// What was odd.
    pub warnings: Vec<String>,
}

/// Judges the end of a dump: only a whole copy of a tool that succeeded is one.
///
/// GNU tar returns 1 when a file changed under its hands. The first time that is worth another
/// attempt; then configuration is refused, and of anything else it is noted. `attempt` counts from
/// 1; `safety` is a copy of what happens to be there.
pub fn judge(
    item: &Item,
    status: &Status,
    stderr: &[u8],
    contents: &Contents,
    attempt: u32,
    safety: bool,
) -> Result<Verdict, BackupError> {
    let words = last_words(stderr);
    let id = || item.id.clone();
    let changed = matches!(item.source, Source::Paths(_)) && *status == Status::Exited(1);
    if !status.success() && !changed {
        return Err(BackupError::Dump { item: id(), status: status.clone(), words });
    }
    if changed && !safety && (attempt < 2 || item.part == Part::Configuration) {
        return Err(BackupError::Changed { item: id(), words, retry: attempt < 2 });
    }
    if !safety {
        everything_is_there(item, contents)?;
    }
    let warnings =
        if changed { vec![format!("{}: changed while it was copied: {words}", item.id)] } else { Vec::new() };
    Ok(Verdict { warnings })
}

fn everything_is_there(item: &Item, contents: &Contents) -> Result<(), BackupError> {
    let missing = |reason: String| BackupError::NotWhole { item: item.id.clone(), reason };
    let has = |path: &str| contents.files.iter().any(|file| file.path == PathText(path.as_bytes().to_vec()));
    match &item.source {
        Source::Paths(paths) => match paths.iter().find(|path| !has(path)) {
            Some(path) => Err(missing(format!("`{path}` is not in the archive"))),
            None => Ok(()),
        },
        Source::Apt(_) if !has("/versions") => Err(missing("the list of versions is missing".into())),
        Source::Sqlite(_)
            if !contents.files.iter().any(|file| file.kind == EntryKind::File && file.size >= 512) =>
        {
            Err(missing("the database is missing".into()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServerName;

    #[test]
    fn a_file_that_changes_is_tried_again_then_refused_or_noted() {
        let contents = Contents::default();
        for (part, status, attempt, passes, retry) in [
            (Part::Complementary, Status::Exited(1), 1, false, true),
            (Part::Complementary, Status::Exited(1), 2, true, false),
            (Part::Configuration, Status::Exited(1), 1, false, true),
            (Part::Configuration, Status::Exited(1), 2, false, false),
            (Part::Logs, Status::Exited(2), 1, false, false),
            (Part::Logs, Status::TimedOut, 2, false, false),
            (Part::Logs, Status::Signalled("KILL".into()), 2, false, false),
            (Part::Logs, Status::Exited(0), 1, true, false),
        ] {
            let source = Source::Paths(Vec::new());
            let server = ServerName::parse("web").unwrap();
            let item = Item { id: "x".into(), part, server, as_user: None, source };
            let verdict = judge(&item, &status, b"tar: x: file changed", &contents, attempt, false);
            assert_eq!(verdict.is_ok(), passes, "{part:?} {status} {attempt}");
            assert_eq!(verdict.is_err_and(|error| error.retry()), retry, "{part:?} {status} {attempt}");
        }
    }
}
