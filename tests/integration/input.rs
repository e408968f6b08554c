//! What a TI professional types and writes, as they would meet it: everything that is wrong at once, one
//! cause, what to do next, one document for machines.

mod hostile;

use serde_json::Value as Json;
use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A project in a folder of its own.
struct Desk {
    folder: tempfile::TempDir,
}

/// What a command printed, and how it ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// Whether every text was said on standard error.
    #[track_caller]
    fn says(self, texts: &[&str]) -> Self {
        let flat = self.err.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in texts {
            assert!(flat.contains(text), "`{text}` is not said:\n{}", self.err);
        }
        self
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(drop).unwrap(),
        }
    }
}

impl Desk {
    /// The example, with a procedure whose every role the caller has.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/first-run"), folder.path());
        let desk = Self { folder };
        let account = Command::new("id").arg("-un").output().unwrap().stdout;
        let account = String::from_utf8(account).unwrap();
        desk.edit("people.yaml", "account: luis", &format!("account: {}", account.trim()));
        desk.write("playbooks/ask.yaml", ASK);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[track_caller]
    fn edit(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(old), "{name} has no `{old}`");
        fs::write(self.path(name), text.replacen(old, new, 1)).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_esclusa"));
        command.args(words).current_dir(self.folder.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.folder.path()).env("ESCLUSA_STORE_IS_KEPT", "1");
        command
    }

    fn run(&self, words: &[&str]) -> Ended {
        self.run_with(words, "")
    }

    fn run_with(&self, words: &[&str], input: &str) -> Ended {
        finish(self.command(words), input)
    }
}

fn finish(mut command: Command, input: &str) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    Ended { code, out: text(output.stdout), err: text(output.stderr) }
}

const ASK: &str = r#"kind: procedure
number: 9.1
title: {es: Pedir algo, en: Ask for something}
roles:
  professional: {es: Profesional, en: Professional}
  director: {es: Director, en: Director}
exceptions: [director]
activities:
  - {id: 01, kind: start, text: {es: Inicio, en: Start}, next: 02}
  - id: 02
    kind: request
    roles: [professional]
    text: {es: Pedir, en: Ask}
    fields:
      - {name: from, kind: version, text: {es: Versión actual, en: Current version}}
      - {name: day, kind: date, text: {es: Día, en: Day}}
      - {name: size, kind: choice, choices: [small, large], text: {es: Tamaño, en: Size}}
      - {name: token, kind: secret, optional: true, text: {es: Secreto, en: Secret}}
    next: 03
  - id: 03
    kind: decision
    roles: [professional, director]
    text: {es: ¿Conviene?, en: Is it good?}
    files: 1
    on_yes: 04
    on_no: 02
    attempts: {limit: 2, then: 04}
  - {id: 04, kind: end, text: {es: Fin, en: End}}
"#;

#[test]
fn every_fault_of_every_file_is_told_in_one_call() {
    let desk = Desk::new();
    desk.edit("people.yaml", "    mail: ana@example.org\n", "    mail: ana@example.org\n    key: x\n");
    desk.edit("inventory.yaml", "become: sudo", "become: pkexec\n        password: nope");
    desk.edit("playbooks/notes/system.yaml", "title:", "titel:");
    desk.edit("playbooks/notes/backup.yaml", "keep:", "keeps:");
    desk.edit("playbooks/notes/update.yaml", "mode: ", "mod: ");
    desk.edit("playbooks/notes/update.yaml", "notify: restart", "notify: restrt");
    desk.write("playbooks/other.yaml", &ASK.replace("9.1", "9.2").replace("next: 03", "next: 05"));
    desk.edit("playbooks/ask.yaml", "kind: date", "kind: dat");
    desk.edit("playbooks/ask.yaml", "on_no: 02", "on_no: 22");
    let ended = desk.run(&["validate", "--format", "json"]).expect(2);
    let found = ended.json();
    let found: Vec<(&str, &str)> = found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert!(one["line"].is_u64() && one["help"].is_string(), "{one}");
            (one["file"].as_str().unwrap(), one["message"].as_str().unwrap())
        })
        .collect();
    for (file, message) in [
        ("people.yaml", "unknown key `key`"),
        ("inventory.yaml", "`become` cannot be `pkexec`"),
        ("inventory.yaml", "unknown secret `nope`"),
        ("playbooks/notes/system.yaml", "unknown key `titel`"),
        ("playbooks/notes/backup.yaml", "unknown key `keeps`"),
        ("playbooks/notes/update.yaml", "unknown key `mod`"),
        ("playbooks/notes/update.yaml", "unknown handler `restrt`"),
        ("playbooks/ask.yaml", "`kind` cannot be `dat`"),
        ("playbooks/ask.yaml", "leads to `9.1-22`"),
        ("playbooks/other.yaml", "leads to `9.2-05`"),
    ] {
        let told = found.iter().any(|(at, words)| *at == file && words.contains(message));
        assert!(told, "{file}: {message} is hidden: {found:#?}");
    }
}

