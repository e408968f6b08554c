//! When a change may start.
//!
//! Days and hours are of the window's own time zone, also where clocks are set forward or back: a time that
//! does not exist moves forward, of one that exists twice the first counts.

use crate::model::{Timestamp, Window};
use jiff::{ToSpan as _, civil, tz::TimeZone};

/// How far ahead an opening is looked for, in days. Windows repeat weekly.
pub const LOOK_AHEAD_DAYS: i32 = 35;
const WEEK_MINUTES: usize = 7 * 1440;

/// Whether changes may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// They may.
    Open {
        /// When not any more; nothing means not within [`LOOK_AHEAD_DAYS`].
        closes: Option<Timestamp>,
    },
    /// They may not.
    Closed {
        /// When again; nothing means not within [`LOOK_AHEAD_DAYS`], or that the window cannot be read.
        opens: Option<Timestamp>,
    },
}

/// From the first moment to just before the second.
type Interval = (Timestamp, Timestamp);

/// Whether all of `windows` are open at `now`; no window at all is always open.
#[must_use]
pub fn is_open(windows: &[Window], now: Timestamp) -> Opening {
    if windows.is_empty() {
        return Opening::Open { closes: None };
    }
    let mut common: Option<Vec<Interval>> = None;
    for window in windows {
        // A window that cannot be read is never open.
        let Some(intervals) = intervals(window, now) else { return Opening::Closed { opens: None } };
        common = Some(match common {
            None => intervals,
            Some(before) => intersect(&before, &intervals),
        });
    }
    let common = common.unwrap_or_default();
    let horizon = now.plus_seconds(i64::from(LOOK_AHEAD_DAYS) * 86_400);
    match common.iter().find(|(_, end)| *end > now) {
        Some((start, end)) if *start <= now => Opening::Open { closes: (*end < horizon).then_some(*end) },
        Some((start, _)) => Opening::Closed { opens: Some(*start) },
        None => Opening::Closed { opens: None },
    }
}

/// Whether every minute of the week in `inner` is also in `outer`. Of different zones it is said to be not.
#[must_use]
pub fn within(inner: &Window, outer: &Window) -> bool {
    if inner == outer {
        return true;
    }
    let (Some(inner_minutes), Some(outer_minutes)) = (minutes(inner), minutes(outer)) else { return false };
    inner.zone == outer.zone
        && inner_minutes.iter().zip(&outer_minutes).all(|(inner, outer)| !inner || *outer)
}

/// Whether days, minutes and zone can be read.
#[must_use]
pub fn is_readable(window: &Window) -> bool {
    fits(window) && TimeZone::get(&window.zone).is_ok()
}

fn fits(window: &Window) -> bool {
    window.from_minute < 1440
        && window.to_minute < 1440
        && window.days.iter().all(|day| (1..=7).contains(day))
}

fn starts_on(window: &Window, day: u8) -> bool {
    window.days.is_empty() || window.days.contains(&day)
}

fn minutes(window: &Window) -> Option<Vec<bool>> {
    if !fits(window) {
        return None;
    }
    let mut open = vec![false; WEEK_MINUTES];
    let (from, to) = (usize::from(window.from_minute), usize::from(window.to_minute));
    let length = if to > from { to - from } else { to + 1440 - from };
    for day in (1..=7u8).filter(|day| starts_on(window, *day)) {
        let start = (usize::from(day) - 1) * 1440 + from;
        (start..start + length).for_each(|minute| open[minute % WEEK_MINUTES] = true);
    }
    Some(open)
}

