//! `esclusa cancel`: ends a run for good.

use super::{
    CliError, Global, Terminal, notify, procedural, progress, project, records::no_run, run, summary,
};
use crate::{
    executor::{self, Journal, Patience, Site},
    model::{ExitCode, RunId},
    run::{CancelChoice, Event},
};
use clap::Args;

/// Arguments of `esclusa cancel`.
#[derive(Args)]
#[command(after_long_help = WHO)]
pub struct CancelArgs {
    /// The run: its id, the first characters of it, or `latest`
    run: String,
    /// Put the run's backup back first
    #[arg(long, conflicts_with = "keep")]
    restore: bool,
    /// Leave what was changed as it is
    #[arg(long)]
    keep: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Who may.
const WHO: &str = "Who may: a run of a playbook, whoever may run in its environment (`policy: run:` of the inventory); \
a procedure's run, a person with one of the roles under `exceptions:` of the procedure, with `--reason`. What the \
procedure has opened goes on by itself: its runs are cancelled each by its own id.";

/// Performs `esclusa cancel`.
pub async fn cancel(global: &Global, terminal: &Terminal, args: CancelArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let language = progress::site_language(terminal, &site);
    let found = site.store.find_run(&args.run).await;
    let id = found.map_err(|error| no_run(error, language))?.new.id;
    if procedural::is_one(&site.store.run(&id).await?) {
        return end_procedure(&site, terminal, &id, args.reason.unwrap_or_default()).await;
    }
    let state = executor::load(&site.store, &id).await?;
    if let Some((_, words)) = &state.ended {
        return Err(CliError::input(format!("run {id} is over: {words}")));
    }
    crate::approval::may_run(&state.header.judged, site.caller.person.as_ref())
        .map_err(|refusal| CliError::input(refusal.to_string()))?;
    let choice = match (state.changed, args.restore, args.keep) {
        (false, ..) => CancelChoice::End,
        (true, true, _) => CancelChoice::Restore,
        (true, _, true) => CancelChoice::Keep,
        (true, false, false) => ask(terminal)?,
    };
    let watch = progress::watch(terminal, &site);
    let journal = Journal::take(&site, &id, std::sync::Arc::clone(&watch)).await?;
    let by = site.caller.person.as_ref().map_or_else(|| site.caller.account.clone(), |p| p.name.to_string());
    let reason = args.reason.unwrap_or_else(|| "no reason given".to_owned());
    let recorded = journal.append(Event::CancelAsked { by, choice, reason }).await;
    journal.release().await;
    recorded?;
    let interrupt = run::interrupt(terminal);
    let code = executor::drive(&site, &id, Patience::NONE, &interrupt, watch).await;
    notify::deliver(&site, terminal).await;
    let code = code?;
    summary::print(&site, terminal, &id, code).await?;
    // Ending a run that had changed nothing is what was asked for.
    Ok(if code == ExitCode::Interrupted { ExitCode::Done } else { code })
}

/// Ends a procedure's run; what was opened for it goes on by itself.
async fn end_procedure(
    site: &Site,
    terminal: &Terminal,
    id: &RunId,
    reason: String,
) -> Result<ExitCode, CliError> {
    if reason.trim().is_empty() {
        return Err(CliError::input("a procedure is ended with a reason").hint("add `--reason TEXT`"));
    }
    executor::procedure::cancel(site, id, &reason).await?;
    let (interrupt, watch) = (run::interrupt(terminal), progress::watch(terminal, site));
    let advanced = executor::procedure::go_on(site, id, &interrupt, &watch).await;
    notify::deliver(site, terminal).await;
    advanced?;
    summary::print(site, terminal, id, ExitCode::Done).await?;
    for staged in executor::procedure::load(&site.store, id).await?.run.staged.values() {
        if site.store.run(&staged.id).await?.final_exit.is_none() {
            terminal.note(&format!(
                "run {0} still holds its servers: put back what was there with `esclusa cancel {0} --restore`, or leave it as it is with `--keep`",
                staged.id
            ));
        }
    }
    Ok(ExitCode::Done)
}

/// The run has changed something: a person must say what becomes of it.
fn ask(terminal: &Terminal) -> Result<CancelChoice, CliError> {
    let need = || {
        CliError::input("the run has changed something: say what becomes of it")
            .hint("`--restore` puts its backup back, `--keep` leaves things as they are")
    };
    if !terminal.can_ask() {
        return Err(need());
    }
    let chosen = dialoguer::Select::new()
        .with_prompt("The run has changed something")
        .items(["put its backup back", "leave it as it is", "do not cancel"])
        .default(2)
        .interact()
        .map_err(|_| need())?;
    match chosen {
        0 => Ok(CancelChoice::Restore),
        1 => Ok(CancelChoice::Keep),
        _ => Err(CliError::input("not cancelled").code(ExitCode::Interrupted)),
    }
}
