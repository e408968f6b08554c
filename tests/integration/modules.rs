//! Modules against real files: every script runs under dash and under busybox, with busybox's own
//! tools, and a second run changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod harness;
mod postgresql;

use esclusa::{
    check::{Check, Measured, Question},
    document,
    model::{Answer, BlobRef, Digest, Status, Value},
    module::{Content, ModuleError, Outcome, Place, SHAPES, parse},
    playbook::parse_playbook,
};
use harness::{Files, Shell, shells};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

const NASTY: &[&str] = &[
    "plain",
    "with space",
    "quote'd",
    "double\"d",
    "new\nline",
    "-dash",
    "$HOME `id`",
    "ñandú",
    "back\\slash",
    "st*r?[a]",
    "tab\there",
    "#x",
    "a=b",
];

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn leftovers(folder: &Path) -> Vec<String> {
    let names =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".esclusa.")).collect()
}

#[test]
fn files_of_every_name_are_put_in_place_once() {
    let none = Files::default();
    for shell in shells() {
        for name in NASTY {
            let folder = shell.home("nasty").join(name);
            let at = |file: &str| folder.join(file).display().to_string();
            shell.apply("directory", &json!({"path": folder.display().to_string(), "mode": "0750"}), &none);
            assert_eq!(mode(&folder), 0o750, "{} {name}", shell.name);
            let files = Files::of("src", b"\0\xff\nno line end");
            shell.apply("copy", &json!({"src": "src", "dest": at(name), "mode": "0640"}), &files);
            assert_eq!(fs::read(at(name)).unwrap(), b"\0\xff\nno line end");
            assert_eq!(mode(&folder.join(name)), 0o640);
            shell.apply("copy", &json!({"content": "x\n", "dest": at(name)}), &none);
            assert_eq!(mode(&folder.join(name)), 0o640, "a mode that is not named stays");
            shell.apply("line", &json!({"path": at(name), "line": "it's $HOME"}), &none);
            assert_eq!(fs::read_to_string(at(name)).unwrap(), "x\nit's $HOME\n");
            shell.apply("link", &json!({"path": at("link"), "target": name}), &none);
            assert_eq!(fs::read_link(at("link")).unwrap(), Path::new(name));
            shell.apply("link", &json!({"path": at("link"), "target": format!("-{name}")}), &none);
            shell.apply("file", &json!({"path": at("touched"), "state": "touch"}), &none);
            shell.apply("file", &json!({"path": at("touched"), "mode": "0600"}), &none);
            assert_eq!(mode(&folder.join("touched")), 0o600);
            shell.apply("file", &json!({"path": at("link"), "state": "absent"}), &none);
            assert_eq!(leftovers(&folder), Vec::<String>::new());
            let path = folder.display().to_string();
            shell.apply("file", &json!({"path": path, "state": "absent", "recurse": true}), &none);
            assert!(!folder.exists());
        }
    }
}

#[test]
fn a_large_file_comes_from_the_blobs_and_an_empty_one_is_empty() {
    for shell in shells() {
        let home = shell.home("blob");
        let bytes = vec![7u8; 3 << 20];
        let digest = Digest::of(&bytes);
        fs::write(shell.blobs.join(digest.to_string()), &bytes).unwrap();
        let blob = BlobRef { digest, size: bytes.len() as u64 };
        let files = Files(BTreeMap::from([("big".to_owned(), Content::Blob(blob.clone()))]));
        let args = json!({"src": "big", "dest": home.join("big").display().to_string(), "mode": "0444"});
        assert_eq!(shell.change("copy", &args, &files).blobs, [blob]);
        shell.apply("copy", &args, &files);
        assert_eq!(Digest::of(&fs::read(home.join("big")).unwrap()), digest);
        shell.apply(
            "copy",
            &json!({"content": "", "dest": home.join("empty").display().to_string()}),
            &files,
        );
        assert_eq!(fs::read(home.join("empty")).unwrap(), b"");
        let large = Files::of("src", &vec![0; (1 << 20) + 1]);
        let refused = shell.outcome("copy", &json!({"src": "src", "dest": "/tmp/x"}), &large);
        assert!(matches!(refused, Err(ModuleError::Source { .. })));
    }
}

