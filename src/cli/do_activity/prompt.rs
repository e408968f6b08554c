//! Asks for what an activity needs and was not said on the command line.

use super::super::{
    CliError, Terminal,
    approve::prompt,
    catalogue, deed,
    procedural::{self, Standing},
};
use crate::{
    catalogue::words as catalogue_words,
    executor::{self, Site, procedure::Deed},
    model::Language,
    procedure::{Activity, Answer, Effect, FieldKind},
    report::language::{documents, procedures as say},
};
use std::path::Path;

/// Completes a deed on the terminal.
pub async fn complete(
    site: &Site,
    terminal: &Terminal,
    standing: &Standing,
    activity: &Activity,
    given: &mut Deed,
    language: Language,
) -> Result<(), CliError> {
    match &standing.waits {
        Some(Effect::OpenExternal { .. }) => {
            if given.reference.is_none() {
                given.reference = Some(line(say::ask_reference(language), true, language).await?);
            }
            return Ok(());
        }
        // Answers to these are no answers to the activity.
        Some(Effect::AskToStart { .. } | Effect::AskExceptions { .. }) | None => return Ok(()),
        _ => {}
    }
    let answers = answers(activity, language);
    if given.answer.is_none() && answers.len() > 1 {
        let words = answers.iter().map(|(_, word)| word.clone()).collect();
        let chosen = prompt::choose(say::ask_answer(language), words, language).await?;
        given.answer = answers.get(chosen).map(|(answer, _)| answer.clone());
    }
    let no = given.answer == Some(Answer::No);
    if !no && activity.search.is_some() && given.search.is_none() {
        given.search = Some(search(site, terminal, language).await?);
    }
    if given.reason.trim().is_empty() {
        let needed = no || procedural::asks_reason(activity);
        let question = if needed { say::ask_reason(language) } else { say::ask_text(language) };
        given.reason = line(question, needed, language).await?;
    }
    if no {
        return Ok(());
    }
    let called = executor::procedure::given_by_caller(site, &standing.stored.run.header.id).await?.is_some();
    for spec in
        activity.fields.iter().filter(|spec| !given.fields.contains_key(&spec.name)).collect::<Vec<_>>()
    {
        // Whoever called this run has approved it.
        if called && spec.kind == FieldKind::Approval {
            continue;
        }
        let question = spec.text.of(language).to_owned();
        let value = if spec.kind == FieldKind::Choice {
            let chosen = prompt::choose(question, spec.choices.clone(), language).await?;
            spec.choices.get(chosen).cloned().unwrap_or_default()
        } else {
            line(question, !spec.optional, language).await?
        };
        if !value.is_empty() {
            given.fields.insert(spec.name.clone(), value);
        }
    }
    // What a search finds is a file too.
    if given.evidence.len() + usize::from(given.search.is_some()) < activity.files {
        let files = line(say::ask_files(language, activity.files), false, language).await?;
        for path in files.split_whitespace() {
            given.evidence.push(deed::keep(site, Path::new(path))?);
        }
    }
    Ok(())
}

/// Searches the catalogue until the person keeps a search; the words of that one.
async fn search(site: &Site, terminal: &Terminal, language: Language) -> Result<String, CliError> {
    let whole = executor::catalogue(&site.root, &site.project.playbooks);
    loop {
        let words = line(documents::ask_search(language), true, language).await?;
        if catalogue_words(&words).is_empty() {
            continue;
        }
        terminal.note(&catalogue::page(&whole, &words, language)?);
        let choices = vec![documents::search_again(language), documents::search_keep(language)];
        if prompt::choose(documents::search_choice(language), choices, language).await? == 1 {
            return Ok(words);
        }
    }
}

/// The answers that an activity has.
fn answers(activity: &Activity, language: Language) -> Vec<(Answer, String)> {
    let targets = &activity.targets;
    let mut answers = Vec::new();
    // What an unthinking Enter chooses changes least.
    for (there, answer, word) in [
        (targets.on_no.is_some(), Answer::No, say::answer_no(language)),
        (targets.on_yes.is_some(), Answer::Yes, say::answer_yes(language)),
        (targets.next.is_some(), Answer::Done, say::answer_done(language)),
    ] {
        if there {
            answers.push((answer, word));
        }
    }
    answers.extend(targets.branches.keys().map(|word| (Answer::Choice(word.clone()), word.clone())));
    answers
}

async fn line(question: String, needed: bool, language: Language) -> Result<String, CliError> {
    let text = prompt::ask(
        move || {
            dialoguer::Input::<String>::new()
                .with_prompt(question)
                .allow_empty(!needed)
                .interact_text()
                .map_err(|dialoguer::Error::IO(error)| error)
        },
        language,
    )
    .await?;
    Ok(text.trim().to_owned())
}
