//! Faults of the server and of the way to it: nothing is lost, nothing is written twice.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sinch_batch_ledger::{
    Applied, CampaignId, Claim, Entry, Ledger, LedgerErrorKind, NewCampaign, PlannedRows, PostgresLedger,
    ReceivedCallback, RowSpans, Worker, conformance,
};
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Progress, RowKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::server::{Server, as_user, missing, own_server, server};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A campaign of one batch.
async fn campaign(ledger: &PostgresLedger, n_rows: u64) -> CampaignId {
    let rows: RowSpans = (1..=n_rows).map(|row| (row, row)).collect();
    let plan = vec![PlannedRows { first_row: None, rows, at_byte: 0, n_bytes: n_rows, digest: [7; 8] }];
    ledger.create(NewCampaign::new("autumn", "key", n_rows, NOW), Box::new(plan)).await.unwrap().campaign.id
}

async fn token(ledger: &PostgresLedger, campaign: CampaignId) -> u64 {
    ledger.claim(campaign, Claim::new(Worker::new("one", None), 1, NOW)).await.unwrap().leases[0].token
}

fn receipt(row: u64, progress: Progress) -> ReceivedCallback {
    let seen = MessageUpdate::new(MessageRef::Row(RowKey::new("key", row)), MessageState::new(progress));
    ReceivedCallback::new(Some(&Trigger::MessageDelivery), NOW).with_observation(seen)
}

/// The message that asks for a commit.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Passes bytes on between ledgers and the server, and cuts the connection at each commit whose number, counted
/// from 1, is one of these: before it reaches the server, or after the server has done it.
fn proxy(server: &Server, port: u16, before: &'static [usize], after: &'static [usize]) {
    let socket = |port: u16| server.folder().join(format!(".s.PGSQL.{port}"));
    let listener = UnixListener::bind(socket(port)).unwrap();
    let server = socket(5432);
    let commits = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(pass_on(client, server.clone(), Arc::clone(&commits), before, after));
        }
    });
}

