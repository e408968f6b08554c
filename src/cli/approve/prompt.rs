//! Questions on the terminal. An interrupt decides nothing and leaves the terminal as it was.

use super::super::CliError;
use crate::{
    approval::Decision,
    model::{ExitCode, Language},
    report::language::{self as words, records as say},
};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io;

/// Shows the cursor again, whatever hid it.
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// Asks one of several; the index.
pub async fn choose(question: String, choices: Vec<String>, language: Language) -> Result<usize, CliError> {
    ask(
        move || {
            dialoguer::Select::new()
                .with_prompt(question)
                .items(choices)
                .default(0)
                .interact()
                .map_err(|dialoguer::Error::IO(error)| error)
        },
        language,
    )
    .await
}

/// Asks for the decision and its reason; nothing means later.
pub async fn decision(language: Language) -> Result<Option<(Decision, String)>, CliError> {
    // `Later` is what an unthinking Enter chooses.
    let choices =
        vec![say::choice_later(language), say::choice_approve(language), say::choice_reject(language)];
    let decision = match choose(words::decision_heading(language), choices, language).await? {
        1 => Decision::Approve,
        2 => Decision::Reject,
        _ => return Ok(None),
    };
    let (question, needed) = (words::ask_reason(language), words::ask_reason_needed(language));
    let reason = ask(
        move || {
            dialoguer::Input::<String>::new()
                .with_prompt(question)
                .allow_empty(decision == Decision::Approve)
                .validate_with(move |text: &String| {
                    let enough = decision == Decision::Approve || !text.trim().is_empty();
                    if enough { Ok(()) } else { Err(needed.clone()) }
                })
                .interact_text()
                .map_err(|dialoguer::Error::IO(error)| error)
        },
        language,
    )
    .await?;
    Ok(Some((decision, reason.trim().to_owned())))
}

/// Asks on a thread of its own, so that an interrupt is heard meanwhile.
pub async fn ask<T: Send + 'static>(
    question: impl FnOnce() -> io::Result<T> + Send + 'static,
    language: Language,
) -> Result<T, CliError> {
    let before = tcgetattr(io::stdin()).ok();
    let answer = tokio::task::spawn_blocking(question);
    let answered = tokio::select! {
        answered = answer => answered.ok().and_then(Result::ok),
        _ = tokio::signal::ctrl_c() => None,
    };
    answered.ok_or_else(|| {
        put_back(before.as_ref());
        // No error of anybody's: said plainly.
        CliError { rendered: true, ..CliError::input(words::decision_left(language)) }
            .code(ExitCode::Interrupted)
    })
}

fn put_back(before: Option<&Termios>) {
    if let Some(before) = before {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
    }
    let _ = dialoguer::console::Term::stderr().write_line(SHOW_CURSOR);
}
