//! Has somebody been seen before? Twelve bytes an identity, and an answer at the end.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The most rows of a file: 27 bits.
pub(crate) const MAX_ROWS: u64 = (1 << ROW_BITS) - 1;
const ROW_BITS: u32 = 27;

/// The most identities of a row: 5 bits, 0 being the contact.
pub(crate) const MAX_IDENTITIES: usize = (1 << ORDINAL_BITS) - 1;
const ORDINAL_BITS: u32 = 5;

/// Entries are kept apart by the first byte of their hash, so that each lot of them is sorted where the
/// processor has it near, and lots need not be merged.
const LOTS: usize = 256;

/// Entries of a lot that are allocated together: 12 KiB.
const BLOCK: usize = 1 << 10;

/// Which identity of a row: 0 is the contact, `n` the `n`-th identity.
pub(crate) type Ordinal = u32;

/// A place of an identity: the row and which identity of it, packed so that they sort in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot(u32);

impl Spot {
    fn new(row: u64, ordinal: Ordinal) -> Self {
        // Both are bounded by their callers; a spot beyond the bound would only be misplaced.
        Self(((row.min(MAX_ROWS) as u32) << ORDINAL_BITS) | ordinal.min(MAX_IDENTITIES as u32))
    }

    pub(crate) fn row(self) -> u64 {
        u64::from(self.0 >> ORDINAL_BITS)
    }

    pub(crate) fn ordinal(self) -> Ordinal {
        self.0 & MAX_IDENTITIES as u32
    }
}

/// A later occurrence and the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Repeat {
    pub(crate) later: Spot,
    pub(crate) first: Spot,
}

/// Collects identities as keyed 64-bit hashes.
///
/// Two different identities are taken for one with odds of about `n² / 2^65` for `n` identities: one
/// in 37 million files of a million rows, one in 370,000 files of ten million. The key is new in each
/// run, so a second run decides.
pub(crate) struct Search {
    key: RandomState,
    /// Hash in two halves, then the spot: 12 bytes where `(u64, u32)` would take 16.
    lots: Vec<Vec<Vec<Entry>>>,
}

type Entry = [u32; 3];

impl Search {
    pub(crate) fn new() -> Self {
        Self { key: RandomState::new(), lots: vec![Vec::new(); LOTS] }
    }

    /// Adds an identity. On channels with phone numbers a leading `+` makes no difference.
    pub(crate) fn add(&mut self, row: u64, ordinal: Ordinal, channel: &str, identity: &str) {
        let hash = self.hash(channel.as_bytes(), identity.as_bytes());
        let entry = [(hash >> 32) as u32, hash as u32, Spot::new(row, ordinal).0];
        let lot = &mut self.lots[(hash >> 56) as usize];
        match lot.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(entry),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(entry);
                lot.push(block);
            }
        }
    }

    #[inline]
    fn hash(&self, channel: &[u8], identity: &[u8]) -> u64 {
        let mut hasher = self.key.build_hasher();
        let mut both = [0; 48];
        let length = channel.len() + 1 + identity.len();
        if length <= both.len() {
            // Nearly every identity is short, and is hashed faster as one piece.
            both[..channel.len()].copy_from_slice(channel);
            both[channel.len() + 1..length].copy_from_slice(identity);
            hasher.write(&both[..length]);
        } else {
            hasher.write(channel);
            hasher.write_u8(0);
            hasher.write(identity);
        }
        hasher.finish()
    }

    /// Every later occurrence, in the order of the file.
    pub(crate) fn finish(self) -> Vec<Repeat> {
        let mut repeats = Vec::new();
        let mut entries: Vec<Entry> = Vec::new();
        for lot in self.lots {
            entries.clear();
            for block in lot {
                entries.extend_from_slice(&block);
            }
            // One number compares faster than three.
            entries.sort_unstable_by_key(|[high, low, spot]| {
                u128::from(*high) << 64 | u128::from(*low) << 32 | u128::from(*spot)
            });
            for same in entries.chunk_by(|a, b| a[..2] == b[..2]) {
                if let [first, later @ ..] = same {
                    repeats.extend(later.iter().map(|entry| Repeat { later: Spot(entry[2]), first: Spot(first[2]) }));
                }
            }
        }
        repeats.sort_unstable();
        repeats
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entry_takes_twelve_bytes() {
        assert_eq!(size_of::<[u32; 3]>(), 12);
        assert_eq!((Spot::new(MAX_ROWS, 31).row(), Spot::new(MAX_ROWS, 31).ordinal()), (134_217_727, 31));
    }

    proptest! {
        #[test]
        fn later_occurrences_name_the_first(identities in prop::collection::vec(0..40_u32, 0..200)) {
            let mut search = Search::new();
            let mut seen: HashMap<u32, u64> = HashMap::new();
            let mut expected = Vec::new();
            for (row, identity) in (1..).zip(&identities) {
                search.add(row, 1, "SMS", &identity.to_string());
                // The same text on another channel is another identity.
                search.add(row, 2, &format!("channel {row}"), &identity.to_string());
                match seen.get(identity) {
                    Some(first) => expected.push((row, 1, *first)),
                    None => { seen.insert(*identity, row); }
                }
            }
            let found: Vec<_> =
                search.finish().iter().map(|repeat| (repeat.later.row(), repeat.later.ordinal(), repeat.first.row())).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn repeats_are_found_across_blocks() {
        let many = (BLOCK * LOTS * 2) as u64;
        let mut search = Search::new();
        for row in 1..=many + 2 {
            search.add(row, 1, "SMS", &(row % (many - 1)).to_string());
        }
        let found: Vec<_> = search.finish().iter().map(|repeat| (repeat.later.row(), repeat.first.row())).collect();
        assert_eq!(found, [(many, 1), (many + 1, 2), (many + 2, 3)]);
    }
}
