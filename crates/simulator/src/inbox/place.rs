//! The place of a message: its batch and its position there.

use std::fmt;
use std::str::FromStr;

/// `BATCH.INDEX`. Later messages are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) batch: usize,
    pub(crate) index: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.batch, self.index)
    }
}

/// The text is no place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (batch, index) = text.split_once('.').ok_or(NoPlace)?;
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().map_err(|_| NoPlace),
            false => Err(NoPlace),
        };
        Ok(Self { batch: number(batch)?, index: number(index)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_as_they_are_written() {
        let place = Place { batch: 12, index: 3 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", ".", "1", "1.", ".1", "1.2.3", "-1.2", "+1.2", "1.99999999999999999999999"] {
            assert_eq!(bad.parse::<Place>(), Err(NoPlace), "{bad}");
        }
    }
}
