//! The command line: one file per verb. Nobody uses this folder.
//!
//! Results go to standard output, everything else to standard error. Exit codes are those of
//! [`ExitCode::TABLE`].

mod approach;
mod approve;
mod audit;
mod backup;
mod cancel;
mod catalogue;
mod check;
mod coverage;
mod deed;
mod demo;
pub mod disk_files;
mod do_activity;
mod doctor;
mod documents;
mod edit;
mod error;
mod evidence;
pub mod explain;
mod history;
mod init;
mod junit;
mod keys;
mod notify;
mod plan;
mod procedural;
mod procedure;
mod progress;
mod project;
mod promote;
mod records;
mod request;
mod restore;
mod resume;
mod run;
pub mod schema;
mod secret;
mod server;
mod show;
mod state;
mod status;
mod summary;
mod terminal;
mod todo;
mod trust;
pub mod validate;
mod wait;

pub use error::CliError;
pub use terminal::Terminal;

use crate::model::ExitCode;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Installs, updates and backs up systems on their servers over SSH, with a verified backup before
/// every update and recorded approval gates.
#[derive(Parser)]
#[command(name = "esclusa", version, max_term_width = 100, after_long_help = exit_codes(), propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb understands.
#[derive(Args, Clone)]
pub struct Global {
    /// The project's folder; the current one or one above it that holds esclusa.yaml otherwise
    #[arg(long, short = 'C', global = true, env = "ESCLUSA_PROJECT", value_name = "DIR")]
    project: Option<PathBuf>,
    /// How results are written
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT")]
    format: Format,
    /// Plain lines, one per event: no colours, no moving lines (also with NO_COLOR or CI set)
    #[arg(long, global = true)]
    plain: bool,
    /// Show what commands on servers print
    #[arg(long, short, global = true)]
    verbose: bool,
    /// Language of what directors and auditors read: es or en
    #[arg(long, global = true, env = "ESCLUSA_LANG", value_name = "LANG")]
    lang: Option<Lang>,
}

/// How results are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// JUnit XML: runs and checks only.
    Junit,
}

impl Format {
    /// The word on the command line.
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Junit => "junit",
        }
    }
}

/// A language on the command line.
#[derive(ValueEnum, Clone, Copy)]
pub enum Lang {
    /// Spanish.
    Es,
    /// English.
    En,
}

#[derive(Subcommand)]
enum Verb {
    /// Check every file of the project, or some, without any server
    Validate(documents::ValidateArgs),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(documents::SchemaArgs),
    /// Explain a module, or where a variable's value on a server comes from
    Explain(documents::ExplainArgs),
    /// Check or draw a procedure: a graph of activities with responsible roles
    Procedure(procedure::ProcedureArgs),
    /// Ask for something: opens a run of a procedure
    Request(request::RequestArgs),
    /// What waits for you, the oldest first
    Todo(todo::TodoArgs),
    /// Do your part of a procedure: an activity, an answer, a signature
    Do(do_activity::DoArgs),
    /// How each activity of a procedure's run, or of all of a system's, stands and led on
    Coverage(coverage::CoverageArgs),
    /// Print a file that is evidence of a run, its content proven
    Evidence(evidence::EvidenceArgs),
    /// The systems that there are data sheets of; search in them
    Catalogue(catalogue::CatalogueArgs),
    /// Show what a playbook would change, and change nothing
    Plan(plan::PlanArgs),
    /// Run a playbook in one environment, or along its route
    Run(run::RunArgs),
    /// Start the next run of a release that has passed
    Promote(promote::PromoteArgs),
    /// See what waits for your decision; approve or reject it
    Approve(approve::ApproveArgs),
    /// What runs, what waits, for whom, and the next command
    Status(status::StatusArgs),
    /// Runs that have ended, and who approved them
    History(history::HistoryArgs),
    /// One run: its plan, its journal, its end
    Show(show::ShowArgs),
    /// Take a stopped or waiting run up again
    Resume(resume::ResumeArgs),
    /// End a run for good
    Cancel(cancel::CancelArgs),
    /// Wait until a run is over; tells meanwhile who has to do what
    Wait(wait::WaitArgs),
    /// Take a verified full backup of a system
    Backup(backup::BackupArgs),
    /// List backups, with the ids that `restore` takes
    Backups(backup::BackupsArgs),
    /// Put a backup back
    Restore(restore::RestoreArgs),
    /// Ask the checks of a system
    Check(check::CheckArgs),
    /// Show a server's host keys and pin them
    Trust(trust::TrustArgs),
    /// Check everything that an environment needs, here and there
    Doctor(doctor::DoctorArgs),
    /// Start a project for a system
    Init(init::InitArgs),
    /// Keep secrets of the project in an encrypted file
    Secret(secret::SecretArgs),
    /// Check the keys that open the backups
    Keys(keys::KeysArgs),
    /// Save or bring back Esclusa's own state
    State(state::StateArgs),
    /// What servers remember of their controllers
    Server(server::ServerArgs),
    /// Verify that nobody edited the record
    Audit(audit::AuditArgs),
    /// See the main job: three servers of its own, an update, a gate, a restore
    Demo(demo::DemoArgs),
    /// The demonstration's own processes
    #[command(hide = true)]
    DemoProcess(demo::ProcessArgs),
}