#[test]
fn symbolic_links_are_refused_followed_or_replaced_as_told() {
    let none = Files::default();
    for shell in shells() {
        let home = shell.home("links");
        let at = |name: &str| home.join(name).display().to_string();
        fs::write(home.join("real"), "old\n").unwrap();
        symlink("real", home.join("link")).unwrap();
        let args = |links: &str| json!({"content": "new\n", "dest": at("link"), "links": links});
        let refused = shell.outcome("copy", &args("refuse"), &none).unwrap_err();
        assert!(
            refused.to_string().contains("is a symbolic link") && refused.hint().unwrap().contains("follow")
        );
        shell.apply("copy", &args("follow"), &none);
        assert_eq!(fs::read_to_string(home.join("real")).unwrap(), "new\n");
        assert!(home.join("link").is_symlink());
        fs::create_dir(home.join("folder")).unwrap();
        fs::remove_file(home.join("link")).unwrap();
        symlink("folder", home.join("link")).unwrap();
        shell.apply("copy", &args("replace"), &none);
        assert!(
            !home.join("link").is_symlink() && fs::read_dir(home.join("folder")).unwrap().next().is_none()
        );
        symlink("nowhere", home.join("dangling")).unwrap();
        let args = json!({"content": "x", "dest": at("dangling"), "links": "follow"});
        let refused = shell.outcome("copy", &args, &none).unwrap_err().to_string();
        assert!(refused.ends_with("is a symbolic link that leads nowhere"), "{refused}");
    }
}

#[test]
fn what_stands_in_the_way_is_one_error_with_a_way_out() {
    let none = Files::default();
    for shell in shells() {
        let home = shell.home("way");
        let at = |name: &str| home.join(name).display().to_string();
        fs::create_dir(home.join("folder")).unwrap();
        fs::write(home.join("file"), "x").unwrap();
        for (module, args, problem) in [
            ("copy", json!({"content": "x", "dest": at("folder")}), "is a folder, not a file"),
            ("copy", json!({"content": "x", "dest": at("file/below")}), "is not a folder"),
            ("directory", json!({"path": at("file")}), "is a file, not a folder"),
            ("link", json!({"path": at("folder"), "target": "x"}), "is a folder, not a symbolic link"),
            ("link", json!({"path": at("file"), "target": "x"}), "is a file, not a symbolic link"),
            ("file", json!({"path": at("folder")}), "is a folder, not a file"),
            ("file", json!({"path": at("folder"), "state": "absent"}), "is a folder, not a file"),
            ("line", json!({"path": at("folder"), "line": "x"}), "is a folder, not a file"),
            ("archive", json!({"src": "a.tar", "dest": at("file")}), "is a file, not a folder"),
        ] {
            let files = Files::of("a.tar", b"");
            let error = shell.outcome(module, &args, &files).unwrap_err();
            assert!(error.to_string().contains(problem), "{module}: {error}");
            assert!(error.hint().is_some(), "{error} has no hint");
        }
        // A missing folder above can be an earlier step's work: predicted, named, and it fails.
        let change = shell.change("copy", &json!({"content": "x", "dest": at("missing/file")}), &none);
        assert_eq!(change.lacks, [format!("the folder `{}`", at("missing"))]);
        assert_eq!(shell.run(&change.script).status, Status::Exited(65));
    }
}

