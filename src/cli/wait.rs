//! `esclusa wait`: until a run ends or needs somebody.

use super::{CliError, Global, Terminal, notify, project, run, summary};
use crate::{executor, model::ExitCode};
use clap::Args;
use std::time::{Duration, Instant};

/// Time between two looks at messages to send while waiting.
const DELIVER_EVERY: Duration = Duration::from_secs(60);

/// Arguments of `esclusa wait`.
#[derive(Args)]
pub struct WaitArgs {
    /// The run: its id, the first characters of it, or `latest`
    run: String,
    /// Longest time to wait (30s, 15m, 2h); without it, as long as it takes
    #[arg(long, value_name = "TIME", value_parser = run::duration)]
    timeout: Option<Duration>,
}

/// Performs `esclusa wait`: it only looks, whoever drives the run.
pub async fn wait(global: &Global, terminal: &Terminal, args: WaitArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let id = site.store.find_run(&args.run).await?.new.id;
    let interrupt = run::interrupt(terminal);
    let begun = Instant::now();
    let mut delivered = Instant::now();
    loop {
        if delivered.elapsed() >= DELIVER_EVERY {
            notify::deliver(&site, terminal).await;
            delivered = Instant::now();
        }
        let row = site.store.run(&id).await?;
        let code = match (row.final_exit, row.state.as_str()) {
            (Some(exit), _) => Some(executor::code(exit)),
            (None, "stuck") => Some(ExitCode::Stuck),
            (None, state) if args.timeout.is_some_and(|limit| begun.elapsed() >= limit) => {
                Some(match state {
                    "waiting_window" => ExitCode::WindowClosed,
                    _ => ExitCode::Waiting,
                })
            }
            _ => None,
        };
        if let Some(code) = code {
            summary::print(&site, terminal, &id, code).await?;
            return Ok(code);
        }
        if interrupt.asked() {
            return Ok(ExitCode::Interrupted);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = interrupt.wait() => {}
        }
    }
}
