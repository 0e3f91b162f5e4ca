//! Deduplication by nonce: what was applied already, kept as long as its signature is in time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::Verified;

/// Default capacity of a [`NonceStore`] in nonces: several times what the service's default rate
/// of 25 callbacks per second brings in within the default window.
pub const DEFAULT_CAPACITY: usize = 100_000;

/// A store of nonces, so that a callback sent twice is applied once.
///
/// [`NonceStore`] does so in the memory of one process. Write your own over a database that several
/// processes share, or that outlives them:
///
/// - `claim` must be atomic: of any number of claims of one key at once, exactly one is
///   [`New`](NonceState::New).
/// - What is kept must be known at least until [`NonceClaim::until`].
/// - What is released can be claimed again.
/// - Another body under a key that is known is a [`Conflict`](NonceState::Conflict), and changes nothing.
/// - A claim that is neither kept nor released belongs to a process that died. Let it lapse, but no
///   sooner than your slowest sink may need: a claim that lapses early applies the callback twice.
///
/// [`conformance::run`](crate::conformance::run) checks an implementation.
///
/// It is not dyn-compatible, so that `async fn` implements it without a box for each callback, and each store keeps an
/// error of its own. A program that chooses its store at run time implements it for an enum of its stores.
pub trait Nonces: Send + Sync + 'static {
    /// Why the store failed. It is logged, and the callback is answered 503, so that it comes again.
    type Error: fmt::Display + Send;

    /// Claims a callback before it is applied.
    fn claim(&self, claim: NonceClaim, now: Timestamp) -> impl Future<Output = Result<NonceState, Self::Error>> + Send;

    /// Remembers a callback that was applied.
    fn keep(&self, claim: NonceClaim) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Frees the claim of a callback that could not be applied, as if it had never come.
    fn release(&self, claim: NonceClaim) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The identity of a callback for deduplication: digests of its nonce and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NonceClaim {
    key: [u8; 16],
    body: [u8; 16],
    until: Timestamp,
}

/// The state of a callback's nonce. Exhaustive: a receiver has an answer for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceState {
    /// First time. The claim is the caller's until it is kept or released.
    New,
    /// Another delivery of the same callback is being applied at this moment.
    InProgress,
    /// Applied before: answer 2xx and do nothing.
    Duplicate,
    /// The nonce was used before with another body. Both are genuine, since only somebody with the secret
    /// can sign: apply it, and warn of it. The claim is not yours to keep or release.
    Conflict,
}

impl NonceClaim {
    /// Of a callback that was verified, and its body.
    pub fn new(callback: &Verified, body: &[u8]) -> Self {
        Self::of(&callback.nonce, body, callback.good_until)
    }

    /// Of a nonce and its body, for tests of a store: see [`conformance`](crate::conformance).
    pub fn of(nonce: &str, body: &[u8], until: Timestamp) -> Self {
        Self { key: digest(nonce.as_bytes()), body: digest(body), until }
    }

    /// The same in a namespace, so that equal nonces of different receivers are kept apart in one store.
    #[must_use]
    pub fn with_namespace(self, namespace: &str) -> Self {
        // The key has a fixed length, so no other pair of the two gives the same bytes.
        Self { key: digest(&[&self.key, namespace.as_bytes()].concat()), ..self }
    }

    /// The nonce's digest, to be found by.
    pub fn key(&self) -> [u8; 16] {
        self.key
    }

    /// The body's digest, to be compared.
    pub fn body(&self) -> [u8; 16] {
        self.body
    }

    /// The last moment at which the signature is accepted: after it the nonce may be forgotten.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Remembered until then, if that is later: a late callback is accepted after its signature's time.
    #[cfg(feature = "tower")]
    pub(crate) fn remembered_until(self, until: Timestamp) -> Self {
        Self { until: self.until.max(until), ..self }
    }

