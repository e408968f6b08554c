//! Mode, owner and group: compared by name or number, and set.

use super::{
    Diff, ModuleError,
    args::Args,
    path::{Kind, Seen},
};
use crate::document::{Field, Kind as Wants};
use crate::model::script::quote;

/// The wanted attributes; what is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
}

pub(super) const MODE: Field = Field::optional(
    "mode",
    Wants::Mode,
    "permission bits in octal; what is there stays as it is when left out",
);
pub(super) const OWNER: Field = Field::optional("owner", Wants::Text, "owning account, by name or number");
pub(super) const GROUP: Field = Field::optional("group", Wants::Text, "owning group, by name or number");

impl Attributes {
    pub fn read(args: &Args<'_>) -> Result<Self, ModuleError> {
        Ok(Self { mode: args.mode("mode")?, owner: args.account("owner")?, group: args.account("group")? })
    }

    /// Adds what differs from `seen`; what is not there yet is compared with nothing.
    pub fn compare(&self, seen: &Seen, diff: &mut Diff) {
        let there = seen.kind != Kind::Absent;
        if let Some(mode) = self.mode.filter(|mode| !there || *mode != seen.mode) {
            let from = if there { format!("{:04o}", seen.mode) } else { "none".to_owned() };
            diff.attribute("mode", from, format!("{mode:04o}"));
        }
        for (name, wanted, number, seen_name) in
            [("owner", &self.owner, seen.uid, &seen.user), ("group", &self.group, seen.gid, &seen.group)]
        {
            let Some(wanted) = wanted else { continue };
            if !there {
                diff.attribute(name, "none", wanted);
            } else if !same(wanted, number, seen_name) {
                diff.attribute(name, seen_name, wanted);
            }
        }
    }

    /// Shell text that gives `$variable` these attributes: the owner first, since `chown` clears
    /// set-user-id bits.
    pub fn set(&self, variable: &str) -> String {
        let mut text = self.chown(&format!("\"${variable}\""), "");
        if let Some(mode) = self.mode {
            text.push_str(&format!("chmod {mode:04o} \"${variable}\"\n"));
        }
        text
    }

    /// Shell text that sets owner and group of `word`.
    pub fn chown(&self, word: &str, options: &str) -> String {
        let owner = match (&self.owner, &self.group) {
            (None, None) => return String::new(),
            (Some(owner), None) => owner.clone(),
            (owner, Some(group)) => format!("{}:{group}", owner.as_deref().unwrap_or_default()),
        };
        format!("chown {options} {} {word}\n", quote(&owner))
    }

    /// These attributes, completed by those of what is there, so that replacing it keeps them.
    pub fn over(&self, seen: &Seen, mode_of_new: u32) -> Self {
        if seen.kind != Kind::File {
            return Self { mode: Some(self.mode.unwrap_or(mode_of_new)), ..self.clone() };
        }
        Self {
            mode: Some(self.mode.unwrap_or(seen.mode)),
            owner: Some(self.owner.clone().unwrap_or_else(|| seen.uid.to_string())),
            group: Some(self.group.clone().unwrap_or_else(|| seen.gid.to_string())),
        }
    }
}

fn same(wanted: &str, number: u32, name: &str) -> bool {
    match wanted.parse::<u32>() {
        Ok(wanted) => wanted == number,
        Err(_) => wanted == name,
    }
}
