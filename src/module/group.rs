//! `group`: a group of accounts.

use super::{Change, Diff, Module, ModuleError, Outcome, account, args::Args, error, registered, shell};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script, script::quote};

const STATES: &[&str] = &["present", "absent"];

pub(super) const SHAPE: Shape = Shape::new(
    "group",
    "a group of accounts",
    &[
        Field::required("name", Wants::Text, "its name"),
        Field::optional("state", Wants::Word(STATES), "present (default) or absent"),
        Field::optional("gid", Wants::Integer(0, 0xffff_fffe), "its number"),
        Field::optional("system", Wants::Bool, "a new group gets a number of the system's range"),
    ],
);

pub(super) struct Group {
    name: String,
    absent: bool,
    gid: Option<i64>,
    system: bool,
}

impl Group {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        let name = args.required("name")?;
        if !account::is_name(&name) {
            return Err(
                args.wrong("name", "must be lower-case letters, digits, `_`, `-` and `.`, at most 32")
            );
        }
        Ok(Self {
            name,
            absent: args.choice("state", STATES)? == Some("absent"),
            gid: args.number("gid", 0, 0xffff_fffe)?,
            system: args.flag("system")?.unwrap_or(false),
        })
    }
}

impl Module for Group {
    fn probe(&self) -> Option<Script> {
        Some(Script(format!("{}printf 'group=%s\\n' \"$e\"\n", account::entry("group", &self.name))))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let text = error::probed(answer)?.text();
        let entry = shell::lines(&text).find(|(key, _)| *key == "group").map(|(_, value)| value.to_owned());
        let entry = entry.ok_or_else(|| ModuleError::Answer(super::printable(&text, 200)))?;
        let gid = entry.split(':').nth(2).and_then(|gid| gid.parse::<i64>().ok());
        let name = quote(&self.name);
        let mut diff = Diff::default();
        let command = match (gid, self.absent) {
            (None, true) => None,
            (Some(_), true) => {
                diff.attribute(&self.name, "a group", "nothing");
                Some(format!("groupdel {name}"))
            }
            (None, false) => {
                diff.attribute(&self.name, "nothing", "a group");
                let mut command = "groupadd".to_owned();
                if let Some(gid) = self.gid {
                    diff.attribute("gid", "none", gid);
                    command.push_str(&format!(" -g {gid}"));
                }
                if self.system {
                    command.push_str(" -r");
                }
                Some(format!("{command} {name}"))
            }
            (Some(old), false) => self.gid.filter(|new| *new != old).map(|new| {
                diff.attribute("gid", old, new);
                format!("groupmod -g {new} {name}")
            }),
        };
        let Some(command) = command else {
            return Ok(Outcome::Unchanged(registered(false, [("name", self.name.as_str().into())])));
        };
        let script = format!(
            "{}command -v groupadd >/dev/null || fail 'groupadd is missing; it is part of the package passwd'\n{command}\n",
            shell::CHANGE
        );
        Ok(Outcome::Change(Change::new(format!("group {}", self.name), diff, script)))
    }
}