#[test]
fn what_changed_since_the_probe_is_left_alone() {
    let none = Files::default();
    for shell in shells() {
        let file = shell.home("race").join("file");
        let args = json!({"content": "mine\n", "dest": file.display().to_string()});
        for before in [None, Some("before\n")] {
            let _ = fs::remove_file(&file);
            if let Some(text) = before {
                fs::write(&file, text).unwrap();
            }
            let change = shell.change("copy", &args, &none);
            fs::write(&file, "theirs\n").unwrap();
            let answer = shell.run(&change.script);
            assert_eq!(answer.status, Status::Exited(65));
            assert!(String::from_utf8_lossy(&answer.stderr).contains("someone else"));
            assert_eq!(fs::read_to_string(&file).unwrap(), "theirs\n");
            assert_eq!(leftovers(file.parent().unwrap()), Vec::<String>::new());
        }
    }
}

#[test]
fn the_diff_shows_text_and_attributes() {
    let none = Files::default();
    for shell in shells() {
        let file = shell.home("diff").join("file");
        fs::write(&file, "a\nb\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let args = json!({"content": "a\nc\n", "dest": file.display().to_string(), "mode": "0600"});
        let change = shell.change("copy", &args, &none);
        let shown = change.diff.to_string();
        assert!(shown.ends_with("  a\n- b\n+ c\n~ mode: 0644 → 0600\n"), "{shown}");
        assert_eq!(change.diff, shell.change("copy", &args, &none).diff);
    }
}

#[test]
fn owners_are_compared_by_name_and_number() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: owners, which only root can change");
        return;
    }
    let none = Files::default();
    for shell in shells() {
        let folder = shell.home("owner");
        fs::write(folder.join("below"), "x").unwrap();
        let path = folder.display().to_string();
        shell.apply("directory", &json!({"path": path, "owner": "daemon", "group": "1"}), &none);
        shell.apply(
            "directory",
            &json!({"path": path, "owner": "daemon", "group": "1", "recurse": true}),
            &none,
        );
        let owner =
            |name: &str| std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.join(name)).unwrap());
        assert_eq!((owner("."), owner("below")), (1, 1));
        shell.apply("copy", &json!({"content": "y", "dest": format!("{path}/below"), "group": "0"}), &none);
        assert_eq!(owner("below"), 1, "an owner that is not named stays");
    }
}

#[test]
fn commands_get_their_words_input_and_surroundings_untouched() {
    let none = Files::default();
    for shell in shells() {
        let home = shell.home("command").display().to_string();
        let run = |args: serde_json::Value| {
            let change = shell.change("command", &args, &none);
            let action =
                parse("command", &serde_json::from_value(args).unwrap(), &Place { files: &none }).unwrap();
            (change.once, action.result(&shell.run(&change.script)))
        };
        let mut words = vec!["printf", "%s|"];
        words.extend(NASTY);
        let (once, value) = run(json!({"run": words}));
        assert!(once);
        assert_eq!(value.unwrap().get("stdout"), Some(&Value::Text(format!("{}|", NASTY.join("|")))));
        let stdout = |args| run(args).1.unwrap().get("stdout").cloned().unwrap();
        assert_eq!(stdout(json!({"run": ["cat"], "stdin": "a'b\n$HOME\n"})), "a'b\n$HOME".into());
        assert_eq!(stdout(json!({"run": ["cat"]})), "".into());
        assert_eq!(stdout(json!({"run": ["pwd"], "chdir": home})), home.as_str().into());
        assert_eq!(
            stdout(json!({"shell": "echo \"$A\"", "environment": {"A": "it's *\n x"}})),
            "it's *\n x".into()
        );
        assert_eq!(stdout(json!({"shell": "read -r x; echo \"got $x\"", "stdin": "in\n"})), "got in".into());
        assert!(run(json!({"shell": "false\necho on"})).1.is_err(), "a shell text stops at the first error");
        assert!(run(json!({"shell": "if"})).1.is_err(), "a syntax error is a failure");
        assert!(run(json!({"run": ["if"]})).1.is_err(), "a reserved word is no program");
        assert!(run(json!({"run": ["sh", "-c", "kill -9 $$"]})).1.is_err());
        assert!(run(json!({"run": ["sh", "-c", "exit 3"], "expect": [0, 3]})).1.is_ok());
        assert!(run(json!({"run": ["sh", "-c", "exit 3"]})).1.is_err());
        assert!(!run(json!({"run": ["true"], "repeatable": true})).0);
    }
}

