//! `esclusa wait`: until a run ends or needs somebody.

use super::{
    CliError, Global, Terminal, notify, procedural, progress, project,
    records::no_run,
    run,
    status::{self, Standing},
    summary,
};
use crate::{
    approval::Verdict,
    executor::{self, Site},
    model::{ExitCode, Language, RunId},
    report::escape,
    store::RunRow,
};
use clap::Args;
use std::time::{Duration, Instant};

/// Time between two looks at messages to send while waiting.
const DELIVER_EVERY: Duration = Duration::from_secs(60);
/// Time between two looks at the run.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Arguments of `esclusa wait`.
#[derive(Args)]
#[command(after_long_help = CODES)]
pub struct WaitArgs {
    /// The run: its id, the first characters of it, or `latest`
    run: String,
    /// Longest time to wait (30s, 15m, 2h); without it, as long as somebody can go on with the run
    #[arg(long, value_name = "TIME", value_parser = run::duration)]
    timeout: Option<Duration>,
}

/// What its end tells a pipeline.
const CODES: &str = "It looks and never drives: what was approved goes on when somebody calls `esclusa resume RUN`, or \
`esclusa resume --approved` does so from a timer. Whom the run waits for is told on standard error, each time \
that changes.

It ends with the code of the run once that is over, and before that with
   10  the time is up and the run is not over, or nobody of the people file can decide
   11  somebody rejected it
   12  nobody decided in time
   13  the time is up and the run waits for its window
   20  the run is stuck and needs a person";

/// Performs `esclusa wait`.
pub async fn wait(global: &Global, terminal: &Terminal, args: WaitArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let language = progress::site_language(terminal, &site);
    let found = site.store.find_run(&args.run).await;
    let id = found.map_err(|error| no_run(error, language))?.new.id;
    let interrupt = run::interrupt(terminal);
    let begun = Instant::now();
    let mut delivered = Instant::now();
    let mut told = String::new();
    loop {
        if delivered.elapsed() >= DELIVER_EVERY {
            notify::deliver(&site, terminal).await;
            delivered = Instant::now();
        }
        let row = site.store.run(&id).await?;
        let time_is_up = args.timeout.is_some_and(|limit| begun.elapsed() >= limit);
        let (over, needs) = look(&site, &id, row, time_is_up, language).await?;
        if let Some(code) = over {
            summary::print(&site, terminal, &id, code).await?;
            return Ok(code);
        }
        if needs != told {
            terminal.note(&escape::visible(&needs));
            told = needs;
        }
        if interrupt.asked() {
            return Ok(ExitCode::Interrupted);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = interrupt.wait() => {}
        }
    }
}

/// The code to end with, where there is nothing to wait for any more; and whom the run waits for.
async fn look(
    site: &Site,
    id: &RunId,
    row: RunRow,
    time_is_up: bool,
    language: Language,
) -> Result<(Option<ExitCode>, String), CliError> {
    if let Some(exit) = row.final_exit {
        return Ok((Some(executor::code(exit)), String::new()));
    }
    if row.state == "stuck" {
        return Ok((Some(ExitCode::Stuck), String::new()));
    }
    let late = match row.state.as_str() {
        "waiting_window" => ExitCode::WindowClosed,
        _ => ExitCode::Waiting,
    };
    if time_is_up {
        return Ok((Some(late), String::new()));
    }
    if procedural::is_one(&row) {
        let standing = procedural::Standing::load(&site.store, id).await?;
        return Ok((None, standing.needs(language)));
    }
    let now = site.store.now().await?;
    let standing = status::standing(&site.store, Some(&site.people), row, now).await?;
    Ok((decided(&standing), standing.needs(&site.project.zone, language)))
}

/// The code of a decision after which nobody can go on with the run; only its record lacks the end.
fn decided(standing: &Standing) -> Option<ExitCode> {
    match standing.verdict()? {
        Verdict::Rejected { .. } => Some(ExitCode::Rejected),
        Verdict::Expired => Some(ExitCode::Expired),
        Verdict::Open { who, .. } if who.is_empty() => Some(ExitCode::Waiting),
        Verdict::Open { .. } | Verdict::Approved(_) | Verdict::Void(_) => None,
    }
}
