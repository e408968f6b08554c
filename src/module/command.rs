//! `command`: a program or a text for the shell.

use super::{Change, Diff, Module, ModuleError, Outcome, args::Args, error, registered, shell};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script, Status, Value, script::command_line, script::quote};

pub(super) const SHAPE: Shape = Shape::new(
    "command",
    "a program with its arguments, or a text for the shell; runs once unless it says otherwise",
    &[
        Field::optional("run", Wants::Words, "the program and its arguments; no shell looks at them")
            .in_argv(),
        Field::optional(
            "shell",
            Wants::Text,
            "a text for `sh`, instead of `run`; it stops at the first command that fails",
        )
        .in_argv(),
        Field::optional("creates", Wants::ServerPath, "nothing is done when this path is there"),
        Field::optional(
            "unless",
            Wants::Either(&[Wants::Text, Wants::Words]),
            "nothing is done when this command, which changes nothing, succeeds",
        )
        .in_argv(),
        Field::optional("reads", Wants::Bool, "it changes nothing: it is asked already when planning"),
        Field::optional("repeatable", Wants::Bool, "it may simply be run again after a fault"),
        Field::optional("chdir", Wants::ServerPath, "folder to run in"),
        Field::optional("environment", Wants::Map(&Wants::Text), "environment variables"),
        Field::optional("stdin", Wants::Text, "what it reads on standard input; nothing when left out"),
        Field::optional(
            "expect",
            Wants::Either(&[Wants::Integer(0, 255), Wants::List(&Wants::Integer(0, 255))]),
            "exit statuses that mean success, 0 when left out",
        ),
    ],
)
.one_of(&[&["run", "shell"]])
.short("run");

/// Where and with what a program runs.
pub(super) struct Surroundings {
    chdir: Option<String>,
    environment: Vec<(String, String)>,
}

impl Surroundings {
    pub fn read(args: &Args<'_>) -> Result<Self, ModuleError> {
        let environment = args.map("environment")?;
        let good = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if let Some((name, _)) = environment.iter().find(|(name, _)| !good(name)) {
            let name = super::printable(name, 64);
            return Err(args.wrong("environment", format!("must hold names of variables, not `{name}`")));
        }
        Ok(Self { chdir: args.path("chdir")?, environment })
    }

    /// Shell text that goes there. Variables are exported by the shell itself: they never stand in
    /// the arguments of a program.
    pub fn enter(&self) -> String {
        let mut text = String::new();
        if let Some(chdir) = &self.chdir {
            let chdir = quote(chdir);
            text.push_str(&format!("cd -- {chdir} || exit 66\n"));
        }
        for (name, value) in &self.environment {
            text.push_str(&format!("export {name}={}\n", quoted_value(value)));
        }
        text
    }
}

/// A value after `export name=`: always in quotes, since some shells split it otherwise.
fn quoted_value(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// When a program need not run.
pub(super) struct Conditions {
    creates: Option<String>,
    unless: Option<String>,
}

impl Conditions {
    pub fn read(args: &Args<'_>) -> Result<Self, ModuleError> {
        let unless = match args.raw("unless") {
            None => None,
            Some(Value::List(_)) => {
                let words = args.words("unless")?.unwrap_or_default();
                if words.is_empty() {
                    return Err(args.wrong("unless", "must not be empty"));
                }
                Some(run_words(&words))
            }
            Some(_) => Some(run_text(&args.required("unless")?)),
        };
        Ok(Self { creates: args.path("creates")?, unless })
    }

    pub fn any(&self) -> bool {
        self.creates.is_some() || self.unless.is_some()
    }

    /// Shell text that answers `done=…` where one of them holds.
    pub fn probe(&self, around: &Surroundings) -> Option<Script> {
        let mut text = String::new();
        if let Some(creates) = &self.creates {
            let creates = quote(creates);
            text.push_str(&format!("if [ -e {creates} ] || [ -L {creates} ]; then echo done=creates; fi\n"));
        }
        if let Some(unless) = &self.unless {
            text.push_str(&format!(
                // Alone, since in a condition `set -e` has no effect.
                "(\n{}{unless}) </dev/null >/dev/null 2>&1\n[ $? != 0 ] || echo done=unless\n",
                around.enter()
            ));
        }
        self.any().then_some(Script(text))
    }

    /// Which of them holds.
    pub fn hold(&self, answer: Option<&Answer>) -> Result<Option<&'static str>, ModuleError> {
        if !self.any() {
            return Ok(None);
        }
        let text = error::probed(answer)?.text();
        Ok(shell::lines(&text).find(|(key, _)| *key == "done").map(|(_, value)| match value {
            "creates" => "creates",
            _ => "unless",
        }))
    }
}

/// Replaces the shell by a program; `exec` looks at no builtin and no reserved word.
fn run_words(words: &[String]) -> String {
    format!("set -- {}\nexec \"$@\"\n", command_line(words))
}

/// Runs a text in this shell, so that it stands in nobody's arguments.
fn run_text(text: &str) -> String {
    format!("set -e\neval {}\n", quoted_value(text))
}

