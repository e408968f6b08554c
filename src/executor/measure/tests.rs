use super::*;
use crate::{
    check::{Check, Condition, Expectation, Question, Verdict, judge},
    model::{Become, HostKey, Server, ServerName, Value},
    transport::{
        ConfigSource, Credentials, Options, Way, generate_key,
        server::{Settings, serve},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::PermissionsExt as _,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A session with a server, over a line that can be cut.
struct Ground {
    session: Session,
    cut: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

/// Carries connections to `port` until the line is cut: from then on it is silent, as a broken network is.
async fn line(port: u16, cut: watch::Receiver<bool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut cut = cut.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    // It is said once.
                    _ = cut.changed() => std::future::pending().await,
                }
            });
        }
    });
    own
}

async fn ground() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = generate_key("me").unwrap();
    let (host, host_public) = generate_key("host").unwrap();
    std::fs::create_dir(folder.path().join(".ssh")).unwrap();
    let file = folder.path().join(".ssh/id_ed25519");
    std::fs::write(&file, key.as_str()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = Settings {
        host_key: host.to_string(),
        authorized: vec![public],
        home: folder.path().to_owned(),
        shell: "sh".into(),
    };
    tokio::spawn(async move { serve(listener, settings, Arc::new(|| {})).await.unwrap() });
    let (cut, watched) = watch::channel(false);
    let server = Server {
        name: ServerName::parse("web").unwrap(),
        address: "127.0.0.1".to_owned(),
        port: Some(line(port, watched).await),
        user: Some("me".to_owned()),
        escalation: Become::No,
        sudo_password: None,
        password: None,
        identity_file: None,
        passphrase: None,
        jump: None,
        host_keys: vec![HostKey(host_public.split(' ').take(2).collect::<Vec<_>>().join(" "))],
        groups: BTreeSet::new(),
        variables: BTreeMap::new(),
    };
    let options = Options {
        ssh_config: ConfigSource::None,
        home: folder.path().to_owned(),
        agent: None,
        known_hosts: vec![folder.path().join("known_hosts")],
        keepalive_interval: Duration::from_millis(300),
        keepalive_max: 2,
        ..Options::default()
    };
    let session =
        Session::connect(&server, &Way::default(), &Credentials::default(), &options).await.unwrap();
    Ground { session, cut, _folder: folder }
}

/// Answers one request after the other with these texts, and is silent for an empty one.
async fn answering(answers: Vec<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn verdict(value: &str, condition: Condition, measured: &Measurements) -> (Verdict, String) {
    let check = Check {
        id: "page".into(),
        at: "all".into(),
        groups: Vec::new(),
        as_user: None,
        attempts: 1,
        delay_seconds: 0,
        question: Question::Memory,
        expect: vec![Expectation { value: value.into(), condition, source: None }],
    };
    let mut finding = judge(&check, measured);
    (finding.verdict, finding.lines.remove(0).found)
}

async fn asked(ground: &Ground, port: u16, samples: u32) -> Result<Measurements, ExecutorError> {
    http(&ground.session, &format!("http://127.0.0.1:{port}/"), "GET", 1000, samples).await
}

#[tokio::test]
async fn every_answer_must_be_as_it_is_wanted_and_not_only_the_last() {
    let ground = ground().await;
    let mut answers = vec![answer(500, "broken"); 3];
    answers.push(answer(200, "fine"));
    let port = answering(answers).await;
    let measured = asked(&ground, port, 4).await.unwrap();
    let ok = || Condition::Is(Value::Int(200));
    assert_eq!(verdict("status", ok(), &measured), (Verdict::Bad, "500 (of 2 different answers)".into()));
    assert_eq!(verdict("body", Condition::Contains("fine".into()), &measured).0, Verdict::Bad);
    // Pages that differ and say what is wanted are good.
    let port = answering(vec![answer(200, "fine 1"), answer(200, "fine 2")]).await;
    let measured = asked(&ground, port, 2).await.unwrap();
    assert_eq!(verdict("status", ok(), &measured), (Verdict::Good, "200".into()));
    assert_eq!(verdict("body", Condition::Contains("fine".into()), &measured).0, Verdict::Good);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_unknown_and_not_empty() {
    let ground = ground().await;
    let port = answering(vec!["HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nhalf".to_owned()]).await;
    let measured = asked(&ground, port, 1).await.unwrap();
    assert_eq!(verdict("status", Condition::Is(Value::Int(200)), &measured).0, Verdict::Good);
    assert_eq!(verdict("body", Condition::Not("x".into()), &measured).0, Verdict::Unknown);
}

#[tokio::test]
async fn a_system_that_is_silent_is_told_from_a_line_that_is_cut() {
    let ground = ground().await;
    let port = answering(vec![String::new()]).await;
    let measured = asked(&ground, port, 1).await.unwrap();
    assert_eq!(verdict("status", Condition::Is(Value::Int(200)), &measured).0, Verdict::Unknown);
    ground.cut.send(true).unwrap();
    for lost in [
        asked(&ground, port, 1).await,
        certificate(&ground.session, "127.0.0.1", port, None).await,
        tcp(&ground.session, "127.0.0.1", port, 1000, 1).await,
    ] {
        assert!(matches!(&lost, Err(ExecutorError::Transport(error)) if error.is_lost()), "{lost:?}");
    }
}

#[tokio::test]
async fn a_port_that_the_server_may_not_try_is_unknown_and_a_closed_one_is_closed() {
    let ground = ground().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let open = |measured: &Measurements| verdict("open", Condition::Is(Value::Bool(false)), measured).0;
    let measured = tcp(&ground.session, "127.0.0.1", closed, 1000, 1).await.unwrap();
    assert_eq!(open(&measured), Verdict::Good);
    // The embedded server forwards to itself alone.
    let measured = tcp(&ground.session, "192.0.2.1", closed, 1000, 1).await.unwrap();
    assert_eq!(open(&measured), Verdict::Unknown);
}