#[test]
fn a_role_that_nobody_has_does_not_hide_one_that_nobody_can_sign_with() {
    let desk = Desk::new();
    let signed = ASK.replace("kind: request", "signed: true\n    kind: request");
    desk.write(
        "playbooks/ask.yaml",
        &signed.replace("roles: [professional]", "signers: [king, professional]"),
    );
    desk.write("playbooks/other.yaml", &signed.replace("9.1", "9.2"));
    let ended = desk.run(&["validate"]).expect(2);
    ended.says(&[
        "names the role `king`",
        "`9.1-02` waits for the role `king`, which nobody has",
        "`9.1-02` is signed by the role `professional`, and nobody who has it has a key",
        "`9.2-02` is signed by the role `professional`",
    ]);
}

#[test]
fn warnings_never_take_the_place_of_errors() {
    let desk = Desk::new();
    let many: String = (0..600).map(|number| format!("# {number}\n- a: PLACEHOLDER\n")).collect();
    desk.write("playbooks/a.yaml", &format!("kind: update\nsystem: notes\nx:\n{many}"));
    desk.edit("playbooks/ask.yaml", "kind: date", "kind: dat");
    desk.run(&["validate"]).expect(2).says(&["`kind` cannot be `dat`"]);
}

#[test]
fn placeholders_of_a_start_are_told_with_their_places() {
    let desk = Desk::new();
    desk.edit("inventory.yaml", "address: 192.0.2.12", "address: 192.0.2.12   # PLACEHOLDER");
    desk.edit("esclusa.yaml", "name: Example University", "name: PLACEHOLDER University");
    let ended = desk.run(&["validate"]).expect(2);
    ended.says(&[
        "the address `192.0.2.12` is a placeholder",
        "--> inventory.yaml:11:18",
        "--> esclusa.yaml:3:21",
    ]);
    desk.edit("inventory.yaml", "   # PLACEHOLDER", "");
    let warned = desk.run(&["validate"]).expect(0);
    assert!(warned.out.contains("warning: this is a placeholder"), "{}", warned.out);
}

/// A call of every subcommand, and whether its result has a form as JSON and as JUnit.
const CALLS: &[(&[&str], bool, bool)] = &[
    (&["validate"], true, false),
    (&["schema", "playbook"], true, false),
    (&["explain"], true, false),
    (&["explain", "copy"], true, false),
    (&["explain", "cpoy"], true, false),
    (&["explain", "banner", "--server", "notes-test"], true, false),
    (&["procedure", "lint", "playbooks/ask.yaml"], true, false),
    (&["procedure", "show", "playbooks/ask.yaml"], true, false),
    (&["procedure", "show", "playbooks/ask.yaml", "--svg", "drawn.svg"], true, false),
    (&["request", "new", "ask", "--system", "notes", "--fields"], true, false),
    (&["request", "new", "ask", "--system", "notes"], true, true),
    (&["todo"], true, false),
    (&["do", "latest", "--fields"], true, false),
    (&["do", "latest"], true, true),
    (&["coverage", "latest"], true, false),
    (&["evidence", "00000000"], true, false),
    (&["catalogue"], true, false),
    (&["plan", "notes/update", "--env", "test"], true, false),
    (&["run", "notes/update", "--env", "test"], true, true),
    (&["promote", "notes", "--to", "production"], true, true),
    (&["approve"], true, false),
    (&["status"], true, false),
    (&["history"], true, false),
    (&["show", "latest"], true, true),
    (&["resume", "latest"], true, true),
    (&["cancel", "zzz"], true, true),
    (&["wait", "latest", "--timeout", "1s"], true, true),
    (&["backup", "notes", "--env", "nowhere"], true, true),
    (&["backups"], true, false),
    (&["restore", "zzz"], true, true),
    (&["check", "notes", "--env", "nowhere"], true, true),
    (&["trust", "nobody"], true, false),
    (&["doctor", "--env", "nowhere"], true, false),
    (&["init", "Not A Name"], true, false),
    (&["secret", "list"], true, false),
    (&["secret", "set", "NO"], true, false),
    (&["keys", "new"], true, false),
    (&["state", "backup", "esclusa.yaml"], true, false),
    (&["server", "adopt", "nobody", "--env", "test", "--reason", "because"], true, false),
    (&["audit"], true, false),
    (&["demo", "--stop", "--dir", "nowhere"], false, false),
];

