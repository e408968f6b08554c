//! `wait`: until a port listens, a path is there, or a command succeeds. Changes nothing.

use super::{Change, Diff, Module, ModuleError, Outcome, args::Args, error, registered};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script, Value, script::command_line, script::quote};

const STATES: &[&str] = &["present", "absent"];
/// Longest wait in seconds.
const TIMEOUT_SECONDS_MAX: u32 = 24 * 3600;

pub(super) const SHAPE: Shape = Shape::new(
    "wait",
    "waits until a port accepts connections, a path is there, or a command succeeds",
    &[
        Field::optional("port", Wants::Integer(1, 65535), "TCP port"),
        Field::optional(
            "host",
            Wants::Text,
            "the port's host, as the server sees it; the server itself when left out",
        ),
        Field::optional("path", Wants::ServerPath, "a path"),
        Field::optional(
            "until",
            Wants::Either(&[Wants::Text, Wants::Words]),
            "a command that changes nothing",
        )
        .in_argv(),
        Field::optional(
            "state",
            Wants::Word(STATES),
            "present (default), or absent: the port closed, the path gone, the command failing",
        ),
        Field::optional("timeout", Wants::Duration, "how long at most, 60s when left out"),
        Field::optional("every", Wants::Duration, "how long between two looks, 1s when left out"),
    ],
)
.one_of(&[&["port", "path", "until"]]);

pub(super) struct Wait {
    /// A shell command whose status says whether it is there. It never stands in a condition, where
    /// `set -e` has no effect.
    test: String,
    absent: bool,
    shown: String,
    timeout_seconds: u32,
    every_seconds: u32,
}

impl Wait {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        args.at_most_one(&["port", "path", "until"])?;
        args.at_most_one(&["host", "path", "until"])?;
        let (test, shown) = Self::what(args)?;
        let absent = args.choice("state", STATES)? == Some("absent");
        Ok(Self {
            test,
            absent,
            shown: format!("{shown}{}", if absent { " is gone" } else { "" }),
            timeout_seconds: args.seconds("timeout", TIMEOUT_SECONDS_MAX)?.unwrap_or(60),
            every_seconds: args.seconds("every", 3600)?.unwrap_or(1),
        })
    }

    /// A condition on the status of the test, right after it.
    fn so(&self) -> &'static str {
        if self.absent { "[ $? != 0 ]" } else { "[ $? = 0 ]" }
    }

    fn what(args: &Args<'_>) -> Result<(String, String), ModuleError> {
        if let Some(port) = args.number("port", 1, 65535)? {
            let host = args.text("host")?.unwrap_or_else(|| "localhost".to_owned());
            let good = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
            if host.is_empty() || host.starts_with('-') || !host.chars().all(good) {
                return Err(args.wrong("host", "must be a host name or address"));
            }
            let test = if matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1") {
                format!("{{ {}; }}", listening(port))
            } else {
                connects(&host, port)
            };
            return Ok((test, format!("port {port} of {host}")));
        }
        if let Some(path) = args.path("path")? {
            let quoted = quote(&path);
            return Ok((format!("{{ [ -e {quoted} ] || [ -L {quoted} ]; }}"), path));
        }
        let command = match args.raw("until") {
            Some(Value::List(_)) => {
                let words = args.words("until")?.unwrap_or_default();
                if words.is_empty() {
                    return Err(args.wrong("until", "must not be empty"));
                }
                format!("set -- {}\nexec \"$@\"", command_line(&words))
            }
            Some(_) => format!("set -e\neval '{}'", args.required("until")?.replace('\'', r"'\''")),
            None => {
                return Err(ModuleError::Missing { module: args.module, key: "port".to_owned() });
            }
        };
        Ok((format!("(\n{command}\n) </dev/null >/dev/null 2>&1"), "the command succeeds".to_owned()))
    }
}

/// Whether something listens here: asked of the kernel, which needs no tool.
fn listening(port: i64) -> String {
    format!(
        "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q '^ *[0-9]*: [0-9A-F]*:{port:04X} [0-9A-F]*:0000 0A '"
    )
}

/// Whether a connection to another machine opens, by whichever tool is there.
fn connects(host: &str, port: i64) -> String {
    let host = quote(host);
    format!(
        "{{ if command -v bash >/dev/null; then timeout 5 bash -c ': 3<>\"/dev/tcp/$1/$2\"' - {host} {port}; \
         elif nc --help 2>&1 | grep -q BusyBox; then nc -w 5 {host} {port} -e true </dev/null; \
         elif command -v nc >/dev/null; then nc -z -w 5 {host} {port} </dev/null; \
         else echo 'esclusa: neither bash nor nc is there to open a connection' >&2; exit 69; fi; }} >/dev/null 2>&1"
    )
}

impl Module for Wait {
    fn probe(&self) -> Option<Script> {
        Some(Script(format!("{}\nif {}; then echo now=yes; else echo now=no; fi\n", self.test, self.so())))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        if error::probed(answer)?.text().trim_end().ends_with("now=yes") {
            return Ok(Outcome::Unchanged(registered(false, [])));
        }
        let shown = super::printable(&self.shown, 200);
        let script = format!(
            "n=$(date +%s)\nend=$((n + {}))\nwhile :; do\n{}\n  if {}; then break; fi\n  \
             if [ \"$(date +%s)\" -ge \"$end\" ]; then echo {} >&2; exit 75; fi\n  sleep {}\ndone\n",
            self.timeout_seconds,
            self.test,
            self.so(),
            quote(&format!("esclusa: waited {} seconds in vain for: {shown}", self.timeout_seconds)),
            self.every_seconds,
        );
        Ok(Outcome::Change(Change::new(format!("wait for {shown}"), Diff::default(), script)))
    }

    fn result(&self, answer: &Answer) -> Result<Value, ModuleError> {
        error::succeeded(answer)?;
        Ok(registered(false, []))
    }
}
