use std::io::{self, ErrorKind, Read};

use super::tap::Tap;
use sinch_batch_models::Fingerprint;

use crate::fingerprint::Hasher;
use crate::look::{MARK, NotText, first_bytes, mark_length};

/// Bytes asked for at once.
const BLOCK: usize = 128 * 1024;

/// Bytes that are looked at to know what a file is.
const LOOK: usize = 64 * 1024;

/// A window on the raw bytes, which are hashed as they come in, unless that is switched off.
pub(crate) struct Buffer {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    base: u64,
    start: usize,
    end: usize,
    hash: Hasher,
    hashes: bool,
    tap: Option<Tap>,
    /// What went wrong while more was read than was needed.
    broken: Option<io::Error>,
}

impl Buffer {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self::with_buffer(reader, Vec::new())
    }

    /// Uses a buffer again.
    pub(crate) fn with_buffer(reader: Box<dyn Read + Send>, mut buffer: Vec<u8>) -> Self {
        if buffer.len() < BLOCK {
            buffer = vec![0; BLOCK];
        }
        Self {
            reader,
            buffer,
            base: 0,
            start: 0,
            end: 0,
            hash: Hasher::default(),
            hashes: true,
            tap: None,
            broken: None,
        }
    }

    /// The buffer, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Where in the file the bytes at hand begin.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Takes digests of ranges from now on; nothing may have been read.
    pub(crate) fn start_tap(&mut self) {
        self.tap = Some(Tap::new());
    }

    /// Takes no more digests.
    pub(crate) fn stop_tap(&mut self) {
        self.tap = None;
    }

    /// The head of the file ends here.
    pub(crate) fn end_head(&mut self, end: u64) {
        if let Some(tap) = &mut self.tap {
            tap.end_head(self.base, &self.buffer[..self.end], end);
        }
    }

    /// Begins a range with its first row.
    pub(crate) fn begin_range(&mut self, start: u64, end: u64) {
        if let Some(tap) = &mut self.tap {
            tap.begin(start, end);
        }
    }

    /// Adds a row to the range, and everything before it.
    #[inline]
    pub(crate) fn extend_range(&mut self, end: u64) {
        if let Some(tap) = &mut self.tap {
            tap.extend(end);
        }
    }

    /// Ends the range with the row added last; `None` without a tap.
    pub(crate) fn end_range(&mut self) -> Option<[u8; 8]> {
        self.tap.as_mut().map(|tap| tap.end(self.base, &self.buffer[..self.end]))
    }

    /// The bytes read and not yet let go.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Lets go of the first bytes.
    pub(crate) fn drop_first(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads more behind the bytes at hand; false at the end.
    pub(crate) fn more(&mut self) -> io::Result<bool> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
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
    pub(crate) fn first(&mut self) -> io::Result<Option<u8>> {
        while self.start == self.end {
            if !self.more()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.start]))
    }

    /// Reads until so many bytes are at hand, or all there are. What goes wrong behind the bytes at hand is reported
    /// when they have been read.
    pub(crate) fn fill(&mut self, count: usize) -> io::Result<()> {
        while self.bytes().len() < count {
            match self.more() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if self.bytes().is_empty() => return Err(error),
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Lets go of a byte order mark, if the bytes begin with one.
    pub(crate) fn drop_byte_order_mark(&mut self) -> io::Result<()> {
        self.fill(MARK.len())?;
        self.drop_first(mark_length(self.bytes()));
        Ok(())
    }

    /// Looks at the first bytes, whether they are text at all.
    pub(crate) fn look(&mut self) -> io::Result<Result<(), NotText>> {
        self.fill(LOOK)?;
        Ok(first_bytes(&self.bytes()[..self.bytes().len().min(LOOK)]))
    }

    /// Hashes no more; the fingerprint is that of the bytes read up to now.
    pub(crate) fn stop_hashing(&mut self) {
        self.hashes = false;
    }

    /// The fingerprint of all bytes read so far.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.hash.fingerprint()
    }

    /// Reads to the end, for the fingerprint alone.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        loop {
            self.drop_first(self.bytes().len());
            if !self.more()? {
                return Ok(());
            }
        }
    }
}
