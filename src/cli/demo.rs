//! `esclusa demo`.

use super::{CliError, Global, Terminal, project, run};
use crate::{
    demo::{self, AtGate, DemoError, DemoFolder, Ending, Notes, ServerFolder, Story},
    executor::Site,
    model::{ExitCode, RunId},
};
use clap::{Args, Subcommand};
use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Largest data file that the check of a backup reads, in bytes.
const DATA_BYTES_MAX: u64 = 2 << 20;

/// Arguments of `esclusa demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// Folder of the demonstration; made if it is not there, and left to look at
    #[arg(long, value_name = "DIR", default_value = "esclusa-demo")]
    dir: PathBuf,
    /// Let the demonstration's director sign at the gate, with their key
    #[arg(long)]
    approve: bool,
    /// Give production data that the update cannot take, to see it go back
    #[arg(long)]
    fail: bool,
    /// Stop the servers of an earlier call, and do nothing else
    #[arg(long, conflicts_with_all = ["approve", "fail"])]
    stop: bool,
}

/// Arguments of the demonstration's own processes.
#[derive(Args)]
pub struct ProcessArgs {
    #[command(subcommand)]
    part: Part,
}

/// The parts that run as processes of their own.
#[derive(Subcommand)]
enum Part {
    /// One of the three SSH servers
    Server {
        /// Its folder
        #[arg(long)]
        folder: PathBuf,
        /// Stop after so long without a caller
        #[arg(long, value_name = "TIME", value_parser = run::duration)]
        idle: Option<Duration>,
    },
    /// The notes over HTTP
    Service {
        /// Its folder
        #[arg(long)]
        root: PathBuf,
    },
    /// Begin a data file
    Begin {
        /// The file
        #[arg(long)]
        data: PathBuf,
    },
    /// Bring a data file to version 2
    Migrate {
        /// The file
        #[arg(long)]
        data: PathBuf,
        /// Where it is written down
        #[arg(long)]
        log: PathBuf,
    },
    /// Prove that the data on standard input is whole
    Check,
}

impl From<DemoError> for CliError {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Executor(error) => error.into(),
            DemoError::NotOurs(_) => Self::input(error.to_string()).hint("name another folder with `--dir`"),
            other => Self::failed(other.to_string()),
        }
    }
}

/// Performs `esclusa demo`.
pub async fn demo(global: &Global, terminal: &Terminal, args: DemoArgs) -> Result<ExitCode, CliError> {
    if args.stop {
        return stop(terminal, &args.dir);
    }
    let begun = Instant::now();
    let program = std::env::current_exe()
        .map_err(|error| CliError::failed(format!("the program does not know where it lies: {error}")))?;
    let folder = DemoFolder::prepare(&args.dir, &project::account(), &program)?;
    folder.start()?;
    terminal.note(&format!(
        "Three servers of the demonstration run on this machine; its folder is {}",
        args.dir.display()
    ));
    let site = open(global, &folder).await?;
    let asks = terminal.clone();
    let ask = |id: &RunId| person(&asks, &folder, id);
    let at_gate = match (args.approve, terminal.can_ask()) {
        (true, _) => AtGate::Director,
        (false, true) => AtGate::Person(&ask),
        (false, false) => AtGate::Nobody,
    };
    let says = terminal.clone();
    let story = Story {
        site: &site,
        folder: &folder,
        at_gate,
        fail: args.fail,
        say: Arc::new(move |line: &str| says.note(line)),
        interrupt: run::interrupt(terminal),
    };
    let ending = story.tell().await?;
    terminal.result(&last_words(&ending, &folder, &args.dir, begun));
    Ok(ending.code)
}

fn stop(terminal: &Terminal, path: &Path) -> Result<ExitCode, CliError> {
    let Some(folder) = DemoFolder::find(path)? else {
        return Err(CliError::input(format!("there is no demonstration in `{}`", path.display()))
            .hint("name its folder with `--dir`"));
    };
    let stopped = folder.stop()?;
    terminal.result(&format!("{stopped} servers stopped; the folder {} stays", path.display()));
    Ok(ExitCode::Done)
}

/// Opens the demonstration's project. A pipeline's runner may hold it: nothing of it is needed later.
async fn open(global: &Global, folder: &DemoFolder) -> Result<Site, CliError> {
    let global = Global { project: Some(folder.path().to_owned()), ..global.clone() };
    let read = project::read(&global)?;
    Ok(Site::open(&read.root, read.project, read.inventory, read.people, project::account()).await?)
}

/// Lets the person at the keyboard play the director: the same prompt as `esclusa approve`, with the
/// director's key.
fn person(terminal: &Terminal, folder: &DemoFolder, id: &RunId) -> bool {
    terminal.note("\nYou are the director now. This is what directors see:");
    terminal.note(&format!("  $ esclusa approve {id} --key keys/director\n"));
    let status = std::process::Command::new(folder.program())
        .arg("-C")
        .arg(folder.path())
        .args(["approve", id.as_str(), "--key"])
        .arg(folder.director_key())
        .env("ESCLUSA_STORE_IS_KEPT", "1")
        .status();
    status.is_ok_and(|status| status.success())
}

fn last_words(ending: &Ending, folder: &DemoFolder, dir: &Path, begun: Instant) -> String {
    let shown = dir.display();
    let mut lines = vec![String::new()];
    match ending.code {
        ExitCode::Done => lines.push("Done: version 2 is in production.".to_owned()),
        ExitCode::Restored => lines.push(
            "The update failed in production and the previous state is back, with everything written until it began."
                .to_owned(),
        ),
        ExitCode::Waiting => {
            lines.push("The update waits for a director. Decide, then go on:".to_owned());
            let id = ending.run.as_ref().map(ToString::to_string).unwrap_or_default();
            let esclusa = command(folder);
            let key = quoted(&folder.director_key());
            lines.push(format!(
                "  {esclusa} approve {id} --decide approve --reason 'Tested well' --key {key}"
            ));
            lines.push(format!("  {esclusa} resume {id}"));
        }
        other => lines.push(format!("It ended with {}: {}.", other.number(), other.meaning())),
    }
    let seconds = begun.elapsed().as_secs_f32();
    lines.push(format!("({seconds:.1} s; look around in {shown}, then: esclusa demo --stop --dir {shown})"));
    lines.join("\n")
}

/// How the program is called for the demonstration's project, from any folder.
fn command(folder: &DemoFolder) -> String {
    // In a pipeline the store of a runner is refused, and this one is kept as long as it matters.
    let kept = if std::env::var_os("CI").is_some() { "ESCLUSA_STORE_IS_KEPT=1 " } else { "" };
    format!("{kept}{} -C {}", quoted(&folder.program()), quoted(folder.path()))
}

fn quoted(path: &Path) -> String {
    crate::model::script::quote(&path.display().to_string())
}

/// Performs one of the demonstration's own processes.
pub async fn process(args: ProcessArgs) -> Result<ExitCode, CliError> {
    match args.part {
        Part::Server { folder, idle } => {
            demo::run_server(&ServerFolder(folder), idle.unwrap_or(demo::IDLE)).await?;
        }
        Part::Service { root } => demo::serve_notes(&root).await?,
        Part::Begin { data } => Notes::empty().write(&data)?,
        Part::Migrate { data, log } => {
            demo::migrate(&data, &log)?;
        }
        Part::Check => {
            let mut text = String::new();
            std::io::stdin()
                .take(DATA_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(|error| CliError::failed(format!("standard input: {error}")))?;
            Notes::parse(&text)?;
        }
    }
    Ok(ExitCode::Done)
}
