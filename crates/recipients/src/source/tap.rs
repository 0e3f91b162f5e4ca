//! The digest of a piece of a file, taken while the file is read.

use sha2::{Digest, Sha256};

/// Nothing is to be hashed from here on.
const IDLE: u64 = u64::MAX;

/// Hashes one range after the other of the bytes that pass through a feed, each behind the head of the file.
///
/// Nothing is hashed row by row. Bytes stay in the feed's buffer as long as they can, and are hashed when
/// the range is complete or the buffer lets go of them. Where a range ends is known only when the next one
/// begins: invalid rows behind its last valid row may still become part of it. So bytes that the buffer
/// lets go of before that is known go into a copy of the hash, which replaces it if they turn out to be inside.
///
/// ```text
///   head │ …  │ valid valid invalid valid │ invalid invalid …
///             ╰ from                sure ─╯ ╰── ahead, if the buffer lets go of them
/// ```
pub(crate) struct Tap {
    head: Sha256,
    /// The head, and the bytes of the range before `from`.
    hash: Sha256,
    /// The same and bytes behind `sure`, as far as `from`.
    ahead: Option<Sha256>,
    /// The first byte that has not been hashed.
    from: u64,
    /// The end of the last row that is definitely inside.
    sure: u64,
}

impl Tap {
    /// Begins with the head of the file.
    pub(crate) fn new() -> Self {
        Self { head: Sha256::new(), hash: Sha256::new(), ahead: None, from: 0, sure: 0 }
    }

    /// Ends the head. `buffer` holds the bytes of the file from `base` on.
    pub(crate) fn end_head(&mut self, base: u64, buffer: &[u8], end: u64) {
        self.extend(end);
        self.catch_up(base, buffer);
        self.head = self.hash.clone();
        self.from = IDLE;
    }

    /// Begins a range with its first row.
    pub(crate) fn begin(&mut self, start: u64, end: u64) {
        self.hash = self.head.clone();
        self.ahead = None;
        self.from = start;
        self.sure = end;
    }

    /// Adds a row, and everything before it.
    #[inline]
    pub(crate) fn extend(&mut self, end: u64) {
        if let Some(ahead) = self.ahead.take() {
            self.hash = ahead;
        }
        self.sure = end;
    }

    /// Ends the range with the row added last.
    pub(crate) fn end(&mut self, base: u64, buffer: &[u8]) -> [u8; 8] {
        self.catch_up(base, buffer);
        self.from = IDLE;
        let mut digest = [0; 8];
        digest.copy_from_slice(&self.hash.clone().finalize()[..8]);
        digest
    }

    /// The buffer is about to let go of these bytes, which begin at `base`.
    pub(crate) fn let_go(&mut self, base: u64, bytes: &[u8]) {
        let end = base + bytes.len() as u64;
        if self.from >= end {
            return;
        }
        let sure = self.sure.min(end);
        if self.from < sure {
            self.hash.update(piece(base, bytes, self.from, sure));
            self.from = sure;
        }
        if self.from < end {
            let ahead = self.ahead.get_or_insert_with(|| self.hash.clone());
            ahead.update(piece(base, bytes, self.from, end));
            self.from = end;
        }
    }

    fn catch_up(&mut self, base: u64, buffer: &[u8]) {
        if self.from < self.sure {
            self.hash.update(piece(base, buffer, self.from, self.sure));
            self.from = self.sure;
        }
    }
}

/// The bytes from `from` to `to` of a buffer that begins at `base`.
fn piece(base: u64, buffer: &[u8], from: u64, to: u64) -> &[u8] {
    let index = |at: u64| usize::try_from(at.saturating_sub(base)).unwrap_or(usize::MAX).min(buffer.len());
    &buffer[index(from)..index(to)]
}
