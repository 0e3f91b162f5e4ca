//! What the good rows say.

use std::io::{self, Read};

use sinch_batch_models::{BatchRecipient, Channel, ChannelIdentity, ContactId, Recipient};
use sinch_batch_recipients::{Format, InvalidRows, RowReader, Rows, SourceError, fingerprint_of, preflight};

use super::{TEXT, checked, rows, source};

#[track_caller]
fn check(csv: &str, text: &str, expected: &[BatchRecipient]) {
    let found: Vec<_> = rows(csv.as_bytes(), Format::Csv, text).into_iter().map(|row| row.unwrap().recipient).collect();
    assert_eq!(found, expected);
    // JSON lines of the same recipients say the same.
    let lines: Vec<_> = expected.iter().map(|recipient| serde_json::to_string(recipient).unwrap()).collect();
    let found: Vec<_> = rows(lines.join("\n").as_bytes(), Format::JsonLines, text)
        .into_iter()
        .map(|row| row.unwrap().recipient)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn columns_become_recipients() {
    let ines = BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001"))
        .with_parameter("name", "Ines, \"I\"")
        .with_parameter("code", "1");
    check("SMS,name,code\n+15550100001,\"Ines, \"\"I\"\"\",1\n", TEXT, std::slice::from_ref(&ines));
    check("#x,param.code,channel,identity,name\n,1,sms,+15550100001,\"Ines, \"\"I\"\"\"\n", TEXT, &[ines]);
    check(
        "contact_id,metadata.a,metadata.b,conversation_metadata.c\nc1,x,,y\nc2,,,\n",
        "Hi",
        &[
            BatchRecipient::new(Recipient::contact(ContactId::new("c1")))
                .with_message_metadata("a", "x")
                .with_conversation_metadata("c", "y"),
            BatchRecipient::new(Recipient::contact(ContactId::new("c2"))),
        ],
    );
    check(
        "whatsapp,Line,SMS\n,u,15550100001\n15550100002,,\n",
        "Hi",
        &[
            BatchRecipient::new(Recipient::identities(vec![
                ChannelIdentity::new(Channel::Line, "u"),
                ChannelIdentity::new(Channel::Sms, "15550100001"),
            ])),
            BatchRecipient::new(Recipient::identity(Channel::WhatsApp, "15550100002")),
        ],
    );
}

#[test]
fn remarks_are_left_out() {
    let rows = rows(b"SMS,#age,name,code\n+15550100001,7,I,1\n", Format::Csv, TEXT);
    let recipient = &rows[0].as_ref().unwrap().recipient;
    assert_eq!(recipient.parameters.keys().collect::<Vec<_>>(), ["code", "name"]);
}

#[test]
fn fingerprint_is_that_of_the_raw_bytes() {
    for (format, file) in [
        (Format::Csv, &b"\xEF\xBB\xBFSMS\r\n+15550100001\r\n\r\n"[..]),
        (Format::JsonLines, b"{\"recipient\":{\"contact_id\":\"c\"}}\n\n#"),
    ] {
        let (preflight, _) = checked(file, format, "Hi");
        assert_eq!(preflight.fingerprint, fingerprint_of(file));
        assert_eq!(source(file, format, "Hi").unwrap().finish().unwrap(), fingerprint_of(file));
        let mut rows = Rows::new(source(file, format, "Hi").unwrap(), InvalidRows::none());
        assert!(rows.next().is_some());
        assert_eq!(rows.finish().unwrap(), fingerprint_of(file));
    }
}

#[test]
fn fingerprint_is_absent_where_it_was_switched_off() {
    let file = b"SMS\n+15550100001\n+15550100002\n";
    let mut rows = Rows::new(source(file, Format::Csv, "Hi").unwrap(), InvalidRows::none()).without_fingerprint();
    assert_eq!(rows.by_ref().filter_map(Result::ok).count(), 2);
    assert!(matches!(rows.finish(), Err(SourceError::NoFingerprint)));
    let skipped = Rows::new(source(file, Format::Csv, "Hi").unwrap(), InvalidRows::none()).without_fingerprint();
    assert!(matches!(skipped.on_skipped(|_| Ok(())).finish(), Err(SourceError::NoFingerprint)));
}

#[test]
fn formats_are_chosen_by_name() {
    for (path, format) in [
        ("a.csv", Format::Csv),
        ("a.json.csv", Format::Csv),
        ("a", Format::Csv),
        ("-", Format::Csv),
        ("a.jsonl", Format::JsonLines),
        ("a.NDJSON", Format::JsonLines),
        ("dir.csv/a.json", Format::JsonLines),
    ] {
        assert_eq!(Format::of_path(path), format, "{path}");
    }
}

/// Some good bytes, then an error.
struct Breaks(io::Cursor<Vec<u8>>);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the cable is out")),
            count => Ok(count),
        }
    }
}

#[test]
fn reader_that_breaks_is_an_error_with_its_line() {
    let template = sinch_batch_models::Template::new(sinch_batch_models::Message::text("Hi"));
    for (format, file, line) in [
        (Format::Csv, "SMS\n+15550100001\n+1555", 3),
        (Format::Csv, "SMS\n+15550100001\n", 3),
        (Format::JsonLines, "{\"recipient\":{\"contact_id\":\"c\"}}\n\n", 3),
    ] {
        let open = || RowReader::new(Breaks(io::Cursor::new(file.into())), format, &template).unwrap();
        let error = preflight(open(), |_| {}).unwrap_err();
        assert_eq!(error.to_string(), format!("the file could not be read at line {line}"));
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the cable is out");
        let mut rows = Rows::new(open(), InvalidRows::none());
        assert!(rows.next().unwrap().is_ok());
        assert!(matches!(rows.next(), Some(Err(SourceError::Io { .. }))));
        assert!(rows.next().is_none(), "nothing comes after an error");
    }
    assert!(matches!(
        RowReader::new(Breaks(io::Cursor::new(Vec::new())), Format::Csv, &template),
        Err(SourceError::Io { line: 1, .. })
    ));
}

#[test]
fn file_is_opened_by_path() {
    let template = sinch_batch_models::Template::new(sinch_batch_models::Message::text("Hi"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    assert!(matches!(RowReader::open(&path, Format::Csv, &template), Err(SourceError::Open(_))));
    std::fs::write(&path, "SMS\n+15550100001\n").unwrap();
    let source = RowReader::open(&path, Format::of_path(&path), &template).unwrap();
    assert_eq!(Rows::new(source, InvalidRows::none()).count(), 1);
}

#[test]
fn file_that_changed_since_the_check_is_noticed() {
    let (preflight, _) = checked(b"SMS,name,code\n+15550100001,I,1\n", Format::Csv, TEXT);
    let changed = source(b"SMS,name,code\n+15550100001,,1\n+15550100002,I,1\n", Format::Csv, TEXT).unwrap();
    let mut rows = Rows::new(changed, preflight.skip.clone());
    assert!(matches!(rows.next(), Some(Err(SourceError::BadRow { row: 1, line: 2 }))));
    assert!(rows.next().is_none());
    let changed = source(b"\nSMS,name\n+15550100001,I\n", Format::Csv, TEXT).unwrap();
    let error = Rows::new(changed, preflight.skip).next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the header at line 2 has mistakes; check the file first");
}
