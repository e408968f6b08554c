//! What is needed on the servers: all are asked at once.

use super::{
    Finding, Verdict,
    here::{Own, whole},
    needs::Needs,
};
use crate::{
    cli::{approach, project::Read, server},
    executor,
    inventory::Environment,
    model::{Answer, Become, Language, RunAs, Script, Server, script::command_line},
    report::{escape, size},
    transport::{Frame, Options, Session, TransportError},
};
use futures_util::StreamExt as _;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Clocks further apart than this make records hard to compare.
const CLOCK_SECONDS_MAX: f64 = 30.0;
/// Less free space than this is too little for anything.
const FREE_KIB_MIN: u64 = 256 << 10;
/// Longest look at a server after the login.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Looks at every server; says whether one could not be reached.
pub async fn look(
    read: &Read,
    environment: &Environment,
    needs: &Needs,
    own: Option<&Own>,
) -> (Vec<Finding>, bool) {
    let options = executor::options(&read.root, &read.project);
    let parallel = usize::try_from(read.project.parallel).unwrap_or(10).max(1);
    let looks =
        environment.servers.values().map(|server| one(read, (environment, server), needs, own, &options));
    let all: Vec<(Vec<Finding>, bool)> = futures_util::stream::iter(looks).buffered(parallel).collect().await;
    let unreachable = all.iter().any(|(_, unreachable)| *unreachable);
    (all.into_iter().flat_map(|(findings, _)| findings).collect(), unreachable)
}

async fn one(
    read: &Read,
    (environment, server): (&Environment, &Server),
    needs: &Needs,
    own: Option<&Own>,
    options: &Options,
) -> (Vec<Finding>, bool) {
    let place = server.name.as_str();
    let approach = match approach::approach(read, server).await {
        Ok(approach) => approach,
        Err(error) => {
            let advice = "the connection's own secrets must be there; see `esclusa secret list`";
            return (vec![Finding::bad(place, "login", whole(&error), advice)], false);
        }
    };
    let begun = Instant::now();
    let session = match Session::connect(server, &approach.way, &approach.credentials, options).await {
        Ok(session) => session,
        Err(error) => return refused(place, &error),
    };
    let mut line = format!("login in {} ms", begun.elapsed().as_millis());
    let jumps = session.jumps();
    if !jumps.is_empty() {
        line.push_str(&format!(", through {}", escape::visible(&jumps.join(", "))));
    }
    let mut findings = vec![Finding::good(place, "line", line)];
    let key = if server.host_keys.is_empty() {
        Finding::new(place, "host key", Verdict::Unknown, "known to ssh, not pinned in the inventory")
            .advice(format!("pin it with `esclusa trust {place}`: plans name pinned keys"))
    } else {
        Finding::good(place, "host key", "pinned")
    };
    findings.push(key);
    let facts = session.facts().await.unwrap_or_default();
    let user = facts.get("user").and_then(|user| user.scalar()).unwrap_or_default();
    findings.push(Finding::good(place, "login", format!("as {}", escape::visible(&user))));
    findings.push(sudo(&session, server).await);
    findings.push(owner(&session, server, environment, own).await);
    findings.extend(inside(&session, server, needs).await);
    session.close().await;
    (findings, false)
}

/// Where on the way the connection ended.
fn refused(place: &str, error: &TransportError) -> (Vec<Finding>, bool) {
    let line = || Finding::good(place, "line", "answers");
    let advice = |usual: &str| error.hint().unwrap_or_else(|| usual.to_owned());
    let words = error.to_string();
    let (cause, hop) = error.place();
    if let Some(hop) = hop {
        let advice = advice(&format!("look at the jump server: `ssh -v {}`", escape::visible(hop)));
        return (vec![Finding::bad(place, "line", words, advice)], error.is_passing());
    }
    match cause {
        TransportError::Unreachable { .. } | TransportError::Lost { .. } => {
            let advice = advice("look at address, port, firewall, and whether it is switched on");
            (vec![Finding::bad(place, "line", words, advice)], true)
        }
        TransportError::NoCommonAlgorithm { .. }
        | TransportError::UnknownHostKey { .. }
        | TransportError::ChangedHostKey { .. }
        | TransportError::RevokedHostKey { .. }
        | TransportError::HostCertificate { .. } => {
            let advice = advice("see `esclusa trust`");
            (vec![line(), Finding::bad(place, "host key", words, advice)], false)
        }
        _ => (vec![line(), Finding::bad(place, "login", words, advice("see `ssh -v`"))], false),
    }
}

