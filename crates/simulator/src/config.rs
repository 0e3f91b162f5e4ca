//! How a simulator is set up.

use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sinch_batch_webhook::WebhookSecret;

use crate::faults::Fault;
use crate::outcome::MessageOutcome;

/// How a simulator is set up. The default takes anybody's requests on loopback, sends no callbacks,
/// lets 1 in 100 messages fail and 30 in 100 be read.
#[derive(Clone)]
#[non_exhaustive]
pub struct SimulatorConfig {
    /// Where the service listens. Default: loopback, any free port.
    pub addr: SocketAddr,
    /// Where the control side listens. Default: loopback, any free port.
    pub control: SocketAddr,
    /// A further name, or `NAME:PORT`, under which the control side is asked for, as behind a port that is
    /// mapped. Requests to other hosts than this machine are answered 403.
    pub control_name: Option<String>,
    /// A key that the control side asks for: 128 bits from the system's random numbers. It stands in
    /// [`inbox_url`](crate::Simulator::inbox_url); programs send it as bearer token.
    pub control_key: Option<u128>,
    /// Where callbacks go: the one webhook of the app, with all triggers. Plain `http` only.
    pub callback_url: Option<String>,
    /// What callbacks are signed with; without it they are not signed.
    pub webhook_secret: Option<WebhookSecret>,
    /// The key id and secret that get a token. Default: any that are not empty.
    pub credentials: Option<(String, String)>,
    /// The project that may be named. Default: any. Others are answered 403.
    pub project_id: Option<String>,
    /// The app that exists. Default: any. Others are answered 404.
    pub app_id: Option<String>,
    /// What becomes of each message follows from this and its recipient alone.
    pub seed: u64,
    /// How many messages of 100 fail on the channel.
    pub fail_percent: f64,
    /// How many messages of 100 that arrive are read.
    pub read_percent: f64,
    /// At the service's published rates: 20 messages per second leave the queue, 25 callbacks per
    /// second go out. Otherwise as fast as it can.
    pub realistic: bool,
    /// How many messages may wait in the queue of the app; over it a send is answered 429.
    pub queue_limit: usize,
    /// How long after its answer a cancel takes effect, as it is asynchronous; a batch that becomes due
    /// before is sent. Default: at once.
    pub cancel_delay: Duration,
    /// How long after its acceptance a batch shows up in look-ups. Default: at once.
    pub visibility_delay: Duration,
    /// How long a token lives. Default: 3599 seconds.
    pub token_lifetime: Duration,
    /// Error bodies as `{"code": …}` instead of `{"error": {"code": …}}`: both are published.
    pub flat_errors: bool,
    /// How often a callback is tried in all.
    pub callback_attempts: u32,
    /// How long after a first failure a callback is tried again; doubled each time, up to 30 seconds.
    pub callback_backoff: Duration,
    /// How long the webhook may take to answer.
    pub callback_timeout: Duration,
    /// Whether callbacks are held back from the start, until
    /// [`release_callbacks`](crate::Simulator::release_callbacks).
    pub hold_callbacks: bool,
    /// How many callbacks of 100 are sent twice, by seed.
    pub callback_twice_percent: f64,
    /// Among how many the next callback is drawn, by seed; 0 and 1 keep the order.
    pub callback_shuffle: usize,
    /// Whether messages to people who opted out fail with `RECIPIENT_NOT_OPTED_IN`. Default: opt-outs are recorded
    /// and block nothing.
    pub block_opted_out: bool,
    /// What goes wrong from the start.
    pub faults: Vec<Fault>,
    /// What becomes of messages to these recipients: identities, or ids of contacts.
    pub outcomes: HashMap<String, MessageOutcome>,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            addr: loopback,
            control: loopback,
            control_name: None,
            control_key: None,
            callback_url: None,
            webhook_secret: None,
            credentials: None,
            project_id: None,
            app_id: None,
            seed: 0,
            fail_percent: 1.0,
            read_percent: 30.0,
            realistic: false,
            queue_limit: 500_000,
            cancel_delay: Duration::ZERO,
            visibility_delay: Duration::ZERO,
            token_lifetime: Duration::from_secs(3599),
            flat_errors: false,
            callback_attempts: 12,
            callback_backoff: Duration::from_millis(100),
            callback_timeout: Duration::from_secs(10),
            hold_callbacks: false,
            callback_twice_percent: 0.0,
            callback_shuffle: 0,
            block_opted_out: false,
            faults: Vec::new(),
            outcomes: HashMap::new(),
            clock: Arc::new(Timestamp::now),
        }
    }
}

