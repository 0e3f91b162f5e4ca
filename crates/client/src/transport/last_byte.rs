//! A body whose last byte leaves in time or never.
//!
//! ```text
//!            the rest was written, and it is early enough
//!   Held ─────────────────────────────────────────────────▶ Given     the service may have the request
//!     │
//!     ├── it is too late ──▶ TooLate       the service has all but the last byte, for ever
//!     └── the call ended ──▶ Withdrawn     the same
//! ```
//!
//! The last byte is given out only after the bytes before it were written to the socket, so that the clocks
//! are looked at as late as can be. Over HTTP/1, hyper takes up to 400 KB at once and keeps writing it even after
//! the call was dropped: a last byte among it would leave whenever the service reads on. Their drop shows that they were written: HTTP/1 and HTTP/2 alike
//! keep a frame until then. Where a connection copies what it sends, the frame is dropped earlier, and the
//! last byte waits in its buffer with the rest.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::SendUntil;

/// The body and the hand that holds its last byte. `None` for an empty body, which has no last byte.
pub(super) fn hold(mut body: Bytes, until: SendUntil) -> Option<(HeldBody, Hold)> {
    let last = body.split_off(body.len().checked_sub(1)?);
    let state = State { last: LastByte::Held, rest_is_written: body.is_empty(), waker: None };
    let shared = Arc::new(Shared { until, state: Mutex::new(state) });
    let rest = Some(body).filter(|rest| !rest.is_empty());
    Some((HeldBody { rest, last: Some(last), shared: Arc::clone(&shared) }, Hold(shared)))
}

/// Where the last byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastByte {
    Held,
    Given,
    TooLate,
    Withdrawn,
}

struct State {
    last: LastByte,
    rest_is_written: bool,
    /// Of the connection, which waits for its turn to send the last byte.
    waker: Option<Waker>,
}

struct Shared {
    until: SendUntil,
    state: Mutex<State>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that the connection may wait for.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.state();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Keeps the last byte for ever, unless it was given out.
    fn keep(&self, why: LastByte) {
        self.change(|state| {
            if state.last == LastByte::Held {
                state.last = why;
            }
        });
    }
}

/// Holds the last byte of a body; what it has not given out when it is dropped never leaves.
pub(super) struct Hold(Arc<Shared>);

impl Hold {
    pub(super) fn until(&self) -> SendUntil {
        self.0.until
    }

    /// The time is over: keeps the last byte, if it is not given out. Whether it stayed here.
    pub(super) fn lapse(&self) -> bool {
        self.0.keep(LastByte::TooLate);
        self.was_too_late()
    }

    /// Whether the last byte did not leave because it was too late.
    pub(super) fn was_too_late(&self) -> bool {
        self.0.state().last == LastByte::TooLate
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.keep(LastByte::Withdrawn);
    }
}

/// All but the last byte, and the last byte.
pub(super) struct HeldBody {
    rest: Option<Bytes>,
    last: Option<Bytes>,
    shared: Arc<Shared>,
}

impl Body for HeldBody {
    type Data = Bytes;
    type Error = Kept;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Kept>>> {
        if let Some(bytes) = self.rest.take() {
            let rest = Rest { bytes, shared: Arc::clone(&self.shared) };
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(rest)))));
        }
        let Some(last) = self.last.clone() else { return Poll::Ready(None) };
        {
            let mut state = self.shared.state();
            match state.last {
                LastByte::TooLate | LastByte::Withdrawn => return Poll::Ready(Some(Err(Kept))),
                LastByte::Held | LastByte::Given if !state.rest_is_written => {
                    state.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                LastByte::Held | LastByte::Given if self.shared.until.is_over() => {
                    state.last = LastByte::TooLate;
                    return Poll::Ready(Some(Err(Kept)));
                }
                LastByte::Held | LastByte::Given => state.last = LastByte::Given,
            }
        }
        self.last = None;
        Poll::Ready(Some(Ok(Frame::data(last))))
    }

    fn is_end_stream(&self) -> bool {
        self.last.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = [&self.rest, &self.last].into_iter().flatten().map(Bytes::len).sum::<usize>();
        SizeHint::with_exact(left as u64)
    }
}

/// The bytes before the last one, whose drop shows that they were written.
struct Rest {
    bytes: Bytes,
    shared: Arc<Shared>,
}

impl AsRef<[u8]> for Rest {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.shared.change(|state| state.rest_is_written = true);
    }
}

/// The last byte stays here.
#[derive(Debug)]
pub(super) struct Kept;

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its last byte was kept back")
    }
}

impl std::error::Error for Kept {}

#[cfg(test)]
#[path = "last_byte_tests.rs"]
mod tests;
