//! A writer that is killed while it writes.

use super::ground::{Ground, ends, events, lease, open_run, server};
use super::postgres;
use esclusa::model::RunId;
use esclusa::store::{Append, Claimed, Location, Message, Store, Taken};
use secrecy::SecretString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Tells the process that it is the writer, and where: folder, address and run, separated by blanks.
const WRITER: &str = "ESCLUSA_TEST_WRITER";

pub async fn a_killed_writer_leaves_whole_appends_alone(ground: &Ground) {
    let store = ground.store().await;
    let run = open_run(&store).await;
    let folder = ground.folder().to_str().unwrap();
    let mut last = 0;
    for milliseconds in [40, 90, 170] {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::killed::writer", "--nocapture"])
            .env(WRITER, format!("{folder} {} {}", ground.location(), run.new.id))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut waited = 0;
        // Killed only when it is in the middle of its writing.
        while store.run(&run.new.id).await.unwrap().events <= last {
            assert!(waited < 1000, "the writer does not write");
            waited += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        writer.kill().unwrap();
        writer.wait().unwrap();
        // A server may still be busy with the last thing that it was told.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let rows = store.events(&run.new.id).await.unwrap();
        last = rows.len() as u64;
        assert_eq!(last % 3, 0, "an append of three events is whole or absent");
        let message_count = messages(&store).await;
        assert_eq!(message_count as u64 * 3, last, "each append's message came with its events");
        assert_eq!(store.claims().await.unwrap().len(), 1, "the claim outlives the process");
        store.verify_ledger(&[]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let next = lease(&store, &run, "next").await;
    assert_eq!(store.claim(&next, &[server("production", "wiki")]).await.unwrap(), Claimed::Ok);
    store.append(&next, ends("failed", 1)).await.unwrap();
    assert!(store.claims().await.unwrap().is_empty());
}

/// How many messages were ever stored: those seen before stay held, so they are counted by their rows.
async fn messages(store: &Store) -> usize {
    let copy = store.outbox_due(u32::MAX).await.unwrap();
    for message in &copy {
        // Due again at once, for the next count.
        let now = store.now().await.unwrap();
        store.outbox_failed(&message.id, "counted", Some(now)).await.unwrap();
    }
    copy.len()
}

/// The process that is killed; without its variable there is nothing to write to.
#[tokio::test]
async fn writer() {
    let Ok(place) = std::env::var(WRITER) else { return };
    let [folder, address, run] = place.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let password = address.starts_with("postgres").then(|| SecretString::from(postgres::PASSWORD.to_owned()));
    let location = Location::parse(address, Path::new(folder), password).unwrap();
    let store = Store::open(&location).await.unwrap();
    let taken = store.take_lease(&RunId(run.to_owned()), "the writer", 1).await.unwrap();
    let Taken::Lease(lease) = taken else { panic!("{taken:?}") };
    store.claim(&lease, &[server("production", "wiki")]).await.unwrap();
    loop {
        let outbox = vec![Message { kind: "run_ended".to_owned(), body: "{}".to_owned() }];
        let three = events("running", &["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
        store.append(&lease, Append { outbox, ..three }).await.unwrap();
    }
}
