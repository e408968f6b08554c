//! Lengths of time in people's words.

use crate::model::Language;

/// Name of a unit: seconds, then one and several in English, one and several in Spanish.
const UNITS: [(u64, [&str; 4]); 4] = [
    (86_400, ["day", "days", "día", "días"]),
    (3_600, ["hour", "hours", "hora", "horas"]),
    (60, ["minute", "minutes", "minuto", "minutos"]),
    (1, ["second", "seconds", "segundo", "segundos"]),
];

/// The two largest units, as in `2 hours 5 minutes`; smaller ones are left out, not rounded up.
#[must_use]
pub fn words(seconds: i64, language: Language) -> String {
    let name = |count: u64, names: [&'static str; 4]| match (language, count) {
        (Language::En, 1) => names[0],
        (Language::En, _) => names[1],
        (Language::Es, 1) => names[2],
        (Language::Es, _) => names[3],
    };
    join(seconds, |count, names| format!("{count} {}", name(count, names)))
}

/// The same with symbols that both languages share: `2 h 5 min`.
#[must_use]
pub fn short(seconds: i64) -> String {
    join(seconds, |count, names| {
        let symbol = match names[0] {
            "day" => "d",
            "hour" => "h",
            "minute" => "min",
            _ => "s",
        };
        format!("{count} {symbol}")
    })
}

fn join(seconds: i64, write: impl Fn(u64, [&'static str; 4]) -> String) -> String {
    let mut rest = seconds.unsigned_abs();
    let mut parts = Vec::new();
    for (index, (unit, names)) in UNITS.into_iter().enumerate() {
        let count = rest / unit;
        rest %= unit;
        let nothing_yet = parts.is_empty();
        if count > 0 || (nothing_yet && index == UNITS.len() - 1) {
            parts.push(write(count, names));
        }
        // The second unit is the next smaller one or none: `2 days`, not `2 days 3 seconds`.
        if !nothing_yet || parts.len() == 2 {
            break;
        }
    }
    let sign = if seconds < 0 { "-" } else { "" };
    format!("{sign}{}", parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_two_units() {
        for (seconds, english, spanish, symbols) in [
            (0, "0 seconds", "0 segundos", "0 s"),
            (1, "1 second", "1 segundo", "1 s"),
            (7_500, "2 hours 5 minutes", "2 horas 5 minutos", "2 h 5 min"),
            (172_803, "2 days", "2 días", "2 d"),
            (90_061, "1 day 1 hour", "1 día 1 hora", "1 d 1 h"),
            (-61, "-1 minute 1 second", "-1 minuto 1 segundo", "-1 min 1 s"),
        ] {
            assert_eq!(words(seconds, Language::En), english);
            assert_eq!(words(seconds, Language::Es), spanish);
            assert_eq!(short(seconds), symbols);
        }
        assert!(words(i64::MIN, Language::En).starts_with("-1067519"));
    }
}
