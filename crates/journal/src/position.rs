/// A place in a journal: before a record, or at the end.
///
/// Later places are greater. The default one is the beginning of the oldest file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Position {
    /// The number of the file.
    pub file: u64,
    /// How many bytes of it come before.
    pub at_byte: u64,
}

impl Position {
    /// The place in that file.
    pub fn new(file: u64, at_byte: u64) -> Self {
        Self { file, at_byte }
    }
}
