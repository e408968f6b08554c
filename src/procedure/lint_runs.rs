//! What is wrong with the runs that go by stages.

use super::{Activity, ActivityKind, Finding, Procedure, Rule};
use std::collections::BTreeSet;

/// Everything that is wrong with them.
pub(super) fn runs(procedure: &Procedure, found: &mut Vec<Finding>) {
    for activity in &procedure.activities {
        stage(activity, found);
        references(procedure, activity, found);
    }
    let words: BTreeSet<&String> =
        procedure.activities.iter().filter_map(|activity| activity.run.as_ref()).collect();
    for word in words {
        whole(procedure, word, found);
    }
}

fn add(found: &mut Vec<Finding>, rule: Rule, at: &Activity, message: String, help: &str) {
    found.push(Finding {
        rule,
        activity: Some(at.id.clone()),
        file: at.file.clone(),
        line: at.line,
        message,
        help: help.to_owned(),
    });
}

/// Whether the activity can be a stage.
fn stage(activity: &Activity, found: &mut Vec<Finding>) {
    let Some(word) = &activity.run else { return };
    let id = &activity.id;
    match activity.kind {
        ActivityKind::Backup | ActivityKind::Recovery => {}
        ActivityKind::Remote if activity.phases.is_empty() => {
            let message = format!("`{id}` is a part of the run `{word}`, and does not say which phases");
            add(found, Rule::WrongStage, activity, message, "give `phase`");
        }
        ActivityKind::Gate
            if activity.signed
                || activity.files > 0
                || !activity.fields.is_empty()
                || !activity.of.is_empty() =>
        {
            let message =
                format!("`{id}` is the gate of the run `{word}`, which is decided with `esclusa approve`");
            let help = "leave out `signed`, `files`, `fields` and `of`: the environment's policy says how it is decided";
            add(found, Rule::WrongStage, activity, message, help);
        }
        ActivityKind::Remote | ActivityKind::Gate => {
            if activity.playbook.is_none() || activity.environment.is_none() {
                let message =
                    format!("`{id}` is a part of the run `{word}`, and does not say of what or where");
                add(found, Rule::WrongStage, activity, message, "give `playbook` and `environment`");
            }
        }
        kind => {
            let message = format!("`{id}` is of kind `{kind}`, which cannot be a part of the run `{word}`");
            let help = "only `gate`, `backup`, `remote` and `recovery` are parts of runs";
            add(found, Rule::WrongStage, activity, message, help);
        }
    }
}

/// Whether what the activity names is there.
fn references(procedure: &Procedure, activity: &Activity, found: &mut Vec<Finding>) {
    let id = &activity.id;
    for word in &activity.accepts {
        if procedure.stages(word).next().is_none() {
            let message = format!("`{id}` accepts the run `{word}`, of which nothing is a part");
            add(found, Rule::WrongStage, activity, message, "name a run with `run:` at its activities");
        }
        if activity.kind != ActivityKind::Decision {
            let message = format!("`{id}` accepts the run `{word}`, and is no decision");
            add(found, Rule::WrongStage, activity, message, "let the decision that can say no accept it");
        }
    }
    if let Some(from) = &activity.from {
        let takes = procedure.activity(from).is_some_and(|one| one.kind == ActivityKind::Backup);
        if !takes || activity.kind != ActivityKind::Recovery {
            let message = format!("`{id}` puts back what `{from}` copied, and that is no backup");
            add(found, Rule::WrongStage, activity, message, "name an activity of kind `backup`");
        }
    }
}

/// Whether a run is one run, is opened and is ended.
fn whole(procedure: &Procedure, word: &str, found: &mut Vec<Finding>) {
    let Some(first) = procedure.stages(word).next() else { return };
    let opens = |one: &Activity| matches!(one.kind, ActivityKind::Gate | ActivityKind::Remote);
    if !procedure.stages(word).any(opens) {
        let message = format!("nothing opens the run `{word}`");
        let help = "let a `gate` or a `remote` activity be a part of it";
        add(found, Rule::UnendedRun, first, message, help);
    }
    if !procedure.activities.iter().any(|one| one.accepts.iter().any(|accepted| accepted == word)) {
        let message =
            format!("nobody accepts the run `{word}`, so it would hold its servers until it is undone");
        let help = "say `accepts:` at the decision that is content with it";
        add(found, Rule::UnendedRun, first, message, help);
    }
    let parts = || procedure.stages(word).filter(|one| opens(one));
    for part in parts().skip(1) {
        let Some(first) = parts().next() else { return };
        if part.playbook != first.playbook || part.environment != first.environment {
            let message = format!(
                "`{}` and `{}` are parts of the run `{word}`, and run different things",
                first.id, part.id
            );
            add(found, Rule::MixedRun, part, message, "give them the same `playbook` and `environment`");
        }
    }
}
