//! The drawing: one SVG document without scripts, fonts or anything from outside.

use super::{
    Mark, Stand,
    layout::{self, Layout},
    way,
};
use crate::{
    model::Language,
    procedure::{Activity, ActivityId, ActivityKind, Procedure, Took, Work, route},
    report::{escape, language},
};
use std::fmt::Write as _;

pub(super) const BOX_WIDTH: usize = 216;
pub(super) const BOX_HEIGHT: usize = 74;
const GAP_ACROSS: usize = 34;
const GAP_DOWN: usize = 56;
/// Ways side by side in a gap.
const TRACKS: usize = 8;
const MARGIN: usize = 36;
const TITLE_HEIGHT: usize = 40;
/// Height of a line between title and drawing, and width of a letter there.
const HEADING_LINE: usize = 16;
const LETTER_WIDTH: usize = 7;
/// Characters of a line in a box.
const LINE: usize = 34;
/// Lines of text in a box.
const LINES: usize = 3;

const STYLE: &str = "text{font:11px system-ui,sans-serif;fill:#1b1f24}.t{font-size:16px;font-weight:600}\
.i{font-weight:600}.w{fill:#57606a;font-size:10px}rect,path{stroke:#57606a}path{fill:none;stroke-linejoin:round}\
.back{stroke-dasharray:4 3}.limit{stroke:#9a3412;stroke-dasharray:2 3}\
.person{fill:#fff8e6}.gate{fill:#ffe3de}.external{fill:#efe7fb}.run{fill:#e3f0ff}.check{fill:#e2f5ea}\
.automatic{fill:#f2f4f6}\
.s{font-size:15px;font-weight:700;text-anchor:end}.m{font-size:10px;font-weight:600;text-anchor:end;fill:#57606a}\
.nottaken{opacity:.45}.nottaken>rect{stroke-dasharray:5 4}.notreached{opacity:.7}.failed>rect{stroke:#9a3412}.missing>rect{stroke:#9a3412;stroke-width:2;stroke-dasharray:2 2}\
.excepted>rect{stroke-dasharray:8 3;stroke-width:2}.done>rect,.attested>rect{stroke:#1a5c38;stroke-width:2}\
.open>rect{stroke:#0b3d91;stroke-width:5}.open>.m,.open>.s{fill:#0b3d91}";

/// The graph as an SVG document; with a sign in each box where a run's standing is given.
#[must_use]
pub fn svg(procedure: &Procedure, language: Language, stand: Option<&Stand>) -> String {
    let layout = layout::layout(procedure);
    let width = MARGIN * 2 + layout.columns.max(2) * (BOX_WIDTH + GAP_ACROSS);
    let heading = stand.map(|stand| heading(stand, language, width)).unwrap_or_default();
    let above = MARGIN * 2 + TITLE_HEIGHT + heading.len() * HEADING_LINE;
    let height = above + layout.rows * (BOX_HEIGHT + GAP_DOWN);
    let title = format!("{} {}", procedure.number, procedure.title.of(language));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" lang=\"{language}\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" \
         style=\"fill:#57606a;stroke:none\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" style=\"fill:#fff;stroke:none\"/>\n\
         <text class=\"t\" x=\"{MARGIN}\" y=\"{}\">{title}</text>\n",
        MARGIN + 14,
        title = xml(&title),
    );
    for (at, words) in heading.iter().enumerate() {
        let y = MARGIN + TITLE_HEIGHT - 6 + at * HEADING_LINE;
        let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"{y}\">{}</text>", xml(words));
    }
    let _ = writeln!(out, "<g transform=\"translate(0 {})\">", heading.len() * HEADING_LINE);
    for activity in &procedure.activities {
        arrows(&layout, activity, language, &mut out);
    }
    for activity in &procedure.activities {
        if let Some((row, column)) = layout.places.get(&activity.id) {
            let mark = stand.map(|stand| stand.mark(&activity.id));
            node(activity, language, corner(*row, *column), mark, &mut out);
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The run's line and the legend, in lines that fit the drawing.
fn heading(stand: &Stand, language: Language, width: usize) -> Vec<String> {
    let columns = (width - MARGIN * 2) / LETTER_WIDTH;
    let mut lines = escape::wrap(&stand.line, columns);
    let mut current = String::new();
    for sign in stand.legend(language) {
        if !current.is_empty() && escape::width(&current) + 4 + escape::width(&sign) > columns {
            lines.push(std::mem::take(&mut current));
        }
        // Spaces side by side are one space in a drawing.
        current += if current.is_empty() { "" } else { " | " };
        current += &sign;
    }
    lines.push(current);
    lines
}

pub(super) fn corner(row: usize, column: usize) -> (usize, usize) {
    let x = MARGIN + column * (BOX_WIDTH + GAP_ACROSS);
    (x, MARGIN + TITLE_HEIGHT + row * (BOX_HEIGHT + GAP_DOWN))
}

fn node(
    activity: &Activity,
    language: Language,
    (x, y): (usize, usize),
    mark: Option<Mark>,
    out: &mut String,
) {
    let class = match activity.work() {
        Work::Person => "person",
        Work::Gate => "gate",
        Work::External => "external",
        Work::Run => "run",
        Work::Check => "check",
        Work::Automatic => "automatic",
    };
    let round = match activity.kind {
        ActivityKind::Start | ActivityKind::End => BOX_HEIGHT / 2,
        ActivityKind::Decision | ActivityKind::Gate => 18,
        _ => 3,
    };
    let full = escape::visible(activity.text.of(language));
    let kind = language::activity_kind(activity.kind, language);
    let roles: Vec<&str> = activity.answering().iter().map(AsRef::as_ref).collect();
    let _ = writeln!(
        out,
        "<g{}><title>{}</title><rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" \
         height=\"{BOX_HEIGHT}\" rx=\"{round}\"/>",
        mark.map(|mark| format!(" class=\"{}\"", mark.class())).unwrap_or_default(),
        xml(&format!("{} {full} ({kind}: {})", activity.id, roles.join(", "))),
    );
    // Round corners leave less room.
    let inset = if round == BOX_HEIGHT / 2 { 28 } else { 12 };
    let (left, mut line) = (x + inset, y + 17);
    if let Some(mark) = mark {
        let right = x + BOX_WIDTH - inset;
        let _ = writeln!(out, "<text class=\"s\" x=\"{right}\" y=\"{}\">{}</text>", y + 19, mark.sign());
        let words = xml(&mark.words(language));
        let _ = writeln!(out, "<text class=\"m\" x=\"{right}\" y=\"{}\">{words}</text>", y + BOX_HEIGHT - 6);
    }
    let head = escape::capped(&format!("{} · {kind}", activity.id.short()), LINE);
    let _ = writeln!(out, "<text class=\"i\" x=\"{left}\" y=\"{line}\">{}</text>", xml(&head));
    let mut lines = escape::wrap(&full, LINE);
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            *last = escape::capped(&format!("{last}……"), LINE.min(escape::width(last) + 1));
        }
    }
    for words in lines {
        line += 15;
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{line}\">{}</text>", xml(&words));
    }
    out.push_str("</g>\n");
}

