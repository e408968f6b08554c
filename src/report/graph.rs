//! A procedure's graph: as text for a terminal, and as a drawing.

mod layout;
mod stand;
mod svg;
#[cfg(test)]
mod tests;

pub use stand::{Mark, Stand};
pub use svg::svg;

use super::{escape, language, roles};
use crate::{
    model::{Language, Role},
    procedure::{Activity, ActivityId, ActivityKind, Procedure, Took, Work, route},
};
use std::collections::BTreeMap;

/// Columns before an activity's text.
const INDENT: usize = 9;

/// Signs of the legend on one line.
const SIGNS_ON_A_LINE: usize = 3;
/// Columns of the sign that says how an activity stands.
const SIGN: usize = 2;

/// The graph as text of at most `columns` columns, an activity after the other, each line ended; with
/// a sign before each activity where a run's standing is given.
#[must_use]
pub fn text(procedure: &Procedure, language: Language, columns: usize, stand: Option<&Stand>) -> String {
    let columns = columns.max(40);
    let mut out = Vec::new();
    let document = [procedure.code.as_deref(), procedure.version.as_deref()].into_iter().flatten();
    let document = document.collect::<Vec<_>>().join(" ");
    let title = format!("{document} {} {}", procedure.number, procedure.title.of(language));
    out.extend(escape::wrap(title.trim(), columns));
    if let Some(stand) = stand {
        out.extend(escape::wrap(&stand.line, columns));
        // No sign at the end of a line, away from its word.
        let legend = stand.legend(language);
        let lines = legend.chunks(SIGNS_ON_A_LINE).map(|signs| signs.join("   "));
        out.extend(lines.map(|line| escape::capped(&line, columns)));
    }
    out.push(String::new());
    let order: BTreeMap<&ActivityId, usize> =
        procedure.activities.iter().enumerate().map(|(at, activity)| (&activity.id, at)).collect();
    for (at, activity) in procedure.activities.iter().enumerate() {
        let follower = procedure.activities.get(at + 1).map(|next| &next.id);
        let ways = ways(activity, language, |to| {
            let back = order.get(to).is_some_and(|to| *to <= at);
            (back, follower == Some(to))
        });
        let mark = stand.map(|stand| stand.mark(&activity.id));
        let first = out.len();
        let room = if mark.is_some() { columns - SIGN } else { columns };
        block(procedure, activity, (language, room), &ways, mark, &mut out);
        if let Some(mark) = mark {
            for (at, line) in out.iter_mut().skip(first).enumerate() {
                // The open one is marked along all of its lines.
                let sign = match at {
                    0 => mark.sign(),
                    _ if mark == Mark::Open && !line.is_empty() => '┃',
                    _ => ' ',
                };
                *line = format!("{sign} {line}").trim_end().to_owned();
            }
        }
    }
    out.join("\n") + "\n"
}

/// A way out of an activity as it is shown.
struct Way {
    words: String,
    to: ActivityId,
    back: bool,
    /// Whether it leads to what stands below, so that a line is enough.
    below: bool,
}

fn ways(activity: &Activity, language: Language, place: impl Fn(&ActivityId) -> (bool, bool)) -> Vec<Way> {
    let shown = route::ways(activity).into_iter().map(|(took, target)| {
        let (back, below) = place(&target.to);
        Way {
            words: way(activity, &took, language),
            to: target.to.clone(),
            back,
            below: below && took == Took::Next,
        }
    });
    shown.collect()
}

/// What a way is called; nothing for the only one.
#[must_use]
pub fn way(activity: &Activity, took: &Took, language: Language) -> String {
    match took {
        Took::Next => String::new(),
        Took::Yes => language::way_yes(language),
        Took::No if activity.work() == Work::Run => language::way_failed(language),
        Took::No => language::way_no(language),
        Took::Branch(word) => escape::visible(word),
        Took::Limit => {
            let limit = activity.attempts.as_ref().map_or(0, |attempts| attempts.limit);
            language::way_limit(language, limit)
        }
    }
}

fn block(
    procedure: &Procedure,
    activity: &Activity,
    (language, columns): (Language, usize),
    ways: &[Way],
    mark: Option<Mark>,
    out: &mut Vec<String>,
) {
    let wide = columns - INDENT;
    let plain = |way: &Way| way.below;
    let others: Vec<&Way> = ways.iter().filter(|way| !plain(way)).collect();
    let goes_on = ways.iter().any(plain);
    let line = if goes_on || !others.is_empty() { '│' } else { ' ' };
    for (at, words) in escape::wrap(activity.text.of(language), wide).into_iter().enumerate() {
        let id = escape::capped(activity.id.short(), INDENT - 3);
        out.push(match at {
            0 => format!("{} {id:<6} {words}", symbol(activity.kind)),
            _ => format!("{line}        {words}"),
        });
    }
    let mut below = under(procedure, activity, language);
    if let Some(mark) = mark {
        below = format!("{} · {below}", mark.words(language));
    }
    for words in escape::wrap(&below, wide) {
        out.push(format!("{line}        {words}").trim_end().to_owned());
    }
    let last = others.len().saturating_sub(1);
    for (at, way) in others.iter().enumerate() {
        let corner = if at == last && !goes_on { '└' } else { '├' };
        let arrow = if way.back { '↑' } else { '→' };
        let to = procedure.activity(&way.to).map_or("", |to| to.text.of(language));
        let gap = if way.words.is_empty() { "" } else { " " };
        let words = format!("{corner}─ {}{gap}{arrow} {} {to}", way.words, escape::visible(way.to.short()));
        out.push(escape::capped(&words, columns).trim_end().to_owned());
    }
    out.push(if goes_on { "│".to_owned() } else { String::new() });
}

/// The line below an activity's text: what it is, by whom, where.
fn under(procedure: &Procedure, activity: &Activity, language: Language) -> String {
    let title = |role: &Role| roles::title_in(procedure, role, language);
    let all = |roles: &[Role], between: &str| roles.iter().map(title).collect::<Vec<_>>().join(between);
    let mut parts = vec![language::activity_kind(activity.kind, language).to_owned()];
    if !activity.signers.is_empty() {
        parts.push(all(&activity.signers, " + "));
    } else if !activity.roles.is_empty() {
        parts.push(all(&activity.roles, " / "));
    }
    if let Some(playbook) = &activity.playbook {
        parts.push(format!("{playbook} {}", activity.phases.join("+")).trim().to_owned());
    }
    if let Some(process) = activity.process.as_ref().and_then(|name| procedure.processes.get(name)) {
        parts.push(process.of(language).to_owned());
    }
    parts.extend(activity.environment.map(|kind| language::environment_kind(kind, language).to_owned()));
    parts.extend(activity.outcome.clone());
    parts.join(" · ")
}

fn symbol(kind: ActivityKind) -> char {
    match (kind, kind.work()) {
        (ActivityKind::Start, _) => '●',
        (ActivityKind::End, _) => '■',
        (ActivityKind::Decision, _) => '◇',
        (_, Work::Gate) => '◆',
        (_, Work::External) => '○',
        (_, Work::Person) => '□',
        (_, Work::Run) => '▶',
        (_, Work::Check) => '▷',
        (_, Work::Automatic) => '·',
    }
}
