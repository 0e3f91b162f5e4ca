//! The schema: made, recognised, refused.

use sinch_batch_ledger::{Ledger, LedgerErrorKind, NewCampaign, PlannedRows, PostgresLedger};
use sinch_batch_models::Timestamp;

use super::server::server;

/// The schema of a URL that [`server`] gave.
fn name(url: &str) -> &str {
    url.split_once("schema=").unwrap().1
}

fn campaign(name: &str) -> (NewCampaign, Vec<PlannedRows>) {
    let rows = (1..=3).map(|row| (row, row + 1)).collect();
    let plan = vec![PlannedRows { first_row: None, rows, at_byte: 0, n_bytes: 30, digest: [1; 8] }];
    (NewCampaign::new(name, format!("key of {name}"), 3, Timestamp::UNIX_EPOCH), plan)
}

#[tokio::test]
async fn schema_of_something_else_is_left_as_it_is() {
    let Some(server) = server() else { return };
    let url = server.schema();
    server.psql(&format!("CREATE SCHEMA {0}; CREATE TABLE {0}.meta (one int)", name(&url)));
    for error in [PostgresLedger::open(&url).await.err(), PostgresLedger::migrate(&url).await.err()] {
        assert_eq!(error.unwrap().kind(), LedgerErrorKind::NotALedger);
    }
    let tables = format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{}'", name(&url));
    assert_eq!(server.psql(&tables), "1\n");
}

#[tokio::test]
async fn version_of_the_tables_decides_who_may_use_them() {
    let Some(server) = server() else { return };
    let url = server.schema();
    drop(PostgresLedger::open(&url).await.unwrap());
    let set = |version: i32, oldest_reader: i32| {
        let set = format!("version = {version}, oldest_reader = {oldest_reader}");
        server.psql(&format!("UPDATE {}.meta SET {set}", name(&url)));
    };
    set(0, 0);
    assert_eq!(PostgresLedger::open(&url).await.unwrap_err().kind(), LedgerErrorKind::TooOld);
    set(2, 2);
    assert_eq!(PostgresLedger::open(&url).await.unwrap_err().kind(), LedgerErrorKind::TooNew);
    // A newer release has only added.
    set(2, 1);
    assert!(PostgresLedger::open(&url).await.is_ok());
    assert_eq!(PostgresLedger::migration(&url).await.unwrap(), "");
}

#[tokio::test]
async fn migration_by_hand_makes_the_tables_that_open_makes() {
    let Some(server) = server() else { return };
    let (by_hand, by_us) = (server.schema(), server.schema());
    server.psql(&PostgresLedger::migration(&by_hand).await.unwrap());
    PostgresLedger::migrate(&by_us).await.unwrap();
    let columns = |url: &str| {
        server.psql(&format!(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns \
             WHERE table_schema = '{}' ORDER BY 1, 2",
            name(url)
        ))
    };
    assert_eq!(columns(&by_hand), columns(&by_us));
    assert!(columns(&by_us).lines().count() > 100);
    let ledger = PostgresLedger::open(&by_hand).await.unwrap();
    let (new, plan) = campaign("autumn");
    ledger.create(new, Box::new(plan)).await.unwrap();
}

#[tokio::test]
async fn tables_are_made_once_however_many_open_at_once() {
    let Some(server) = server() else { return };
    let url = server.schema();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { PostgresLedger::open(&url).await })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
    assert_eq!(server.psql(&format!("SELECT count(*) FROM {}.meta", name(&url))), "1\n");
}

#[tokio::test]
async fn same_send_by_two_machines_at_once_is_created_once() {
    let Some(server) = server() else { return };
    let url = server.schema();
    let mut creating = Vec::new();
    for number in 0..6 {
        let ledger = PostgresLedger::open(&url).await.unwrap();
        let (new, plan) = campaign(&format!("campaign {number}"));
        creating.push(tokio::spawn(async move { ledger.create(new, Box::new(plan)).await.map(drop) }));
    }
    let (mut created, mut refused) = (0, 0);
    for outcome in creating {
        match outcome.await.unwrap() {
            Ok(()) => created += 1,
            Err(error) => {
                assert_eq!(error.kind(), LedgerErrorKind::Duplicate, "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!((created, refused), (1, 5));
}

#[tokio::test]
async fn missing_database_and_role_are_reported() {
    let Some(server) = server() else { return };
    let url = server.schema().replace("/postgres?", "/nothing?");
    let error = PostgresLedger::open(&url).await.unwrap_err();
    assert_eq!((error.kind(), &*error.to_string()), (LedgerErrorKind::Open, "the server has no such database"));
    let error = PostgresLedger::open(&server.schema().replace("tester@", "nobody:geheim@")).await.unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::Open);
    assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
}

/// The server tells the whole row that breaks a rule, and with it the message.
#[tokio::test]
async fn errors_of_postgres_show_no_row() {
    let Some(server) = server() else { return };
    let url = server.schema();
    let ledger = PostgresLedger::open(&url).await.unwrap();
    server.psql(&format!("ALTER TABLE {}.campaign ADD CONSTRAINT never CHECK (name <> 'autumn')", name(&url)));
    let mut new = NewCampaign::new("autumn", "key", 0, Timestamp::UNIX_EPOCH);
    new.message = "Your table is at the window".to_owned();
    let error = ledger.create(new, Box::new(Vec::new())).await.unwrap_err();
    let mut told = format!("{error:?}");
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        told.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    assert!(told.contains("23514") && told.contains("never"), "{told}");
    assert!(!told.contains("window") && !told.contains("autumn"), "{told}");
}
