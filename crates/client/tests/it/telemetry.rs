//! Telemetry of a call: its span, and its counts.

#[cfg(feature = "metrics")]
use std::collections::BTreeMap;
#[cfg(feature = "metrics")]
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;
use http::Request;
use sinch_batch_auth::AccessToken;
use sinch_batch_client::{Client, Region};
use sinch_batch_models::{BatchId, ProjectId};
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::batch;
use crate::log::Log;

/// Busy once, then well, with an id for the request.
fn client() -> Client {
    let requests = Mutex::new(0);
    Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_region(Region::Us)
        .with_transport(move |_: Request<Bytes>| {
            *requests.lock().unwrap() += 1;
            let number = *requests.lock().unwrap();
            async move {
                let status = if number == 1 { 429 } else { 200 };
                let answer = http::Response::builder().status(status).header("x-request-id", format!("r-{number}"));
                Ok(answer.body(Bytes::from(r#"{"batch_id":"b"}"#)).unwrap())
            }
        })
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn span_of_a_call_holds_operation_status_attempts_ids_and_counts() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .without_time()
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(move || writer.clone())
        .finish();
    async {
        let client = client();
        client.send_batch(&batch()).await.unwrap();
        client.batch_status(&BatchId::new("b")).await.unwrap();
    }
    .with_subscriber(subscriber)
    .await;
    let log = log.text();
    let spans: Vec<_> = log
        .lines()
        .filter(|line| line.ends_with(": close"))
        .map(|line| line[line.find('{').unwrap() + 1..line.find("}: ").unwrap()].to_owned())
        .collect();
    assert_eq!(
        spans,
        [
            r#"operation="send_batch" method="POST" path="/v1/projects/{project_id}/messages" items=1 bytes=286 attempts=2 status=200 request_id="r-2""#,
            r#"operation="batch_status" method="GET" path="/v1/projects/{project_id}/messages/{batch_id}" batch_id="b" bytes=0 attempts=1 status=200 request_id="r-3""#,
        ]
    );
}

#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn calls_requests_and_repeats_are_counted() {
    use metrics::{
        Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    /// Every count and measurement by its key.
    #[derive(Clone, Default)]
    struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

    struct One(Counts, String);

    impl CounterFn for One {
        fn increment(&self, value: u64) {
            *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
        }
        fn absolute(&self, value: u64) {
            self.0.0.lock().unwrap().insert(self.1.clone(), value);
        }
    }

    impl HistogramFn for One {
        fn record(&self, _: f64) {
            self.increment(1);
        }
    }

    impl Counts {
        fn one(&self, key: &Key) -> Arc<One> {
            let labels: Vec<_> = key.labels().map(|label| label.value().to_owned()).collect();
            let name = key.name().strip_prefix("sinch_batch_client_").unwrap();
            Arc::new(One(self.clone(), format!("{name} {}", labels.join(" "))))
        }
    }

    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.one(key))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.one(key))
        }
    }

    let counts = Counts::default();
    let _guard = metrics::set_default_local_recorder(&counts);
    let client = client();
    client.send_batch(&batch()).await.unwrap();
    client.batch_status(&BatchId::new("")).await.unwrap_err();
    client.batch_status(&BatchId::new("b")).await.unwrap();
    let counted: Vec<_> = counts.0.lock().unwrap().iter().map(|(key, count)| format!("{key}: {count}")).collect();
    assert_eq!(
        counted,
        [
            "calls_total batch_status ok: 1",
            "calls_total send_batch ok: 1",
            "repeats_total send_batch: 1",
            "request_seconds batch_status: 1",
            "request_seconds send_batch: 2",
            "requests_total batch_status 200: 1",
            "requests_total send_batch 200: 1",
            "requests_total send_batch 429: 1",
        ]
    );
}
