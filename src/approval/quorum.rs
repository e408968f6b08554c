//! One person for each role that is asked, nobody twice: a matching, not a count.

use crate::model::Role;
use std::collections::BTreeSet;

/// Assigns people to the roles of `each`; `people[i]` are the roles in which person `i` decided.
///
/// Returns for each role the person, or nothing; as many roles as possible have one.
#[must_use]
pub fn assign(each: &[Role], people: &[BTreeSet<Role>]) -> Vec<Option<usize>> {
    let mut holder = vec![None; each.len()];
    for person in 0..people.len() {
        place(person, each, people, &mut holder, &mut BTreeSet::new());
    }
    holder
}

/// Gives `person` a role, moving others to another role of theirs if that makes room.
fn place(
    person: usize,
    each: &[Role],
    people: &[BTreeSet<Role>],
    holder: &mut Vec<Option<usize>>,
    tried: &mut BTreeSet<usize>,
) -> bool {
    for (slot, role) in each.iter().enumerate() {
        if !people[person].contains(role) || !tried.insert(slot) {
            continue;
        }
        let free = match holder[slot] {
            None => true,
            Some(other) => place(other, each, people, holder, tried),
        };
        if free {
            holder[slot] = Some(person);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn roles(bits: u8) -> BTreeSet<Role> {
        (0..4).filter(|bit| bits & (1 << bit) != 0).map(role).collect()
    }

    fn role(index: u8) -> Role {
        Role::parse(&format!("role{index}")).unwrap()
    }

    fn most(each: &[Role], people: &[BTreeSet<Role>], used: &mut Vec<bool>) -> usize {
        let Some((role, rest)) = each.split_first() else { return 0 };
        let mut best = most(rest, people, used);
        for person in 0..people.len() {
            if !used[person] && people[person].contains(role) {
                used[person] = true;
                best = best.max(1 + most(rest, people, used));
                used[person] = false;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn assigns_as_many_as_trying_everything(
            each in prop::collection::vec(0u8..4, 0..5),
            people in prop::collection::vec(0u8..16, 0..5),
        ) {
            let each: Vec<_> = each.into_iter().map(role).collect();
            let people: Vec<_> = people.into_iter().map(roles).collect();
            let holder = assign(&each, &people);
            let held: Vec<_> = holder.iter().flatten().collect();
            prop_assert_eq!(held.len(), most(&each, &people, &mut vec![false; people.len()]));
            prop_assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), held.len());
            for (slot, person) in holder.iter().enumerate() {
                prop_assert!(person.is_none_or(|person| people[person].contains(&each[slot])));
            }
        }
    }
}
