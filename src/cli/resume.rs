//! `esclusa resume`: takes a stopped or waiting run up again.

use super::{
    CliError, Format, Global, Terminal, notify, procedural, progress, project, records::no_run, run, summary,
};
use crate::{
    executor::{self, Site, interrupt::Interrupt},
    model::{ExitCode, RunId},
    report::escape,
    store::RunFilter,
};
use clap::Args;
use std::sync::Arc;

/// Arguments of `esclusa resume`.
#[derive(Args)]
pub struct ResumeArgs {
    /// The run: its id, the first characters of it, or `latest`
    #[arg(required_unless_present = "approved")]
    run: Option<String>,
    /// Every run whose gate has been decided by now, and deadlines and reminders of every procedure
    #[arg(long, conflicts_with = "run")]
    approved: bool,
    #[command(flatten)]
    waiting: run::Waiting,
}

/// Performs `esclusa resume`.
pub async fn resume(global: &Global, terminal: &Terminal, args: ResumeArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let language = progress::site_language(terminal, &site);
    let runs = match &args.run {
        Some(text) => {
            let found = site.store.find_run(text).await;
            vec![found.map_err(|error| no_run(error, language))?.new.id]
        }
        None => decided(&site).await?,
    };
    if runs.is_empty() {
        terminal.note("no run's gate has been decided.");
    }
    let interrupt = run::interrupt(terminal);
    let mut worst = ExitCode::Done;
    for id in runs {
        match one(&site, terminal, &id, &args.waiting, &interrupt).await {
            Ok(code) => worst = worst.max(code),
            Err(error) if args.approved => {
                // One that cannot go on keeps nobody else's.
                terminal.note(&escape::visible(&format!("run {id}: {}", error.words)));
                worst = worst.max(error.code);
            }
            Err(error) => return Err(error),
        }
        if interrupt.asked() {
            return Ok(worst);
        }
    }
    if args.approved {
        worst = worst.max(procedures(&site, terminal, &interrupt).await?);
    }
    Ok(worst)
}

/// Takes one run up again.
async fn one(
    site: &Site,
    terminal: &Terminal,
    id: &RunId,
    waiting: &run::Waiting,
    interrupt: &Interrupt,
) -> Result<ExitCode, CliError> {
    let row = site.store.run(id).await?;
    if let Some(exit) = row.final_exit {
        summary::print(site, terminal, id, executor::code(exit)).await?;
        return Ok(executor::code(exit));
    }
    let watch = progress::watch(terminal, site);
    if procedural::is_one(&row) {
        let advanced = executor::procedure::go_on(site, id, interrupt, &watch).await;
        notify::deliver(site, terminal).await;
        advanced?;
        let language = progress::institution_language(terminal, site);
        return procedural::print(&site.store, terminal, id, language).await;
    }
    let result = executor::resume(site, id, waiting.patience(), interrupt, Arc::clone(&watch)).await;
    notify::deliver(site, terminal).await;
    let code = result?;
    summary::print(site, terminal, id, code).await?;
    // The procedure that waits for it goes on where it can.
    if let Some(caller) = executor::procedure::given_by_caller(site, id).await? {
        let advanced = executor::procedure::go_on(site, &caller, interrupt, &watch).await;
        notify::deliver(site, terminal).await;
        advanced?;
        if terminal.format == Format::Text {
            // The run stands still; who is waited for is the procedure's to say.
            let language = progress::site_language(terminal, site);
            return Ok(code.max(procedural::print(&site.store, terminal, &caller, language).await?));
        }
    }
    Ok(code)
}

/// Deadlines, reminders and ended runs of every open procedure. One that cannot go on is told, and
/// keeps nobody.
async fn procedures(site: &Site, terminal: &Terminal, interrupt: &Interrupt) -> Result<ExitCode, CliError> {
    let mut worst = ExitCode::Done;
    let watch = progress::watch(terminal, site);
    let all = executor::procedure::go_on_all(site, interrupt, &watch).await?;
    notify::deliver(site, terminal).await;
    for (id, result) in all {
        if let Err(error) = result {
            terminal.note(&escape::visible(&format!("run {id}: {error}")));
            worst = worst.max(error.exit_code());
        }
    }
    Ok(worst)
}

/// Runs that wait at a gate whose decisions suffice, or were rejected or expired.
async fn decided(site: &Site) -> Result<Vec<RunId>, CliError> {
    let mut decided = Vec::new();
    for row in site.store.runs(&RunFilter { ended: Some(false), ..RunFilter::default() }).await? {
        if procedural::is_one(&row) {
            continue;
        }
        let run = executor::load(&site.store, &row.new.id).await?;
        let verdict = site.verdict(&run).await?;
        // A run that waits for its window alone has nobody to wait for.
        let open = match verdict {
            None => row.state != "waiting_window",
            Some(verdict) => matches!(verdict, crate::approval::Verdict::Open { .. }),
        };
        if !open && matches!(row.state.as_str(), "waiting" | "waiting_window") {
            decided.push(row.new.id);
        }
    }
    Ok(decided)
}
