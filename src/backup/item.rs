//! The items of a backup: what each entry of the backup playbook means on each server.

use super::source::{apt, custom, files, mariadb, postgresql, sqlite};
use super::{BackupError, BackupSpec, Item, ItemManifest, PartSpec, Source, Structure, Waiver};
use crate::model::{RunAs, Script, ServerName};
use std::time::Duration;

/// Resolves the selectors of `spec`: one item for each entry and server, in the order of the parts.
pub fn items(spec: &BackupSpec, select: impl Fn(&str) -> Vec<ServerName>) -> Result<Vec<Item>, BackupError> {
    let mut items = Vec::new();
    let mut parts: Vec<_> = spec.parts.iter().collect();
    parts.sort_by_key(|(part, _)| *part);
    for (part, contents) in parts {
        let PartSpec::Entries(entries) = contents else { continue };
        for (at, entry) in entries.iter().enumerate() {
            let servers = select(&entry.at);
            if servers.is_empty() {
                let selector = entry.at.escape_debug().to_string();
                return Err(BackupError::NoServer { part: part.as_str(), selector });
            }
            for server in servers {
                let item = Item {
                    id: format!("{}.{server}.{at}", part.as_str()),
                    part: *part,
                    server,
                    as_user: entry.as_user.clone(),
                    source: entry.source.clone(),
                };
                if !item.has_template() {
                    item.check()?;
                }
                items.push(item);
            }
        }
    }
    Ok(items)
}

/// The parts that are left out with a reason.
#[must_use]
pub fn waivers(spec: &BackupSpec) -> Vec<Waiver> {
    let waiver = |(part, contents): &(_, PartSpec)| match contents {
        PartSpec::None(reason) => Some(Waiver { part: *part, reason: reason.clone() }),
        PartSpec::Entries(_) => None,
    };
    spec.parts.iter().filter_map(waiver).collect()
}

impl Item {
    /// Whether its values are known only once its server's variables stand in them: then
    /// [`Item::check`] comes after that.
    fn has_template(&self) -> bool {
        let open = |text: &String| text.contains("{{") || text.contains("{%");
        match &self.source {
            Source::Apt(texts) | Source::Paths(texts) => texts.iter().any(open),
            Source::Postgresql(text) | Source::Mariadb(text) | Source::Sqlite(text) => open(text),
            Source::Custom { dump, load, check, gone, .. } => {
                dump.iter().chain(load).chain(check.iter().flatten()).chain(gone.iter().flatten()).any(open)
            }
        }
    }

    /// Refuses values that no script can carry safely.
    pub fn check(&self) -> Result<(), BackupError> {
        match &self.source {
            Source::Apt(names) => apt::check(self, names),
            Source::Paths(paths) => files::check(self, paths),
            Source::Postgresql(name) | Source::Mariadb(name) => database_name(self, name),
            Source::Sqlite(path) => files::check(self, std::slice::from_ref(path)),
            Source::Custom { dump, load, check, gone, .. } => {
                custom::check(self, dump, load, check.as_deref(), gone.as_deref())
            }
        }
    }

    /// As whom the item's scripts run.
    #[must_use]
    pub fn run_as(&self) -> RunAs {
        match (&self.as_user, &self.source) {
            (Some(user), _) => RunAs::User(user.clone()),
            (None, Source::Postgresql(_)) => RunAs::User("postgres".into()),
            (None, _) => RunAs::Root,
        }
    }

    /// Asks whether a copy is possible and how large it will be; changes nothing.
    #[must_use]
    pub fn preflight(&self) -> Script {
        let Script(text) = match &self.source {
            Source::Apt(names) => apt::preflight(names),
            Source::Paths(paths) => files::preflight(paths),
            Source::Postgresql(name) => postgresql::preflight(name),
            Source::Mariadb(name) => mariadb::preflight(name),
            Source::Sqlite(path) => sqlite::preflight(path),
            Source::Custom { dump, .. } => custom::preflight(dump),
        };
        Script::new(format!("{ROOM}{text}"))
    }

    /// Writes the copy to standard output.
    #[must_use]
    pub fn dump(&self) -> Script {
        self.copy(false)
    }

    /// Writes a copy of what is there to standard output, leaving out what is gone: taken before a
    /// restore, so that nothing newer than the backup is lost for good.
    #[must_use]
    pub fn safety_dump(&self) -> Script {
        self.copy(true)
    }

    /// How long the copy may send nothing. What makes the whole copy before it sends anything has
    /// longer.
    #[must_use]
    pub fn silence(&self) -> Duration {
        let minutes = match &self.source {
            Source::Paths(_) | Source::Postgresql(_) | Source::Mariadb(_) => 30,
            Source::Apt(_) | Source::Sqlite(_) | Source::Custom { .. } => 6 * 60,
        };
        Duration::from_secs(minutes * 60)
    }

    fn copy(&self, safety: bool) -> Script {
        match &self.source {
            Source::Apt(names) => apt::dump(names, safety),
            Source::Paths(paths) => files::dump(paths, safety),
            Source::Postgresql(name) => postgresql::dump(name, safety),
            Source::Mariadb(name) => mariadb::dump(name, safety),
            Source::Sqlite(path) => sqlite::dump(path, safety),
            Source::Custom { dump, check, gone, .. } => {
                custom::dump(dump, check.as_deref(), gone.as_deref(), safety)
            }
        }
    }

    /// What a whole copy looks like.
    #[must_use]
    pub fn structure(&self) -> Structure {
        match &self.source {
            Source::Apt(_) | Source::Paths(_) | Source::Sqlite(_) => Structure::Tar,
            Source::Postgresql(_) => Structure::Postgresql,
            Source::Mariadb(_) => Structure::Mariadb,
            Source::Custom { .. } => Structure::Custom,
        }
    }

    /// Puts the copy back; the plain copy lies at `$BLOBS/<digest>`, readable by [`Item::run_as`].
    ///
    /// The script may be run again after a fault, and does nothing before the digest fits.
    #[must_use]
    pub fn restore(&self, manifest: &ItemManifest) -> Script {
        match &self.source {
            Source::Apt(_) => apt::restore(manifest),
            Source::Paths(paths) => files::restore(paths, manifest),
            Source::Postgresql(name) => postgresql::restore(name, manifest),
            Source::Mariadb(_) => mariadb::restore(manifest),
            Source::Sqlite(path) => sqlite::restore(path, manifest),
            Source::Custom { load, .. } => custom::restore(load, manifest),
        }
    }
}

/// How many bytes a restore could be sent.
const ROOM: &str =
    "df -Pk \"${BLOBS:-/}\" 2>/dev/null | awk 'NR == 2 {printf \"room %.0f\\n\", $4 * 1024}'\n";

fn database_name(item: &Item, name: &str) -> Result<(), BackupError> {
    let good = |c: char| c.is_alphanumeric() || "_-.$ ".contains(c);
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !name.chars().all(good) {
        return Err(BackupError::Value {
            item: item.id.clone(),
            value: name.escape_debug().to_string(),
            reason: "is no name of a database: use letters, digits, `_`, `-`, `.`, `$` and spaces",
        });
    }
    Ok(())
}
