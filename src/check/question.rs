//! Questions that a shell on the server answers.

use super::{Check, Measured, Measurements, Question};
use crate::{
    model::{
        Answer, Script,
        script::{command_line, quote},
    },
    module::{Engine, printable},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Most bytes of an output or a file's content that are measured.
const TEXT_BYTES_MAX: u64 = 64 * 1024;

impl Check {
    /// The question as a script that reads and changes nothing; nothing for questions that go over
    /// a forwarded connection instead.
    #[must_use]
    pub fn script(&self) -> Option<Script> {
        let text = match &self.question {
            Question::Http { .. } | Question::Tcp { .. } | Question::Certificate { .. } => return None,
            Question::Service { name } => format!(
                "command -v systemctl >/dev/null || {{ echo 'unknown=systemctl is missing'; exit 0; }}\n\
                 systemctl show -p LoadState -p ActiveState -p UnitFileState -p NRestarts -- {}\n",
                quote(name)
            ),
            Question::Process { name } => process(name),
            Question::Command { run, timeout_ms } => command(run, *timeout_ms),
            Question::File { path } => file(path),
            Question::Disk { path } => format!("df -Pk -- {} | tail -n 1 | sed 's/^/disk=/'\n", quote(path)),
            Question::Memory => {
                "sed -n 's/^\\(MemTotal\\|MemAvailable\\): *\\([0-9]*\\) kB$/\\1=\\2/p' /proc/meminfo\n"
                    .to_owned()
            }
            Question::Query { engine, database, sql } => query(engine, database, sql)?,
        };
        Some(Script(text))
    }

    /// Reads what the script answered. Whatever is not there is unknown.
    #[must_use]
    pub fn measure(&self, answer: &Answer) -> Measurements {
        let names: &[&str] = match &self.question {
            Question::Service { .. } => &["active", "enabled", "restarts", "state"],
            Question::Process { .. } => &["count"],
            Question::Command { .. } => &["status", "stdout", "stderr", "time"],
            Question::File { .. } => &["exists"],
            Question::Disk { .. } => &["free", "used"],
            Question::Memory => &["total", "available"],
            Question::Query { .. } => &["result"],
            Question::Http { .. } | Question::Tcp { .. } | Question::Certificate { .. } => &[],
        };
        let mut values = if answer.status.success() && !answer.truncated {
            self.read(&answer.text())
        } else {
            Measurements::new()
        };
        let reason = match () {
            () if answer.truncated => "the answer is too long".to_owned(),
            () if !answer.status.success() => {
                let stderr = String::from_utf8_lossy(&answer.stderr);
                printable(format!("{}: {}", answer.status, stderr.trim()).trim_end_matches([':', ' ']), 200)
            }
            () => "the answer does not tell it".to_owned(),
        };
        for name in names {
            values.entry((*name).to_owned()).or_insert_with(|| Measured::Unknown(reason.clone()));
        }
        values
    }

    fn read(&self, text: &str) -> Measurements {
        let mut values = Measurements::new();
        let mut put = |name: &str, value: Measured| {
            values.insert(name.to_owned(), value);
        };
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match (&self.question, key) {
                (Question::Service { .. }, "ActiveState") => {
                    put("active", Measured::truth(value == "active"));
                    put("state", Measured::Text(value.to_owned()));
                }
                (Question::Service { .. }, "UnitFileState") => {
                    put("enabled", Measured::truth(value == "enabled"))
                }
                (Question::Service { .. }, "NRestarts") => put("restarts", Measured::number(value)),
                (Question::Process { .. }, "count") => put("count", Measured::number(value)),
                (Question::Command { .. }, "status") => put("status", Measured::number(value)),
                (Question::Command { .. }, "stdout" | "stderr") => put(key, decoded(value)),
                (Question::Command { .. }, "uptime") => put("time", between(value)),
                (Question::File { .. }, "exists") => put("exists", Measured::truth(value == "yes")),
                (Question::File { .. }, "size") => put(key, Measured::number(value)),
                (Question::File { .. }, "mode") => put(key, Measured::Text(format!("{value:0>4}"))),
                (Question::File { .. }, "owner") => put(key, Measured::Text(value.to_owned())),
                (Question::File { .. }, "age") => put(key, scaled(Measured::number(value), 1000)),
                (Question::File { .. }, "content") => put(key, decoded(value)),
                (Question::Disk { .. }, "disk") => {
                    let (free, used) = disk(value);
                    put("free", free);
                    put("used", used);
                }
                (Question::Memory, "MemTotal") => put("total", scaled(Measured::number(value), 1024)),
                (Question::Memory, "MemAvailable") => put("available", scaled(Measured::number(value), 1024)),
                (Question::Query { .. }, "result") => put("result", first_value(value)),
                _ => {}
            }
        }
        values
    }
}

fn scaled(measured: Measured, factor: i64) -> Measured {
    match measured {
        Measured::Int(number) => number
            .checked_mul(factor)
            .map_or_else(|| Measured::Unknown("the number is too large".to_owned()), Measured::Int),
        other => other,
    }
}

fn decoded(text: &str) -> Measured {
    match BASE64_STANDARD.decode(text.trim()) {
        Ok(bytes) => Measured::text(&bytes),
        Err(_) => Measured::Unknown("the answer cannot be read".to_owned()),
    }
}

