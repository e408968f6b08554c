//! Lengths of time, numbers of bytes and file modes, as people write them.

/// Milliseconds of `500ms`, `5s`, `30m`, `24h`, `7d` or `2w`.
#[must_use]
pub fn duration_ms(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    number.checked_mul(factor).filter(|milliseconds| *milliseconds <= i64::MAX.unsigned_abs())
}

/// Bytes of `512`, `512B`, `64KiB`, `1GiB`, `2TB`.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor).filter(|bytes| *bytes <= i64::MAX.unsigned_abs())
}

/// The mode of `0644` or `644`: at most four octal digits.
#[must_use]
pub fn mode(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let good = (3..=4).contains(&digits.len()) && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    good.then(|| u32::from_str_radix(digits, 8).ok()).flatten()
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    Some((text[..digits].parse().ok()?, text[digits..].trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units_and_nothing_else() {
        for (text, wanted) in [
            ("500ms", Some(500)),
            ("5s", Some(5_000)),
            ("30m", Some(1_800_000)),
            ("7d", Some(604_800_000)),
            ("5", None),
            ("s", None),
            ("-5s", None),
            ("1.5h", None),
            ("99999999999999999999s", None),
            ("9999999999999999w", None),
        ] {
            assert_eq!(duration_ms(text), wanted, "{text}");
        }
        for (text, wanted) in [
            ("512", Some(512)),
            ("1GiB", Some(1 << 30)),
            ("2 GB", Some(2_000_000_000)),
            ("1gb", None),
            ("", None),
        ] {
            assert_eq!(bytes(text), wanted, "{text}");
        }
        for (text, wanted) in [
            ("0644", Some(0o644)),
            ("755", Some(0o755)),
            ("4755", Some(0o4755)),
            ("0888", None),
            ("rw", None),
        ] {
            assert_eq!(mode(text), wanted, "{text}");
        }
    }
}
