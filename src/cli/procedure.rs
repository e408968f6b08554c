//! `esclusa procedure`: what is wrong with a procedure's graph, and what it looks like.

use super::{
    CliError, Format, Global, Terminal,
    disk_files::DiskFiles,
    procedural::{self, Standing},
    project,
    records::{Door, Records},
};
use crate::{
    document::{Diagnostics, Files as _, Source},
    inventory::{parse_people, parse_project},
    model::{ExitCode, Language, People},
    procedure::{self, Parsed, Procedure},
    report::{
        graph::{self, Stand},
        language::documents as say,
    },
};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Columns of a terminal that every page fits.
const COLUMNS: usize = 80;

/// Arguments of `esclusa procedure`.
#[derive(Args)]
pub struct ProcedureArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Find dead ends, endless loops, missing answers and roles that nobody has
    Lint {
        /// The procedure
        file: PathBuf,
    },
    /// Draw the activities and where they lead, and where a run stands
    Show {
        /// The procedure; with --run the one that the run was opened with
        #[arg(required_unless_present = "run")]
        file: Option<PathBuf>,
        /// The run whose standing is shown: its id, the first characters of it, or `latest`
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        #[command(flatten)]
        door: Door,
        /// Write an SVG drawing to this file instead
        #[arg(long, value_name = "OUT")]
        svg: Option<PathBuf>,
    },
}

/// Performs `esclusa procedure`.
pub async fn procedure(
    global: &Global,
    terminal: &Terminal,
    args: ProcedureArgs,
) -> Result<ExitCode, CliError> {
    match args.what {
        What::Lint { file } => lint(global, terminal, &file),
        What::Show { run: Some(run), file, door, svg } => {
            show_run(global, terminal, (&run, &door), file.as_deref(), svg.as_deref()).await
        }
        What::Show { file, svg, .. } => {
            show(global, terminal, file.as_deref().unwrap_or(Path::new("")), svg.as_deref())
        }
    }
}

fn lint(global: &Global, terminal: &Terminal, file: &Path) -> Result<ExitCode, CliError> {
    let found = find(global, file)?;
    let mut diagnostics = Diagnostics::default();
    let parsed = Source::read(&found.files, &found.path, &mut diagnostics)
        .and_then(|source| procedure::read_procedure(&source, &found.files, &mut diagnostics));
    let mut activities = 0;
    if let Some(parsed) = &parsed {
        activities = parsed.procedure.activities.len();
        parsed.findings(found.people.as_ref()).into_iter().for_each(|finding| diagnostics.push(finding));
    }
    let good = !diagnostics.has_errors();
    let code = if good { ExitCode::Done } else { ExitCode::BadInput };
    if terminal.format == Format::Json {
        terminal.json(&serde_json::json!({
            "good": good, "activities": activities, "diagnostics": diagnostics.to_json(),
        }));
    } else if good {
        let roles = if found.people.is_some() { "" } else { "; no people file, so roles were not checked" };
        terminal.result(&format!("{activities} activities, nothing is wrong{roles}"));
    } else {
        let faults = if diagnostics.errors() == 1 { "fault" } else { "faults" };
        let report = diagnostics.render(terminal.lively);
        terminal.note(&format!("{report}{} {faults} in {activities} activities", diagnostics.errors()));
    }
    Ok(code)
}

fn show(global: &Global, terminal: &Terminal, file: &Path, svg: Option<&Path>) -> Result<ExitCode, CliError> {
    let found = find(global, file)?;
    let mut diagnostics = Diagnostics::default();
    let Some(parsed) = parse(&found, &mut diagnostics) else {
        return Err(CliError::report(diagnostics.render(terminal.lively)));
    };
    let language = terminal.language(None, found.language);
    draw(terminal, &parsed.procedure, language, None, svg)?;
    Ok(ExitCode::Done)
}

/// Draws the procedure that a run was opened with, and where the run stands.
async fn show_run(
    global: &Global,
    terminal: &Terminal,
    (run, door): (&str, &Door),
    file: Option<&Path>,
    svg: Option<&Path>,
) -> Result<ExitCode, CliError> {
    let records = Records::open(global, door).await?;
    let language = records.language(terminal, None);
    let row = procedural::find_as(&records.store, run, language).await?;
    let standing = Standing::load(&records.store, &row.new.id).await?;
    let run = &standing.stored.run;
    if let Some(file) = file {
        same_procedure(global, file, &run.procedure)?;
    }
    let line = say::run_line(language, &row.new.id, standing.state(language));
    let stand = Stand::of(run, line);
    draw(terminal, &run.procedure, language, Some(&stand), svg)?;
    Ok(ExitCode::Done)
}

