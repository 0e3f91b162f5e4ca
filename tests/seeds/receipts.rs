//! Signed callbacks to the real receiver: in any order, twice, held back until the end, again after a 503.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use sinch_batch::ledger::{Ledger, ReceivedCallback};
use sinch_batch::webhook::receive::LateCallbacks;
use sinch_batch::webhook::{CallbackReceiver, Verifier, WebhookSecret, sign};
use tower_service::Service as _;

use crate::service::Accepted;
use crate::world::World;

const SECRET: &str = "a secret of the webhook";

/// The reason of a message that may be sent again.
const AGAIN: &str = "INTERNAL_ERROR";

type Receive = dyn Fn(Request<Full<Bytes>>) -> Pin<Box<dyn Future<Output = StatusCode> + Send>> + Send + Sync;

pub(crate) struct Receipts {
    world: Arc<World>,
    receive: Arc<Receive>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether they wait until the end.
    held_back: bool,
    /// Whether some name neither their batch nor anything but their row.
    nameless: bool,
    held: Vec<Value>,
    under_way: u64,
    next: u64,
    /// The last word on each row.
    last: BTreeMap<u64, &'static str>,
    /// Rows that failed last, and for a reason after which they may be sent again.
    again: BTreeSet<u64>,
}

/// How callbacks come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    pub(crate) held_back: bool,
    pub(crate) nameless: bool,
}

impl Receipts {
    pub(crate) fn new(world: Arc<World>, ledger: Arc<dyn Ledger>, habits: Habits) -> Self {
        let verifier = Verifier::new(WebhookSecret::new(SECRET)).unwrap();
        let (clock, time) = (Arc::clone(&world), Arc::clone(&world));
        let service = CallbackReceiver::new(verifier)
            .with_clock(move || clock.wall())
            .with_late_callbacks(LateCallbacks::Apply)
            .with_warnings(|_| {})
            .service(move |callback| {
                let (ledger, now) = (Arc::clone(&ledger), time.wall());
                async move { ledger.apply_callback(ReceivedCallback::of(&callback, now)).await.map(drop) }
            });
        let receive = move |request| {
            let response = service.clone().call(request);
            Box::pin(async move { response.await.map_or_else(|never| match never {}, |response| response.status()) })
                as Pin<Box<dyn Future<Output = StatusCode> + Send>>
        };
        let state = State { held_back: habits.held_back, nameless: habits.nameless, ..State::default() };
        Self { world, receive: Arc::new(receive), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What will be said about a batch: a word on each message or two, and one on the batch.
    pub(crate) fn of(self: &Arc<Self>, batch: &Accepted) {
        let mut said = Vec::new();
        for (index, (row, metadata)) in batch.rows.iter().enumerate() {
            let (first, last, marks, code) = self.world.choose(|choices| {
                let last = choices.one_of(&["DELIVERED", "READ", "FAILED"]);
                (choices.percent(40), last, choices.between(0, 10), choices.one_of(&["BAD_REQUEST", AGAIN]))
            });
            {
                let mut state = self.state();
                state.last.insert(*row, last);
                state.again.remove(row);
                if (last, code) == ("FAILED", AGAIN) {
                    state.again.insert(*row);
                }
            }
            let mut metadata = metadata.clone();
            let nameless = self.state().nameless;
            if !nameless || marks < 5 {
                metadata.insert("_batch_id".to_owned(), json!(batch.id));
            }
            let metadata = Value::Object(metadata).to_string();
            let position = json!({"batchId": batch.id, "messageIndex": index}).to_string();
            // The receipt of a message that fails after acceptance tells nothing but its place in the batch.
            let by_place = !nameless && marks < 2;
            for status in [first.then_some("QUEUED_ON_CHANNEL"), Some(last)].into_iter().flatten() {
                let mut report = json!({"message_id": format!("m{row}"), "status": status});
                if status == "FAILED" {
                    report["reason"] =
                        json!({"code": code, "description": "a fault", "sub_code": "UNSPECIFIED_SUB_CODE"});
                }
                let mut envelope = json!({"app_id": "a", "project_id": "p", "message_delivery_report": report});
                if by_place {
                    envelope["message_metadata"] = json!(position);
                } else {
                    envelope["message_delivery_report"]["metadata"] = json!(metadata);
                }
                said.push(envelope);
            }
        }
        said.push(json!({"app_id": "a", "project_id": "p", "batch_status_update_notification": {
            "batch_id": batch.id,
            "batch_status": "BATCH_STATUS_PROCESSED",
            "batch_type": "BATCH_TYPE_MESSAGES",
            "additional_data": {"message_batch_data": {"batch_metadata": batch.metadata}},
        }}));
        for body in said {
            if self.state().held_back {
                self.state().held.push(body);
                continue;
            }
            let (from, twice) =
                self.world.choose(|choices| (batch.at + choices.between(0, 10_000), choices.percent(20)));
            self.post(body.clone(), from, twice);
        }
    }

    /// Everything that was held back comes at last, shuffled and some of it twice.
    pub(crate) fn release(self: &Arc<Self>) {
        let held = {
            let mut state = self.state();
            state.held_back = false;
            std::mem::take(&mut state.held)
        };
        let now = self.world.now();
        for body in held {
            let (from, twice) = self.world.choose(|choices| (now + choices.between(0, 2000), choices.percent(20)));
            self.post(body, from, twice);
        }
    }

    fn post(self: &Arc<Self>, body: Value, from: u64, twice: bool) {
        let body = Bytes::from(body.to_string());
        let nonce = {
            let mut state = self.state();
            state.next += 1;
            state.next
        };
        for copy in 0..=u64::from(twice) {
            self.state().under_way += 1;
            let (this, body) = (Arc::clone(self), body.clone());
            // The same again has the same nonce or another one.
            let nonce = if copy == 0 || nonce % 2 == 0 { format!("n{nonce}") } else { format!("n{nonce}-again") };
            tokio::spawn(async move {
                this.world.sleep_until(from + copy * 3000).await;
                this.deliver(&body, &nonce).await;
                this.state().under_way -= 1;
            });
        }
    }

    /// Until it is answered 200, as the service does.
    async fn deliver(&self, body: &Bytes, nonce: &str) {
        loop {
            let secret = WebhookSecret::new(SECRET);
            let signature = sign(&secret, body, nonce, self.world.wall().as_second());
            let mut request = Request::post("/").header("content-type", "application/json");
            for (name, value) in signature.headers() {
                request = request.header(name, value);
            }
            let status = (self.receive)(request.body(Full::new(body.clone())).unwrap()).await;
            match status.as_u16() {
                200 => {
                    self.world.count("callback");
                    return;
                }
                503 => {
                    self.world.count("callback again");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
                other => return self.world.break_promise(format!("a genuine callback was answered {other}")),
            }
        }
    }

    /// Waits until all that was said has arrived.
    pub(crate) async fn arrive(&self) {
        while self.state().under_way > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }

    /// How many messages had this last word.
    pub(crate) fn with_last(&self, word: &str) -> u64 {
        self.state().last.values().filter(|last| **last == word).count() as u64
    }
}

impl Receipts {
    /// Rows that a retry sends again.
    pub(crate) fn may_be_sent_again(&self) -> BTreeSet<u64> {
        self.state().again.clone()
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipts").finish_non_exhaustive()
    }
}
