//! One contract, held by both engines of the store.

mod contract;
pub mod ground;
mod killed;
pub mod postgres;
mod proof;

/// Makes two tests of every promise: one for SQLite, one for PostgreSQL.
macro_rules! both_engines {
    ($($promises:ident: $($name:ident),* $(,)?);* $(;)?) => {
        mod sqlite {$($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$promises::$name(&super::ground::Ground::sqlite()).await;
            }
        )*)*}
        mod postgresql {$($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(ground) = super::ground::Ground::postgres().await {
                    super::$promises::$name(&ground).await;
                }
            }
        )*)*}
    };
}

both_engines! {
    killed:
        a_killed_writer_leaves_whole_appends_alone;
    contract:
        a_store_is_made_once_and_keeps_its_id,
        a_newer_format_is_refused,
        a_run_is_opened_found_and_listed,
        documents_are_kept_as_they_are,
        an_append_is_whole_or_absent,
        what_is_not_json_or_too_large_is_refused,
        a_lease_is_held_renewed_released_and_taken_over,
        a_stale_lease_writes_nothing,
        epochs_grow_over_the_whole_store,
        a_run_that_has_ended_stays_so,
        eight_writers_append_fifty_times_each,
        two_writers_of_one_run_never_both_hold_it,
        claims_survive_a_crash_and_end_with_the_run,
        claims_are_all_or_none,
        a_machine_belongs_to_one_run_whatever_it_is_called,
        a_store_of_format_1_learns_its_machines,
        gates_open_and_close_with_the_run,
        decisions_are_recorded_once,
        the_policy_of_the_last_run_is_in_force,
        backups_are_listed_and_marked,
        messages_leave_the_outbox_once,
        hostile_text_is_only_text;
    proof:
        the_engine_refuses_to_edit_what_was_written,
        an_edited_event_is_named,
        a_journal_cut_at_its_end_shows,
        a_deleted_event_is_named,
        an_edited_ledger_entry_is_named,
        a_truncated_ledger_shows,
        a_rewritten_ledger_shows_by_a_known_head,
        a_deleted_run_shows,
        an_edited_run_shows,
        a_run_added_by_hand_shows,
        a_deleted_or_edited_decision_shows,
        an_edited_document_is_refused;
}

#[tokio::test]
async fn a_copy_of_a_sqlite_store_opens_with_everything_in_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = ground::Ground::sqlite();
    let store = ground.store().await;
    let run = ground::open_run(&store).await;
    let copy = ground.folder().join("copy.db");
    store.backup_to(&copy).await.unwrap();
    assert!(store.backup_to(&copy).await.is_err(), "an existing file is never overwritten");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let location = esclusa::store::Location::parse("sqlite:copy.db", ground.folder(), None).unwrap();
    let copied = esclusa::store::Store::open(&location).await.unwrap();
    assert_eq!(copied.id(), store.id());
    assert_eq!(copied.run(&run.new.id).await.unwrap(), run);
    copied.verify_ledger(&[]).await.unwrap();
}

#[tokio::test]
async fn a_sqlite_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = ground::Ground::sqlite();
    let store = ground.store().await;
    ground::open_run(&store).await;
    for entry in std::fs::read_dir(ground.folder()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    assert_eq!(store.database_login().await.unwrap(), None);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged() {
    let ground = ground::Ground::sqlite();
    std::fs::write(ground.folder().join("esclusa.db"), vec![b'x'; 8192]).unwrap();
    let error = esclusa::store::Store::open(ground.location()).await.unwrap_err();
    assert!(matches!(error, esclusa::store::StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_store_says_who_is_logged_in_and_hides_the_password() {
    let Some(ground) = ground::Ground::postgres().await else { return };
    let store = ground.store().await;
    assert_eq!(store.database_login().await.unwrap().as_deref(), Some("esclusa"));
    assert!(matches!(
        store.backup_to(&ground.folder().join("x")).await,
        Err(esclusa::store::StoreError::Unsupported(_))
    ));
    let wrong = secrecy::SecretString::from("wr0ng-p4ss".to_owned());
    let location =
        esclusa::store::Location::parse(&ground.location().to_string(), ground.folder(), Some(wrong))
            .unwrap();
    let error = esclusa::store::Store::open(&location).await.unwrap_err();
    assert!(matches!(error, esclusa::store::StoreError::Unavailable(_)), "{error:?}");
    let shown = format!("{error} {error:?} {location:?}");
    assert!(!shown.contains("wr0ng-p4ss") && !shown.contains(postgres::PASSWORD), "{shown}");
}

#[tokio::test]
async fn a_postgresql_server_that_is_not_there_is_unavailable() {
    let location =
        esclusa::store::Location::parse("postgres://u@127.0.0.1:1/d", std::path::Path::new("/"), None)
            .unwrap();
    let error = esclusa::store::Store::open(&location).await.unwrap_err();
    assert!(matches!(error, esclusa::store::StoreError::Unavailable(_)), "{error:?}");
}
