//! The transport against the embedded server and against OpenSSH's sshd.

#![allow(clippy::unwrap_used, clippy::panic)]

mod asked;
mod behind;
mod jumps;
mod odd;

use esclusa::model::*;
use esclusa::transport::server::{Settings, serve};
use esclusa::transport::*;
use jumps::through;
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
    /// Folders that live as long.
    others: Vec<tempfile::TempDir>,
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

/// Says what was not tested, past the capture of passing tests.
fn left_out(what: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{what}");
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
        others: Vec::new(),
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
        left_out("LEFT OUT: OpenSSH's sshd is not installed");
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
    Some(Place { server, options, running: Running::Sshd(child), others: Vec::new(), folder })
}

impl Place {
    async fn connect(&self) -> Result<Session, TransportError> {
        Session::connect(&self.server, &Way::default(), &Credentials::default(), &self.options).await
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

/// Longer than any test.
const NO_LIMITS: Limits = Limits { silence: Duration::from_secs(600), whole: Duration::from_secs(600) };

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
async fn output_without_end_does_not_fill_the_disk() {
    // What is written is measured once its writer stands still and has been looked at.
    let text = "( while :; do head -c 1000000 /dev/zero; sleep 0.05; done ) & p=$!; sleep 6; kill -STOP $p; sleep 5\n\
                stat -L -c '%b %s' /proc/$p/fd/1 >\"$HOME/NAME\"; kill -KILL $p; echo end";
    let place = embedded().await;
    let session = place.guarded().await;
    let unit =
        Frame::unit(RunAs::Login, UnitId::new(&run_id(), "x"), Script::new(text.replace("NAME", "unit")));
    let frames = vec![ask(&text.replace("NAME", "ask")).output_limit(1000), unit.output_limit(1000)];
    for reply in session.run(frames).await.unwrap() {
        let answer = reply.answer(&place.server.name).unwrap();
        assert!(
            answer.status.success() && answer.truncated && answer.stdout.len() == 1000,
            "{:?}",
            answer.status
        );
    }
    for name in ["ask", "unit"] {
        let measured = read(place.path("home").join(name));
        let blocks: u64 = measured.split(' ').next().unwrap().parse().unwrap();
        assert!(blocks * 512 <= 17 << 20, "{name}: {measured}");
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
            left_out(&format!("LEFT OUT: {shell} is not installed"));
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
        probes_in_one_go_stay_apart(&place, &session, shell).await;
    }
}

/// Probes that share a process: an error, a signal, a hang or a flood of one is its own.
async fn probes_in_one_go_stay_apart(place: &Place, session: &Session, shell: &str) {
    let second = Duration::from_secs(1);
    let table: Vec<(&str, &[u8], Status)> = vec![
        ("x=1; cd /; umask 0; set -eu; echo one", b"one\n", Status::Exited(0)),
        ("printf %s \"${x-none} $(umask) $#\"; [ \"$PWD\" = \"$HOME\" ]", b"none 0022 0", Status::Exited(0)),
        ("if then fi )", b"", Status::Exited(2)),
        ("cat <<'END'\nit's \"$x\" \\\nEND", b"it's \"$x\" \\\n", Status::Exited(0)),
        ("kill -9 $$; sleep 1; echo never", b"", Status::Signalled("KILL".to_owned())),
        ("printf 'a\\000b\\377'; echo bad >&2; exit 9", b"a\x00b\xff", Status::Exited(9)),
        ("echo begun; sleep 60", b"begun\n", Status::TimedOut),
        ("trap '' TERM; sleep 60 & wait; sleep 60", b"", Status::TimedOut),
        ("sleep 30 & echo apart", b"apart\n", Status::Exited(0)),
        ("head -c 5000 /dev/zero", &[0; 4096], Status::Exited(0)),
        ("exec 1>&- 2>&-; exit 7", b"", Status::Exited(7)),
        ("", b"", Status::Exited(0)),
    ];
    let frames: Vec<_> =
        table.iter().map(|(text, ..)| ask(text).timeout(second).output_limit(4096)).collect();
    let before = session.round_trips();
    let replies = session.run(frames).await.unwrap();
    assert_eq!(session.round_trips(), before + 1);
    for ((text, stdout, status), reply) in table.into_iter().zip(replies) {
        let answer = reply.answer(&place.server.name).unwrap();
        assert_eq!((answer.stdout.as_slice(), &answer.status), (stdout, &status), "{shell}: {text}");
        assert_eq!(answer.truncated, text.starts_with("head"), "{shell}: {text}");
        assert_eq!(answer.stderr == b"bad\n", status == Status::Exited(9), "{shell}: {text}");
    }
    // A failed probe holds back what waits for success, as when it runs alone.
    let frames = vec![ask("exit 1"), ask("true"), ask("echo no").after_success()];
    assert!(matches!(session.run(frames).await.unwrap()[2], Reply::Skipped), "{shell}");
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
    let second =
        Session::connect(&other, &Way::default(), &Credentials::default(), &place.options).await.unwrap();
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
        let script = place.path(&format!("home/.esclusa/units/{}/script", doubtful.as_str()));
        assert!(!script.exists(), "what a script holds does not stay");
        assert_eq!(session.run(vec![unit(&doubtful, "echo again")]).await.unwrap(), vec![Reply::InDoubt]);

        // A finished unit from before a reboot is still known; a running one is not.
        let folder = place.path(&format!("home/.esclusa/units/{}", doubtful.as_str()));
        std::fs::write(folder.join("pid"), format!("another-boot {} 1\n", std::process::id())).unwrap();
        assert_eq!(session.observe(&RunAs::Login, &doubtful, 100).await.unwrap(), UnitState::Vanished);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reboot_left_behind_goes_and_what_is_at_work_stays() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        let folder = place.path("home/.esclusa");
        let living = std::fs::read_dir(folder.join("sessions")).unwrap().next().unwrap().unwrap().file_name();
        let living = living.to_str().unwrap();
        let make = |name: &str, young: bool, by: Option<&str>| {
            let path = folder.join(name);
            if name.starts_with("blobs/") {
                std::fs::write(&path, "secret").unwrap();
            } else {
                std::fs::create_dir(&path).unwrap();
                std::fs::write(path.join("script"), "secret").unwrap();
            }
            if let Some(by) = by {
                std::fs::write(path.join("session"), by).unwrap();
            }
            let when = if young { "now" } else { "2 hours ago" };
            assert!(Command::new("touch").args(["-d", when]).arg(&path).status().unwrap().success());
            (path, young || name.ends_with(living) || by == Some(living))
        };
        let made = [
            make("units/.one.edead", false, None),
            make("units/.two.edead", true, None),
            make(&format!("units/.three.{living}"), false, None),
            make("streams/e1", false, None),
            make("streams/e2", false, Some("edead\n")),
            make("streams/e3", true, Some("edead\n")),
            make("streams/e4", false, Some(living)),
            make("blobs/.e1", false, None),
            make("blobs/.e2", true, None),
        ];
        let second = place.connect().await.unwrap();
        for (path, stays) in made {
            assert_eq!(path.exists(), stays, "{path:?}");
        }
        drop((session, second));
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
        let file = place.path(&format!("home/.esclusa/blobs/{}", blob.digest));
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o400, "no other account reads what may be part of a backup");
        // A second time nothing is read: it is there.
        session.upload(&RunAs::Login, &blob, &mut &b"not read"[..]).await.unwrap();
        let script = Script::new(format!("cat \"$BLOBS/{}\"; echo said >&2; exit 6", blob.digest));
        let mut sink = Vec::new();
        let end = session.download(&RunAs::Login, &script, NO_LIMITS, &mut sink).await.unwrap();
        assert_eq!((end.bytes, end.status), (blob.size, Status::Exited(6)));
        assert!(end.stderr.ends_with(b"said\n"));
        assert_eq!(Digest::of(&sink), blob.digest);
        eventually("the end of the stream's folder", || {
            std::fs::read_dir(place.path("home/.esclusa/streams")).unwrap().count() == 0
        })
        .await;
        session.discard(&RunAs::Login, &blob).await.unwrap();
        assert!(!file.exists());
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
        let end = session
            .download(&RunAs::Login, &Script::new("echo some; kill -9 $$"), NO_LIMITS, &mut sink)
            .await
            .unwrap();
        assert_eq!(end.status, Status::Signalled("KILL".to_owned()));
        let script = Script::new("echo some; kill -9 $PPID; sleep 1");
        let result = session.download(&RunAs::Login, &script, NO_LIMITS, &mut sink).await;
        assert!(!result.is_ok_and(|end| end.status.success()));
        // One that falls silent, or takes too long, is given up, and has timed out.
        for (text, silence, whole) in [
            ("echo $$ >pid; echo some; sleep 300", 1, 600),
            ("echo $$ >pid; while :; do echo more; done", 600, 1),
        ] {
            let limits = Limits { silence: Duration::from_secs(silence), whole: Duration::from_secs(whole) };
            let end =
                session.download(&RunAs::Login, &Script::new(text), limits, &mut Vec::new()).await.unwrap();
            assert_eq!(end.status, Status::TimedOut, "{text}");
            assert!(String::from_utf8_lossy(&end.stderr).ends_with("nothing came in time"), "{text}");
            // What waits in silence may outlive its line; it ends when it has something to say.
            let pid = read(place.path("home/pid"));
            if silence > 1 {
                eventually("the end of the script", || !alive(&pid)).await;
            } else {
                let group = format!("-{}", pid.trim());
                let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
            }
        }
        // A sink that fails ends the script on the server.
        let pid = place.path("home/pid");
        let (mut near, far) = tokio::io::duplex(64);
        drop(far);
        let script = Script::new("echo $$ >pid; while :; do echo more; done");
        let error = session.download(&RunAs::Login, &script, NO_LIMITS, &mut near).await.unwrap_err();
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
        // One that nobody reads does not hold up the shell.
        let flood = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let flood_port = flood.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = flood.accept().await.unwrap();
            while stream.write_all(&[0; 65536]).await.is_ok() {}
        });
        let unread = session.forward("127.0.0.1", flood_port).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let answer = tokio::time::timeout(Duration::from_secs(15), one(&session, ask("echo alive"))).await;
        assert_eq!(answer.unwrap().text(), "alive\n");
        drop(unread);
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

