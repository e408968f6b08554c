//! Servers that are not as they should be: what is said of each, and what works all the same.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_prints_before_its_command_works_all_the_same() {
    let noise = "printf 'Welcome!\\n\\033[31m'; head -c 100000 /dev/zero; printf '\\n! e 1 0\\nno end'; printf oops >&2; ";
    let odd = "export LANG=tr_TR.UTF-8 LC_ALL=de_DE.UTF-8 POSIXLY_CORRECT=1 GREP_OPTIONS=-v IFS=x TMPDIR=/nowhere; umask 077; ";
    let Some(place) =
        sshd(&format!("Banner /etc/passwd\nForceCommand {noise}{odd}eval \"$SSH_ORIGINAL_COMMAND\""))
    else {
        return;
    };
    let session = place.guarded().await;
    assert_eq!(
        one(&session, ask("echo there; umask; sort --version >/dev/null && echo $LC_ALL")).await.text(),
        "there\n0022\nC\n"
    );
    let id = UnitId::new(&run_id(), "x");
    let reply =
        session.run(vec![Frame::unit(RunAs::Login, id, Script::new("echo unit"))]).await.unwrap().remove(0);
    assert_eq!(reply.answer(&place.server.name).unwrap().text(), "unit\n");
    let answer = session.feed(&RunAs::Login, &Script::new("cat"), &mut &b"fed"[..]).await.unwrap();
    assert!(answer.text().ends_with("fed"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_what_its_script_writes_and_not_what_the_login_prints() {
    let Some(place) = sshd("ForceCommand printf 'Welcome!\\n'; eval \"$SSH_ORIGINAL_COMMAND\"") else {
        return;
    };
    let session = place.connect().await.unwrap();
    let mut sink = Vec::new();
    session.download(&RunAs::Login, &Script::new("printf data"), NO_LIMITS, &mut sink).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&sink), "data");
    let answer = session.feed(&RunAs::Login, &Script::new("cat"), &mut &b"fed"[..]).await.unwrap();
    assert_eq!(answer.text(), "fed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_a_shell_says_why() {
    let table = [
        ("ForceCommand echo 'This account is currently not available.'; exit 1", "not available"),
        ("ForceCommand internal-sftp", "sftp"),
        ("ForceCommand exit 0", "it ended at once"),
        ("ForceCommand rbash -c \"$SSH_ORIGINAL_COMMAND\"", "restricted"),
        ("PermitTTY no\nMaxSessions 0", "cannot be reached"),
    ];
    for (config, words) in table {
        let Some(mut place) = sshd(config) else { return };
        place.options.connect_timeout = Duration::from_secs(3);
        let error = place.connect().await.unwrap_err();
        assert!(error.to_string().contains(words), "{config}: {error}");
        assert!(error.nothing_done(), "{config}: {error}");
        assert!(
            error.hint().is_some_and(|hint| hint.contains("login shell")) || words.contains("reached"),
            "{error}"
        );
    }
}

async fn restart(place: &mut Place) {
    let config = place.path("sshd_config");
    let Running::Sshd(child) = &mut place.running else { return };
    child.kill().unwrap();
    child.wait().unwrap();
    *child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let port = place.server.port.unwrap();
    eventually("sshd", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_broken_algorithms_alone_is_told_from_one_that_is_away() {
    for (config, what, theirs) in [
        ("HostKeyAlgorithms ssh-rsa", "host key", "ssh-rsa"),
        ("KexAlgorithms diffie-hellman-group1-sha1", "key exchange", "diffie-hellman-group1-sha1"),
        ("Ciphers 3des-cbc", "cipher", "3des-cbc"),
    ] {
        let Some(mut place) = sshd(&format!("HostKey @/rsa\n{config}")) else { return };
        keygen(&place.path("rsa"), &["-t", "rsa", "-b", "2048", "-N", ""]);
        restart(&mut place).await;
        let error = place.connect().await.unwrap_err();
        let TransportError::NoCommonAlgorithm { what: said, theirs: list, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((said.as_str(), list.as_str()), (what, theirs));
        assert!(!error.is_passing() && error.nothing_done() && error.hint().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_with_too_many_keys_is_told_which_key_to_name() {
    let Some(mut place) = sshd("MaxAuthTries 3") else { return };
    let agent = Agent::start(&place.path("home")).await;
    for number in 0..5 {
        let key = place.path(&format!("many-{number}"));
        keygen(&key, &["-t", "ed25519", "-N", ""]);
        agent.add(&key);
    }
    let right = place.path("right");
    keygen(&right, &["-t", "ed25519", "-N", ""]);
    agent.add(&right);
    std::fs::copy(right.with_extension("pub"), place.path("authorized")).unwrap();
    std::fs::remove_file(place.path(".ssh/id_ed25519")).unwrap();
    place.options.agent = Some(agent.socket.clone());
    let error = place.connect().await.unwrap_err();
    assert!(matches!(error, TransportError::LoginRefused { .. }), "{error}");
    assert!(error.hint().unwrap().contains("identity_file"), "{error}");
    // The private half may be in the agent alone.
    place.server.identity_file = Some(right.display().to_string());
    std::fs::remove_file(&right).unwrap();
    place.connect().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused_and_named() {
    let Some(mut place) = sshd("TrustedUserCAKeys @/authority.pub") else { return };
    keygen(&place.path("authority"), &["-t", "ed25519", "-N", ""]);
    std::fs::write(place.path("authorized"), "").unwrap();
    let key = place.path("certified");
    keygen(&key, &["-t", "ed25519", "-N", ""]);
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-s"]).arg(place.path("authority")).args([
        "-I",
        "id",
        "-n",
        &user(),
        "-V",
        "-2h:-1h",
    ]);
    assert!(command.arg(key.with_extension("pub")).status().unwrap().success());
    place.server.identity_file = Some(key.display().to_string());
    let error = place.connect().await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_version_six_is_reached_also_behind_a_jump_server() {
    let Some(mut place) = sshd("ListenAddress ::1") else { return };
    let Some(outer) = sshd("") else { return };
    std::fs::copy(place.path(".ssh/id_ed25519.pub"), outer.path("authorized")).unwrap();
    let log = read(place.path("log"));
    if !log.contains("::1") {
        left_out("LEFT OUT: there is no IPv6 here");
        return;
    }
    place.server.address = "::1".to_owned();
    place.server.port = log.lines().find(|line| line.contains("::1")).and_then(|line| {
        line.split("port ").nth(1).and_then(|port| port.trim_end_matches('.').trim().parse().ok())
    });
    place.connect().await.unwrap();
    let way = through(&[&outer]);
    Session::connect(&place.server, &way, &Credentials::default(), &place.options).await.unwrap();
    place.server.jump = Some(format!("{}@[::1]:{}", user(), place.server.port.unwrap()));
    place.server.address = "127.0.0.1".to_owned();
    let error = place.connect().await.unwrap_err();
    // Its key is known for the server, not for a jump server of that name.
    assert!(matches!(error.place(), (TransportError::UnknownHostKey { .. }, Some(_))), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sudo_that_asks_for_a_code_is_not_waited_for() {
    let behaviour = "ask || exit 1; printf 'Verification code: ' >&2; dd bs=1 count=1 2>/dev/null; exit 1";
    let place = with_sudo(behaviour).await;
    let word = Credentials { sudo_password: Some("root word".into()), ..Credentials::default() };
    let session = Session::connect(&place.server, &Way::default(), &word, &place.options).await.unwrap();
    let started = Instant::now();
    let error = session.run(vec![Frame::ask(RunAs::Root, Script::new("id"))]).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(error.to_string().contains("Verification code:"), "{error}");
    assert!(error.hint().unwrap().contains("code"), "{error}");
}
