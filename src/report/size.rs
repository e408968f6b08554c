//! Sizes in people's words.

use crate::model::Language;

const UNITS: [&str; 7] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// `bytes` with one decimal below ten, with a comma in Spanish: `1,4 GiB`. Rounded to the nearest.
#[must_use]
pub fn words(bytes: u64, language: Language) -> String {
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut unit = 1;
    let mut divisor: u128 = 1024;
    let bytes = u128::from(bytes);
    // The next unit from 1023.5 on, so that nothing is ever written `1024 KiB`.
    while unit + 1 < UNITS.len() && bytes * 2 >= divisor * 2047 {
        (unit, divisor) = (unit + 1, divisor * 1024);
    }
    let tenths = (bytes * 10 + divisor / 2) / divisor;
    if tenths >= 100 {
        return format!("{} {}", (bytes + divisor / 2) / divisor, UNITS[unit]);
    }
    let point = if language == Language::Es { ',' } else { '.' };
    format!("{}{point}{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_one_decimal() {
        for (bytes, english, spanish) in [
            (0, "0 bytes", "0 bytes"),
            (1023, "1023 bytes", "1023 bytes"),
            (1024, "1.0 KiB", "1,0 KiB"),
            (1_500_000_000, "1.4 GiB", "1,4 GiB"),
            (1024 * 1024 - 1, "1.0 MiB", "1,0 MiB"),
            (50 * 1024, "50 KiB", "50 KiB"),
            (u64::MAX, "16 EiB", "16 EiB"),
        ] {
            assert_eq!(words(bytes, Language::En), english);
            assert_eq!(words(bytes, Language::Es), spanish);
        }
    }
}