#[test]
fn every_command_gives_one_document_or_refuses_the_format() {
    let desk = Desk::new();
    let help = desk.run(&["--help"]).expect(0).out;
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let word = line.split_whitespace().next().unwrap();
        assert!(
            word == "help" || CALLS.iter().any(|(call, ..)| call[0] == word),
            "`{word}` is not in the table"
        );
    }
    for (call, json, junit) in CALLS {
        let with = |format| desk.run(&[*call, &["--format", format]].concat());
        let ended = with("json");
        let document: Json = serde_json::from_str(&ended.out)
            .unwrap_or_else(|error| panic!("{call:?}: {error}\n{}\n{}", ended.out, ended.err));
        assert!(document.is_object(), "{call:?}: {document}");
        if !json {
            assert_eq!(ended.code, 2, "{call:?}");
            assert_eq!(document["exit"], 2);
            ended.says(&["cannot be written as `json`", "its formats are: `text`"]);
        }
        let ended = with("junit");
        if !junit {
            let formats = if *json { "its formats are: `text`, `json`" } else { "its formats are: `text`" };
            ended.expect(2).says(&["cannot be written as `junit`", formats]);
        } else {
            let out = ended.out.trim();
            assert!(out.is_empty() == (ended.code == 2) || out.starts_with("<?xml"), "{call:?}: {out}");
        }
    }
}

#[test]
fn what_the_command_line_itself_has_wrong_is_one_document_too() {
    let desk = Desk::new();
    for call in [
        &["nonsense", "--format", "json"][..],
        &["--format=json", "plan"],
        &["plan", "notes/update", "--format", "json"],
        &["run", "--wait", "soon", "x", "--format", "json"],
    ] {
        let document = desk.run(call).expect(2).json();
        assert_eq!(document["exit"], 2, "{document}");
        assert!(document["error"].as_str().unwrap().len() > 10, "{document}");
    }
}

#[test]
fn a_request_is_refused_with_everything_that_is_wrong_and_opens_nothing() {
    let desk = Desk::new();
    let new = |more: &[&str]| desk.run(&[&["request", "new", "ask", "--system", "notes"][..], more].concat());
    let refused = new(&["--lang", "en", "--field", "form=1", "--field", "day=soon", "--field", "size=huge"]);
    refused.expect(2).says(&[
        "the field `from` is missing",
        "there is no field `form`",
        "the field `day` must be a day such as 2026-12-31, not `soon`",
        "the field `size` must be one of small, large, not `huge`",
        "--field from=… (required, a version): Current version",
        "--field token=… (optional, the name of a secret, never its value): Secret",
    ]);
    let refused = new(&["--lang", "es", "--field", "token=Hunter2!"]).expect(2);
    assert!(!refused.err.contains("Hunter2"), "a secret is not repeated: {}", refused.err);
    refused.says(&["falta el campo `from`", "(obligatorio, una versión): Versión actual"]);
    let open = desk.run(&["status", "--format", "json"]).expect(0).json();
    assert_eq!(open["procedures"].as_array().unwrap().len(), 0, "{open}");
    new(&["--entry", "77"]).expect(2).says(&["has no activity `9.1-77`", "it has: 01, 02, 03, 04"]);
}

