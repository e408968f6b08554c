//! Ways around the policy by editing the inventory, each tried; no server is needed for it.

use crate::approve::ground::Ground;
use esclusa::{
    approval::Weakening,
    executor::{ExecutorError, Loaded, load},
    model::{Digest, EnvironmentKind, RunId, canonical},
    run::RunHeader,
};

const SIGNED: &str = "{each: [director], decide_within: 7d, valid_for: 24h}";

/// A further environment of the example, with a server of its own.
const DEVELOPMENT: &str = "  development:
    kind: development
    variables: {banner: Trials}
    servers: {notes-dev: {address: 192.0.2.11, user: deploy, become: sudo, groups: [web]}}
";

/// Where the policy of production ends.
const RUN: &str = "      run: [professional]\n";

async fn header(ground: &Ground, run: &RunId) -> RunHeader {
    load(&ground.site("of-luis").await.store, run).await.unwrap().header
}

#[track_caller]
fn refused(result: Result<RunId, ExecutorError>, words: &str) {
    match result {
        Err(ExecutorError::Refused { words: said, .. }) => assert!(said.contains(words), "{said}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untested_release_is_refused_whatever_kind_the_environment_is_said_to_be() {
    let ground = Ground::new(SIGNED);
    ground.edit("inventory.yaml", RUN, &format!("{RUN}      passed_in_test: true\n"));
    for (was, becomes) in [("production", "development"), ("development", "test")] {
        ground.edit(
            "inventory.yaml",
            &format!("  production:\n    kind: {was}"),
            &format!("  production:\n    kind: {becomes}"),
        );
        let site = ground.site("of-luis").await;
        refused(ground.try_run(&site, "production", false).await, "has not passed");
    }
    let site = ground.site("of-luis").await;
    ground.run(&site, "test", true).await;
    ground.run(&site, "production", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_development_does_not_count_once_the_inventory_calls_it_a_test() {
    let ground = Ground::new(SIGNED);
    ground.edit(
        "inventory.yaml",
        "  test:\n    kind: test",
        &format!("{DEVELOPMENT}  test:\n    kind: test"),
    );
    let site = ground.site("of-luis").await;
    ground.run(&site, "development", true).await;
    ground.edit("inventory.yaml", "kind: development", "kind: test");
    let site = ground.site("of-luis").await;
    refused(ground.try_run(&site, "production", false).await, "has not passed");
    ground.run(&site, "development", true).await;
    ground.run(&site, "production", false).await;
    // And what passed in test stays passed when the environment is called something else.
    ground.edit("inventory.yaml", "  test:\n    kind: test", "  test:\n    kind: development");
    ground.edit("inventory.yaml", "  development:\n    kind: test", "  development:\n    kind: development");
    let site = ground.site("of-luis").await;
    ground.run(&site, "production", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_run_is_taken_on_only_by_those_who_may_run_there() {
    let ground = Ground::new(SIGNED);
    // This test's account belongs to somebody who may not run in production.
    ground.edit("people.yaml", "account: of-rosa", "account: root");
    let run = ground.waiting().await;
    assert_eq!(ground.decide(&run, "ana", "approve", "tested").status.code(), Some(0));
    let before = load(&ground.site("of-luis").await.store, &run).await.unwrap().events;
    for arguments in [&["resume", &run.0][..], &["resume", "--approved"]] {
        let refused = ground.esclusa(arguments);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("roles: professional"), "{said}");
    }
    assert_eq!(load(&ground.site("of-luis").await.store, &run).await.unwrap().events, before);
    for (account, may) in [("of-luis", true), ("of-pipeline", true), ("of-ana", false), ("nobody", false)] {
        let answer = ground.site(account).await.may_drive(&run).await;
        assert_eq!(answer.is_ok(), may, "{account}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_lowered_after_a_finished_run_is_shown_and_has_no_effect_by_itself() {
    let ground = Ground::new(SIGNED);
    let site = ground.site("of-luis").await;
    ground.run(&site, "test", true).await;
    ground.run(&site, "production", true).await;
    ground.edit("inventory.yaml", "kind: production", "kind: development");
    let site = ground.site("of-luis").await;
    let run = ground.run(&site, "production", false).await;
    let header = header(&ground, &run).await;
    let lowered =
        Weakening::LowerKind { was: EnvironmentKind::Production, becomes: EnvironmentKind::Development };
    assert!(header.weakening.contains(&lowered), "{:?}", header.weakening);
    assert!(header.is_production() && header.judged.passed_in_test);
    for (language, words) in [
        ("en", "the environment would be treated as development instead of production"),
        ("es", "el ambiente pasaría de producción a desarrollo"),
    ] {
        let shown = ground.esclusa(&[
            "approve",
            &run.0,
            "--key",
            ground.key("ana").to_str().unwrap(),
            "--lang",
            language,
        ]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(words), "{shown}");
    }
    // A vault with one holder is none for production, whatever it is called now.
    let text = std::fs::read_to_string(ground.path().join("esclusa.yaml")).unwrap();
    let second = text.lines().filter(|line| line.trim_start().starts_with("- age1")).nth(1).unwrap();
    ground.edit("esclusa.yaml", &format!("{second}\n"), "");
    let site = ground.site("of-luis").await;
    let error = ground.try_run(&site, "production", false).await.unwrap_err();
    assert!(matches!(error, ExecutorError::Vault(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_and_address_for_a_machine_change_nothing_of_its_policy() {
    let ground = Ground::new(SIGNED);
    let site = ground.site("of-luis").await;
    ground.run(&site, "test", true).await;
    ground.run(&site, "production", true).await;
    ground.edit("inventory.yaml", "  production:\n    kind: production", "  other:\n    kind: development");
    ground.edit("inventory.yaml", "notes-live", "notes-other");
    ground.edit("inventory.yaml", "address: 192.0.2.13", "address: notes.example.org");
    let inventory = std::fs::read_to_string(ground.path().join("inventory.yaml")).unwrap();
    let policy = inventory.find("    policy:").unwrap();
    std::fs::write(ground.path().join("inventory.yaml"), &inventory[..policy]).unwrap();
    let site = ground.site("of-luis").await;
    let run = ground.run(&site, "other", false).await;
    let header = header(&ground, &run).await;
    assert!(header.judged.approve.is_some() && header.is_production(), "{:?}", header.judged);
    // A machine with another key is another machine.
    let inventory = std::fs::read_to_string(ground.path().join("inventory.yaml")).unwrap();
    let key = inventory.lines().filter(|line| line.contains("host_key:")).nth(1).unwrap().to_owned();
    ground.edit("inventory.yaml", &format!("{key}\n"), "");
    let site = ground.site("of-luis").await;
    let run = ground.run(&site, "other", true).await;
    assert_eq!(self::header(&ground, &run).await.judged.approve, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_go_on_keeps_no_other_from_it() {
    let ground = Ground::new(SIGNED);
    ground.edit("people.yaml", "account: of-luis", "account: root");
    let site = ground.site("root").await;
    ground.run(&site, "test", true).await;
    let older = ground.run(&site, "production", false).await;
    let newer = ground.run(&site, "production", false).await;
    for run in [&older, &newer] {
        assert_eq!(ground.decide(run, "ana", "reject", "not now").status.code(), Some(0));
    }
    let driven = site.store.take_lease(&newer, "somebody else", 600).await.unwrap();
    assert!(matches!(driven, esclusa::store::Taken::Lease(_)));
    let resumed = ground.esclusa(&["resume", "--approved"]);
    let said = String::from_utf8(resumed.stderr).unwrap();
    assert_eq!(resumed.status.code(), Some(14), "{said}");
    assert!(said.contains(&format!("run {newer}: ")) && said.contains("somebody else"), "{said}");
    assert_eq!(site.store.run(&older).await.unwrap().final_exit, Some(11));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_a_newer_program_is_refused() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let site = ground.site("of-luis").await;
    let plan = header(&ground, &run).await.plan;
    let text = site.store.document(plan).await.unwrap();
    let mut newer: serde_json::Value = serde_json::from_str(&text).unwrap();
    newer["format"] = 99.into();
    let newer = canonical(&newer).unwrap();
    let digest = Digest::of(newer.as_bytes());
    site.store.put_document("plan", digest, &newer).await.unwrap();
    assert!(Loaded::of(&site, plan).await.is_ok());
    let error = Loaded::of(&site, digest).await.err().unwrap();
    assert!(error.to_string().contains("a newer version of this program made it"), "{error}");
}
