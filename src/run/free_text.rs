//! Which texts of a journal's line are free; the others are names that replay goes by.

use super::{Ending, Event, Failure, FindingSummary, Observed, StepEnd};
use crate::{
    check::{Condition, FindingLine},
    model::FreeText,
};

impl FreeText for Event {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Predicted { prediction: _, value: _, shown: _, observed } => observed.free_text(each),
            Self::PreflightFailed { failure }
            | Self::BackupFailed { failure }
            | Self::ServicesFailed { failure }
            | Self::SafetyCopyFailed { failure }
            | Self::RestoreFailed { failure } => failure.free_text(each),
            Self::GateRejected { gate: _, by: _, reason } => reason.free_text(each),
            Self::WentStale { prediction: _, value: _, shown: _, observed, differences } => {
                observed.free_text(each);
                differences.iter_mut().for_each(|(_, _, words)| words.free_text(each));
            }
            Self::BackupVerified { record } => record.warnings.free_text(each),
            Self::StepsUnchanged { server: _, steps: _, registered } => {
                registered.iter_mut().for_each(|(_, value)| value.free_text(each));
            }
            Self::StepSkipped { server: _, step: _, when } => when.free_text(each),
            Self::StepStarted { server: _, step: _, attempt: _, unit: _, summary, diff } => {
                summary.free_text(each);
                diff.free_text(each);
            }
            Self::StepEnded { server: _, step: _, attempt: _, end } => end.free_text(each),
            Self::ServerLost { server: _, words, hint } => {
                words.free_text(each);
                hint.free_text(each);
            }
            Self::UndoAsked { why } => why.free_text(each),
            Self::ChecksPassed { findings } | Self::ChecksFailed { findings } => findings.free_text(each),
            Self::CancelAsked { by: _, choice: _, reason } => reason.free_text(each),
            Self::BecameStuck { why: words, how } | Self::Ended { exit: _, words, how } => {
                words.free_text(each);
                how.free_text(each);
            }
            Self::GateOpened { .. }
            | Self::GateApproved { .. }
            | Self::GateExpired { .. }
            | Self::WindowAwaited { .. }
            | Self::Claimed { .. }
            | Self::Rechecked { .. }
            | Self::QuiesceStarted
            | Self::Quiesced
            | Self::BackupStarted { .. }
            | Self::BackupItemCopied { .. }
            | Self::BackupAdmitted { .. }
            | Self::StepsCompleted
            | Self::StageAllowed { .. }
            | Self::StageStepsCompleted { .. }
            | Self::Accepted { .. }
            | Self::ServicesStarting
            | Self::ServicesStarted
            | Self::SafetyCopyStarted { .. }
            | Self::SafetyCopyTaken { .. }
            | Self::ItemRestoreStarted { .. }
            | Self::ItemRestored { .. }
            | Self::RestoreCompleted
            | Self::Interrupted
            | Self::Resumed { .. }
            | Self::Unknown => {}
        }
    }
}

impl FreeText for Ending {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Failed { words }
            | Self::Unreached { words }
            | Self::CancelledStopped { by: _, words }
            | Self::RestoreOwed { words }
            | Self::RestoreUndecided { words }
            | Self::LostStopped { words }
            | Self::Other { words }
            | Self::Rejected { by: _, reason: words }
            | Self::ApprovalVoid { why: words } => words.free_text(each),
            Self::Done
            | Self::Unchanged
            | Self::UnchangedAndBad
            | Self::ChecksFailed { .. }
            | Self::BackedUp
            | Self::Restored
            | Self::WentBack
            | Self::Expired
            | Self::MoreThanApproved
            | Self::ServersChange
            | Self::PeopleChanged
            | Self::PolicyStricter
            | Self::Claimed { .. }
            | Self::Cancelled { .. }
            | Self::CancelledAsItIs { .. }
            | Self::RejectedLate { .. }
            | Self::OwnBackupClosed
            | Self::BackupClosed
            | Self::BackAndBad
            | Self::NothingToPutBack
            | Self::Undecided
            | Self::Unknown => {}
        }
    }
}

