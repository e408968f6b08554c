//! The units in which checks measure.

use super::Question;

/// The unit of a value of a question; nothing for texts, counts and states.
#[must_use]
pub fn unit(question: &Question, value: &str) -> Option<&'static str> {
    // A statistic has the unit of what it is of.
    let value = value.split_once('.').map_or(value, |(value, _)| value);
    match (question, value) {
        (Question::Http { .. } | Question::Tcp { .. } | Question::Command { .. }, "time")
        | (Question::File { .. }, "age") => Some("ms"),
        (Question::File { .. }, "size") | (Question::Disk { .. }, "free") | (Question::Memory, _) => {
            Some("bytes")
        }
        (Question::Disk { .. }, "used") => Some("%"),
        (Question::Certificate { .. }, "days_left") => Some("d"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Port;

    #[test]
    fn a_statistic_has_the_unit_of_its_value_and_a_text_has_none() {
        let tcp = Question::Tcp { host: "a".into(), port: Port::Number(1), timeout_ms: 1, samples: 3 };
        assert_eq!(unit(&tcp, "time.p95"), Some("ms"));
        assert_eq!(unit(&tcp, "open"), None);
        assert_eq!(unit(&Question::Disk { path: "/".into() }, "used"), Some("%"));
    }
}
