//! From measurements to a finding.

use super::{Check, Condition, Expectation, Measured, Measurements, Question, measure::find, unit::unit};
use crate::{model::Value, module::printable};
use serde::{Deserialize, Serialize};

/// Longest part of a measured text in a finding, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// Whether something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every expectation holds.
    Good,
    /// It could not be found out; not good.
    Unknown,
    /// An expectation does not hold.
    Bad,
}

/// One expectation and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingLine {
    /// The value's name: `time.p95`.
    pub value: String,
    /// What was wanted, in words: `below 800`.
    pub wanted: String,
    /// The same as it is, for readers of another language; absent in journals of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// What was measured, or why it is not known; printable and cut.
    pub found: String,
    /// The unit of what was measured, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Where the figure comes from.
    pub source: Option<String>,
}

/// The answer to a check on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's id.
    pub check: String,
    /// The worst of its lines; unknown where nothing was expected and something is unknown.
    pub verdict: Verdict,
    /// One for each expectation.
    pub lines: Vec<FindingLine>,
    /// What was measured.
    pub values: Measurements,
}

/// Judges what was measured.
#[must_use]
pub fn judge(check: &Check, values: &Measurements) -> Finding {
    let line = |expectation| line(&check.question, expectation, values);
    let lines: Vec<_> = check.expect.iter().map(line).collect();
    let nothing_known = values.is_empty() || !values.values().all(Measured::is_known);
    let verdict = match lines.iter().map(|line| line.verdict).max() {
        Some(verdict) => verdict,
        None if nothing_known => Verdict::Unknown,
        None => Verdict::Good,
    };
    Finding { check: check.id.clone(), verdict, lines, values: values.clone() }
}

fn line(question: &Question, expectation: &Expectation, values: &Measurements) -> FindingLine {
    let measured = find(values, &expectation.value);
    let (found, verdict) = match &measured {
        Measured::Unknown(reason) => (reason.clone(), Verdict::Unknown),
        Measured::Each(values) => worst(&expectation.condition, values),
        known => judged(&expectation.condition, known),
    };
    FindingLine {
        value: expectation.value.clone(),
        wanted: wanted(&expectation.condition),
        condition: Some(expectation.condition.clone()),
        found: printable(&found, TEXT_CHARS_MAX),
        unit: unit(question, &expectation.value).map(str::to_owned),
        verdict,
        source: expectation.source.clone(),
    }
}

/// One value, and what it is to the condition.
fn judged(condition: &Condition, measured: &Measured) -> (String, Verdict) {
    if let Measured::Unknown(reason) = measured {
        return (reason.clone(), Verdict::Unknown);
    }
    match holds(condition, measured) {
        Ok(true) => (shown(measured), Verdict::Good),
        Ok(false) => (shown(measured), Verdict::Bad),
        Err(reason) => (reason, Verdict::Unknown),
    }
}

/// The worst of several different answers: the condition must hold for each.
fn worst(condition: &Condition, values: &[Measured]) -> (String, Verdict) {
    let all = values.iter().map(|value| judged(condition, value)).rev();
    let Some((found, verdict)) = all.max_by_key(|(_, verdict)| *verdict) else {
        return ("nothing".to_owned(), Verdict::Unknown);
    };
    match verdict {
        Verdict::Good => (found, verdict),
        _ => (format!("{found} (of {} different answers)", values.len()), verdict),
    }
}