#[test]
fn what_an_activity_takes_is_listed_and_what_is_missing_is_told_at_once() {
    let desk = Desk::new();
    desk.run(&["request", "new", "ask", "--system", "notes"]).expect(0);
    let listed = desk.run(&["do", "latest", "--fields", "--format", "json"]).expect(0).json();
    assert_eq!(listed["fields"][1]["kind"], "date");
    assert_eq!(
        (listed["fields"][1]["required"].clone(), listed["fields"][3]["required"].clone()),
        (true.into(), false.into())
    );
    desk.run(&["do", "latest", "--lang", "en"]).expect(2).says(&[
        "the field `from` is missing; the field `day` is missing; the field `size` is missing",
        "--field size=… (required, one of small, large): Size",
    ]);
    let good = ["do", "latest", "--field", "from=1", "--field", "day=2026-01-31", "--field", "size=small"];
    desk.run(&good).expect(0);
    desk.run(&["do", "latest", "--answer", "maybe", "--lang", "en"]).expect(2).says(&[
        "`maybe` is no answer here; the reason is missing; files of evidence: 0 of at least 1",
        "--answer yes|no (required)",
    ]);
    let listed = desk.run(&["do", "latest", "--fields", "--lang", "en"]).expect(0).out;
    assert!(listed.contains("Answered by: professional or director"), "{listed}");
    for help in [&["do", "--help"][..], &["request", "new", "--help"]] {
        assert!(desk.run(help).expect(0).out.contains("`--fields` lists"));
    }
}

#[test]
fn roles_of_which_each_must_sign_are_told_apart_from_any_of_several() {
    let desk = Desk::new();
    desk.edit("playbooks/ask.yaml", "roles: [professional]", "signers: [professional, director]");
    desk.run(&["request", "new", "ask", "--system", "notes"]).expect(0);
    let listed = desk.run(&["do", "latest", "--fields", "--lang", "en"]).expect(0).out;
    assert!(listed.contains("professional and director, each of them"), "{listed}");
    let listed = desk.run(&["do", "latest", "--fields", "--lang", "es"]).expect(0).out;
    assert!(listed.contains("profesional y director, cada uno"), "{listed}");
}

#[test]
fn one_kind_of_file_is_not_taken_for_another() {
    let desk = Desk::new();
    for verb in ["plan", "run"] {
        desk.run(&[verb, "ask", "--env", "test"])
            .expect(2)
            .says(&["`ask` is a procedure", "esclusa request new ask --system SYSTEM"]);
        desk.run(&[verb, "notes/backup", "--env", "test"])
            .expect(2)
            .says(&["`notes/backup` is a backup playbook", "esclusa backup notes --env ENVIRONMENT"]);
        desk.run(&[verb, "notes/system", "--env", "test"]).expect(2).says(&["is a data sheet"]);
    }
    desk.run(&["request", "new", "notes/update", "--system", "notes"]).expect(2).says(&[
        "`notes/update` is a playbook, not a procedure",
        "esclusa run notes/update --env ENVIRONMENT",
    ]);
}