    fn number(&self) -> u128 {
        u128::from_ne_bytes(self.key)
    }
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

/// A store of nonces in memory, bounded in number and in time.
///
/// Some 150 bytes a nonce; over its capacity the oldest is forgotten first, and what is being applied comes
/// on top. After a restart, or beyond the bound, a repeated callback is applied again, so
/// what it says has to be harmless when applied twice. So is one that is late and whose nonce has
/// been forgotten.
pub struct NonceStore {
    inner: Mutex<Inner>,
    capacity: usize,
    time_to_live: Duration,
}

#[derive(Default)]
struct Inner {
    seen: HashMap<u128, Seen, BuildHasherDefault<AsItIs>>,
    /// What to forget, oldest first.
    order: VecDeque<(Timestamp, u128)>,
}

#[derive(Clone, Copy)]
struct Seen {
    body: [u8; 16],
    until: Timestamp,
    in_progress: bool,
}

/// A digest is its own hash, and cannot be chosen without the secret.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }
}

impl NonceStore {
    /// Keeps up to [`DEFAULT_CAPACITY`] nonces.
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// Keeps up to so many nonces, and at least one.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity: capacity.max(1), time_to_live: Duration::ZERO }
    }

    /// Keeps nonces at least so long after they were received. Without it, as long as their signatures are
    /// taken: enough for exact copies. More is for those that were signed again with the same nonce,
    /// should the service do that.
    #[must_use]
    pub fn with_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.time_to_live = time_to_live;
        self
    }

    /// Claims a callback before it is applied: see [`Nonces`].
    pub fn claim(&self, claim: NonceClaim, now: Timestamp) -> NonceState {
        let stays = SignedDuration::try_from(self.time_to_live).unwrap_or(SignedDuration::MAX);
        let until = claim.until.max(now.checked_add(stays).unwrap_or(Timestamp::MAX));
        let new = Seen { body: claim.body, until, in_progress: true };
        let mut inner = self.lock();
        inner.forget_before(now);
        match inner.seen.entry(claim.number()) {
            Entry::Vacant(place) => {
                place.insert(new);
            }
            Entry::Occupied(mut known) => match known.get() {
                seen if seen.until < now && !seen.in_progress => {
                    known.insert(new);
                }
                seen if seen.body != claim.body => return NonceState::Conflict,
                seen if seen.in_progress => return NonceState::InProgress,
                _ => return NonceState::Duplicate,
            },
        }
        NonceState::New
    }

    /// Remembers a callback that was applied.
    pub fn keep(&self, claim: NonceClaim) {
        let mut inner = self.lock();
        let Some(seen) = inner.seen.get_mut(&claim.number()).filter(|seen| seen.in_progress) else { return };
        seen.in_progress = false;
        let until = seen.until;
        while inner.order.len() >= self.capacity {
            inner.forget_oldest();
        }
        inner.order.push_back((until, claim.number()));
    }

    /// Frees the claim of a callback that could not be applied, as if it had never come.
    pub fn release(&self, claim: NonceClaim) {
        let mut inner = self.lock();
        if inner.seen.get(&claim.number()).is_some_and(|seen| seen.in_progress) {
            inner.seen.remove(&claim.number());
        }
    }

    /// Number of nonces that are remembered or being applied.
    pub fn len(&self) -> usize {
        self.lock().seen.len()
    }

    /// Whether no nonce is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// No code that can panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget_before(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(until, _)| *until < now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((until, number)) = self.order.pop_front() else { return };
        // The nonce may have come again since, after its time.
        if let Entry::Occupied(seen) = self.seen.entry(number)
            && seen.get().until == until
            && !seen.get().in_progress
        {
            seen.remove();
        }
    }
}

impl Nonces for NonceStore {
    type Error = Infallible;

    async fn claim(&self, claim: NonceClaim, now: Timestamp) -> Result<NonceState, Infallible> {
        Ok(Self::claim(self, claim, now))
    }

    async fn keep(&self, claim: NonceClaim) -> Result<(), Infallible> {
        Self::keep(self, claim);
        Ok(())
    }

    async fn release(&self, claim: NonceClaim) -> Result<(), Infallible> {
        Self::release(self, claim);
        Ok(())
    }
}

/// One store for several receivers, or for one and a page that shows its size.
impl<N: Nonces> Nonces for Arc<N> {
    type Error = N::Error;

    fn claim(&self, claim: NonceClaim, now: Timestamp) -> impl Future<Output = Result<NonceState, N::Error>> + Send {
        N::claim(self, claim, now)
    }

    fn keep(&self, claim: NonceClaim) -> impl Future<Output = Result<(), N::Error>> + Send {
        N::keep(self, claim)
    }

