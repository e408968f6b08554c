//! Which backups stay.

use super::{BackupId, Keep};
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// A backup of one system in one environment, as far as keeping it is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: BackupId,
    /// When it was begun.
    pub taken_at: Timestamp,
    /// Whether it was read back and nothing has spoken against it since.
    pub verified: bool,
    /// Whether a person, or a run that is not final, holds on to it.
    pub pinned: bool,
}

/// What stays and what goes, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    /// These stay.
    pub keep: Vec<BackupId>,
    /// These may be removed.
    pub remove: Vec<BackupId>,
}

/// Sorts backups of one system in one environment into those that stay and those that go.
///
/// Days, weeks and months are those of `zone`; each keeps its newest verified backup. Nothing goes
/// when `keep` says nothing, and never the newest verified one; one that is not verified goes only
/// when a newer one is.
#[must_use]
pub fn retain(keep: &Keep, rows: &[Candidate], zone: &TimeZone) -> Retention {
    let mut rows: Vec<&Candidate> = rows.iter().collect();
    rows.sort_by(|a, b| (b.taken_at, &b.id).cmp(&(a.taken_at, &a.id)));
    let rules = [
        (keep.last, Period::Each),
        (keep.daily, Period::Day),
        (keep.weekly, Period::Week),
        (keep.monthly, Period::Month),
    ];
    let silent = rules.iter().all(|(count, _)| count.is_none());
    let mut stay: BTreeSet<&BackupId> = BTreeSet::new();
    for (count, period) in rules {
        let mut taken: BTreeMap<i64, &BackupId> = BTreeMap::new();
        for (at, row) in rows.iter().filter(|row| row.verified).enumerate() {
            let slot = period.slot(at, row.taken_at, zone);
            if taken.len() < count.unwrap_or(0) as usize && !taken.contains_key(&slot) {
                taken.insert(slot, &row.id);
            }
        }
        stay.extend(taken.into_values());
    }
    let newest = rows.iter().position(|row| row.verified);
    let mut retention = Retention::default();
    for (at, row) in rows.iter().enumerate() {
        let guarded = newest.is_none_or(|newest| at <= newest);
        if silent || guarded || row.pinned || stay.contains(&row.id) {
            retention.keep.push(row.id.clone());
        } else {
            retention.remove.push(row.id.clone());
        }
    }
    retention
}

#[derive(Clone, Copy)]
enum Period {
    Each,
    Day,
    Week,
    Month,
}

impl Period {
    /// A number that is the same for all moments of one period.
    fn slot(self, at: usize, moment: Timestamp, zone: &TimeZone) -> i64 {
        let instant = jiff::Timestamp::from_millisecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = zone.to_datetime(instant).date();
        match self {
            Self::Each => i64::try_from(at).unwrap_or(i64::MAX),
            Self::Day => {
                i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
            }
            Self::Week => {
                let week = date.iso_week_date();
                i64::from(week.year()) * 100 + i64::from(week.week())
            }
            Self::Month => i64::from(date.year()) * 100 + i64::from(date.month()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn row(day: i64, verified: bool) -> Candidate {
        let id = BackupId::parse(&format!("b{day:03}")).unwrap();
        Candidate { id, taken_at: Timestamp(day * DAY + 1000), verified, pinned: false }
    }

    fn removed(keep: &Keep, rows: &[Candidate]) -> Vec<String> {
        let mut gone: Vec<String> =
            retain(keep, rows, &TimeZone::UTC).remove.iter().map(ToString::to_string).collect();
        gone.sort();
        gone
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_periods() {
        let rows: Vec<_> = (0..5).map(|day| row(day, true)).collect();
        let keep = Keep { last: Some(1), daily: Some(3), ..Keep::default() };
        assert_eq!(removed(&keep, &rows), ["b000", "b001"]);
        let monthly = Keep { monthly: Some(2), ..Keep::default() };
        let rows: Vec<_> = [1, 20, 40, 50, 70].map(|day| row(day, true)).to_vec();
        assert_eq!(removed(&monthly, &rows), ["b001", "b020", "b040"]);
    }

    #[test]
    fn the_newest_verified_backup_never_goes() {
        let keep = Keep { last: Some(0), ..Keep::default() };
        let rows = [row(1, true), row(2, false), row(3, true), row(4, false)];
        assert_eq!(removed(&keep, &rows), ["b001", "b002"]);
        assert!(removed(&keep, &[row(1, false), row(2, false)]).is_empty());
    }

    #[test]
    fn silence_and_pins_keep() {
        let rows: Vec<_> = (0..5).map(|day| row(day, true)).collect();
        assert!(removed(&Keep::default(), &rows).is_empty());
        let mut rows = rows;
        rows[0].pinned = true;
        assert_eq!(removed(&Keep { last: Some(1), ..Keep::default() }, &rows), ["b001", "b002", "b003"]);
    }
}