/// Exit statuses that mean success.
pub(super) fn expected(args: &Args<'_>) -> Result<Vec<i32>, ModuleError> {
    let Some(words) = args.words("expect")? else { return Ok(vec![0]) };
    let number = |word: &String| word.parse::<u8>().ok().map(i32::from);
    match words.iter().map(number).collect::<Option<Vec<_>>>() {
        Some(numbers) if !numbers.is_empty() => Ok(numbers),
        _ => Err(args.wrong("expect", "must be exit statuses from 0 to 255")),
    }
}

/// What `register` keeps of a program that ran.
pub(super) fn ran(answer: &Answer, expect: &[i32], changed: bool) -> Result<Value, ModuleError> {
    let Status::Exited(status) = answer.status else { return Err(error::failed(answer)) };
    if !expect.contains(&status) {
        return Err(error::failed(answer));
    }
    let text = |bytes: &[u8]| Value::Text(String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned());
    Ok(registered(
        changed,
        [
            ("status", Value::Int(status.into())),
            ("stdout", text(&answer.stdout)),
            ("stderr", text(&answer.stderr)),
            ("truncated", Value::Bool(answer.truncated)),
        ],
    ))
}

/// What `register` keeps of a program that need not run.
pub(super) fn skipped(why: &str) -> Value {
    registered(
        false,
        [("status", Value::Int(0)), ("stdout", "".into()), ("stderr", "".into()), ("skipped", why.into())],
    )
}

pub(super) struct Command {
    what: What,
    conditions: Conditions,
    around: Surroundings,
    reads: bool,
    repeatable: bool,
    stdin: Option<String>,
    expect: Vec<i32>,
}

enum What {
    Words(Vec<String>),
    Text(String),
}

impl Command {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        args.at_most_one(&["run", "shell"])?;
        args.at_most_one(&["reads", "creates"])?;
        args.at_most_one(&["reads", "unless"])?;
        let what = match (args.words("run")?, args.text("shell")?) {
            (Some(words), _) if words.first().is_some_and(|word| !word.is_empty()) => What::Words(words),
            (Some(_), _) => return Err(args.wrong("run", "must name a program")),
            (None, Some(text)) => What::Text(text),
            (None, None) => {
                return Err(ModuleError::Missing { module: args.module, key: "run".to_owned() });
            }
        };
        Ok(Self {
            what,
            conditions: Conditions::read(args)?,
            around: Surroundings::read(args)?,
            reads: args.flag("reads")?.unwrap_or(false),
            repeatable: args.flag("repeatable")?.unwrap_or(false),
            stdin: args.text("stdin")?,
            expect: expected(args)?,
        })
    }

    fn script(&self) -> String {
        let run = match &self.what {
            What::Words(words) => run_words(words),
            What::Text(text) => run_text(text),
        };
        let around = self.around.enter();
        match &self.stdin {
            None => format!("{around}exec </dev/null\n{run}"),
            Some(text) if text.is_empty() => format!("{around}exec </dev/null\n{run}"),
            // The status of a pipe is that of its last command.
            Some(text) => format!("{around}{{\n{}}} | {{\n{run}}}\n", shell::emit_bytes(text.as_bytes())),
        }
    }

    fn shown(&self) -> String {
        let text = match &self.what {
            What::Words(words) => command_line(words),
            What::Text(text) => text.clone(),
        };
        super::printable(text.trim(), 200)
    }
}

impl Module for Command {
    fn probe(&self) -> Option<Script> {
        if self.reads { Some(Script(self.script())) } else { self.conditions.probe(&self.around) }
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        if self.reads {
            let answer = answer.ok_or_else(|| ModuleError::Answer("it was not asked".to_owned()))?;
            return Ok(Outcome::Unchanged(ran(answer, &self.expect, false)?));
        }
        if let Some(why) = self.conditions.hold(answer)? {
            return Ok(Outcome::Unchanged(skipped(why)));
        }
        let mut diff = Diff::default();
        match &self.what {
            What::Words(words) => diff.note(format!("run: {}", command_line(words))),
            What::Text(text) => text.lines().for_each(|line| diff.note(format!("shell: {line}"))),
        }
        if diff.is_empty() {
            diff.note("shell: nothing");
        }
        if let Some(chdir) = &self.around.chdir {
            diff.note(format!("in {chdir}"));
        }
        // Values and standard input can be long or secret: their names say enough to a reader, and
        // the plan's digest covers them.
        for (name, _) in &self.around.environment {
            diff.note(format!("with {name}"));
        }
        let mut change = Change::new(format!("run {}", self.shown()), diff, self.script());
        // A condition says whether it may run again, not that it may be cut off in the middle.
        change.once = !(self.reads || self.repeatable);
        Ok(Outcome::Change(change))
    }

    fn result(&self, answer: &Answer) -> Result<Value, ModuleError> {
        ran(answer, &self.expect, !self.reads)
    }

    fn once(&self) -> bool {
        !(self.reads || self.repeatable || self.conditions.any())
    }
}
