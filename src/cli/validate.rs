//! `esclusa validate`: everything that can be checked without a server.

use super::disk_files::DiskFiles;
use crate::{
    document::{self, Diagnostics, Files, Node, Shape, Source, path},
    inventory::{Inventory, Project, parse_people, read_inventory, read_project},
    model::{People, SystemName},
    playbook::{self, Parsed, validate as rules},
    procedure,
    system::{SystemSheet, read_sheet},
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// The file that marks a project.
pub const PROJECT_FILE: &str = "esclusa.yaml";

/// Deepest folder below the playbooks' that is looked into.
const FOLDER_DEPTH_MAX: usize = 8;

/// Says why nothing could be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// There is no project.
    #[error("there is no `{PROJECT_FILE}` in `{0}`")]
    NoProject(String),
    /// A path that was asked for does not lie in the project.
    #[error("`{0}` is no file or folder of this project")]
    NoSuchPath(String),
    /// A folder cannot be read.
    #[error("the folder `{folder}` cannot be read")]
    Folder {
        /// Its path.
        folder: String,
        /// Why.
        source: io::Error,
    },
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// Everything that was found.
    pub diagnostics: Diagnostics,
    /// Files that were read as documents of their own, relative to the project's folder.
    pub files: Vec<String>,
    /// Servers of the inventory.
    pub servers: usize,
}

impl Report {
    /// Whether everything is good.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !self.diagnostics.has_errors()
    }

    /// The report as text, its last line a summary.
    #[must_use]
    pub fn text(&self, colours: bool) -> String {
        let errors = self.diagnostics.errors();
        let summary = match errors {
            0 => format!("{} files are good, {} servers", self.files.len(), self.servers),
            1 => format!("1 error in {} files", self.files.len()),
            many => format!("{many} errors in {} files", self.files.len()),
        };
        format!("{}{summary}\n", self.diagnostics.render(colours))
    }

    /// The report for machines.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "good": self.is_good(),
            "files": self.files,
            "servers": self.servers,
            "diagnostics": self.diagnostics.to_json(),
        })
    }
}

/// Checks a project, or the files and folders of it that are named by `paths`.
///
/// Project file, inventory and people are always checked, because everything hangs on them.
pub fn validate(root: &Path, paths: &[PathBuf], modules: &[&'static Shape]) -> Result<Report, ValidateError> {
    let files = DiskFiles::new(root);
    let mut check = Check::new(&files, modules);
    if !files.exists(PROJECT_FILE) {
        return Err(ValidateError::NoProject(root.display().to_string()));
    }
    let parts = check.project();
    let folder = parts.project.as_ref().map_or("playbooks", |project| project.playbooks.as_str());
    let mut found = Vec::new();
    if paths.is_empty() {
        collect(root, folder, 0, &mut found)?;
    }
    for path in paths {
        let relative = relative(root, path)?;
        match root.join(&relative).is_dir() {
            true => collect(root, &relative, 0, &mut found)?,
            false => found.push(relative),
        }
    }
    found.sort();
    found.dedup();
    for path in found {
        check.document(&path, &parts);
    }
    let servers = parts.inventory.iter().flat_map(|one| &one.environments).map(|one| one.servers.len()).sum();
    check.diagnostics.extend(check.placeholders);
    Ok(Report { diagnostics: check.diagnostics, files: check.read, servers })
}

/// What everything else hangs on, as far as it could be read.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// The project file, be it with faults.
    pub project: Option<Project>,
    /// The inventory.
    pub inventory: Option<Inventory>,
    /// The people file.
    pub people: Option<People>,
}

struct Check<'a> {
    files: &'a dyn Files,
    modules: &'a [&'static Shape],
    diagnostics: Diagnostics,
    /// Apart, because a file with placeholders can be read.
    placeholders: Diagnostics,
    read: Vec<String>,
    sheets: BTreeMap<String, Option<Sheet>>,
}

/// A data sheet as far as it could be read.
#[derive(Debug, Clone)]
struct Sheet {
    sheet: SystemSheet,
    /// Nothing is wrong with its variables.
    variables_known: bool,
}

