//! Campaigns, their plans, and the guard against the same send.

use sinch_batch_models::Fingerprint;

use super::{Bench, KEY, accepted, assert_kind, both, create, digest, now, plan, plan_of, refused, rows};
use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::entry::{BatchStage, Entry};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::lease::{Claim, LEASE};
use crate::ledger::Ledger;
use crate::plan::{MAX_BATCHES, Plan, PlannedRows};
use crate::rows::RowSpans;
use crate::status::{BatchCounts, CampaignStatus, Phase};
use crate::worker::Worker;

pub(super) async fn run<L: Ledger>(make: &mut impl AsyncFnMut() -> L) {
    campaigns_are_kept_as_they_were_given(&make().await).await;
    a_plan_is_kept_as_it_was_given(&make().await).await;
    impossible_campaigns_are_refused(&make().await).await;
    impossible_plans_are_refused(&make().await).await;
    an_unknown_campaign_is_said_to_be_unknown(&make().await).await;
    campaigns_do_not_mix(&make().await).await;
    the_same_input_is_refused_for_ever(&make().await).await;
    the_same_path_is_refused_while_unfinished(&make().await).await;
    a_batch_in_common_is_refused(&make().await).await;
    another_app_or_message_is_another_send(&make().await).await;
    practice_is_compared_with_nothing(&make().await).await;
    a_duplicate_can_be_allowed(&make().await).await;
    a_cancelled_campaign_guards_what_may_have_arrived(&make().await).await;
    a_retry_in_other_batches_guards_those_of_its_cancelled_parent(&make().await).await;
    another_message_over_the_same_input_is_told(&make().await).await;
    one_of_two_that_are_created_at_once_wins(&make().await).await;
}

async fn campaigns_are_kept_as_they_were_given<L: Ledger>(ledger: &L) {
    let mut new =
        NewCampaign::new("autumn \u{2603}", KEY, 10, "2031-09-14T10:05:00.123456789Z".parse().expect("a time"));
    new.project = "project".to_owned();
    new.app = "app".to_owned();
    new.service = "https://eu.example.com".to_owned();
    new.input = "/home/ines/recipients.csv".to_owned();
    new.input_fingerprint = Some(bytes("sha256:1"));
    new.message = "Hello ${name}".to_owned();
    new.message_fingerprint = Some(bytes("sha256:2"));
    new.request = r#"{"ttl":"10s"}"#.to_owned();
    new.request_fingerprint = Some(bytes("sha256:3"));
    new.skipped = 3;
    new.batch_size = 7;
    new.practice = true;
    new.settings = r#"{"resend_after":30}"#.to_owned();
    assert_eq!(ledger.campaign(&new.name).await.expect("an answer"), None);
    let created = create(ledger, new.clone(), plan(KEY, &[7])).await.expect("a new campaign");
    assert_eq!((&created.campaign, created.same_input), (&new.clone().with_id(created.campaign.id), None));
    assert_eq!(ledger.campaign(&new.name).await.expect("an answer"), Some(created.campaign.clone()));
    let other = Bench::named(ledger, "winter", "other", &[]).await;
    assert_eq!(ledger.campaigns().await.expect("all"), [created.campaign.clone(), other.campaign.clone()]);
    let status = ledger.status(created.campaign.id).await.expect("the status");
    let batches = BatchCounts { planned: 1, ..BatchCounts::default() };
    assert_eq!(status, CampaignStatus { rows: 10, skipped: 3, planned: 7, batches, ..CampaignStatus::default() });
    // Where nothing is to be sent, everything is done.
    assert_eq!(other.status().await.phase, Phase::Done);
}

