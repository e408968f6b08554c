//! `line`: one line of a text file.

use super::{
    Change, Content, Diff, Module, ModuleError, Outcome,
    args::Args,
    attributes::Attributes,
    path::{self, Ask, Kind, Links, Seen},
    registered, replace,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script};
use regex::bytes::Regex;

const STATES: &[&str] = &["present", "absent"];

pub(super) const SHAPE: Shape = Shape::new(
    "line",
    "one line of a text file",
    &[
        Field::required("path", Wants::ServerPath, "the file"),
        Field::optional("line", Wants::Text, "the whole line, without line end"),
        Field::optional(
            "match",
            Wants::Regex,
            "regular expression: the last line that it finds becomes `line`, unless `line` is there and it does not find that (with `absent`: all such lines go)",
        ),
        Field::optional("state", Wants::Word(STATES), "present (default) or absent"),
        Field::optional(
            "after",
            Wants::Regex,
            "regular expression: a new line goes after the last line that it finds, otherwise to the end",
        ),
        Field::optional(
            "before",
            Wants::Regex,
            "regular expression: a new line goes before the first line that it finds, otherwise to the end",
        ),
        Field::optional("create", Wants::Bool, "make the file (mode 0644) when there is none"),
        Field::optional("links", Wants::Word(Links::WORDS), Links::ABOUT),
    ],
);

/// Largest file that is edited by lines, in bytes; it travels both ways.
const FILE_BYTES_MAX: u64 = 256 * 1024;

pub(super) struct Line {
    path: String,
    edit: Edit,
    create: bool,
    links: Links,
}

/// What is done to the lines.
enum Edit {
    Absent { line: Option<String>, matching: Option<Regex> },
    Present { line: String, matching: Option<Regex>, at: Spot },
}

/// Where a new line goes.
enum Spot {
    End,
    After(Regex),
    Before(Regex),
}

fn expression(args: &Args<'_>, key: &str) -> Result<Option<Regex>, ModuleError> {
    let Some(text) = args.text(key)? else { return Ok(None) };
    Regex::new(&text).map(Some).map_err(|_| args.wrong(key, "must be a regular expression"))
}

impl Line {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        args.at_most_one(&["after", "before"])?;
        let line = args.text("line")?;
        if line.as_ref().is_some_and(|line| line.contains(['\n', '\r'])) {
            return Err(args.wrong("line", "must be one line; for several use `copy` or `template`"));
        }
        let matching = expression(args, "match")?;
        let absent = args.choice("state", STATES)? == Some("absent");
        let edit = match (line, absent) {
            (None, true) if matching.is_none() => {
                return Err(ModuleError::Missing { module: args.module, key: "line".to_owned() });
            }
            (line, true) => Edit::Absent { line, matching },
            (None, false) => {
                return Err(ModuleError::Missing { module: args.module, key: "line".to_owned() });
            }
            (Some(line), false) => {
                let at = match (expression(args, "after")?, expression(args, "before")?) {
                    (Some(after), _) => Spot::After(after),
                    (None, Some(before)) => Spot::Before(before),
                    (None, None) => Spot::End,
                };
                Edit::Present { line, matching, at }
            }
        };
        Ok(Self {
            path: args.required_path("path")?,
            edit,
            create: args.flag("create")?.unwrap_or(false),
            links: Links::read(args)?,
        })
    }
}

/// The text after the edit. Line ends are kept as they are; a line that is added takes the line end
/// of its neighbour, and a file without a final line end stays without one.
fn edited(text: &[u8], edit: &Edit) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let bare = |line: &[u8]| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line).to_vec()
    };
    match edit {
        Edit::Absent { line, matching } => {
            let goes = |text: &[u8]| {
                let text = bare(text);
                line.as_ref().is_some_and(|line| line.as_bytes() == text)
                    || matching.as_ref().is_some_and(|matching| matching.is_match(&text))
            };
            lines.retain(|text| !goes(text));
            lines.concat()
        }
        Edit::Present { line, matching, at } => {
            let wanted = line.as_bytes();
            let there = lines.iter().any(|text| bare(text) == wanted);
            // It would become the same line once more, and in the next run the one before it, and so on.
            let done = there && matching.as_ref().is_some_and(|matching| !matching.is_match(wanted));
            let found = matching
                .as_ref()
                .filter(|_| !done)
                .and_then(|found| lines.iter().rposition(|text| found.is_match(&bare(text))));
            if let Some(found) = found {
                let old = lines[found];
                let new = [wanted, &old[bare(old).len()..]].concat();
                return [&lines[..found].concat(), &new[..], &lines[found + 1..].concat()].concat();
            }
            if there {
                return text.to_vec();
            }
            let spot = match at {
                Spot::End => None,
                Spot::After(after) => {
                    lines.iter().rposition(|text| after.is_match(&bare(text))).map(|at| at + 1)
                }
                Spot::Before(before) => lines.iter().position(|text| before.is_match(&bare(text))),
            };
            inserted(&lines, spot.unwrap_or(lines.len()), wanted)
        }
    }
}