#[test]
fn commands_that_need_not_run_do_not() {
    let none = Files::default();
    for shell in shells() {
        let home = shell.home("conditions").display().to_string();
        let made = format!("{home}/ma'de");
        shell.apply("command", &json!({"run": ["touch", made], "creates": made}), &none);
        shell.apply(
            "command",
            &json!({"run": ["touch", "x y"], "chdir": home, "unless": ["test", "-e", "x y"]}),
            &none,
        );
        shell.apply(
            "command",
            &json!({"run": ["touch", "z"], "chdir": home, "unless": "if cat | grep x; then exit 1; fi; test -e z"}),
            &none,
        );
        // As everywhere, a text stops at the first command that fails.
        shell.change("command", &json!({"run": ["true"], "unless": "false\ntrue"}), &none);
        let made = json!({"run": ["true"], "unless": "true\ntrue"});
        assert!(matches!(shell.outcome("command", &made, &none), Ok(Outcome::Unchanged(_))));
        let read = shell.outcome("command", &json!({"run": ["echo", "a b"], "reads": true}), &none);
        let Ok(Outcome::Unchanged(value)) = read else { panic!("{read:?}") };
        assert_eq!(value.get("stdout"), Some(&"a b".into()));
        assert!(shell.outcome("command", &json!({"run": ["false"], "reads": true}), &none).is_err());
    }
}

#[test]
fn scripts_run_by_their_first_line_with_their_arguments() {
    for shell in shells() {
        for (text, expected) in [
            ("echo \"plain $1\"\n", "plain a b"),
            ("#!/bin/sh -e\nfalse || echo \"$0\" | grep -c script; echo \"$1\"\n", "1\na b"),
        ] {
            let files = Files::of("x.sh", text.as_bytes());
            let args = json!({"src": "x.sh", "args": ["a b"]});
            let change = shell.change("script", &args, &files);
            assert!(change.once);
            let answer = shell.run(&change.script);
            assert_eq!(answer.text().trim_end(), expected, "{}", String::from_utf8_lossy(&answer.stderr));
        }
        let failing = Files::of("x.sh", b"exit 4\n");
        let change = shell.change("script", &json!({"src": "x.sh"}), &failing);
        assert_eq!(shell.run(&change.script).status, Status::Exited(4));
    }
}

#[test]
fn waits_end_when_it_is_so_or_when_the_time_is_up() {
    let none = Files::default();
    for shell in shells() {
        let home = shell.home("wait");
        let path = home.join("it's here").display().to_string();
        let change = shell.change("wait", &json!({"path": path, "timeout": "1s"}), &none);
        assert!(change.diff.is_empty(), "a wait changes nothing");
        assert_eq!(shell.run(&change.script).status, Status::Exited(75));
        fs::write(&path, "").unwrap();
        assert!(shell.run(&change.script).status.success());
        assert!(matches!(shell.outcome("wait", &json!({"path": path}), &none), Ok(Outcome::Unchanged(_))));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(matches!(shell.outcome("wait", &json!({"port": port}), &none), Ok(Outcome::Unchanged(_))));
        let other = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        let elsewhere =
            json!({"host": "127.0.0.2", "port": other.local_addr().unwrap().port(), "timeout": "1s"});
        assert!(
            matches!(shell.outcome("wait", &elsewhere, &none), Ok(Outcome::Unchanged(_))),
            "{}",
            shell.name
        );
        drop(other);
        shell.change("wait", &elsewhere, &none);
        drop(listener);
        shell.change("wait", &json!({"port": port, "timeout": "1s"}), &none);
        assert!(matches!(
            shell.outcome("wait", &json!({"port": port, "state": "absent"}), &none),
            Ok(Outcome::Unchanged(_))
        ));
        let until = json!({"until": ["test", "-e", path], "timeout": "1s"});
        assert!(matches!(shell.outcome("wait", &until, &none), Ok(Outcome::Unchanged(_))));
        // A text stops at the first command that fails, when it is asked and while it is waited for.
        let text = json!({"until": "false\ntrue", "timeout": "1s"});
        assert_eq!(shell.run(&shell.change("wait", &text, &none).script).status, Status::Exited(75));
        let gone = json!({"until": "false\ntrue", "state": "absent"});
        assert!(matches!(shell.outcome("wait", &gone, &none), Ok(Outcome::Unchanged(_))));
    }
}

