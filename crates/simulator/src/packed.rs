//! Many short records in one piece of memory.

/// Records of texts and small numbers, read back by position. A record costs its bytes, a length of
/// one byte per text, and four bytes.
#[derive(Default)]
pub(crate) struct Packed {
    bytes: Box<[u8]>,
    ends: Box<[u32]>,
}

#[derive(Default)]
pub(crate) struct Packer {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Packer {
    pub(crate) fn number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7F) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn end_record(&mut self) {
        // A request is far smaller than 4 GiB: the server limits it.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    pub(crate) fn finish(self) -> Packed {
        Packed { bytes: self.bytes.into(), ends: self.ends.into() }
    }
}

impl Packed {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The record at this place; an empty one if there is none.
    pub(crate) fn record(&self, index: usize) -> Record<'_> {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let end = self.ends.get(index).map_or(start, |end| *end as usize);
        Record(self.bytes.get(start..end).unwrap_or_default())
    }
}

/// What is left of a record.
pub(crate) struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    pub(crate) fn number(&mut self) -> usize {
        let mut number = 0;
        for shift in (0..usize::BITS).step_by(7) {
            let Some((byte, rest)) = self.0.split_first() else { break };
            self.0 = rest;
            number |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        number
    }

    pub(crate) fn text(&mut self) -> &'a str {
        let len = self.number().min(self.0.len());
        let (text, rest) = self.0.split_at(len);
        self.0 = rest;
        str::from_utf8(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_records_unpack_unchanged(
            records in prop::collection::vec(prop::collection::vec((any::<usize>(), ".{0,200}"), 0..4), 0..8),
        ) {
            let mut packer = Packer::default();
            for record in &records {
                for (number, text) in record {
                    packer.number(*number);
                    packer.text(text);
                }
                packer.end_record();
            }
            let packed = packer.finish();
            prop_assert_eq!(packed.len(), records.len());
            for (index, record) in records.iter().enumerate() {
                let mut read = packed.record(index);
                for (number, text) in record {
                    prop_assert_eq!((read.number(), read.text()), (*number, text.as_str()));
                }
                prop_assert!(read.0.is_empty());
            }
        }
    }
}
