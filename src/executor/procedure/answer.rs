//! What a person does at a procedure's run: an answer, a start, another process, an exception.

use super::{approval, open::nobody, pen::Pen, search, signing};
use crate::{
    executor::{ExecutorError, Site},
    model::{Digest, Person, Role, RunId, Timestamp},
    procedure::{Activity, ActivityId, Answer, Effect, Event, FieldKind, ProcedureRun, Seal, decide},
};
use std::collections::BTreeMap;

/// A file of evidence, kept in the depot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its content.
    pub digest: Digest,
    /// What it was called where it came from.
    pub name: String,
}

/// What a person does.
#[derive(Debug, Clone, Default)]
pub struct Deed {
    /// The answer; where there is only one, it need not be said.
    pub answer: Option<Answer>,
    /// Why.
    pub reason: String,
    /// Fields of a request.
    pub fields: BTreeMap<String, String>,
    /// Files in the depot.
    pub evidence: Vec<Attached>,
    /// The number under which another process was opened.
    pub reference: Option<String>,
    /// The activity that is left out, and until when.
    pub except: Option<(ActivityId, Option<Timestamp>)>,
    /// Words to search the catalogue for.
    pub search: Option<String>,
}

/// The roles in which a person can act at the run now.
#[must_use]
pub fn roles_of(run: &ProcedureRun, person: &Person, now: Timestamp) -> Vec<Role> {
    if run.current().is_some_and(|(activity, _)| run.asked_by(&activity.id, &person.name)) {
        return Vec::new();
    }
    let effects = decide(run, now);
    let roles = effects.iter().find_map(Effect::waits_for).unwrap_or_default();
    roles.iter().filter(|role| !person.machine && person.roles.contains(*role)).cloned().collect()
}

/// Records what the caller did at `expected`, which must be open; `seal` is their signature under the
/// draft of it, where one is asked for.
pub async fn answer(
    site: &Site,
    id: &RunId,
    expected: &ActivityId,
    deed: Deed,
    seal: Option<Seal>,
) -> Result<(), ExecutorError> {
    let mut pen = Pen::take(site, id).await?;
    let result = act(site, &mut pen, expected, deed, seal).await;
    pen.release().await;
    result
}

async fn act(
    site: &Site,
    pen: &mut Pen<'_>,
    expected: &ActivityId,
    deed: Deed,
    seal: Option<Seal>,
) -> Result<(), ExecutorError> {
    let event = admitted(site, &pen.run, expected, deed).await?;
    match seal {
        Some(_) => pen.append_signed(event.sealed(seal)).await,
        None if pen.run.wants_seal(&event) => Err(signing::unsigned(&event)),
        None => pen.append(event, Vec::new()).await,
    }
}

/// The event of what the caller did, without a signature; refused where they may not do it.
pub(super) async fn admitted(
    site: &Site,
    run: &ProcedureRun,
    expected: &ActivityId,
    mut deed: Deed,
) -> Result<Event, ExecutorError> {
    let person = person(site)?;
    if let Some(lost) = deed.evidence.iter().find(|file| !site.depot.contains(&file.digest)) {
        return Err(ExecutorError::input(format!("the depot has no file {}", lost.digest)));
    }
    approval::settle(site, run, &mut deed).await?;
    let now = site.store.now().await?;
    if !roles_of(run, person, now).is_empty() {
        complete(site, run, &mut deed)?;
    }
    let event = event(run, person, expected, deed, now)?;
    check_packages(site, run, &event)?;
    run.admit(&event, &site.people).map_err(|refusal| ExecutorError::refused(refusal.to_string()))?;
    Ok(event)
}

/// What the program itself adds to a deed: what a search finds, and the documents that are answered for.
fn complete(site: &Site, run: &ProcedureRun, deed: &mut Deed) -> Result<(), ExecutorError> {
    let Some((activity, open)) = run.current().filter(|_| deed.except.is_none()) else { return Ok(()) };
    search::keep(site, activity, open, deed)?;
    for made in &open.documents {
        if !deed.evidence.iter().any(|file| file.digest == made.digest) {
            deed.evidence.push(Attached { digest: made.digest, name: made.form.as_str().to_owned() });
        }
    }
    Ok(())
}

/// Ends the run for good.
pub async fn cancel(site: &Site, id: &RunId, reason: &str) -> Result<(), ExecutorError> {
    let person = person(site)?;
    let mut pen = Pen::take(site, id).await?;
    let result = match role(person, &pen.run.procedure.exceptions, "end this run") {
        Ok(role) => {
            let event = Event::Cancelled { by: person.name.clone(), role, reason: reason.to_owned() };
            match pen.run.admit(&event, &site.people) {
                Ok(()) => pen.append(event, Vec::new()).await,
                Err(refusal) => Err(ExecutorError::refused(refusal.to_string())),
            }
        }
        Err(error) => Err(error),
    };
    pen.release().await;
    result
}

