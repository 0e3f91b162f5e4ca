//! What an SMS part costs, from a file of the user's: no prices are shipped, they would be wrong in a month.

use std::collections::HashMap;
use std::fmt;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::look::{NotText, text};

/// A price, or a sum of prices, exact to a millionth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u128);

/// Digits after the point.
const DIGITS: usize = 6;

impl Amount {
    /// Reads a decimal number such as `0.0075`, without a sign.
    fn read(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && part.is_empty())
            || !is_number(whole)
            || !is_number(part)
            || part.len() > DIGITS
            || whole.len() > 12
        {
            return None;
        }
        format!("{whole}{part:0<DIGITS$}").parse().ok().map(Self)
    }

    /// So many times the amount.
    #[must_use]
    pub fn times(self, parts: u32) -> Self {
        Self(self.0.saturating_mul(u128::from(parts)))
    }

    /// The sum of two amounts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u128.pow(DIGITS as u32);
        let part = format!("{:0DIGITS$}", self.0 % unit);
        let part = part.trim_end_matches('0');
        write!(f, "{}.{part:0<2}", self.0 / unit)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Prices of an SMS part by the beginning of the number; the longest beginning wins.
///
/// ```
/// use sinch_batch_recipients::Prices;
///
/// let prices = Prices::read(b"prefix,currency,price\n44,GBP,0.03\n447700,GBP,0.025\n1,USD,0.0079\n")?;
/// let price = |number| prices.of(number).map(|(currency, price)| format!("{price} {currency}"));
/// assert_eq!(price("+447700900123").as_deref(), Some("0.025 GBP"));
/// assert_eq!(price("+15550100001").as_deref(), Some("0.0079 USD"));
/// assert_eq!(price("+33100000000"), None);
/// # Ok::<(), sinch_batch_recipients::BadPrices>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    by_prefix: HashMap<Box<str>, (Box<str>, Amount)>,
    longest: usize,
}

/// A file of prices that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadPrices {
    /// It is not text in UTF-8.
    #[error("{0}")]
    NotText(NotText),
    /// Its first line names other columns.
    #[error("the first line of a price file is `prefix,currency,price`")]
    Header,
    /// A line is not a price.
    #[error("line {line}: {what}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It has no prices.
    #[error("the price file has no prices")]
    Empty,
}

impl Prices {
    /// Reads `prefix,currency,price`, a header line first; commas, semicolons or tabs. Among semicolons and tabs a
    /// price may have a decimal comma.
    ///
    /// # Errors
    /// [`BadPrices`] at the first line that is not a price.
    pub fn read(bytes: &[u8]) -> Result<Self, BadPrices> {
        let text = text(bytes).map_err(BadPrices::NotText)?;
        let mut lines = (1..)
            .zip(text.split('\n').flat_map(|line| line.trim_end_matches('\r').split('\r')))
            .filter(|(_, line)| !line.trim_matches([',', ';', ' ', '\t']).is_empty() && !line.starts_with('#'))
            .skip_while(|(_, line)| line.trim_matches('"').to_ascii_lowercase().starts_with("sep="));
        let header = lines.next().map(|(_, line)| line).ok_or(BadPrices::Empty)?;
        let separator = [';', '\t', ','].into_iter().find(|separator| header.contains(*separator)).unwrap_or(',');
        if cells(header, separator).is_none_or(|cells| !cells.join(",").eq_ignore_ascii_case("prefix,currency,price")) {
            return Err(BadPrices::Header);
        }
        let mut prices = Self { by_prefix: HashMap::new(), longest: 0 };
        for (line, text) in lines {
            let fault = |what| BadPrices::Line { line, what };
            let cells = cells(text, separator).ok_or_else(|| fault("a quote is not around a whole cell"))?;
            let [prefix, currency, price] = cells[..] else { return Err(fault("a price has 3 cells")) };
            let prefix = prefix.strip_prefix('+').unwrap_or(prefix);
            if prefix.is_empty() || prefix.len() > 15 || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(fault("the prefix is not the beginning of a phone number"));
            }
            if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return Err(fault("the currency is not 3 letters, such as EUR"));
            }
            let price = if separator == ',' { price.to_owned() } else { price.replace(',', ".") };
            let price = Amount::read(&price).ok_or_else(|| fault("the price is not a number such as 0.0075"))?;
            prices.longest = prices.longest.max(prefix.len());
            let value = (currency.to_ascii_uppercase().into(), price);
            if prices.by_prefix.insert(prefix.into(), value).is_some() {
                return Err(fault("the prefix has a price already"));
            }
        }
        if prices.by_prefix.is_empty() { Err(BadPrices::Empty) } else { Ok(prices) }
    }

    /// Currency and price of one part to a number.
    pub fn of(&self, number: &str) -> Option<(&str, Amount)> {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let most = self.longest.min(digits.len());
        (1..=most).rev().find_map(|length| {
            let (currency, price) = self.by_prefix.get(digits.get(..length)?)?;
            Some((&**currency, *price))
        })
    }
}

/// The cells of a line; none if a quote is anywhere but around a whole cell, or in a cell that goes on.
fn cells(line: &str, separator: char) -> Option<Vec<&str>> {
    let bare = |cell: &str| -> Option<usize> {
        let inside = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell);
        (!inside.contains('"')).then_some(inside.len())
    };
    line.split(separator)
        .map(|cell| {
            let cell = cell.trim();
            bare(cell).map(|length| if length < cell.len() { cell[1..cell.len() - 1].trim() } else { cell })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let amount = |text: &str| Amount::read(text).map(|amount| amount.to_string());
        for (text, read) in
            [("0.0075", "0.0075"), ("1", "1.00"), (".5", "0.50"), ("12.30", "12.30"), ("0.000001", "0.000001")]
        {
            assert_eq!(amount(text).as_deref(), Some(read), "{text}");
        }
        for text in ["", ".", "-1", "1e3", "0.0000001", "1,5", "x"] {
            assert_eq!(amount(text), None, "{text}");
        }
        assert_eq!(Amount::read("0.1").unwrap().times(3).plus(Amount::read("0.2").unwrap()).to_string(), "0.50");
    }

    #[test]
    fn price_files_are_read_or_named() {
        let read = |text: &str| Prices::read(text.as_bytes()).map(|prices| prices.by_prefix.len());
        assert_eq!(read("\u{feff}prefix;currency;price\n+1;usd;0.01\n\n# note\n44;GBP;0.02\n"), Ok(2));
        assert_eq!(read("sep=;\nPrefix;Currency;Price\n44;GBP;0,0075\n;;\n"), Ok(1));
        assert_eq!(read("prefix,currency,price\r44,GBP,0.02\r1,USD,\"0.01\"\r"), Ok(2));
        assert_eq!(read(""), Err(BadPrices::Empty));
        assert_eq!(read("prefix,currency,price\n"), Err(BadPrices::Empty));
        assert_eq!(read("1,USD,0.01\n"), Err(BadPrices::Header));
        for line in [
            "1,USD",
            "x,USD,1",
            "1,US,1",
            "1,USD,one",
            "1,USD,1\n+1,USD,2",
            "1,USD,\"0.01\n2,USD,1\"",
            "1,USD,1\"",
            "1,USD,0,01",
        ] {
            assert!(matches!(read(&format!("prefix,currency,price\n{line}\n")), Err(BadPrices::Line { .. })), "{line}");
        }
    }
}
