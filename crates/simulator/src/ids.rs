//! Numbers that look random and follow from a seed.

use jiff::Timestamp;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A step that turns any number into one that looks unrelated; two numbers never become one.
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// A number that follows from the seed and a text (FNV-1a, then mixed). Stable for ever.
pub(crate) fn hash(seed: u64, text: &str) -> u64 {
    let start = 0xCBF2_9CE4_8422_2325 ^ mix(seed);
    mix(text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)))
}

/// What an id is for: ids of two kinds never meet.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Batch = 1,
    Message = 2,
    Nonce = 3,
    Contact = 4,
    Consents = 5,
    /// A batch of no campaign.
    OtherBatch = 6,
    Inbound = 7,
}

/// An id as the service makes them: a ULID of that time.
///
/// Of `random`, the lower 80 bits count.
///
/// ```
/// use sinch_batch_simulator::ulid;
///
/// let time = "2016-07-30T22:36:16.385Z".parse()?;
/// assert_eq!(ulid(time, 0), "01ARYZ6S410000000000000000");
/// assert_eq!(ulid(time, u128::MAX), "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
/// # Ok::<(), jiff::Error>(())
/// ```
pub fn ulid(time: Timestamp, random: u128) -> String {
    const RANDOM: u32 = 80;
    let millis = u128::from(time.as_millisecond().unsigned_abs()) & ((1 << 48) - 1);
    let bits = millis << RANDOM | (random & ((1 << RANDOM) - 1));
    let digit = |place: u32| char::from(CROCKFORD[(bits >> (place * 5)) as usize & 31]);
    (0..26).rev().map(digit).collect()
}

/// An id that follows from the seed; unique as long as the number is, within a kind and a seed.
pub(crate) fn seeded(time: Timestamp, seed: u64, kind: Kind, number: u64) -> String {
    ulid(time, (kind as u128) << 64 | u128::from(mix(number ^ mix(seed))))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_ulids_unique_and_follow_from_the_seed() {
        let time = Timestamp::from_second(1_947_146_400).unwrap();
        let ids = |seed| -> HashSet<String> {
            let kinds = [Kind::Batch, Kind::Message, Kind::Nonce, Kind::Contact, Kind::Consents];
            kinds.into_iter().flat_map(|kind| (0..1000).map(move |n| seeded(time, seed, kind, n))).collect()
        };
        assert_eq!(ids(1).len(), 5000);
        assert_eq!(ids(1), ids(1));
        assert!(ids(1).is_disjoint(&ids(2)));
        assert!(ids(1).iter().all(|id| id.len() == 26 && id.as_bytes()[0] <= b'7'));
    }
}
