//! `esclusa validate`, `esclusa schema` and `esclusa explain`: everything about files.

use super::{
    CliError, Format, Global, Terminal, explain as explaining, project, run, schema as schemas,
    validate as validating,
};
use crate::{document::Files as _, executor::ProjectFiles, model::ExitCode, module, report::escape};
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
    /// A module's name, or a variable's with --server; without it, all modules are listed
    #[arg(value_name = "NAME")]
    what: Option<String>,
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
    let json = terminal.format == Format::Json;
    let (what, server) = match (&args.what, &args.server) {
        (Some(what), Some(server)) => (what, server),
        (Some(what), None) => {
            let shape = explaining::find_module(what, module::SHAPES).map_err(|error| {
                let error = CliError::input(error.to_string());
                error.hint("`esclusa explain` lists the modules; a variable needs `--server SERVER`")
            })?;
            let example = module::example(what);
            match json {
                true => terminal.json(&explaining::module_document(shape, example)),
                false => terminal.result(&explaining::explain_module(shape, example)),
            }
            return Ok(ExitCode::Done);
        }
        (None, None) => {
            match json {
                true => terminal.json(&explaining::list_document(module::SHAPES)),
                false => terminal.result(&explaining::list(module::SHAPES)),
            }
            return Ok(ExitCode::Done);
        }
        (None, Some(server)) => {
            return Err(CliError::input("which variable is to be explained is not said")
                .hint(format!("esclusa explain VARIABLE --server {}", escape::visible(server))));
        }
    };
    let read = project::read(global)?;
    let files = ProjectFiles::new(&read.root);
    let mut diagnostics = crate::document::Diagnostics::default();
    let (sheet, playbook) = match &args.playbook {
        Some(text) => {
            let path = runnable_path(&read.root, &read.project.playbooks, text)?;
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
    let inventory = &read.inventory;
    let chain = explaining::explain_variable(what, server, inventory, sheet.as_ref(), &playbook, &inputs)
        .map_err(|error| CliError::input(error.to_string()))?;
    match json {
        true => terminal.json(&chain.document()),
        false => terminal.result(&chain.text()),
    }
    Ok(ExitCode::Done)
}

/// The path of a playbook that can be planned and run; what is another kind of file is named, with the
/// command that takes it.
pub fn runnable_path(root: &Path, playbooks: &str, text: &str) -> Result<String, CliError> {
    let path = playbook_path(root, playbooks, text)?;
    let shown = escape::visible(text);
    let refuse = |what: &str| CliError::input(format!("`{shown}` is {what}, not a playbook that is run"));
    Err(match kind(root, &path) {
        Kind::Procedure => refuse("a procedure")
            .hint(format!("open a run of it with `esclusa request new {shown} --system SYSTEM`")),
        Kind::Backup(system) => refuse("a backup playbook")
            .hint(format!("take a backup with `esclusa backup {system} --env ENVIRONMENT`")),
        Kind::Sheet(system) => {
            refuse("a data sheet").hint(format!("name a playbook beside it, such as `{system}/update`"))
        }
        Kind::Other => return Ok(path),
    })
}

/// The path of a procedure; a playbook is named as one, with the command that runs it.
pub fn procedure_path(root: &Path, playbooks: &str, text: &str) -> Result<String, CliError> {
    let path = playbook_path(root, playbooks, text)?;
    let shown = escape::visible(text);
    let refuse = |what: &str| CliError::input(format!("`{shown}` is {what}, not a procedure"));
    Err(match (kind(root, &path), kind_word(root, &path)) {
        (Kind::Procedure, _) | (Kind::Other, None) => return Ok(path),
        (Kind::Backup(system), _) => refuse("a backup playbook")
            .hint(format!("take a backup with `esclusa backup {system} --env ENVIRONMENT`")),
        (Kind::Sheet(_), _) => refuse("a data sheet").hint("name a procedure, such as `ti-p01/3.2.5`"),
        (Kind::Other, Some(_)) => {
            refuse("a playbook").hint(format!("run it with `esclusa run {shown} --env ENVIRONMENT`"))
        }
    })
}

/// What a file of the playbooks' folder is, for whoever took it for another one.
enum Kind {
    Procedure,
    Backup(String),
    Sheet(String),
    /// A playbook, or something whose faults its reader tells.
    Other,
}

fn tree(root: &Path, path: &str) -> Option<crate::document::Node> {
    let source = source(&ProjectFiles::new(root), path)?;
    crate::document::parse(&source).ok()
}

fn kind_word(root: &Path, path: &str) -> Option<String> {
    tree(root, path)?.text("kind")
}

fn kind(root: &Path, path: &str) -> Kind {
    let Some(tree) = tree(root, path) else { return Kind::Other };
    let system = escape::visible(&tree.text("system").unwrap_or_else(|| "SYSTEM".to_owned()));
    match tree.text("kind").as_deref() {
        Some("procedure") => Kind::Procedure,
        Some("backup") => Kind::Backup(system),
        None if tree.get("origin").is_some() && tree.get("steps").is_none() => Kind::Sheet(system),
        _ => Kind::Other,
    }
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
    let found = candidates.into_iter().find(|path| root.join(path).is_file());
    // Everything that a release consists of lies in the project.
    let full = found.as_ref().and_then(|path| root.join(path).canonicalize().ok());
    if full.is_some_and(|full| !full.starts_with(root)) {
        return Err(CliError::input(format!("`{}` does not lie in the project", escape::visible(text)))
            .hint(format!("the project is `{}`", root.display())));
    }
    found.ok_or_else(|| {
        CliError::input(format!("there is no playbook `{}`", escape::visible(text)))
            .hint(format!("give a path, or SYSTEM/KIND for `{playbooks}/SYSTEM/KIND.yaml`"))
    })
}
