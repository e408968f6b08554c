//! Deciding at a gate with the program itself: who may, who may not, and what is on the record after it.

pub mod ground;
pub mod keyboard;

use esclusa::{
    approval::{Refusal, Verdict},
    executor::sheet::Asked,
    model::{Language, RunId},
    report::escape,
};
use ground::{EVIL, Ground};
use std::{fs, os::unix::fs::PermissionsExt as _, process::Output};

const SIGNED: &str = "{each: [director], decide_within: 7d, valid_for: 24h}";

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn ends(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}\n{}", out(output), err(output));
}

async fn asked(ground: &Ground, run: &RunId) -> Asked {
    let site = ground.site("of-luis").await;
    let gates = site.store.gates_of(run).await.unwrap();
    Asked::load(&site.store, &gates.last().unwrap().id).await.unwrap()
}

/// Refused with exactly this refusal's words, and nothing on the record.
#[track_caller]
fn refuses(output: &Output, code: i32, refusal: &Refusal) {
    ends(output, code);
    assert!(err(output).contains(&refusal.message(Language::En)), "{}", err(output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_director_approves_with_a_key_and_the_record_proves_it() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let done = ground.decide(&run, "ana", "approve", &format!("De acuerdo {EVIL}"));
    ends(&done, 0);
    assert!(out(&done).contains(&format!("esclusa resume {run}")), "{}", out(&done));
    let asked = asked(&ground, &run).await;
    let Verdict::Approved(approved) = &asked.verdict else { panic!("{:?}", asked.verdict) };
    assert!(approved.signed() && approved.by()[0].person.as_str() == "ana");

    let site = ground.site("of-luis").await;
    let messages = site.store.outbox_due(100).await.unwrap();
    assert!(messages.iter().any(|message| message.kind == "gate_decided" && message.body.contains("luis")));

    refuses(&ground.decide(&run, "ana", "approve", "again"), 2, &Refusal::GateClosed);
    ends(&ground.esclusa(&["audit"]), 0);
    let shown = ground.esclusa(&["show", &run.0, "--lang", "es"]);
    ends(&shown, 0);
    let print = approved.by()[0].key.clone().unwrap();
    assert!(out(&shown).contains(&print.0), "{}", out(&shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_decide_is_told_why_and_nothing_is_recorded() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let person = |name: &str| esclusa::model::PersonName::parse(name).unwrap();
    refuses(
        &ground.decide(&run, "luis", "approve", "mine"),
        2,
        &Refusal::OwnRequest { person: person("luis") },
    );
    refuses(
        &ground.decide(&run, "pipeline", "approve", "ci"),
        2,
        &Refusal::Machine { person: person("pipeline") },
    );
    let needed = "director".to_owned();
    refuses(
        &ground.decide(&run, "rosa", "approve", "x"),
        2,
        &Refusal::NoSuchRole { person: person("rosa"), needed },
    );
    let stranger = ground.decide(&run, "stranger", "approve", "x");
    ends(&stranger, 2);
    assert!(err(&stranger).contains("names nobody with this key"), "{}", err(&stranger));
    let keyless = ground.esclusa(&["approve", &run.0, "--decide", "approve", "--reason", "x"]);
    ends(&keyless, 2);
    assert!(err(&keyless).contains("--key"), "{}", err(&keyless));
    refuses(&ground.decide(&run, "ana", "reject", "  "), 2, &Refusal::NoReason);
    let asked = asked(&ground, &run).await;
    assert!(asked.decisions.is_empty() && matches!(asked.verdict, Verdict::Open { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_needs_a_reason_and_is_final() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    ends(&ground.decide(&run, "ana", "reject", "esta semana no"), 0);
    let asked = asked(&ground, &run).await;
    assert!(matches!(&asked.verdict, Verdict::Rejected { reason, .. } if reason == "esta semana no"));
    ends(&ground.decide(&run, "ana", "approve", "or rather"), 11);
    let nothing = ground.esclusa(&["approve", "--key", ground.key("ana").to_str().unwrap()]);
    ends(&nothing, 0);
    assert!(out(&nothing).contains("Nothing waits for you"), "{}", out(&nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_people_file_ends_the_request() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    ground.edit("people.yaml", "roles: [unit]", "roles: [unit, director]");
    for name in ["rosa", "ana"] {
        refuses(&ground.decide(&run, name, "approve", "x"), 2, &Refusal::PeopleChanged);
    }
    let status = ground.esclusa(&["status", "--lang", "en"]);
    ends(&status, 0);
    let text = out(&status);
    assert!(text.contains("the people file has changed") && text.contains("esclusa resume"), "{text}");
    // The database alone still knows the people file that the gate names.
    let url = format!("sqlite:{}", ground.path().join("state/esclusa.db").display());
    let key = ground.key("rosa");
    let decide = ["approve", &run.0, "--database", &url, "--key", key.to_str().unwrap()];
    let alone =
        ground.command(&[&decide[..], &["--decide", "approve", "--reason", "x"]].concat()).output().unwrap();
    ends(&alone, 2);
    assert!(err(&alone).contains("none of the roles"), "{}", err(&alone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_over_another_subject_counts_nowhere() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let site = ground.site("of-luis").await;
    let second = ground.run(&site, "production", false).await;
    ends(&ground.decide(&run, "ana", "approve", "this one"), 0);
    // The decision of the first gate, put to the second.
    let (first, other) = (asked(&ground, &run).await, asked(&ground, &second).await);
    let refused = esclusa::approval::admit(&other.gate, &[], &first.decisions[0], &other.people, other.now);
    assert_eq!(refused, Err(Refusal::SubjectChanged));
    assert!(matches!(other.verdict, Verdict::Open { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_a_gate_takes_no_approval() {
    let ground = Ground::new("{each: [director], decide_within: 1s, valid_for: 24h}");
    // On most days its window would not open before an approval runs out, which is refused by itself.
    ground.edit("inventory.yaml", "      window: {days: [sat, sun], hours: \"20:00-06:00\"}\n", "");
    let run = ground.waiting().await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    refuses(&ground.decide(&run, "ana", "approve", "late"), 12, &Refusal::Expired);
    assert!(asked(&ground, &run).await.decisions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_decisions_rest_on_the_account_and_say_so() {
    let ground = Ground::new("{each: [director], decide_within: 7d, valid_for: 24h, signed: false}");
    let account = std::process::Command::new("id").arg("-un").output().unwrap();
    let account = String::from_utf8(account.stdout).unwrap();
    let refused = {
        let ground = Ground::new("{each: [director], decide_within: 7d, valid_for: 24h, signed: false}");
        let run = ground.waiting().await;
        ground.decide(&run, "ana", "approve", "with the key of another account")
    };
    refuses(&refused, 2, &Refusal::UnknownCaller);
    ground.edit("people.yaml", "account: of-ana", &format!("account: {}", account.trim()));
    let run = ground.waiting().await;
    let done = ground.esclusa(&["approve", &run.0, "--decide", "approve", "--reason", "ok"]);
    ends(&done, 0);
    assert!(out(&done).contains("UNSIGNED"), "{}", out(&done));
    let asked = asked(&ground, &run).await;
    let Verdict::Approved(approved) = &asked.verdict else { panic!("{:?}", asked.verdict) };
    assert!(!approved.signed());
    ends(&ground.esclusa(&["audit"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_nobody_approves() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let key = ground.key("ana");
    let mut command = ground.command(&["approve", "--key", key.to_str().unwrap()]);
    let shown = command.current_dir(ground.path()).output().unwrap();
    ends(&shown, 10);
    assert!(err(&shown).contains("--decide approve|reject"), "{}", err(&shown));
    assert!(out(&shown).contains("WHAT CHANGES") && out(&shown).contains("2 of 2 checks"), "{}", out(&shown));
    assert!(asked(&ground, &run).await.decisions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_alone_is_enough_to_decide_and_to_read() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", ground.path().join("state/esclusa.db").display());
    let key = ground.key("ana");
    // Nothing of the project but the database and a key.
    for file in ["esclusa.yaml", "people.yaml", "inventory.yaml"] {
        fs::remove_file(ground.path().join(file)).unwrap();
    }
    let there = |arguments: &[&str]| {
        let mut command = ground.command(arguments);
        command.current_dir(elsewhere.path()).env("ESCLUSA_DATABASE", &url).output().unwrap()
    };
    let key = key.to_str().unwrap();
    let done = there(&["approve", &run.0, "--decide", "approve", "--reason", "sí", "--key", key]);
    ends(&done, 0);
    assert!(out(&done).contains("America/Bogota"), "{}", out(&done));
    let junit = there(&["show", &run.0, "--format", "junit"]);
    assert!(out(&junit).contains("<testsuite name=\"notes\""), "{}", out(&junit));
    for verb in [&["status"][..], &["history"], &["show", &run.0], &["audit"]] {
        for format in ["text", "json"] {
            let read = there(&[verb, &["--format", format]].concat());
            ends(&read, 0);
            assert!(!out(&read).trim().is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_fits_and_obeys_nobody() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let evil = format!("no {EVIL}\nAPROBADO");
    let pages = |lang: &str| {
        let key = ground.key("ana");
        let key = key.to_str().unwrap();
        [&["approve", &run.0, "--key", key][..], &["status"], &["history"], &["show", &run.0], &["audit"]]
            .map(|verb| ground.esclusa(&[verb, &["--lang", lang]].concat()))
    };
    let mut all: Vec<_> = ["es", "en"].into_iter().flat_map(pages).collect();
    ends(&ground.decide(&run, "ana", "reject", &evil), 0);
    all.extend(["es", "en"].into_iter().flat_map(pages));
    if let Some(folder) = std::env::var_os("ESCLUSA_TEST_PAGES") {
        for (at, page) in all.iter().enumerate() {
            fs::write(std::path::Path::new(&folder).join(format!("{at}.txt")), out(page) + &err(page))
                .unwrap();
        }
    }
    for page in &all {
        for line in out(page).lines() {
            assert!(escape::width(line) <= 80, "{line}");
            assert_eq!(escape::visible(line), line);
        }
        assert!(!err(page).contains('\u{1b}'), "{}", err(page));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_opens_the_key_and_shows_nowhere() {
    let ground = Ground::new(SIGNED);
    let key = ground.key("ana");
    let changed = std::process::Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "sesame-open-1", "-f"])
        .arg(&key)
        .output()
        .unwrap();
    assert!(changed.status.success(), "{}", err(&changed));
    let run = ground.waiting().await;
    let refused = ground.decide(&run, "ana", "approve", "x");
    ends(&refused, 2);
    let file = ground.path().join("passphrase");
    let arguments =
        ["approve", &run.0, "--decide", "approve", "--reason", "x", "--key", key.to_str().unwrap()];
    let decide = |passphrase: &str| {
        fs::write(&file, passphrase).unwrap();
        let mut command = ground.command(&arguments);
        command.env("ESCLUSA_KEY_PASSPHRASE_FILE", &file).current_dir(ground.path()).output().unwrap()
    };
    let wrong = decide("wrong-word-2\n");
    ends(&wrong, 2);
    let right = decide("sesame-open-1\n");
    ends(&right, 0);
    let shown = ground.esclusa(&["show", &run.0, "-v", "--format", "json"]);
    let record = fs::read(ground.path().join("state/esclusa.db")).unwrap();
    for text in [out(&wrong), err(&wrong), out(&right), err(&right), out(&shown)] {
        assert!(!text.contains("sesame") && !text.contains("wrong-word"), "{text}");
    }
    assert!(!record.windows(6).any(|window| window == b"sesame"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_what_was_edited() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    ends(&ground.decide(&run, "ana", "approve", "ok"), 0);
    ends(&ground.esclusa(&["audit"]), 0);
    ground.tamper("UPDATE decisions SET reason = 'other'").await;
    let found = ground.esclusa(&["audit"]);
    ends(&found, 1);
    assert!(err(&found).contains("decision"), "{}", err(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_how_large_the_last_backup_was_and_how_long_going_back_took() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let site = ground.site("of-luis").await;
    ground.restored(&site).await;
    let key = ground.key("ana");
    let page = ground.esclusa(&["approve", &run.0, "--lang", "en", "--key", key.to_str().unwrap()]);
    ends(&page, 10);
    let text = out(&page);
    assert!(text.contains("1.4 GiB") && text.contains("took 2 s"), "{text}");
    for lang in ["es", "en"] {
        let history = ground.esclusa(&["history", "notes", "--env", "production", "--lang", lang]);
        ends(&history, 0);
        assert!(out(&history).contains("Ana Ruiz") || out(&history).contains("ana"), "{}", out(&history));
    }
    // Its journal says that it was approved, and nobody's decision does.
    let audit = ground.esclusa(&["audit"]);
    ends(&audit, 1);
    let shown = ground.esclusa(&["show", "latest", "--lang", "en"]);
    assert!(out(&shown).contains("failed, and what was there is back (3)"), "{}", out(&shown));
    for line in out(&shown).lines() {
        assert!(escape::width(line) <= 80 && escape::visible(line) == line, "{line}");
    }
    assert!(err(&audit).contains("says that it was approved"), "{}", err(&audit));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_signs_and_says_whose_key_it_holds() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let socket = ground.path().join("agent");
    let mut agent = std::process::Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let add = |name: &str| {
        let mut command = std::process::Command::new("ssh-add");
        let added = command.arg("-q").arg(ground.key(name)).env("SSH_AUTH_SOCK", &socket).output().unwrap();
        assert!(added.status.success(), "{}", err(&added));
    };
    let decide = |more: &[&str]| {
        let arguments = ["approve", &run.0, "--decide", "approve", "--reason", "x"];
        let mut command = ground.command(&[&arguments[..], more].concat());
        command.env("SSH_AUTH_SOCK", &socket).current_dir(ground.path()).output().unwrap()
    };
    add("stranger");
    let stranger = decide(&[]);
    add("ana");
    add("rosa");
    let several = decide(&[]);
    let public = ground.path().join("ana.pub");
    let people = fs::read_to_string(ground.path().join("people.yaml")).unwrap();
    let line = people.lines().find(|line| line.contains("Ana Ruiz")).unwrap();
    let key = line.split("keys: ").nth(1).unwrap().split(',').next().unwrap();
    fs::write(&public, key).unwrap();
    let done = decide(&["--key", public.to_str().unwrap()]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    ends(&stranger, 2);
    assert!(err(&stranger).contains("names nobody with this key"), "{}", err(&stranger));
    ends(&several, 2);
    assert!(err(&several).contains("several persons (ana, rosa)"), "{}", err(&several));
    ends(&done, 0);
    assert!(matches!(asked(&ground, &run).await.verdict, Verdict::Approved(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_an_unsigned_decision_rests_on_the_login() {
    let Some(database) = crate::store::ground::Ground::postgres().await else { return };
    let ground = Ground::new("{each: [director], decide_within: 7d, valid_for: 24h, signed: false}");
    let password = ground.path().join("password");
    fs::write(&password, crate::store::postgres::PASSWORD).unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let address = format!("'{}'\ndatabase_password: store", database.location());
    ground.edit("esclusa.yaml", "sqlite:state/esclusa.db", &address);
    ground.edit("esclusa.yaml", "secrets:\n", "secrets:\n  store: {file: password}\n");
    // An account of the login's name is somebody else's, and the other way round.
    ground.edit("people.yaml", "account: of-rosa", "account: esclusa");
    ground.edit("people.yaml", "account: of-ana", "database_login: esclusa");
    let run = ground.waiting().await;
    let done = ground.esclusa(&["approve", &run.0, "--decide", "approve", "--reason", "ok"]);
    ends(&done, 0);
    let asked = asked(&ground, &run).await;
    let Verdict::Approved(approved) = &asked.verdict else { panic!("{:?}", asked.verdict) };
    assert!(!approved.signed() && approved.by()[0].person.as_str() == "ana");
    ends(&ground.esclusa(&["audit"]), 0);
}
