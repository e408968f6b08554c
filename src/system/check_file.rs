//! Reading checks: questions, and the conditions on their answers.

use super::sheet_file::selector;
use crate::{
    check::{Check, Condition, Expectation, Port, Question, groups},
    document::{Decoder, Field, Kind, Node, Shape, quantity},
    model::name,
};

const PORT: Kind = Kind::Templated(&Kind::Integer(1, 65_535));
const HTTP: Shape = Shape::new(
    "http question",
    "An HTTP request from the server: `status`, `body`, `time`.",
    &[
        Field::required("url", Kind::Text, "Address, `http:` or `https:`."),
        Field::optional("timeout", Kind::Duration, "Time limit of one request, `5s` by default."),
        Field::optional("samples", Kind::Integer(1, 1000), "How many requests, 1 by default."),
        Field::optional("method", Kind::Word(&["GET", "HEAD"]), "`GET` by default."),
    ],
)
.short("url");
const TCP: Shape = Shape::new(
    "tcp question",
    "A TCP connection from the server: `open`, `time`.",
    &[
        Field::optional("host", Kind::Text, "`localhost` by default."),
        Field::required("port", PORT, "The port."),
        Field::optional("timeout", Kind::Duration, "Time limit of one connection, `5s` by default."),
        Field::optional("samples", Kind::Integer(1, 1000), "How many connections, 1 by default."),
    ],
);
const SERVICE: Shape = Shape::new(
    "service question",
    "A systemd unit: `active`, `enabled`, `restarts`.",
    &[Field::required("name", Kind::Text, "The unit.")],
)
.short("name");
const PROCESS: Shape = Shape::new(
    "process question",
    "Processes: `count`.",
    &[Field::required("name", Kind::Text, "The process's name.")],
)
.short("name");
const COMMAND: Shape = Shape::new(
    "command question",
    "A command that changes nothing: `status`, `stdout`, `stderr`, `time`.",
    &[
        Field::required("run", Kind::Words, "Its words.").in_argv(),
        Field::optional("timeout", Kind::Duration, "Time limit, `30s` by default."),
        Field::optional("reads", Kind::Bool, "Always `true`."),
    ],
)
.short("run");
const FILE: Shape = Shape::new(
    "file question",
    "A file: `exists`, `size`, `mode`, `owner`, `age`, `content`.",
    &[Field::required("path", Kind::Templated(&Kind::ServerPath), "The file.")],
)
.short("path");
const DISK: Shape = Shape::new(
    "disk question",
    "The file system that holds a path: `free`, `used`.",
    &[Field::required("path", Kind::Templated(&Kind::ServerPath), "The path.")],
)
.short("path");
const MEMORY: Shape = Shape::new("memory question", "Memory: `total`, `available`.", &[]);
const CERTIFICATE: Shape = Shape::new(
    "certificate question",
    "A TLS certificate: `days_left`, `subject`, `issuer`.",
    &[
        Field::required("host", Kind::Text, "Where it is served."),
        Field::optional("port", PORT, "443 by default."),
        Field::optional("name", Kind::Text, "Server name that is asked for."),
    ],
)
.short("host");
const QUERY: Shape = Shape::new(
    "query question",
    "One value of a database: `result`.",
    &[
        Field::required("engine", Kind::Word(&["postgresql", "mariadb", "sqlite"]), "Which database system."),
        Field::required("database", Kind::Text, "Name of the database, or its file."),
        Field::required("sql", Kind::Text, "A statement that yields one value and changes nothing.")
            .in_argv(),
    ],
);
const EXPECT: Shape = Shape::new(
    "expectation",
    "A condition on one value of the answer.",
    &[
        Field::required("value", Kind::Text, "The value, with a statistic over samples: `time.p95`."),
        Field::optional("is", Kind::Any, "Equal to."),
        Field::optional("not", Kind::Any, "Not equal to."),
        Field::optional("contains", Kind::Text, "A text that holds this one."),
        Field::optional("matches", Kind::Regex, "A text that matches."),
        Field::optional("below", Kind::Text, "Less than: a number, a length of time or a size."),
        Field::optional("above", Kind::Text, "More than."),
        Field::optional("at_least", Kind::Text, "Not less than."),
        Field::optional("at_most", Kind::Text, "Not more than."),
        Field::optional("source", Kind::Text, "Where the figure comes from."),
    ],
)
.one_of(&[&["is", "not", "contains", "matches", "below", "above", "at_least", "at_most"]]);

