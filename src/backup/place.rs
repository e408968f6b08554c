//! Where the items of a backup go: back to where they came from, or to the servers that have their
//! part in another environment.

use super::Item;
use crate::model::ServerName;
use std::collections::BTreeMap;

/// Says why an item has no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{item}` of the backup has no server here: the backup playbook selects another number of servers for it"
)]
pub struct NoPlace {
    /// The item's id.
    pub item: String,
}

/// The server of each item of a backup, by the item's id. An item goes to the planned one of the same
/// id; otherwise the n-th server of an entry goes to the n-th server that the entry selects here.
pub fn places(items: &[&Item], planned: &[Item]) -> Result<BTreeMap<String, ServerName>, NoPlace> {
    let mut places = BTreeMap::new();
    for item in items {
        let same = planned.iter().find(|one| one.id == item.id && one.server == item.server);
        let place = same.or_else(|| {
            let there: Vec<_> = items.iter().filter(|one| is_of(one, item)).collect();
            let here: Vec<_> = planned.iter().filter(|one| is_of(one, item)).collect();
            let at = there.iter().position(|one| one.id == item.id)?;
            (there.len() == here.len()).then(|| here.get(at).copied()).flatten()
        });
        let place = place.ok_or_else(|| NoPlace { item: item.id.clone() })?;
        places.insert(item.id.clone(), place.server.clone());
    }
    Ok(places)
}

/// Whether two items come from the same entry of the backup playbook.
fn is_of(one: &Item, other: &Item) -> bool {
    let entry = |item: &Item| item.id.rsplit('.').next().map(str::to_owned);
    one.part == other.part && entry(one) == entry(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{Part, Source};

    fn item(part: Part, server: &str, entry: usize) -> Item {
        Item {
            id: format!("{}.{server}.{entry}", part.as_str()),
            part,
            server: ServerName::parse(server).unwrap(),
            as_user: None,
            source: Source::Paths(vec!["/etc".to_owned()]),
        }
    }

    #[test]
    fn items_go_back_to_where_they_came_from_or_to_their_counterpart() {
        let production = [
            item(Part::Configuration, "web-1", 0),
            item(Part::Configuration, "web-2", 0),
            item(Part::Databases, "db", 0),
        ];
        let copied: Vec<&Item> = production.iter().collect();
        let same = places(&copied, &production).unwrap();
        assert!(production.iter().all(|item| same[&item.id] == item.server));
        let test = [
            item(Part::Configuration, "t1", 0),
            item(Part::Configuration, "t2", 0),
            item(Part::Databases, "t1", 0),
        ];
        let other = places(&copied, &test).unwrap();
        let to: Vec<_> = production.iter().map(|item| other[&item.id].as_str()).collect();
        assert_eq!(to, ["t1", "t2", "t1"]);
        let fewer = places(&copied, &test[1..]);
        assert_eq!(fewer, Err(NoPlace { item: "configuration.web-1.0".to_owned() }));
    }
}
