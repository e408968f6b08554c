//! Deliveries by real scripts, from a real store.

use super::*;
use crate::model::{Digest, EnvironmentName, Language, PersonName, RunId, SystemName};
use crate::notify::{Notice, NoticeKind, Recipient};
use crate::store::{Append, Location, NewRun, Taken};
use std::time::Instant;

struct Office {
    folder: tempfile::TempDir,
    store: Store,
}

impl Office {
    /// A store with `count` messages that are due.
    async fn with_messages(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::create(&Location::parse("sqlite:e.db", folder.path(), None).unwrap()).await.unwrap();
        let document = Digest::of(b"{}");
        store.put_document("plan", document, "{}").await.unwrap();
        let run = NewRun {
            id: RunId("0190".to_owned()),
            system: SystemName::parse("wiki").unwrap(),
            environment: EnvironmentName::parse("production").unwrap(),
            kind: "update".to_owned(),
            playbook: "update.yaml".to_owned(),
            plan: document,
            release: document,
            prediction: None,
            requested_by: "carla".to_owned(),
            requested_by_machine: false,
            state: "planned".to_owned(),
            route: None,
            body: "{}".to_owned(),
        };
        let notice = Notice {
            kind: NoticeKind::GateOpened,
            recipients: vec![Recipient {
                person: PersonName::parse("diego").unwrap(),
                mail: Some("d@ut.edu.co".to_owned()),
            }],
            language: Language::Es,
            subject: "Aprobación pendiente".to_owned(),
            text: "La actualización de «wiki» espera.\n".to_owned(),
            run: run.id.clone(),
            system: run.system.clone(),
            environment: run.environment.clone(),
        };
        let run = store.open_run(run).await.unwrap();
        let Taken::Lease(lease) = store.take_lease(&run.new.id, "o", 60).await.unwrap() else { panic!() };
        let outbox = (0..count).map(|_| notice.message().unwrap()).collect();
        let append = Append { outbox, state: "waiting".to_owned(), ..Append::default() };
        store.append(&lease, append).await.unwrap();
        Self { folder, store }
    }

    fn courier(&self, script: &str) -> Courier {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        Courier::new(words, self.folder.path().to_owned())
    }
}

#[tokio::test]
async fn a_message_reaches_the_command_once_as_one_json_document() {
    let office = Office::with_messages(2).await;
    let courier = office.courier("cat >> got; echo >> got; echo noise; echo noise >&2");
    let delivered = courier.deliver_due(&office.store).await.unwrap();
    assert_eq!(delivered, Delivered { sent: 2, ..Delivered::default() });
    assert_eq!(courier.deliver_due(&office.store).await.unwrap(), Delivered::default());
    let got = std::fs::read_to_string(office.folder.path().join("got")).unwrap();
    let documents: Vec<serde_json::Value> =
        got.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.len(), 2);
    assert_ne!(documents[0]["id"], documents[1]["id"]);
    assert_eq!(documents[0]["kind"], "gate_opened");
    assert_eq!(documents[0]["language"], "es");
    assert_eq!(documents[0]["subject"], "Aprobación pendiente");
    assert_eq!(documents[0]["recipients"][0]["mail"], "d@ut.edu.co");
}

#[tokio::test]
async fn a_message_that_fails_is_kept_for_later() {
    let office = Office::with_messages(1).await;
    let failing = office.courier("echo 'no route\u{1b}[2J' >&2; yes | head -c 3000000 >&2; exit 7");
    let delivered = failing.deliver_due(&office.store).await.unwrap();
    assert_eq!(delivered, Delivered { failed: 1, ..Delivered::default() });
    let working = office.courier("cat > got");
    assert_eq!(working.deliver_due(&office.store).await.unwrap(), Delivered::default(), "it is not due yet");
    assert!(!office.folder.path().join("got").exists());
}

#[tokio::test]
async fn a_command_that_does_not_read_succeeds_and_one_that_is_missing_does_not() {
    let office = Office::with_messages(2).await;
    let row = office.store.outbox_due(1).await.unwrap().remove(0);
    office.courier("exit 0").deliver(&row).await.unwrap();
    let error = office.courier("echo 'a\u{1b}b' >&2; exit 7").deliver(&row).await.unwrap_err();
    assert!(error.to_string().ends_with("exit status: 7: a\\u{1b}b"), "{error}");
    let missing = Courier::new(vec!["/does/not/exist".to_owned()], office.folder.path().to_owned());
    assert!(matches!(missing.deliver(&row).await, Err(DeliveryError::Start { .. })));
    let empty = Courier::new(Vec::new(), office.folder.path().to_owned());
    assert!(matches!(empty.deliver(&row).await, Err(DeliveryError::NoCommand)));
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_what_it_started() {
    let office = Office::with_messages(1).await;
    let row = office.store.outbox_due(1).await.unwrap().remove(0);
    let courier = office.courier("sleep 600 & echo $! > child; wait").within(Duration::from_secs(1));
    let begun = Instant::now();
    let error = courier.deliver(&row).await.unwrap_err();
    assert!(matches!(error, DeliveryError::TimeLimit { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let child = std::fs::read_to_string(office.folder.path().join("child")).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    let gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    for _ in 0..50 {
        if gone() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the child still runs");
}

#[tokio::test]
async fn a_process_left_behind_does_not_hold_the_courier_up() {
    let office = Office::with_messages(1).await;
    let row = office.store.outbox_due(1).await.unwrap().remove(0);
    let begun = Instant::now();
    office.courier("sleep 20 & exit 0").deliver(&row).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_is_too_old_to_be_news_is_not_sent() {
    let office = Office::with_messages(3).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let late = office.courier("cat >>sent").no_older_than(0).deliver_due(&office.store).await.unwrap();
    assert_eq!(late, Delivered { too_old: 3, ..Delivered::default() });
    assert!(!office.folder.path().join("sent").exists());
    // It is given up for good.
    let again = office.courier("cat >>sent").deliver_due(&office.store).await.unwrap();
    assert_eq!(again, Delivered::default());
}
