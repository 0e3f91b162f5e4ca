//! Where does somebody occur? Looked for by one identity, in any text.

use std::fmt;

use crate::file::RecipientFile;
use crate::finding::RowNumber;
use crate::identity::{is_like_a_number, tidied};
use crate::opt_outs::identity_fault;
use crate::original::no_template;
use crate::source::SourceError;
use crate::source::text::trimmed;

/// Finds one identity in texts: a number however it is written, any other identity as a word of its own, in
/// capitals or not.
///
/// It finds rather too much than too little: a number is found in a parameter as well as in a column of numbers.
#[derive(Clone)]
pub struct IdentityMatcher {
    wanted: Wanted,
}

#[derive(Clone)]
enum Wanted {
    /// Digits, with the country's code.
    Number(String),
    /// In small letters.
    Word(String),
}

/// Somebody is looked for: only the kind is shown.
impl fmt::Debug for IdentityMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityMatcher(…)")
    }
}

impl IdentityMatcher {
    /// Looks for a phone number with its country's code, a contact's id, or an identity of another channel.
    ///
    /// # Errors
    /// Why nobody can be found by it, in one sentence that does not repeat it.
    pub fn new(identity: &str) -> Result<Self, String> {
        if let Some(fault) = identity_fault(None, identity) {
            return Err(fault);
        }
        let wanted = if is_like_a_number(identity) {
            let tidy = tidied(trimmed(identity));
            Wanted::Number(tidy.chars().filter(char::is_ascii_digit).collect())
        } else {
            Wanted::Word(trimmed(identity).to_lowercase())
        };
        Ok(Self { wanted })
    }

    /// Whether the identity occurs in a text.
    pub fn is_in(&self, text: &str) -> bool {
        match &self.wanted {
            Wanted::Number(digits) => has_number(text, digits),
            Wanted::Word(word) => has_word(&text.to_lowercase(), word),
        }
    }

    /// Whether the identity occurs in a name or a text of a JSON value, JSON inside of texts included.
    pub fn is_in_json(&self, value: &serde_json::Value) -> bool {
        use serde_json::Value;
        match value {
            Value::String(text) => {
                self.is_in(text)
                    || (text.contains('\\')
                        && serde_json::from_str::<Value>(text).is_ok_and(|inner| self.is_in_json(&inner)))
            }
            Value::Number(number) => self.is_in(&number.to_string()),
            Value::Array(values) => values.iter().any(|value| self.is_in_json(value)),
            Value::Object(fields) => fields.iter().any(|(name, value)| self.is_in(name) || self.is_in_json(value)),
            Value::Bool(_) | Value::Null => false,
        }
    }

    /// Whether the identity occurs in bytes: in a JSON value if they are one, else in what is text of them.
    pub fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        self.is_in(&String::from_utf8_lossy(bytes))
            || serde_json::from_slice(bytes).is_ok_and(|value| self.is_in_json(&value))
    }
}

/// Whether a number stands in a text, with or without what people write between its digits and before them.
fn has_number(text: &str, digits: &str) -> bool {
    let bytes = text.as_bytes();
    (0..bytes.len()).any(|start| {
        // It begins with its first digit, and not in the middle of a longer number.
        let in_number = start > 0 && bytes[start - 1].is_ascii_digit();
        bytes[start].is_ascii_digit()
            && (!in_number || begins_after_prefix(&bytes[..start]))
            && number_at(&text[start..], digits)
    })
}

/// Whether what stands before are the zeros by which another country is dialled.
fn begins_after_prefix(before: &[u8]) -> bool {
    let rest = before.strip_suffix(b"00");
    rest.is_some_and(|rest| rest.last().is_none_or(|byte| !byte.is_ascii_digit()))
}

fn number_at(text: &str, digits: &str) -> bool {
    let mut rest = text.chars();
    for wanted in digits.chars() {
        loop {
            match rest.next() {
                Some(letter) if letter == wanted => break,
                // What people write between digits.
                Some(letter) if is_between(letter) => {}
                _ => return false,
            }
        }
    }
    rest.next().is_none_or(|letter| !letter.is_ascii_digit())
}

/// Whether a character stands between the digits of one number, not between two cells or values.
fn is_between(letter: char) -> bool {
    !letter.is_alphanumeric() && !matches!(letter, ',' | ';' | ':' | '"' | '\\' | '|' | '\t' | '\r' | '\n')
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        [before, after].into_iter().flatten().all(|letter| !letter.is_alphanumeric())
    })
}

impl RecipientFile {
    /// The rows in which somebody occurs, in any column, with the lines on which they begin: valid rows or not.
    ///
    /// # Errors
    /// [`SourceError`] if the file cannot be read.
    pub fn rows_with(&self, who: &IdentityMatcher) -> Result<Vec<(RowNumber, u64)>, SourceError> {
        let mut source = self.source(&no_template())?;
        let mut rows = Vec::new();
        while let Some(place) = source.advance()? {
            if who.is_in_bytes(source.raw()) {
                rows.push((place.row, source.line()));
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_however_they_are_written() {
        for typed in ["+15550100011", "15550100011", "+1 555-010-0011"] {
            let who = IdentityMatcher::new(typed).unwrap();
            for text in [
                "+15550100011",
                "call 1 (555) 010.0011 now",
                "0015550100011",
                "a,+15550100011,b",
                "{\"to\":\"15550100011\"}",
            ] {
                assert!(who.is_in(text), "{typed} in {text}");
            }
            for text in ["", "+155501000110", "915550100011", "1555010001", "1,5550100011", "15550100012"] {
                assert!(!who.is_in(text), "{typed} in {text}");
            }
            assert!(who.is_in_bytes(br#"{"a":[{"b":"{\"c\":\"\u002b15550100011\"}"}]}"#));
            assert!(who.is_in_bytes(br#"{"a":15550100011}"#) && who.is_in_bytes(b"\xff +15550100011 \xff"));
        }
    }

    #[test]
    fn other_identities_are_words_of_their_own() {
        let who = IdentityMatcher::new("Ines_K").unwrap();
        assert!(who.is_in("ines_k") && who.is_in("a,INES_K,b") && who.is_in("@ines_k: hello"));
        assert!(!who.is_in("ines_kx") && !who.is_in("xines_k") && !who.is_in("ines"));
        assert_eq!(format!("{who:?}"), "IdentityMatcher(…)");
        for nobody in ["", " ", "0555", "\u{7}x"] {
            assert!(IdentityMatcher::new(nobody).is_err(), "{nobody:?}");
        }
    }
}
