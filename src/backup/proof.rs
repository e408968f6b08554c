//! The proof that a backup is whole: a type that only a comparison makes.

use super::manifest::FORMAT;
use super::{BackupError, BackupId, Manifest, Part, Purpose};
use crate::model::{Digest, EnvironmentName, RunId, SystemName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the vault gave back of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBackItem {
    /// Digest of the bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
}

/// What the vault gave back of a whole backup after it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// Digest of the manifest's text.
    pub manifest: Digest,
    /// The items by id; each one's structure was read without fault.
    pub items: BTreeMap<String, ReadBackItem>,
}

/// The form in which a proof is kept in journals and databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifiedBackupRecord {
    /// The backup.
    pub backup: BackupId,
    /// Whose.
    pub system: SystemName,
    /// Where.
    pub environment: EnvironmentName,
    /// The run that took it.
    pub run: RunId,
    /// When it was begun.
    pub taken_at: Timestamp,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Bytes of the plain copies.
    pub size: u64,
    /// Number of items.
    pub items: u64,
    /// What was odd and yet let through.
    pub warnings: Vec<String>,
}

impl VerifiedBackupRecord {
    /// Gives back the proof that `run` recorded earlier; another run's record is refused.
    pub fn replay(&self, run: &RunId) -> Result<VerifiedBackup, BackupError> {
        if self.run != *run {
            let id = self.backup.to_string();
            return Err(BackupError::NotThisOne { id, reason: "was taken by another run" });
        }
        Ok(VerifiedBackup { record: self.clone() })
    }
}

/// A full backup that was read back from the vault and found equal to what was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBackup {
    record: VerifiedBackupRecord,
}

impl VerifiedBackup {
    /// Compares what was read back with the manifest, and the manifest with what was planned.
    pub fn prove(manifest: &Manifest, read: &ReadBack) -> Result<Self, BackupError> {
        if manifest.header.purpose != Purpose::Full {
            let id = manifest.header.id.to_string();
            return Err(BackupError::NotThisOne { id, reason: "is no full backup" });
        }
        every_part_is_there(manifest)?;
        Self::prove_copy(manifest, read)
    }

    /// Compares what was read back with the manifest, whatever the copy was made for. Only what is
    /// put back by a person is proven like this: a run's own backup is [`Self::prove`]d to be full.
    pub fn prove_copy(manifest: &Manifest, read: &ReadBack) -> Result<Self, BackupError> {
        let header = &manifest.header;
        compare(manifest, read)?;
        let warnings = manifest.items.iter().flat_map(|item| item.warnings.iter().cloned()).collect();
        Ok(Self {
            record: VerifiedBackupRecord {
                backup: header.id.clone(),
                system: header.system.clone(),
                environment: header.environment.clone(),
                run: header.run.clone(),
                taken_at: header.taken_at,
                manifest: read.manifest,
                size: manifest.size(),
                items: manifest.items.len() as u64,
                warnings,
            },
        })
    }

    /// The form for journals.
    #[must_use]
    pub fn record(&self) -> VerifiedBackupRecord {
        self.record.clone()
    }

    /// The backup's id.
    #[must_use]
    pub fn id(&self) -> &BackupId {
        &self.record.backup
    }

    /// The run that took it.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.record.run
    }

    /// The system.
    #[must_use]
    pub fn system(&self) -> &SystemName {
        &self.record.system
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.record.environment
    }

    /// When it was begun.
    #[must_use]
    pub fn taken_at(&self) -> Timestamp {
        self.record.taken_at
    }

    /// Digest of the manifest.
    #[must_use]
    pub fn manifest(&self) -> Digest {
        self.record.manifest
    }

    /// Bytes of the plain copies.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.record.size
    }

    /// What was odd and yet let through.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.record.warnings
    }
}

/// Compares every digest and size; used for copies of any purpose.
pub fn compare(manifest: &Manifest, read: &ReadBack) -> Result<(), BackupError> {
    if manifest.format != FORMAT {
        return Err(BackupError::Manifest(format!("format {} is not {FORMAT}", manifest.format)));
    }
    let planned = &manifest.header.items;
    let found =
        planned.iter().filter(|item| manifest.item(&item.id).is_some_and(|m| m.item == **item)).count();
    if found != planned.len() || manifest.items.len() != planned.len() || planned.is_empty() {
        return Err(BackupError::Incomplete { found, planned: planned.len() });
    }
    let differs = |item: &str, what| BackupError::ReadBack { item: item.to_owned(), what };
    if manifest.digest()? != read.manifest {
        return Err(differs("manifest", "digest"));
    }
    for item in &manifest.items {
        let id = item.item.id.as_str();
        let back = read.items.get(id).ok_or_else(|| differs(id, "absence"))?;
        if back.size != item.size {
            return Err(differs(id, "size"));
        }
        if back.digest != item.digest {
            return Err(differs(id, "digest"));
        }
    }
    Ok(())
}

