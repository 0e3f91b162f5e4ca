//! The key of a campaign: what names it to the service, whatever people call it.

/// A new campaign key, from the clock and the system's randomness (UUID version 7): 32 hex digits.
///
/// It stands in the metadata of every batch and message of the campaign, so that a batch whose
/// outcome is unknown can be looked up, and a receipt leads to its row.
pub fn fresh_key() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_unique() {
        assert_ne!(super::fresh_key(), super::fresh_key());
        assert_eq!(super::fresh_key().len(), 32);
    }
}
