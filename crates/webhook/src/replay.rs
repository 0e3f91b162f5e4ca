//! What was taken in already: nonces, kept as long as their signatures would be taken.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::Verified;

/// How many nonces are kept, unless told otherwise: several times what the service's default rate
/// of 25 callbacks per second brings in within the default window.
pub const DEFAULT_CAPACITY: usize = 100_000;

/// Remembers nonces, so that a callback sent twice is taken in once.
///
/// In memory and bounded (some 100 bytes a nonce): over its capacity the oldest is forgotten first.
/// After a restart, or beyond the bound, a repeated callback is taken in again within the window of
/// the [`Verifier`](crate::Verifier), so what it says has to be harmless when heard twice.
pub struct NonceStore {
    inner: Mutex<Inner>,
    capacity: usize,
}

#[derive(Default)]
struct Inner {
    seen: HashMap<Key, Seen>,
    /// What to forget, oldest first.
    order: VecDeque<(Timestamp, Key)>,
}

/// A digest: nonces may be long, and need not be kept to be told apart.
type Key = [u8; 16];

#[derive(Clone, Copy)]
enum Seen {
    InWork,
    Until(Timestamp),
}

/// What is known about a callback's nonce.
#[derive(Debug)]
pub enum Claimed<'a> {
    /// Not seen yet. It is ours until the claim is kept or dropped.
    New(Claim<'a>),
    /// Another delivery of the same callback is being taken in at this moment.
    InWork,
    /// Taken in before: answer 2xx and do nothing.
    Known,
}

/// The right to take in one callback. Dropped without [`keep`](Self::keep), it is as if the
/// callback had never come.
#[must_use = "a claim that is dropped is forgotten"]
pub struct Claim<'a> {
    store: &'a NonceStore,
    key: Key,
    until: Timestamp,
}

impl NonceStore {
    /// Keeps up to [`DEFAULT_CAPACITY`] nonces.
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// Keeps up to so many nonces, and at least one.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity: capacity.max(1) }
    }

    /// Asks to take in a callback.
    pub fn claim(&self, callback: &Verified, now: Timestamp) -> Claimed<'_> {
        let key = key(&callback.nonce);
        let mut inner = self.lock();
        inner.forget_before(now);
        match inner.seen.get(&key) {
            Some(Seen::InWork) => return Claimed::InWork,
            Some(Seen::Until(until)) if now <= *until => return Claimed::Known,
            Some(Seen::Until(_)) | None => {}
        }
        inner.seen.insert(key, Seen::InWork);
        Claimed::New(Claim { store: self, key, until: callback.good_until })
    }

    /// How many nonces are remembered or in work.
    pub fn len(&self) -> usize {
        self.lock().seen.len()
    }

    /// Whether nothing is remembered.
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
        let Some((until, key)) = self.order.pop_front() else { return };
        // The nonce may have come again since, after its time.
        if matches!(self.seen.get(&key), Some(Seen::Until(kept)) if *kept == until) {
            self.seen.remove(&key);
        }
    }
}

impl Claim<'_> {
    /// The callback is taken in: remember it.
    pub fn keep(self) {
        let mut inner = self.store.lock();
        while inner.order.len() >= self.store.capacity {
            inner.forget_oldest();
        }
        inner.seen.insert(self.key, Seen::Until(self.until));
        inner.order.push_back((self.until, self.key));
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut inner = self.store.lock();
        if matches!(inner.seen.get(&self.key), Some(Seen::InWork)) {
            inner.seen.remove(&self.key);
        }
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

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("until", &self.until).finish_non_exhaustive()
    }
}

fn key(nonce: &str) -> Key {
    let digest = Sha256::digest(nonce.as_bytes());
    let mut key = Key::default();
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn callback(nonce: &str, signed_at: i64) -> Verified {
        Verified { nonce: nonce.into(), signed_at: at(signed_at), good_until: at(signed_at + 300) }
    }

    #[track_caller]
    fn take(store: &NonceStore, nonce: &str, signed_at: i64, now: i64) {
        match store.claim(&callback(nonce, signed_at), at(now)) {
            Claimed::New(claim) => claim.keep(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_nonce_is_known_until_its_signature_is_too_old() {
        let store = NonceStore::new();
        take(&store, "a", 1000, 1000);
        assert!(matches!(store.claim(&callback("a", 1000), at(1300)), Claimed::Known));
        take(&store, "b", 1200, 1301);
        assert_eq!(store.len(), 1, "the first has expired");
    }

    #[test]
    fn a_nonce_in_work_is_nobody_elses_and_free_again_when_dropped() {
        let store = NonceStore::new();
        let claim = store.claim(&callback("a", 1000), at(1000));
        assert!(matches!(claim, Claimed::New(_)));
        assert!(matches!(store.claim(&callback("a", 1000), at(1000)), Claimed::InWork));
        drop(claim);
        assert!(store.is_empty());
        take(&store, "a", 1000, 1000);
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let store = NonceStore::with_capacity(2);
        for nonce in ["a", "b", "c"] {
            take(&store, nonce, 1000, 1000);
        }
        assert_eq!(store.len(), 2);
        assert!(matches!(store.claim(&callback("b", 1000), at(1000)), Claimed::Known));
        assert!(matches!(store.claim(&callback("a", 1000), at(1000)), Claimed::New(_)));
    }
}
