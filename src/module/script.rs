//! `script`: a file of the project that runs on the server.

use super::{
    Change, Content, Diff, Module, ModuleError, Outcome, Place,
    args::Args,
    command::{Conditions, Surroundings, expected, ran, skipped},
    content::content_of,
    shell,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Digest, Script, Value, script::command_line};

pub(super) const SHAPE: Shape = Shape::new(
    "script",
    "a script of the project that runs on the server; runs once unless it says otherwise",
    &[
        Field::required("src", Wants::ProjectFile, "the script, relative to the playbook's folder"),
        Field::optional("args", Wants::Texts, "its arguments").in_argv(),
        Field::optional("creates", Wants::ServerPath, "nothing is done when this path is there"),
        Field::optional(
            "unless",
            Wants::Either(&[Wants::Text, Wants::Words]),
            "nothing is done when this command, which changes nothing, succeeds",
        )
        .in_argv(),
        Field::optional("repeatable", Wants::Bool, "it may simply be run again after a fault"),
        Field::optional("chdir", Wants::ServerPath, "folder to run in"),
        Field::optional("environment", Wants::Map(&Wants::Text), "environment variables"),
        Field::optional(
            "expect",
            Wants::Either(&[Wants::Integer(0, 255), Wants::List(&Wants::Integer(0, 255))]),
            "exit statuses that mean success, 0 when left out",
        ),
    ],
);

pub(super) struct ScriptFile {
    src: String,
    content: Content,
    args: Vec<String>,
    conditions: Conditions,
    around: Surroundings,
    repeatable: bool,
    expect: Vec<i32>,
}

impl ScriptFile {
    pub fn parse(args: &Args<'_>, place: &Place<'_>) -> Result<Self, ModuleError> {
        let src = args.required("src")?;
        Ok(Self {
            content: content_of(place, &src)?,
            src,
            args: args.words("args")?.unwrap_or_default(),
            conditions: Conditions::read(args)?,
            around: Surroundings::read(args)?,
            repeatable: args.flag("repeatable")?.unwrap_or(false),
            expect: expected(args)?,
        })
    }

    /// The program of the first line `#!…`, with its argument; `sh` where there is none.
    fn interpreter(&self) -> Vec<String> {
        let Content::Bytes(bytes) = &self.content else { return Vec::new() };
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first = String::from_utf8_lossy(first);
        let Some(line) = first.trim().strip_prefix("#!") else { return vec!["sh".to_owned()] };
        let (program, argument) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        [program, argument.trim()]
            .iter()
            .filter(|word| !word.is_empty())
            .map(|word| (*word).to_owned())
            .collect()
    }

    fn script(&self) -> String {
        let interpreter = self.interpreter();
        // The interpreter is named, so the script also runs where /tmp refuses to execute.
        let (ready, run) = if interpreter.is_empty() {
            ("chmod 700 \"$f/script\"\n", String::new())
        } else {
            ("", command_line(&interpreter))
        };
        format!(
            "umask 077\nf=$(mktemp -d) || exit 66\ntrap 'rm -rf -- \"$f\"' EXIT\ntrap 'exit 143' HUP INT TERM\n\
             {{\n{}}} >\"$f/script\" || exit 66\n{ready}umask 022\n(\n{}set -- {run} \"$f/script\" {}\nexec \"$@\" </dev/null\n)\n",
            shell::emit(&self.content),
            self.around.enter(),
            command_line(&self.args),
        )
    }
}

impl Module for ScriptFile {
    fn probe(&self) -> Option<Script> {
        self.conditions.probe(&self.around)
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        if let Some(why) = self.conditions.hold(answer)? {
            return Ok(Outcome::Unchanged(skipped(why)));
        }
        let mut diff = Diff::of(format!("run: {} {}", self.src, command_line(&self.args)).trim());
        let digest = match &self.content {
            Content::Bytes(bytes) => Digest::of(bytes),
            Content::Blob(blob) => blob.digest,
        };
        diff.note(format!("sha256: {digest}"));
        let summary = format!("run {}", super::printable(&self.src, 200));
        let mut change = Change::new(summary, diff, self.script());
        change.once = !self.repeatable;
        if let Content::Blob(blob) = &self.content {
            change.blobs.push(blob.clone());
        }
        Ok(Outcome::Change(change))
    }

    fn result(&self, answer: &Answer) -> Result<Value, ModuleError> {
        ran(answer, &self.expect, true)
    }

    fn once(&self) -> bool {
        !(self.repeatable || self.conditions.any())
    }
}
