//! Who is told what: through the outbox, in the transaction of the event that it is about.

use crate::{
    executor::{ExecutorError, Site},
    model::{EnvironmentName, Language, Person, Role, SystemName, Timestamp},
    notify::{Notice, NoticeKind, Recipient},
    procedure::{Activity, Effect, ProcedureRun, decide, state::Position},
    report::{deeds, language::procedures as say},
    store::Message,
};
use std::collections::BTreeSet;

/// Messages to those for whom the run waits now and did not before.
pub fn asked(site: &Site, before: &ProcedureRun, after: &ProcedureRun, now: Timestamp) -> Vec<Message> {
    let Some((activity, open)) = after.current() else { return Vec::new() };
    let waited = |run: &ProcedureRun| -> BTreeSet<Role> {
        let effects = decide(run, now);
        effects.iter().find_map(Effect::waits_for).unwrap_or_default().iter().cloned().collect()
    };
    let same = before.current().is_some_and(|(old, was)| old.id == activity.id && was.since == open.since);
    let told = if same { waited(before) } else { BTreeSet::new() };
    let new: Vec<Role> = waited(after).difference(&told).cloned().collect();
    if new.is_empty() {
        return Vec::new();
    }
    messages(site, after, NoticeKind::ActivityWaits, &new)
}

/// Messages about the open activity to everybody with one of the roles, each in their language.
pub fn messages(site: &Site, run: &ProcedureRun, kind: NoticeKind, roles: &[Role]) -> Vec<Message> {
    let Some((activity, _)) = run.current() else { return Vec::new() };
    let people: BTreeSet<_> =
        roles.iter().flat_map(|role| site.people.with_role(role)).map(|p| &p.name).collect();
    let people = people.into_iter().filter_map(|name| site.people.0.get(name));
    let told = |person: &Person| {
        let language = person.language.unwrap_or(site.project.language);
        message(site, run, kind, person, words(run, activity, kind, language)).ok()
    };
    people.filter_map(told).collect()
}

/// A message to whoever asked for the run: how it ended.
pub fn ended(site: &Site, run: &ProcedureRun) -> Option<Message> {
    let person = site.people.0.get(&run.header.requester)?;
    let Position::Ended(outcome) = &run.position else { return None };
    let language = person.language.unwrap_or(site.project.language);
    let subject = format!(
        "{}: {}",
        run.procedure.title.of(language),
        say::ended(language, deeds::outcome(&run.procedure, outcome, language))
    );
    let text = format!("esclusa show {}", run.header.id);
    message(site, run, NoticeKind::RunEnded, person, (subject, text)).ok()
}

fn message(
    site: &Site,
    run: &ProcedureRun,
    kind: NoticeKind,
    person: &Person,
    (subject, text): (String, String),
) -> Result<Message, ExecutorError> {
    let name = |error: crate::model::NameError| ExecutorError::input(error.to_string());
    let language = person.language.unwrap_or(site.project.language);
    let header = &run.header;
    let system = match &header.system {
        Some(system) => system.clone(),
        None => SystemName::parse("none").map_err(name)?,
    };
    let notice = Notice {
        kind,
        recipients: vec![Recipient { person: person.name.clone(), mail: person.mail.clone() }],
        language,
        subject,
        text,
        run: header.id.clone(),
        system,
        environment: EnvironmentName::parse(super::ENVIRONMENT).map_err(name)?,
    };
    notice.message().map_err(|error| ExecutorError::document("message", error))
}

fn words(run: &ProcedureRun, activity: &Activity, kind: NoticeKind, language: Language) -> (String, String) {
    let what = activity.text.of(language);
    let title = run.procedure.title.of(language);
    let id = &activity.id;
    let command = format!("esclusa do {}", run.header.id);
    let system = run.header.system.as_ref().map(|system| format!(" ({system})")).unwrap_or_default();
    match (kind, language) {
        (NoticeKind::Told, _) => (format!("{title}{system}"), format!("{id} {what}")),
        (NoticeKind::ActivityReminded, Language::Es) => {
            (format!("Recordatorio: {what}{system}"), format!("{id} sigue pendiente. Hágala con: {command}"))
        }
        (NoticeKind::ActivityReminded, Language::En) => {
            (format!("Reminder: {what}{system}"), format!("{id} still waits. Do it with: {command}"))
        }
        (NoticeKind::ActivityOverdue, Language::Es) => (
            format!("Plazo vencido: {what}{system}"),
            format!("{id} debía estar lista. Hágala con: {command}"),
        ),
        (NoticeKind::ActivityOverdue, Language::En) => {
            (format!("Overdue: {what}{system}"), format!("{id} should be done by now. Do it with: {command}"))
        }
        (_, Language::Es) => {
            (format!("Se espera su parte: {what}{system}"), format!("{title}: {id}. Hágala con: {command}"))
        }
        (_, Language::En) => (
            format!("Your part is waited for: {what}{system}"),
            format!("{title}: {id}. Do it with: {command}"),
        ),
    }
}
