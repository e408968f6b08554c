//! The layer table of `src/lib.rs` holds: arrows point up it, pure folders stay pure, and every
//! dependency on the world has one door.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pure,
    World,
    Shell,
}

/// The folders of `src`; each may use only those before it.
const LAYERS: [(&str, Kind); 24] = [
    ("model", Kind::Pure),
    ("document", Kind::Pure),
    ("expression", Kind::Pure),
    ("inventory", Kind::Pure),
    ("module", Kind::Pure),
    ("check", Kind::Pure),
    ("backup", Kind::Pure),
    ("system", Kind::Pure),
    ("catalogue", Kind::Pure),
    ("playbook", Kind::Pure),
    ("procedure", Kind::Pure),
    ("approval", Kind::Pure),
    ("plan", Kind::Pure),
    ("run", Kind::Pure),
    ("report", Kind::Pure),
    ("transport", Kind::World),
    ("secret", Kind::World),
    ("depot", Kind::World),
    ("vault", Kind::World),
    ("store", Kind::World),
    ("notify", Kind::World),
    ("executor", Kind::Shell),
    ("demo", Kind::Shell),
    ("cli", Kind::Shell),
];

/// Arrows that the order alone would allow: what stands first must not use what stands second.
const FORBIDDEN_ARROWS: [(&str, &str); 1] = [("store", "transport")];

/// What only the named places may name; `document/yaml` is a file, the others are folders.
const DOORS: [(&str, &[&str]); 6] = [
    ("sqlx", &["store"]),
    ("russh", &["transport", "demo"]),
    ("clap", &["cli"]),
    ("minijinja", &["expression"]),
    ("serde_yaml", &["document/yaml"]),
    ("dialoguer", &["cli"]),
];

/// Exceptions to [`DOORS`]: a folder and the only path of the crate that it may name.
const SIDE_DOORS: [(&str, &str); 1] = [("approval", "russh::keys")];

/// What reads a clock, the environment, a file, a network or another thread.
const WORLD_WORDS: [&str; 15] = [
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "std::os::unix::net",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "OsRng",
    "async fn",
    ".await",
    "now_v7",
];

const BANNED_WORDS: [&str; 6] = ["todo!", "dbg!", "unimplemented!", "FIXME", "XXX", "TODO"];

const LINES_MAX: usize = 500;

/// A file of `src`: where it is, its text, and the text without comments and string contents.
struct Source {
    path: String,
    folder: String,
    text: String,
    code: String,
}

#[test]
fn every_folder_is_in_the_table_and_the_table_in_the_documentation() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let documented: Vec<(String, String)> = library
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[0].trim_end_matches("`]").to_owned(), cells[2].to_owned())
        })
        .collect();
    let expected: Vec<(String, String)> = LAYERS
        .iter()
        .map(|(name, kind)| {
            let kind = match kind {
                Kind::Pure => "pure",
                Kind::World => "world",
                Kind::Shell => "shell",
            };
            ((*name).to_owned(), kind.to_owned())
        })
        .collect();
    assert_eq!(documented, expected, "the table of src/lib.rs and the one of this test differ");

    let folders: BTreeSet<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn a_folder_uses_only_folders_above_it() {
    complain(|source| {
        let own = rank(&source.folder);
        folders_used(&source.path, &source.code)
            .into_iter()
            .filter(|used| *used != source.folder)
            .filter(|used| {
                rank(used) > own
                    || FORBIDDEN_ARROWS.iter().any(|(from, to)| *from == source.folder && to == used)
            })
            .map(|used| format!("`{}` must not use `{used}`", source.folder))
            .collect()
    });
}

#[test]
fn pure_folders_do_not_touch_the_world() {
    complain(|source| {
        let tests = source.path.ends_with("/tests.rs") || source.path.contains("/tests/");
        let pure = !tests && LAYERS.iter().any(|(name, kind)| *name == source.folder && *kind == Kind::Pure);
        WORLD_WORDS
            .iter()
            .filter(|word| pure && holds_word(before_tests(&source.code), word))
            .map(|word| format!("`{}` is pure and names `{word}`", source.folder))
            .collect()
    });
}

#[test]
fn every_dependency_on_the_world_has_one_door() {
    complain(|source| {
        let mut errors = Vec::new();
        for (name, doors) in DOORS {
            if doors.iter().any(|door| source.path.starts_with(&format!("src/{door}"))) {
                continue;
            }
            let side =
                SIDE_DOORS.iter().find(|(folder, path)| *folder == source.folder && path.starts_with(name));
            let code = match side {
                Some((_, path)) => source.code.replace(path, ""),
                None => source.code.clone(),
            };
            if holds_word(&code, &format!("{name}::")) || holds_word(&code, &format!("use {name}")) {
                errors.push(format!("`{name}` belongs to {doors:?}"));
            }
        }
        errors
    });
}

#[test]
fn files_are_short_and_finished() {
    complain(|source| {
        let lines = source.text.lines().count();
        let long = (lines > LINES_MAX).then(|| format!("{lines} lines, at most {LINES_MAX}"));
        let unfinished = BANNED_WORDS
            .iter()
            .filter(|word| holds_word(&source.text, word))
            .map(|word| format!("`{word}` must not stay"));
        long.into_iter().chain(unfinished).collect()
    });
}

