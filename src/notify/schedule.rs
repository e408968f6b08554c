//! When a message that could not be sent is tried again.

use std::time::Duration;

/// Seconds after the first, second, … failure.
const WAITS_SECONDS: &[u64] = &[30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600];

/// How often sending a message is tried.
pub const ATTEMPTS_MAX: u32 = 8;

/// How old a message may be when it is sent, in seconds: a little longer than all its tries take. What
/// was stored while nobody was told, or while no command ran, is news no longer; `status`, `todo` and
/// `history` show what has become of it.
pub const AGE_SECONDS_MAX: i64 = 24 * 3600;

/// How long to wait after `attempts` failures; nothing once it is given up.
#[must_use]
pub fn retry_after(attempts: u32) -> Option<Duration> {
    let index = usize::try_from(attempts.max(1)).ok()? - 1;
    WAITS_SECONDS.get(index).copied().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_until_it_is_given_up() {
        let waits: Vec<Duration> = (1..ATTEMPTS_MAX).map(|n| retry_after(n).unwrap()).collect();
        assert!(waits.is_sorted() && waits[0] == Duration::from_secs(30));
        assert_eq!(retry_after(0), Some(waits[0]));
        assert_eq!(retry_after(ATTEMPTS_MAX), None);
        assert_eq!(retry_after(u32::MAX), None);
        let all: u64 = waits.iter().map(Duration::as_secs).sum();
        assert!(all < AGE_SECONDS_MAX.unsigned_abs(), "no message is too old for one of its tries");
    }
}
