use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::unknown::{Part, Pointer};

/// A list with a documented least and greatest length.
///
/// It is made from an array, whose length the compiler checks, or from a `Vec` with `try_from`. It
/// reads like a slice. One that was read from JSON is kept in any length, so that nothing is lost;
/// [`Message::violations`](crate::Message::violations) names it, and reading a request refuses it.
///
/// ```
/// use sinch_batch_models::wire::Bounded;
///
/// let two: Bounded<&str, 1, 3> = ["a", "b"].into();
/// assert_eq!(two.len(), 2);
/// assert!(Bounded::<&str, 1, 3>::try_from(vec![]).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bounded<T, const MIN: usize, const MAX: usize>(Vec<T>);

/// A list is shorter or longer than the service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
    /// The least length.
    pub min: usize,
    /// The greatest length.
    pub max: usize,
    /// The length there was.
    pub found: usize,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min, max, found } = self;
        match *max {
            usize::MAX => write!(f, "expected at least {min} entries, not {found}"),
            _ => write!(f, "expected {min} to {max} entries, not {found}"),
        }
    }
}

impl std::error::Error for OutOfBounds {}

impl<T, const MIN: usize, const MAX: usize> Bounded<T, MIN, MAX> {
    /// The least length.
    pub const MIN: usize = MIN;
    /// The greatest length.
    pub const MAX: usize = MAX;

    /// The entries, given away.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }

    fn check(found: usize) -> Result<(), OutOfBounds> {
        if (MIN..=MAX).contains(&found) { Ok(()) } else { Err(OutOfBounds { min: MIN, max: MAX, found }) }
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for Bounded<T, MIN, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> TryFrom<Vec<T>> for Bounded<T, MIN, MAX> {
    type Error = OutOfBounds;

    fn try_from(entries: Vec<T>) -> Result<Self, OutOfBounds> {
        Self::check(entries.len()).map(|()| Self(entries))
    }
}

impl<T, const MIN: usize, const MAX: usize, const N: usize> From<[T; N]> for Bounded<T, MIN, MAX> {
    fn from(entries: [T; N]) -> Self {
        const { assert!(MIN <= N && N <= MAX, "the list is shorter or longer than the service takes") };
        Self(entries.into())
    }
}

impl<'a, T, const MIN: usize, const MAX: usize> IntoIterator for &'a Bounded<T, MIN, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Serialize, const MIN: usize, const MAX: usize> Serialize for Bounded<T, MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Deserialize<'de> for Bounded<T, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        list(deserializer, |entries| Ok::<_, Infallible>(Self(entries)))
    }
}

impl<T: Part, const MIN: usize, const MAX: usize> Part for Bounded<T, MIN, MAX> {
    fn walk(&self, at: &mut Pointer) {
        if let Err(error) = Self::check(self.0.len()) {
            at.breaks(error);
        }
        self.0.walk(at);
    }
}

/// Reads a list and makes something of it while the reader still knows the place of the list.
pub(crate) fn list<'de, D, T, R, E>(deserializer: D, make: impl FnOnce(Vec<T>) -> Result<R, E>) -> Result<R, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
    E: fmt::Display,
{
    struct Entries<T, F>(F, PhantomData<T>);
    impl<'de, T, R, E, F> Visitor<'de> for Entries<T, F>
    where
        T: Deserialize<'de>,
        E: fmt::Display,
        F: FnOnce(Vec<T>) -> Result<R, E>,
    {
        type Value = R;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<R, A::Error> {
            let mut entries = Vec::with_capacity(seq.size_hint().unwrap_or_default().min(1024));
            while let Some(entry) = seq.next_element()? {
                entries.push(entry);
            }
            (self.0)(entries).map_err(A::Error::custom)
        }
    }
    deserializer.deserialize_seq(Entries(make, PhantomData))
}
