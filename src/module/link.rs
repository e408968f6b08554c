//! `link`: a symbolic link.

use super::{
    Change, Diff, Module, ModuleError, Outcome,
    args::Args,
    path::{self, Ask, Kind, Links, Seen},
    registered, shell,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script};

pub(super) const SHAPE: Shape = Shape::new(
    "link",
    "a symbolic link",
    &[
        Field::required("path", Wants::ServerPath, "the link"),
        Field::required(
            "target",
            Wants::Text,
            "what it points at, absolute or relative to the link's folder; need not be there",
        ),
        Field::optional("replace", Wants::Bool, "a file that is there gives way (a folder never does)"),
    ],
);

pub(super) struct Link {
    path: String,
    target: String,
    replace: bool,
}

impl Link {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        let target = args.required("target")?;
        if target.is_empty() {
            return Err(args.wrong("target", "must not be empty"));
        }
        Ok(Self {
            path: args.required_path("path")?,
            target,
            replace: args.flag("replace")?.unwrap_or(false),
        })
    }

    fn script(&self, seen: &Seen) -> String {
        let there = match seen.kind {
            Kind::Absent => {
                "if [ -e \"$p\" ] || [ -L \"$p\" ]; then fail \"$p was made by someone else meanwhile\"; fi\n"
            }
            _ => "[ -L \"$p\" ] || [ ! -d \"$p\" ] || fail \"$p is a folder now\"\n",
        };
        // A link made in a private folder and then renamed: the path never points nowhere.
        format!(
            "{}{}{there}{}t=$(mktemp -d \"$d/.esclusa.XXXXXX\")\ntrap 'rm -rf -- \"$t\"' EXIT\ntrap 'exit 143' HUP INT TERM\n\
             ln -s -- \"$o\" \"$t/link\"\nmv -fT -- \"$t/link\" \"$p\" 2>/dev/null || {{ rm -f -- \"$p\"; mv -f -- \"$t/link\" \"$p\"; }}\n",
            shell::CHANGE,
            path::enter(&seen.path),
            shell::assign("o", &self.target),
        )
    }
}

impl Module for Link {
    fn probe(&self) -> Option<Script> {
        Some(Script(path::probe(&self.path, Links::Refuse, Ask::Attributes)))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let seen = Seen::read(&self.path, answer)?;
        if seen.kind == Kind::Link && seen.target.as_ref() == Some(&self.target) {
            return Ok(Outcome::Unchanged(registered(false, [("path", self.path.as_str().into())])));
        }
        match seen.kind {
            Kind::Directory | Kind::Other => {
                return Err(seen.not("a symbolic link", "remove it first, or choose another path"));
            }
            Kind::File if !self.replace => {
                return Err(
                    seen.not("a symbolic link", "write `replace: true` if the link may take its place")
                );
            }
            _ => {}
        }
        let lacks = seen.reachable()?;
        let mut diff = Diff::default();
        let from = seen.target.clone().unwrap_or_else(|| seen.kind.words().to_owned());
        diff.attribute(&self.path, from, format!("link to {}", self.target));
        let mut change =
            Change::new(format!("link {}", super::printable(&self.path, 200)), diff, self.script(&seen));
        change.lacks = lacks;
        Ok(Outcome::Change(change))
    }
}
