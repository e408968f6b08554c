//! The quick system of `notes/`: installed, updated, looked at.

use super::project::{Access, Ended, Project};

const FILES: [&str; 6] =
    ["system.yaml", "backup.yaml", "install.yaml", "update.yaml", "schema.sql", "notes.conf.j2"];

/// What there is to see of it on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// In its file, in its configuration, in the line that the update adds, and in its table.
    pub version: String,
    pub configured: String,
    pub signed: String,
    pub migrated: String,
    /// What systemd says of its service.
    pub service: String,
}

impl Seen {
    /// As an update to `version` leaves it.
    pub fn updated(version: u32) -> Self {
        Self {
            version: version.to_string(),
            configured: format!("version = {version}"),
            signed: format!("signed {version}"),
            migrated: version.to_string(),
            service: "active".to_owned(),
        }
    }

    /// As the install leaves it.
    pub fn installed() -> Self {
        Self { signed: String::new(), ..Self::updated(1) }
    }
}

/// A project with notes on none of the servers.
pub fn project(access: &Access) -> Project {
    let project = Project::new(access);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/scenarios/notes");
    for file in FILES {
        let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
        project.write(&format!("playbooks/notes/{file}"), &text);
    }
    for server in ["dev", "test", "prod"] {
        project.on(
            server,
            "systemctl disable -q --now notes 2>/dev/null; mariadb -e 'DROP DATABASE IF EXISTS notes'; \
             rm -rf /srv/notes /etc/notes.conf /var/log/notes-migrations /etc/systemd/system/notes.service; \
             systemctl daemon-reload",
        );
    }
    project
}

/// A project with notes installed in test and production, which is its whole route.
pub fn installed(access: &Access) -> Project {
    let project = project(access);
    project.esclusa(&["run", "notes/install"]).code(10);
    let run = project.approve();
    project.esclusa(&["resume", &run.to_string()]).code(0);
    assert_eq!(seen(&project, "prod"), Seen::installed());
    project
}

/// Starts an update along the route; it ends at production's gate.
pub fn update(project: &Project, version: u32) -> Ended {
    project.esclusa(&["run", "notes/update", "-i", &format!("version={version}")]).code(10)
}

/// How notes is on a server.
pub fn seen(project: &Project, server: &str) -> Seen {
    let told = project.on(
        server,
        "cat /srv/notes/VERSION; cat /etc/notes.conf; cat /srv/notes/SIGNED 2>/dev/null || echo; \
         mariadb -N notes -e \"SELECT version FROM page WHERE title = 'Main'\"; systemctl is-active notes || true",
    );
    let lines: Vec<_> = told.lines().map(str::to_owned).collect();
    let [version, configured, signed, migrated, service] =
        lines.try_into().unwrap_or_else(|_| panic!("{told}"));
    Seen { version, configured, signed, migrated, service }
}

/// How often a migration was begun on production for this version.
pub fn migrations(project: &Project, version: u32) -> usize {
    let log = project.on("prod", "cat /var/log/notes-migrations 2>/dev/null || true");
    log.lines().filter(|line| **line == *version.to_string()).count()
}
