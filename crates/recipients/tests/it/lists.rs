//! Lists of contacts and opt-outs: what is read, and what is wrong.

use proptest::prelude::*;
use sinch_batch_models::{ConsentRecord, ContactId, NewContact};
use sinch_batch_recipients::{Finding, Format, List, SourceError, check_list};

fn contacts(text: &str, format: Format) -> List<NewContact> {
    List::contacts(std::io::Cursor::new(text.to_owned()), format).unwrap()
}

fn ids(text: &str, format: Format) -> List<ContactId> {
    List::contact_ids(std::io::Cursor::new(text.to_owned()), format).unwrap()
}

fn consents(text: &str, format: Format) -> List<ConsentRecord> {
    List::consents(std::io::Cursor::new(text.to_owned()), format).unwrap()
}

/// The mistakes of a list, as a person reads them.
fn wrong<T>(list: List<T>) -> Vec<String> {
    let mut found = Vec::new();
    let checked = check_list(list, |finding: Finding| found.push(finding.to_string())).unwrap();
    assert_eq!(checked.is_ok(), found.is_empty());
    assert_eq!(checked.findings as usize, found.len());
    found
}

/// Line and JSON of each row; all are good.
fn rows<T: serde::Serialize>(mut list: List<T>) -> Vec<(u64, String)> {
    let mut rows = Vec::new();
    while let Some(row) = list.next_row().unwrap() {
        let entry = row.entry.unwrap_or_else(|wrong| panic!("{wrong:?}"));
        rows.push((row.line, serde_json::to_string(&entry).unwrap()));
    }
    rows
}

#[test]
fn contacts_of_a_table() {
    let text = "SMS,whatsapp,Messenger,app_id,language,display_name,external_id,metadata,channel_priority,#note\n\
                +15550100001,,,,pt-BR,\"Ines\nPrado\",crm-1,vip,WHATSAPP;sms,x\n\
                \n\
                ,15550100002,77349,01KZ4EBHKN27EZJ4Q91V5C36G1,EN,,,,,\n";
    let ines = r#"{"channel_identities":[{"channel":"SMS","identity":"+15550100001"}],"language":"PT_BR","channel_priority":["WHATSAPP","SMS"],"display_name":"Ines\nPrado","external_id":"crm-1","metadata":"vip"}"#;
    let other = r#"{"channel_identities":[{"channel":"WHATSAPP","identity":"15550100002"},{"channel":"MESSENGER","identity":"77349","app_id":"01KZ4EBHKN27EZJ4Q91V5C36G1"}],"language":"EN"}"#;
    assert_eq!(rows(contacts(text, Format::Csv)), [(2, ines.to_owned()), (5, other.to_owned())]);

    let text = "channel,identity,language\nline,U1,EN\nsms,+15550100001,xx\nfax,1,\n";
    assert_eq!(
        wrong(contacts(text, Format::Csv)),
        [
            "line 2, column identity: an identity on LINE belongs to one app, so the app's id is needed, in a column `app_id`",
            "line 3, column language: not a language; there are names such as EN, EN_US or PT_BR",
            "line 4, column channel: not a known channel; there are SMS, RCS, WHATSAPP, MMS, KAKAOTALK, KAKAOTALKCHAT, VIBERBM, LINE, INSTAGRAM, MESSENGER, WECHAT, TELEGRAM, APPLEBC",
            "line 4, column language: the cell is empty",
        ]
    );
}

#[test]
fn mistakes_in_a_header_are_reported_once() {
    for (text, expected) in [
        (
            "SMS,idiom\n1,2\n3,4\n",
            &[
                "line 1, column idiom: no such column is known; there can be `channel` and `identity`, or columns named after channels, such as `SMS`; and `language`, `display_name`, `email`, `external_id`, `metadata`, `channel_priority`, `app_id`, and remarks that begin with `#`",
                "line 1: there is no column `language`, which a contact must have",
            ][..],
        ),
        (
            "language\n",
            &[
                "line 1: no column names an identity: call two `channel` and `identity`, or one after a channel, such as `SMS`",
            ],
        ),
        ("language,sms,SMS\n", &["line 1, column SMS: the column repeats column 2"]),
        ("language,channel\n", &["line 1: there is a column `channel` but no column `identity`"]),
        (
            "language,channel,identity,SMS\n",
            &["line 1: keep `channel` and `identity`, or the columns named after channels, not both"],
        ),
    ] {
        assert_eq!(wrong(contacts(text, Format::Csv)), expected, "{text}");
    }
    // A file of ids without a header: its first id is not shown where it looks like a number.
    assert_eq!(
        wrong(ids("15550100001\n15550100002\n", Format::Csv)),
        [
            "line 1, column 1: no such column is known; there can be `contact_id`, and remarks that begin with `#`",
            "line 1: there is no column `contact_id`, so no contact is named",
        ]
    );
}