/// The shape of a check.
pub const CHECK: Shape = Shape::new(
    "check",
    "A question about the system, and the answer that is wanted.",
    &[
        Field::required("id", Kind::Name, "Unique in the data sheet."),
        Field::required("at", Kind::Selector, "Servers; it is asked on each."),
        Field::optional("as", Kind::Text, "Account to ask as."),
        Field::optional(
            "groups",
            Kind::List(&Kind::Word(groups::WORDS)),
            "What it says about the system: `installation`, `function` and `recovery` by default.",
        ),
        Field::optional("attempts", Kind::Integer(1, 1000), "Tries before it has failed, 5 by default."),
        Field::optional("delay", Kind::Duration, "Time between two tries, `2s` by default."),
        Field::optional("http", Kind::Shape(&HTTP), "An HTTP request."),
        Field::optional("tcp", Kind::Shape(&TCP), "A TCP connection."),
        Field::optional("service", Kind::Shape(&SERVICE), "A systemd unit."),
        Field::optional("process", Kind::Shape(&PROCESS), "Processes."),
        Field::optional("command", Kind::Shape(&COMMAND), "A command."),
        Field::optional("file", Kind::Shape(&FILE), "A file."),
        Field::optional("disk", Kind::Shape(&DISK), "A file system."),
        Field::optional("memory", Kind::Shape(&MEMORY), "Memory."),
        Field::optional("certificate", Kind::Shape(&CERTIFICATE), "A TLS certificate."),
        Field::optional("query", Kind::Shape(&QUERY), "A database."),
        Field::required("expect", Kind::List(&Kind::Shape(&EXPECT)), "Every expectation must hold."),
    ],
)
.one_of(&[&[
    "http",
    "tcp",
    "service",
    "process",
    "command",
    "file",
    "disk",
    "memory",
    "certificate",
    "query",
]]);

/// Statistics over the samples of a number.
const STATISTICS: &[&str] = &["min", "max", "mean", "p50", "p90", "p95", "p99"];

/// Reads one check.
pub(super) fn read_check(decoder: &mut Decoder<'_>, node: &Node) -> Option<Check> {
    let at = selector(decoder, node);
    let question = question(node);
    let values = values(node);
    let mut expect = Vec::new();
    let expectations = node.get("expect");
    if let Some(list) = expectations.filter(|list| list.items().is_empty() && list.scalar().is_none()) {
        decoder.error(list.span, "`expect` is empty", "a check without an expectation says nothing");
    }
    for entry in expectations.map(Node::items).unwrap_or_default() {
        expect.extend(expectation(decoder, entry, values));
    }
    let groups = node.texts("groups");
    if let Some(list) = expectations.filter(|_| groups.iter().any(|group| group == groups::PERFORMANCE))
        && expect.iter().any(|expectation| expectation.source.is_none())
    {
        let message = "a figure of performance without a `source`";
        decoder.error(
            list.span,
            message,
            "say where each figure comes from: `source: \"manual, section 6.3\"`",
        );
    }
    Some(Check {
        id: node.text("id").filter(|id| name::check(id).is_ok())?,
        at: at?,
        as_user: node.text("as"),
        groups,
        attempts: node.number("attempts").unwrap_or(5),
        delay_seconds: node
            .duration_seconds("delay")
            .and_then(|seconds| seconds.try_into().ok())
            .unwrap_or(2),
        question: question?,
        expect,
    })
}