async fn a_plan_is_kept_as_it_was_given<L: Ledger>(ledger: &L) {
    let mut new = NewCampaign::new("autumn", KEY, 12, now());
    new.skipped = 5;
    // Skipped rows are missing from batches, and between them.
    let with_gaps: RowSpans = [(2, 3), (3, 4), (6, 9)].into_iter().collect();
    let bench = Bench::of(ledger, new, plan_of(KEY, [with_gaps.clone(), rows(8..=11)])).await;
    let batches = bench.batches().await;
    assert_eq!(batches.iter().map(|batch| batch.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(batches.iter().map(|batch| &batch.rows).collect::<Vec<_>>(), [&with_gaps, &rows(8..=11)]);
    assert!(batches.iter().all(|batch| batch.stage == BatchStage::Planned && batch.last_attempt.is_none()));
    assert_eq!((bench.status().await.planned, bench.status().await.batches.total()), (7, 2));
    ledger.begin_run(bench.id(), LEASE).await.expect("the sums agree with the batches");
}

async fn impossible_campaigns_are_refused<L: Ledger>(ledger: &L) {
    Bench::new(ledger, &[10]).await;
    let refused = async |name: &str, key: &str, rows, kind| {
        let new = NewCampaign::new(name, key, rows, now());
        assert_kind(create(ledger, new, plan("other", &[rows.min(9)])).await, kind);
    };
    refused("autumn", "other", 1, LedgerErrorKind::NameTaken).await;
    refused("other", KEY, 1, LedgerErrorKind::Impossible).await;
    refused("", "other", 1, LedgerErrorKind::Impossible).await;
    refused("other", "", 1, LedgerErrorKind::Impossible).await;
    refused("other", "other", u64::MAX, LedgerErrorKind::Impossible).await;
    let mut skipping = NewCampaign::new("other", "other", 1, now());
    skipping.skipped = 2;
    assert_kind(create(ledger, skipping, Vec::new()).await, LedgerErrorKind::Impossible);
    assert_eq!(ledger.campaigns().await.expect("all").len(), 1);
}

/// More batches than a campaign may have, without as much memory.
struct TooMany;

impl Plan for TooMany {
    fn batches(&self) -> Box<dyn Iterator<Item = PlannedRows> + '_> {
        Box::new((1..=u64::from(MAX_BATCHES) + 1).map(|row| PlannedRows {
            first_row: None,
            rows: rows(row..=row),
            at_byte: row,
            n_bytes: 1,
            digest: row.to_be_bytes(),
        }))
    }
}

async fn impossible_plans_are_refused<L: Ledger>(ledger: &L) {
    let new = |rows| NewCampaign::new("autumn", KEY, rows, now());
    let out_of_order: RowSpans = [(2, 3), (1, 2), (3, 4), (4, 5)].into_iter().collect();
    let twice: RowSpans = [(1, 2), (2, 3), (2, 4), (3, 5)].into_iter().collect();
    for (what, batches) in [
        ("a row missing at the end", vec![rows(1..=3)]),
        ("a row missing between", vec![rows(1..=2), rows(4..=4)]),
        ("no batch", vec![]),
        ("an empty batch", vec![rows(1..=4), RowSpans::new()]),
        ("a row in two batches", vec![rows(1..=2), rows(2..=3)]),
        ("a row twice in a batch", vec![twice]),
        ("rows out of order", vec![out_of_order]),
        ("batches out of order", vec![rows(3..=4), rows(1..=2)]),
        ("a row that is none", vec![rows(0..=3)]),
        ("a row beyond the end", vec![rows(2..=5)]),
        ("a row too many", vec![rows(1..=5)]),
        ("the last row there can be", vec![rows(1..=3), [(u64::MAX, 1)].into_iter().collect()]),
    ] {
        let error = create(ledger, new(4), plan_of(KEY, batches)).await.expect_err(what);
        assert_eq!(error.kind(), LedgerErrorKind::Impossible, "{what}");
    }
    for (what, first_row) in [("a range that begins in the batch before it", 2), ("rows before their range", 4)] {
        let mut batches = plan(KEY, &[2, 2]);
        batches[1].first_row = Some(first_row);
        assert_eq!(
            create(ledger, new(4), batches).await.expect_err(what).kind(),
            LedgerErrorKind::Impossible,
            "{what}"
        );
    }
    let created = ledger.create(new(u64::from(MAX_BATCHES) + 1), Box::new(TooMany)).await;
    assert_kind(created, LedgerErrorKind::PlanTooLarge);
    assert_eq!(ledger.campaigns().await.expect("all"), []);
    // Nothing of them has stayed.
    Bench::of(ledger, new(4), plan(KEY, &[2, 2])).await;
}

async fn an_unknown_campaign_is_said_to_be_unknown<L: Ledger>(ledger: &L) {
    const KIND: LedgerErrorKind = LedgerErrorKind::NoSuchCampaign;
    let nobody = CampaignId::new(77);
    assert_kind(ledger.cancel(nobody).await, KIND);
    assert_kind(ledger.begin_run(nobody, LEASE).await, KIND);
    assert_kind(ledger.claim(nobody, Claim::new(Worker::new("one", None), 1, now())).await, KIND);
    assert_kind(ledger.renew(nobody, "one", vec![(1, 1)], LEASE, now()).await, KIND);
    assert_kind(ledger.release(nobody, "one", now()).await, KIND);
    assert_kind(ledger.record(nobody, accepted(1, "A"), now()).await, KIND);
    assert_kind(ledger.status(nobody).await, KIND);
    assert_kind(ledger.batches(nobody, 0, 1).await, KIND);
    assert_kind(ledger.failures(nobody, 0, 1).await, KIND);
    assert_kind(ledger.message(nobody, 1).await, KIND);
}

async fn campaigns_do_not_mix<L: Ledger>(ledger: &L) {
    let one = Bench::new(ledger, &[3, 3]).await;
    let two = Bench::named(ledger, "winter", "other", &[3]).await;
    one.try_batch(1).await;
    assert_eq!((two.status().await.unknown, two.batch(1).await.attempts), (0, 0));
    // One worker, two campaigns: each is released alone.
    let claimed = (one.claim("one", 9, now()).await.leases, two.claim("one", 9, now()).await.leases);
    assert_eq!((claimed.0.len(), claimed.1.len()), (1, 1));
    one.release("one", now()).await;
    assert_eq!(one.claim("two", 9, now()).await.leases.len(), 1);
    assert_eq!(two.claim("two", 9, now()).await.leases.len(), 0);
    ledger.cancel(one.id()).await.expect("cancelled");
    assert_eq!(two.status().await.phase, Phase::Running);
    two.recorded(accepted(1, "A")).await;
    assert_eq!((one.status().await.accepted, two.status().await.accepted), (0, 3));
}

/// A fingerprint of its own for each text.
fn bytes(text: &str) -> Fingerprint {
    let mut sha256 = [0; 32];
    for (byte, of) in sha256.iter_mut().zip(text.bytes()) {
        *byte = of;
    }
    Fingerprint::new(sha256, text.len() as u64)
}

/// A campaign with everything by which sends are compared. Each has a name and a key of its own.
fn send(name: &str, rows: u64) -> NewCampaign {
    let mut new = NewCampaign::new(name, format!("key of {name}"), rows, now());
    new.project = "project".to_owned();
    new.app = "app".to_owned();
    new.service = "https://eu.example.com".to_owned();
    new.message_fingerprint = Some(bytes("message"));
    new.input = format!("/{name}.csv");
    new.input_fingerprint = Some(bytes(&format!("bytes of {name}")));
    new
}

/// The error says which campaign it is, and how that stands.
#[track_caller]
fn assert_duplicate<T: std::fmt::Debug>(result: Result<T, LedgerError>, of: &CampaignRecord) -> CampaignStatus {
    let error = result.expect_err("a duplicate");
    assert_eq!(error.kind(), LedgerErrorKind::Duplicate);
    assert!(error.to_string().contains(&of.name), "{error}");
    let earlier = error.duplicate_of().expect("which campaign it is");
    assert_eq!(&earlier.campaign, of);
    earlier.status
}

async fn finish<L: Ledger>(bench: &Bench<'_, L>) {
    for batch in bench.batches().await.iter().filter(|batch| batch.stage != BatchStage::Accepted) {
        bench.try_batch(batch.number).await;
        let id = format!("{} of {}", batch.number, bench.campaign.name);
        bench.recorded(accepted(batch.number, &id)).await;
    }
    assert_eq!(bench.status().await.phase, Phase::Done);
}

async fn the_same_input_is_refused_for_ever<L: Ledger>(ledger: &L) {
    let bench = Bench::of(ledger, send("autumn", 3), plan("rows", &[3])).await;
    // By its bytes alone: another path, another cut into batches.
    let mut again = send("again", 3);
    again.input_fingerprint = Some(bytes("bytes of autumn"));
    let refused = async || create(ledger, again.clone(), plan("others", &[1, 2])).await;
    let status = assert_duplicate(refused().await, &bench.campaign);
    assert_eq!((status.planned, status.accepted), (3, 0));
    finish(&bench).await;
    assert_eq!(assert_duplicate(refused().await, &bench.campaign), bench.status().await);
    // What else the request says does not matter, nor does the name.
    again.request_fingerprint = Some(bytes("later"));
    again.name = "autumn".to_owned();
    assert_duplicate(create(ledger, again, plan("others", &[3])).await, &bench.campaign);
    assert_eq!(ledger.campaigns().await.expect("all").len(), 1);
    // Inputs without a fingerprint are not the same.
    for name in ["one", "two"] {
        let mut new = send(name, 3);
        (new.input, new.input_fingerprint) = (String::new(), None);
        create(ledger, new, plan(name, &[3])).await.expect("another input");
    }
}

async fn the_same_path_is_refused_while_unfinished<L: Ledger>(ledger: &L) {
    let bench = Bench::of(ledger, send("autumn", 3), plan("rows", &[3])).await;
    let mut edited = send("edited", 4);
    edited.input = "/autumn.csv".to_owned();
    let created = async || create(ledger, edited.clone(), plan("others", &[4])).await;
    assert_duplicate(created().await, &bench.campaign);
    bench.try_batch(1).await;
    assert_duplicate(created().await, &bench.campaign);
    bench.recorded(refused(1, 1, "no")).await;
    assert_duplicate(created().await, &bench.campaign);
    bench.recorded(accepted(1, "A")).await;
    created().await.expect("the path of a campaign that is done");
}

async fn a_batch_in_common_is_refused<L: Ledger>(ledger: &L) {
    let bench = Bench::of(ledger, send("autumn", 6), plan("rows", &[2, 2, 2])).await;
    bench.try_batch(1).await;
    bench.recorded(accepted(1, "A")).await;
    bench.try_batch(2).await;
    // Batch 1 is accepted, 2 unknown, 3 planned; each alone is enough.
    for number in 1..=3 {
        let mut batches = plan(&format!("others {number}"), &[2, 2]);
        batches[1].digest = digest("rows", number);
        let created = create(ledger, send(&format!("other {number}"), 4), batches).await;
        assert_duplicate(created, &bench.campaign);
    }
    // A row was appended.
    let created = create(ledger, send("appended", 7), plan("rows", &[2, 2, 2, 1])).await;
    assert_duplicate(created, &bench.campaign);
    finish(&bench).await;
    let created = create(ledger, send("appended", 7), plan("rows", &[2, 2, 2, 1])).await;
    assert_duplicate(created, &bench.campaign);
    assert_eq!(ledger.campaigns().await.expect("all").len(), 1);
    create(ledger, send("others", 7), plan("others", &[2, 2, 2, 1])).await.expect("other recipients");
}

async fn another_app_or_message_is_another_send<L: Ledger>(ledger: &L) {
    let autumn = Bench::of(ledger, send("autumn", 3), plan("rows", &[3])).await;
    let change: [fn(&mut NewCampaign); 4] = [
        |new| new.project.push('2'),
        |new| new.app.push('2'),
        |new| new.service.push('2'),
        |new| new.message_fingerprint = Some(bytes("message2")),
    ];
    for (number, change) in change.iter().enumerate() {
        let mut other = send(&format!("other {number}"), 3);
        (other.input, other.input_fingerprint) = (autumn.campaign.input.clone(), Some(bytes("bytes of autumn")));
        change(&mut other);
        create(ledger, other, plan("rows", &[3])).await.expect("another send");
    }
}

async fn practice_is_compared_with_nothing<L: Ledger>(ledger: &L) {
    let practice = |name: &str| {
        let mut new = send(name, 3);
        (new.input, new.input_fingerprint) = ("/rows.csv".to_owned(), Some(bytes("bytes")));
        new.practice = true;
        new
    };
    let real = |name: &str| NewCampaign { practice: false, ..practice(name) };
    for name in ["practice", "more practice"] {
        let created = create(ledger, practice(name), plan("rows", &[3])).await.expect("practice");
        assert_eq!(created.same_input, None);
    }
    let created = create(ledger, real("autumn"), plan("rows", &[3])).await.expect("the first that is real");
    assert_eq!(created.same_input, None);
    create(ledger, practice("practice again"), plan("rows", &[3])).await.expect("practice");
    assert_duplicate(create(ledger, real("again"), plan("rows", &[3])).await, &created.campaign);
}

async fn a_duplicate_can_be_allowed<L: Ledger>(ledger: &L) {
    Bench::of(ledger, send("autumn", 3), plan("rows", &[3])).await;
    let mut again = send("again", 3);
    again.allow_duplicate = true;
    (again.input, again.input_fingerprint) = ("/autumn.csv".to_owned(), Some(bytes("bytes of autumn")));
    let allowed = create(ledger, again.clone(), plan("rows", &[3])).await.expect("it is allowed").campaign;
    // That one guards as well as the first; the latest is named.
    let third = NewCampaign { name: "third".to_owned(), key: "third".into(), allow_duplicate: false, ..again.clone() };
    assert_duplicate(create(ledger, third, plan("rows", &[3])).await, &allowed);
    // A name and a key are one campaign's even so.
    assert_kind(create(ledger, again.clone(), plan("rows", &[3])).await, LedgerErrorKind::NameTaken);
    let same_key = NewCampaign { name: "third".to_owned(), ..again };
    assert_kind(create(ledger, same_key, plan("rows", &[3])).await, LedgerErrorKind::Impossible);
}

async fn a_cancelled_campaign_guards_what_may_have_arrived<L: Ledger>(ledger: &L) {
    let bench = Bench::of(ledger, send("autumn", 8), plan("rows", &[2, 2, 2, 2])).await;
    bench.try_batch(1).await;
    bench.recorded(refused(1, 1, "no")).await;
    // The second attempt was refused, of the first nobody knows.
    bench.try_batch(2).await;
    bench.recorded(Entry::Returned { number: 2, attempt: 1 }).await;
    bench.try_batch(2).await;
    bench.recorded(refused(2, 2, "no")).await;
    ledger.cancel(bench.id()).await.expect("cancelled");
    let like = |name: &str| {
        let mut new = send(name, 2);
        (new.input, new.input_fingerprint) = ("/autumn.csv".to_owned(), Some(bytes("bytes of autumn")));
        new
    };
    let with_batch = |number: usize| {
        plan("rows", &[2, 2, 2, 2])
            .drain(number - 1..number)
            .map(|planned| PlannedRows { rows: rows(1..=2), ..planned })
            .collect::<Vec<_>>()
    };
    // Nothing has arrived of the first and the third batch.
    create(ledger, NewCampaign { practice: true, ..like("practice") }, with_batch(1)).await.expect("practice");
    assert_duplicate(create(ledger, like("second"), with_batch(2)).await, &bench.campaign);
    let first = create(ledger, send("first", 2), with_batch(1)).await.expect("it was refused").campaign;
    ledger.cancel(first.id).await.expect("cancelled");
    let third = create(ledger, like("third"), with_batch(3)).await.expect("it was never tried").campaign;
    ledger.cancel(third.id).await.expect("cancelled");

    // Proof may come after the end: from then on it guards its whole input again.
    bench.recorded(accepted(4, "D")).await;
    assert_duplicate(create(ledger, like("third again"), with_batch(3)).await, &bench.campaign);
    assert_duplicate(create(ledger, send("fourth", 2), with_batch(4)).await, &bench.campaign);
    create(ledger, send("third at last", 2), with_batch(3)).await.expect("another input, and never tried");
}

async fn a_retry_in_other_batches_guards_those_of_its_cancelled_parent<L: Ledger>(ledger: &L) {
    let bench = Bench::of(ledger, send("autumn", 3), plan("rows", &[3])).await;
    ledger.cancel(bench.id()).await.expect("cancelled");
    let mut again = send("again", 3);
    (again.parent, again.input_fingerprint) = (Some(bench.id()), bench.campaign.input_fingerprint);
    // It begins with a canary, so it has no batch in common with its parent.
    let retry = Bench::of(ledger, again, plan("others", &[1, 2])).await;
    // A row was appended.
    let appended = async |name: &str| create(ledger, send(name, 4), plan("rows", &[3, 1])).await;
    assert_duplicate(appended("planned").await, &retry.campaign);
    retry.try_batch(1).await;
    retry.recorded(accepted(1, "A")).await;
    ledger.cancel(retry.id()).await.expect("cancelled");
    assert_duplicate(appended("accepted").await, &retry.campaign);
}

async fn another_message_over_the_same_input_is_told<L: Ledger>(ledger: &L) {
    let autumn = Bench::of(ledger, send("autumn", 3), plan("rows", &[3])).await;
    let winter = |name: &str| {
        let mut new = send(name, 3);
        new.message_fingerprint = Some(bytes(name));
        new
    };
    let same_input = async |new: NewCampaign| {
        let created = create(ledger, new, plan("rows", &[3])).await.expect("another message");
        ledger.cancel(created.campaign.id).await.expect("cancelled");
        created.same_input
    };
    let by_path = |name: &str| NewCampaign { input: "/autumn.csv".to_owned(), ..winter(name) };
    let by_bytes = |name: &str| NewCampaign { input_fingerprint: Some(bytes("bytes of autumn")), ..winter(name) };
    assert_eq!(same_input(by_path("path")).await.as_deref(), Some("autumn"));
    assert_eq!(same_input(by_bytes("bytes")).await.as_deref(), Some("autumn"));
    assert_eq!(same_input(winter("other")).await, None);
    let practice = NewCampaign { practice: true, ..by_path("practice") };
    assert_eq!(same_input(practice).await, None);
    finish(&autumn).await;
    assert_eq!(same_input(by_path("later")).await, None);
    // Of inputs without path and fingerprint nobody knows whether they are the same.
    let unknown = |name: &str| NewCampaign { input: String::new(), input_fingerprint: None, ..winter(name) };
    create(ledger, unknown("one"), plan("one", &[3])).await.expect("a campaign");
    assert_eq!(same_input(unknown("two")).await, None);
}

async fn one_of_two_that_are_created_at_once_wins<L: Ledger>(ledger: &L) {
    for round in 0..20 {
        let new = |side: &str| NewCampaign {
            input_fingerprint: Some(bytes(&format!("bytes {round}"))),
            ..send(&format!("{side} {round}"), 3)
        };
        let batches = || plan(&format!("rows {round}"), &[3]);
        let (one, other) = both(create(ledger, new("left"), batches()), create(ledger, new("right"), batches())).await;
        match (one, other) {
            (Ok(created), Err(error)) | (Err(error), Ok(created)) => {
                assert_duplicate::<()>(Err(error), &created.campaign);
            }
            outcomes => panic!("one has to win: {outcomes:?}"),
        }
    }
}