/// The least time that one of several commands took.
async fn quickest(session: &Session, commands: usize) -> Duration {
    let mut quickest = Duration::MAX;
    for _ in 0..commands {
        let started = Instant::now();
        one(session, ask("true")).await;
        quickest = quickest.min(started.elapsed());
    }
    quickest
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_commands_do_not_wait_for_nagle() {
    for place in places().await {
        let session = place.connect().await.unwrap();
        // Nagle and delayed acknowledgements would cost each of them 40 ms on top; a busy machine does not.
        let quickest = quickest(&session, 50).await;
        assert!(quickest < Duration::from_millis(35), "{quickest:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_connections_at_once_all_come_about() {
    let Some(place) = sshd("MaxStartups 6:100:10") else { return };
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

// ------------------------------------------------------------------------------------------------
// Host keys

#[tokio::test(flavor = "multi_thread")]
async fn known_hosts_are_read_as_openssh_reads_them() {
    let Some(mut place) = sshd("") else { return };
    let key = bare(&read(place.path("host.pub")));
    place.server.host_keys.clear();
    keygen(&place.path("other"), &["-t", "ed25519", "-N", ""]);
    keygen(&place.path("rsa"), &["-t", "rsa", "-b", "2048", "-N", ""]);
    let (other, rsa) = (bare(&read(place.path("other.pub"))), bare(&read(place.path("rsa.pub"))));
    let name = format!("[127.0.0.1]:{}", place.server.port.unwrap());
    let hashed = |text: &str| {
        let file = place.path("hashed");
        std::fs::write(&file, text).unwrap();
        assert!(
            Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&file).output().unwrap().status.success()
        );
        read(&file)
    };
    let port = place.server.port.unwrap();
    let table: Vec<(&str, String, &str)> = vec![
        ("nothing", String::new(), "unknown"),
        ("exact", format!("{name} {key}\n"), "ok"),
        ("hashed", hashed(&format!("{name} {key}\n")), "ok"),
        ("hashed, another key", hashed(&format!("{name} {other}\n")), "changed"),
        ("wildcard", format!("[127.0.*]:{port} {key}\n"), "ok"),
        ("wildcard for all", format!("* {key}\n"), "ok"),
        ("negated", format!("[127.*]:{port},!{name} {key}\n"), "unknown"),
        ("list", format!("example.org,{name},x {key} a comment\n"), "ok"),
        ("tabs and spaces", format!("  {name}\t{}   \n", key.replace(' ', "  ")), "ok"),
        ("without the port", format!("127.0.0.1 {key}\n"), "ok"),
        ("without the port, another key", format!("127.0.0.1 {other}\n"), "unknown"),
        ("another port", format!("[127.0.0.1]:1 {key}\n"), "unknown"),
        ("old and new", format!("{name} {other}\n{name} {key}\n"), "ok"),
        ("another key", format!("{name} {other}\n"), "changed"),
        ("another kind of key", format!("{name} {rsa}\n"), "changed"),
        ("revoked", format!("{name} {key}\n@revoked {name} {key}\n"), "revoked"),
        ("revoked everywhere", format!("{name} {key}\n@revoked * {key}\n"), "revoked"),
        ("another key revoked", format!("{name} {key}\n@revoked * {other}\n"), "ok"),
        (
            "unreadable lines",
            format!("{name} ssh-ed25519 AAAA!\n{name}\n@what {name} {key}\n# x\n{name} {key}\n"),
            "ok",
        ),
        ("an authority is no host key", format!("@cert-authority {name} {key}\n"), "unknown"),
        ("not UTF-8", format!("{name} {key} \u{fffd}\n"), "ok"),
    ];
    for (what, text, expected) in table {
        std::fs::write(place.path("known_hosts"), &text).unwrap();
        let result = place.connect().await;
        let got = match &result {
            Ok(_) => "ok",
            Err(TransportError::UnknownHostKey { key: shown, fingerprint: print, .. }) => {
                assert_eq!((shown.0.as_str(), fingerprint(shown).as_ref()), (key.as_str(), Some(print)));
                "unknown"
            }
            Err(TransportError::ChangedHostKey { .. }) => "changed",
            Err(TransportError::RevokedHostKey { .. }) => "revoked",
            Err(error) => panic!("{what}: {error}"),
        };
        assert_eq!(got, expected, "{what}:\n{text}");
        if let Err(error) = result {
            assert!(error.nothing_done() && error.hint().is_some());
        }
    }
    // Pinned keys come first, compared without their comment; a revocation counts beside them too.
    std::fs::write(place.path("known_hosts"), format!("{name} {other}\n")).unwrap();
    place.server.host_keys = vec![HostKey(format!("{key} some comment"))];
    place.connect().await.unwrap();
    place.server.host_keys = vec![HostKey(other.clone())];
    assert!(matches!(place.connect().await.unwrap_err(), TransportError::ChangedHostKey { .. }));
    place.server.host_keys = vec![HostKey(key.clone())];
    std::fs::write(place.path("known_hosts"), format!("@revoked * {key}\n")).unwrap();
    assert!(matches!(place.connect().await.unwrap_err(), TransportError::RevokedHostKey { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_known_by_its_rsa_key_alone_shows_that_key() {
    let Some(mut place) = sshd("HostKey @/rsa\nHostKey @/ecdsa") else { return };
    // The keys were not there when sshd started: start it again.
    keygen(&place.path("rsa"), &["-t", "rsa", "-b", "2048", "-N", ""]);
    keygen(&place.path("ecdsa"), &["-t", "ecdsa", "-N", ""]);
    if let Running::Sshd(child) = &mut place.running {
        child.kill().unwrap();
        child.wait().unwrap();
        *child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(place.folder.path().join("sshd_config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
    }
    let port = place.server.port.unwrap();
    eventually("sshd", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    for file in ["rsa.pub", "ecdsa.pub", "host.pub"] {
        place.server.host_keys = vec![HostKey(bare(&read(place.path(file))))];
        place.connect().await.unwrap();
    }
    let keys = fetch_host_keys(&place.server, &Way::default(), &place.options).await.unwrap();
    let mut expected: Vec<HostKey> = ["rsa.pub", "ecdsa.pub", "host.pub"]
        .iter()
        .map(|file| HostKey(bare(&read(place.path(file)))))
        .collect();
    let mut keys = keys;
    keys.sort();
    expected.sort();
    assert_eq!(keys, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_certificate_speaks_for_its_names_while_it_is_valid() {
    let table = [
        ("right", vec!["-n", "127.0.0.1,x", "-V", "-1h:+1h"], true),
        ("another name", vec!["-n", "example.org", "-V", "-1h:+1h"], false),
        ("expired", vec!["-n", "127.0.0.1", "-V", "-2h:-1h"], false),
        ("not yet valid", vec!["-n", "127.0.0.1", "-V", "+1h:+2h"], false),
    ];
    for (what, arguments, accepted) in table {
        let Some(mut place) = sshd("HostCertificate @/host-cert.pub") else { return };
        keygen(&place.path("authority"), &["-t", "ed25519", "-N", ""]);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-s"]).arg(place.path("authority")).args(["-I", "id", "-h"]).args(&arguments);
        assert!(command.arg(place.path("host.pub")).status().unwrap().success());
        if let Running::Sshd(child) = &mut place.running {
            child.kill().unwrap();
            child.wait().unwrap();
            *child = Command::new("/usr/sbin/sshd")
                .args(["-D", "-e", "-f"])
                .arg(place.folder.path().join("sshd_config"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
        }
        let port = place.server.port.unwrap();
        eventually("sshd", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        place.server.host_keys.clear();
        let authority = bare(&read(place.path("authority.pub")));
        std::fs::write(place.path("known_hosts"), format!("@cert-authority [127.*]:{port} {authority}\n"))
            .unwrap();
        let result = place.connect().await;
        assert_eq!(result.is_ok(), accepted, "{what}: {result:?}");
        if !accepted {
            assert!(matches!(result.unwrap_err(), TransportError::HostCertificate { .. }), "{what}");
        }
        let revoked = format!("@cert-authority * {authority}\n@revoked * {authority}\n");
        std::fs::write(place.path("known_hosts"), revoked).unwrap();
        assert!(place.connect().await.is_err(), "{what}");
    }
}

// ------------------------------------------------------------------------------------------------
// Logins

#[tokio::test(flavor = "multi_thread")]
async fn keys_passphrases_and_certificates_log_in() {
    let Some(mut place) = sshd("TrustedUserCAKeys @/authority.pub") else { return };
    keygen(&place.path("authority"), &["-t", "ed25519", "-N", ""]);
    std::fs::remove_file(place.path(".ssh/id_ed25519")).unwrap();
    let error = place.connect().await.unwrap_err();
    assert!(matches!(error, TransportError::LoginRefused { .. }), "{error}");

    // A key with a passphrase, of each kind.
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = place.path(&format!("secret-{kind}"));
        keygen(&key, &["-t", kind, "-N", "open sesame"]);
        std::fs::copy(key.with_extension("pub"), place.path("authorized")).unwrap();
        place.server.identity_file = Some(format!("~/secret-{kind}"));
        let error = place.connect().await.unwrap_err();
        assert!(error.to_string().contains("it needs a passphrase"), "{error}");
        for (phrase, right) in [("wrong one", false), ("open sesame", true)] {
            let credentials = Credentials { passphrase: Some(phrase.into()), ..Credentials::default() };
            let result = Session::connect(&place.server, &Way::default(), &credentials, &place.options).await;
            assert_eq!(result.is_ok(), right, "{kind} {phrase}");
            assert!(!format!("{result:?}{credentials:?}").contains(phrase));
        }
    }

    // A certificate beside a key that the server does not know.
    std::fs::write(place.path("authorized"), "").unwrap();
    keygen(&place.path("certified"), &["-t", "ed25519", "-N", ""]);
    place.server.identity_file = Some(place.path("certified").display().to_string());
    assert!(place.connect().await.is_err());
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-s"]).arg(place.path("authority")).args(["-I", "id", "-n", &user()]);
    assert!(command.arg(place.path("certified.pub")).status().unwrap().success());
    place.connect().await.unwrap();
}

/// An agent of its own.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agent {
    async fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        let child =
            Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        eventually("the agent", || socket.exists()).await;
        Self { child, socket }
    }

    fn add(&self, key: &Path) {
        let mut command = Command::new("ssh-add");
        let status = command.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).status().unwrap();
        assert!(status.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_logs_in_and_signs() {
    let Some(mut place) = sshd("") else { return };
    for kind in ["ed25519", "rsa"] {
        let agent = Agent::start(&place.path("home")).await;
        let key = place.path(&format!("in-agent-{kind}"));
        keygen(&key, &["-t", kind, "-N", ""]);
        agent.add(&key);
        std::fs::remove_file(&key).unwrap();
        std::fs::remove_file(place.path(".ssh/id_ed25519")).ok();
        let public = read(key.with_extension("pub"));
        std::fs::write(place.path("authorized"), &public).unwrap();
        assert!(place.connect().await.is_err());
        place.options.agent = Some(agent.socket.clone());
        place.connect().await.unwrap();

        let signature =
            sign_with_agent(Some(&agent.socket), &public, "esclusa-test", b"a message").await.unwrap();
        std::fs::write(place.path("signature"), &signature).unwrap();
        std::fs::write(place.path("signers"), format!("me {public}")).unwrap();
        for (namespace, message, good) in [
            ("esclusa-test", "a message", true),
            ("other", "a message", false),
            ("esclusa-test", "another", false),
        ] {
            std::fs::write(place.path("message"), message).unwrap();
            let mut command = Command::new("ssh-keygen");
            command.args(["-Y", "verify", "-I", "me", "-n", namespace, "-f"]).arg(place.path("signers"));
            command
                .arg("-s")
                .arg(place.path("signature"))
                .stdin(std::fs::File::open(place.path("message")).unwrap());
            let output = command.output().unwrap();
            assert_eq!(output.status.success(), good, "{kind} {namespace} {message}: {output:?}");
        }
        let (_, stranger) = generate_key("x").unwrap();
        assert!(sign_with_agent(Some(&agent.socket), &stranger, "n", b"m").await.is_err());
        place.options.agent = None;
        drop(agent);
        std::fs::remove_file(place.path("home/agent")).ok();
    }
    assert!(sign_with_agent(None, &generate_key("x").unwrap().1, "n", b"m").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ssh_configuration_is_resolved_by_openssh_and_the_inventory_wins() {
    let Some(mut place) = sshd("") else { return };
    let port = place.server.port.unwrap();
    std::fs::rename(place.path(".ssh/id_ed25519"), place.path("elsewhere")).unwrap();
    let key = bare(&read(place.path("host.pub")));
    std::fs::write(place.path("known"), format!("the-alias {key}\n")).unwrap();
    let config = format!(
        "Host wiki*\n  HostName 127.0.0.1\n  Port {port}\n  User nobody-here\n  HostKeyAlias the-alias\n\
         \n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\nMatch host 127.0.0.1 user {}\n  ConnectTimeout 9\n",
        place.path("elsewhere").display(),
        place.path("known").display(),
        user()
    );
    std::fs::write(place.path("config"), config).unwrap();
    place.options.ssh_config = ConfigSource::File(place.path("config"));
    place.options.known_hosts.clear();
    place.server.address = "wiki-test".to_owned();
    place.server.port = None;
    place.server.host_keys.clear();
    place.connect().await.unwrap();
    place.server.user = None;
    let error = place.connect().await.unwrap_err();
    assert!(matches!(&error, TransportError::LoginRefused { user, .. } if user == "nobody-here"), "{error}");
    for address in ["-oProxyCommand=touch x", "", "a b", "a\nb"] {
        place.server.address = address.to_owned();
        let error = place.connect().await.unwrap_err();
        assert!(matches!(error, TransportError::Config { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_behind_others_is_reached_through_each_of_them() {
    let (Some(jump), Some(mut place)) = (sshd(""), sshd("")) else { return };
    std::fs::copy(place.path(".ssh/id_ed25519.pub"), jump.path("authorized")).unwrap();
    // A server of the inventory.
    let session =
        Session::connect(&place.server, &through(&[&jump]), &Credentials::default(), &place.options)
            .await
            .unwrap();
    let quickest = quickest(&session, 20).await;
    assert!(quickest < Duration::from_millis(40), "{quickest:?}");
    let mut sink = Vec::new();
    let script = Script::new("head -c 5000000 /dev/zero");
    assert_eq!(
        session.download(&RunAs::Login, &script, NO_LIMITS, &mut sink).await.unwrap().bytes,
        5_000_000
    );
    // Its key is checked like any other.
    let mut wrong = jump.server.clone();
    wrong.host_keys = place.server.host_keys.clone();
    let way =
        Way { jumps: vec![Jump { server: wrong, credentials: Credentials::default() }], ..Way::default() };
    let error =
        Session::connect(&place.server, &way, &Credentials::default(), &place.options).await.unwrap_err();
    assert!(matches!(error.place(), (TransportError::ChangedHostKey { .. }, Some("openssh"))), "{error}");
    // A chain of names of the SSH configuration: through the jump twice.
    let port = jump.server.port.unwrap();
    let key = bare(&read(jump.path("host.pub")));
    std::fs::write(place.path("known_hosts"), format!("[127.0.0.1]:{port} {key}\n")).unwrap();
    let hop = format!("{}@127.0.0.1:{port}", user());
    place.server.jump = Some(format!("{hop},{hop}"));
    let session = place.connect().await.unwrap();
    assert_eq!(one(&session, ask("echo there")).await.text(), "there\n");
    // ProxyJump and ProxyCommand of the configuration.
    place.server.jump = None;
    place.options.ssh_config = ConfigSource::File(place.path("config"));
    std::fs::write(
        place.path("config"),
        format!("Host 127.0.0.1\n  IdentityFile {}\n", place.path(".ssh/id_ed25519").display())
            + &format!(
                "Match originalhost 127.0.0.1 exec \"test %p = {}\"\n  ProxyJump {hop}\n",
                place.server.port.unwrap()
            ),
    )
    .unwrap();
    place.connect().await.unwrap();
    let bash = "bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & exec cat >&3'";
    std::fs::write(
        place.path("config"),
        format!(
            "Host *\n  ProxyCommand {bash}\n  IdentityFile {}\n",
            place.path(".ssh/id_ed25519").display()
        ),
    )
    .unwrap();
    place.connect().await.unwrap();
}

/// A server that takes passwords alone; it opens no channel.
struct Porter {
    interactive: bool,
}

impl russh::server::Handler for Porter {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<russh::server::Auth, Self::Error> {
        let right = password == "right" && !self.interactive;
        Ok(if right { russh::server::Auth::Accept } else { russh::server::Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<russh::server::Response<'a>>,
    ) -> Result<russh::server::Auth, Self::Error> {
        let Some(mut response) = response else {
            let prompts = vec![("Password: ".into(), false)];
            return Ok(russh::server::Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: prompts.into(),
            });
        };
        let right = response.next().is_some_and(|answer| answer.as_ref() == b"right");
        Ok(if right { russh::server::Auth::Accept } else { russh::server::Auth::reject() })
    }
}

/// Lets a porter stand at a port; its public key beside it.
async fn porter(interactive: bool) -> (u16, String) {
    let (key, public) = generate_key("host").unwrap();
    let config = Arc::new(russh::server::Config {
        keys: vec![russh::keys::PrivateKey::from_openssh(key.as_bytes()).unwrap()],
        auth_rejection_time: Duration::from_millis(1),
        ..Default::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let config = config.clone();
            tokio::spawn(async move {
                let porter = Porter { interactive };
                if let Ok(session) = russh::server::run_stream(config, stream, porter).await {
                    let _ = session.await;
                }
            });
        }
    });
    (port, public.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_sent_where_keys_are_not_accepted() {
    let mut place = embedded().await;
    for interactive in [false, true] {
        let (port, public) = porter(interactive).await;
        place.server.port = Some(port);
        place.server.host_keys = vec![HostKey(bare(&public))];
        for (password, right) in [(None, false), (Some("wrong"), false), (Some("right"), true)] {
            let credentials = Credentials { password: password.map(Into::into), ..Credentials::default() };
            let error = Session::connect(&place.server, &Way::default(), &credentials, &place.options)
                .await
                .unwrap_err();
            // Who is let in finds a server that opens no channel.
            assert_eq!(
                !matches!(error, TransportError::LoginRefused { .. }),
                right,
                "{interactive} {password:?} {error}"
            );
            assert!(error.nothing_done() || right, "{error}");
        }
    }
}

// ------------------------------------------------------------------------------------------------
// Root

/// A server whose login is no root, with a `sudo` that behaves as told.
async fn with_sudo(behaviour: &str) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().to_owned();
    std::fs::create_dir(bin.join("root")).unwrap();
    let sudo = format!(
        "#!/bin/sh\nwhile getopts SHnp:u: o; do case $o in p) p=$OPTARG ;; u) u=$OPTARG ;; esac; done; shift $((OPTIND - 1))\n\
         echo \"${{0##*/}} ${{u:-root}}\" >>{0}/attempts\n\
         ask() {{ printf '%s' \"$p\" >&2; w=; while c=$(dd bs=1 count=1 2>/dev/null; echo x); c=${{c%x}}; [ -n \"$c\" ] && [ \"$c\" != '\n' ]; do w=$w$c; done; [ \"$w\" = 'root word' ]; }}\n\
         {behaviour}\n[ -z \"$u\" ] || {{ mkdir -p {0}/$u; AS_ROOT=$u HOME={0}/$u exec \"$@\"; }}\nAS_ROOT=1 HOME={0}/root exec \"$@\"\n",
        bin.display()
    );
    let id = "#!/bin/sh\ncase \"$AS_ROOT$1\" in -u) echo 4321 ;; -un) echo somebody ;; 1-u) echo 0 ;; 1-un) echo root ;; \
              *-u) echo 777 ;; *) echo \"$AS_ROOT\" ;; esac\n";
    for (name, text) in [("sudo", sudo.as_str()), ("doas", sudo.as_str()), ("id", id)] {
        std::fs::write(bin.join(name), text).unwrap();
        assert!(Command::new("chmod").arg("755").arg(bin.join(name)).status().unwrap().success());
    }
    let start = bin.join("start");
    std::fs::write(&start, format!("#!/bin/sh\nPATH={}:$PATH exec sh \"$@\"\n", bin.display())).unwrap();
    assert!(Command::new("chmod").arg("755").arg(&start).status().unwrap().success());
    let mut place = embedded_with(start.to_str().unwrap()).await;
    place.server.escalation = Become::Sudo;
    place.others.push(folder);
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn sudo_is_answered_when_it_asks_and_only_then() {
    let lecture = "echo 'We trust you have received the usual lecture' >&2";
    let table = [
        (":", None, "ok"),
        (":", Some("unused"), "ok"),
        ("ask || { ask; exit 1; }", Some("root word"), "ok"),
        (&format!("{lecture}; ask || {{ ask; exit 1; }}"), Some("root word"), "ok"),
        ("ask || { sleep 0.2; echo 'Sorry, try again.' >&2; ask; exit 1; }", Some("bad word"), "wrong"),
        ("ask || exit 1", None, "missing"),
        ("echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1", Some("root word"), "tty"),
        ("echo 'somebody is not in the sudoers file.' >&2; exit 1", None, "refused"),
    ];
    for (behaviour, password, expected) in table {
        let place = with_sudo(behaviour).await;
        let credentials = Credentials { sudo_password: password.map(Into::into), ..Credentials::default() };
        let session =
            Session::connect(&place.server, &Way::default(), &credentials, &place.options).await.unwrap();
        let root = |text: &str| Frame::ask(RunAs::Root, Script::new(text));
        let frames = vec![root("echo \"root=$AS_ROOT\"; cat"), root("env | grep -c word")];
        let got = match session.run(frames).await {
            Ok(replies) => {
                let mut answers = replies.into_iter().map(|reply| reply.answer(&place.server.name).unwrap());
                assert_eq!(answers.next().unwrap().text(), "root=1\n");
                assert_eq!(answers.next().unwrap().text(), "0\n");
                // Streams become root by themselves.
                let mut sink = Vec::new();
                let script = Script::new("echo \"$AS_ROOT\"");
                session.download(&RunAs::Root, &script, NO_LIMITS, &mut sink).await.unwrap();
                assert_eq!(sink, b"1\n");
                let answer = session.feed(&RunAs::Root, &Script::new("cat"), &mut &b"fed"[..]).await.unwrap();
                assert_eq!(answer.text(), "fed");
                session.guard("store", 1, false).await.unwrap();
                let frames = vec![Frame::change(RunAs::Root, Script::new("true")), change("true")];
                assert!(
                    session
                        .run(frames)
                        .await
                        .unwrap()
                        .iter()
                        .all(|reply| matches!(reply, Reply::Answered(_)))
                );
                "ok"
            }
            Err(TransportError::SudoPasswordWrong { .. }) => "wrong",
            Err(TransportError::SudoPasswordMissing { .. }) => "missing",
            Err(error @ TransportError::SudoRefused { .. }) if error.hint().unwrap().contains("tty") => "tty",
            Err(TransportError::SudoRefused { .. }) => "refused",
            Err(error) => panic!("{behaviour}: {error}"),
        };
        assert_eq!(got, expected, "{behaviour}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_reached_where_root_is_refused() {
    let rootless = "[ -n \"$u\" ] || { echo 'Sorry, user somebody is not allowed to execute it as root.' >&2; exit 1; }\n\
                    [ \"$u\" != closed ] || { echo 'not as closed' >&2; exit 1; }";
    let asks = format!("ask || exit 1; {rootless}");
    // Who may not become root is asked all the same; for the account no password is needed.
    let free = format!("[ -n \"$u\" ] || ask || exit 1; {rootless}");
    let right = Some("root word");
    for (escalation, behaviour, word) in [
        (Become::Sudo, rootless, None),
        (Become::Sudo, asks.as_str(), right),
        (Become::Sudo, free.as_str(), None),
        (Become::Doas, rootless, None),
    ] {
        let mut place = with_sudo(behaviour).await;
        place.server.escalation = escalation;
        let word = Credentials { sudo_password: word.map(Into::into), ..Credentials::default() };
        let session = Session::connect(&place.server, &Way::default(), &word, &place.options).await.unwrap();
        session.guard("store", 1, false).await.unwrap();
        let wiki = RunAs::User("wiki".to_owned());
        let blob = BlobRef { digest: Digest::of(b"blob"), size: 4 };
        session.upload(&wiki, &blob, &mut &b"blob"[..]).await.unwrap();
        let show = Script::new(format!("id -un; cat \"$BLOBS/{}\"", blob.digest));
        let run = run_id();
        let frames = vec![
            Frame::ask(wiki.clone(), show.clone()),
            Frame::change(wiki.clone(), show.clone()),
            Frame::unit(wiki.clone(), UnitId::new(&run, "x"), show.clone()),
            Frame::ask(RunAs::User("news".to_owned()), Script::new("id -un; printf blob")),
        ];
        let accounts = ["wiki", "wiki", "wiki", "news"];
        for (reply, account) in session.run(frames).await.unwrap().into_iter().zip(accounts) {
            assert_eq!(reply.answer(&place.server.name).unwrap().text(), format!("{account}\nblob"));
        }
        let mut sink = Vec::new();
        session.download(&wiki, &show, NO_LIMITS, &mut sink).await.unwrap();
        assert_eq!(sink, b"wiki\nblob");
        session.forget_units(&run).await.unwrap();
        assert_eq!(session.observe(&wiki, &UnitId::new(&run, "x"), 10).await.unwrap(), UnitState::Absent);
        // Root stays refused, and was asked for once; an account that is refused too is named.
        let attempts = read(place.others[0].path().join("attempts"));
        assert_eq!(attempts.matches(" root").count(), 1, "{attempts}");
        let error = session
            .run(vec![Frame::ask(RunAs::User("closed".to_owned()), Script::new("id"))])
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not as closed") && error.hint().is_some(), "{error}");
        let error = session.run(vec![Frame::ask(RunAs::Root, Script::new("id"))]).await.unwrap_err();
        if behaviour == free {
            assert!(matches!(error, TransportError::SudoPasswordMissing { .. }), "{error}");
            continue;
        }
        assert!(matches!(error, TransportError::SudoRefused { .. }), "{error}");
        let program = if escalation == Become::Doas { "`doas`" } else { "`sudo`" };
        assert!(error.to_string().contains(program) && error.nothing_done(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn root_runs_scripts_as_other_accounts() {
    if user() != "root" {
        left_out("LEFT OUT: becoming another account needs root");
        return;
    }
    for place in places().await {
        Command::new("chmod").arg("711").arg(place.folder.path()).arg(place.path("home")).status().unwrap();
        let session = place.guarded().await;
        let nobody = RunAs::User("nobody".to_owned());
        let blob = BlobRef { digest: Digest::of(b"blob"), size: 4 };
        session.upload(&nobody, &blob, &mut &b"blob"[..]).await.unwrap();
        let id = UnitId::new(&run_id(), "x");
        let show = format!("id -un; cat \"$BLOBS/{}\"; cat", blob.digest);
        let frames = vec![
            Frame::ask(nobody.clone(), Script::new(show.clone())),
            Frame::change(nobody.clone(), Script::new(show.clone())),
            Frame::unit(nobody.clone(), id, Script::new(show.clone())),
        ];
        for reply in session.run(frames).await.unwrap() {
            let answer = reply.answer(&place.server.name).unwrap();
            assert_eq!(answer.text(), "nobody\nblob", "{answer:?}");
        }
        let mut sink = Vec::new();
        session.download(&nobody, &Script::new(show), NO_LIMITS, &mut sink).await.unwrap();
        assert_eq!(sink, b"nobody\nblob");
        let error = session
            .run(vec![Frame::ask(RunAs::User("x; id".to_owned()), Script::new("id"))])
            .await
            .unwrap_err();
        assert!(matches!(error, TransportError::NoEscalation { .. }), "{error}");
        let nowhere = Frame::ask(RunAs::User("no-such-account".to_owned()), Script::new("id"));
        assert!(!one(&session, nowhere).await.status.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_sudo_gives_a_root_shell() {
    // For a machine with an account that may use sudo with its password, `name:password`; the lab's
    // servers have one, and `scenarios::sudo` goes the same way on every run of the suite.
    let Ok(account) = std::env::var("ESCLUSA_TEST_SUDO") else { return };
    let (name, password) = account.split_once(':').unwrap();
    let Some(mut place) = sshd("") else { return };
    Command::new("chmod").arg("711").arg(place.folder.path()).status().unwrap();
    Command::new("chown").args(["-R", name]).arg(place.path("home")).status().unwrap();
    place.server.user = Some(name.to_owned());
    place.server.escalation = Become::Sudo;
    place.server.name = ServerName::parse("sudo-test").unwrap();
    for (word, right) in [(Some("wrong"), false), (None, false), (Some(password), true)] {
        let credentials = Credentials { sudo_password: word.map(Into::into), ..Credentials::default() };
        let session =
            Session::connect(&place.server, &Way::default(), &credentials, &place.options).await.unwrap();
        let frames = vec![
            Frame::ask(RunAs::Root, Script::new("id -un; echo $HOME; cat")),
            ask("id -un"),
            Frame::ask(RunAs::User("nobody".to_owned()), Script::new("id -un")),
        ];
        let replies = session.run(frames).await;
        if !right {
            let error = replies.unwrap_err();
            assert_eq!(word.is_some(), matches!(error, TransportError::SudoPasswordWrong { .. }), "{error}");
            continue;
        }
        let texts: Vec<String> = replies
            .unwrap()
            .into_iter()
            .map(|reply| reply.answer(&place.server.name).unwrap().text())
            .collect();
        assert_eq!(texts, ["root\n/root\n".to_owned(), format!("{name}\n"), "nobody\n".to_owned()]);
        session.guard("store-of-the-sudo-test", 1, true).await.unwrap();
        let id = UnitId::new(&run_id(), "x");
        let frames = vec![
            Frame::change(RunAs::Root, Script::new("id -un")),
            Frame::unit(RunAs::Root, id, Script::new("id -un")),
        ];
        for reply in session.run(frames).await.unwrap() {
            assert_eq!(reply.answer(&place.server.name).unwrap().text(), "root\n");
        }
        let mut sink = Vec::new();
        let big = Script::new("id -un; head -c 3000000 /dev/zero");
        let end = session.download(&RunAs::Root, &big, NO_LIMITS, &mut sink).await.unwrap();
        assert_eq!((end.bytes, end.status), (3_000_005, Status::Exited(0)));
        let input = noise(3_000_000);
        let answer =
            session.feed(&RunAs::Root, &Script::new("sha256sum"), &mut input.as_slice()).await.unwrap();
        assert!(answer.text().starts_with(&Digest::of(&input).to_string()), "{answer:?}");
    }
}
