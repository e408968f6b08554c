//! `file`: a file that is there with these attributes, or is not there.

use super::{
    Change, Diff, Module, ModuleError, Outcome,
    args::Args,
    attributes::{self, Attributes},
    content::attributes_only,
    path::{self, Ask, Kind, Links, Seen},
    registered, shell,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script};

const STATES: &[&str] = &["present", "absent", "touch"];

pub(super) const SHAPE: Shape = Shape::new(
    "file",
    "a file that is there with these attributes, or is not there",
    &[
        Field::required("path", Wants::ServerPath, "the file"),
        Field::optional(
            "state",
            Wants::Word(STATES),
            "present (default: it must be there), absent, or touch (an empty file when there is none)",
        ),
        attributes::MODE,
        attributes::OWNER,
        attributes::GROUP,
        Field::optional("recurse", Wants::Bool, "with `state: absent`: a folder goes with everything in it"),
        Field::optional("links", Wants::Word(Links::WORDS), Links::ABOUT),
    ],
);

pub(super) struct File {
    path: String,
    state: &'static str,
    attributes: Attributes,
    recurse: bool,
    links: Links,
}

impl File {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        let file = Self {
            path: args.required_path("path")?,
            state: args.choice("state", STATES)?.unwrap_or("present"),
            attributes: Attributes::read(args)?,
            recurse: args.flag("recurse")?.unwrap_or(false),
            links: Links::read(args)?,
        };
        if file.recurse && file.state != "absent" {
            return Err(args.wrong("recurse", "stands beside `state: absent` only"));
        }
        if file.recurse && file.path.matches('/').count() < 2 {
            return Err(
                args.wrong("path", "must not be a folder of the root folder when everything in it goes")
            );
        }
        if file.links == Links::Replace {
            return Err(args.wrong("links", "must be `refuse` or `follow` here"));
        }
        Ok(file)
    }

    fn absent(&self, seen: &Seen) -> Result<Outcome, ModuleError> {
        let remove = match seen.kind {
            Kind::Absent => return Ok(Outcome::Unchanged(registered(false, []))),
            Kind::Directory if self.recurse => "rm -rf -- \"$p\"\n",
            Kind::Directory => {
                return Err(
                    seen.not("a file", "write `recurse: true` to remove the folder with everything in it")
                );
            }
            _ => "[ -L \"$p\" ] || [ ! -d \"$p\" ] || fail \"$p is a folder now\"\nrm -f -- \"$p\"\n",
        };
        let mut diff = Diff::default();
        diff.attribute(&self.path, seen.kind.words(), "nothing");
        if let Some(target) = &seen.target {
            diff.note(format!("it pointed at {target}"));
        }
        let script = format!("{}{}{remove}", shell::CHANGE, shell::assign("p", &self.path));
        Ok(Outcome::Change(Change::new(
            format!("remove {}", super::printable(&self.path, 200)),
            diff,
            script,
        )))
    }

    fn touch(&self, seen: &Seen) -> Result<Outcome, ModuleError> {
        let lacks = seen.reachable()?;
        let mut diff = Diff::default();
        diff.attribute(&self.path, "nothing", "an empty file");
        self.attributes.compare(seen, &mut diff);
        let empty = super::Content::Bytes(Vec::new());
        let script = super::replace::replace(seen, &empty, &self.attributes.over(seen, 0o644));
        let mut change = Change::new(format!("make {}", super::printable(&self.path, 200)), diff, script);
        change.lacks = lacks;
        Ok(Outcome::Change(change))
    }
}

impl Module for File {
    fn probe(&self) -> Option<Script> {
        let links = if self.state == "absent" { Links::Refuse } else { self.links };
        Some(Script(path::probe(&self.path, links, Ask::Attributes)))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let seen = Seen::read(&self.path, answer)?;
        if self.state == "absent" {
            return self.absent(&seen);
        }
        match seen.kind {
            Kind::Absent if self.state == "touch" => return self.touch(&seen),
            Kind::Directory => return Err(seen.not("a file", "use the module `directory`")),
            Kind::Other => return Err(seen.not("a file", "remove it first, or choose another path")),
            Kind::Link => {
                seen.reachable()?;
                return Err(seen.not("a file", "write `links: follow` to change what it points at"));
            }
            Kind::Absent | Kind::File => {}
        }
        let mut diff = Diff::default();
        self.attributes.compare(&seen, &mut diff);
        let mut lacks = Vec::new();
        if seen.kind == Kind::Absent {
            seen.reachable()?;
            if diff.is_empty() {
                diff.note(format!("{} must be there", self.path));
            }
            lacks.push(format!("the file `{}`", super::printable(&self.path, 500)));
        }
        if diff.is_empty() {
            return Ok(Outcome::Unchanged(registered(false, [("path", self.path.as_str().into())])));
        }
        let script = format!(
            "{}{}[ -f \"$p\" ] || fail \"the file $p is missing; to make it write state: touch\"\n[ ! -L \"$p\" ] || fail \"$p is a symbolic link now\"\n{}",
            shell::CHANGE,
            path::enter(&seen.path),
            self.attributes.set("p"),
        );
        let script = if lacks.is_empty() { attributes_only(&seen, &self.attributes) } else { script };
        let mut change =
            Change::new(format!("set attributes of {}", super::printable(&self.path, 200)), diff, script);
        change.lacks = lacks;
        Ok(Outcome::Change(change))
    }
}
