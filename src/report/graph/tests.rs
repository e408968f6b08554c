use super::{layout, svg, text};
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
