//! Accounts that become root with a password, with a wrong one, or never.

use super::{
    notes::{self, Seen, seen},
    project::{Access, Project},
};
use crate::support::lab::Lab;

const ASKS: Access = Access { account: "asks", more: ", sudo_password: sudo", production: "" };

fn install(project: &Project) -> super::project::Ended {
    project.esclusa(&["run", "notes/install", "--env", "development"])
}

fn untouched(project: &Project) {
    assert_eq!(project.on("dev", "ls -d /srv/notes 2>/dev/null || echo none"), "none");
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn sudo_with_a_password_works_and_the_password_is_not_left_behind() {
    let project = notes::project(&ASKS).with_secrets(&[("sudo", Lab::SUDO_PASSWORD)]);
    install(&project).code(0);
    assert_eq!(seen(&project, "dev"), Seen::installed());
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_wrong_sudo_password_is_one_error_and_changes_nothing() {
    let project = notes::project(&ASKS).with_secrets(&[("sudo", "shut sesame")]);
    let ended = install(&project);
    let text = ended.text();
    assert!([1, 4].contains(&ended.status.code().unwrap()), "{text}");
    assert!(text.contains("sudo") && text.contains("password"), "{text}");
    assert!(!text.contains("shut sesame"), "{text}");
    untouched(&project);
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn an_account_that_may_not_become_root_is_told_so_and_changes_nothing() {
    let project = notes::project(&Access { account: "stranger", ..Access::default() });
    let ended = install(&project);
    let text = ended.text();
    assert!([1, 4].contains(&ended.status.code().unwrap()), "{text}");
    assert!(text.contains("sudo"), "{text}");
    untouched(&project);
}
