//! Tables of arguments and answers for modules that need a server of their own to run on.

use super::*;
use crate::model::Status;
use serde_json::json;

struct Files;

impl ContentSource for Files {
    fn content(&self, src: &str) -> Result<Content, String> {
        Ok(Content::Bytes(src.as_bytes().to_vec()))
    }
}

/// What comes of `args` when the probe answers `stdout`: the diff, or `unchanged`, or the error.
fn outcome(module: &str, args: &serde_json::Value, stdout: &str) -> String {
    let args: Value = serde_json::from_value(args.clone()).unwrap();
    let action = match parse(module, &args, &Place { files: &Files }) {
        Ok(action) => action,
        Err(error) => return error.to_string(),
    };
    let answer = Answer {
        status: Status::Exited(0),
        stdout: stdout.as_bytes().to_vec(),
        stderr: Vec::new(),
        truncated: false,
    };
    match action.change(Some(&answer)) {
        Ok(Outcome::Unchanged(_)) => "unchanged".to_owned(),
        Ok(Outcome::Change(change)) => change.diff.to_string(),
        Err(error) => error.to_string(),
    }
}

fn table(module: &str, rows: &[(serde_json::Value, &str, &str)]) {
    for (args, stdout, expected) in rows {
        assert_eq!(outcome(module, args, stdout), *expected, "{module} {args} with {stdout:?}");
    }
}

#[test]
fn services_change_when_their_state_differs() {
    let unit = |load: &str, active: &str, file: &str, stale: &str| {
        format!("LoadState={load}\nActiveState={active}\nUnitFileState={file}\nNeedDaemonReload={stale}\n")
    };
    let runs = unit("loaded", "active", "enabled", "no");
    let rests = unit("loaded", "inactive", "disabled", "no");
    let missing = unit("not-found", "inactive", "", "no");
    table(
        "service",
        &[
            (json!({"name": "web", "state": "started", "enabled": true}), &runs, "unchanged"),
            (json!({"name": "web", "state": "stopped", "enabled": false}), &rests, "unchanged"),
            (json!({"name": "web", "state": "stopped"}), &missing, "unchanged"),
            (
                json!({"name": "web", "state": "started", "enabled": true}),
                &rests,
                "~ enabled: disabled → true\n~ state: inactive → active\n~ systemctl start web\n",
            ),
            (
                json!({"name": "web", "state": "restarted"}),
                &runs,
                "~ state: active → active\n~ systemctl restart web\n",
            ),
            (
                json!({"name": "web", "state": "started"}),
                &unit("loaded", "active", "static", "yes"),
                "~ the unit's definition changed: systemd reads it again\n",
            ),
            (json!({"name": "web", "enabled": true}), &unit("loaded", "active", "static", "no"), "unchanged"),
            (
                json!({"name": "web", "enabled": false}),
                &unit("loaded", "active", "static", "no"),
                "unchanged",
            ),
            (
                json!({"name": "web", "enabled": false}),
                &unit("loaded", "active", "generated", "no"),
                "unchanged",
            ),
            (
                json!({"name": "web", "enabled": false}),
                &unit("loaded", "active", "enabled", "no"),
                "~ enabled: enabled → false\n",
            ),
            (
                json!({"name": "web", "state": "started"}),
                &unit("masked", "inactive", "masked", "no"),
                "the unit `web` is masked",
            ),
            (json!({"name": "web", "state": "started"}), "systemd=no\n", "`systemctl` is not there"),
            (json!({"name": "web", "state": "started"}), "", "the answer of the probe cannot be read: "),
            (json!({"name": "web"}), &runs, "`service` needs `state`"),
        ],
    );
}