fn arrows(layout: &Layout<'_>, activity: &Activity, language: Language, out: &mut String) {
    let ways = route::ways(activity);
    for (at, (took, target)) in ways.iter().enumerate() {
        let Some(line) = line(layout, activity, &target.to, (at, ways.len())) else { continue };
        let class = match (took, layout::leads_down(layout, &activity.id, &target.to)) {
            (Took::Limit, _) => "limit",
            (_, false) => "back",
            _ => "on",
        };
        let points: Vec<String> = line.iter().map(|(x, y)| format!("{x} {y}")).collect();
        let _ = writeln!(out, "<path class=\"{class}\" d=\"M{}\" marker-end=\"url(#a)\"/>", points.join("L"));
        let words = way(activity, took, language);
        if let Some((x, y)) = line.first().filter(|_| !words.is_empty()) {
            let _ =
                writeln!(out, "<text class=\"w\" x=\"{}\" y=\"{}\">{}</text>", x + 3, y + 11, xml(&words));
        }
    }
}

/// The corners of a way: it leaves below its box, keeps to the gaps between rows and columns, and
/// comes from above. So that ways stay apart, each has a track of its own in the gaps.
pub(super) fn line(
    layout: &Layout<'_>,
    activity: &Activity,
    to: &ActivityId,
    (at, count): (usize, usize),
) -> Option<Vec<(usize, usize)>> {
    let (row, column) = *layout.places.get(&activity.id)?;
    let (to_row, to_column) = *layout.places.get(to)?;
    let ((x, y), (to_x, to_y)) = (corner(row, column), corner(to_row, to_column));
    let track = (row * 5 + column * 3 + at) % TRACKS;
    let start = (x + BOX_WIDTH * (at + 1) / (count + 1), y + BOX_HEIGHT);
    let below = start.1 + 14 + track * 3;
    let end = (to_x + BOX_WIDTH / 2 - TRACKS * 2 + track * 4, to_y);
    if to_row == row + 1 {
        return Some(vec![start, (start.0, below), (end.0, below), end]);
    }
    // Down on the left of where it leads, up on the right of where it comes from.
    let beside = if to_row > row { to_x - 6 - track * 3 } else { x + BOX_WIDTH + 6 + track * 3 };
    let above = to_y - 8 - track;
    Some(vec![start, (start.0, below), (beside, below), (beside, above), (end.0, above), end])
}

/// Text inside of XML; what cannot stand there was made visible before.
fn xml(text: &str) -> String {
    let text = escape::visible(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
