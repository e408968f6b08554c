//! Where the items of a backup go: back to where they came from, or, in a rehearsal, to the servers that
//! have their part in another environment.

use super::{Item, ItemManifest, Manifest, Part};
use crate::model::EnvironmentName;

/// Says why an item has no place in another environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The backup playbook selects more or fewer servers here.
    #[error("`{item}` of the backup has no server here: the backup playbook selects another number for it")]
    Servers {
        /// The item's id.
        item: String,
    },
    /// What was copied there is called otherwise here.
    #[error("`{item}` of the backup is not what `{here}` is: their paths, names or commands differ")]
    Source {
        /// The item's id.
        item: String,
        /// The planned one's.
        here: String,
    },
}

/// Whether a part of a backup goes to another environment. Its configuration never does: it names that
/// environment's databases and holds its passwords, and what then runs here would work there.
#[must_use]
pub fn travels(part: Part) -> bool {
    !matches!(part, Part::Configuration | Part::Logs)
}

/// The items of a backup with the servers that they go to in `environment`, where these are `planned`.
/// In another environment than its own, only what [`travels`] goes there: the n-th server of an entry
/// stands for the n-th server that the entry selects there, and what is put there must be the same thing.
pub fn placed(
    manifest: &Manifest,
    environment: &EnvironmentName,
    planned: &[Item],
) -> Result<Vec<ItemManifest>, NoPlace> {
    if manifest.header.environment == *environment {
        return Ok(manifest.items.clone());
    }
    let all: Vec<&Item> = manifest.items.iter().map(|copied| &copied.item).collect();
    let mut placed = Vec::with_capacity(manifest.items.len());
    for copied in manifest.items.iter().filter(|copied| travels(copied.item.part)) {
        let mut copied = copied.clone();
        copied.item.server = counterpart(&copied.item, &all, planned)?.server.clone();
        placed.push(copied);
    }
    Ok(placed)
}

/// The planned item that stands for `item`, which is one of `all`.
fn counterpart<'a>(item: &Item, all: &[&Item], planned: &'a [Item]) -> Result<&'a Item, NoPlace> {
    let there: Vec<_> = all.iter().filter(|one| is_of(one, item)).collect();
    let here: Vec<_> = planned.iter().filter(|one| is_of(one, item)).collect();
    let at = there.iter().position(|one| one.id == item.id);
    let found = at.filter(|_| there.len() == here.len()).and_then(|at| here.get(at).copied());
    let found = found.ok_or_else(|| NoPlace::Servers { item: item.id.clone() })?;
    if found.source != item.source {
        return Err(NoPlace::Source { item: item.id.clone(), here: found.id.clone() });
    }
    Ok(found)
}

/// Whether two items come from the same entry of the backup playbook.
fn is_of(one: &Item, other: &Item) -> bool {
    let entry = |item: &Item| item.id.rsplit('.').next().map(str::to_owned);
    one.part == other.part && entry(one) == entry(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backup::Source, model::ServerName};

    fn item(part: Part, server: &str, path: &str) -> Item {
        Item {
            id: format!("{}.{server}.0", part.as_str()),
            part,
            server: ServerName::parse(server).unwrap(),
            as_user: None,
            source: Source::Paths(vec![path.to_owned()]),
        }
    }

    #[test]
    fn items_go_to_their_counterparts_of_another_environment() {
        let production = [
            item(Part::Configuration, "web-1", "/etc"),
            item(Part::Configuration, "web-2", "/etc"),
            item(Part::Databases, "db", "/srv"),
        ];
        let all: Vec<&Item> = production.iter().collect();
        let test = [
            item(Part::Configuration, "t1", "/etc"),
            item(Part::Configuration, "t2", "/etc"),
            item(Part::Databases, "t1", "/srv"),
        ];
        let to =
            production.iter().map(|item| counterpart(item, &all, &test).unwrap().server.as_str().to_owned());
        assert_eq!(to.collect::<Vec<_>>(), ["t1", "t2", "t1"]);
        let fewer = counterpart(&production[0], &all, &test[1..]);
        assert_eq!(fewer, Err(NoPlace::Servers { item: "configuration.web-1.0".to_owned() }));
        let kept = [Part::Packages, Part::Configuration, Part::Databases, Part::Complementary, Part::Logs];
        assert_eq!(kept.map(travels), [true, false, true, true, false]);
        let elsewhere = [item(Part::Databases, "t1", "/opt")];
        let other = counterpart(&production[2], &all, &elsewhere);
        let (item, here) = ("databases.db.0".to_owned(), "databases.t1.0".to_owned());
        assert_eq!(other, Err(NoPlace::Source { item, here }));
    }
}
