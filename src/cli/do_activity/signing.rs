//! Has a person sign what they do: shows what it is, asks, and signs with a key of theirs.

use super::super::{
    CliError, Format, Terminal,
    approve::{identity, prompt},
    deed::DeedArgs,
};
use crate::{
    approval::{Purpose, TestimonyRefusal, key_fingerprint},
    executor::{
        ExecutorError, Site,
        procedure::{Deed, Draft},
    },
    model::{Digest, ExitCode, Language, Person},
    procedure::{Event, Seal},
    report::{
        deeds, escape,
        language::{procedures as say, records as common},
        lines::Lines,
        moment,
    },
};
use identity::Signer;
use std::path::Path;

/// The caller's signature under a draft; nothing if they leave it for later.
pub async fn sign(
    site: &Site,
    terminal: &Terminal,
    deed: &Deed,
    draft: &Draft,
    said: &DeedArgs,
    language: Language,
) -> Result<Option<Seal>, CliError> {
    let person = site.caller.person.as_ref().ok_or_else(|| {
        CliError::input(crate::approval::Refusal::UnknownCaller.message(language)).code(ExitCode::BadInput)
    })?;
    let signer = signer(person, said.key(), language).await?;
    if terminal.format != Format::Json {
        terminal.note(&page(site, person, &signer, deed, draft, language));
    }
    if terminal.can_ask() && !said.is_answered() {
        // What an unthinking Enter chooses signs nothing.
        let choices = vec![say::choice_leave(language), say::choice_sign(language)];
        if prompt::choose(say::ask_signature(language), choices, language).await? != 1 {
            return Ok(None);
        }
    }
    let signature = signer.sign(Purpose::Testimony, &draft.statement, terminal, language).await?;
    Ok(Some(Seal { statement: draft.statement.clone(), signature }))
}

/// An error about a signature in the person's language.
pub fn refused(error: ExecutorError, language: Language) -> CliError {
    match error {
        ExecutorError::Unsigned { activity, source } => {
            CliError::input(format!("`{activity}`: {}", source.message(language)))
        }
        other => other.into(),
    }
}

/// The person's key that is at hand.
async fn signer(person: &Person, named: Option<&Path>, language: Language) -> Result<Signer, CliError> {
    if !person.keys.iter().any(|key| key_fingerprint(key).is_some()) {
        let refusal = TestimonyRefusal::NoKey { person: person.name.clone() };
        return Err(CliError::input(refusal.message(language)));
    }
    let signers = identity::signers(named).await?;
    if let Some(signer) = identity::signer_of(person, &signers) {
        return Ok(signer.clone());
    }
    let name = escape::capped(&person.full_name, 60);
    Err(match named {
        Some(file) => CliError::input(say::key_of_another(language, file.display(), &person.name)),
        None => CliError::input(say::no_key_at_hand(language, name)),
    }
    .hint(common::no_key_hint(language)))
}

/// What is signed, as people read it.
fn page(
    site: &Site,
    person: &Person,
    signer: &Signer,
    deed: &Deed,
    draft: &Draft,
    language: Language,
) -> String {
    let mut lines = Lines::default();
    lines.heading(&say::you_sign(language));
    let (answer, reason, role) = match &draft.event {
        Event::Answered { answer, reason, role, .. }
        | Event::ExternalReturned { answer, reason, role, .. } => {
            (deeds::answer(answer, language).to_owned(), reason.as_str(), role)
        }
        Event::ExternalOpened { reference, role, .. } => {
            (say::external_opened(language, escape::capped(reference, 200)), "", role)
        }
        Event::Excepted { until: None, reason, role, .. } => {
            (say::left_out_for_good(language), reason.as_str(), role)
        }
        Event::Excepted { until: Some(until), reason, role, .. } => {
            let until = moment::words(*until, &site.project.zone, language);
            (say::left_out(language, until), reason.as_str(), role)
        }
        _ => return String::new(),
    };
    if let Some(activity) = draft.event.testifies() {
        lines.pair(&say::act_label(language), activity.as_str());
    }
    lines.pair(&say::answer_label(language), &answer);
    if !reason.trim().is_empty() {
        lines.pair(&say::reason_label(language), &escape::capped(reason, 2_000));
    }
    if let Event::Answered { fields, .. } = &draft.event {
        for (name, value) in fields {
            lines.item(&format!("{name}: {}", escape::capped(value, 400)));
        }
    }
    let signed = evidence(&draft.event);
    for digest in signed {
        // What the program made is no file of the person's: it can be read before it is signed.
        let own = deed.evidence.iter().find(|file| file.digest == *digest);
        let made = || format!("esclusa evidence {}", digest.short());
        let name = own.map_or_else(made, |file| escape::capped(&file.name, 200));
        lines.pair(&say::file_label(language), &name);
        lines.pair(&say::digest_label(language), &digest.to_string());
    }
    if signed.is_empty() {
        lines.pair(&say::file_label(language), &say::no_files(language));
    }
    lines.pair(&say::as_label(language), &format!("{} ({role})", escape::capped(&person.full_name, 60)));
    if let Some(print) = signer.fingerprint() {
        lines.pair(&say::with_label(language), &common::by_key(language, print));
    }
    lines.text()
}

/// The files that an event names.
fn evidence(event: &Event) -> &[Digest] {
    match event {
        Event::Answered { evidence, .. } | Event::ExternalReturned { evidence, .. } => evidence,
        Event::ExternalOpened { sent, .. } => sent,
        _ => &[],
    }
}
