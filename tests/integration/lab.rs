//! The lab itself: what its servers can do, before anything is judged by them.
//!
//! Every test that needs it is ignored by a plain `cargo test`; `tests/run` boots it and runs them.

use crate::support::lab::Lab;
use crate::support::slow_line::SlowLine;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SERVERS: [&str; 3] = ["dev", "test", "prod"];
const SSH_PORT: u16 = 22;

fn answers(lab: &Lab, server: &str) -> bool {
    let address = SocketAddr::new(lab.server(server).address, SSH_PORT);
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn every_server_runs_systemd_a_database_of_each_kind_and_sshd() {
    let lab = Lab::get();
    let _turn = lab.turn();
    for server in SERVERS {
        assert_eq!(lab.answer("deploy", server, "hostname"), server);
        assert_eq!(lab.answer("deploy", server, "systemctl is-system-running"), "running");
        assert_eq!(lab.answer("deploy", server, "sudo -u postgres psql -tAc 'select 1'"), "1");
        assert_eq!(lab.answer("deploy", server, "sudo mariadb -Ne 'select 1'"), "1");
    }
    assert_eq!(lab.answer("director", "control", "whoami"), "director");
    assert_eq!(
        lab.answer("professional", "control", "esclusa --version"),
        format!("esclusa {}", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn accounts_become_root_without_a_password_with_one_or_never() {
    let lab = Lab::get();
    let _turn = lab.turn();
    assert_eq!(lab.answer("deploy", "dev", "sudo -n id -u"), "0");
    assert!(!lab.ssh("asks", "dev", "sudo -n true").status.success());
    let typed = format!("echo '{}' | sudo -S -p '' id -u", Lab::SUDO_PASSWORD);
    assert_eq!(lab.answer("asks", "dev", &typed), "0");
    assert!(!lab.ssh("stranger", "dev", &typed).status.success());
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn servers_reach_each_other_and_nothing_outside() {
    let lab = Lab::get();
    let _turn = lab.turn();
    assert_eq!(lab.answer("deploy", "dev", "ip route show default"), "");
    lab.answer("deploy", "control", "bash -c 'exec 3<>/dev/tcp/prod/22'");
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn packages_come_from_the_lab_by_version() {
    let lab = Lab::get();
    let _turn = lab.turn();
    let version = "dpkg-query -W -f='${Version}' lab-greeting";
    let apt = "sudo DEBIAN_FRONTEND=noninteractive apt-get -qq -y --allow-downgrades install";
    for wanted in ["1.0", "2.0", "1.0"] {
        lab.answer("deploy", "dev", &format!("{apt} lab-greeting={wanted}"));
        assert_eq!(lab.answer("deploy", "dev", version), wanted);
    }
    assert!(!lab.ssh("deploy", "dev", &format!("{apt} lab-orphan")).status.success());
    lab.answer("deploy", "dev", "sudo apt-get -qq -y purge lab-greeting");
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_cut_line_is_silent_until_it_is_mended() {
    let lab = Lab::get();
    let _turn = lab.turn();
    lab.cut("test");
    let silent = !answers(lab, "test");
    let others = answers(lab, "dev") && answers(lab, "prod");
    lab.mend("test");
    assert!(silent && others);
    assert_eq!(lab.answer("deploy", "test", "hostname"), "test");
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn a_server_without_power_comes_back_with_its_files() {
    let lab = Lab::get();
    let _turn = lab.turn();
    lab.answer("deploy", "test", "echo kept > kept && (setsid sleep 300 </dev/null >/dev/null 2>&1 &)");
    lab.kill("test");
    assert!(!answers(lab, "test"));
    lab.boot("test");
    assert_eq!(lab.answer("deploy", "test", "cat kept && ! pgrep -x sleep"), "kept");
}

#[test]
#[ignore = "needs the lab: tests/run"]
fn what_a_project_needs_to_reach_the_servers_is_there() {
    let lab = Lab::get();
    let _turn = lab.turn();
    let known = fs::read_to_string(lab.known_hosts()).unwrap();
    for server in SERVERS.map(|name| lab.server(name)) {
        assert!(known.contains(&format!("{} {}\n", server.address, server.host_key)));
    }
    for account in ["deploy", "asks", "stranger", "director", "professional", "pipeline"] {
        assert_eq!(fs::metadata(lab.key(account)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let checked = Command::new("sha256sum")
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(lab.artifacts())
        .status()
        .unwrap();
    assert!(checked.success());
}

#[tokio::test]
async fn a_slow_line_delays_every_answer_and_changes_no_byte() {
    let echo = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let target = echo.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = echo.accept().await.unwrap();
        let (mut from, mut to) = socket.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
    });
    let one_way = Duration::from_millis(40);
    let line = SlowLine::to(target, one_way).await.unwrap();

    let started = Instant::now();
    let mut socket = tokio::net::TcpStream::connect(line.address()).await.unwrap();
    let sent: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let copy = sent.clone();
    let (mut from, mut to) = socket.split();
    let send = async move {
        to.write_all(&copy).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, length) = tokio::join!(send, from.read_to_end(&mut received));
    assert_eq!(length.unwrap(), sent.len());
    assert_eq!(received, sent);
    assert!(started.elapsed() >= 2 * one_way, "the answer took {:?}", started.elapsed());
}