/// Refuses a file that is another procedure than the run's; one that has changed since is fine.
fn same_procedure(global: &Global, file: &Path, of_run: &Procedure) -> Result<(), CliError> {
    let found = find(global, file)?;
    if found.path == of_run.path || found.path.ends_with(&format!("/{}", of_run.path)) {
        return Ok(());
    }
    Err(CliError::input(format!("the run is of `{}`, not of `{}`", of_run.path, found.path))
        .hint("leave the file out: the procedure is stored with the run"))
}

fn draw(
    terminal: &Terminal,
    procedure: &Procedure,
    language: Language,
    stand: Option<&Stand>,
    svg: Option<&Path>,
) -> Result<(), CliError> {
    if let Some(out) = svg {
        let fault = |error: std::io::Error| CliError::failed(format!("`{}`: {error}", out.display()));
        std::fs::write(out, graph::svg(procedure, language, stand)).map_err(fault)?;
        terminal.note(&format!("`{}` is written", out.display()));
        if terminal.format == Format::Json {
            terminal.json(&serde_json::json!({ "out": out.display().to_string() }));
        }
    } else if terminal.format == Format::Json {
        let failed = |error: serde_json::Error| CliError::failed(error.to_string());
        let mut value = serde_json::to_value(procedure).map_err(failed)?;
        if let Some(stand) = stand {
            value["marks"] = serde_json::to_value(&stand.marks).map_err(failed)?;
        }
        terminal.json(&value);
    } else {
        terminal.result(&graph::text(procedure, language, COLUMNS, stand));
    }
    Ok(())
}

/// A procedure's file and what is around it.
struct Found {
    files: DiskFiles,
    path: String,
    people: Option<People>,
    language: Language,
}

/// A procedure of the project, or one that lies anywhere: then there are no people to hold it against.
fn find(global: &Global, file: &Path) -> Result<Found, CliError> {
    let root = match project::root(global) {
        Ok(root) => Some(root),
        Err(error) if global.project.is_some() => return Err(error),
        Err(_) => None,
    };
    let beside = root.as_ref().map(|root| root.join(file)).filter(|path| path.is_file() && !file.is_file());
    let wanted = beside.unwrap_or_else(|| file.to_owned());
    let full = wanted
        .canonicalize()
        .map_err(|error| CliError::input(format!("the procedure `{}`: {error}", file.display())))?;
    let text = |path: &Path| path.to_str().map(str::to_owned);
    if let Some(root) = &root
        && let Some(path) = full.strip_prefix(root).ok().and_then(text)
    {
        let files = DiskFiles::new(root);
        let (people, language) = around(&files);
        return Ok(Found { files, path, people, language });
    }
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_else(|_| "/".into());
    let base = if full.starts_with(&here) { here } else { PathBuf::from("/") };
    let path = full.strip_prefix(&base).ok().and_then(text);
    let path = path.ok_or_else(|| CliError::input("the path of the procedure is not UTF-8"))?;
    Ok(Found { files: DiskFiles::new(&base), path, people: None, language: Language::Es })
}

/// The people and the language of a project; its faults are for `esclusa validate` to tell.
fn around(files: &DiskFiles) -> (Option<People>, Language) {
    let mut ignored = Diagnostics::default();
    let project = Source::read(files, project::PROJECT_FILE, &mut ignored)
        .and_then(|source| parse_project(&source, &mut ignored));
    let Some(project) = project else { return (None, Language::Es) };
    let exists = files.exists(&project.people);
    let source = exists.then(|| Source::read(files, &project.people, &mut ignored)).flatten();
    (source.and_then(|source| parse_people(&source, &mut ignored)), project.language)
}

fn parse(found: &Found, diagnostics: &mut Diagnostics) -> Option<Parsed> {
    let source = Source::read(&found.files, &found.path, diagnostics)?;
    procedure::parse_procedure(&source, &found.files, diagnostics)
}