async fn sudo(session: &Session, server: &Server) -> Finding {
    let place = server.name.as_str();
    let frame = Frame::ask(RunAs::Root, Script::new("id -u")).timeout(TIMEOUT).output_limit(1024);
    let uid = ask(session, server, frame).await.map(|answer| answer.text().trim().to_owned());
    match (uid, server.escalation) {
        (Ok(uid), _) if uid == "0" => Finding::good(place, "root", "there"),
        (Ok(_), Become::No) => {
            Finding::good(place, "root", "not asked for: steps run as the login (`become: no`)")
        }
        (Ok(uid), Become::Sudo | Become::Doas) => Finding::bad(
            place,
            "root",
            format!("it gives account {}, not root", escape::visible(&uid)),
            "look at the server's sudoers",
        ),
        (Err(error), _) => {
            let advice = error.hint().unwrap_or_else(|| "look at the server's sudoers".to_owned());
            Finding::bad(place, "root", whole(&error), advice)
        }
    }
}

/// Whose the server is: what another store has, or a later state of this one, refuses this store's runs.
async fn owner(session: &Session, server: &Server, environment: &Environment, own: Option<&Own>) -> Finding {
    let place = server.name.as_str();
    let adopt = format!("esclusa server adopt {place} --env {} --reason TEXT", environment.name);
    let held = match server::held(session, server).await {
        Ok(Some(held)) => held,
        Ok(None) => return Finding::good(place, "store", "no store has changed it yet"),
        Err(error) => {
            let finding = Finding::new(place, "store", Verdict::Unknown, error.words);
            return error.hints.into_iter().fold(finding, Finding::advice);
        }
    };
    match (held, own) {
        ((store, epoch), Some(own)) if store == own.store && epoch <= own.epoch => {
            Finding::good(place, "store", format!("belongs to this store, epoch {epoch}"))
        }
        ((store, epoch), Some(own)) if store == own.store => Finding::bad(
            place,
            "store",
            format!("remembers epoch {epoch} of this store, whose database is at {} only", own.epoch),
            format!("the database is older than what it has done: bring the newest one back, or `{adopt}`"),
        ),
        ((store, _), own) => {
            let store = escape::capped(&store, 64);
            let here =
                if own.is_some() { "another store" } else { "a store, and this project has none open" };
            Finding::bad(
                place,
                "store",
                format!("belongs to {here}: {store}"),
                format!("use the project whose database that is; if it is gone for good, `{adopt}`"),
            )
        }
    }
}

async fn ask(session: &Session, server: &Server, frame: Frame) -> Result<Answer, TransportError> {
    let replies = session.run(vec![frame]).await?;
    let reply = replies.into_iter().next().ok_or_else(|| TransportError::Protocol {
        server: server.name.clone(),
        cause: "no answer".to_owned(),
    })?;
    reply.answer(&server.name)
}

/// Tools, versions, space and clock, in one question.
async fn inside(session: &Session, server: &Server, needs: &Needs) -> Vec<Finding> {
    let place = server.name.as_str();
    let tools = needs.tools.get(&server.name).cloned().unwrap_or_default();
    let frame = Frame::ask(RunAs::Login, script(&tools)).timeout(TIMEOUT).output_limit(64 * 1024);
    let before = now();
    let answer = ask(session, server, frame).await;
    let after = now();
    let text = match answer {
        Ok(answer) if answer.status.success() => answer.text(),
        Ok(answer) => {
            let words = format!("the look ended with {}", answer.status);
            return vec![Finding::new(place, "tools", Verdict::Unknown, words)];
        }
        Err(error) => return vec![Finding::new(place, "tools", Verdict::Unknown, whole(&error))],
    };
    let mut findings = vec![missing(place, &tools, &text)];
    findings.extend(versions(place, &text));
    findings.extend(space(place, &text));
    findings.push(clock(place, &text, before, after));
    findings
}

