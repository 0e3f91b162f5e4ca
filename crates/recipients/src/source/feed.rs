use std::io::{self, ErrorKind, Read};

use crate::fingerprint::{Fingerprint, Hasher};

/// Bytes asked for at once.
const BLOCK: usize = 128 * 1024;

/// A window on the raw bytes, which are hashed as they come in, unless nobody wants to know.
pub(super) struct Feed {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    hash: Hasher,
    hashes: bool,
}

impl Feed {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, buffer: vec![0; BLOCK], start: 0, end: 0, hash: Hasher::default(), hashes: true }
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
