//! The transport against the embedded server and against OpenSSH's sshd.

use esclusa::model::*;
use esclusa::transport::server::{Settings, serve};
use esclusa::transport::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

// ------------------------------------------------------------------------------------------------
// Places: a folder, a key, a server

/// A throwaway home with one key, and a server that takes it.
struct Place {
    folder: tempfile::TempDir,
    server: Server,
    options: Options,
    running: Running,
}

enum Running {
    Embedded(tokio::task::JoinHandle<()>),
    Sshd(Child),
}

impl Drop for Place {
    fn drop(&mut self) {
        match &mut self.running {
            Running::Embedded(task) => task.abort(),
            Running::Sshd(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

fn server(name: &str, port: u16, host_key: &str) -> Server {
    Server {
        name: ServerName::parse(name).unwrap(),
        address: "127.0.0.1".to_owned(),
        port: Some(port),
        user: Some(user()),
        escalation: Become::No,
        sudo_password: None,
        password: None,
        identity_file: None,
        passphrase: None,
        jump: None,
        host_keys: if host_key.is_empty() { Vec::new() } else { vec![HostKey(bare(host_key))] },
        groups: BTreeSet::new(),
        variables: BTreeMap::new(),
    }
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn bare(key: &str) -> String {
    key.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn options(folder: &Path) -> Options {
    Options {
        ssh_config: ConfigSource::None,
        home: folder.to_owned(),
        agent: None,
        known_hosts: vec![folder.join("known_hosts")],
        connect_timeout: Duration::from_secs(20),
        ..Options::default()
    }
}

async fn embedded() -> Place {
    embedded_with("sh").await
}

async fn embedded_with(shell: &str) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = generate_key("test").unwrap();
    let (host, host_public) = generate_key("host").unwrap();
    std::fs::create_dir(folder.path().join(".ssh")).unwrap();
    std::fs::create_dir(folder.path().join("home")).unwrap();
    write_private(&folder.path().join(".ssh/id_ed25519"), &key);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = Settings {
        host_key: host.to_string(),
        authorized: vec![public],
        home: folder.path().join("home"),
        shell: shell.into(),
    };
    let task = tokio::spawn(async move { serve(listener, settings, Arc::new(|| {})).await.unwrap() });
    let options = options(folder.path());
    Place {
        server: server("embedded", port, &host_public),
        options,
        running: Running::Embedded(task),
        folder,
    }
}

fn keygen(path: &Path, arguments: &[&str]) {
    let status = Command::new("ssh-keygen").args(["-q", "-f"]).arg(path).args(arguments).status().unwrap();
    assert!(status.success());
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// A private sshd, or nothing with a loud word where OpenSSH is not installed.
fn sshd(more: &str) -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    if !Path::new("/usr/sbin/sshd").exists() {
        assert!(std::env::var_os("CI").is_none(), "OpenSSH's sshd is not installed");
        eprintln!("LEFT OUT: OpenSSH's sshd is not installed");
        return None;
    }
    std::fs::create_dir_all("/run/sshd").ok();
    std::fs::create_dir(at(".ssh")).unwrap();
    std::fs::create_dir(at("home")).unwrap();
    keygen(&at(".ssh/id_ed25519"), &["-t", "ed25519", "-N", ""]);
    keygen(&at("host"), &["-t", "ed25519", "-N", ""]);
    std::fs::copy(at(".ssh/id_ed25519.pub"), at("authorized")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let home = at("home");
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nPidFile none\nPermitRootLogin yes\nSetEnv HOME={}\n{more}\n",
        at("host").display(),
        at("authorized").display(),
        home.display(),
    )
    .replace("@", &folder.path().display().to_string());
    std::fs::write(at("sshd_config"), config).unwrap();
    let child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(at("sshd_config"))
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(at("log")).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "{}", read(at("log")));
        std::thread::sleep(Duration::from_millis(20));
    }
    let server = server("openssh", port, &read(at("host.pub")));
    let options = options(folder.path());
    Some(Place { server, options, running: Running::Sshd(child), folder })
}

impl Place {
    async fn connect(&self) -> Result<Session, TransportError> {
        Session::connect(&self.server, None, &Credentials::default(), &self.options).await
    }

    async fn guarded(&self) -> Session {
        let session = self.connect().await.unwrap();
        session.guard("store-1", 1, false).await.unwrap();
        session
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Both kinds of servers.
async fn places() -> Vec<Place> {
    let mut places = vec![embedded().await];
    places.extend(sshd(""));
    places
}

fn ask(text: &str) -> Frame {
    Frame::ask(RunAs::Login, Script::new(text))
}

fn change(text: &str) -> Frame {
    Frame::change(RunAs::Login, Script::new(text))
}

fn run_id() -> RunId {
    RunId(uuid::Uuid::now_v7().to_string())
}

async fn one(session: &Session, frame: Frame) -> Answer {
    let mut replies = session.run(vec![frame]).await.unwrap();
    assert_eq!(replies.len(), 1);
    replies.remove(0).answer(&session.server().name).unwrap()
}

async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !check() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn alive(pid: &str) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) else { return false };
    !stat.contains(") Z ")
}

// ------------------------------------------------------------------------------------------------
// Frames

#[tokio::test(flavor = "multi_thread")]
async fn every_script_runs_apart_from_the_shell_that_starts_it() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let table: Vec<(&str, &str, Status)> = vec![
            ("echo hello", "hello\n", Status::Exited(0)),
            ("exit 3", "", Status::Exited(3)),
            ("cat; echo after", "after\n", Status::Exited(0)),
            ("if then fi )", "", Status::Exited(2)),
            (". /does/not/exist; echo no", "", Status::Exited(2)),
            ("kill -9 $$", "", Status::Signalled("KILL".to_owned())),
            ("echo Ávila señor ñ '\u{81}' \"it's\"", "Ávila señor ñ \u{81} it's\n", Status::Exited(0)),
            ("printf '%s' 'a\\nb\\\\' '$HOME' '`id`'", "a\\nb\\\\$HOME`id`", Status::Exited(0)),
            ("printf '%s' \"$LC_ALL $(umask)\"", "C 0022", Status::Exited(0)),
            ("[ -d \"$BLOBS\" ] && [ \"$PWD\" = \"$HOME\" ] && echo right", "right\n", Status::Exited(0)),
            ("exec 0<&-; exec 1>&-; exit 7", "", Status::Exited(7)),
            ("E_N=x; e_say; trap '' TERM; echo still", "still\n", Status::Exited(0)),
            ("env | grep -c '^[Ee]_'", "0\n", Status::Exited(1)),
            ("", "", Status::Exited(0)),
        ];
        let frames = table.iter().map(|(text, ..)| ask(text)).collect();
        let before = session.round_trips();
        let replies = session.run(frames).await.unwrap();
        assert_eq!(session.round_trips(), before + 1);
        for ((text, stdout, status), reply) in table.into_iter().zip(replies) {
            let answer = reply.answer(&place.server.name).unwrap();
            assert_eq!((answer.text().as_str(), &answer.status), (stdout, &status), "{text}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_binary_and_has_a_limit() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let bytes = "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %03o $i)\"; i=$((i+1)); done; echo problem >&2";
        let answer = one(&session, ask(bytes)).await;
        assert_eq!(answer.stdout, (0..=255).collect::<Vec<u8>>());
        assert_eq!((answer.stderr.as_slice(), answer.truncated), (&b"problem\n"[..], false));
        let much = "head -c 10000000 /dev/zero; head -c 3000000 /dev/zero >&2";
        let answer = one(&session, ask(much).output_limit(1_000_000)).await;
        assert_eq!(
            (answer.stdout.len(), answer.stderr.len(), answer.truncated),
            (1_000_000, 1_000_000, true)
        );
        let answer = one(&session, ask("printf 12345").output_limit(5)).await;
        assert_eq!((answer.text().as_str(), answer.truncated), ("12345", false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_frames_are_one_round_trip() {
    for place in [embedded().await] {
        let session = place.connect().await.unwrap();
        let frames = (0..1000).map(|number| ask(&format!("echo {number}"))).collect();
        let mut order = Vec::new();
        let replies = session.run_each(frames, &mut |index, _| order.push(index)).await.unwrap();
        assert_eq!(session.round_trips(), 2);
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        for (number, reply) in replies.into_iter().enumerate() {
            assert_eq!(reply.answer(&place.server.name).unwrap().text(), format!("{number}\n"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dash_bash_and_busybox_serve_as_the_remote_shell() {
    for shell in ["dash", "bash", "busybox"] {
        let folder = tempfile::tempdir().unwrap();
        let found = Command::new("sh").args(["-c", &format!("command -v {shell}")]).output().unwrap();
        let path = String::from_utf8(found.stdout).unwrap();
        if path.trim().is_empty() {
            eprintln!("LEFT OUT: {shell} is not installed");
            continue;
        }
        // A PATH in which `sh`, and with busybox every other tool too, is the one under test.
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(path.trim(), bin.join("sh")).unwrap();
        if shell == "busybox" {
            for tool in [
                "cat",
                "head",
                "id",
                "mkdir",
                "chmod",
                "rm",
                "mv",
                "rmdir",
                "sleep",
                "setsid",
                "flock",
                "uname",
                "df",
                "wc",
                "sha256sum",
                "env",
                "grep",
            ] {
                std::os::unix::fs::symlink(path.trim(), bin.join(tool)).unwrap();
            }
        }
        let start = bin.join("start");
        std::fs::write(
            &start,
            format!("#!/bin/sh\nPATH={}:$PATH exec {} \"$@\"\n", bin.display(), bin.join("sh").display()),
        )
        .unwrap();
        Command::new("chmod").arg("755").arg(&start).status().unwrap();
        let place = embedded_with(start.to_str().unwrap()).await;
        let session = place.guarded().await;
        let frames = vec![
            ask("cat; echo Á ñ \u{81}\u{82}; readlink /proc/$$/exe"),
            ask(")"),
            ask("sleep 30").timeout(Duration::from_secs(1)),
            Frame::unit(RunAs::Login, UnitId::new(&run_id(), "x"), Script::new("cat; echo unit; exit 4")),
            change("exit 0"),
        ];
        let mut answers = session
            .run(frames)
            .await
            .unwrap()
            .into_iter()
            .map(|reply| reply.answer(&place.server.name).unwrap());
        let first = answers.next().unwrap().text();
        assert!(first.starts_with("Á ñ \u{81}\u{82}\n") && first.contains(shell), "{shell}: {first}");
        assert_eq!(answers.next().unwrap().status, Status::Exited(2), "{shell}");
        assert_eq!(answers.next().unwrap().status, Status::TimedOut, "{shell}");
        let unit = answers.next().unwrap();
        assert_eq!((unit.text().as_str(), unit.status), ("unit\n", Status::Exited(4)), "{shell}");
        assert_eq!(answers.next().unwrap().status, Status::Exited(0), "{shell}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_ends_the_grandchildren_too() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let started = Instant::now();
        let script = "trap '' TERM; sh -c 'trap \"\" TERM; sleep 77 & echo $! >pid; wait' & wait; sleep 77";
        let replies =
            session.run(vec![ask(script).timeout(Duration::from_secs(1)), ask("cat pid")]).await.unwrap();
        let mut answers = replies.into_iter().map(|reply| reply.answer(&place.server.name).unwrap());
        assert_eq!(answers.next().unwrap().status, Status::TimedOut);
        let pid = answers.next().unwrap().text();
        assert!(!pid.is_empty() && !alive(&pid), "{pid}");
        assert!(started.elapsed() < Duration::from_secs(12));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_keeps_its_output_open_does_not_hold_the_step() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let started = Instant::now();
        let answer = one(&session, ask("sleep 20 & echo $!")).await;
        assert!(started.elapsed() < Duration::from_secs(10));
        Command::new("kill").arg(answer.text().trim()).status().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_a_failed_frame_is_skipped() {
    let place = embedded().await;
    let session = place.guarded().await;
    let frames = vec![
        change("echo 1 >>log").after_success(),
        change("echo 2 >>log; exit 1").after_success(),
        change("echo 3 >>log").after_success(),
        ask("cat log"),
    ];
    let replies = session.run(frames).await.unwrap();
    assert_eq!(replies[2], Reply::Skipped);
    let Reply::Answered(answer) = &replies[3] else { panic!("{replies:?}") };
    assert_eq!(answer.text(), "1\n2\n");
    let replies = session.run(vec![change("echo 4 >>log").after_success()]).await.unwrap();
    assert!(matches!(replies[0], Reply::Answered(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_leave_no_trace_and_never_appear_in_the_list_of_processes() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let script = "SECRET=tell-nobody-4711; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'tell-nobody-471[1]'";
        let answer = one(&session, ask(script)).await;
        assert_eq!(answer.text(), "0\n");
        one(&session, ask("true")).await;
        let found =
            Command::new("grep").args(["-rl", "tell-nobody-4711"]).arg(place.path("home")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
        drop(session);
        let sessions = place.path("home/.esclusa/sessions");
        eventually(&format!("the end of the folder of {}", place.server.name), || {
            std::fs::read_dir(&sessions).unwrap().count() == 0
        })
        .await;
    }
}

// ------------------------------------------------------------------------------------------------
// Units and the guard

fn unit(id: &UnitId, text: &str) -> Frame {
    Frame::unit(RunAs::Login, id.clone(), Script::new(text)).timeout(Duration::from_secs(30))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_runs_once_however_often_it_is_sent() {
    for place in places().await {
        let session = place.guarded().await;
        let run = run_id();
        let id = UnitId::new(&run, "migrate @ web");
        assert_eq!(session.observe(&RunAs::Login, &id, 100).await.unwrap(), UnitState::Absent);
        let script = "echo once >>count; cat; echo out; echo err >&2; exit 5";
        let other = place.connect().await.unwrap();
        let replies = session.run(vec![unit(&id, script), unit(&id, script)]).await.unwrap();
        assert_eq!(replies[0], replies[1]);
        let Reply::Answered(answer) = &replies[0] else { panic!("{replies:?}") };
        assert_eq!((answer.text().as_str(), answer.stderr.as_slice()), ("out\n", &b"err\n"[..]));
        assert_eq!(answer.status, Status::Exited(5));
        assert_eq!(
            other.observe(&RunAs::Login, &id, 100).await.unwrap(),
            UnitState::Finished(answer.clone())
        );
        assert_eq!(read(place.path("home/count")), "once\n");
        session.forget_units(&run).await.unwrap();
        assert_eq!(session.observe(&RunAs::Login, &id, 100).await.unwrap(), UnitState::Absent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_that_send_the_same_unit_at_once_run_it_once() {
    let place = embedded().await;
    let id = UnitId::new(&run_id(), "x");
    let mut other = place.server.clone();
    other.name = ServerName::parse("other").unwrap();
    let first = place.guarded().await;
    let second = Session::connect(&other, None, &Credentials::default(), &place.options).await.unwrap();
    second.guard("store-1", 1, false).await.unwrap();
    let frame = unit(&id, "echo once >>count; sleep 0.3");
    let (one, two) = tokio::join!(first.run(vec![frame.clone()]), second.run(vec![frame]));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(read(place.path("home/count")), "once\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_survives_its_connection_and_is_attached_to() {
    for place in places().await {
        let session = place.guarded().await;
        let id = UnitId::new(&run_id(), "x");
        let frame = unit(&id, "echo start >>count; while [ ! -e go ]; do sleep 0.1; done; echo done");
        let count = place.path("home/count");
        {
            let run = session.run(vec![frame.clone()]);
            tokio::select! {
                reply = run => panic!("{reply:?}"),
                () = eventually("the start", || count.exists()) => {}
            }
        }
        drop(session);
        let session = place.guarded().await;
        assert_eq!(session.observe(&RunAs::Login, &id, 100).await.unwrap(), UnitState::Running);
        std::fs::write(place.path("home/go"), "").unwrap();
        let answer = one(&session, frame).await;
        assert_eq!((answer.text().as_str(), answer.status), ("done\n", Status::Exited(0)));
        assert_eq!(read(&count), "start\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_is_ended_by_its_time_limit_or_on_demand_and_without_a_status_it_is_in_doubt() {
    for place in places().await {
        let session = place.guarded().await;
        let run = run_id();
        let limited = UnitId::new(&run, "limited");
        let script = "sh -c 'echo $$ >pid; exec sleep 77'";
        let answer = one(&session, unit(&limited, script).timeout(Duration::from_secs(1))).await;
        assert_eq!(answer.status, Status::TimedOut);
        assert!(!alive(&read(place.path("home/pid"))));

        let killed = UnitId::new(&run, "killed");
        let second = place.path("home/second");
        {
            let frame = unit(&killed, "echo $$ >second; sleep 77");
            tokio::select! {
                reply = session.run(vec![frame]) => panic!("{reply:?}"),
                () = eventually("the start", || second.exists()) => {}
            }
        }
        drop(session);
        let session = place.guarded().await;
        let state = session.kill_unit(&RunAs::Login, &killed, 100).await.unwrap();
        let UnitState::Finished(answer) = state else { panic!("{state:?}") };
        assert_eq!(answer.status, Status::Signalled("TERM".to_owned()));

        // Its runner is killed too: nothing can be known of its end.
        let doubtful = UnitId::new(&run, "doubtful");
        let pid = place.path(&format!("home/.esclusa/units/{}/pid", doubtful.as_str()));
        let child = place.path(&format!("home/.esclusa/units/{}/child", doubtful.as_str()));
        let work = async {
            eventually("the start", || child.exists() && !read(&child).is_empty()).await;
            let runner = read(&pid).split(' ').nth(1).unwrap().to_owned();
            Command::new("kill").args(["-9", runner.trim(), read(&child).trim()]).status().unwrap();
        };
        let (replies, ()) = tokio::join!(session.run(vec![unit(&doubtful, "sleep 77")]), work);
        assert_eq!(replies.unwrap(), vec![Reply::InDoubt]);
        assert_eq!(session.observe(&RunAs::Login, &doubtful, 100).await.unwrap(), UnitState::Vanished);
        assert_eq!(session.run(vec![unit(&doubtful, "echo again")]).await.unwrap(), vec![Reply::InDoubt]);

        // A finished unit from before a reboot is still known; a running one is not.
        let folder = place.path(&format!("home/.esclusa/units/{}", doubtful.as_str()));
        std::fs::write(folder.join("pid"), format!("another-boot {} 1\n", std::process::id())).unwrap();
        assert_eq!(session.observe(&RunAs::Login, &doubtful, 100).await.unwrap(), UnitState::Vanished);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_obeys_one_store_and_its_latest_epoch() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let id = UnitId::new(&run_id(), "x");
        let refused = session.run(vec![change("echo no >>log"), unit(&id, "echo no >>log")]).await.unwrap();
        for reply in refused {
            let error = reply.answer(&place.server.name).unwrap_err();
            assert!(matches!(error, TransportError::NotGuarded { .. }), "{error}");
        }
        session.guard("store-1", 5, false).await.unwrap();
        one(&session, change("echo 5 >>log")).await;

        let late = place.connect().await.unwrap();
        let error = late.guard("store-1", 4, false).await.unwrap_err();
        assert!(matches!(error, TransportError::Superseded { held: 5, ours: 4, .. }), "{error}");
        let error = late.guard("store-2", 9, false).await.unwrap_err();
        assert!(matches!(&error, TransportError::OtherStore { held, .. } if held == "store-1"), "{error}");
        one(&session, change("echo 5 >>log")).await;

        late.guard("store-1", 6, false).await.unwrap();
        one(&late, change("echo 6 >>log")).await;
        match session.run(vec![change("echo old >>log")]).await {
            Err(error) => assert!(error.is_lost(), "{error}"),
            Ok(replies) => assert!(replies[0].clone().answer(&place.server.name).is_err()),
        }
        let stranger = place.connect().await.unwrap();
        stranger.guard("store-2", 1, true).await.unwrap();
        one(&stranger, change("echo adopted >>log")).await;
        assert!(late.run(vec![change("echo old >>log")]).await.is_err());
        assert_eq!(read(place.path("home/log")), "5\n5\n6\nadopted\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_ends_the_change_that_a_lost_one_left_running() {
    for place in places().await {
        let session = Arc::new(place.guarded().await);
        let pid = place.path("home/pid");
        let frames = vec![change("echo $$ >pid; sleep 77"), change("echo ghost >>log")];
        let old = session.clone();
        let task = tokio::spawn(async move { old.run(frames).await });
        eventually("the start", || pid.exists() && !read(&pid).is_empty()).await;
        let next = place.guarded().await;
        eventually("the end of the old change", || !alive(&read(&pid))).await;
        assert!(task.await.unwrap().unwrap_err().is_lost());
        one(&next, change("echo next >>log")).await;
        assert_eq!(read(place.path("home/log")), "next\n");
    }
}

// ------------------------------------------------------------------------------------------------
// Streams

/// Bytes that do not repeat soon.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_go_up_and_come_down_whole() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let bytes = noise(50_000_000);
        let blob = BlobRef { digest: Digest::of(&bytes), size: bytes.len() as u64 };
        session.upload(&RunAs::Login, &blob, &mut bytes.as_slice()).await.unwrap();
        // A second time nothing is read: it is there.
        session.upload(&RunAs::Login, &blob, &mut &b"not read"[..]).await.unwrap();
        let script = Script::new(format!("cat \"$BLOBS/{}\"; echo said >&2; exit 6", blob.digest));
        let mut sink = Vec::new();
        let end = session.download(&RunAs::Login, &script, &mut sink).await.unwrap();
        assert_eq!((end.bytes, end.status), (blob.size, Status::Exited(6)));
        assert!(end.stderr.ends_with(b"said\n"));
        assert_eq!(Digest::of(&sink), blob.digest);
        eventually("the end of the stream's folder", || {
            std::fs::read_dir(place.path("home/.esclusa/streams")).unwrap().count() == 0
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_arrives_differently_gets_no_name() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let blob = BlobRef { digest: Digest::of(b"right"), size: 5 };
        for wrong in ["wrong", "longer than it says"] {
            let error = session.upload(&RunAs::Login, &blob, &mut wrong.as_bytes()).await.unwrap_err();
            assert!(matches!(error, TransportError::Upload { .. }), "{error}");
        }
        let huge = BlobRef { digest: Digest::of(b"huge"), size: 1 << 60 };
        let error = session.upload(&RunAs::Login, &huge, &mut &b""[..]).await.unwrap_err();
        assert!(matches!(error, TransportError::NoSpace { .. }), "{error}");
        let blobs = std::fs::read_dir(place.path("home/.esclusa/blobs")).unwrap().count();
        assert_eq!(blobs, 0);
        session.upload(&RunAs::Login, &blob, &mut &b"right"[..]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_fed_and_its_status_decides() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let script = Script::new("read -r first; echo \"got $first\"; cat >rest; echo err >&2; exit 9");
        let mut input = b"one\n".to_vec();
        input.extend(noise(3_000_000));
        let answer = session.feed(&RunAs::Login, &script, &mut input.as_slice()).await.unwrap();
        assert_eq!((answer.text().as_str(), answer.status), ("got one\n", Status::Exited(9)));
        assert_eq!(std::fs::read(place.path("home/rest")).unwrap(), &input[4..]);
        // A script that does not want its input does not hang.
        let answer = session
            .feed(&RunAs::Login, &Script::new("exit 8"), &mut noise(9_000_000).as_slice())
            .await
            .unwrap();
        assert_eq!(answer.status, Status::Exited(8));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_or_killed_is_no_success() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let mut sink = Vec::new();
        let end =
            session.download(&RunAs::Login, &Script::new("echo some; kill -9 $$"), &mut sink).await.unwrap();
        assert_eq!(end.status, Status::Signalled("KILL".to_owned()));
        let script = Script::new("echo some; kill -9 $PPID; sleep 1");
        let result = session.download(&RunAs::Login, &script, &mut sink).await;
        assert!(!result.is_ok_and(|end| end.status.success()));
        // A sink that fails ends the script on the server.
        let pid = place.path("home/pid");
        let (mut near, far) = tokio::io::duplex(64);
        drop(far);
        let script = Script::new("echo $$ >pid; while :; do echo more; done");
        let error = session.download(&RunAs::Login, &script, &mut near).await.unwrap_err();
        assert!(matches!(error, TransportError::Local { .. }), "{error}");
        eventually("the end of the script", || !alive(&read(&pid))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_forwarded_to_a_port_of_the_server() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for place in places().await {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut line = [0; 5];
                stream.read_exact(&mut line).await.unwrap();
                stream.write_all(&line).await.unwrap();
            }
        });
        let session = place.connect().await.unwrap();
        // More than the channels that are open at once: each gives its place back.
        for _ in 0..12 {
            let mut tunnel = session.forward("127.0.0.1", port).await.unwrap();
            tunnel.write_all(b"hello").await.unwrap();
            let mut back = String::new();
            tunnel.read_to_string(&mut back).await.unwrap();
            assert_eq!(back, "hello");
        }
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = session.forward("127.0.0.1", closed).await.unwrap_err();
        assert!(matches!(error, TransportError::Forward { .. }), "{error}");
    }
}

// ------------------------------------------------------------------------------------------------
// Connections: lines, keys, hosts

/// A proxy that can be stopped: it then keeps its connections and passes nothing.
async fn stoppable(to: u16) -> (u16, tokio::sync::watch::Sender<bool>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let (near, far) = (near.into_split(), far.into_split());
            for (mut from, mut to) in [(near.0, far.1), (far.0, near.1)] {
                let stopped = stopped.clone();
                tokio::spawn(async move {
                    let mut bytes = vec![0; 65536];
                    while let Ok(count @ 1..) = from.read(&mut bytes).await {
                        if *stopped.borrow() {
                            std::future::pending::<()>().await;
                        }
                        if to.write_all(&bytes[..count]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }
    });
    (port, stop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_line_is_noticed_in_seconds() {
    for mut place in places().await {
        let (port, stop) = stoppable(place.server.port.unwrap()).await;
        place.server.port = Some(port);
        place.options.keepalive_interval = Duration::from_secs(1);
        place.options.keepalive_max = 2;
        let session = place.connect().await.unwrap();
        let started = Instant::now();
        let script = "sleep 60";
        let frame = ask(script).timeout(Duration::from_secs(3));
        let run = session.run(vec![frame]);
        let work = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stop.send(true).unwrap();
        };
        let (result, ()) = tokio::join!(run, work);
        let error = result.unwrap_err();
        assert!(error.is_lost() && !error.nothing_done(), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(session.is_closed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_was_not_touched() {
    let mut place = embedded().await;
    place.server.port =
        Some(std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let error = place.connect().await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }) && error.nothing_done(), "{error}");
    // A port that accepts and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    place.server.port = Some(silent.local_addr().unwrap().port());
    place.options.connect_timeout = Duration::from_secs(1);
    let error = place.connect().await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_commands_do_not_wait_for_nagle() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let started = Instant::now();
        for _ in 0..50 {
            one(&session, ask("true")).await;
        }
        // Nagle and delayed acknowledgements would cost 40 ms each on top: two seconds.
        let each = started.elapsed() / 50;
        assert!(each < Duration::from_millis(35), "{each:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_connections_at_once_all_come_about() {
    let Some(place) = sshd("MaxStartups 4:100:5") else { return };
    let place = Arc::new(place);
    let tasks: Vec<_> = (0..30)
        .map(|_| {
            let place = place.clone();
            tokio::spawn(async move { place.connect().await.map(|session| session.facts_count()) })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().unwrap() > 5);
    }
}

trait Facts {
    fn facts_count(&self) -> usize;
}

impl Facts for Session {
    fn facts_count(&self) -> usize {
        futures_util::FutureExt::now_or_never(self.facts()).unwrap().unwrap().len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_come_with_the_connection() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let facts: BTreeMap<String, Value> = session.facts().await.unwrap();
        assert_eq!(session.round_trips(), 1);
        for name in [
            "os",
            "os_version",
            "os_name",
            "arch",
            "hostname",
            "kernel",
            "memory_bytes",
            "cpus",
            "boot_id",
            "tools",
        ] {
            assert!(facts.contains_key(name), "{name}: {facts:?}");
        }
        assert!(matches!(facts["memory_bytes"], Value::Int(bytes) if bytes > 1 << 20));
        assert_eq!(facts["user"], Value::Text(user()));
        assert_eq!(facts["folder"], Value::Text(place.path("home/.esclusa").display().to_string()));
    }
}
