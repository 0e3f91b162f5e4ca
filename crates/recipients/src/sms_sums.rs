//! The SMS parts of a whole file, and what they cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use sinch_batch_models::SmsEncoding;

use crate::finding::{Place, RowNumber, shown};
use crate::prices::{Amount, Prices};
use crate::source::Measured;

/// How many of the longest rows are kept.
const WORST: usize = 5;

/// How many characters that are to blame are kept apart.
const CULPRITS: usize = 20;

/// How many parts the texts of a file take as SMS: an estimate, as channels may add to a text.
///
/// Only rows that will be sent count: neither invalid nor suppressed ones. Of rows that can be read only once a
/// repeated identity is found too late, and counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SmsEstimate {
    /// Rows that will be sent and whose first channel is SMS.
    pub rows: u64,
    /// Parts of all of them.
    pub parts: u64,
    /// How many rows take one part, two, three…
    pub spread: BTreeMap<u32, u64>,
    /// The rows with the most parts, at most five.
    pub worst: Vec<LongRow>,
    /// Rows in UCS-2, by the first character that is not in the GSM alphabet; the most frequent first.
    pub ucs2: Vec<Culprit>,
    /// What it costs, by currency; empty without prices.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cost: BTreeMap<String, Amount>,
    /// Rows for whose numbers there is no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_price: Option<u64>,
}

/// A row with many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LongRow {
    /// The row.
    pub row: RowNumber,
    /// The line on which it begins.
    pub line: u64,
    /// Its parts.
    pub parts: u32,
}

/// A character that makes texts UCS-2, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Culprit {
    /// The character.
    #[serde(serialize_with = "as_text")]
    pub character: char,
    /// The column it stands in; absent if that is the message itself.
    pub column: Option<String>,
    /// In how many rows it is the first.
    pub rows: u64,
    /// The line of the first of them.
    pub first_line: u64,
}

fn as_text<S: Serializer>(character: &char, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(character.encode_utf8(&mut [0; 4]))
}

/// A character by its code and, where it can be seen, itself.
pub(crate) fn named(character: char) -> String {
    let code = format!("U+{:04X}", u32::from(character));
    if character.is_control() || crate::source::text::is_blank(character.encode_utf8(&mut [0; 4])) {
        code
    } else {
        format!("`{character}` ({code})")
    }
}

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{} in column {column}", named(self.character)),
            None => write!(f, "{} in the message itself", named(self.character)),
        }
    }
}

/// Sums in the making.
pub(crate) struct SmsSums {
    estimate: SmsEstimate,
    ucs2: BTreeMap<(char, Option<String>), (u64, u64)>,
    prices: Option<Arc<Prices>>,
    one_part: u64,
}

impl SmsSums {
    pub(crate) fn new(prices: Option<Arc<Prices>>) -> Self {
        Self {
            estimate: SmsEstimate {
                rows: 0,
                parts: 0,
                spread: BTreeMap::new(),
                worst: Vec::new(),
                ucs2: Vec::new(),
                cost: BTreeMap::new(),
                no_price: prices.as_ref().map(|_| 0),
            },
            ucs2: BTreeMap::new(),
            prices,
            one_part: 0,
        }
    }

    /// Adds the text of a row.
    pub(crate) fn add(&mut self, place: Place, number: &str, measured: &Measured<'_>) {
        let parts = measured.length.parts;
        if parts == 1 && measured.length.encoding == SmsEncoding::Gsm7 {
            return self.add_one_part(number);
        }
        self.charge(number, parts);
        self.add_long(place, measured);
    }

    /// Adds the text of a row that is one part in the GSM alphabet, as most are.
    #[inline]
    pub(crate) fn add_one_part(&mut self, number: &str) {
        self.one_part += 1;
        self.charge(number, 1);
    }

    #[inline]
    fn charge(&mut self, number: &str, parts: u32) {
        let Some(prices) = &self.prices else { return };
        let sums = &mut self.estimate;
        match prices.of(number) {
            Some((currency, price)) => match sums.cost.get_mut(currency) {
                Some(sum) => *sum = sum.plus(price.times(parts)),
                None => {
                    sums.cost.insert(currency.to_owned(), price.times(parts));
                }
            },
            None => sums.no_price = sums.no_price.map(|rows| rows + 1),
        }
    }

    fn add_long(&mut self, place: Place, measured: &Measured<'_>) {
        let parts = measured.length.parts;
        let sums = &mut self.estimate;
        sums.rows += 1;
        sums.parts += u64::from(parts);
        *sums.spread.entry(parts).or_default() += 1;
        if parts > 1 {
            let at = sums.worst.partition_point(|row| row.parts >= parts);
            if at < WORST {
                sums.worst.insert(at, LongRow { row: place.row, line: place.line, parts });
                sums.worst.truncate(WORST);
            }
        }
        if let (Some(culprit), Some(blamed)) = (measured.length.culprit, &measured.blamed) {
            let key = (culprit, blamed.name.and_then(shown));
            if self.ucs2.len() < CULPRITS || self.ucs2.contains_key(&key) {
                self.ucs2.entry(key).or_insert((0, place.line)).0 += 1;
            }
        }
    }

    /// The estimate, if there is any SMS.
    pub(crate) fn finish(&mut self) -> Option<SmsEstimate> {
        let mut estimate = self.estimate.clone();
        estimate.rows += self.one_part;
        estimate.parts += self.one_part;
        if estimate.rows == 0 {
            return None;
        }
        if self.one_part > 0 {
            *estimate.spread.entry(1).or_default() += self.one_part;
        }
        estimate.ucs2 = self
            .ucs2
            .iter()
            .map(|((character, column), (rows, first_line))| Culprit {
                character: *character,
                column: column.clone(),
                rows: *rows,
                first_line: *first_line,
            })
            .collect();
        estimate.ucs2.sort_by_key(|culprit| std::cmp::Reverse(culprit.rows));
        Some(estimate)
    }
}
