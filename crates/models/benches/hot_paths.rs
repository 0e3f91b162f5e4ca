//! The two paths that run a million times in a campaign, each beside a hand-written struct that
//! reads and writes the same and knows nothing else: reading a delivery report, and writing a request
//! with 1000 recipients. The models aim to stay within 1.5 times of it.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use sinch_batch_models::{AppId, BatchRecipient, Callback, Channel, Message, Recipient, Recipients, SendBatchRequest};

const REPORT: &str = include_str!("../../../tests/wire/callback/message_delivery.failed.channel.json");

mod floor {
    use super::*;

    #[derive(Deserialize)]
    pub(super) struct Callback {
        #[expect(dead_code, reason = "read, not used")]
        app_id: Option<String>,
        #[expect(dead_code, reason = "read, not used")]
        project_id: Option<String>,
        #[expect(dead_code, reason = "read, not used")]
        accepted_time: Option<String>,
        #[expect(dead_code, reason = "read, not used")]
        event_time: Option<String>,
        #[expect(dead_code, reason = "read, not used")]
        message_metadata: Option<String>,
        #[expect(dead_code, reason = "read, not used")]
        correlation_id: Option<String>,
        #[expect(dead_code, reason = "read, not used")]
        message_delivery_report: Option<Report>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read, not used")]
    struct Report {
        message_id: Option<String>,
        conversation_id: Option<String>,
        status: Option<String>,
        channel_identity: Option<Identity>,
        contact_id: Option<String>,
        reason: Option<Reason>,
        metadata: Option<String>,
        processing_mode: Option<String>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read, not used")]
    struct Identity {
        channel: Option<String>,
        identity: Option<String>,
        app_id: Option<String>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read, not used")]
    struct Reason {
        code: Option<String>,
        description: Option<String>,
        sub_code: Option<String>,
        channel_code: Option<String>,
    }

    #[derive(Serialize)]
    pub(super) struct Request {
        pub(super) app_id: String,
        pub(super) message: Message,
        pub(super) recipient_and_params: Vec<Recipient>,
    }

    #[derive(Serialize)]
    pub(super) struct Message {
        pub(super) text_message: PrivateText,
    }

    #[derive(Serialize)]
    pub(super) struct PrivateText {
        pub(super) text: String,
    }

    #[derive(Serialize)]
    pub(super) struct Recipient {
        pub(super) recipient: By,
        pub(super) parameters: BTreeMap<String, String>,
        pub(super) message_metadata: BTreeMap<String, String>,
    }

    #[derive(Serialize)]
    pub(super) struct By {
        pub(super) identified_by: Identities,
    }

    #[derive(Serialize)]
    pub(super) struct Identities {
        pub(super) channel_identities: Vec<One>,
    }

    #[derive(Serialize)]
    pub(super) struct One {
        pub(super) channel: String,
        pub(super) identity: String,
    }
}

const TEXT: &str = "Hi ${first_name}, your parcel ${parcel} arrives between ${from} and ${to}.";

fn parameters(row: usize) -> [(&'static str, String); 4] {
    [
        ("first_name", format!("Ines {row}")),
        ("from", "09:00".to_owned()),
        ("parcel", format!("PK-{row}")),
        ("to", "11:00".to_owned()),
    ]
}

fn request() -> SendBatchRequest {
    let recipients = (0..1000).map(|row| {
        let recipient = BatchRecipient::new(Recipient::identity(Channel::Sms, format!("+1555{row:07}")));
        parameters(row)
            .into_iter()
            .fold(recipient, |recipient, (name, value)| recipient.with_parameter(name, value))
            .with_message_metadata("sinch_batch_row", format!("01234567890123456789012345678901.{row}"))
    });
    let recipients: Vec<_> = recipients.collect();
    SendBatchRequest::new(
        AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"),
        Message::text(TEXT),
        Recipients::try_from(recipients).expect("1000 recipients"),
    )
}

fn floor_request() -> floor::Request {
    floor::Request {
        app_id: "01KZ4EBHKN27EZJ4Q91V5C36G1".to_owned(),
        message: floor::Message { text_message: floor::PrivateText { text: TEXT.to_owned() } },
        recipient_and_params: (0..1000)
            .map(|row| floor::Recipient {
                recipient: floor::By {
                    identified_by: floor::Identities {
                        channel_identities: vec![floor::One {
                            channel: "SMS".to_owned(),
                            identity: format!("+1555{row:07}"),
                        }],
                    },
                },
                parameters: parameters(row).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                message_metadata: [("sinch_batch_row".to_owned(), format!("01234567890123456789012345678901.{row}"))]
                    .into(),
            })
            .collect(),
    }
}

fn read_report(criterion: &mut Criterion) {
    // As it comes over the network: in one line.
    let compact: serde_json::Value = serde_json::from_str(REPORT).expect("a sample");
    let json = compact.to_string();
    let mut group = criterion.benchmark_group("read a delivery report");
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("floor", |bencher| {
        bencher.iter(|| serde_json::from_slice::<floor::Callback>(black_box(json.as_bytes())).expect("a report"));
    });
    group.bench_function("models", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Callback>(black_box(json.as_bytes())).expect("a report"));
    });
    group.finish();
}

fn write_request(criterion: &mut Criterion) {
    let (floor, models) = (floor_request(), request());
    let written = serde_json::to_string(&models).expect("a request");
    assert_eq!(serde_json::to_string(&floor).expect("a request"), written);
    let mut group = criterion.benchmark_group("write 1000 recipients");
    group.throughput(Throughput::Bytes(written.len() as u64));
    group.bench_function("floor", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&floor)).expect("a request"));
    });
    group.bench_function("models", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&models)).expect("a request"));
    });
    group.finish();
}

criterion_group!(benches, read_report, write_request);
criterion_main!(benches);
