//! What was measured: values by name.

use crate::model::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// A whole number: milliseconds, bytes, per cent, a count.
    Int(i64),
    /// A text; booleans are the texts `true` and `false`.
    Text(String),
    /// The same number measured several times.
    Samples(Vec<i64>),
    /// What several answers said, where they differ: an expectation must hold for each.
    Each(Vec<Measured>),
    /// It could not be had, and why. Never good, and never a number.
    Unknown(String),
}

impl Measured {
    /// A boolean as it is measured.
    #[must_use]
    pub fn truth(truth: bool) -> Self {
        Self::Text(truth.to_string())
    }

    /// Whether it could be had, each time.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::Each(values) => values.iter().all(Self::is_known),
            Self::Int(_) | Self::Text(_) | Self::Samples(_) => true,
        }
    }

    /// Bytes as text, or unknown where they are not UTF-8.
    #[must_use]
    pub fn text(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Unknown("it is not UTF-8".to_owned()),
        }
    }

    /// What several answers said: one value where they agree.
    #[must_use]
    pub fn each(values: Vec<Self>) -> Self {
        let mut different: Vec<Self> = Vec::new();
        for value in values {
            if !different.contains(&value) {
                different.push(value);
            }
        }
        match different.len() {
            0 => Self::Unknown("there was no answer".to_owned()),
            1 => different.remove(0),
            _ => Self::Each(different),
        }
    }

    /// A number written in `text`, or unknown.
    #[must_use]
    pub fn number(text: &str) -> Self {
        match text.trim().parse() {
            Ok(number) => Self::Int(number),
            Err(_) => Self::Unknown(format!("`{}` is not a number", crate::module::printable(text, 60))),
        }
    }

    /// The value for reports.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text.clone()),
            Self::Samples(samples) => Value::List(samples.iter().copied().map(Value::Int).collect()),
            Self::Each(values) => Value::List(values.iter().map(Self::value).collect()),
            Self::Unknown(_) => Value::Null,
        }
    }
}

/// The values of one question on one server.
pub type Measurements = BTreeMap<String, Measured>;

/// The statistics that an expectation may name after a dot.
pub const STATISTICS: &[&str] = &["min", "max", "mean", "p50", "p95", "p99", "count"];

/// Returns a statistic of `samples`; nothing for no samples or an unknown name.
///
/// Percentiles are by nearest rank: a value that was measured, never one in between. The mean is
/// rounded up, so that it never looks better than it was.
#[must_use]
pub fn statistic(name: &str, samples: &[i64]) -> Option<i64> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied();
    let count = i64::try_from(sorted.len()).ok()?;
    match name {
        "count" => Some(count),
        "min" => sorted.first().copied(),
        "max" => sorted.last().copied(),
        "mean" if count > 0 => {
            let sum: i128 = sorted.iter().copied().map(i128::from).sum();
            let count = i128::from(count);
            i64::try_from(sum.div_euclid(count) + i128::from(sum.rem_euclid(count) > 0)).ok()
        }
        "p50" => rank(50),
        "p95" => rank(95),
        "p99" => rank(99),
        _ => None,
    }
}

/// Finds the value that an expectation names: `status`, or `time.p95` over samples.
#[must_use]
pub fn find(measurements: &Measurements, name: &str) -> Measured {
    if let Some(value) = measurements.get(name) {
        return match value {
            Measured::Samples(samples) => match samples[..] {
                [only] => Measured::Int(only),
                _ => Measured::Unknown(format!(
                    "`{name}` has several samples: name a statistic, such as `{name}.p95`"
                )),
            },
            value => value.clone(),
        };
    }
    let unknown = || Measured::Unknown(format!("`{}` was not measured", crate::module::printable(name, 60)));
    let Some((base, wanted)) = name.rsplit_once('.') else { return unknown() };
    match measurements.get(base) {
        Some(Measured::Samples(samples)) => statistic(wanted, samples).map_or_else(unknown, Measured::Int),
        Some(Measured::Int(number)) => statistic(wanted, &[*number]).map_or_else(unknown, Measured::Int),
        Some(Measured::Unknown(reason)) => Measured::Unknown(reason.clone()),
        _ => unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_values_that_were_measured() {
        let hundred: Vec<i64> = (1..=100).rev().collect();
        for (name, samples, expected) in [
            ("p95", &hundred[..], Some(95)),
            ("p50", &hundred, Some(50)),
            ("p99", &hundred, Some(99)),
            ("mean", &hundred, Some(51)),
            ("min", &[3, 1, 2], Some(1)),
            ("max", &[3, 1, 2], Some(3)),
            ("p95", &[7], Some(7)),
            ("p95", &[1, 2], Some(2)),
            ("mean", &[-3, -2], Some(-2)),
            ("mean", &[], None),
            ("p95", &[], None),
            ("p96", &[1], None),
        ] {
            assert_eq!(statistic(name, samples), expected, "{name} of {samples:?}");
        }
    }
}
