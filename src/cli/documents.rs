//! `esclusa validate`, `esclusa schema` and `esclusa explain`: everything about files.

use super::{
    CliError, Format, Global, Terminal, explain as explaining, project, run, schema as schemas,
    validate as validating,
};
use crate::{document::Files as _, executor::ProjectFiles, model::ExitCode, module};
use clap::Args;
use std::path::{Path, PathBuf};

/// Arguments of `esclusa validate`.
#[derive(Args)]
pub struct ValidateArgs {
    /// Only these files or folders
    paths: Vec<PathBuf>,
}

/// Arguments of `esclusa schema`.
#[derive(Args)]
pub struct SchemaArgs {
    /// The kind of file
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(schemas::KINDS))]
    kind: String,
}

/// Arguments of `esclusa explain`.
#[derive(Args)]
pub struct ExplainArgs {
    /// A module's name, or a variable's with --server
    what: String,
    /// The server whose variable is explained
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
    /// The playbook whose layer counts too: a path, or SYSTEM/KIND
    #[arg(long, value_name = "PLAYBOOK", requires = "server")]
    playbook: Option<String>,
    #[command(flatten)]
    inputs: run::Inputs,
}

/// Performs `esclusa validate`.
pub fn validate(global: &Global, terminal: &Terminal, args: &ValidateArgs) -> Result<ExitCode, CliError> {
    let root = project::root(global)?;
    let report = validating::validate(&root, &args.paths, module::SHAPES)
        .map_err(|error| CliError::input(error.to_string()))?;
    let code = if report.is_good() { ExitCode::Done } else { ExitCode::BadInput };
    if terminal.format == Format::Json {
        terminal.json(&report.to_json());
    } else if report.is_good() {
        terminal.result(&report.text(false));
    } else {
        terminal.note(report.text(terminal.lively).trim_end());
    }
    Ok(code)
}

/// Performs `esclusa schema`.
pub fn schema(terminal: &Terminal, args: &SchemaArgs) -> Result<ExitCode, CliError> {
    let schema = schemas::schema(&args.kind, module::SHAPES)
        .ok_or_else(|| CliError::input(format!("there is no kind of file `{}`", args.kind)))?;
    terminal.json(&schema);
    Ok(ExitCode::Done)
}

/// Performs `esclusa explain`.
pub fn explain(global: &Global, terminal: &Terminal, args: &ExplainArgs) -> Result<ExitCode, CliError> {
    let Some(server) = &args.server else {
        let example = module::example(&args.what);
        let text = explaining::explain_module(&args.what, module::SHAPES, example)
            .map_err(|error| CliError::input(error.to_string()))?;
        terminal.result(&text);
        return Ok(ExitCode::Done);
    };
    let read = project::read(global)?;
    let files = ProjectFiles::new(&read.root);
    let mut diagnostics = crate::document::Diagnostics::default();
    let (sheet, playbook) = match &args.playbook {
        Some(text) => {
            let path = playbook_path(&read.root, &read.project.playbooks, text)?;
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let sheet = source(&files, &format!("{folder}/system.yaml"))
                .and_then(|source| crate::system::parse_sheet(&source, &mut diagnostics));
            let parsed = source(&files, &path).and_then(|source| {
                crate::playbook::parse_playbook(&source, &files, module::SHAPES, &mut diagnostics)
            });
            let Some(parsed) = parsed else {
                return Err(CliError::report(diagnostics.render(terminal.lively)));
            };
            (sheet, parsed.playbook)
        }
        None => {
            let none = crate::model::SystemName::parse("none")
                .map_err(|error| CliError::input(error.to_string()))?;
            let kind = crate::model::PlaybookKind::Maintenance;
            (None, crate::playbook::without_steps("(no playbook)", kind, &none))
        }
    };
    let inputs = args.inputs.values()?;
    let text =
        explaining::explain_variable(&args.what, server, &read.inventory, sheet.as_ref(), &playbook, &inputs)
            .map_err(|error| CliError::input(error.to_string()))?;
    terminal.result(&text);
    Ok(ExitCode::Done)
}

fn source(files: &ProjectFiles, path: &str) -> Option<crate::document::Source> {
    crate::document::Source::from_bytes(path, &files.read(path)?).ok()
}

/// The path of a playbook: as written, or `SYSTEM/KIND` below the playbooks' folder.
pub fn playbook_path(root: &Path, playbooks: &str, text: &str) -> Result<String, CliError> {
    let relative = match Path::new(text).strip_prefix(root) {
        Ok(inside) => inside.to_string_lossy().into_owned(),
        Err(_) => {
            let here = std::env::current_dir().ok().and_then(|here| here.canonicalize().ok());
            let from_here = here.map(|here| here.join(text)).filter(|path| path.is_file());
            from_here
                .and_then(|path| path.canonicalize().ok())
                .and_then(|path| path.strip_prefix(root).ok().map(|path| path.to_string_lossy().into_owned()))
                .unwrap_or_else(|| text.to_owned())
        }
    };
    let candidates =
        [relative.clone(), format!("{playbooks}/{relative}"), format!("{playbooks}/{relative}.yaml")];
    candidates.into_iter().find(|path| root.join(path).is_file()).ok_or_else(|| {
        CliError::input(format!("there is no playbook `{text}`"))
            .hint(format!("give a path, or SYSTEM/KIND for `{playbooks}/SYSTEM/KIND.yaml`"))
    })
}
