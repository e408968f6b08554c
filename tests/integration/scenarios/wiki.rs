//! The main job: the real wiki from development to production, and back after a failure.

use super::project::{Access, Project};
use std::fs;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/wiki");
pub const INFO: &str = "curl -fsS -m 30 'http://localhost/wiki/api.php?action=query&meta=siteinfo&format=json' \
                    | grep -o 'MediaWiki 1[.][0-9]*' | head -n 1";
pub const RAW: &str = "curl -fsS -m 30 'http://localhost/wiki/index.php?title=Acta&action=raw'";

pub fn project() -> (Project, String) {
    let secrets = [("wiki_database", "db'pass $1"), ("wiki_administrator", "long enough \"10\"")];
    let project = Project::new(&Access::default()).with_secrets(&secrets);
    project.lab.fresh(&["dev", "test", "prod"]);
    for entry in fs::read_dir(FOLDER).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        project.write(&format!("playbooks/wiki/{name}"), &fs::read_to_string(entry.path()).unwrap());
    }
    fs::create_dir(project.path("artifacts")).unwrap();
    let mut version = String::new();
    for entry in fs::read_dir(project.lab.artifacts()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        std::os::unix::fs::symlink(entry.path(), project.path("artifacts").join(&name)).unwrap();
        if let Some(rest) = name.strip_prefix("mediawiki_") {
            version = rest.trim_end_matches("_all.deb").to_owned();
        }
    }
    (project, version)
}

/// Writes a page on production.
pub fn write_page(project: &Project, words: &str) {
    let edit = "sudo -u www-data php /usr/share/mediawiki/maintenance/edit.php -u Administrador Acta";
    project.on("prod", &format!("echo '{words}' | {edit}"));
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn the_wiki_goes_through_development_test_and_a_gate_into_production_and_comes_back_from_a_failure() {
    let (project, version) = project();
    project.esclusa(&["run", "wiki/install"]).code(10).says("waits for director");
    let run = project.approve();
    project.esclusa(&["resume", &run.to_string()]).code(0);
    assert_eq!(project.on("prod", INFO), "MediaWiki 1.39");

    // A backup that is minutes old is there, and valid.
    write_page(&project, "Written before");
    project.esclusa(&["backup", "wiki", "--env", "production"]).code(0);
    let older = project.backups("production");
    assert_eq!(older.len(), 1);

    // The migration fails in production only, after the new version is in place.
    let input = format!("version={version}");
    let update = fs::read_to_string(project.path("playbooks/wiki/update.yaml")).unwrap();
    let broken = update.replace(
        "command: {run: [php, /usr/share/mediawiki/maintenance/update.php, --quick]}",
        "command: {shell: \"php /usr/share/mediawiki/maintenance/update.php --quick; {{ after }}\"}",
    );
    assert_ne!(broken, update);
    project.write("playbooks/wiki/update.yaml", &broken);
    let sheet = fs::read_to_string(project.path("playbooks/wiki/system.yaml")).unwrap();
    let variables = "variables:\n  after: 'true'\n";
    project.write("playbooks/wiki/system.yaml", &sheet.replace("variables:\n", variables));
    project.write_inventory(&Access { production: "after: 'false'", ..Access::default() });
    project.esclusa(&["run", "wiki/update", "-i", &input]).code(10);
    let run = project.approve();
    write_page(&project, "Written between approval and start");
    project.esclusa(&["resume", &run.to_string()]).code(3).says("the previous state is back");
    assert_eq!(project.on("prod", INFO), "MediaWiki 1.39");
    assert_eq!(project.on("prod", RAW), "Written between approval and start");
    let gone = "dpkg-query -W -f '${db:Status-Status}' php-gmp 2>/dev/null || echo none";
    assert!(["none", "not-installed"].contains(&project.on("prod", gone).as_str()));
    assert_eq!(project.on("prod", "systemctl is-active apache2"), "active");

    // The same release once more, where production lets it through. Older backups do not stand in.
    project.write_inventory(&Access::default());
    let before = project.backups("production").len();
    project.esclusa(&["promote", "wiki", "--to", "production"]).code(10);
    let run = project.approve();
    project.esclusa(&["resume", &run.to_string()]).code(0).says("all checks good");
    assert_eq!(project.on("prod", INFO), "MediaWiki 1.43");
    assert_eq!(project.on("prod", RAW), "Written between approval and start");
    let backups = project.backups("production");
    assert_eq!(backups.len(), before + 1);
    let own: Vec<_> = backups.iter().filter(|backup| backup["run"] == run.to_string()).collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["verified"], true);
    assert!(older.iter().all(|old| old["id"] != own[0]["id"]));
}
