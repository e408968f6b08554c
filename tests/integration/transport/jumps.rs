//! Servers behind jump servers, each of them a real sshd with its own key, port and host key.

use super::*;

/// A jump server and its own key, which opens nothing else.
fn bastion(name: &str, more: &str) -> Option<Place> {
    let mut place = sshd(more)?;
    place.server.name = ServerName::parse(name).unwrap();
    place.server.identity_file = Some(place.path(".ssh/id_ed25519").display().to_string());
    Some(place)
}

fn jump(place: &Place, credentials: Credentials) -> Jump {
    Jump { server: place.server.clone(), credentials }
}

/// The way through these, the first one nearest to here.
pub fn through(places: &[&Place]) -> Way {
    let jumps = places.iter().map(|place| jump(place, Credentials::default())).collect();
    Way { jumps, ..Way::default() }
}

async fn reach(place: &Place, way: &Way) -> Result<Session, TransportError> {
    Session::connect(&place.server, way, &Credentials::default(), &place.options).await
}

fn logins(place: &Place) -> usize {
    read(place.path("log")).matches("Accepted publickey").count()
}

fn knocks(place: &Place) -> usize {
    read(place.path("log")).matches("Connection from").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_servers_share_one_connection_to_each_jump_server() {
    // No shell may be started on the first, and neither lets more than one knock at a time.
    let Some(outer) = bastion("outer", "MaxSessions 0\nMaxStartups 1\nLogLevel VERBOSE") else { return };
    let Some(inner) = bastion("inner", "MaxStartups 1") else { return };
    let way = through(&[&outer, &inner]);
    let mut places: Vec<Place> = (0..3).filter_map(|_| sshd("")).collect();
    let (options, key) = (places[0].options.clone(), places[0].path(".ssh/id_ed25519.pub"));
    for (number, place) in places.iter_mut().enumerate() {
        std::fs::copy(&key, place.path("authorized")).unwrap();
        place.server.name = ServerName::parse(&format!("web-{number}")).unwrap();
        place.options = options.clone();
    }
    let sessions: Vec<Session> =
        futures_util::future::join_all(places.iter().map(|place| reach(place, &way)))
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
    for session in &sessions {
        assert_eq!(session.jumps(), ["outer", "inner"]);
        assert_eq!(one(session, ask("echo there")).await.text(), "there\n");
        let mut sink = Vec::new();
        let script = Script::new("head -c 3000000 /dev/zero");
        assert_eq!(
            session.download(&RunAs::Login, &script, NO_LIMITS, &mut sink).await.unwrap().bytes,
            3_000_000
        );
        let port = places[0].server.port.unwrap();
        use tokio::io::AsyncReadExt as _;
        let mut banner = [0; 4];
        session.forward("127.0.0.1", port).await.unwrap().read_exact(&mut banner).await.unwrap();
        assert_eq!(&banner, b"SSH-");
    }
    assert_eq!((logins(&outer), logins(&inner)), (1, 1));
    // The last one that goes through it takes it away.
    drop(sessions);
    eventually("the end of the line", || {
        read(outer.path("log")).contains("Connection closed by")
            || read(outer.path("log")).contains("Disconnected from")
            || read(outer.path("log")).contains("Received disconnect")
    })
    .await;
    reach(&places[0], &way).await.unwrap();
    assert_eq!((logins(&outer), logins(&inner)), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_jump_server_has_its_own_key_passphrase_and_certificate() {
    let Some(locked) = bastion("locked", "") else { return };
    let Some(certified) = bastion("certified", "TrustedUserCAKeys @/authority.pub") else { return };
    let Some(place) = sshd("") else { return };
    keygen(&locked.path(".ssh/id_ed25519"), &["-p", "-P", "", "-N", "open sesame"]);
    keygen(&certified.path("authority"), &["-t", "ed25519", "-N", ""]);
    std::fs::write(certified.path("authorized"), "").unwrap();
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-s"]).arg(certified.path("authority")).args(["-I", "id", "-n", &user()]);
    assert!(command.arg(certified.path(".ssh/id_ed25519.pub")).status().unwrap().success());

    let phrase = |word: &str| Credentials { passphrase: Some(word.into()), ..Credentials::default() };
    let way = |word: &str| Way {
        jumps: vec![jump(&locked, phrase(word)), jump(&certified, Credentials::default())],
        ..Way::default()
    };
    let session = reach(&place, &way("open sesame")).await.unwrap();
    assert_eq!(one(&session, ask("echo there")).await.text(), "there\n");
    session.close().await;
    drop(session);

    // Which one it was is said, and what is missing there.
    for (way, cause) in [
        (through(&[&locked, &certified]), "it needs a passphrase"),
        (way("sesame"), "its passphrase is wrong"),
    ] {
        let options = Options { bridges: Bridges::default(), ..place.options.clone() };
        let error =
            Session::connect(&place.server, &way, &Credentials::default(), &options).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("server `openssh` lies behind `locked`") && text.contains(cause), "{text}");
        assert_eq!(error.place().1, Some("locked"));
        assert_eq!(error.wants_passphrase(), cause.contains("needs"));
        assert!(!text.contains("sesame"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_a_server_is_never_sent_to_its_jump_server() {
    let mut place = embedded().await;
    let (port, public) = porter(false).await;
    let mut before = place.server.clone();
    (before.name, before.port) = (ServerName::parse("porter").unwrap(), Some(port));
    before.host_keys = vec![HostKey(bare(&public))];
    place.server.identity_file = None;
    let right = || Credentials { password: Some("right".into()), ..Credentials::default() };
    let way =
        |credentials| Way { jumps: vec![Jump { server: before.clone(), credentials }], ..Way::default() };
    let error = Session::connect(&place.server, &way(Credentials::default()), &right(), &place.options)
        .await
        .unwrap_err();
    let TransportError::Jump { error: cause, .. } = &error else { panic!("{error}") };
    assert!(
        matches!(&**cause, TransportError::LoginRefused { tried, .. } if !tried.contains("password")),
        "{error}"
    );
    // With a password of its own it lets in; this one opens no channel.
    let error = Session::connect(&place.server, &way(right()), &Credentials::default(), &place.options)
        .await
        .unwrap_err();
    assert!(!matches!(error.place().0, TransportError::LoginRefused { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_key_of_every_jump_server_is_checked() {
    let (Some(mut outer), Some(mut inner)) = (bastion("outer", ""), bastion("inner", "")) else { return };
    let Some(place) = sshd("") else { return };
    let key = inner.server.host_keys[0].clone();
    let port = inner.server.port.unwrap();
    let known = place.path("known_hosts");
    let stranger = bare(&read(outer.path("host.pub")));

    inner.server.host_keys.clear();
    let error = reach(&place, &through(&[&outer, &inner])).await.unwrap_err();
    assert!(
        matches!(error.place(), (TransportError::UnknownHostKey { key: shown, .. }, Some("inner")) if *shown == key),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("`esclusa trust inner`"), "{error}");
    assert!(error.nothing_done() && !error.is_passing());

    std::fs::write(&known, format!("[127.0.0.1]:{port} {stranger}\n")).unwrap();
    let error = reach(&place, &through(&[&outer, &inner])).await.unwrap_err();
    assert!(matches!(error.place(), (TransportError::ChangedHostKey { .. }, Some("inner"))), "{error}");

    std::fs::write(&known, format!("[127.0.0.1]:{port} {}\n", key.0)).unwrap();
    reach(&place, &through(&[&outer, &inner])).await.unwrap();
    std::fs::write(&known, format!("@revoked * {}\n", bare(&read(outer.path("host.pub"))))).unwrap();
    let error = reach(&place, &through(&[&outer, &inner])).await.unwrap_err();
    assert!(matches!(error.place(), (TransportError::RevokedHostKey { .. }, Some("outer"))), "{error}");
    outer.server.host_keys = vec![key];
    std::fs::remove_file(&known).unwrap();
    let error = reach(&place, &through(&[&outer])).await.unwrap_err();
    assert!(matches!(error.place(), (TransportError::ChangedHostKey { .. }, Some("outer"))), "{error}");

    // Keys are asked for through it, and only when it is the right one.
    let error = fetch_host_keys(&place.server, &through(&[&outer]), &place.options).await.unwrap_err();
    assert_eq!(error.place().1, Some("outer"));
    outer.server.host_keys = vec![HostKey(stranger)];
    let keys = fetch_host_keys(&place.server, &through(&[&outer]), &place.options).await.unwrap();
    assert_eq!(keys, place.server.host_keys);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_server_that_cannot_or_may_not_pass_on_is_named() {
    for closed in ["AllowTcpForwarding no", "DisableForwarding yes", "PermitOpen 127.0.0.1:1"] {
        let Some(outer) = bastion("outer", closed) else { return };
        let Some(place) = sshd("") else { return };
        let error = reach(&place, &through(&[&outer])).await.unwrap_err();
        assert!(
            matches!(error.place(), (TransportError::Forward { .. }, Some("outer"))),
            "{closed}: {error}"
        );
        assert!(
            !error.is_passing() && error.nothing_done() && error.to_string().contains("AllowTcpForwarding"),
            "{error}"
        );
    }
    let Some(outer) = bastion("outer", "") else { return };
    let Some(mut place) = sshd("") else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.server.port = Some(closed);
    let error = reach(&place, &through(&[&outer])).await.unwrap_err();
    let TransportError::Unreachable { cause, .. } = &error else { panic!("{error}") };
    assert!(cause.contains("jump server `outer` gets no connection"), "{error}");
    assert!(error.is_passing());
    // A jump server that is switched off.
    let mut off = outer.server.clone();
    off.port = Some(closed);
    let way =
        Way { jumps: vec![Jump { server: off, credentials: Credentials::default() }], ..Way::default() };
    let error = reach(&place, &way).await.unwrap_err();
    assert!(matches!(error.place(), (TransportError::Unreachable { .. }, Some("outer"))), "{error}");
    assert!(error.is_passing() && error.nothing_done());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_server_that_refuses_is_knocked_at_once_for_all_who_wait() {
    let Some(outer) = bastion("outer", "LogLevel VERBOSE") else { return };
    let Some(place) = sshd("") else { return };
    std::fs::write(outer.path("authorized"), "").unwrap();
    let way = through(&[&outer]);
    let before = knocks(&outer);
    let all = futures_util::future::join_all((0..8).map(|_| reach(&place, &way))).await;
    for result in all {
        let error = result.unwrap_err();
        assert!(matches!(error.place(), (TransportError::LoginRefused { .. }, Some("outer"))), "{error}");
    }
    assert_eq!(knocks(&outer), before + 1, "{}", read(outer.path("log")));
    // Who comes later is heard again.
    std::fs::copy(outer.path(".ssh/id_ed25519.pub"), outer.path("authorized")).unwrap();
    reach(&place, &way).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_at_a_jump_server_is_a_lost_line() {
    let Some(mut outer) = bastion("outer", "") else { return };
    let Some(mut place) = sshd("") else { return };
    let (port, stop) = stoppable(outer.server.port.unwrap()).await;
    let real = outer.server.port.replace(port);
    place.options.keepalive_interval = Duration::from_secs(1);
    place.options.keepalive_max = 2;
    let session = reach(&place, &through(&[&outer])).await.unwrap();
    session.guard("store", 1, false).await.unwrap();
    let id = UnitId::new(&run_id(), "x");
    let file = place.path("done");
    let script = Script::new(format!("sleep 3; echo done >>{}", file.display()));
    let started = Instant::now();
    let run = session.run(vec![Frame::unit(RunAs::Login, id.clone(), script.clone())]);
    let work = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stop.send(true).unwrap();
    };
    let (result, ()) = tokio::join!(run, work);
    let error = result.unwrap_err();
    assert!(error.is_lost() && !error.nothing_done(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(12) && session.is_closed());
    // Another way to the same server: the step went on there, once.
    outer.server.port = real;
    let session = reach(&place, &through(&[&outer])).await.unwrap();
    session.guard("store", 2, false).await.unwrap();
    let reply = session.run(vec![Frame::unit(RunAs::Login, id, script)]).await.unwrap().remove(0);
    assert!(reply.answer(&place.server.name).unwrap().status.success());
    assert_eq!(read(&file), "done\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_server_that_goes_down_is_named_and_gone_through_again_when_it_is_back() {
    let Some(mut outer) = bastion("outer", "") else { return };
    let Some(place) = sshd("") else { return };
    let way = through(&[&outer]);
    let session = reach(&place, &way).await.unwrap();
    let run = session.run(vec![ask("sleep 20")]);
    let work = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        end_with_children(&mut outer);
    };
    let (result, ()) = tokio::join!(run, work);
    let error = result.unwrap_err();
    assert!(error.is_lost() && error.to_string().contains("jump server `outer`"), "{error}");
    start_again(&mut outer).await;
    let session = reach(&place, &way).await.unwrap();
    assert_eq!(one(&session, ask("echo there")).await.text(), "there\n");
}

/// Kills an sshd and the processes of its connections.
fn end_with_children(place: &mut Place) {
    let Running::Sshd(child) = &mut place.running else { return };
    let of = |pid: u32| -> Vec<u32> {
        let output = Command::new("pgrep").args(["-P", &pid.to_string()]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.parse().ok()).collect()
    };
    let children = of(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    for pid in children.iter().flat_map(|pid| of(*pid)).chain(children.iter().copied()) {
        Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    }
}

async fn start_again(place: &mut Place) {
    let config = place.path("sshd_config");
    let Running::Sshd(child) = &mut place.running else { return };
    *child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let port = place.server.port.unwrap();
    eventually("sshd", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
}

/// Takes what it is given, until it is full; then nothing, until it is told to go on.
struct Slow {
    taken: usize,
    go: tokio::sync::watch::Receiver<bool>,
}

impl tokio::io::AsyncWrite for Slow {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        if self.taken > 200_000 && !*self.go.borrow() {
            let mut go = self.go.clone();
            let waker = cx.waker().clone();
            tokio::spawn(async move {
                let _ = go.changed().await;
                waker.wake();
            });
            return std::task::Poll::Pending;
        }
        self.taken += bytes.len();
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_waits_behind_a_jump_server_stops_nobody_else() {
    let Some(outer) = bastion("outer", "") else { return };
    let Some(mut place) = sshd("") else { return };
    place.options.keepalive_interval = Duration::from_secs(1);
    place.options.keepalive_max = 2;
    let way = through(&[&outer]);
    let session = reach(&place, &way).await.unwrap();
    let (go, stopped) = tokio::sync::watch::channel(false);
    let mut sink = Slow { taken: 0, go: stopped };
    let script = Script::new("head -c 60000000 /dev/zero");
    let stream = session.download(&RunAs::Login, &script, NO_LIMITS, &mut sink);
    let work = async {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(6) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let asked = Instant::now();
            one(&session, ask("true")).await;
            assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        }
        go.send(true).unwrap();
    };
    let (end, ()) = tokio::join!(stream, work);
    assert_eq!(end.unwrap().bytes, 60_000_000);
    assert_eq!(logins(&outer), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_of_the_ssh_configuration_are_gone_through_as_ssh_does() {
    let (Some(outer), Some(inner), Some(mut place)) = (bastion("outer", ""), bastion("inner", ""), sshd(""))
    else {
        return;
    };
    let host = |name: &str, place: &Place, more: &str| {
        format!(
            "Host {name}\n  HostName 127.0.0.1\n  Port {}\n  HostKeyAlias {name}\n  IdentityFile {}\n  IdentitiesOnly yes\n{more}",
            place.server.port.unwrap(),
            place.path(".ssh/id_ed25519").display(),
        )
    };
    let known = format!(
        "outer {}\ninner {}\n",
        bare(&read(outer.path("host.pub"))),
        bare(&read(inner.path("host.pub")))
    );
    std::fs::write(place.path("known_hosts"), &known).unwrap();
    place.options.ssh_config = ConfigSource::File(place.path("config"));
    place.server.identity_file = Some(place.path(".ssh/id_ed25519").display().to_string());
    let config = place.path("config");
    let write = |text: &str| std::fs::write(&config, text).unwrap();
    let chained = host("outer", &outer, "") + &host("inner", &inner, "  ProxyJump outer\n");
    let plain = host("outer", &outer, "") + &host("inner", &inner, "");

    // `jump:` names a host, a chain of hosts, or a host behind another.
    for (jump, config) in [("inner", &chained), ("outer,inner", &plain), ("outer, inner", &plain)] {
        write(config);
        let mut server = place.server.clone();
        server.jump = Some(jump.to_owned());
        let session = Session::connect(&server, &Way::default(), &Credentials::default(), &place.options)
            .await
            .unwrap();
        assert_eq!(session.jumps(), ["outer", "inner"], "{jump}");
    }
    // An inventory's server that lies behind a host of the configuration.
    let mut listed = inner.server.clone();
    listed.jump = Some("outer".to_owned());
    let way =
        Way { jumps: vec![Jump { server: listed, credentials: Credentials::default() }], ..Way::default() };
    assert_eq!(reach(&place, &way).await.unwrap().jumps(), ["outer", "inner"]);
    assert_eq!(place.connect().await.unwrap().jumps(), Vec::<String>::new());

    // The host that fails is named as it was written, and not as a server of the inventory.
    std::fs::write(place.path("known_hosts"), known.lines().next().unwrap().to_owned() + "\n").unwrap();
    place.options.bridges = Bridges::default();
    place.server.jump = Some("outer,inner".to_owned());
    write(&plain);
    let error = place.connect().await.unwrap_err();
    assert!(matches!(error.place(), (TransportError::UnknownHostKey { .. }, Some("inner"))), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("`ssh inner`") && !hint.contains("trust inner"), "{hint}");

    // A circle of the configuration comes to an end.
    write(&(host("outer", &outer, "  ProxyJump inner\n") + &host("inner", &inner, "  ProxyJump outer\n")));
    let error = place.connect().await.unwrap_err();
    assert!(error.to_string().contains("circle"), "{error}");

    // A key with a passphrase: what opens the server is tried there too, or what was said of it alone.
    write(&plain);
    std::fs::write(place.path("known_hosts"), &known).unwrap();
    keygen(&inner.path(".ssh/id_ed25519"), &["-p", "-P", "", "-N", "open sesame"]);
    let error = place.connect().await.unwrap_err();
    assert!(error.wants_passphrase() && error.place().1 == Some("inner"), "{error}");
    let mut way = Way::default();
    way.credentials_of("inner").passphrase = Some("open sesame".into());
    reach(&place, &way).await.unwrap();
    place.options.bridges = Bridges::default();
    let phrase = Credentials { passphrase: Some("open sesame".into()), ..Credentials::default() };
    Session::connect(&place.server, &Way::default(), &phrase, &place.options).await.unwrap();
}