#[test]
fn every_folder_says_what_it_is_for() {
    complain(|source| {
        let opens_folder = source.path.ends_with("/mod.rs");
        if opens_folder && !source.text.starts_with("//!") {
            vec!["a folder begins with what it is for (`//!`)".to_owned()]
        } else {
            Vec::new()
        }
    });
}

#[test]
fn the_reader_of_paths_sees_what_a_compiler_sees() {
    let cases: [(&str, &str, &[&str]); 9] = [
        ("src/plan/mod.rs", "use crate::model::Digest;", &["model"]),
        (
            "src/plan/mod.rs",
            "use crate::{model::{A, B}, store, vault::C as D};",
            &["model", "store", "vault"],
        ),
        ("src/plan/mod.rs", "let x = crate::plan::build();", &["plan"]),
        ("src/plan/mod.rs", "// use crate::store::Store;\nlet x = 1;", &[]),
        ("src/plan/mod.rs", "let x = \"crate::store\";", &[]),
        ("src/plan/mod.rs", "use super::depot::Blob;", &["depot"]),
        ("src/plan/part.rs", "use super::run::Step;", &[]),
        ("src/plan/part.rs", "use super::super::{depot, vault::Spool};", &["depot", "vault"]),
        ("src/plan/part.rs", "#[cfg(test)]\nmod tests { use super::super::run::Step; }", &[]),
    ];
    for (path, text, expected) in cases {
        let found = folders_used(path, &code_of(text));
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "in {path}: {text}");
    }
    assert!(!holds_word("let instantly = 1;", "instant"));
    assert!(holds_word("let x = std::fs::read(p);", "std::fs"));
    assert_eq!(before_tests("fn a() {}\n#[cfg(test)]\nmod tests { use std::fs; }"), "fn a() {}\n");
}

fn complain(judge: impl Fn(&Source) -> Vec<String>) {
    let errors: Vec<String> = sources()
        .iter()
        .flat_map(|source| judge(source).into_iter().map(|error| format!("{}: {error}", source.path)))
        .collect();
    assert!(errors.is_empty(), "\n{}", errors.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below the folders of `src`; `lib.rs` and `main.rs` belong to no layer.
fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join("src"), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| {
            let below = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            let folder = below.split('/').nth(1).filter(|name| !name.ends_with(".rs"))?.to_owned();
            let text = fs::read_to_string(&path).unwrap();
            Some(Source { path: below, folder, code: code_of(&text), text })
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn rank(folder: &str) -> usize {
    LAYERS
        .iter()
        .position(|(name, _)| *name == folder)
        .unwrap_or_else(|| panic!("`src/{folder}` is not in the table"))
}

/// The text without line comments and without what is between double quotes.
fn code_of(text: &str) -> String {
    text.lines()
        .map(|line| {
            let (mut kept, mut quoted, mut escaped) = (String::new(), false, false);
            for (at, letter) in line.char_indices() {
                if !quoted && line[at..].starts_with("//") {
                    break;
                }
                if letter == '"' && !escaped && !line[..at].ends_with('\'') {
                    quoted = !quoted;
                } else if !quoted {
                    kept.push(letter);
                }
                escaped = quoted && letter == '\\' && !escaped;
            }
            kept
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// What stands before the test module: tests of a pure folder may read golden files.
fn before_tests(code: &str) -> &str {
    code.find("#[cfg(test)]").map_or(code, |at| &code[..at])
}

/// The folders that the code of the file at `path` names, from the crate's root or by climbing to it.
fn folders_used(path: &str, code: &str) -> BTreeSet<String> {
    let depth = path.matches('/').count() - usize::from(path.ends_with("/mod.rs"));
    let tests_at = before_tests(code).len();
    let named_from_root = code.match_indices("crate::").map(|(at, start)| at + start.len());
    let climbed_to = code.match_indices("super::").filter_map(|(at, _)| {
        let after = &code[at..];
        let steps = after.len() - after.trim_start_matches("super::").len();
        let first = !code[..at].ends_with("super::");
        let reaches_root = steps / "super::".len() >= depth + usize::from(at >= tests_at);
        (first && reaches_root).then_some(at + steps)
    });
    let mut used: BTreeSet<String> = named_from_root
        .chain(climbed_to)
        .flat_map(|at| match code[at..].trim_start().strip_prefix('{') {
            Some(group) => heads(group),
            None => vec![first_word(&code[at..])],
        })
        .collect();
    used.retain(|name| LAYERS.iter().any(|(layer, _)| layer == name));
    used
}

/// The first word of each item of a braced group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut item) = (0_usize, Vec::new(), 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(first_word(group[item..at].trim_start()));
                item = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// Whether `word` stands in `text` on its own and not as a part of a longer name.
fn holds_word(text: &str, word: &str) -> bool {
    let joins = |letter: char| letter.is_alphanumeric() || letter == '_';
    let begins = word.starts_with(joins);
    let ends = word.ends_with(joins);
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !(begins && before.is_some_and(joins) || ends && after.is_some_and(joins))
    })
}
