//! The files that the first steps use.

use std::collections::HashSet;

use sinch_batch_models::{Message, Template};
use sinch_batch_recipients::{Format, InvalidRows, RowReader, Rows, preflight};

use super::short;

fn file(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn source(name: &str) -> RowReader {
    let message: Message = serde_json::from_slice(&file("message.json")).unwrap();
    RowReader::new(std::io::Cursor::new(file(name)), Format::of_path(name), &Template::new(message)).unwrap()
}

#[test]
fn recipients_are_2500_different_people() {
    let preflight = preflight(source("recipients.csv"), |finding| panic!("{finding}")).unwrap();
    assert_eq!(preflight.rows, 2500);
    let mut numbers = HashSet::new();
    let mut names = HashSet::new();
    for row in Rows::new(source("recipients.csv"), InvalidRows::none()) {
        let recipient = row.unwrap().recipient;
        let number = &recipient.recipient.channel_identities()[0].identity;
        assert!(number.starts_with("+1555") && number.len() == 12);
        assert!(numbers.insert(number.to_string()));
        names.insert(recipient.parameters.get("name").unwrap().to_string());
    }
    assert!(names.len() > 2400);
}

#[test]
fn each_mistake_is_found_once() {
    let mut findings = Vec::new();
    let preflight = preflight(source("recipients-with-mistakes.csv"), |finding| findings.push(finding)).unwrap();
    assert_eq!(
        findings.iter().map(short).collect::<Vec<_>>(),
        [
            "- 1 region 4 unknown_column",
            "3 4 name 2 missing_value",
            "6 7 code 3 blank_value",
            "9 10 SMS 1 bad_number",
            "15 16 - - ragged_line",
            "18 19 name 2 not_utf8",
            "12 13 SMS 1 repeated_identity",
        ]
    );
    assert_eq!((preflight.rows, preflight.bad_rows, preflight.is_fatal()), (20, 6, true));
}