#[test]
fn a_short_secret_is_refused_at_once_and_a_new_value_replaces_the_old_one() {
    let desk = Desk::new();
    let root = desk.path("kept");
    let at = ["-C", root.to_str().unwrap()];
    desk.run(&["init", "notes", "--dir", "kept"]).expect(0);
    for short in ["abc", "   a   ", "     "] {
        let ended = desk.run_with(&[&at[..], &["secret", "set", "token"]].concat(), short);
        ended.expect(2).says(&["too short to be kept out of logs"]);
    }
    assert!(!root.join("secrets.age").exists());
    let set = |value| desk.run_with(&[&at[..], &["secret", "set", "token"]].concat(), value).expect(0);
    assert!(set("first value").out.contains("is kept in secrets.age"));
    fs::set_permissions(root.join("secrets.age"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(set("other value").out.contains("has a new value"));
    assert_eq!(fs::metadata(root.join("secrets.age")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn two_who_set_secrets_at_once_lose_none() {
    let desk = Desk::new();
    desk.run(&["init", "notes", "--dir", "kept"]).expect(0);
    let names: Vec<String> = (0..6).map(|number| format!("token-{number}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let desk = &desk;
            scope.spawn(move || {
                desk.run_with(&["-C", "kept", "secret", "set", name], "a good value").expect(0);
            });
        }
    });
    let listed = desk.run(&["-C", "kept", "secret", "list", "--format", "json"]).expect(0).json();
    let listed = listed["secrets"].as_array().unwrap();
    assert_eq!(listed.len(), names.len(), "{listed:?}");
    assert!(listed.iter().all(|one| one["state"] == "there"), "{listed:?}");
}

#[test]
fn the_list_of_secrets_says_of_each_whether_it_can_be_had() {
    let desk = Desk::new();
    desk.edit(
        "esclusa.yaml",
        "secrets:\n",
        "secrets:\n  a-file: {file: a.txt}\n  a-command: {command: [rm, -rf, x]}\n",
    );
    let listed = desk.run(&["secret", "list"]).expect(1).out;
    for text in ["not set in this environment", "asked when it is needed", "cannot read"] {
        assert!(listed.contains(text), "{listed}");
    }
    let mut command = desk.command(&["secret", "list"]);
    command.env("NOTES_TOKEN", "x-y-z-value");
    let listed = finish(command, "").out;
    assert!(!listed.contains("not set") && !listed.contains("x-y-z"), "{listed}");
}

#[test]
fn a_start_has_one_rule_for_names_and_the_language_of_its_readers() {
    let desk = Desk::new();
    let long = "x".repeat(41);
    for words in [&["My_App"][..], &[""], &["../x"], &["a", "b"], &["a.b"], &["á"], &["--", "-x"], &[&long]]
    {
        let ended = desk.run(&[&["init", "--dir", "started"][..], words].concat()).expect(2);
        let hints: Vec<_> =
            ended.err.lines().filter(|line| line.starts_with("hint: use lower-case")).collect();
        assert_eq!(hints.len(), 1, "{words:?}: {}", ended.err);
        assert!(ended.err.contains("cannot be a system's name"), "{}", ended.err);
    }
    desk.run(&["init", "My App", "--dir", "started"]).says(&["esclusa init my-app"]);
    assert!(!desk.path("started").exists());
    for (lang, word, other) in [("en", "Make the folder", "Crear"), ("es", "Crear la carpeta", "Make the")] {
        desk.run(&["init", "notes", "--dir", lang, "--lang", lang]).expect(0);
        let text = fs::read_to_string(desk.path(lang).join("playbooks/notes/install.yaml")).unwrap();
        assert!(text.contains(word) && !text.contains(other), "{text}");
        let own = fs::read_to_string(desk.path(lang).join("esclusa.yaml")).unwrap();
        assert!(own.contains(&format!("language: {lang} ")), "{own}");
        let found = desk.run(&["-C", lang, "validate", "--format", "json"]).expect(2).json();
        for one in found["diagnostics"].as_array().unwrap() {
            let words = one["message"].as_str().unwrap();
            assert!(words.contains("placeholder") || words.contains("director"), "{one}");
        }
    }
    let mut command = desk.command(&["init", "notes", "--dir", "located"]);
    command.env("LANG", "en_US.UTF-8");
    assert_eq!(finish(command, "").code, 0);
    assert!(fs::read_to_string(desk.path("located/esclusa.yaml")).unwrap().contains("language: en"));
}

#[test]
fn what_is_to_be_promoted_or_planned_must_be_of_the_project() {
    let desk = Desk::new();
    let promote = ["promote", "nots", "--to", "production"];
    desk.run(&promote).expect(2).says(&["there is no system `nots` in this project", "it has notes"]);
    for path in ["/etc/passwd", "../../../../../../../../etc/passwd"] {
        let ended = desk.run(&["plan", path, "--env", "test"]).expect(2);
        assert!(ended.err.contains("does not lie in the project") || path.starts_with('.'), "{}", ended.err);
    }
    std::os::unix::fs::symlink("/etc/passwd", desk.path("playbooks/notes/linked.yaml")).unwrap();
    desk.run(&["plan", "notes/linked", "--env", "test"]).expect(2).says(&["does not lie in the project"]);
}