#[test]
fn packages_change_when_version_or_presence_differs() {
    let digest = crate::model::Digest::of(b"a.deb");
    table(
        "package",
        &[
            (json!({"name": "a"}), "package=a\tinstalled\t1\n", "unchanged"),
            (json!({"name": "a"}), "package=a\tnot-installed\t\ncandidate=a\t2\n", "~ a: none → 2\n"),
            (json!({"name": "a"}), "package=a\tconfig-files\t1\ncandidate=a\t2\n", "~ a: none → 2\n"),
            (json!({"name": "a"}), "package=a\thalf-configured\t1\ncandidate=a\t2\n", "~ a: none → 2\n"),
            (json!({"name": "a", "version": "2"}), "package=a\tinstalled\t1\n", "~ a: 1 → 2\n"),
            (json!({"name": "a", "version": "1"}), "package=a\tinstalled\t1\n", "unchanged"),
            (
                json!({"name": "a", "state": "latest"}),
                "package=a\tinstalled\t1\ncandidate=a\t2\n",
                "~ a: 1 → 2\n",
            ),
            (
                json!({"name": "a", "state": "latest"}),
                "package=a\tinstalled\t2\ncandidate=a\t2\n",
                "unchanged",
            ),
            (
                json!({"name": "a", "state": "latest", "refresh": true}),
                "package=a\tinstalled\t2\ncandidate=a\t2\n",
                "~ a: 2 → the newest\n",
            ),
            (
                json!({"name": "a", "state": "latest", "refresh": true}),
                "lists=fresh\npackage=a\tinstalled\t2\ncandidate=a\t2\n",
                "unchanged",
            ),
            (json!({"name": "a", "state": "absent"}), "package=a\tinstalled\t1\n", "~ a: 1 → none\n"),
            (json!({"name": "a", "state": "absent"}), "package=a\tconfig-files\t1\n", "unchanged"),
            (
                json!({"name": "a", "state": "absent", "purge": true}),
                "package=a\tconfig-files\t1\n",
                "~ a: configuration files → none\n",
            ),
            (json!({"files": ["a.deb"]}), &format!("file={digest}\tinstalled\n"), "unchanged"),
            (
                json!({"files": ["a.deb"]}),
                &format!("file={digest}\tno\n"),
                &format!("~ a.deb: not installed → sha256 {digest}\n"),
            ),
            (json!({"name": "a"}), "dpkg=no\n", "`dpkg` is not there"),
            (
                json!({"name": "a"}),
                "package=b\tinstalled\t1\n",
                "the answer of the probe cannot be read: package=b\tinstalled\t1\\n",
            ),
        ],
    );
}

#[test]
fn owners_whose_names_hold_spaces_are_compared() {
    let seen = "parent=directory\nkind=file\nstat=644 7 8 1\nuser=DOM\\ana maría\ngroup=domain users\n";
    table(
        "file",
        &[
            (
                json!({"path": "/srv/x", "owner": "DOM\\ana maría", "group": "domain users"}),
                seen,
                "unchanged",
            ),
            (json!({"path": "/srv/x", "group": "users"}), seen, "~ group: domain users → users\n"),
            (
                json!({"path": "/srv/x", "group": " users"}),
                seen,
                "`file: group` must be the name of an account or group, or its number",
            ),
        ],
    );
}

#[test]
fn accounts_and_groups_change_field_by_field() {
    let wiki = "passwd=wiki:x:7:8:Wiki:/srv/wiki:/bin/sh\nprimary=wiki\ngroup=wiki\ngroup=adm\n";
    table(
        "user",
        &[
            (json!({"name": "wiki", "uid": 7, "groups": ["adm"], "comment": "Wiki"}), wiki, "unchanged"),
            (json!({"name": "wiki", "groups": ["bin"]}), wiki, "~ groups: adm → adm,bin\n"),
            (json!({"name": "wiki", "groups": ["bin"], "exactly": true}), wiki, "~ groups: adm → bin\n"),
            (json!({"name": "wiki", "groups": [], "exactly": true}), wiki, "~ groups: adm → none\n"),
            (json!({"name": "wiki", "group": "8"}), wiki, "unchanged"),
            (json!({"name": "wiki", "group": "9"}), wiki, "~ group: wiki → 9\n"),
            (
                json!({"name": "wiki", "groups": ["bin"]}),
                "passwd=wiki:x:7:8:Wiki:/srv/wiki:/bin/sh\nprimary=domain users\ngroup=domain users\ngroup=it staff\n",
                "~ groups: it staff → bin,it staff\n",
            ),
            (json!({"name": "wiki", "shell": "/bin/bash"}), wiki, "~ shell: /bin/sh → /bin/bash\n"),
            (json!({"name": "wiki", "state": "absent"}), wiki, "~ wiki: an account → nothing\n"),
            (json!({"name": "wiki", "state": "absent"}), "passwd=\n", "unchanged"),
            (json!({"name": "wiki"}), "passwd=\n", "~ wiki: nothing → an account\n"),
            (
                json!({"name": "wiki", "password_hash": "$6$x"}),
                &format!("{wiki}password=same\n"),
                "unchanged",
            ),
            (
                json!({"name": "wiki", "password_hash": "$6$x"}),
                &format!("{wiki}password=differs\n"),
                "~ password: new\n",
            ),
            (
                json!({"name": "wiki"}),
                "passwd=wiki:x\n",
                "the answer of the probe cannot be read: passwd=wiki:x\\n",
            ),
        ],
    );
    table(
        "group",
        &[
            (json!({"name": "adm", "gid": 4}), "group=adm:x:4:\n", "unchanged"),
            (json!({"name": "adm", "gid": 5}), "group=adm:x:4:\n", "~ gid: 4 → 5\n"),
            (json!({"name": "adm", "state": "absent"}), "group=\n", "unchanged"),
            (json!({"name": "adm"}), "group=\n", "~ adm: nothing → a group\n"),
        ],
    );
}