/// Writes one `with_*` method per option.
macro_rules! with {
    ($( $(#[$meta:meta])* $name:ident: $option:ident: $type:ty = $make:expr; )+) => {
        impl SimulatorConfig {$(
            $(#[$meta])*
            #[must_use]
            pub fn $name(mut self, $option: $type) -> Self {
                self.$option = $make;
                self
            }
        )+}
    };
}

with! {
    /// Sets where the service listens.
    with_addr: addr: SocketAddr = addr;
    /// Sets where the control side listens.
    with_control: control: SocketAddr = control;
    /// Sets a further name of the control side.
    with_control_name: control_name: impl Into<String> = Some(control_name.into());
    /// Sets the key that the control side asks for.
    with_control_key: control_key: u128 = Some(control_key);
    /// Sets where callbacks go.
    with_callback_url: callback_url: impl Into<String> = Some(callback_url.into());
    /// Sets what callbacks are signed with.
    with_webhook_secret: webhook_secret: WebhookSecret = Some(webhook_secret);
    /// Sets the one project that may be named.
    with_project_id: project_id: impl Into<String> = Some(project_id.into());
    /// Sets the one app that exists.
    with_app_id: app_id: impl Into<String> = Some(app_id.into());
    /// Sets what the behaviour of recipients follows from.
    with_seed: seed: u64 = seed;
    /// Sets how many messages of 100 fail.
    with_fail_percent: fail_percent: f64 = fail_percent;
    /// Sets how many messages of 100 that arrive are read.
    with_read_percent: read_percent: f64 = read_percent;
    /// Sets the pace: the service's published rates, or none.
    with_realistic: realistic: bool = realistic;
    /// Sets how many messages may wait in the queue.
    with_queue_limit: queue_limit: usize = queue_limit;
    /// Sets how long after its answer a cancel takes effect.
    with_cancel_delay: cancel_delay: Duration = cancel_delay;
    /// Sets how long after its acceptance a batch shows up in look-ups.
    with_visibility_delay: visibility_delay: Duration = visibility_delay;
    /// Sets how long a token lives.
    with_token_lifetime: token_lifetime: Duration = token_lifetime;
    /// Sets the layout of error bodies.
    with_flat_errors: flat_errors: bool = flat_errors;
    /// Sets whether callbacks are held back from the start.
    with_hold_callbacks: hold_callbacks: bool = hold_callbacks;
    /// Sets how many callbacks of 100 are sent twice.
    with_callback_twice_percent: callback_twice_percent: f64 = callback_twice_percent;
    /// Sets among how many the next callback is drawn.
    with_callback_shuffle: callback_shuffle: usize = callback_shuffle;
    /// Sets whether messages to people who opted out fail.
    with_block_opted_out: block_opted_out: bool = block_opted_out;
    /// Takes the time from here, also that of signatures. It may be moved on by hand, too: [`Simulator::advance`](crate::Simulator::advance).
    with_clock: clock: impl Fn() -> Timestamp + Send + Sync + 'static = Arc::new(clock);
}

impl SimulatorConfig {
    /// Sets the one key that gets a token.
    #[must_use]
    pub fn with_credentials(mut self, key_id: impl Into<String>, key_secret: impl Into<String>) -> Self {
        self.credentials = Some((key_id.into(), key_secret.into()));
        self
    }

    /// Plans a fault; [`Simulator::inject`](crate::Simulator::inject) plans one later.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Sets what becomes of messages to one recipient: an identity, or a contact's id.
    #[must_use]
    pub fn with_outcome(mut self, identity: impl Into<String>, outcome: MessageOutcome) -> Self {
        self.outcomes.insert(identity.into(), outcome);
        self
    }

    /// Sets how often and how soon a callback is tried again.
    #[must_use]
    pub fn with_callback_retries(mut self, attempts: u32, backoff: Duration) -> Self {
        (self.callback_attempts, self.callback_backoff) = (attempts, backoff);
        self
    }
}

impl fmt::Debug for SimulatorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatorConfig")
            .field("addr", &self.addr)
            .field("control", &self.control)
            .field("callbacks", &self.callback_url.is_some())
            .field("signed", &self.webhook_secret.is_some())
            .field("seed", &self.seed)
            .field("realistic", &self.realistic)
            .field("queue_limit", &self.queue_limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed() {
        let config = SimulatorConfig::default()
            .with_credentials("key", "hunter2")
            .with_webhook_secret(WebhookSecret::new("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