/// Milliseconds between two readings of `/proc/uptime`: `12.34 12.50`.
fn between(text: &str) -> Measured {
    let hundredths = |text: &str| -> Option<i64> {
        let (seconds, part) = text.split_once('.')?;
        seconds.parse::<i64>().ok()?.checked_mul(100)?.checked_add(part.get(..2)?.parse().ok()?)
    };
    let span = text.split_once(' ').and_then(|(from, to)| Some((hundredths(to)? - hundredths(from)?) * 10));
    span.map_or_else(|| Measured::Unknown("the server's clock cannot be read".to_owned()), Measured::Int)
}

/// Free bytes and used per cent of a line of `df -Pk`; the device's name may hold spaces.
fn disk(line: &str) -> (Measured, Measured) {
    let words: Vec<_> = line.split_whitespace().collect();
    let percent = words
        .iter()
        .position(|word| word.strip_suffix('%').is_some_and(|digits| digits.parse::<u8>().is_ok()));
    match percent.filter(|at| *at >= 1) {
        Some(at) => {
            (scaled(Measured::number(words[at - 1]), 1024), Measured::number(words[at].trim_end_matches('%')))
        }
        None => {
            let unknown = || Measured::Unknown("the answer of `df` cannot be read".to_owned());
            (unknown(), unknown())
        }
    }
}

fn first_value(text: &str) -> Measured {
    match decoded(text) {
        Measured::Text(text) => {
            let first = text.lines().next().and_then(|line| line.split('\t').next()).unwrap_or_default();
            match first.parse() {
                _ if text.is_empty() => Measured::Unknown("the query yields no row".to_owned()),
                Ok(number) => Measured::Int(number),
                Err(_) => Measured::Text(first.to_owned()),
            }
        }
        other => other,
    }
}

/// Counts without a tool: the kernel keeps 15 bytes of a program's name.
fn process(name: &str) -> String {
    let mut end = name.len().min(15);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(
        "{{ IFS= read -r c </proc/1/comm; }} 2>/dev/null || {{ echo 'the processes of others cannot be seen; ask with `as: root`' >&2; exit 66; }}\n\
         w={}\nn=0\nfor f in /proc/[0-9]*/comm; do\n  {{ IFS= read -r c <\"$f\"; }} 2>/dev/null || continue\n  \
         [ \"$c\" != \"$w\" ] || n=$((n + 1))\ndone\necho \"count=$n\"\n",
        quote(&name[..end])
    )
}

fn command(run: &[String], timeout_ms: u64) -> String {
    format!(
        "umask 077\nd=$(mktemp -d) || exit 66\ntrap 'rm -rf -- \"$d\"' EXIT\ntrap 'exit 143' HUP INT TERM\n\
         read -r a _ </proc/uptime\n( set -- {}\nexec timeout {} \"$@\" ) </dev/null >\"$d/out\" 2>\"$d/err\"\n\
         s=$?\nread -r b _ </proc/uptime\necho \"status=$s\"\necho \"uptime=$a $b\"\n\
         for f in out err; do printf 'std%s=' $f; head -c {TEXT_BYTES_MAX} \"$d/$f\" | base64 | tr -d '\\n'; echo; done\n",
        command_line(run),
        timeout_ms.div_ceil(1000).max(1),
    )
}

fn file(path: &str) -> String {
    format!(
        "p={}\ncase $p in /*) ;; *) p=./$p ;; esac\nd=${{p%/*}}\n\
         if [ ! -e \"$p\" ]; then\n\
         \x20 while [ -n \"$d\" ] && [ ! -e \"$d\" ] && [ ! -L \"$d\" ]; do case $d in */*) d=${{d%/*}} ;; *) break ;; esac; done\n\
         \x20 d=${{d:-/}}\n\
         \x20 if [ -L \"$d\" ] && [ ! -e \"$d\" ]; then echo 'a symbolic link above leads nowhere that can be seen' >&2; exit 66; fi\n\
         \x20 if [ -d \"$d\" ] && [ ! -x \"$d\" ]; then echo 'a folder above cannot be entered' >&2; exit 66; fi\n\
         \x20 echo exists=no; exit 0\nfi\n\
         echo exists=yes\nstat -L -c 'size=%s' -- \"$p\" && stat -L -c 'mode=%a' -- \"$p\" && stat -L -c 'owner=%U' -- \"$p\" || exit 66\n\
         echo \"age=$(($(date +%s) - $(stat -L -c %Y -- \"$p\")))\"\n\
         if [ -f \"$p\" ] && [ -r \"$p\" ]; then printf content=; head -c {TEXT_BYTES_MAX} <\"$p\" | base64 | tr -d '\\n'; echo; fi\n",
        quote(path)
    )
}

fn query(engine: &str, database: &str, sql: &str) -> Option<String> {
    let ask = match Engine::parse(engine) {
        Some(known) => format!("{}ask() {{\n{}}}\n", known.client(), known.run(database, sql)),
        None if engine == "sqlite" => format!(
            "command -v sqlite3 >/dev/null || {{ echo 'sqlite3 is missing' >&2; exit 69; }}\nask() {{ sqlite3 -readonly -batch -separator \"$(printf '\\t')\" {} {}; }}\n",
            quote(database),
            quote(sql)
        ),
        None => return None,
    };
    Some(format!(
        "{ask}r=$(ask && echo .) || exit 66\nr=${{r%.}}\nprintf 'result='; printf %s \"$r\" | head -c {TEXT_BYTES_MAX} | base64 | tr -d '\\n'; echo\n"
    ))
}
