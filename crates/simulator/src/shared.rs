//! What every part of a running simulator shares.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sinch_batch_pages::guard::Rules;
use tokio::sync::Notify;
use url::Url;

use crate::callback_log::CallbackLog;
use crate::clock::SimClock;
use crate::config::SimulatorConfig;
use crate::faults::Faults;
use crate::inbox::InboundLog;
use crate::outbox::{Outbox, Post, What};
use crate::outcome::{MessageOutcome, Outcomes};
use crate::people::People;
use crate::requests::RequestLog;
use crate::stats::{Counters, Stats, Tally};
use crate::store::Store;
use crate::token::Tokens;

pub(crate) struct Shared {
    pub(crate) config: SimulatorConfig,
    pub(crate) callback_url: Option<Url>,
    /// The base URL of the service.
    pub(crate) api_url: String,
    /// Who may use the control side.
    pub(crate) rules: Rules,
    pub(crate) clock: SimClock,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) outbox: Outbox,
    pub(crate) nonces: AtomicU64,
    /// How many people have written or opted out.
    pub(crate) inbound: AtomicU64,
    /// How many callbacks of 100 are sent twice.
    pub(crate) twice_percent: Mutex<f64>,
    pub(crate) outcomes: Mutex<HashMap<String, Outcomes>>,
    pub(crate) requests: RequestLog,
    /// The last callbacks, as they were sent and answered.
    pub(crate) callbacks: CallbackLog,
    /// What people have done last.
    pub(crate) inbound_log: InboundLog,
    pub(crate) tally: Arc<Tally>,
    store: Mutex<Store>,
    people: Mutex<People>,
    /// Notified when something has come into the queue or onto the timetable.
    arrived: Notify,
}

impl Shared {
    pub(crate) fn new(config: SimulatorConfig, callback_url: Option<Url>, (api_url, rules): (String, Rules)) -> Self {
        Self {
            api_url,
            rules,
            clock: SimClock::new(config.clock.clone()),
            outbox: Outbox::new(config.seed, config.hold_callbacks, config.callback_shuffle),
            twice_percent: Mutex::new(config.callback_twice_percent),
            faults: Faults::of(config.faults.iter().cloned()),
            outcomes: Mutex::new(config.outcomes.iter().map(|(to, it)| (to.clone(), it.clone().into())).collect()),
            config,
            callback_url,
            tokens: Tokens::default(),
            counters: Counters::default(),
            nonces: AtomicU64::new(0),
            inbound: AtomicU64::new(0),
            requests: RequestLog::default(),
            callbacks: CallbackLog::default(),
            inbound_log: InboundLog::default(),
            tally: Arc::default(),
            store: Mutex::default(),
            people: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a callback about something else than a batch, if there is a webhook.
    pub(crate) fn post(&self, what: What, now: Timestamp) {
        if self.callback_url.is_some() {
            self.outbox.post(Post::new(what, now));
        }
    }

    /// Say that something has come into the store.
    pub(crate) fn arrived(&self) {
        self.arrived.notify_one();
    }

    /// What will become of the next message to this recipient.
    pub(crate) fn coming_outcome(&self, identity: &str) -> MessageOutcome {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let set = outcomes.get(identity).and_then(Outcomes::peek).cloned();
        drop(outcomes);
        let config = &self.config;
        set.unwrap_or_else(|| MessageOutcome::of(config.seed, identity, config.fail_percent, config.read_percent))
    }

    /// What becomes of the next message to this recipient.
    pub(crate) fn outcome(&self, identity: &str) -> MessageOutcome {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let set = outcomes.get_mut(identity).and_then(Outcomes::next);
        drop(outcomes);
        let config = &self.config;
        set.unwrap_or_else(|| MessageOutcome::of(config.seed, identity, config.fail_percent, config.read_percent))
    }

    /// Wait until something has come into the store.
    pub(crate) async fn wait_for_arrival(&self) {
        self.arrived.notified().await;
    }

    /// Whether nothing is left to do before time passes or a request comes.
    pub(crate) fn is_idle(&self) -> bool {
        let store = self.store();
        store.is_queue_empty() && !store.has_due(self.clock.now()) && self.outbox.is_quiet()
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            requests: self.counters.requests(),
            messages: self.tally.counts(),
            callbacks: self.counters.callbacks(),
            batches: self.store().len() as u64,
        }
    }
}
