use std::io::{self, ErrorKind, Read};

use super::tap::Tap;
use crate::fingerprint::{Fingerprint, Hasher};

/// Bytes asked for at once.
const BLOCK: usize = 128 * 1024;

/// A window on the raw bytes, which are hashed as they come in, unless nobody wants to know.
pub(super) struct Buffer {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    base: u64,
    start: usize,
    end: usize,
    hash: Hasher,
    hashes: bool,
    tap: Option<Tap>,
}

impl Buffer {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self::with_buffer(reader, Vec::new())
    }

    /// Uses a buffer again.
    pub(super) fn with_buffer(reader: Box<dyn Read + Send>, mut buffer: Vec<u8>) -> Self {
        if buffer.len() < BLOCK {
            buffer = vec![0; BLOCK];
        }
        Self { reader, buffer, base: 0, start: 0, end: 0, hash: Hasher::default(), hashes: true, tap: None }
    }

    /// The buffer, to be used again.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Where in the file the bytes at hand begin.
    #[inline]
    pub(super) fn position(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Takes digests of ranges from now on; nothing may have been read.
    pub(super) fn start_tap(&mut self) {
        self.tap = Some(Tap::new());
    }

    /// Takes no more digests.
    pub(super) fn stop_tap(&mut self) {
        self.tap = None;
    }

    /// The head of the file ends here.
    pub(super) fn end_head(&mut self, end: u64) {
        if let Some(tap) = &mut self.tap {
            tap.end_head(self.base, &self.buffer[..self.end], end);
        }
    }

    /// Begins a range with its first row.
    pub(super) fn begin_range(&mut self, start: u64, end: u64) {
        if let Some(tap) = &mut self.tap {
            tap.begin(start, end);
        }
    }

    /// Adds a row to the range, and everything before it.
    #[inline]
    pub(super) fn extend_range(&mut self, end: u64) {
        if let Some(tap) = &mut self.tap {
            tap.extend(end);
        }
    }

    /// Ends the range with the row added last; `None` without a tap.
    pub(super) fn end_range(&mut self) -> Option<[u8; 8]> {
        self.tap.as_mut().map(|tap| tap.end(self.base, &self.buffer[..self.end]))
    }

    /// The bytes read and not yet let go.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Lets go of the first bytes.
    pub(super) fn drop_first(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads more behind the bytes at hand; false at the end.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        if self.end == self.buffer.len() {
            if let Some(tap) = &mut self.tap {
                tap.let_go(self.base, &self.buffer[..self.start]);
            }
            self.base += self.start as u64;
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let count = loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        // A reader that claims more than it was given room for is broken; believe the room.
        let end = (self.end + count).min(self.buffer.len());
        if self.hashes {
            self.hash.update(&self.buffer[self.end..end]);
        }
        self.end = end;
        Ok(count > 0)
    }

    /// The first byte at hand, read if need be; `None` at the end.
    #[cfg(feature = "csv")]
    pub(super) fn first(&mut self) -> io::Result<Option<u8>> {
        while self.start == self.end {
            if !self.more()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.start]))
    }

    /// Lets go of a byte order mark, if the bytes begin with one.
    pub(super) fn drop_byte_order_mark(&mut self) -> io::Result<()> {
        while self.bytes().len() < 3 && self.more()? {}
        if self.bytes().starts_with(b"\xEF\xBB\xBF") {
            self.drop_first(3);
        }
        Ok(())
    }

    /// Hashes no more; the fingerprint is that of the bytes read up to now.
    pub(super) fn stop_hashing(&mut self) {
        self.hashes = false;
    }

    /// The fingerprint of all bytes read so far.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.hash.fingerprint()
    }

    /// Reads to the end, for the fingerprint alone.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        loop {
            self.drop_first(self.bytes().len());
            if !self.more()? {
                return Ok(());
            }
        }
    }
}
