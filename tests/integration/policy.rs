//! Ways around the policy by editing the inventory, each tried; no server is needed for it.

use crate::approve::ground::Ground;
use esclusa::{
    approval::Weakening,
    executor::{ExecutorError, load},
    model::{EnvironmentKind, RunId},
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