fn script(tools: &BTreeSet<String>) -> Script {
    let mut text = String::from("date '+clock %s'\n");
    for tool in tools {
        let words: Vec<_> =
            tool.split('|').map(|word| format!("command -v {}", command_line(&[word]))).collect();
        let label = command_line(&[format!("missing {tool}")]);
        text.push_str(&format!("{{ {}; }} >/dev/null 2>&1 || printf '%s\\n' {label}\n", words.join(" || ")));
    }
    for (tool, label) in [("pg_dump", "PostgreSQL client"), ("mariadb-dump|mysqldump", "MariaDB client")] {
        if tools.contains(tool) {
            for word in tool.split('|') {
                text.push_str(&format!(
                    "v=$({word} --version 2>/dev/null | head -n 1) && [ -n \"$v\" ] && printf '%s\\n' \"version {label}: $v\"\n"
                ));
            }
        }
    }
    text.push_str(
        "for p in / /var /tmp \"$HOME\"; do\n  df -Pk \"$p\" 2>/dev/null | { read -r x; read -r x x x free x at; \
         [ -z \"$at\" ] || printf 'space %s %s\\n' \"$free\" \"$at\"; }\ndone\nexit 0\n",
    );
    Script::new(text)
}

fn missing(place: &str, tools: &BTreeSet<String>, text: &str) -> Finding {
    let gone: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("missing "))
        .map(|name| name.replace('|', " or "))
        .collect();
    if !gone.is_empty() {
        return Finding::bad(
            place,
            "tools",
            format!("missing: {}", gone.join(", ")),
            "install the packages that hold them; the playbooks of the project use them here",
        );
    }
    match tools.len() {
        0 => Finding::good(place, "tools", "the playbooks ask for none here"),
        count => Finding::good(place, "tools", format!("all {count} that the playbooks use")),
    }
}

fn versions<'a>(place: &'a str, text: &'a str) -> impl Iterator<Item = Finding> + 'a {
    text.lines().filter_map(|line| line.strip_prefix("version ")).map(move |words| {
        Finding::good(place, "client", escape::visible(&words.chars().take(120).collect::<String>()))
    })
}

fn space(place: &str, text: &str) -> Option<Finding> {
    let mut places: Vec<(u64, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("space "))
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(free, at)| Some((free.parse().ok()?, at)))
        .collect();
    places.sort_unstable_by_key(|(_, at)| *at);
    places.dedup_by_key(|(_, at)| *at);
    if places.is_empty() {
        return Some(Finding::new(place, "space", Verdict::Unknown, "`df` gave no answer"));
    }
    let words = |(free, at): &(u64, &str)| {
        format!("{} {} free", escape::visible(at), size::words(free.saturating_mul(1024), Language::En))
    };
    let all = places.iter().map(words).collect::<Vec<_>>().join(", ");
    Some(match places.iter().any(|(free, _)| *free < FREE_KIB_MIN) {
        true => Finding::bad(place, "space", all, "make room on the server"),
        false => Finding::good(place, "space", all),
    })
}

fn clock(place: &str, text: &str, before: f64, after: f64) -> Finding {
    let theirs = text.lines().find_map(|line| line.strip_prefix("clock ")?.parse::<f64>().ok());
    let Some(theirs) = theirs else {
        return Finding::new(place, "clock", Verdict::Unknown, "`date` gave no number");
    };
    // Theirs has whole seconds, and was read at some time between the two.
    let apart = if theirs + 1.0 < before {
        theirs + 1.0 - before
    } else if theirs > after {
        theirs - after
    } else {
        0.0
    };
    let words = match apart {
        apart if apart.abs() < 1.0 => "as here".to_owned(),
        apart if apart > 0.0 => format!("{apart:.0} s ahead of here"),
        apart => format!("{:.0} s behind", -apart),
    };
    if apart.abs() > CLOCK_SECONDS_MAX {
        Finding::bad(place, "clock", words, "let both machines take the time from the network")
    } else {
        Finding::good(place, "clock", words)
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_with_the_time_that_the_question_took() {
        for (theirs, verdict) in
            [(100, Verdict::Good), (131, Verdict::Good), (140, Verdict::Bad), (60, Verdict::Bad)]
        {
            let finding = clock("web", &format!("clock {theirs}\n"), 100.2, 101.0);
            assert!(finding.verdict == verdict, "{theirs}: {}", finding.words);
        }
        assert!(clock("web", "clock now\n", 1.0, 2.0).verdict == Verdict::Unknown);
        assert!(clock("web", "", 1.0, 2.0).verdict == Verdict::Unknown);
    }

    #[test]
    fn hostile_answers_are_read_without_harm() {
        let text = "space x /\nspace 99999999999999999999 /\nspace 1\nmissing \u{1b}[2J\nspace 18446744073709551615 /a\n";
        assert!(space("web", text).is_some_and(|finding| finding.verdict == Verdict::Good));
        assert!(missing("web", &BTreeSet::new(), text).verdict == Verdict::Bad);
    }
}