async fn pass_on(
    mut client: UnixStream,
    server: impl AsRef<Path>,
    commits: Arc<AtomicUsize>,
    before: &'static [usize],
    after: &'static [usize],
) {
    let mut server = UnixStream::connect(server).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut is_last = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                if asked[..read].ends_with(COMMIT) {
                    let number = commits.fetch_add(1, Ordering::SeqCst) + 1;
                    if before.contains(&number) {
                        return;
                    }
                    is_last = after.contains(&number);
                }
                server.write_all(&asked[..read]).await.unwrap();
            }
            read = server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                // The end of the answer to a commit: ready, and not in a transaction.
                if is_last && answered[..read].ends_with(b"Z\0\0\0\x05I") {
                    return;
                }
                client.write_all(&answered[..read]).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_cut_at_commit_changes_nothing() {
    let Some(server) = server() else { return };
    // The campaign, a claim, the intent, the acceptance, the receipts: each is cut before its commit, and again after
    // it. Between the claim and the intent the seventh commit is left alone.
    proxy(server, 6001, &[1, 4, 8, 11, 14], &[2, 5, 9, 12, 15]);
    let url = server.schema_at(6001);
    let ledger = PostgresLedger::open(&url).await.unwrap().by_clock_of_callers();
    let campaign = campaign(&ledger, 10).await;
    let claimed = ledger.claim(campaign, Claim::new(Worker::new("one", None), 1, NOW)).await.unwrap();
    // The claim that was committed and not answered took the only batch: its lease has to lapse.
    assert!(claimed.leases.is_empty(), "{claimed:?}");
    let later = Timestamp::from_second(31).unwrap();
    let token = ledger.claim(campaign, Claim::new(Worker::new("one", None), 1, later)).await.unwrap().leases[0].token;
    ledger.record(campaign, Entry::Intent { number: 1, token, attempt: 1 }, later).await.unwrap();
    let accepted = Entry::Accepted { number: 1, batch_id: BatchId::new("A") };
    ledger.record(campaign, accepted, later).await.unwrap();
    let receipts = (1..=10).map(|row| receipt(row, Progress::Delivered)).collect();
    ledger.apply_callbacks(receipts).await.unwrap();

    // A group that was committed and not answered is counted once more.
    assert_eq!(ledger.callbacks().await.unwrap()[0].count, 20);

    assert!(ledger.losses() >= 10, "each of them is counted: {}", ledger.losses());

    let direct = PostgresLedger::open(&url.replace("port=6001", "port=5432")).await.unwrap();
    let status = direct.status(campaign).await.unwrap();
    assert_eq!((status.accepted, status.unknown, status.doubled), (10, 0, 0));
    assert_eq!((status.messages.delivered, status.messages.pending), (10, 0));
    let batches = direct.batches(campaign, 0, 9).await.unwrap();
    assert_eq!((batches.len(), batches[0].attempts), (1, 1));
    assert_eq!(direct.campaigns().await.unwrap().len(), 1);
    let pulse = direct.pulse(campaign, NOW, Timestamp::from_second(600).unwrap()).await.unwrap();
    assert_eq!(pulse.iter().map(|minute| minute.accepted).sum::<u64>(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_of_the_server_lose_no_acknowledged_receipt() {
    const ROWS: u64 = 100_000;
    /// Receipts of a group.
    const GROUP: u64 = 200;
    const CRASHES: usize = 8;
    let Some(server) = own_server() else { return };
    let server = Arc::new(server);
    let url = server.schema();
    let ledger = Arc::new(PostgresLedger::open(&url).await.unwrap());
    let campaign = campaign(&ledger, ROWS).await;
    let token = token(&ledger, campaign).await;
    ledger.record(campaign, Entry::Intent { number: 1, token, attempt: 1 }, NOW).await.unwrap();

    let answered = Arc::new(AtomicUsize::new(0));
    let sending = tokio::spawn({
        let (ledger, answered) = (Arc::clone(&ledger), Arc::clone(&answered));
        async move {
            let mut faults = 0;
            // Receivers give what they hold until it is answered, and again what was not.
            for first in (1..=ROWS).step_by(GROUP as usize) {
                let receipts: Vec<_> = (first..first + GROUP).map(|row| receipt(row, Progress::Delivered)).collect();
                loop {
                    match ledger.apply_callbacks(receipts.clone()).await {
                        Ok(_) => break,
                        Err(error) => assert_eq!(error.kind(), LedgerErrorKind::Busy, "{error:?}"),
                    }
                    faults += 1;
                    assert!(faults < 50);
                }
                answered.fetch_add(GROUP as usize, Ordering::SeqCst);
            }
        }
    });
    for crash in 1..=CRASHES {
        // At a part of the way, so that each crash is in the middle.
        while answered.load(Ordering::SeqCst) < crash * ROWS as usize / (CRASHES + 1) {
            tokio::task::yield_now().await;
        }
        let before = answered.load(Ordering::SeqCst);
        let crashing = Arc::clone(&server);
        tokio::task::spawn_blocking(move || crashing.crash()).await.unwrap();
        let other = PostgresLedger::open(&url).await.unwrap();
        assert!(other.status(campaign).await.unwrap().messages.delivered >= before as u64);
    }
    sending.await.unwrap();
    let status = ledger.status(campaign).await.unwrap();
    assert_eq!((status.messages.delivered, status.accepted), (ROWS, ROWS));
    // A group that was committed and not answered is counted once more.
    assert!(ledger.callbacks().await.unwrap()[0].count >= ROWS);
    assert_eq!(ledger.messages(campaign, 0, u32::MAX).await.unwrap().len() as u64, ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn standby_is_waited_for_until_it_is_promoted() {
    let Some(server) = own_server() else { return };
    let ledger = Arc::new(PostgresLedger::open(&server.schema()).await.unwrap());
    let campaign = campaign(&ledger, 10).await;
    server.lose_power();
    server.power_on_as_standby();
    let applying = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move { ledger.apply_callbacks(vec![receipt(1, Progress::Delivered)]).await }
    });
    // It has met the standby, which refuses to write.
    let refused = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' \
         AND pid <> pg_backend_pid() AND query LIKE '%FOR UPDATE%' OR query = 'ROLLBACK'";
    while server.psql(refused).trim() == "0" {}
    assert!(!applying.is_finished());
    server.promote();
    assert_eq!(applying.await.unwrap().unwrap(), [Some(Applied::Updated)]);
    assert_eq!(ledger.status(campaign).await.unwrap().messages.delivered, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_receivers_sum_up_to_what_one_does() {
    const ROWS: u64 = 600;
    let Some(server) = server() else { return };
    let url = server.schema();
    let ledger = PostgresLedger::open(&url).await.unwrap();
    let campaign = campaign(&ledger, ROWS).await;
    let mut receiving = Vec::new();
    for receiver in 0..3_u64 {
        let ledger = PostgresLedger::open(&url).await.unwrap();
        receiving.push(tokio::spawn(async move {
            // Each gets all of them, in its own order and its own groups; the first one makes the batch accepted.
            for part in 0..12 {
                let row = |nth: u64| (nth * [7, 11, 13][receiver as usize]) % ROWS + 1;
                let its = (part * 50..part * 50 + 50)
                    .flat_map(|nth| [receipt(row(nth), Progress::Queued), receipt(row(nth), Progress::Read)]);
                ledger.apply_callbacks(its.collect()).await.unwrap();
            }
        }));
    }
    for receiver in receiving {
        receiver.await.unwrap();
    }
    let status = ledger.status(campaign).await.unwrap();
    assert_eq!((status.accepted, status.messages.read, status.messages.total()), (ROWS, ROWS, ROWS));
    assert_eq!(ledger.callbacks().await.unwrap()[0].count, 3 * 2 * ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_claim_each_of_a_thousand_batches_once() {
    let Some(server) = server() else { return };
    let url = server.schema();
    let ledger = PostgresLedger::open(&url).await.unwrap();
    let plan: Vec<_> = (1..=1000_u64)
        .map(|row| PlannedRows {
            first_row: None,
            rows: [(row, row)].into_iter().collect(),
            at_byte: row,
            n_bytes: 1,
            digest: row.to_be_bytes(),
        })
        .collect();
    let created = ledger.create(NewCampaign::new("autumn", "key", 1000, NOW), Box::new(plan)).await;
    let campaign = created.unwrap().campaign.id;
    let mut working = Vec::new();
    for name in ["one", "two"] {
        let ledger = PostgresLedger::open(&url).await.unwrap();
        working.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claim = Claim::new(Worker::new(name, None), 16, NOW);
                let leases = ledger.claim(campaign, claim).await.unwrap().leases;
                if leases.is_empty() {
                    return mine;
                }
                mine.extend(leases.iter().map(|lease| lease.number));
            }
        }));
    }
    let mut claimed = Vec::new();
    for worker in working {
        claimed.extend(worker.await.unwrap());
    }
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=1000).collect::<Vec<u32>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_ledger_conforms_behind_a_pooler_in_transaction_mode() {
    let Some(server) = own_server() else { return };
    let Some(pgbouncer) = on_path("pgbouncer") else { return missing("pgbouncer") };
    let folder = server.folder().display();
    let settings = format!(
        "[databases]\npostgres = host={folder} port=5432\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {folder}\n\
         listen_port = 6432\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 500\n\
         logfile = {folder}/pgbouncer.log\n\
         ignore_startup_parameters = extra_float_digits\n"
    );
    let settings = settings.replace("postgres = host", "postgres = user=tester host");
    let file = server.folder().join("pgbouncer.ini");
    std::fs::write(&file, settings).unwrap();
    let log = std::fs::File::create(server.folder().join("pgbouncer.out")).unwrap();
    let mut pooler = as_user(pgbouncer, server.user());
    let mut pooler = pooler.arg("-q").arg(&file).stdin(std::process::Stdio::null()).stderr(log).spawn().unwrap();
    // Opening a ledger waits for a server that is just starting.
    conformance::run(async || PostgresLedger::open(&server.schema_at(6432)).await.unwrap().by_clock_of_callers()).await;
    assert_eq!(ledger_of(&server).await, Applied::Updated);
    pooler.kill().unwrap();
    pooler.wait().unwrap();
}

/// A receipt through the pooler.
async fn ledger_of(server: &Server) -> Applied {
    let ledger = PostgresLedger::open(&server.schema_at(6432)).await.unwrap();
    campaign(&ledger, 3).await;
    ledger.apply_callback(receipt(2, Progress::Read)).await.unwrap().unwrap()
}

fn on_path(program: &str) -> Option<std::path::PathBuf> {
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let debian = [std::path::PathBuf::from("/usr/sbin")];
    folders.into_iter().chain(debian).map(|folder| folder.join(program)).find(|file| file.is_file())
}
