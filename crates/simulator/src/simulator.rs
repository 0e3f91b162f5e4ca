//! A running simulator.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sinch_batch_pages::guard::{PageKey, Rules};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

use crate::config::SimulatorConfig;
use crate::faults::{Fault, FaultError};
use crate::handle::handle;
use crate::outcome::{MessageOutcome, Outcomes};
use crate::requests::SimulatedRequest;
use crate::server::serve;
use crate::shared::Shared;
use crate::stats::{SimulatedMessage, Stats};
use crate::{callbacks, control, queue};

/// A running simulator, in this process. It stops when dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    api: SocketAddr,
    control: SocketAddr,
    tasks: JoinSet<()>,
}

/// Why a simulator could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address could not be listened on. Port 0 takes any that is free.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Callbacks go out over plain `http` only.
    #[error("the callback URL must be an http URL with a host")]
    CallbackUrl,
    /// A percentage is not between 0 and 100.
    #[error("the percentages of failed messages, of read ones and of callbacks sent twice must be between 0 and 100")]
    Percent,
    /// A fault of the configuration cannot happen.
    #[error("a fault of the configuration cannot happen: {0}")]
    Fault(#[from] FaultError),
}

impl Simulator {
    /// Starts a simulator on the runtime that this is called on.
    ///
    /// # Errors
    /// If an address is taken or the configuration makes no sense; see [`StartError`].
    pub async fn start(config: SimulatorConfig) -> Result<Self, StartError> {
        let percent = 0.0..=100.0;
        let percents = [config.fail_percent, config.read_percent, config.callback_twice_percent];
        if !percents.iter().all(|it| percent.contains(it)) {
            return Err(StartError::Percent);
        }
        config.faults.iter().try_for_each(Fault::check)?;
        let callback_url = config.callback_url.as_deref().map(callback_url).transpose()?;
        let (api_listener, api_addr) = listen(config.addr).await?;
        let (control_listener, control_addr) = listen(config.control).await?;
        let rules = rules(&config, control_addr);
        let shared = Arc::new(Shared::new(config, callback_url, (format!("http://{api_addr}"), rules)));

        let mut tasks = JoinSet::new();
        let service = shared.clone();
        tasks.spawn(serve(api_listener, move |request| handle(service.clone(), request)));
        let side = shared.clone();
        tasks.spawn(serve(control_listener, move |request| control::handle(side.clone(), request)));
        tasks.spawn(queue::drain(shared.clone()));
        for _ in 0..callbacks::WORKERS {
            tasks.spawn(callbacks::work(shared.clone()));
        }
        tracing::info!(api = %api_addr, control = %control_addr, "simulator is listening");
        Ok(Self { shared, api: api_addr, control: control_addr, tasks })
    }

    /// The base URL of the service, in place of `https://{region}.conversationbatch.api.sinch.com`.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// The whole URL of the token endpoint, in place of `https://auth.sinch.com/oauth2/token`.
    pub fn auth_url(&self) -> String {
        format!("http://{}/oauth2/token", self.api)
    }

    /// The base URL of the control side.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// The URL of the inbox, to be opened in a browser; with the key, if there is one.
    pub fn inbox_url(&self) -> String {
        match self.shared.config.control_key {
            Some(bits) => format!("http://{}/?key={}", self.control, PageKey::from_bits(bits).secret()),
            None => format!("http://{}/", self.control),
        }
    }

    /// All accepted messages, in order.
    ///
    /// This builds the whole list; over many messages, read `GET /messages` on the control side,
    /// which streams.
    pub fn messages(&self) -> Vec<SimulatedMessage> {
        let batches: Vec<_> = self.shared.store().batches().cloned().collect();
        batches.iter().flat_map(|batch| (0..batch.len()).map(|index| batch.message(index))).collect()
    }

    /// The last requests to the service, in the order in which they were answered; `GET /requests` on
    /// the control side.
    pub fn requests(&self) -> Vec<SimulatedRequest> {
        self.shared.requests.all()
    }

    /// Counts of everything so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Plans a fault. One that cannot happen, see [`Fault::check`], is logged and left out.
    pub fn inject(&self, fault: Fault) {
        if let Err(error) = fault.check() {
            return tracing::warn!(%error, "a fault was not planned");
        }
        self.shared.faults.plan(fault);
    }

    /// Forgets the faults that have not happened yet.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Sets what becomes of messages to a recipient from now on: an identity, or a contact's id.
    pub fn set_outcome(&self, identity: impl Into<String>, outcome: MessageOutcome) {
        let mut outcomes = self.shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.insert(identity.into(), outcome.into());
    }

    /// Sets what becomes of messages to a recipient from now on, one outcome a message; the last one stays. An empty
    /// list changes nothing.
    pub fn set_outcomes(&self, identity: impl Into<String>, list: Vec<MessageOutcome>) {
        let Some(list) = Outcomes::new(list) else { return };
        let mut outcomes = self.shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.insert(identity.into(), list);
    }

    /// Moves the simulator's clock on: tokens expire, batches become due, callbacks are tried again.
    ///
    /// When this returns, every batch that is due by then has left the queue, as far as its pace
    /// allows. Callbacks are signed with the time of the clock as it was configured, without what it
    /// was moved on by: the receiver's clock is not moved either.
    pub fn advance(&self, by: Duration) {
        queue::advance(&self.shared, by);
    }

    /// Holds all callbacks back until [`release_callbacks`](Self::release_callbacks). What is on its
    /// way already arrives. Messages whose first callback is held stay pending.
    pub fn hold_callbacks(&self) {
        self.shared.outbox.hold();
    }

    /// Lets the callbacks go that were held back, and those that follow.
    pub fn release_callbacks(&self) {
        self.shared.outbox.release();
    }

    /// Waits until the queue is empty and every callback was acknowledged, refused or given up.
    /// Batches that are due count, batches scheduled for later and callbacks that are held back do not.
    pub async fn idle(&self) {
        loop {
            let mut quiet = pin!(self.shared.outbox.quiet().notified());
            quiet.as_mut().enable();
            if self.shared.is_idle() {
                return;
            }
            quiet.await;
        }
    }

    /// Stops at once: closes every connection, sends no more callbacks, waits for nothing.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("api", &self.api).field("control", &self.control).finish_non_exhaustive()
    }
}

/// Who may use the control side: requests to this machine, or to the address it listens on.
fn rules(config: &SimulatorConfig, control: SocketAddr) -> Rules {
    let mut rules = Rules::new(control.port());
    if !control.ip().is_unspecified() {
        let name = match control.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        rules = rules.with_name(name);
    }
    if let Some(name) = &config.control_name {
        rules = rules.with_name(name.as_str());
    }
    match config.control_key {
        Some(bits) => rules.with_key(PageKey::from_bits(bits)),
        None => rules,
    }
}

fn callback_url(text: &str) -> Result<Url, StartError> {
    let url = Url::parse(text).map_err(|_| StartError::CallbackUrl)?;
    if url.scheme() == "http" && url.has_host() { Ok(url) } else { Err(StartError::CallbackUrl) }
}

async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}
