//! JUnit XML for pipelines: one test case for each step and check, environment and server in its name.

use crate::{
    model::{EnvironmentName, ExitCode, SystemName},
    run::{FindingSummary, Run, StepState},
};
use std::fmt::Write as _;

/// A run's steps and checks.
#[must_use]
pub fn run(run: &Run, code: ExitCode) -> String {
    let environment = run.header.environment.as_str();
    let mut cases = Vec::new();
    for ((server, step), state) in &run.steps {
        let name = format!("{environment} / {server} / {step}");
        let failure = match state {
            StepState::Failed { .. } | StepState::InDoubt => Some(
                run.failure.as_ref().map_or_else(|| "failed".to_owned(), |failure| failure.words.clone()),
            ),
            _ => None,
        };
        cases.push((name, failure, *state == StepState::Skipped));
    }
    cases.extend(run.findings.iter().map(|finding| case(environment, finding)));
    let failure = (code != ExitCode::Done)
        .then(|| run.ended.as_ref().map_or_else(|| code.meaning().to_owned(), |(_, words)| words.clone()));
    cases.push((format!("{environment} / run"), failure, false));
    suite(run.header.system.as_str(), &cases)
}

/// The findings of `esclusa check`.
#[must_use]
pub fn checks(system: &SystemName, environment: &EnvironmentName, findings: &[FindingSummary]) -> String {
    let cases: Vec<_> = findings.iter().map(|finding| case(environment.as_str(), finding)).collect();
    suite(system.as_str(), &cases)
}

fn case(environment: &str, finding: &FindingSummary) -> (String, Option<String>, bool) {
    let name = format!("{environment} / {} / check {}", finding.server, finding.check);
    let failure =
        (finding.verdict != "good").then(|| format!("{}: {}", finding.verdict, finding.lines.join("; ")));
    (name, failure, false)
}

/// One outcome, whose steps are nobody's test cases.
#[must_use]
pub fn outcome(suite_name: &str, name: &str, failure: Option<String>) -> String {
    suite(suite_name, &[(name.to_owned(), failure, false)])
}

/// Several runs of a route as one document.
#[must_use]
pub fn runs(runs: &[(Run, ExitCode)]) -> String {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let suites = runs.iter().map(|(one, code)| run(one, *code).trim_start_matches(HEAD).to_owned());
    format!("{HEAD}<testsuites>\n{}</testsuites>\n", suites.collect::<String>())
}

fn suite(name: &str, cases: &[(String, Option<String>, bool)]) -> String {
    let failures = cases.iter().filter(|(_, failure, _)| failure.is_some()).count();
    let skipped = cases.iter().filter(|(.., skipped)| *skipped).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\">\n",
        escaped(name),
        cases.len()
    );
    for (name, failure, skipped) in cases {
        let _ = write!(xml, "  <testcase name=\"{}\"", escaped(name));
        let _ = match (failure, skipped) {
            (Some(words), _) => writeln!(xml, "><failure message=\"{}\"/></testcase>", escaped(words)),
            (None, true) => writeln!(xml, "><skipped/></testcase>"),
            (None, false) => writeln!(xml, "/>"),
        };
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// Text fit for an attribute; characters that XML cannot hold are replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("&#10;"),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_in_a_text_breaks_the_xml() {
        assert_eq!(escaped("a<b>&\"c\"\u{1b}[0m\nd"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}[0m&#10;d");
    }
}