fn inserted(lines: &[&[u8]], at: usize, line: &[u8]) -> Vec<u8> {
    let end: &[u8] = if lines.iter().any(|line| line.ends_with(b"\r\n")) { b"\r\n" } else { b"\n" };
    let before = lines[..at].concat();
    let after = lines[at..].concat();
    if before.is_empty() || before.ends_with(b"\n") {
        [&before[..], line, end, &after[..]].concat()
    } else {
        [&before[..], end, line].concat()
    }
}

impl Module for Line {
    fn probe(&self) -> Option<Script> {
        Some(Script(path::probe(
            &self.path,
            self.links,
            Ask::Content { unless: None, bytes_max: FILE_BYTES_MAX },
        )))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let seen = Seen::read(&self.path, answer)?;
        let unchanged = || Ok(Outcome::Unchanged(registered(false, [("path", self.path.as_str().into())])));
        let absent = matches!(self.edit, Edit::Absent { .. });
        match seen.kind {
            Kind::Absent if absent => return unchanged(),
            Kind::Directory | Kind::Other => return Err(seen.not("a file", "choose another path")),
            Kind::Link => {
                return Err(seen.not("a file", "write `links: follow` to change what it points at"));
            }
            Kind::Absent | Kind::File => {}
        }
        let mut lacks = seen.reachable()?;
        if seen.kind == Kind::Absent && !self.create {
            lacks.push(format!("the file `{}`", super::printable(&self.path, 500)));
        }
        let old = match (&seen.text, seen.kind) {
            (Some(text), _) => text.as_slice(),
            (None, Kind::Absent) => b"",
            (None, _) => {
                return Err(ModuleError::state(
                    format!("`{}` is larger than {FILE_BYTES_MAX} bytes", super::printable(&self.path, 500)),
                    "replace the whole file with `copy` or `template`",
                ));
            }
        };
        let new = edited(old, &self.edit);
        if new == old {
            return unchanged();
        }
        let mut diff = Diff::default();
        if seen.kind == Kind::Absent {
            diff.attribute("file", "nothing", &self.path);
        }
        diff.content(old, &new);
        let mut script =
            replace::replace(&seen, &Content::Bytes(new), &Attributes::default().over(&seen, 0o644));
        if seen.kind == Kind::Absent && !self.create {
            script = format!(
                "{}fail {}\n",
                super::shell::CHANGE,
                crate::model::script::quote(&format!(
                    "the file {} is missing; to make it write create: true",
                    self.path
                ))
            );
        }
        let mut change = Change::new(format!("edit {}", super::printable(&self.path, 200)), diff, script);
        change.lacks = lacks;
        Ok(Outcome::Change(change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(line: &str, matching: Option<&str>, at: Spot) -> Edit {
        Edit::Present { line: line.to_owned(), matching: matching.map(|text| Regex::new(text).unwrap()), at }
    }

    #[test]
    fn lines_are_edited_exactly() {
        let after = |text: &str| Spot::After(Regex::new(text).unwrap());
        let before = |text: &str| Spot::Before(Regex::new(text).unwrap());
        for (text, edit, expected) in [
            ("", present("x", None, Spot::End), "x\n"),
            ("a\n", present("x", None, Spot::End), "a\nx\n"),
            ("a", present("x", None, Spot::End), "a\nx"),
            ("x\na\n", present("x", None, Spot::End), "x\na\n"),
            ("p=1\nb\np=2", present("p=3", Some("^p="), Spot::End), "p=1\nb\np=3"),
            ("a\r\n", present("x", None, Spot::End), "a\r\nx\r\n"),
            ("p=1\r\n", present("p=2", Some("^p="), Spot::End), "p=2\r\n"),
            ("a\nb\n", present("x", None, after("^a")), "a\nx\nb\n"),
            ("a\nb", present("x", None, after("^b")), "a\nb\nx"),
            ("a\nb\n", present("x", None, before("^b")), "a\nx\nb\n"),
            ("a\n", present("x", Some("^no"), before("^no")), "a\nx\n"),
            ("#p 1\n#p 2\n", present("p 3", Some("^#p"), Spot::End), "#p 1\np 3\n"),
            ("p=3\nb\np=1\n", present("p=3", Some("^p="), Spot::End), "p=3\nb\np=3\n"),
        ] {
            let once = edited(text.as_bytes(), &edit);
            assert_eq!(String::from_utf8_lossy(&once), expected);
            assert_eq!(edited(&once, &edit), once, "a second time changes nothing");
        }
        let edit = Edit::Absent { line: Some("a".to_owned()), matching: Some(Regex::new("^#").unwrap()) };
        assert_eq!(edited(b"a\n# c\nab\na", &edit), b"ab\n");
    }
}
