//! Points in time in people's words, in the institution's time zone.

use super::escape;
use crate::model::{Language, Timestamp};
use jiff::{Zoned, tz::TimeZone};

const DAYS: [[&str; 2]; 7] = [
    ["Monday", "lunes"],
    ["Tuesday", "martes"],
    ["Wednesday", "miércoles"],
    ["Thursday", "jueves"],
    ["Friday", "viernes"],
    ["Saturday", "sábado"],
    ["Sunday", "domingo"],
];
const MONTHS: [[&str; 2]; 12] = [
    ["January", "enero"],
    ["February", "febrero"],
    ["March", "marzo"],
    ["April", "abril"],
    ["May", "mayo"],
    ["June", "junio"],
    ["July", "julio"],
    ["August", "agosto"],
    ["September", "septiembre"],
    ["October", "octubre"],
    ["November", "noviembre"],
    ["December", "diciembre"],
];

/// `lunes 23 de noviembre de 2026, 01:12`; in UTC, saying so, where the zone is unknown.
#[must_use]
pub fn words(moment: Timestamp, zone: &str, language: Language) -> String {
    let Some((local, mark)) = local(moment, zone) else { return moment.to_string() };
    let column = usize::from(language == Language::Es);
    let index = |number: i8| usize::try_from(number - 1).unwrap_or(0);
    let weekday = DAYS[index(local.weekday().to_monday_one_offset())][column];
    let month = MONTHS[index(local.month())][column];
    let (day, year, hour, minute) = (local.day(), local.year(), local.hour(), local.minute());
    match language {
        Language::En => format!("{weekday} {day} {month} {year}, {hour:02}:{minute:02}{mark}"),
        Language::Es => format!("{weekday} {day} de {month} de {year}, {hour:02}:{minute:02}{mark}"),
    }
}

/// `2026-11-23 01:12`; in UTC, saying so, where the zone is unknown.
#[must_use]
pub fn short(moment: Timestamp, zone: &str) -> String {
    let Some((local, mark)) = local(moment, zone) else { return moment.to_string() };
    format!("{}{mark}", local.strftime("%Y-%m-%d %H:%M"))
}

/// A moment that is kept as text in RFC 3339, as [`short`] tells it; a text that is none stays as it is.
#[must_use]
pub fn short_of(text: &str, zone: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => short(Timestamp(moment.as_millisecond()), zone),
        Err(_) => escape::visible(text),
    }
}

/// `2026-11-23 01:12:03`; in UTC, saying so, where the zone is unknown.
#[must_use]
pub fn exact(moment: Timestamp, zone: &str) -> String {
    let Some((local, mark)) = local(moment, zone) else { return moment.to_string() };
    format!("{}{mark}", local.strftime("%Y-%m-%d %H:%M:%S"))
}

/// The moment in `zone`, and what to add to it: nothing, or ` UTC` where there is no such zone.
fn local(moment: Timestamp, zone: &str) -> Option<(Zoned, &'static str)> {
    let moment = jiff::Timestamp::from_millisecond(moment.0).ok()?;
    Some(match TimeZone::get(zone) {
        Ok(zone) => (moment.to_zoned(zone), ""),
        Err(_) => (moment.to_zoned(TimeZone::UTC), " UTC"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_local_and_never_silently_of_another_zone() {
        let moment = Timestamp(1_795_414_320_000);
        let bogota = "America/Bogota";
        assert_eq!(words(moment, bogota, Language::Es), "lunes 23 de noviembre de 2026, 01:12");
        assert_eq!(words(moment, bogota, Language::En), "Monday 23 November 2026, 01:12");
        assert_eq!(short(moment, bogota), "2026-11-23 01:12");
        assert_eq!(exact(moment, bogota), "2026-11-23 01:12:00");
        assert_eq!(short_of("2026-11-23T06:12:00.000Z", bogota), "2026-11-23 01:12");
        assert_eq!(short_of("yesterday", bogota), "yesterday");
        assert_eq!(short(moment, "Nowhere"), "2026-11-23 06:12 UTC");
        assert_eq!(short(Timestamp(i64::MAX), bogota), format!("{} ms", i64::MAX));
    }
}