fn person(site: &Site) -> Result<&Person, ExecutorError> {
    site.caller.person.as_ref().filter(|person| !person.machine).ok_or_else(|| nobody(site))
}

/// The event of a deed; the run judges it when it is appended.
fn event(
    run: &ProcedureRun,
    person: &Person,
    expected: &ActivityId,
    deed: Deed,
    now: Timestamp,
) -> Result<Event, ExecutorError> {
    let Some((activity, _)) = run.current().filter(|(activity, _)| activity.id == *expected) else {
        return Err(ExecutorError::refused(format!("`{expected}` is not the open activity")));
    };
    let (id, by, reason) = (activity.id.clone(), person.name.clone(), deed.reason);
    if let Some((left_out, until)) = deed.except {
        let role = role(person, &run.procedure.exceptions, &format!("except `{left_out}`"))?;
        return Ok(Event::Excepted { activity: left_out, by, role, reason, until, seal: None });
    }
    let effects = decide(run, now);
    let Some(effect) = effects.iter().find(|effect| effect.waits_for().is_some()) else {
        return Err(ExecutorError::refused(format!("nobody is waited for at `{id}`")));
    };
    if let Effect::AskExceptions { missing, .. } = effect {
        let names: Vec<_> = missing.iter().map(ToString::to_string).collect();
        return Err(ExecutorError::Refused {
            words: format!("`{id}` cannot close: {} missing", names.join(", ")),
            hint: names.first().map(|first| format!("leave it out with `--except {first} --reason TEXT`")),
        });
    }
    let role = role(person, effect.waits_for().unwrap_or_default(), &format!("act at `{id}`"))?;
    let evidence = deed.evidence.into_iter().map(|file| file.digest).collect();
    let seal = None;
    Ok(match effect {
        Effect::AskToStart { .. } => Event::StartAllowed { activity: id, by, role },
        Effect::OpenExternal { .. } => {
            let reference = deed.reference.unwrap_or_default();
            if reference.trim().is_empty() {
                return Err(ExecutorError::input_hint(
                    format!("`{id}` opens another process, which has a reference of its own"),
                    "give its number with `--reference NUMBER`",
                ));
            }
            Event::ExternalOpened { activity: id, by, role, reference, sent: evidence, seal }
        }
        Effect::AwaitExternal { .. } => {
            let answer = said(activity, deed.answer)?;
            Event::ExternalReturned { activity: id, by, role, answer, reason, evidence, seal }
        }
        _ => {
            let answer = said(activity, deed.answer)?;
            Event::Answered { activity: id, by, role, answer, reason, fields: deed.fields, evidence, seal }
        }
    })
}

/// The answer that was given, or the only one that there is.
fn said(activity: &Activity, answer: Option<Answer>) -> Result<Answer, ExecutorError> {
    let words = words(activity);
    match answer {
        Some(answer) => Ok(answer),
        None if words.len() == 1 && activity.targets.next.is_some() => Ok(Answer::Done),
        None => Err(ExecutorError::input_hint(
            format!("`{}` needs an answer", activity.id),
            format!("give it with `--answer {}`", words.join("|")),
        )),
    }
}

/// The words with which an activity can be answered.
fn words(activity: &Activity) -> Vec<String> {
    let targets = &activity.targets;
    let fixed = [("done", &targets.next), ("yes", &targets.on_yes), ("no", &targets.on_no)];
    let fixed = fixed.iter().filter(|(_, target)| target.is_some()).map(|(word, _)| (*word).to_owned());
    fixed.chain(targets.branches.keys().cloned()).collect()
}

/// One of `roles` that the person has.
fn role(person: &Person, roles: &[Role], what: &str) -> Result<Role, ExecutorError> {
    roles.iter().find(|role| person.roles.contains(*role)).cloned().ok_or_else(|| {
        let names: Vec<_> = roles.iter().map(ToString::to_string).collect();
        ExecutorError::Refused {
            words: format!("`{}` cannot {what}: none of the roles {}", person.name, names.join(", ")),
            hint: Some(
                "see who has them in the people file, and what waits for you with `esclusa todo`".into(),
            ),
        }
    })
}

/// A package that is handed in must have been taken in.
fn check_packages(site: &Site, run: &ProcedureRun, event: &Event) -> Result<(), ExecutorError> {
    let Event::Answered { activity, fields, .. } = event else { return Ok(()) };
    let Some(activity) = run.procedure.activity(activity) else { return Ok(()) };
    for spec in activity.fields.iter().filter(|spec| spec.kind == FieldKind::Package) {
        let digest = fields.get(&spec.name).and_then(|text| Digest::parse(text));
        if digest.is_some_and(|digest| !site.depot.contains(&digest)) {
            return Err(ExecutorError::input_hint(
                format!("field `{}`: the depot has no such package", spec.name),
                "hand it in with `--attach FILE` at the same time",
            ));
        }
    }
    Ok(())
}