/// The window's intervals around `now`, in order, those that touch joined.
fn intervals(window: &Window, now: Timestamp) -> Option<Vec<Interval>> {
    if !fits(window) {
        return None;
    }
    let zone = TimeZone::get(&window.zone).ok()?;
    let today = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(zone.clone()).date();
    let mut intervals: Vec<Interval> = Vec::new();
    for offset in -2..=LOOK_AHEAD_DAYS + 1 {
        let day = today.checked_add(offset.days()).ok()?;
        if !starts_on(window, u8::try_from(day.weekday().to_monday_one_offset()).ok()?) {
            continue;
        }
        let last = if window.to_minute > window.from_minute { day } else { day.tomorrow().ok()? };
        let start = moment(day, window.from_minute, &zone)?;
        let end = moment(last, window.to_minute, &zone)?;
        match intervals.last_mut() {
            // Where clocks are set forward an end may come before its start: then there is nothing that day.
            _ if end <= start => {}
            Some((_, previous_end)) if start <= *previous_end => *previous_end = end.max(*previous_end),
            _ => intervals.push((start, end)),
        }
    }
    Some(intervals)
}

fn moment(day: civil::Date, minute: u16, zone: &TimeZone) -> Option<Timestamp> {
    let time =
        civil::Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
    let moment = zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok()?;
    Some(Timestamp(moment.as_millisecond()))
}

