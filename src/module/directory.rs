//! `directory`: a folder with these attributes.

use super::{
    Change, Diff, Module, ModuleError, Outcome,
    args::Args,
    attributes::{self, Attributes},
    path::{self, Ask, Kind, Links, Seen},
    registered, shell,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script, script::quote};

pub(super) const SHAPE: Shape = Shape::new(
    "directory",
    "a folder with these attributes, and the folders above it",
    &[
        Field::required("path", Wants::ServerPath, "the folder; folders above it are made with mode 0755"),
        attributes::MODE,
        attributes::OWNER,
        attributes::GROUP,
        Field::optional(
            "recurse",
            Wants::Bool,
            "owner and group hold for everything below as well (never the mode)",
        ),
        Field::optional(
            "links",
            Wants::Word(&["refuse", "follow"]),
            "where the path is a symbolic link: refuse (default) or follow it",
        ),
    ],
);

pub(super) struct Directory {
    path: String,
    attributes: Attributes,
    recurse: bool,
    links: Links,
}

impl Directory {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        args.choice("links", &["refuse", "follow"])?;
        let directory = Self {
            path: args.required_path("path")?,
            attributes: Attributes::read(args)?,
            recurse: args.flag("recurse")?.unwrap_or(false),
            links: Links::read(args)?,
        };
        let owned = directory.attributes.owner.is_some() || directory.attributes.group.is_some();
        if directory.recurse && !owned {
            return Err(args.wrong("recurse", "needs `owner` or `group`"));
        }
        Ok(directory)
    }

    /// `find` conditions for entries whose owner or group differs.
    fn others(&self) -> String {
        let condition = |option: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("! {option} {}", quote(value)))
        };
        let conditions: Vec<_> =
            [condition("-user", &self.attributes.owner), condition("-group", &self.attributes.group)]
                .into_iter()
                .flatten()
                .collect();
        format!("\\( {} \\)", conditions.join(" -o "))
    }

    fn script(&self, seen: &Seen) -> String {
        let mut text = format!("{}{}", shell::CHANGE, shell::assign("p", &seen.path));
        if seen.kind == Kind::Absent {
            // The folders above come with the usual mode; the folder itself is private until its
            // attributes are set.
            text.push_str("(umask 022; mkdir -p -- \"${p%/*}/\")\nmkdir -- \"$p\"\n");
            let mode = Some(self.attributes.mode.unwrap_or(0o755));
            text.push_str(&Attributes { mode, ..self.attributes.clone() }.set("p"));
        } else {
            text.push_str("[ -d \"$p\" ] && [ ! -L \"$p\" ] || fail \"$p is no longer a folder\"\n");
            text.push_str(&self.attributes.set("p"));
        }
        if self.recurse {
            let chown = self.attributes.chown("{} +", "-h").replace('\n', "");
            text.push_str(&format!("find \"$p\" {} -exec {chown}\n", self.others()));
        }
        text
    }
}

impl Module for Directory {
    fn probe(&self) -> Option<Script> {
        let mut text = path::probe(&self.path, self.links, Ask::Attributes);
        if self.recurse {
            // An owner that does not exist yet owns nothing: then everything differs.
            text.push_str(&format!(
                "if [ $k = directory ]; then n=$(find \"$p\" {} -print 2>/dev/null | head -n 1 | wc -c) && find \"$p\" -prune {} >/dev/null 2>&1 || n=1; echo \"others=$((n))\"; fi\n",
                self.others(),
                self.others()
            ));
        }
        Some(Script(text))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let seen = Seen::read(&self.path, answer)?;
        let mut diff = Diff::default();
        match seen.kind {
            Kind::Directory => {}
            Kind::Absent => diff.attribute(&self.path, "nothing", "a folder"),
            Kind::Link => {
                if self.links == Links::Follow {
                    seen.reachable()?;
                }
                return Err(
                    seen.not("a folder", "write `links: follow` if it points at the folder that is meant")
                );
            }
            Kind::File | Kind::Other => {
                return Err(seen.not("a folder", "remove it first, or choose another path"));
            }
        }
        self.attributes.compare(&seen, &mut diff);
        let text = answer.map(Answer::text).unwrap_or_default();
        if shell::lines(&text).any(|(key, value)| key == "others" && value != "0") {
            let wanted = [self.attributes.owner.as_deref(), self.attributes.group.as_deref()];
            diff.note(format!(
                "owner of everything below: {}",
                wanted.into_iter().flatten().collect::<Vec<_>>().join(":")
            ));
        }
        if diff.is_empty() {
            return Ok(Outcome::Unchanged(registered(false, [("path", self.path.as_str().into())])));
        }
        let summary = format!("folder {}", super::printable(&self.path, 200));
        Ok(Outcome::Change(Change::new(summary, diff, self.script(&seen))))
    }
}