fn shown(measured: &Measured) -> String {
    match measured {
        Measured::Each(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        Measured::Int(number) => number.to_string(),
        Measured::Text(text) | Measured::Unknown(text) => text.trim_end().to_owned(),
        Measured::Samples(samples) => format!("{} samples", samples.len()),
    }
}

/// A text that must be a number and is none is unknown: it neither passes nor fails a limit.
fn holds(condition: &Condition, measured: &Measured) -> Result<bool, String> {
    let text = shown(measured);
    let number = || match measured {
        Measured::Int(number) => Ok(*number),
        other => {
            let text = shown(other);
            text.trim().parse::<i64>().map_err(|_| format!("`{}` is not a number", printable(&text, 60)))
        }
    };
    Ok(match condition {
        Condition::Is(value) => equal(value, &text),
        Condition::Not(value) => !equal(value, &text),
        Condition::Contains(part) => text.contains(part.as_str()),
        Condition::Matches(expression) => regex::Regex::new(expression)
            .map_err(|_| format!("`{}` is not a regular expression", printable(expression, 60)))?
            .is_match(&text),
        Condition::Below(limit) => number()? < *limit,
        Condition::Above(limit) => number()? > *limit,
        Condition::AtLeast(limit) => number()? >= *limit,
        Condition::AtMost(limit) => number()? <= *limit,
    })
}

/// Equal as text, or as whole numbers however they are written.
fn equal(value: &Value, text: &str) -> bool {
    let Some(wanted) = value.scalar() else { return false };
    wanted.trim_end() == text || wanted.parse::<i64>().is_ok_and(|wanted| text.trim().parse() == Ok(wanted))
}

fn wanted(condition: &Condition) -> String {
    let scalar = |value: &Value| printable(&value.scalar().unwrap_or_default(), 80);
    match condition {
        Condition::Is(value) => format!("is {}", scalar(value)),
        Condition::Not(value) => format!("is not {}", scalar(value)),
        Condition::Contains(text) => format!("contains {}", printable(text, 80)),
        Condition::Matches(text) => format!("matches {}", printable(text, 80)),
        Condition::Below(limit) => format!("below {limit}"),
        Condition::Above(limit) => format!("above {limit}"),
        Condition::AtLeast(limit) => format!("at least {limit}"),
        Condition::AtMost(limit) => format!("at most {limit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Question, *};

    fn finding(value: &str, condition: Condition, measured: Measured) -> Verdict {
        let expect = vec![Expectation { value: value.to_owned(), condition, source: None }];
        let check = Check {
            id: "c".to_owned(),
            at: "all".to_owned(),
            groups: Vec::new(),
            as_user: None,
            attempts: 1,
            delay_seconds: 0,
            question: Question::Memory,
            expect,
        };
        judge(&check, &Measurements::from([("time".to_owned(), measured)])).verdict
    }

    #[test]
    fn expectations_are_judged_and_unknown_is_never_good() {
        use Condition::{AtLeast, AtMost, Below, Contains, Is, Matches, Not};
        let text = |text: &str| Measured::Text(text.to_owned());
        let unknown = || Measured::Unknown("no answer".to_owned());
        for (value, condition, measured, expected) in [
            ("time", Below(10), Measured::Int(9), Verdict::Good),
            ("time", Below(10), Measured::Int(10), Verdict::Bad),
            ("time.p95", Below(10), Measured::Samples(vec![1, 20]), Verdict::Bad),
            ("time", Below(10), Measured::Samples(vec![1, 2]), Verdict::Unknown),
            ("time", Below(10), Measured::Samples(vec![1]), Verdict::Good),
            ("time", Below(10), text("soon"), Verdict::Unknown),
            ("time", Below(10), text("9\n"), Verdict::Good),
            ("time", Below(10), unknown(), Verdict::Unknown),
            ("time", Not(Value::Int(1)), unknown(), Verdict::Unknown),
            ("other", Not(Value::Int(1)), Measured::Int(2), Verdict::Unknown),
            ("time", Is(Value::Bool(true)), Measured::truth(true), Verdict::Good),
            (
                "time",
                Is(Value::Int(200)),
                Measured::each(vec![Measured::Int(500), Measured::Int(200)]),
                Verdict::Bad,
            ),
            (
                "time",
                Is(Value::Int(200)),
                Measured::each(vec![Measured::Int(200), Measured::Int(500)]),
                Verdict::Bad,
            ),
            (
                "time",
                Is(Value::Int(200)),
                Measured::each(vec![Measured::Int(200), unknown()]),
                Verdict::Unknown,
            ),
            ("time", Is(Value::Int(200)), Measured::each(vec![Measured::Int(200); 3]), Verdict::Good),
            ("time", Contains("b".to_owned()), Measured::each(vec![text("ab"), text("bc")]), Verdict::Good),
            ("time", Is(Value::from("1.20")), text("1.2"), Verdict::Bad),
            ("time", Is(Value::Int(200)), text("200\n"), Verdict::Good),
            ("time", Contains("b".to_owned()), text("abc"), Verdict::Good),
            ("time", Matches("^b".to_owned()), text("abc"), Verdict::Bad),
            ("time", Matches("(".to_owned()), text("abc"), Verdict::Unknown),
            ("time", AtLeast(5), Measured::Int(5), Verdict::Good),
            ("time", AtMost(5), Measured::Int(6), Verdict::Bad),
        ] {
            assert_eq!(
                finding(value, condition.clone(), measured.clone()),
                expected,
                "{condition:?} {measured:?}"
            );
        }
    }
}
