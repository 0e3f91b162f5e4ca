//! Files of recipients, read as a user of the crate reads them.
#![cfg(feature = "csv")]

mod check_csv;
mod check_json;
mod cutting;
mod demo;
mod field;
mod files;
mod lists;
mod planned;
mod properties;
mod reading;
mod rebatch;
mod skipping;

use std::io::Cursor;

use sinch_batch_models::{Message, Template};
use sinch_batch_recipients::{Finding, Format, Preflight, RowReader, Rows, Severity, SourceError, preflight};

pub(crate) const TEXT: &str = "Hello ${name}, your code is ${code}.";

pub(crate) fn source(file: &[u8], format: Format, text: &str) -> Result<RowReader, SourceError> {
    RowReader::new(Cursor::new(file.to_vec()), format, &Template::new(Message::text(text)))
}

pub(crate) fn checked(file: &[u8], format: Format, text: &str) -> (Preflight, Vec<Finding>) {
    let mut findings = Vec::new();
    let preflight = preflight(source(file, format, text).unwrap(), |finding| findings.push(finding)).unwrap();
    let mistakes = findings.iter().filter(|finding| finding.severity == Severity::Mistake).count();
    assert_eq!(preflight.findings as usize, mistakes);
    (preflight, findings)
}

/// One line for each finding: `row line column column_number kind`, with `-` for what is absent.
pub(crate) fn short(finding: &Finding) -> String {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    format!(
        "{} {} {} {} {}",
        or_dash(finding.row.map(|row| row.to_string())),
        finding.line,
        or_dash(finding.column.clone()),
        or_dash(finding.column_number.map(|number| number.to_string())),
        finding.kind
    )
}

/// The good rows of the second pass.
pub(crate) fn rows(file: &[u8], format: Format, text: &str) -> Vec<Result<sinch_batch_recipients::Row, SourceError>> {
    let (preflight, _) = checked(file, format, text);
    Rows::new(source(file, format, text).unwrap(), preflight.skip).collect()
}