impl FreeText for Failure {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        let Self { at: _, words, hint, unreachable: _ } = self;
        words.free_text(each);
        hint.free_text(each);
    }
}

impl FreeText for Observed {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        let Self { version, absent: _ } = self;
        version.free_text(each);
    }
}

impl FreeText for StepEnd {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Changed { registered, output: _ } => {
                if let Some((_, value)) = registered {
                    value.free_text(each);
                }
            }
            Self::Failed { words, output: _, last: _ } | Self::InDoubt { words } => words.free_text(each),
        }
    }
}

impl FreeText for FindingSummary {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        let Self { check: _, server: _, verdict: _, lines, measured } = self;
        lines.free_text(each);
        measured.free_text(each);
    }
}

impl FreeText for FindingLine {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        let Self { value: _, wanted, condition, found, unit: _, verdict: _, source } = self;
        wanted.free_text(each);
        condition.free_text(each);
        found.free_text(each);
        source.free_text(each);
    }
}

impl FreeText for Condition {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Is(value) | Self::Not(value) => value.free_text(each),
            Self::Contains(text) | Self::Matches(text) => text.free_text(each),
            Self::Below(_) | Self::Above(_) | Self::AtLeast(_) | Self::AtMost(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Redactor, SecretName, ServerName, StepId, Value};

    fn cleaned(event: &Event) -> Event {
        let mut redactor = Redactor::default();
        redactor.learn(&SecretName::parse("db").unwrap(), "wiki");
        let mut event = event.clone();
        event.free_text(&mut |text| redactor.clean(text));
        event
    }

    #[test]
    fn names_stay_as_they_are_though_a_secret_is_part_of_them() {
        let (server, step) = (ServerName::parse("wiki-prod").unwrap(), StepId("install-wiki".into()));
        let started = Event::StepStarted {
            server: server.clone(),
            step: step.clone(),
            attempt: 1,
            unit: Some("run.wiki".into()),
            summary: "log in with wiki".into(),
            diff: Some("+ password = wiki".into()),
        };
        let expected = Event::StepStarted {
            server: server.clone(),
            step: step.clone(),
            attempt: 1,
            unit: Some("run.wiki".into()),
            summary: "log in with <secret:db>".into(),
            diff: Some("+ password = <secret:db>".into()),
        };
        assert_eq!(cleaned(&started), expected);
        let said = Value::Map([("wiki".to_owned(), Value::List(vec!["is wiki".into()]))].into());
        let clean = Value::Map([("wiki".to_owned(), Value::List(vec!["is <secret:db>".into()]))].into());
        let end = |value| Event::StepEnded {
            server: server.clone(),
            step: step.clone(),
            attempt: 1,
            end: StepEnd::Changed { registered: Some(("wiki".into(), value)), output: None },
        };
        assert_eq!(cleaned(&end(said)), end(clean));
    }

    #[test]
    fn a_line_of_every_kind_is_read_again_after_it_was_cleaned() {
        let failure =
            Failure { at: Some("wiki".into()), words: "wiki".into(), hint: None, unreachable: false };
        let finding = FindingSummary {
            check: "wiki".into(),
            server: ServerName::parse("wiki").unwrap(),
            verdict: "good".into(),
            lines: vec!["body: wiki".into()],
            measured: Vec::new(),
        };
        for event in [
            Event::PreflightFailed { failure: failure.clone() },
            Event::RestoreFailed { failure },
            Event::ChecksPassed { findings: vec![finding] },
            Event::ended(1, Ending::Failed { words: "wiki".into() }),
            Event::stuck(Ending::RestoreOwed { words: "wiki".into() }),
        ] {
            let clean = cleaned(&event);
            let text = serde_json::to_string(&clean).unwrap();
            assert!(text.contains("<secret:db>"), "{text}");
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), clean);
        }
    }
}