fn intersect(left: &[Interval], right: &[Interval]) -> Vec<Interval> {
    let mut common = Vec::new();
    for (left_start, left_end) in left {
        for (right_start, right_end) in right {
            let (start, end) = (*left_start.max(right_start), *left_end.min(right_end));
            if start < end {
                common.push((start, end));
            }
        }
    }
    common.sort();
    common
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Zoned>().unwrap().timestamp().as_millisecond())
    }

    fn window(days: &[u8], from: u16, to: u16, zone: &str) -> Window {
        Window {
            days: days.iter().copied().collect(),
            from_minute: from,
            to_minute: to,
            zone: zone.to_owned(),
        }
    }

    #[test]
    fn a_weekend_night_belongs_to_the_day_it_starts() {
        let nights = [window(&[6, 7], 20 * 60, 6 * 60, "America/Bogota")];
        let open = |text: &str| is_open(&nights, at(text));
        // 2026-11-28 is a Saturday.
        let saturday = at("2026-11-28T20:00[America/Bogota]");
        assert_eq!(open("2026-11-28T19:59:59[America/Bogota]"), Opening::Closed { opens: Some(saturday) });
        let sunday_morning = Some(at("2026-11-29T06:00[America/Bogota]"));
        assert_eq!(open("2026-11-28T20:00[America/Bogota]"), Opening::Open { closes: sunday_morning });
        assert_eq!(open("2026-11-29T05:59[America/Bogota]"), Opening::Open { closes: sunday_morning });
        assert!(matches!(open("2026-11-29T06:00[America/Bogota]"), Opening::Closed { .. }));
        assert!(matches!(open("2026-11-30T05:00[America/Bogota]"), Opening::Open { .. }), "Sunday's night");
        assert!(matches!(open("2026-11-28T05:00[America/Bogota]"), Opening::Closed { .. }), "Friday's night");
    }

    #[test]
    fn hours_are_local_where_clocks_change() {
        // In Madrid 2026-03-29 has no 02:30 and 2026-10-25 has it twice.
        let nights = [window(&[], 60, 3 * 60, "Europe/Madrid")];
        let length = |text: &str| match is_open(&nights, at(text)) {
            Opening::Open { closes: Some(closes) } => closes.seconds_since(at(text)) / 3600,
            other => panic!("{other:?}"),
        };
        assert_eq!(length("2026-03-28T01:00[Europe/Madrid]"), 2);
        assert_eq!(length("2026-03-29T01:00[Europe/Madrid]"), 1);
        assert_eq!(length("2026-10-25T01:00[Europe/Madrid]"), 3);
        let gap = [window(&[], 2 * 60 + 15, 2 * 60 + 45, "Europe/Madrid")];
        let moved = at("2026-03-29T03:15[Europe/Madrid]");
        assert_eq!(
            is_open(&gap, at("2026-03-29T00:00[Europe/Madrid]")),
            Opening::Closed { opens: Some(moved) }
        );
    }

    #[test]
    fn two_windows_must_both_be_open_and_may_never_be() {
        let now = at("2026-11-23T06:00[UTC]");
        let both = [window(&[1], 8 * 60, 12 * 60, "UTC"), window(&[], 10 * 60, 20 * 60, "UTC")];
        assert_eq!(is_open(&both, now), Opening::Closed { opens: Some(at("2026-11-23T10:00[UTC]")) });
        let noon = Some(at("2026-11-23T12:00[UTC]"));
        assert_eq!(is_open(&both, at("2026-11-23T11:00[UTC]")), Opening::Open { closes: noon });
        let never = [window(&[1], 0, 60, "UTC"), window(&[2], 120, 180, "UTC")];
        assert_eq!(is_open(&never, now), Opening::Closed { opens: None });
    }

    #[test]
    fn a_window_that_cannot_be_read_is_closed_and_none_at_all_is_open() {
        let now = Timestamp(0);
        for bad in
            [window(&[8], 0, 1, "UTC"), window(&[], 1440, 1, "UTC"), window(&[], 0, 1, "Atlantis/City")]
        {
            assert!(!is_readable(&bad));
            assert_eq!(is_open(&[bad], now), Opening::Closed { opens: None });
        }
        let far = is_open(&[window(&[], 0, 1, "UTC")], Timestamp(i64::MAX));
        assert_eq!(far, Opening::Closed { opens: None });
        assert_eq!(is_open(&[], now), Opening::Open { closes: None });
        assert_eq!(is_open(&[window(&[], 0, 0, "UTC")], now), Opening::Open { closes: None });
    }

    #[test]
    fn a_wider_window_is_not_within_a_narrower_one() {
        let night = window(&[6], 20 * 60, 6 * 60, "UTC");
        let short = window(&[6], 22 * 60, 60, "UTC");
        assert!(within(&short, &night) && !within(&night, &short));
        assert!(within(&window(&[7], 0, 6 * 60, "UTC"), &night), "Sunday's hours of Saturday's night");
        assert!(!within(&window(&[6], 22 * 60, 60, "America/Bogota"), &night));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_is_said_of_now_and_next_agrees_with_the_calendar(
            days in prop::collection::btree_set(1u8..=7, 0..4),
            from in 0u16..1440, to in 0u16..1440,
            second in 1_700_000_000i64..1_900_000_000,
            zone in prop::sample::select(vec!["America/Bogota", "Europe/Madrid", "America/New_York", "UTC"]),
        ) {
            let window = Window { days, from_minute: from, to_minute: to, zone: zone.to_owned() };
            let now = Timestamp(second * 1000);
            let zoned = jiff::Timestamp::from_second(second).unwrap().in_tz(zone).unwrap();
            let changes = (-2..=2).any(|offset: i64| {
                let other = zoned.checked_add(offset.days()).unwrap();
                other.offset() != zoned.offset()
            });
            // Beside the days on which clocks change, the minute of the week decides.
            if !changes {
                let minute = (usize::try_from(zoned.weekday().to_monday_zero_offset()).unwrap()) * 1440
                    + usize::try_from(zoned.hour()).unwrap() * 60 + usize::try_from(zoned.minute()).unwrap();
                let open = matches!(is_open(std::slice::from_ref(&window), now), Opening::Open { .. });
                prop_assert_eq!(open, minutes(&window).unwrap()[minute]);
            }
            let alone = std::slice::from_ref(&window);
            match is_open(alone, now) {
                Opening::Open { closes: Some(closes) } => {
                    prop_assert!(closes > now);
                    let still = matches!(is_open(alone, Timestamp(closes.0 - 1)), Opening::Open { .. });
                    let closed = matches!(is_open(alone, closes), Opening::Closed { .. });
                    prop_assert!(still && closed);
                }
                Opening::Closed { opens } => {
                    let opens = opens.expect("every window opens within a week or two");
                    prop_assert!(opens > now);
                    let before = matches!(is_open(alone, Timestamp(opens.0 - 1)), Opening::Closed { .. });
                    let open = matches!(is_open(alone, opens), Opening::Open { .. });
                    prop_assert!(before && open);
                }
                Opening::Open { closes: None } => prop_assert_eq!(from, to),
            }
        }
    }
}
