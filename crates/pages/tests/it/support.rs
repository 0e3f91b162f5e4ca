//! A report of a made-up campaign, and a strict reader of the HTML that we write.

use std::time::Duration;

use sinch_batch_models::Timestamp;
use sinch_batch_pages::report::{AttemptsView, BatchView, FailureView, PulseView, ReasonView, ReportView, RetryAdvice};

/// Messages delivered in each minute: the queue lets out about 20 a second, and some phones were off.
const DELIVERED: [u64; 40] = [
    0, 1_034, 1_118, 1_146, 1_133, 1_151, 1_139, 1_127, 1_142, 301, 96, 58, 39, 27, 21, 17, 13, 11, 9, 8, 7, 6, 6, 5,
    5, 4, 4, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0,
];
/// Messages read in each minute.
const READ: [u64; 40] = [
    0, 31, 98, 164, 207, 232, 244, 241, 238, 238, 209, 176, 149, 127, 109, 94, 82, 72, 63, 56, 49, 44, 39, 35, 31, 28,
    25, 22, 20, 18, 16, 14, 13, 12, 10, 9, 8, 7, 6, 5,
];
/// Messages failed in each minute; the last ones timed out.
const FAILED: [u64; 40] = [
    0, 24, 19, 22, 20, 25, 17, 21, 22, 15, 3, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 11, 5, 0,
    0, 0, 0, 0, 0,
];

/// A campaign of 10,000 rows over 40 minutes, always the same.
pub(crate) fn campaign() -> ReportView {
    let mut view = ReportView::new("autumn-sale", "2026-08-21T15:20:00Z".parse().unwrap());
    view.phase = "done".to_owned();
    view.created = Some("2026-08-21T14:02:11Z".parse().unwrap());
    view.message_kind = "card_message".to_owned();
    view.message_fingerprint = "9a3f51c07e2b".to_owned();
    view.input = "customers.csv".to_owned();
    view.input_fingerprint = "51d0b7ce44a1".to_owned();
    view.version = "0.1.0".to_owned();
    (view.rows, view.skipped, view.accepted) = (10_000, 12, 9_988);
    view.messages.pending = 21;
    view.messages.queued = 103;
    view.messages.delivered = 6_407;
    view.messages.read = 3_241;
    view.messages.failed = 216;
    view.batches.accepted = 10;
    view.attempts = [(1, 8), (2, 2)].map(|(attempts, batches)| AttemptsView { attempts, batches }).into();
    view.first_receipt = Some(Duration::from_secs(70));
    let start: Timestamp = "2026-08-21T14:02:00Z".parse().unwrap();
    for (minute, (delivered, (read, failed))) in (0..).zip(DELIVERED.into_iter().zip(READ.into_iter().zip(FAILED))) {
        let from = Timestamp::from_second(start.as_second() + minute * 60).unwrap();
        let accepted = if minute == 0 { 9_988 } else { 0 };
        view.pulse.push(PulseView { from, accepted, queued: 0, delivered, read, failed });
    }
    view.reasons = vec![
        ReasonView::new(
            "RECIPIENT_NOT_REACHABLE",
            118,
            RetryAdvice::TryAgain,
            "Send them again; the phone was off or out of reach.",
        ),
        ReasonView::new("RECIPIENT_INVALID_CHANNEL_IDENTITY", 61, RetryAdvice::Fix, "Fix the number in the file."),
        ReasonView::new(
            "DELIVERY_TIMED_OUT",
            25,
            RetryAdvice::Ask,
            "Some of these may have arrived. Ask, or wait for late receipts.",
        ),
        ReasonView::new("RECIPIENT_NOT_OPTED_IN", 12, RetryAdvice::Never, "They do not want it."),
    ];
    view.failures = (0..60)
        .map(|at| FailureView {
            row: 17 + at * 163,
            line: 18 + at * 163,
            code: view.reasons[usize::try_from(at % 4).unwrap()].code.clone(),
            description: "The recipient could not be reached within the time to live of the message.".to_owned(),
        })
        .collect();
    view.all_failures = "sinch-batch report autumn-sale --format csv".to_owned();
    view.odd_batches = vec![
        BatchView {
            number: 3,
            first_row: 2_001,
            rows: 1_000,
            status: "ACCEPTED".to_owned(),
            attempts: 2,
            batch_id: "01K3BVQ2W9".to_owned(),
            ..BatchView::default()
        },
        BatchView {
            number: 7,
            first_row: 6_001,
            rows: 1_000,
            status: "DELIVERED".to_owned(),
            attempts: 2,
            batch_id: "01K3BVQ7A4".to_owned(),
            why: "no response within 30s; found by a look-up".to_owned(),
            ..BatchView::default()
        },
    ];
    view.n_odd_batches = 2;
    view
}

/// One tag as it stands: its name, and its attributes with their values still escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

/// The tags of a page. Reads what maud writes: quoted values, no stray `<`.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let mut tag = Tag { name: String::new(), attributes: Vec::new() };
        let end = after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len());
        tag.name = after[..end].to_owned();
        rest = &after[end..];
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let end = rest.find(['=', '>', ' ']).expect("a tag ends");
            let name = rest[..end].to_owned();
            rest = &rest[end..];
            let value = rest.strip_prefix("=\"").map_or("", |quoted| {
                let (value, after) = quoted.split_once('"').expect("a value ends");
                rest = after;
                value
            });
            tag.attributes.push((name, value.to_owned()));
        }
        if tag.name == "style" {
            rest = rest.split_once("</style>").expect("the style ends").1;
        }
        tags.push(tag);
    }
    tags
}