fn tar_gz(entries: &[(&str, &str)]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in entries {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let output = Command::new("tar").args(["-cz", "-C"]).arg(folder.path()).arg(".").output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn archives_are_unpacked_once_and_again_when_they_differ() {
    for shell in shells() {
        let home = shell.home("archive");
        let dest = home.join("the app");
        let files = Files::of("app.tar.gz", &tar_gz(&[("app-1/a b", "one"), ("app-1/.hidden", "x")]));
        let args = json!({"src": "app.tar.gz", "dest": dest.display().to_string(), "strip": 1});
        shell.apply("archive", &args, &files);
        assert_eq!(fs::read_to_string(dest.join("a b")).unwrap(), "one");
        fs::write(dest.join("own"), "mine").unwrap();
        let files = Files::of("app.tar.gz", &tar_gz(&[("app-2/a b", "two")]));
        shell.apply("archive", &args, &files);
        assert_eq!(fs::read_to_string(dest.join("a b")).unwrap(), "two");
        assert!(dest.join("own").exists() && dest.join(".hidden").exists());
        let files = Files::of("app.tar.gz", &tar_gz(&[("app-3/a b", "three")]));
        let mut replace = args.clone();
        replace["replace"] = json!(true);
        shell.apply("archive", &replace, &files);
        assert_eq!(fs::read_to_string(dest.join("a b")).unwrap(), "three");
        assert!(!dest.join("own").exists());
        let broken = Files::of("app.tar.gz", &tar_gz(&[("a", "1"), ("b", "2")]));
        let change = shell.change("archive", &args, &broken);
        assert_eq!(shell.run(&change.script).status, Status::Exited(65));
        let broken = Files::of("app.tar.gz", b"\x1f\x8bnot really");
        let change = shell.change("archive", &args, &broken);
        assert!(!shell.run(&change.script).status.success());
        assert_eq!(
            fs::read_to_string(dest.join("a b")).unwrap(),
            "three",
            "a broken archive changes nothing"
        );
        assert_eq!(leftovers(&home), Vec::<String>::new());
    }
}

fn ask(shell: &Shell, question: Question) -> BTreeMap<String, Measured> {
    let check = Check {
        id: "c".to_owned(),
        at: "all".to_owned(),
        groups: Vec::new(),
        as_user: None,
        attempts: 1,
        delay_seconds: 0,
        question,
        expect: Vec::new(),
    };
    check.measure(&shell.run(&check.script().unwrap()))
}

#[test]
fn checks_are_answered_by_every_shell() {
    for shell in shells() {
        let file = shell.home("check").join("a 'file'");
        fs::write(&file, "text\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let path = file.display().to_string();
        let values = ask(&shell, Question::File { path: path.clone() });
        assert_eq!(values["exists"], Measured::truth(true));
        assert_eq!(values["size"], Measured::Int(5));
        assert_eq!(values["mode"], Measured::Text("0640".to_owned()));
        assert_eq!(values["content"], Measured::Text("text\n".to_owned()));
        assert!(matches!(values["age"], Measured::Int(0..=60_000)));
        assert_eq!(
            ask(&shell, Question::File { path: format!("{path}x") })["exists"],
            Measured::truth(false)
        );
        assert_eq!(
            ask(&shell, Question::File { path: format!("{path}/x/y") })["exists"],
            Measured::truth(false)
        );
        let values = ask(&shell, Question::Disk { path: "/".to_owned() });
        assert!(matches!(
            (&values["free"], &values["used"]),
            (Measured::Int(1024..), Measured::Int(0..=100))
        ));
        assert!(matches!(
            ask(&shell, Question::Disk { path: format!("{path}x") })["free"],
            Measured::Unknown(_)
        ));
        let values = ask(&shell, Question::Memory);
        assert!(matches!(
            (&values["total"], &values["available"]),
            (Measured::Int(1024..), Measured::Int(1024..))
        ));
        let run = |run: &[&str]| Question::Command {
            run: run.iter().map(|word| (*word).to_owned()).collect(),
            timeout_ms: 1000,
        };
        let values = ask(&shell, run(&["sh", "-c", "echo \"it's\"; echo no >&2; exit 3"]));
        assert_eq!(values["status"], Measured::Int(3));
        assert_eq!(values["stdout"], Measured::Text("it's\n".to_owned()));
        assert_eq!(values["stderr"], Measured::Text("no\n".to_owned()));
        let values = ask(&shell, run(&["sleep", "5"]));
        assert!(values["status"] != Measured::Int(0) && matches!(values["time"], Measured::Int(900..3000)));
        assert_eq!(
            ask(&shell, Question::Process { name: "no such process".to_owned() })["count"],
            Measured::Int(0)
        );
    }
}

#[test]
fn several_archives_share_a_folder_until_one_is_laid_over_another() {
    for shell in shells() {
        let dest = shell.home("shared archives");
        fs::set_permissions(&dest, fs::Permissions::from_mode(0o751)).unwrap();
        let archive = |src: &str, entries: &[(&str, &str)]| {
            let args = json!({"src": src, "dest": dest.display().to_string()});
            (args, Files::of(src, &tar_gz(entries)))
        };
        let (one, one_files) = archive("one.tar.gz", &[("a b", "1"), ("sub/x", "1")]);
        let (two, two_files) = archive("two.tar.gz", &[("c", "2"), ("sub/y", "2")]);
        shell.apply("archive", &one, &one_files);
        shell.apply("archive", &two, &two_files);
        for (args, files) in [(&one, &one_files), (&two, &two_files)] {
            assert!(
                matches!(shell.outcome("archive", args, files), Ok(Outcome::Unchanged(_))),
                "{}",
                shell.name
            );
        }
        assert_eq!(mode(&dest), 0o751, "the folder keeps its mode");
        // A new version of the first: the old one counts no longer, the other one does.
        let (_, newer) = archive("one.tar.gz", &[("a b", "3")]);
        shell.apply("archive", &one, &newer);
        assert!(matches!(shell.outcome("archive", &two, &two_files), Ok(Outcome::Unchanged(_))));
        shell.apply("archive", &one, &one_files);
        assert_eq!(fs::read_to_string(dest.join("a b")).unwrap(), "1");
        // What an earlier version of this program left is known as well.
        let digest = Digest::of(&tar_gz(&[]));
        fs::write(dest.join(".esclusa-archive"), format!("{digest}\n")).unwrap();
        let change = shell.change(
            "archive",
            &archive("x.tar.gz", &[("z", "0")]).0,
            &archive("x.tar.gz", &[("z", "0")]).1,
        );
        assert!(change.diff.to_string().contains(&digest.to_string()), "{}", change.diff);
    }
}

#[test]
fn what_an_account_cannot_see_is_unknown_and_not_absent() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir_all(closed.join("a/b")).unwrap();
    fs::write(closed.join("a/b/there"), "x").unwrap();
    symlink(closed.join("a"), folder.path().join("link")).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
    let measured = |path: &str| {
        let check = Check {
            id: "c".to_owned(),
            at: "all".to_owned(),
            groups: Vec::new(),
            as_user: None,
            attempts: 1,
            delay_seconds: 0,
            question: Question::File { path: folder.path().join(path).display().to_string() },
            expect: Vec::new(),
        };
        // Root sees everything, so somebody else looks.
        let mut command = match rustix::process::geteuid().is_root() {
            true => Command::new("setpriv"),
            false => Command::new("env"),
        };
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid", "65534", "--clear-groups"]);
        }
        let output = command.args(["sh", "-c", &check.script().unwrap().0]).output().unwrap();
        let status = Status::Exited(output.status.code().unwrap());
        check.measure(&Answer { status, stdout: output.stdout, stderr: output.stderr, truncated: false })
    };
    for hidden in ["closed/a/b/there", "closed/there", "closed/no/such/path", "link/b/there"] {
        let measured = measured(hidden);
        assert!(
            matches!(&measured["exists"], Measured::Unknown(why) if why.contains("above")),
            "{hidden}: {measured:?}"
        );
    }
    assert_eq!(measured("nothing/here")["exists"], Measured::truth(false));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn wrong_arguments_are_named_with_their_key() {
    let none = Files::default();
    for (module, args, message) in [
        ("fil", json!({}), "there is no module `fil`"),
        ("file", json!({"path": "/x", "mod": "0644"}), "`file` has no key `mod`"),
        ("file", json!({}), "`file` needs `path`"),
        ("file", json!({"path": "x"}), "`file: path` must be an absolute path"),
        ("file", json!({"path": "/"}), "`file: path` must not be the root folder"),
        ("file", json!({"path": "/a/../b"}), "without `.` and `..`"),
        (
            "file",
            json!({"path": "/etc", "state": "absent", "recurse": true}),
            "must not be a folder of the root folder",
        ),
        ("file", json!({"path": "/x\0"}), "NUL"),
        ("copy", json!({"dest": "/x", "src": "a", "content": "b"}), "cannot stand beside"),
        ("copy", json!({"dest": "/x", "content": "b", "mode": "999"}), "octal mode"),
        ("copy", json!({"dest": "/x", "src": "missing"}), "`missing`: there is no such file"),
        ("command", json!({}), "`command` needs `run`"),
        ("command", json!({"run": []}), "must name a program"),
        ("command", json!({"run": ["a"], "environment": {"a-b": "c"}}), "names of variables"),
        ("line", json!({"path": "/x", "line": "a\nb"}), "must be one line"),
        ("line", json!({"path": "/x", "line": "a", "match": "("}), "regular expression"),
        ("package", json!({"name": ["a;b"]}), "must be names of packages"),
        ("package", json!({"name": ["a", "b"], "version": "1"}), "stands beside one name"),
        ("service", json!({"name": "--now", "state": "started"}), "must be the name of a unit"),
        ("user", json!({"name": "root:x"}), "must be lower-case letters"),
        ("database", json!({"engine": "oracle", "database": "x"}), "must be one of"),
        ("assert", json!({"that": ["maybe"]}), "must be expressions"),
    ] {
        let args: Value = serde_json::from_value(args).unwrap();
        let error = parse(module, &args, &Place { files: &none }).unwrap_err().to_string();
        assert!(error.contains(message), "{module}: {error}");
    }
}

/// A project in which every file is there, and one of them is the playbook.
struct Project(String);

impl document::Files for Project {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        Some(if path == "playbook.yaml" { self.0.clone().into_bytes() } else { Vec::new() })
    }
}

#[test]
fn every_key_of_every_module_stands_in_an_example_that_is_valid() {
    for shape in SHAPES {
        let path = format!("{}/examples/modules/{}.yaml", env!("CARGO_MANIFEST_DIR"), shape.name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        for field in shape.fields {
            assert!(text.contains(&format!("{}:", field.key)), "{path} does not show `{}`", field.key);
        }
        let project = Project(format!("kind: install\nsystem: wiki\n{text}"));
        let mut diagnostics = document::Diagnostics::default();
        let source = document::Source::read(&project, "playbook.yaml", &mut diagnostics).unwrap();
        let playbook = parse_playbook(&source, &project, SHAPES, &mut diagnostics);
        assert!(playbook.is_some() && diagnostics.is_empty(), "{path}: {diagnostics:?}");
    }
}