fn every_part_is_there(manifest: &Manifest) -> Result<(), BackupError> {
    for part in Part::REQUIRED {
        let copied = manifest.items.iter().any(|item| item.item.part == part);
        let waived = manifest
            .header
            .waived
            .iter()
            .any(|waiver| waiver.part == part && !waiver.reason.trim().is_empty());
        if !copied && !waived {
            return Err(BackupError::MissingPart(part));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{Header, Item, ItemManifest, Source, Waiver};
    use crate::model::{ServerName, Status};

    fn manifest() -> Manifest {
        let items: Vec<Item> = Part::REQUIRED[..3]
            .iter()
            .map(|part| Item {
                id: format!("{}.web-1.0", part.as_str()),
                part: *part,
                server: ServerName::parse("web-1").unwrap(),
                as_user: None,
                source: Source::Paths(vec!["/etc/x".into()]),
            })
            .collect();
        let copied = items.iter().map(|item| ItemManifest {
            item: item.clone(),
            digest: Digest::of(item.id.as_bytes()),
            size: 7,
            files: Vec::new(),
            tools: BTreeMap::new(),
            status: Status::Exited(0),
            warnings: Vec::new(),
        });
        Manifest {
            format: FORMAT,
            items: copied.collect(),
            header: Header {
                id: BackupId::parse("b1").unwrap(),
                system: SystemName::parse("wiki").unwrap(),
                environment: EnvironmentName::parse("test").unwrap(),
                run: RunId("r1".into()),
                purpose: Purpose::Full,
                taken_at: Timestamp(5),
                items,
                waived: vec![Waiver { part: Part::Complementary, reason: "there is none".into() }],
                quiesced: Vec::new(),
            },
        }
    }

    fn read(manifest: &Manifest) -> ReadBack {
        let item = |item: &ItemManifest| {
            (item.item.id.clone(), ReadBackItem { digest: item.digest, size: item.size })
        };
        ReadBack { manifest: manifest.digest().unwrap(), items: manifest.items.iter().map(item).collect() }
    }

    #[test]
    fn a_backup_that_reads_back_equal_is_proven_and_replays_only_for_its_run() {
        let manifest = manifest();
        let proof = VerifiedBackup::prove(&manifest, &read(&manifest)).unwrap();
        let json = serde_json::to_string(&proof.record()).unwrap();
        let record: VerifiedBackupRecord = serde_json::from_str(&json).unwrap();
        assert_eq!(record.replay(&RunId("r1".into())).unwrap(), proof);
        assert!(record.replay(&RunId("r2".into())).is_err());
        assert_eq!(Manifest::parse(manifest.text().unwrap().as_bytes()).unwrap(), manifest);
    }

    #[test]
    fn whatever_differs_is_no_backup() {
        type Damage = fn(&mut Manifest, &mut ReadBack);
        let damages: [(&str, Damage); 9] = [
            ("digest", |m, r| r.items.get_mut(&m.items[0].item.id).unwrap().digest = Digest::of(b"other")),
            ("size", |m, r| r.items.get_mut(&m.items[1].item.id).unwrap().size += 1),
            ("absence", |m, r| r.items.retain(|id, _| *id != m.items[2].item.id)),
            ("manifest", |_, r| r.manifest = Digest::of(b"other")),
            ("reason", |m, _| m.header.waived[0].reason = "  ".into()),
            ("waiver", |m, _| m.header.waived.clear()),
            ("dropped item", |m, _| m.items.truncate(2)),
            ("purpose", |m, _| m.header.purpose = Purpose::Safety),
            ("format", |m, _| m.format = 2),
        ];
        for (what, damage) in damages {
            let mut manifest = manifest();
            let mut back = read(&manifest);
            damage(&mut manifest, &mut back);
            if what != "manifest" && what != "digest" && what != "size" && what != "absence" {
                back.manifest = manifest.digest().unwrap();
            }
            assert!(VerifiedBackup::prove(&manifest, &back).is_err(), "{what}");
        }
    }
}