fn question(node: &Node) -> Option<Question> {
    let at = |key: &str, shape: &Shape| node.entry(key).map(|(_, entry)| entry.spread(shape));
    let timeout = |entry: &Node, default| entry.duration_ms("timeout").unwrap_or(default);
    if let Some(entry) = at("http", &HTTP) {
        return Some(Question::Http {
            url: entry.text("url")?,
            timeout_ms: timeout(&entry, 5_000),
            samples: entry.number("samples").unwrap_or(1),
            method: entry.text("method").unwrap_or_else(|| "GET".to_owned()),
        });
    }
    if let Some(entry) = at("tcp", &TCP) {
        return Some(Question::Tcp {
            host: entry.text("host").unwrap_or_else(|| "localhost".to_owned()),
            port: Port::parse(&entry.text("port")?)?,
            timeout_ms: timeout(&entry, 5_000),
            samples: entry.number("samples").unwrap_or(1),
        });
    }
    if let Some(entry) = at("command", &COMMAND) {
        return Some(Question::Command { run: entry.words("run")?, timeout_ms: timeout(&entry, 30_000) });
    }
    if let Some(entry) = at("certificate", &CERTIFICATE) {
        return Some(Question::Certificate {
            host: entry.text("host")?,
            port: entry.text("port").map_or(Some(Port::Number(443)), |text| Port::parse(&text))?,
            name: entry.text("name"),
        });
    }
    if let Some(entry) = at("query", &QUERY) {
        return Some(Question::Query {
            engine: entry.text("engine")?,
            database: entry.text("database")?,
            sql: entry.text("sql")?,
        });
    }
    if at("memory", &MEMORY).is_some() {
        return Some(Question::Memory);
    }
    let named = |key, shape, word| at(key, shape).and_then(|entry| entry.text(word));
    named("service", &SERVICE, "name")
        .map(|name| Question::Service { name })
        .or_else(|| named("process", &PROCESS, "name").map(|name| Question::Process { name }))
        .or_else(|| named("file", &FILE, "path").map(|path| Question::File { path }))
        .or_else(|| named("disk", &DISK, "path").map(|path| Question::Disk { path }))
}

/// The values that the question's answer has.
fn values(node: &Node) -> &'static [&'static str] {
    let known: &[(&str, &[&str])] = &[
        ("http", &["status", "body", "time"]),
        ("tcp", &["open", "time"]),
        ("service", &["active", "enabled", "restarts"]),
        ("process", &["count"]),
        ("command", &["status", "stdout", "stderr", "time"]),
        ("file", &["exists", "size", "mode", "owner", "age", "content"]),
        ("disk", &["free", "used"]),
        ("memory", &["total", "available"]),
        ("certificate", &["days_left", "subject", "issuer"]),
        ("query", &["result"]),
    ];
    known.iter().find(|(key, _)| node.entry(key).is_some()).map_or(&[], |(_, values)| values)
}

fn expectation(decoder: &mut Decoder<'_>, node: &Node, values: &[&str]) -> Option<Expectation> {
    let at = node.get("value")?;
    let value = at.scalar()?;
    let (name, statistic) = value.split_once('.').map_or((value, None), |(name, rest)| (name, Some(rest)));
    if !values.is_empty() && !values.contains(&name) {
        decoder.unknown(at.span, "value of this question", name, values);
    }
    if let Some(word) = statistic {
        if !STATISTICS.contains(&word) {
            decoder.unknown(at.span, "statistic", word, STATISTICS);
        } else if name != "time" {
            let message = format!("`{name}` has no statistics");
            decoder.error(at.span, message, "only `time` is measured over samples");
        }
    }
    Some(Expectation {
        value: value.to_owned(),
        condition: condition(decoder, node)?,
        source: node.text("source"),
    })
}

fn condition(decoder: &mut Decoder<'_>, node: &Node) -> Option<Condition> {
    if let Some((_, value)) = node.entry("is") {
        return Some(Condition::Is(value.to_value()));
    }
    if let Some((_, value)) = node.entry("not") {
        return Some(Condition::Not(value.to_value()));
    }
    if let Some(text) = node.text("contains") {
        return Some(Condition::Contains(text));
    }
    if let Some(text) = node.text("matches") {
        return Some(Condition::Matches(text));
    }
    type Make = fn(i64) -> Condition;
    let make: [(&str, Make); 4] = [
        ("below", Condition::Below),
        ("above", Condition::Above),
        ("at_least", Condition::AtLeast),
        ("at_most", Condition::AtMost),
    ];
    for (key, make) in make {
        let Some(at) = node.get(key) else { continue };
        let Some(figure) = at.scalar().and_then(figure) else {
            let message = format!("`{key}` is not a figure that can be compared");
            decoder.error(
                at.span,
                message,
                "give a number, a length of time (`800ms`), a size (`1GiB`) or `90%`",
            );
            return None;
        };
        return Some(make(figure));
    }
    None
}

fn figure(text: &str) -> Option<i64> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let parsed = number.parse::<i64>().ok();
    parsed
        .or_else(|| quantity::duration_ms(text).and_then(|milliseconds| milliseconds.try_into().ok()))
        .or_else(|| quantity::bytes(text).and_then(|bytes| bytes.try_into().ok()))
}
