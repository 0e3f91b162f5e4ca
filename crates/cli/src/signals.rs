//! Ctrl-C and its kin.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use sinch_batch::client::StopSignal;
use tokio::sync::{mpsc, watch};

use crate::fail::Failure;
use crate::{exit, output};

/// The code with which a second signal ends the program; 0 for that of the signal itself.
static CODE_AT_ONCE: AtomicU8 = AtomicU8::new(0);

/// Says with which code a second signal ends the program: while something may be planned it is
/// [`exit::LOOK`], else that of the signal.
pub(crate) fn end_at_once_with(code: Option<u8>) {
    CODE_AT_ONCE.store(code.unwrap_or(0), Ordering::Relaxed);
}

/// What is said when a second signal ends the program.
static LAST_WORDS: Mutex<String> = Mutex::new(String::new());

/// Says what a second signal leaves to be typed.
pub(crate) fn end_with_words(words: String) {
    *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner) = words;
}

/// Completes when somebody asks the program to stop: Ctrl-C, or the termination signal.
pub(crate) async fn stop_asked() {
    Asks::listen().next().await;
}

/// The same, with the exit code that belongs to the signal.
pub(crate) async fn stop_signal() -> u8 {
    Asks::listen().next().await
}

/// Asks to stop, received from the moment this is made.
struct Asks {
    #[cfg(unix)]
    signals: Option<[tokio::signal::unix::Signal; 2]>,
    /// None if hanging up is ignored, as under `nohup`.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Asks {
    fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let signals =
                signal(SignalKind::interrupt()).and_then(|interrupt| Ok([interrupt, signal(SignalKind::terminate())?]));
            let hangup = if is_hangup_ignored() { None } else { signal(SignalKind::hangup()).ok() };
            Self { signals: signals.ok(), hangup }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Hanging up no longer asks to stop, but for something else.
    fn hand_over_hangup(&mut self, ask: mpsc::Sender<()>) {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // Under `nohup` too: reading files again ends nothing.
            let Some(mut hangup) = self.hangup.take().or_else(|| signal(SignalKind::hangup()).ok()) else { return };
            tokio::spawn(async move {
                // One ask that waits stands for any number of them.
                while hangup.recv().await.is_some() && !ask.is_closed() {
                    let _ = ask.try_send(());
                }
            });
        }
        #[cfg(not(unix))]
        drop(ask);
    }

    /// The exit code that belongs to the next signal.
    async fn next(&mut self) -> u8 {
        #[cfg(unix)]
        if let Some([interrupt, terminate]) = &mut self.signals {
            let hung_up = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            return tokio::select! {
                _ = hung_up => 129,
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            };
        }
        // Without the signal's handler the system's own way to end the program stays in force.
        let _ = tokio::signal::ctrl_c().await;
        130
    }
}

/// Whether the program was started to outlive the terminal.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    // Only Linux tells; elsewhere the signal counts.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Whether somebody asked to stop, and the exit code that belongs to how.
pub(crate) type Stop = watch::Receiver<Option<u8>>;

/// Turns the first ask into a message on the channel, and the second into an end at once: the ledger
/// knows what was under way.
pub(crate) fn watch() -> Stop {
    stop_then_end(Asks::listen(), |signal| match CODE_AT_ONCE.load(Ordering::Relaxed) {
        0 => signal,
        code => code,
    })
}

/// The same for a receiver: what it has not answered comes again, so an end at once is unclean and no
/// more. With a channel, hanging up asks there for files to be read again instead.
pub(crate) fn stop_or_end(read_again: Option<mpsc::Sender<()>>) -> Stop {
    let mut asks = Asks::listen();
    if let Some(read_again) = read_again {
        asks.hand_over_hangup(read_again);
    }
    stop_then_end(asks, |_| exit::UNEXPECTED)
}

fn stop_then_end(mut asks: Asks, code: fn(u8) -> u8) -> Stop {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let signal = asks.next().await;
        output::talk("stopping: requests under way are finished first; once more ends at once");
        sender.send_replace(Some(signal));
        let again = asks.next().await;
        output::set_bar(None);
        let words = LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !words.is_empty() {
            output::talk(&format!("stopped at once; requests under way may have arrived\nhint: {words}"));
        }
        std::process::exit(code(again).into());
    });
    receiver
}

/// A signal for the calls of a client, given when the channel says stop.
pub(crate) fn stop_calls(stop: &Stop) -> StopSignal {
    let calls = StopSignal::new();
    let (stop, given) = (stop.clone(), calls.clone());
    tokio::spawn(async move {
        stopped(stop).await;
        given.stop();
    });
    calls
}

/// Completes when the channel says stop, with the exit code that belongs to it.
pub(crate) async fn stopped(mut stop: Stop) -> u8 {
    match stop.wait_for(Option::is_some).await.map(|code| *code) {
        Ok(Some(code)) => code,
        // Nobody is left to say it.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Does something before anything was sent, unless somebody asks to stop.
pub(crate) async fn unless_stopped<T>(
    stop: &Stop,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        code = stopped(stop.clone()) => Err(Failure::new(code, "stopped; nothing was sent").hint("start it again")),
    }
}