    fn release(&self, claim: NonceClaim) -> impl Future<Output = Result<(), N::Error>> + Send {
        N::release(self, claim)
    }
}

impl Default for NonceStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for NonceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceStore").field("len", &self.len()).field("capacity", &self.capacity).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn claim(nonce: &str, signed_at: i64) -> NonceClaim {
        NonceClaim { key: digest(nonce.as_bytes()), body: digest(b"{}"), until: at(signed_at + 300) }
    }

    #[track_caller]
    fn take(store: &NonceStore, nonce: &str, signed_at: i64, now: i64) {
        assert_eq!(store.claim(claim(nonce, signed_at), at(now)), NonceState::New);
        store.keep(claim(nonce, signed_at));
    }

    #[test]
    fn nonce_is_known_until_its_signature_is_too_old() {
        let store = NonceStore::new();
        take(&store, "a", 1000, 1000);
        assert_eq!(store.claim(claim("a", 1000), at(1300)), NonceState::Duplicate);
        take(&store, "b", 1200, 1301);
        assert_eq!(store.len(), 1, "the first has expired");
    }

    #[test]
    fn nonce_in_progress_is_exclusive_and_free_when_released() {
        let store = NonceStore::new();
        assert_eq!(store.claim(claim("a", 1000), at(1000)), NonceState::New);
        assert_eq!(store.claim(claim("a", 1000), at(1000)), NonceState::InProgress);
        store.release(claim("a", 1000));
        assert!(store.is_empty());
        take(&store, "a", 1000, 1000);
        store.release(claim("a", 1000));
        assert_eq!(store.claim(claim("a", 1000), at(1000)), NonceState::Duplicate, "what is kept stays kept");
    }

    #[test]
    fn nonce_with_another_body_is_a_conflict_in_progress_and_after() {
        let store = NonceStore::new();
        let other = NonceClaim { body: digest(b"[]"), ..claim("a", 1000) };
        assert_eq!(store.claim(claim("a", 1000), at(1000)), NonceState::New);
        assert_eq!(store.claim(other, at(1000)), NonceState::Conflict);
        store.keep(claim("a", 1000));
        assert_eq!(store.claim(other, at(1000)), NonceState::Conflict);
    }

    #[test]
    fn oldest_is_forgotten_first() {
        let store = NonceStore::with_capacity(2);
        for nonce in ["a", "b", "c"] {
            take(&store, nonce, 1000, 1000);
        }
        assert_eq!(store.len(), 2);
        assert_eq!(store.claim(claim("b", 1000), at(1000)), NonceState::Duplicate);
        assert_eq!(store.claim(claim("a", 1000), at(1000)), NonceState::New);
    }

    #[test]
    fn nonce_lives_as_long_as_one_says() {
        let store = NonceStore::new().with_time_to_live(Duration::from_secs(3600));
        take(&store, "a", 1000, 1000);
        // Signed again when it was sent again.
        assert_eq!(store.claim(claim("a", 4600), at(4600)), NonceState::Duplicate);
        assert_eq!(store.claim(claim("a", 4600), at(4601)), NonceState::New);
        let for_ever = NonceStore::new().with_time_to_live(Duration::MAX);
        take(&for_ever, "a", 1000, 1000);
        assert_eq!(for_ever.claim(claim("a", 1000), Timestamp::MAX), NonceState::Duplicate);
    }

    #[test]
    fn claim_in_progress_is_not_forgotten_with_its_time() {
        let store = NonceStore::new();
        assert_eq!(store.claim(claim("a", 1000), at(1000)), NonceState::New);
        assert_eq!(store.claim(claim("a", 9000), at(9000)), NonceState::InProgress);
        store.keep(claim("a", 1000));
        assert_eq!(store.claim(claim("a", 9000), at(9000)), NonceState::New, "after its time");
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn of_a_hundred_claims_at_once_one_is_new() {
        let store = NonceStore::new();
        let new = std::thread::scope(|scope| {
            let claims: Vec<_> =
                (0..100).map(|_| scope.spawn(|| store.claim(claim("a", 1000), at(1000)) == NonceState::New)).collect();
            claims.into_iter().map(|claim| claim.join().unwrap()).filter(|new| *new).count()
        });
        assert_eq!(new, 1);
    }
}
