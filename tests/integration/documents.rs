//! Files that people write: the example is good, and every kind of broken file gets a located message.

use esclusa::{
    cli::{schema, validate::validate},
    document::{self, Diagnostics, FILE_BYTES_MAX, Files, Source},
    inventory,
    model::Language,
    module, playbook, procedure,
    report::graph,
    system,
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn example() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&home().join("examples/first-run"), folder.path());
    folder
}

#[test]
fn the_first_example_is_good() {
    let report = validate(&home().join("examples/first-run"), &[], module::SHAPES).unwrap();
    assert!(report.is_good(), "{}", report.text(false));
    assert_eq!(report.files.len(), 6, "{:?}", report.files);
    assert_eq!(report.servers, 2);
}

/// What a broken file's first lines say: `# replaces PATH` and `# removes PATH`.
fn orders(bytes: &[u8], word: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let orders = text.lines().take(2).filter_map(|line| line.strip_prefix(&format!("# {word} ")));
    orders.map(str::to_owned).collect()
}

#[test]
fn every_broken_file_gets_its_located_message() {
    let folder = home().join("tests/golden/documents");
    let mut names: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    names.sort();
    assert!(names.len() >= 30, "only {} broken files", names.len());
    let mut different = String::new();
    for path in names {
        let bytes = fs::read(&path).unwrap();
        let project = example();
        for removed in orders(&bytes, "removes") {
            fs::remove_file(project.path().join(removed)).unwrap();
        }
        let replaced = orders(&bytes, "replaces").remove(0);
        fs::write(project.path().join(&replaced), &bytes).unwrap();
        let report = validate(project.path(), &[], module::SHAPES).unwrap();
        assert!(!report.is_good(), "{} has no fault", path.display());
        for diagnostic in report.diagnostics.sorted() {
            assert!(diagnostic.help.is_some(), "{}: no advice: {}", path.display(), diagnostic.message);
            assert!(
                diagnostic.line_column().is_some(),
                "{}: no place: {}",
                path.display(),
                diagnostic.message
            );
        }
        let text = report.text(false);
        let golden = path.with_extension("txt");
        // `UPDATE_GOLDEN=1 cargo test` writes them anew, to be read in the difference.
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &text).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != text {
            let _ = writeln!(different, "{}:\n{text}", path.display());
        }
    }
    assert!(different.is_empty(), "these messages are not the golden ones:\n{different}");
}

#[test]
fn a_file_of_100_megabytes_is_refused_unread() {
    let project = example();
    let path = project.path().join("inventory.yaml");
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let start = Instant::now();
    let report = validate(project.path(), &[], module::SHAPES).unwrap();
    assert!(report.text(false).contains("the file is longer than 1024 KiB"), "{}", report.text(false));
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}

#[test]
fn an_inventory_of_500_servers_is_validated_within_a_second() {
    let project = example();
    let mut text = fs::read_to_string(project.path().join("inventory.yaml")).unwrap();
    text.push_str("  farm:\n    kind: test\n    variables: {banner: Farm}\n    servers:\n");
    for number in 0..500 {
        let _ = writeln!(
            text,
            "      n{number}: {{address: 10.0.{}.{}, groups: [web], variables: {{number: {number}}}}}",
            number / 250,
            number % 250
        );
    }
    fs::write(project.path().join("inventory.yaml"), text).unwrap();
    let update = project.path().join("playbooks/notes/update.yaml");
    let mut text =
        fs::read_to_string(&update).unwrap().replace("[test, production]", "[test, farm, production]");
    let mut steps = String::new();
    for number in 0..30 {
        let _ = writeln!(
            steps,
            "  - name: Step {number}\n    at: web and farm\n    when: number > {number}\n    copy: {{content: \"{{{{ number }}}} {{{{ banner }}}}\", dest: /tmp/{number}}}"
        );
    }
    text = text.replace("handlers:", &format!("{steps}handlers:"));
    fs::write(&update, text).unwrap();
    let start = Instant::now();
    let report = validate(project.path(), &[], module::SHAPES).unwrap();
    let elapsed = start.elapsed();
    assert!(report.is_good(), "{}", report.text(false));
    assert_eq!(report.servers, 502);
    assert!(elapsed.as_millis() < 1000, "{elapsed:?}");
}