#[test]
fn mistakes_in_rows_are_reported_by_line_and_column() {
    let long = "x".repeat(1025);
    let text = format!(
        "SMS,language,metadata,channel_priority\n,EN,,\n+1555o100001,EN,{long},SMS FAX\n1,2\n+15550100001,EN,,\"x\n"
    );
    assert_eq!(
        wrong(contacts(&text, Format::Csv)),
        [
            "line 2: the row has no identity on any channel, so there is nobody to make a contact of",
            "line 3, column SMS: not a phone number: the 6th character is not a digit",
            "line 3, column channel_priority: one of the names is not a known channel; channels are separated by spaces or `;`",
            "line 3, column metadata: there are 1025 characters; at most 1024 fit",
            "line 4: the row has 2 cells, the header has 4",
            "line 5, column channel_priority: the quote that opens here is never closed, so the rest of the file is one cell",
        ]
    );
    assert_eq!(
        wrong(consents("identification,consent_type\n,OPT_OUT_ALL\n \t,opt_out_all\nx,OPT_IN\n", Format::Csv)),
        [
            "line 2, column identification: the cell is empty",
            "line 3, column identification: nothing in it can be seen",
            "line 4, column consent_type: not an opt-out; there are OPT_OUT_ALL, OPT_OUT_NOTIFICATION, OPT_OUT_MARKETING",
        ]
    );
    assert_eq!(wrong(ids("contact_id\n\n", Format::Csv)), ["line 3: the file has no rows"]);
    let bytes = b"contact_id\n\xff\n".to_vec();
    let list = List::contact_ids(std::io::Cursor::new(bytes), Format::Csv).unwrap();
    assert_eq!(wrong(list), ["line 2, column contact_id: the cell is not UTF-8 from its byte 1 on"]);
}

#[test]
fn duplicate_identity_is_reported_at_the_later_contact() {
    let text =
        "SMS,RCS,language\n+15550100001,+15550100001,EN\n\n+15550100002,,EN\n,15550100001,EN\n+15550100002,,EN\n";
    assert_eq!(
        wrong(contacts(text, Format::Csv)),
        [
            "line 5: an identity of it is in row 1 (line 2) too; only one of the two may stay",
            "line 6: an identity of it is in row 2 (line 4) too; only one of the two may stay",
        ]
    );
    let checked = check_list(contacts(text, Format::Csv), |_| {}).unwrap();
    assert_eq!((checked.rows, checked.bad_rows), (4, 2));
    let one = r#"{"channel_identities":[{"channel":"SMS","identity":"+15550100001"}],"language":"EN"}"#;
    assert_eq!(
        wrong(contacts(&format!("{{\"contacts\": [{one}, {one},\n{one}]}}"), Format::JsonLines)),
        [
            "line 1: an identity of it is in row 1 (line 1) too; only one of the two may stay",
            "line 2: an identity of it is in row 1 (line 1) too; only one of the two may stay",
        ]
    );
    // Identities are compared trimmed, in every list.
    assert_eq!(
        wrong(ids("contact_id\na\nb\na\n", Format::Csv)),
        ["line 4: an identity of it is in row 1 (line 2) too; only one of the two may stay"]
    );
    let opt_outs = "identification,consent_type\n+15550100001,OPT_OUT_ALL\n15550100001,OPT_OUT_MARKETING\n15550100001,OPT_OUT_ALL\n";
    assert_eq!(wrong(consents(opt_outs, Format::Csv)).len(), 1);
}

#[test]
fn lines_of_json() {
    let text = "# a remark\n{\"contact_id\": \"a\"}\n\n\"b\"\n";
    assert_eq!(rows(ids(text, Format::JsonLines)), [(2, "\"a\"".to_owned()), (4, "\"b\"".to_owned())]);
    assert_eq!(
        wrong(ids("{\"contact_id\": \"\"}\n{\"id\": \"a\"}\n7\n", Format::JsonLines)),
        [
            "line 1, column /contact_id: nothing in it can be seen",
            "line 2, column /id: this is not the id of a contact: unknown field `id`, expected `contact_id`",
            "line 3, byte 1: this is not the id of a contact: invalid type: an integer, expected an object with `contact_id`, or the id as a string",
        ]
    );
    let text = "{\"identification\":\"+15550100001\",\"consent_type\":\"OPT_OUT_ALL\"}\n\
                {\"identification\":\"\",\"consent_type\":\"opt_out_all\"}\n{\"identification\":\"x\",\"until\":1}\n";
    assert_eq!(
        wrong(consents(text, Format::JsonLines)),
        [
            "line 2, column /identification: empty identity",
            "line 2, column /consent_type: not an opt-out; there are OPT_OUT_ALL, OPT_OUT_NOTIFICATION, OPT_OUT_MARKETING",
            "line 3, column /until: the service knows no field of this name here",
            "line 3, column /consent_type: the opt-out is missing",
        ]
    );
    let text = "{\"channel_identities\":[{\"channel\":\"sms\",\"identity\":\"\"},{\"channel\":\"WECHAT\",\"identity\":\"w\"}],\
                \"language\":\"UNSPECIFIED\",\"channel_priority\":[\"FAX\"]}\n{\"language\":\"EN\"}\n";
    assert_eq!(
        wrong(contacts(text, Format::JsonLines)),
        [
            "line 1, column /channel_identities/0/channel: not a known channel; `SMS` is written in capitals",
            "line 1, column /channel_identities/0/identity: empty identity",
            "line 1, column /channel_identities/1/app_id: an identity on WECHAT belongs to one app, so the app's id is needed",
            "line 1, column /language: not a language; there are names such as EN, EN_US or PT_BR",
            "line 1, column /channel_priority/0: not a known channel",
            "line 2, byte 17: this is not a contact: missing field `channel_identities`",
        ]
    );
}

