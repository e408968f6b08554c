//! What the verbs answer about a project like any other: the demonstration's, while its update waits.

use super::stage::Stage;
use serde_json::Value as Json;

/// The update of production waits at its gate; the run's id.
fn waiting() -> (Stage, String) {
    let stage = Stage::new();
    let said = stage.demo(&[]);
    said.ends_with(10);
    let run = said.stdout.lines().rev().find_map(|line| line.trim().split(" resume ").nth(1)).unwrap();
    let run = run.to_owned();
    (stage, run)
}

fn json(stage: &Stage, arguments: &[&str]) -> (Option<i32>, Json) {
    let said = stage.project(&[arguments, &["--format", "json"]].concat());
    (said.code, serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}", said.all())))
}

#[test]
fn everything_that_the_environments_need_is_found_from_any_folder() {
    let (stage, _) = waiting();
    for environment in ["development", "test", "production"] {
        let said = stage.project(&["doctor", "--env", environment]);
        said.ends_with(0);
        said.says(" 0 bad");
        assert!(!said.all().contains("{{"), "{}", said.all());
    }
    // It looks for what the backup calls there.
    std::fs::remove_file(stage.root("test").join("bin/notes")).unwrap();
    let said = stage.project(&["doctor", "--env", "test"]);
    said.ends_with(1);
    said.says("missing:");
}