impl Verb {
    /// How its result can be written. What is a run or the answers of checks has a JUnit form too; a
    /// story that is told while it happens has only words.
    fn formats(&self) -> &'static [Format] {
        match self {
            Self::Request(args) if args.only_lists() => &[Format::Text, Format::Json],
            Self::Do(args) if args.only_lists() => &[Format::Text, Format::Json],
            Self::Run(_)
            | Self::Promote(_)
            | Self::Resume(_)
            | Self::Cancel(_)
            | Self::Wait(_)
            | Self::Show(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Check(_)
            | Self::Request(_)
            | Self::Do(_) => &[Format::Text, Format::Json, Format::Junit],
            Self::Demo(_) | Self::DemoProcess(_) => &[Format::Text],
            _ => &[Format::Text, Format::Json],
        }
    }

    /// Refuses a format that the result does not have.
    fn refuse_format(&self, format: Format) -> Result<(), CliError> {
        let formats = self.formats();
        if formats.contains(&format) {
            return Ok(());
        }
        let words: Vec<_> = formats.iter().map(|format| format!("`{}`", format.word())).collect();
        Err(CliError::input(format!("the result of this command cannot be written as `{}`", format.word()))
            .hint(format!("its formats are: {}", words.join(", "))))
    }
}

/// Runs the program with the process's arguments and returns its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is bad input.
            let code = if error.use_stderr() { ExitCode::BadInput } else { ExitCode::Done };
            let _ = error.print();
            if error.use_stderr() && wants_json() {
                Terminal::of_format(Format::Json).json(&CliError::from_usage(&error).document());
            }
            return code;
        }
    };
    let terminal = Terminal::new(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.note(&format!("error: the program cannot start its threads: {error}"));
            return ExitCode::Failed;
        }
    };
    let result = runtime.block_on(perform(cli, &terminal));
    // Threads that still wait for a terminal or a file must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match result {
        Ok(code) => code,
        Err(error) => {
            terminal.error(&error);
            error.code
        }
    }
}

/// Whether JSON is wanted by a command line that cannot be read.
fn wants_json() -> bool {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let pair = words.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    pair || words.iter().any(|word| word == "--format=json")
}

async fn perform(cli: Cli, terminal: &Terminal) -> Result<ExitCode, CliError> {
    let global = &cli.global;
    cli.verb.refuse_format(global.format)?;
    match cli.verb {
        Verb::Validate(args) => documents::validate(global, terminal, &args),
        Verb::Schema(args) => documents::schema(terminal, &args),
        Verb::Explain(args) => documents::explain(global, terminal, &args),
        Verb::Procedure(args) => procedure::procedure(global, terminal, args).await,
        Verb::Request(args) => request::request(global, terminal, args).await,
        Verb::Todo(args) => todo::todo(global, terminal, args).await,
        Verb::Do(args) => do_activity::perform(global, terminal, args).await,
        Verb::Coverage(args) => coverage::coverage(global, terminal, args).await,
        Verb::Evidence(args) => evidence::evidence(global, terminal, args).await,
        Verb::Catalogue(args) => catalogue::catalogue(global, terminal, &args),
        Verb::Plan(args) => plan::plan(global, terminal, args).await,
        Verb::Run(args) => run::run(global, terminal, args).await,
        Verb::Promote(args) => promote::promote(global, terminal, args).await,
        Verb::Approve(args) => approve::approve(global, terminal, args).await,
        Verb::Status(args) => status::status(global, terminal, args).await,
        Verb::History(args) => history::history(global, terminal, args).await,
        Verb::Show(args) => show::show(global, terminal, args).await,
        Verb::Resume(args) => resume::resume(global, terminal, args).await,
        Verb::Cancel(args) => cancel::cancel(global, terminal, args).await,
        Verb::Wait(args) => wait::wait(global, terminal, args).await,
        Verb::Backup(args) => backup::backup(global, terminal, args).await,
        Verb::Backups(args) => backup::backups(global, terminal, args).await,
        Verb::Restore(args) => restore::restore(global, terminal, args).await,
        Verb::Check(args) => check::check(global, terminal, args).await,
        Verb::Trust(args) => trust::trust(global, terminal, args).await,
        Verb::Doctor(args) => doctor::doctor(global, terminal, args).await,
        Verb::Init(args) => init::init(global, terminal, args).await,
        Verb::Secret(args) => secret::secret(global, terminal, args).await,
        Verb::Keys(args) => keys::keys(global, terminal, args).await,
        Verb::State(args) => state::state(global, terminal, args).await,
        Verb::Server(args) => server::server(global, terminal, args).await,
        Verb::Audit(args) => audit::audit(global, terminal, args).await,
        Verb::Demo(args) => demo::demo(global, terminal, args).await,
        Verb::DemoProcess(args) => demo::process(args).await,
    }
}

/// The table of exit codes for `--help`.
fn exit_codes() -> String {
    let rows = ExitCode::TABLE.iter().map(|(code, meaning)| format!("  {:>3}  {meaning}", code.number()));
    format!("Exit codes:\n{}", rows.collect::<Vec<_>>().join("\n"))
}
