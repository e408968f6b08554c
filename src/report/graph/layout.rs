//! Where the activities of a drawing stand: in rows by how far they are from the start.

use crate::procedure::{ActivityId, Procedure, route};
use std::collections::{BTreeMap, BTreeSet};

/// Rows and columns by activity.
pub(super) struct Layout<'a> {
    /// Row and column, both from 0.
    pub(super) places: BTreeMap<&'a ActivityId, (usize, usize)>,
    /// How many rows.
    pub(super) rows: usize,
    /// Columns of the widest row.
    pub(super) columns: usize,
}

/// Lays a procedure out. Ways that go back do not count for the rows.
pub(super) fn layout(procedure: &Procedure) -> Layout<'_> {
    let forward = forward(procedure);
    let mut rows: BTreeMap<&ActivityId, usize> = BTreeMap::new();
    // The longest way to each; without ways back this settles after as many rounds as activities.
    for _ in 0..procedure.activities.len() {
        let mut changed = false;
        for (from, to) in &forward {
            let row = rows.get(from).copied().unwrap_or(0) + 1;
            if rows.get(to).copied().unwrap_or(0) < row {
                rows.insert(to, row);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut by_row: BTreeMap<usize, Vec<&ActivityId>> = BTreeMap::new();
    for activity in &procedure.activities {
        by_row.entry(rows.get(&activity.id).copied().unwrap_or(0)).or_default().push(&activity.id);
    }
    let mut places: BTreeMap<&ActivityId, (usize, usize)> = BTreeMap::new();
    for (row, ids) in &mut by_row {
        // Below what leads here, as far as that stands already.
        let wanted = |id: &ActivityId| {
            let columns: Vec<usize> = forward
                .iter()
                .filter(|(_, to)| *to == id)
                .filter_map(|(from, _)| places.get(*from).map(|(_, column)| *column))
                .collect();
            columns.iter().sum::<usize>() * 100 / columns.len().max(1)
        };
        let mut order: Vec<(usize, &ActivityId)> = ids.iter().map(|id| (wanted(id), *id)).collect();
        order.sort_by_key(|(wanted, _)| *wanted);
        places.extend(order.into_iter().enumerate().map(|(column, (_, id))| (id, (*row, column))));
    }
    let columns = by_row.values().map(Vec::len).max().unwrap_or(0);
    Layout { rows: by_row.keys().last().map_or(0, |row| row + 1), columns, places }
}

/// The ways that do not close a circle, as a walk from the start finds them.
fn forward(procedure: &Procedure) -> Vec<(&ActivityId, &ActivityId)> {
    let mut found = Vec::new();
    let mut done: BTreeSet<&ActivityId> = BTreeSet::new();
    let mut on_the_way: Vec<(&ActivityId, Vec<&ActivityId>)> = Vec::new();
    let targets = |id: &ActivityId| -> Vec<&ActivityId> {
        let activity = procedure.activity(id);
        let ways = activity.map(route::ways).unwrap_or_default().into_iter();
        let known = ways.filter_map(|(_, target)| procedure.activity(&target.to).map(|to| &to.id));
        known.collect::<Vec<_>>().into_iter().rev().collect()
    };
    let starts = procedure.start().into_iter().chain(&procedure.activities);
    for start in starts {
        if !done.insert(&start.id) {
            continue;
        }
        on_the_way.push((&start.id, targets(&start.id)));
        while let Some((from, open)) = on_the_way.last_mut() {
            let from = *from;
            let Some(to) = open.pop() else {
                on_the_way.pop();
                continue;
            };
            if !on_the_way.iter().any(|(id, _)| *id == to) {
                found.push((from, to));
            }
            if done.insert(to) {
                on_the_way.push((to, targets(to)));
            }
        }
    }
    found
}

/// Whether a way leads to a row below.
pub(super) fn leads_down(layout: &Layout<'_>, from: &ActivityId, to: &ActivityId) -> bool {
    let row = |id: &ActivityId| layout.places.get(id).map_or(0, |(row, _)| *row);
    row(to) > row(from)
}