#[test]
fn whole_request_body_is_a_list_too() {
    let found = rows(contacts(&sinch_batch_wire::text("request/create_contacts.json"), Format::JsonLines));
    assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 24]);
    let found = rows(ids(&sinch_batch_wire::text("request/delete_contacts.json"), Format::JsonLines));
    assert_eq!(found[2], (5, "\"01KZRW1RDB5FN34X87JPMBFSNN\"".to_owned()));

    let list = consents(&sinch_batch_wire::text("request/insert_consents.json"), Format::JsonLines);
    assert_eq!(list.app_id().unwrap().as_str(), "01KZ4EBHKN27EZJ4Q91V5C36G1");
    assert_eq!(wrong(list), ["line 16, column /consent_type: the opt-out is missing"]);

    assert_eq!(rows(ids("[\"a\",\n\"b\"]", Format::JsonLines)), [(1, "\"a\"".to_owned()), (2, "\"b\"".to_owned())]);
    assert_eq!(
        wrong(contacts("{\"contacts\": [],\n}", Format::JsonLines)),
        ["line 2, byte 1: not JSON: trailing comma"]
    );
    assert_eq!(
        wrong(consents("{\"app_id\": \"a\", \"records\": []}", Format::JsonLines)),
        [
            "line 1, column /records: the service knows no field of this name here",
            "line 1, column /consent_records: the request has no list `consent_records`",
        ]
    );
    assert_eq!(wrong(contacts("{\"contacts\": []}", Format::JsonLines)), ["line 1: the file has no rows"]);
}

#[test]
fn list_that_never_ends_a_row_is_given_up() {
    let endless = std::io::Read::chain(&b"contact_id\n\""[..], std::io::repeat(b'x'));
    let mut list = List::contact_ids(endless, Format::Csv).unwrap();
    assert!(matches!(list.next_row().unwrap_err(), SourceError::TooLarge { line: 2 }));
    let endless = std::io::Read::chain(&b"[\""[..], std::io::repeat(b'x'));
    assert!(matches!(List::contact_ids(endless, Format::JsonLines).unwrap_err(), SourceError::TooLarge { line: 1 }));
}

#[test]
fn same_file_has_the_same_fingerprint() {
    let text = "contact_id\na\nb\n";
    let checked = check_list(ids(text, Format::Csv), |_| {}).unwrap();
    assert_eq!((checked.rows, checked.bad_rows), (2, 0));
    let mut again = ids(text, Format::Csv);
    while again.next_row().unwrap().is_some() {}
    assert_eq!(again.finish().unwrap(), checked.fingerprint);
    assert_ne!(ids("contact_id\na\nc\n", Format::Csv).finish().unwrap(), checked.fingerprint);
}

proptest! {
    /// Whatever stands in a file, it is read to its end, and a row is either an entry or has mistakes.
    #[test]
    fn no_file_is_too_odd(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(contact_id|SMS,language|identification,consent_type)\n[+0-9a-zA-Z,\"\n\r _-]{0,120}".prop_map(String::into_bytes),
            "(\\{\"contacts\": ?|\\{\"app_id\": ?|)[\\[\\]{}\",:a-z0-9\n ]{0,80}".prop_map(String::into_bytes),
        ],
        format in prop::sample::select(&[Format::Csv, Format::JsonLines][..]),
    ) {
        fn look<T>(list: Result<List<T>, SourceError>) {
            if matches!(list, Err(SourceError::NotText(_))) {
                return;
            }
            let mut list = list.unwrap();
            let mut line = 0;
            let good_header = list.header_findings().is_empty();
            while let Some(row) = list.next_row().unwrap() {
                assert!(row.line >= line && row.row >= 1);
                line = row.line;
                if let Err(findings) = row.entry {
                    assert!(!good_header || !findings.is_empty());
                }
            }
        }
        let cursor = || std::io::Cursor::new(bytes.clone());
        look(List::contacts(cursor(), format));
        look(List::contact_ids(cursor(), format));
        look(List::consents(cursor(), format));
    }
}