impl<'a> Check<'a> {
    fn new(files: &'a dyn Files, modules: &'a [&'static Shape]) -> Self {
        Self {
            files,
            modules,
            diagnostics: Diagnostics::default(),
            placeholders: Diagnostics::default(),
            read: Vec::new(),
            sheets: BTreeMap::new(),
        }
    }

    fn source(&mut self, path: &str) -> Option<Source> {
        let source = Source::read(self.files, path, &mut self.diagnostics);
        if self.files.exists(path) && !self.read.iter().any(|known| known == path) {
            self.read.push(path.to_owned());
        }
        if let Some(source) = &source {
            rules::check_placeholders(source, &mut self.placeholders);
        }
        source
    }

    fn project(&mut self) -> Parts {
        let mut parts = Parts::default();
        let Some(own) = self.source(PROJECT_FILE) else { return parts };
        parts.project = read_project(&own, &mut self.diagnostics);
        let default =
            |path: Option<&String>, default: &str| path.cloned().unwrap_or_else(|| default.to_owned());
        let inventory = default(parts.project.as_ref().map(|project| &project.inventory), "inventory.yaml");
        let people = default(parts.project.as_ref().map(|project| &project.people), "people.yaml");
        let zone = parts.project.as_ref().map_or("UTC", |project| project.zone.as_str()).to_owned();
        if let Some(source) = self.source(&people) {
            parts.people = parse_people(&source, &mut self.diagnostics);
        }
        if let Some(source) = self.source(&inventory) {
            let inventory = read_inventory(&source, &zone, &mut self.diagnostics);
            // What selectors and variables mean hangs on all of it.
            let whole = !self.diagnostics.has_errors_in(source.path());
            if let (Some(project), Some(inventory)) = (&parts.project, &inventory) {
                rules::check_vault(&own, project, inventory, &mut self.diagnostics);
            }
            if let Some(inventory) = &inventory {
                let (people, project) = (parts.people.as_ref(), parts.project.as_ref());
                rules::check_inventory(&source, inventory, people, project, &mut self.diagnostics);
            }
            parts.inventory = inventory.filter(|_| whole);
        }
        parts
    }

    /// Checks one file of the playbooks' folder by what it is.
    fn document(&mut self, path: &str, parts: &Parts) {
        let Some(source) = self.source(path) else { return };
        let tree = match document::parse(&source) {
            Ok(tree) => tree,
            Err(faults) => return faults.into_iter().for_each(|fault| self.diagnostics.push(fault)),
        };
        let kind = tree.text("kind");
        let file = path.rsplit('/').next().unwrap_or_default();
        if file == "system.yaml" {
            let read = self.sheet(path).cloned();
            if let (Some(Sheet { sheet, variables_known: true }), Some(inventory)) = (read, &parts.inventory)
            {
                rules::check_sheet(&source, &tree, &sheet, inventory, &mut self.diagnostics);
            }
        } else if kind.as_deref() == Some("backup") || file == "backup.yaml" {
            self.backup(&source, &tree, parts);
        } else if kind.as_deref() == Some("procedure") {
            // Its texts are for people: neither selectors nor templates are looked for in it.
            return self.procedure(&source, parts);
        } else if kind.is_some() || tree.get("system").is_some() {
            self.playbook(&source, parts);
        } else {
            // A part that others use: it is read where it is used, with what is given to it there.
            self.read.retain(|known| known != path);
            return;
        }
        if let Some(inventory) = &parts.inventory {
            rules::check_selectors(&source, &tree, inventory, &mut self.diagnostics);
        }
        rules::check_variable_templates(&source, &tree, &mut self.diagnostics);
    }

    fn backup(&mut self, source: &Source, tree: &Node, parts: &Parts) {
        playbook::parse_backup(source, &mut self.diagnostics);
        let Some(system) = tree.text("system").and_then(|name| SystemName::parse(&name).ok()) else { return };
        let beside = format!("{}/system.yaml", path::folder(source.path()));
        let sheet = if self.files.exists(&beside) { self.sheet(&beside).cloned() } else { None };
        let known = sheet.as_ref().is_none_or(|read| read.variables_known);
        if let Some(inventory) = parts.inventory.as_ref().filter(|_| known) {
            let system = (&system, sheet.as_ref().map(|read| &read.sheet));
            rules::check_backup(source, tree, system, inventory, &mut self.diagnostics);
        }
    }

    fn procedure(&mut self, source: &Source, parts: &Parts) {
        // What other documents have wrong is no fault of this one.
        let mut own = Diagnostics::default();
        let parsed = procedure::read_procedure(source, self.files, &mut own);
        self.diagnostics.extend(own);
        let Some(parsed) = parsed else { return };
        for finding in parsed.findings(parts.people.as_ref()) {
            self.diagnostics.push(finding);
        }
        let folder = parts.project.as_ref().map_or("playbooks", |project| project.playbooks.as_str());
        for activity in &parsed.procedure.activities {
            let Some(name) = activity.playbook.as_ref().filter(|name| !name.contains("{{")) else { continue };
            let candidates = [name.clone(), format!("{folder}/{name}"), format!("{folder}/{name}.yaml")];
            if !candidates.iter().any(|path| self.files.exists(path)) {
                let message = format!("`{}` calls `{name}`, which does not exist", activity.id);
                let help = format!("give a path, or SYSTEM/KIND for `{folder}/SYSTEM/KIND.yaml`");
                self.diagnostics.push(parsed.at(&activity.file, activity.line, message).help(help));
            }
        }
    }

    fn playbook(&mut self, source: &Source, parts: &Parts) {
        // What other documents have wrong is no fault of this one.
        let mut own = Diagnostics::default();
        let parsed = playbook::read_playbook(source, self.files, self.modules, &mut own);
        self.diagnostics.extend(own);
        let (Some(parsed), Some(project), Some(inventory)) = (parsed, &parts.project, &parts.inventory)
        else {
            return;
        };
        let folder = self.system_folder(&parsed, project);
        let has_backup = self.files.exists(&format!("{folder}/backup.yaml"));
        let beside = format!("{folder}/system.yaml");
        let sheet = self.sheet(&beside).cloned();
        let sheet_is_known = match &sheet {
            Some(read) => read.variables_known,
            None => !self.files.exists(&beside),
        };
        let world = rules::World {
            project,
            inventory,
            sheet: sheet.as_ref().map(|read| &read.sheet),
            sheet_is_known,
            has_backup,
            files: self.files,
        };
        rules::check_playbook(&parsed, &world, &mut self.diagnostics);
    }

    /// A system's folder: the playbook's own, or the one that is called like the system.
    fn system_folder(&self, parsed: &Parsed, project: &Project) -> String {
        let own = path::folder(&parsed.playbook.path);
        if self.files.exists(&format!("{own}/system.yaml")) {
            return own.to_owned();
        }
        format!("{}/{}", project.playbooks, parsed.playbook.system)
    }

    fn sheet(&mut self, path: &str) -> Option<&Sheet> {
        if !self.sheets.contains_key(path) {
            let source = self.source(path);
            let sheet = source.and_then(|source| {
                let sheet = read_sheet(&source, &mut self.diagnostics)?;
                let tree = document::parse(&source).ok()?;
                let faulty = |node: &Node| self.diagnostics.has_errors_within(path, node.span);
                Some(Sheet { sheet, variables_known: !tree.get("variables").is_some_and(faulty) })
            });
            self.sheets.insert(path.to_owned(), sheet);
        }
        self.sheets.get(path).and_then(Option::as_ref)
    }
}

fn relative(root: &Path, path: &Path) -> Result<String, ValidateError> {
    let wrong = || ValidateError::NoSuchPath(path.display().to_string());
    let full = path.canonicalize().or_else(|_| root.join(path).canonicalize()).map_err(|_| wrong())?;
    let root = root.canonicalize().map_err(|_| wrong())?;
    let inside = full.strip_prefix(&root).map_err(|_| wrong())?;
    let words: Option<Vec<&str>> = inside.components().map(|part| part.as_os_str().to_str()).collect();
    Ok(words.ok_or_else(wrong)?.join("/"))
}

/// Whether a link leads to a file, or nowhere: then the reader says so.
fn is_linked_file(root: &Path, path: &str, kind: std::fs::FileType) -> bool {
    kind.is_symlink() && root.join(path).metadata().map_or(true, |found| !found.is_dir())
}

fn collect(root: &Path, folder: &str, depth: usize, found: &mut Vec<String>) -> Result<(), ValidateError> {
    let fault = |source| ValidateError::Folder { folder: folder.to_owned(), source };
    let entries = match root.join(folder).read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound && depth == 0 => return Ok(()),
        Err(error) => return Err(fault(error)),
    };
    for entry in entries {
        let entry = entry.map_err(fault)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(fault)?;
        // Files of a system lie in `files` and `templates` below it; only the others are documents.
        let content = matches!(name.as_str(), "files" | "templates") || name.starts_with('.');
        if kind.is_dir() && !content && depth < FOLDER_DEPTH_MAX {
            collect(root, &path, depth + 1, found)?;
        } else if (kind.is_file() || is_linked_file(root, &path, kind))
            && (name.ends_with(".yaml") || name.ends_with(".yml"))
        {
            found.push(path);
        }
    }
    Ok(())
}
