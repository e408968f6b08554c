//! What a person does in a procedure, as the command line says it.

use super::CliError;
use crate::{
    executor::{
        Site,
        procedure::{Attached, Deed},
    },
    procedure::Answer,
};
use clap::Args;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Largest file of evidence, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What is answered.
#[derive(Args, Default)]
pub struct DeedArgs {
    /// The answer: yes, no, done, or the word of a branch; what is said here is signed without asking
    #[arg(long, value_name = "WORD")]
    answer: Option<String>,
    /// Why, or what was done
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A field of a request; as often as needed
    #[arg(long = "field", value_name = "NAME=VALUE")]
    field: Vec<String>,
    /// A file of evidence, up to 64 MiB; as often as needed
    #[arg(long, value_name = "FILE", num_args = 1..)]
    attach: Vec<PathBuf>,
    /// Search the catalogue for these words and keep what is found as evidence
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// The number under which another process was opened
    #[arg(long, value_name = "NUMBER")]
    reference: Option<String>,
    /// List the answers and fields that are taken, and do nothing
    #[arg(long, conflicts_with_all = ["answer", "reason", "field", "attach", "search", "reference", "key"])]
    fields: bool,
    /// The SSH key to sign with, where the activity is signed: a private key, or the public half of one
    /// that the agent holds
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl DeedArgs {
    /// Why.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.reason.clone()
    }

    /// Whether only a list of what is taken is wanted.
    #[must_use]
    pub fn only_lists(&self) -> bool {
        self.fields
    }

    /// The key to sign with.
    #[must_use]
    pub fn key(&self) -> Option<&Path> {
        self.key.as_deref()
    }

    /// Whether the answer itself was said, so that nobody is asked whether they mean it.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// Whether anything was said that answers an activity.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.answer.is_some()
            || !self.field.is_empty()
            || !self.attach.is_empty()
            || self.reference.is_some()
            || self.search.is_some()
    }

    /// The deed, its files in the depot.
    pub fn deed(&self, site: &Site) -> Result<Deed, CliError> {
        let mut fields = BTreeMap::new();
        for text in &self.field {
            let Some((name, value)) = text.split_once('=') else {
                return Err(CliError::input(format!("`{text}` is not NAME=VALUE")));
            };
            if fields.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(CliError::input(format!("field `{name}` is given twice")));
            }
        }
        let evidence: Result<Vec<_>, _> = self.attach.iter().map(|path| keep(site, path)).collect();
        Ok(Deed {
            answer: self.answer.as_deref().map(Answer::parse),
            reason: self.reason.clone().unwrap_or_default(),
            fields,
            evidence: evidence?,
            reference: self.reference.clone(),
            except: None,
            search: self.search.clone(),
        })
    }
}

/// Puts a file into the depot, which keeps it under its content's digest and never overwrites.
pub fn keep(site: &Site, path: &Path) -> Result<Attached, CliError> {
    let shown = path.display().to_string();
    let fault = |error: std::io::Error| CliError::input(format!("`{shown}`: {error}"));
    let file = std::fs::File::open(path).map_err(fault)?;
    if !file.metadata().map_err(fault)?.is_file() {
        return Err(CliError::input(format!("`{shown}` is not a file")));
    }
    let blob = site.depot.put_reader(file, &shown, FILE_BYTES_MAX);
    let digest = blob.map_err(|error| CliError::from(crate::executor::ExecutorError::from(error)))?.digest;
    Ok(Attached { digest, name: shown })
}