#[test]
fn databases_change_part_by_part() {
    let postgresql = json!({"engine": "postgresql", "database": "d", "account": "a", "password": "p", "grants": ["CONNECT"]});
    let mariadb =
        json!({"engine": "mariadb", "database": "d", "account": "a", "password": "p", "grants": ["SELECT"]});
    let script = json!({"engine": "mariadb", "database": "d", "script": "x.sql", "unless": "SELECT 1"});
    let digest = crate::model::Digest::of(b"x.sql");
    table(
        "database",
        &[
            (
                postgresql.clone(),
                "salt=AAAAAAAAAAAAAAAAAAAAAA==\nend=1\n",
                "~ account a: nothing → an account\n~ database d: nothing → empty\n~ grants of a: less → CONNECT\n",
            ),
            (
                postgresql.clone(),
                "salt=AAAAAAAAAAAAAAAAAAAAAA==\ndatabase=1\naccount=md5abc\ngrant=CONNECT\nend=1\n",
                "~ password of a: new\n",
            ),
            // md5 of `pa`, as servers keep it that know nothing better.
            (
                postgresql.clone(),
                "encryption=md5\nsalt=AA==\ndatabase=1\naccount=md5e529a9cea4a728eb9c5828b13b22844c\ngrant=CONNECT\nend=1\n",
                "unchanged",
            ),
            (
                postgresql.clone(),
                "database=1\naccount=md5abc\ngrant=CONNECT\nend=1\n",
                "the answer of the probe cannot be read: it holds no salt for a password",
            ),
            (postgresql, "", "the answer of the probe cannot be read: "),
            (mariadb.clone(), "database=1\naccount=same\ngrant=SELECT\ngrant=DROP\nend=1\n", "unchanged"),
            (mariadb, "database=1\naccount=same\nend=1\n", "~ grants of a: less → SELECT\n"),
            (script.clone(), "database=1\nunless=1\nend=1\n", "unchanged"),
            (
                script.clone(),
                "database=1\nunless=0\nend=1\n",
                &format!("~ run SQL: x.sql, sha256 {digest}\n"),
            ),
            (script, "database=1\nunanswered=1\nend=1\n", "the query of `unless` fails: "),
        ],
    );
}

#[test]
fn passwords_stand_in_no_diff_and_in_no_words_of_a_command() {
    let args: Value = serde_json::from_value(
        json!({"engine": "postgresql", "database": "d", "account": "a", "password": "hunter2hunter2"}),
    )
    .unwrap();
    let action = parse("database", &args, &Place { files: &Files }).unwrap();
    for encryption in ["scram-sha-256", "md5"] {
        let stdout = format!("encryption={encryption}\nsalt=AAAAAAAAAAAAAAAAAAAAAA==\nend=1\n").into_bytes();
        let answer = Answer { status: Status::Exited(0), stdout, stderr: vec![], truncated: false };
        let Ok(Outcome::Change(change)) = action.change(Some(&answer)) else { panic!("no change") };
        assert!(!format!("{:?} {change:?} {}", action, change.diff).contains("hunter2"));
        assert!(!change.script.0.contains("hunter2"), "it travels encoded, on standard input");
        let encoded = change.script.0.lines().filter_map(shell::decode);
        let statements: Vec<_> = encoded.map(|line| String::from_utf8_lossy(&line).into_owned()).collect();
        let statements = statements.concat();
        assert!(statements.contains("CREATE ROLE") && !statements.contains("hunter2"), "{statements}");
    }
}

#[test]
fn an_assertion_that_fails_says_which_and_why() {
    table(
        "assert",
        &[
            (json!({"that": [true, "true"]}), "", "unchanged"),
            (json!({"that": [true, false], "message": "too old"}), "", "condition 2 does not hold: too old"),
        ],
    );
}

#[test]
fn no_answer_of_a_server_panics() {
    let answers = [
        "",
        "=",
        "kind=",
        "kind=file\nstat=1\n",
        "stat=9 9 9 9 a b\nkind=file\n",
        "text=%%%\nkind=file\n",
        "digest=zz\nkind=file\n",
        "target=/w==\nkind=link\n",
        "\u{0}\u{ff}",
        "path=/w==\nkind=absent\n",
    ];
    for shape in SHAPES {
        let mut args = json!({});
        for field in shape.fields.iter().filter(|field| field.required) {
            args[field.key] = match field.key {
                "path" | "dest" => json!("/srv/x"),
                "engine" => json!("mariadb"),
                "that" => json!([true]),
                "src" => json!("x.tar"),
                _ => json!("x"),
            };
        }
        for set in shape.one_of {
            args[set[0]] = if set[0] == "port" { json!(80) } else { json!("x") };
        }
        for answer in answers {
            outcome(shape.name, &args, answer);
        }
    }
}
