//! The graph of a procedure: what can be reached, and where it goes round.

use super::{ActivityId, ActivityKind, Procedure, Took, route};
use std::collections::{BTreeMap, BTreeSet};

/// Edges by activity, in the order of the file.
pub struct Graph<'a> {
    edges: BTreeMap<&'a ActivityId, Vec<(Took, &'a ActivityId)>>,
    order: Vec<&'a ActivityId>,
    ends: Vec<&'a ActivityId>,
}

impl<'a> Graph<'a> {
    /// The graph with every way, also those to activities that do not exist.
    #[must_use]
    pub fn of(procedure: &'a Procedure) -> Self {
        Self::keeping(procedure, |_, _| true)
    }

    /// The graph with the ways that `keep` wants.
    pub fn keeping(procedure: &'a Procedure, keep: impl Fn(&'a super::Activity, &Took) -> bool) -> Self {
        let edges = procedure.activities.iter().map(|activity| {
            let ways = route::ways(activity).into_iter().filter(|(took, _)| keep(activity, took));
            (&activity.id, ways.map(|(took, target)| (took, &target.to)).collect())
        });
        let ends = procedure.activities.iter().filter(|activity| activity.kind == ActivityKind::End);
        Self {
            edges: edges.collect(),
            order: procedure.activities.iter().map(|activity| &activity.id).collect(),
            ends: ends.map(|activity| &activity.id).collect(),
        }
    }

    /// The ways that remain when every limit of attempts is used up. If these do not go round,
    /// every walk ends: whoever walks for ever uses limited ways only so many times.
    #[must_use]
    pub fn exhausted(procedure: &'a Procedure) -> Self {
        Self::keeping(procedure, |activity, took| match (&activity.attempts, took) {
            (None, _) | (Some(_), Took::Limit) => true,
            (Some(_), Took::No) => false,
            (Some(_), _) => route::limits_noes(activity),
        })
    }

    /// The ways of an activity.
    #[must_use]
    pub fn ways(&self, id: &ActivityId) -> &[(Took, &'a ActivityId)] {
        self.edges.get(id).map_or(&[], Vec::as_slice)
    }

    /// Everything that can be reached from `start`, itself included.
    #[must_use]
    pub fn reached_from(&self, start: &'a ActivityId) -> BTreeSet<&'a ActivityId> {
        let mut reached = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            if self.edges.contains_key(id) && reached.insert(id) {
                open.extend(self.ways(id).iter().map(|(_, to)| *to));
            }
        }
        reached
    }

    /// Everything from which an end can be reached.
    #[must_use]
    pub fn reaching_an_end(&self) -> BTreeSet<&'a ActivityId> {
        let mut good: BTreeSet<&ActivityId> = self.ends.iter().copied().collect();
        loop {
            let more: Vec<&ActivityId> = self
                .order
                .iter()
                .filter(|id| !good.contains(*id))
                .filter(|id| self.ways(id).iter().any(|(_, to)| good.contains(to)))
                .copied()
                .collect();
            if more.is_empty() {
                return good;
            }
            good.extend(more);
        }
    }

    /// The rounds: each set of activities that lead to one another, in the order of the file.
    #[must_use]
    pub fn rounds(&self) -> Vec<Vec<&'a ActivityId>> {
        let after = |id: &'a ActivityId| {
            let ways = self.ways(id).iter().flat_map(|(_, to)| self.reached_from(to));
            ways.collect::<BTreeSet<_>>()
        };
        let reach: BTreeMap<&ActivityId, BTreeSet<&ActivityId>> =
            self.order.iter().map(|id| (*id, after(id))).collect();
        let mut rounds: Vec<Vec<&ActivityId>> = Vec::new();
        for id in &self.order {
            let seen = rounds.iter().any(|round| round.contains(id));
            if seen || !reach[*id].contains(id) {
                continue;
            }
            let together =
                |other: &&&'a ActivityId| reach[*id].contains(**other) && reach[**other].contains(*id);
            rounds.push(self.order.iter().filter(together).copied().collect());
        }
        rounds
    }
}
