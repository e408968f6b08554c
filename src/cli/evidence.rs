//! `esclusa evidence`: a file that is evidence of a run, its content proven.

use super::{
    CliError, Format, Global, Terminal,
    records::{Door, Records},
};
use crate::{
    depot::Depot,
    executor::{self, ExecutorError},
    model::{Digest, ExitCode, Language},
    report::{escape, language::records as say, lines::COLUMNS},
};
use clap::Args;
use serde_json::json;
use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
};

/// Fewest digits that name a file.
const DIGITS_MIN: usize = 8;
/// Largest file that is printed, in bytes; a larger one can be written with `--out`.
const PRINTED_BYTES_MAX: u64 = 16 << 20;

/// Arguments of `esclusa evidence`.
#[derive(Args)]
pub struct EvidenceArgs {
    /// The file's sha256, or its first digits, at least 8
    digest: String,
    /// Write it to this new file instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    door: Door,
}

/// Performs `esclusa evidence`.
pub async fn evidence(
    global: &Global,
    terminal: &Terminal,
    args: EvidenceArgs,
) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let language = records.language(terminal, None);
    let Some((root, project)) = &records.project else {
        return Err(
            CliError::input(say::evidence_no_project(language)).hint(say::evidence_no_project_hint(language))
        );
    };
    let (digest, runs) = named(&records, &args.digest, language).await?;
    let depot = Depot::open(&root.join(&project.depot)).map_err(ExecutorError::from)?;
    let (mut file, size) = depot.open_blob(&digest).map_err(ExecutorError::from)?;
    if let Some(out) = &args.out {
        write(out, &mut file)?;
        let shown = out.display();
        match terminal.format {
            Format::Json => {
                terminal
                    .json(&json!({ "digest": digest, "size": size, "runs": runs, "out": shown.to_string() }));
            }
            _ => terminal.note(&say::evidence_written(language, shown, size, digest)),
        }
        return Ok(ExitCode::Done);
    }
    let bytes = depot
        .read(&digest, PRINTED_BYTES_MAX)
        .map_err(|error| CliError::from(ExecutorError::from(error)).hint(say::evidence_out_hint(language)))?;
    let text = std::str::from_utf8(&bytes).ok();
    match terminal.format {
        Format::Json => {
            terminal.json(&json!({ "digest": digest, "size": size, "runs": runs, "text": text }));
        }
        Format::Junit => return Err(CliError::input("a file of evidence has no JUnit form")),
        Format::Text if terminal.result_is_read() => match text {
            Some(text) => terminal.result(&safe(text)),
            None => {
                return Err(
                    CliError::input(say::evidence_no_text(language)).hint(say::evidence_out_hint(language))
                );
            }
        },
        Format::Text => terminal.bytes(&bytes),
    }
    Ok(ExitCode::Done)
}

/// The one file of evidence that a text names, and the runs that name it.
async fn named(records: &Records, text: &str, language: Language) -> Result<(Digest, Vec<String>), CliError> {
    let text = text.trim().trim_start_matches("sha256").trim_start_matches([':', ' ']).to_ascii_lowercase();
    if text.len() < DIGITS_MIN || text.len() > 64 || !text.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(CliError::input(say::evidence_no_digest(language, text, DIGITS_MIN)));
    }
    let mut found = executor::evidence(&records.store, &text).await?;
    if found.len() > 1 {
        let error = CliError::input(say::evidence_several(language, text));
        return Err(found
            .keys()
            .take(10)
            .fold(error, |error, one| error.hint(format!("esclusa evidence {one}"))));
    }
    let Some((digest, runs)) = found.pop_first() else {
        return Err(
            CliError::input(say::evidence_none(language, text)).hint(say::evidence_none_hint(language))
        );
    };
    Ok((digest, runs.iter().map(ToString::to_string).collect()))
}

/// Writes a new file; one that is there is left alone.
fn write(out: &Path, from: &mut impl io::Read) -> Result<(), CliError> {
    let fault = |error: io::Error| CliError::input(format!("`{}`: {error}", out.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(out).map_err(fault)?;
    let copied = io::copy(from, &mut file).and_then(|_| file.sync_all());
    copied.map_err(|error| {
        // Half a file would be taken for the whole one.
        let _ = std::fs::remove_file(out);
        fault(error)
    })
}

/// A text as a terminal may show it: nothing in it is obeyed, and its lines fit.
fn safe(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.lines() {
        let line = escape::visible(line.trim_end_matches('\r'));
        if escape::width(&line) <= COLUMNS {
            shown.push_str(&line);
        } else {
            let indent = line.len() - line.trim_start_matches(' ').len();
            let indent = " ".repeat(indent.min(COLUMNS / 2));
            let wrapped = escape::wrap(&line, COLUMNS - indent.len());
            shown.push_str(
                &wrapped.iter().map(|part| format!("{indent}{part}")).collect::<Vec<_>>().join("\n"),
            );
        }
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_in_a_file() {
        let shown = safe("a\u{1b}[2J\r\n\tb\n");
        assert_eq!(shown, "a\\u{1b}[2J\n\\tb\n");
        assert!(safe(&"word ".repeat(50)).lines().all(|line| escape::width(line) <= COLUMNS));
    }
}
