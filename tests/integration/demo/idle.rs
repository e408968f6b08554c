//! The demonstration's servers do not outlive their use, and come back with what ran on them.

use super::stage::Stage;
use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

#[test]
fn a_server_that_nobody_uses_stops_by_itself_with_what_runs_on_it() {
    let stage = Stage::new();
    stage.demo(&["--approve"]).ends_with(0);
    stage.esclusa(&["demo", "--stop", "--dir", stage.dir()]).ends_with(0);
    let folder = stage.path().join("servers/production");
    let port: u16 = std::fs::read_to_string(folder.join("port")).unwrap().trim().parse().unwrap();
    let notes: u16 = std::fs::read_to_string(folder.join("notes-port")).unwrap().trim().parse().unwrap();
    let words = ["demo-process", "server", "--idle", "3s", "--folder", folder.to_str().unwrap()];
    let mut server = Stage::command(&words).env("HOME", stage.home("production")).spawn().unwrap();
    let begun = Instant::now();
    let mut seen = Duration::ZERO;
    let status = loop {
        if let Some(status) = server.try_wait().unwrap() {
            break status;
        }
        // What was stopped with the server runs again.
        if seen.is_zero() && TcpStream::connect(("127.0.0.1", notes)).is_ok() {
            seen = begun.elapsed();
            assert!(stage.page().contains("version 2"), "{}", stage.page());
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it still runs");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success() && !seen.is_zero(), "{status}, seen after {seen:?}");
    assert!(begun.elapsed() >= Duration::from_secs(3));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(TcpStream::connect(("127.0.0.1", notes)).is_err(), "the service went with its server");
}

#[test]
fn a_demonstration_that_was_stopped_goes_on_where_it_was() {
    let stage = Stage::new();
    stage.demo(&["--approve"]).ends_with(0);
    stage.esclusa(&["demo", "--stop", "--dir", stage.dir()]).ends_with(0);
    let again = stage.demo(&[]);
    again.ends_with(0);
    again.says("production   version 2 is installed, nothing would change");
    assert!(stage.page().contains("version 2"), "{}", stage.page());
}
