//! Looks that nobody drives a run for: what servers hold of a secret, and names that are one.

use super::{Ended, Place, SECRET, write};
use serde_json::Value as Json;

impl Place {
    /// A project whose secret comes from this source, and a file on the server that holds its value.
    async fn with_secret(source: &str) -> Self {
        let place = Self::new().await;
        place.started().await;
        place.run(&["trust", "notes-test", "--fingerprint", &place.fingerprint()]).await.expect(0);
        write(&place.project().join("token"), SECRET, 0o600);
        let path = place.project().join("esclusa.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("secrets: {}", &format!("secrets: {{there: {source}}}"))).unwrap();
        let old = format!("old = line\npassword = {SECRET}\nlast = {SECRET}");
        std::fs::write(place.there("notes.conf"), old).unwrap();
        place
    }

    fn there(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("there").join(name)
    }

    fn install(&self, steps: &str) {
        let path = self.project().join("playbooks/notes/install.yaml");
        let text = format!("format: 1\nkind: install\nsystem: notes\nroute: [test]\nsteps:\n{steps}");
        std::fs::write(path, text).unwrap();
    }

    async fn plan(&self, code: i32) -> (Json, Ended) {
        let words = ["plan", "notes/install", "--env", "test"];
        let text = self.run(&words).await.expect(code);
        (self.run(&[&words[..], &["--format", "json"]].concat()).await.expect(code).json(), text)
    }

    /// Nothing that the project keeps holds the value, the source aside.
    fn keeps_none(&self) {
        let kept = std::process::Command::new("grep")
            .args(["-rlF", "--", SECRET])
            .arg(self.project().join("state"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
    }
}

fn step(dest: &std::path::Path) -> String {
    format!(
        "  - name: Write it anew\n    at: app\n    copy: {{dest: {}, content: \"new = line\\n\"}}\n",
        dest.display()
    )
}

#[tokio::test]
async fn a_plan_outside_of_a_run_does_not_show_the_secrets_that_servers_hold() {
    let place = Place::with_secret("{file: token}").await;
    place.install(&step(&place.there("notes.conf")));
    let (json, text) = place.plan(0).await;
    assert!(text.out.contains("- password = <secret:there>"), "{}", text.out);
    assert!(json.to_string().contains("<secret:there>"), "{json}");
    place.keeps_none();
}

#[tokio::test]
async fn what_a_server_holds_is_withheld_where_a_secret_is_asked_for_later() {
    let place = Place::with_secret("{command: [cat, token]}").await;
    let conf = place.there("notes.conf");
    place.install(&format!(
        "{}  - name: Add a line\n    at: app\n    line: {{path: {}, line: added}}\n",
        step(&conf),
        conf.display()
    ));
    let (json, text) = place.plan(0).await;
    assert!(text.out.contains("- withheld (secret: there)"), "{}", text.out);
    assert!(text.out.contains("+ new = line") && text.out.contains("+ added"), "{}", text.out);
    // What is predicted is the same for who knows the value and for who does not.
    let again = place.plan(0).await.0;
    assert_eq!(json["prediction"], again["prediction"]);
    place.keeps_none();
}

#[tokio::test]
async fn a_check_outside_of_a_run_does_not_show_the_secrets_that_servers_hold() {
    let place = Place::with_secret("{file: token}").await;
    let path = place.project().join("playbooks/notes/system.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let conf = place.there("notes.conf");
    let check = format!(
        "checks:\n  - id: settings\n    at: app\n    file: {}\n    expect: [{{value: content, matches: never}}]\n",
        conf.display()
    );
    std::fs::write(&path, text.replace("checks:\n", &check)).unwrap();
    let found = place.run(&["check", "notes", "--env", "test"]).await.expect(1);
    assert!(found.out.contains("<secret:there>"), "{}{}", found.out, found.err);
}

#[tokio::test]
async fn a_secret_that_is_part_of_a_name_is_refused_before_a_server_is_asked() {
    let place = Place::with_secret("{file: token}").await;
    place.install(&step(&place.there("notes.conf")));
    // The step's id is `write-it-anew`.
    write(&place.project().join("token"), "it-anew", 0o600);
    let ended = place.run(&["run", "notes/install", "--env", "test"]).await.expect(2);
    assert!(ended.err.contains("secret `there`") && !ended.err.contains("it-anew"), "{}", ended.err);
    let history = place.run(&["history", "--format", "json"]).await.expect(0);
    assert!(!history.out.contains("install"), "no run was opened: {}", history.out);
    assert!(place.there("notes.conf").metadata().unwrap().len() > 20, "nothing was changed");
}

#[tokio::test]
async fn a_secret_in_a_template_that_a_variable_chooses_is_seen() {
    let place = Place::with_secret("{file: token}").await;
    let folder = place.project().join("playbooks/notes/files");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("test.j2"), "password = {{ secret.there }}\n").unwrap();
    place.install(&format!(
        "  - name: Render\n    at: app\n    template: {{src: \"files/{{{{ environment.name }}}}.j2\", dest: {}, mode: \"0600\"}}\n",
        place.there("rendered.conf").display()
    ));
    let (json, text) = place.plan(0).await;
    assert!(text.out.contains("secret: there"), "{}", text.out);
    assert!(json.to_string().contains("\"unknown\""), "{json}");
    place.run(&["run", "notes/install", "--env", "test"]).await;
    let written = std::fs::read_to_string(place.there("rendered.conf")).unwrap();
    assert_eq!(written, format!("password = {SECRET}\n"));
    place.keeps_none();
}