#[test]
fn every_kind_of_file_has_a_schema_that_names_its_keys() {
    for kind in schema::KINDS {
        let schema = schema::schema(kind, module::SHAPES).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{kind}");
        assert!(schema["properties"].as_object().unwrap().len() > 1, "{kind}");
    }
    let playbook = schema::schema("playbook", module::SHAPES).unwrap();
    let step = &playbook["$defs"]["step"]["properties"];
    for shape in module::SHAPES {
        assert!(step[shape.name].is_object(), "{}", shape.name);
    }
}

/// Files in memory.
struct Memory(BTreeMap<String, Vec<u8>>);

impl Files for Memory {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).cloned()
    }
}

/// Reads bytes as every kind of file; only a panic is a failure.
fn read_as_everything(bytes: &[u8]) {
    let Ok(source) = Source::from_bytes("playbooks/x/x.yaml", bytes) else { return };
    let files = Memory(BTreeMap::from([("playbooks/x/x.yaml".to_owned(), bytes.to_vec())]));
    let mut diagnostics = Diagnostics::default();
    let _ = document::parse(&source);
    let _ = inventory::parse_project(&source, &mut diagnostics);
    let _ = inventory::parse_inventory(&source, "UTC", &mut diagnostics);
    let _ = inventory::parse_people(&source, &mut diagnostics);
    let _ = system::parse_sheet(&source, &mut diagnostics);
    let _ = playbook::parse_backup(&source, &mut diagnostics);
    let _ = playbook::parse_playbook(&source, &files, module::SHAPES, &mut diagnostics);
    if let Some(parsed) = procedure::parse_procedure(&source, &files, &mut diagnostics) {
        for finding in procedure::lint(&parsed.procedure, None) {
            diagnostics.push(parsed.diagnostic(&finding));
        }
        let _ = graph::text(&parsed.procedure, Language::Es, 80, None);
        let _ = graph::svg(&parsed.procedure, Language::En, None);
    }
    let _ = diagnostics.render(true);
    let _ = diagnostics.to_json();
}

fn seeds() -> Vec<Vec<u8>> {
    let folder = home().join("examples/first-run");
    let mut seeds: Vec<Vec<u8>> = ["esclusa.yaml", "inventory.yaml", "people.yaml"]
        .iter()
        .map(|name| fs::read(folder.join(name)).unwrap())
        .collect();
    for name in ["system", "backup", "update"] {
        seeds.push(fs::read(folder.join(format!("playbooks/notes/{name}.yaml"))).unwrap());
    }
    seeds.push(fs::read(home().join("tests/golden/procedure/printed/3.2.6.yaml")).unwrap());
    seeds
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn arbitrary_marks_of_yaml_never_panic(text in "[-:{}\\[\\]&*!|>'\"%#a-c0-9 \\t\\n,?ñ]{0,200}") {
        read_as_everything(text.as_bytes());
    }

    #[test]
    fn mutilated_good_files_never_panic(which in 0usize..7, at in 0usize..2000, length in 0usize..60, with in "[-:{}\\[\\]&*!\\t\\n ñ\"']{0,8}") {
        let mut bytes = seeds().swap_remove(which);
        let start = at.min(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, with.bytes());
        read_as_everything(&bytes);
    }
}

#[test]
fn the_longest_file_is_read_and_one_byte_more_is_refused() {
    let mut text = "# ".to_owned();
    text.push_str(&"x".repeat(FILE_BYTES_MAX - 2));
    assert!(Source::from_bytes("a.yaml", text.as_bytes()).is_ok());
    text.push('x');
    assert!(Source::from_bytes("a.yaml", text.as_bytes()).is_err());
}

