use super::{Mark, Stand, layout, svg, text};
use crate::{
    document::{Diagnostics, Files, Source},
    model::Language,
    procedure::{Procedure, parse_procedure, route},
    report::escape,
};
use std::{fs, path::Path};

struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
    }
}

fn procedure(path: &str) -> Procedure {
    let mut diagnostics = Diagnostics::default();
    let source = Source::read(&Disk, path, &mut diagnostics).unwrap();
    parse_procedure(&source, &Disk, &mut diagnostics).unwrap().procedure
}

fn all() -> impl Iterator<Item = Procedure> {
    let numbers = 1..=6;
    let ours = numbers.clone().map(|number| format!("playbooks/ti-p01/3.2.{number}.yaml"));
    let printed = numbers.map(|number| format!("tests/golden/procedure/printed/3.2.{number}.yaml"));
    ours.chain(printed).map(|path| procedure(&path))
}

#[test]
fn the_text_fits_80_columns_and_names_every_activity_and_every_way() {
    for procedure in all() {
        for language in [Language::Es, Language::En] {
            let text = text(&procedure, language, 80, None);
            assert!(text.lines().all(|line| escape::width(line) <= 80), "{text}");
            for activity in &procedure.activities {
                let head = format!(" {:<6} ", activity.id.short());
                let shown = |line: &str| line.chars().skip(1).collect::<String>().starts_with(&head);
                assert!(text.lines().any(shown), "{}:\n{text}", activity.id);
                for (_, target) in route::ways(activity) {
                    let arrows = ["→", "↑"].map(|arrow| format!("{arrow} {}", target.to.short()));
                    let below = procedure.activities.iter().skip_while(|one| one.id != activity.id).nth(1);
                    let follows = below.is_some_and(|below| below.id == target.to);
                    assert!(follows || arrows.iter().any(|arrow| text.contains(arrow)), "{}", activity.id);
                }
            }
        }
    }
}

#[test]
fn no_two_activities_stand_in_the_same_place_and_every_way_is_drawn() {
    for procedure in all() {
        let layout = layout::layout(&procedure);
        let places: std::collections::BTreeSet<_> = layout.places.values().collect();
        assert_eq!(places.len(), procedure.activities.len());
        let known = |to| procedure.activity(to).is_some();
        let ways =
            procedure.activities.iter().flat_map(route::ways).filter(|(_, way)| known(&way.to)).count();
        assert_eq!(svg(&procedure, Language::Es, None).matches("marker-end").count(), ways);
    }
}

#[test]
fn no_way_crosses_a_box() {
    for procedure in all() {
        let layout = layout::layout(&procedure);
        for activity in &procedure.activities {
            let ways = route::ways(activity);
            for (at, (_, target)) in ways.iter().enumerate() {
                let Some(line) = svg::line(&layout, activity, &target.to, (at, ways.len())) else { continue };
                for pair in line.windows(2) {
                    let crossed = layout.places.iter().find(|(_, (row, column))| {
                        let (x, y) = svg::corner(*row, *column);
                        let inside = |a: usize, b: usize, from: usize, size: usize| {
                            a.max(b) > from && a.min(b) < from + size
                        };
                        inside(pair[0].0, pair[1].0, x, svg::BOX_WIDTH)
                            && inside(pair[0].1, pair[1].1, y, svg::BOX_HEIGHT)
                    });
                    assert_eq!(crossed, None, "{} to {}: {line:?}", activity.id, target.to);
                }
            }
        }
    }
}

#[test]
fn a_hostile_text_cannot_leave_its_place() {
    let mut procedure = procedure("playbooks/ti-p01/3.2.1.yaml");
    procedure.activities[1].text.en = "<script>alert(1)</script>\u{1b}[2J & \"more\"".to_owned();
    let drawing = svg(&procedure, Language::En, None);
    assert!(!drawing.contains("<script") && !drawing.contains('\u{1b}'));
    assert!(drawing.contains("&lt;script&gt;"));
    assert!(!text(&procedure, Language::En, 80, None).contains('\u{1b}'));
}

/// A run of the first of the six that has come to its search, and been left out of one thing.
fn stand() -> (Procedure, Stand) {
    let procedure = procedure("playbooks/ti-p01/3.2.1.yaml");
    let marks = procedure.activities.iter().enumerate().map(|(at, activity)| {
        let mark = Mark::ALL[(at + 1) % Mark::ALL.len()];
        (activity.id.clone(), if mark == Mark::Open { Mark::Done } else { mark })
    });
    let mut stand = Stand { line: "run 1: 3.2.1-04 waits".to_owned(), marks: marks.collect() };
    stand.marks.insert(procedure.activities[3].id.clone(), Mark::Open);
    (procedure, stand)
}

#[test]
fn every_activity_bears_the_sign_of_its_standing_in_text_and_drawing() {
    let (procedure, stand) = stand();
    for language in [Language::Es, Language::En] {
        let page = text(&procedure, language, 80, Some(&stand));
        assert!(page.lines().all(|line| escape::width(line) <= 80), "{page}");
        let drawing = svg(&procedure, language, Some(&stand));
        assert!(drawing.matches("<g").count() == drawing.matches("</g>").count());
        for mark in Mark::ALL {
            let (sign, words) = (mark.sign(), mark.words(language));
            let count = stand.marks.values().filter(|one| **one == mark).count();
            let legend = format!("{sign} {words} ({count})");
            assert!(page.contains(&legend) && drawing.contains(&legend), "{legend}");
            let class = format!("<g class=\"{}\">", mark.class());
            assert_eq!(drawing.matches(&class).count(), count, "{class}");
        }
        for activity in &procedure.activities {
            let sign = stand.mark(&activity.id).sign();
            let head = format!(" {:<6} ", activity.id.short());
            let line = page.lines().find(|line| line.chars().skip(3).collect::<String>().starts_with(&head));
            assert!(line.is_some_and(|line| line.starts_with(sign)), "{}: {line:?}", activity.id);
        }
        assert!(page.lines().any(|line| line.starts_with("┃ │")), "the open one is marked along its lines");
    }
}
