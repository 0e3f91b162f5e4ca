//! Which rows go into which batch: written with the campaign, before anything is sent.

use crate::rows::RowSpans;

/// The most batches a campaign may have. More would make every look at the ledger slow; use larger batches.
pub const MAX_BATCHES: u32 = 200_000;

/// The first 8 bytes of the SHA-256 of what a batch is made of.
pub type Digest = [u8; 8];

/// One batch of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRows {
    /// The row that begins at [`at_byte`](Self::at_byte), if that is not the first of `rows`: a retry sends
    /// some rows of a range that was checked as a whole.
    pub first_row: Option<u64>,
    /// The rows in it, in the order of the request.
    pub rows: RowSpans,
    /// Where its bytes begin in the input.
    pub at_byte: u64,
    /// How many bytes of the input it takes.
    pub n_bytes: u64,
    /// The digest of these bytes: what was checked is what leaves.
    pub digest: Digest,
}

/// The batches of a campaign, in order. They can be gone through more than once.
pub trait Plan: Send + 'static {
    /// All batches, from the first.
    fn batches(&self) -> Box<dyn Iterator<Item = PlannedRows> + '_>;
}

impl Plan for Vec<PlannedRows> {
    fn batches(&self) -> Box<dyn Iterator<Item = PlannedRows> + '_> {
        Box::new(self.iter().cloned())
    }
}

impl<P: Plan + ?Sized> Plan for Box<P> {
    fn batches(&self) -> Box<dyn Iterator<Item = PlannedRows> + '_> {
        (**self).batches()
    }
}
