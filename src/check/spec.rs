//! Checks as they are written in a data sheet.

use crate::model::Value;
use serde::{Deserialize, Serialize};

/// A question about a system, and the answer that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its id within the data sheet.
    pub id: String,
    /// Selector of servers; it is asked on each.
    pub at: String,
    /// What it says about the system, words of [`super::groups`]; empty stands for the default ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Account to ask as; the login user when absent.
    pub as_user: Option<String>,
    /// How often it is tried before it has failed, at least 1.
    pub attempts: u32,
    /// Seconds between two attempts.
    pub delay_seconds: u32,
    /// What is asked.
    pub question: Question,
    /// Every expectation must hold.
    pub expect: Vec<Expectation>,
}

impl Check {
    /// Whether it belongs to one of these groups; to none wanted belongs every check.
    #[must_use]
    pub fn is_of(&self, wanted: &[String]) -> bool {
        let belongs = |group: &String| match self.groups.as_slice() {
            [] => super::groups::DEFAULT.contains(&group.as_str()),
            own => own.contains(group),
        };
        wanted.is_empty() || wanted.iter().any(belongs)
    }
}

/// A TCP port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Port {
    /// As a number: always in a plan.
    Number(u16),
    /// A template that yields one; in data sheets only.
    Template(String),
}

impl Port {
    /// Reads a port or a template.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains("{{") {
            return Some(Self::Template(text.to_owned()));
        }
        text.trim().parse().ok().filter(|number| *number > 0).map(Self::Number)
    }

    /// The number, where it is known.
    #[must_use]
    pub fn number(&self) -> Option<u16> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Template(_) => None,
        }
    }
}

/// What is asked.
#[expect(missing_docs, reason = "the fields are the keys of the file, explained at each variant")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// An HTTP request from the server: values `status`, `body`, `time` (milliseconds).
    Http { url: String, timeout_ms: u64, samples: u32, method: String },
    /// A TCP connection from the server: values `open`, `time`.
    Tcp { host: String, port: Port, timeout_ms: u64, samples: u32 },
    /// A systemd unit: values `active`, `enabled`, `restarts`.
    Service { name: String },
    /// Processes with this name: value `count`.
    Process { name: String },
    /// A command: values `status`, `stdout`, `stderr`, `time`.
    Command { run: Vec<String>, timeout_ms: u64 },
    /// A file: values `exists`, `size` (bytes), `mode`, `owner`, `age` (milliseconds), `content`.
    File { path: String },
    /// The file system that holds `path`: values `free` (bytes), `used` (percent).
    Disk { path: String },
    /// Memory: values `total`, `available` (bytes).
    Memory,
    /// A TLS certificate: values `days_left`, `subject`, `issuer`.
    Certificate { host: String, port: Port, name: Option<String> },
    /// One value of a database: value `result`.
    Query { engine: String, database: String, sql: String },
}

/// One expectation on one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The value's name, with a statistic over the samples where there are several: `time.p95`.
    pub value: String,
    /// The condition.
    pub condition: Condition,
    /// Where the figure comes from: `requirements §4`.
    pub source: Option<String>,
}

/// A condition on a value; durations are milliseconds and sizes bytes by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Equal to.
    Is(Value),
    /// Not equal to.
    Not(Value),
    /// Text that holds this text.
    Contains(String),
    /// Text that matches this regular expression.
    Matches(String),
    /// A number below.
    Below(i64),
    /// A number above.
    Above(i64),
    /// A number at least.
    AtLeast(i64),
    /// A number at most.
    AtMost(i64),
}