/// A good playbook with its files, or its messages.
fn playbook_of(files: &[(&str, &str)]) -> Result<playbook::Playbook, String> {
    let memory =
        Memory(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect());
    let mut diagnostics = Diagnostics::default();
    let source = Source::new(files[0].0, files[0].1);
    playbook::parse_playbook(&source, &memory, module::SHAPES, &mut diagnostics)
        .map(|parsed| parsed.playbook)
        .ok_or_else(|| diagnostics.render(false))
}

#[test]
fn a_used_file_stands_in_place_of_its_step_with_its_variables_and_handlers() {
    let main = "
kind: maintenance
system: x
steps:
  - {id: first, use: ../shared/site.yaml, at: web, when: facts.os == 'debian', with: {site: one}}
  - {id: second, use: ../shared/site.yaml, at: db or web, with: {site: two, port: 81}}
  - {name: Última línea, at: all, command: [echo, 1.20, no], timeout: 90s, retries: 2}
";
    let part = "
variables: {port: 80}
steps:
  - {id: write, at: not retired, copy: {content: '{{ site }}:{{ port }}', dest: /etc/site}, notify: reload}
handlers:
  - {id: reload, at: all, service: {name: site, state: restarted}}
";
    let book = playbook_of(&[("playbooks/x/m.yaml", main), ("playbooks/shared/site.yaml", part)]).unwrap();
    let ids: Vec<&str> = book.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["first-write", "second-write", "ultima-linea"]);
    assert_eq!(book.steps[0].at, "(web) and (not retired)");
    assert_eq!(book.steps[1].at, "(db or web) and (not retired)");
    assert_eq!(book.steps[0].when.as_deref(), Some("facts.os == 'debian'"));
    assert_eq!(book.steps[0].variables["port"].scalar().as_deref(), Some("80"));
    assert_eq!(book.steps[1].variables["port"].scalar().as_deref(), Some("81"));
    assert_eq!(book.steps[1].notify[0].as_str(), "second-reload");
    assert_eq!(book.steps[0].place, "playbooks/shared/site.yaml:4");
    assert_eq!(
        (book.steps[2].timeout_seconds, book.steps[2].retries, book.steps[0].timeout_seconds),
        (90, 2, 1800)
    );
    let words: Vec<Option<String>> = match book.steps[2].args.get("run") {
        Some(esclusa::model::Value::List(words)) => words.iter().map(esclusa::model::Value::scalar).collect(),
        other => panic!("{other:?}"),
    };
    assert_eq!(words, [Some("echo".to_owned()), Some("1.20".to_owned()), Some("no".to_owned())]);
}

#[test]
fn production_asks_a_director_even_where_the_inventory_is_silent() {
    let text = "
environments:
  live: {kind: production, servers: {a: {address: h}}}
  soft: {kind: production, servers: {b: {address: h}}, policy: {approve: none, backup: {max_age: 2h}}}
  unit: {kind: test, servers: {c: {address: h}}, policy: {approve: {each: [unit], signed: false}}}
  test: {kind: test, servers: {d: {address: h, port: 2222, become: no}}}
";
    let mut diagnostics = Diagnostics::default();
    let read = inventory::parse_inventory(&Source::new("i.yaml", text), "UTC", &mut diagnostics);
    let inventory = read.unwrap_or_else(|| panic!("{}", diagnostics.render(false)));
    let policy = |at: usize| &inventory.environments[at].policy;
    let rule = policy(0).approve.as_ref().unwrap();
    assert_eq!(rule.each[0].as_str(), "director");
    assert_eq!((rule.decide_within_seconds, rule.valid_for_seconds, rule.signed), (604_800, 86_400, true));
    assert!(policy(0).passed_in_test && policy(0).restore_on_failure);
    assert!(policy(1).approve.is_none() && policy(1).passed_in_test);
    assert_eq!(policy(1).backup, esclusa::model::BackupRule::MaxAgeSeconds(7200));
    let rule = policy(2).approve.as_ref().unwrap();
    assert_eq!((rule.each[0].as_str(), rule.signed), ("unit", false));
    assert!(policy(3).approve.is_none() && !policy(3).passed_in_test && policy(3).restore_on_failure);
    assert_eq!(policy(3).backup, esclusa::model::BackupRule::Own);
}
