//! What people bring: each line of a report from the field, and its siblings.

use proptest::prelude::*;
use sinch_batch_models::{Channel, Message, Template};
use sinch_batch_recipients::{
    CheckOptions, Checked, Finding, FindingKind, Format, IdentityColumn, NotText, Prices, ReadOptions, RecipientFile,
    RecipientSource, Severity, SourceError, Suppression, SuppressionList,
};

use super::{checked, short, source};

fn file(bytes: &[u8], format: Format) -> RecipientFile {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    RecipientFile::from_file(file, "", format).unwrap()
}

fn check_message(
    bytes: &[u8],
    message: Message,
    reading: ReadOptions,
    options: &CheckOptions,
) -> (Checked, Vec<Finding>, RecipientFile) {
    let format = Format::of("people.csv", bytes);
    let mut file = file(bytes, format).with_reading(reading);
    let mut findings = Vec::new();
    let checked = file.check(&Template::new(message), options, &mut |finding| findings.push(finding)).unwrap();
    (checked, findings, file)
}

#[track_caller]
fn found(csv: impl AsRef<[u8]>, text: &str, expected: &[&str]) -> Vec<Finding> {
    let (_, findings) = checked(csv.as_ref(), Format::Csv, text);
    assert_eq!(findings.iter().map(short).collect::<Vec<_>>(), expected, "{findings:#?}");
    findings
}

#[test]
fn stray_quote_swallows_no_row() {
    let csv = "SMS,name\n+15550000001,Ann\n+15550000003,\"Al, +1\n+15550000004,Zed\"\n+15550000005,Eve\n";
    let findings = found(csv, "Hi ${name}", &["2 3 name 2 swallowed_row"]);
    assert_eq!(
        findings[0].message,
        "the quoted cell spans 2 lines, and line 4 looks like a row of its own; close the quote, or remove it"
    );
    // An earlier cell over two lines moves the line of the quote.
    found(
        "SMS,note,name\n+15550000003,\"a\nb\",\"Al\n+15550000004,c,Zed\"\n",
        "${name} ${note}",
        &["1 3 name 3 swallowed_row"],
    );
    found("contact_id;name\nc1;\"Al\nc2;Zed\"\n", "${name}", &["1 2 name 2 swallowed_row"]);
    // A text over several lines is one.
    found("SMS,name\n+15550000003,\"Al,\nthe first, of many\"\n", "${name}", &[]);
    found("SMS,name\n+15550000003,\"Al\n+15550000004,Zed\n", "${name}", &["1 2 name 2 unclosed_quote"]);
    found(
        "SMS,name,note\n+15550000003,\"a\nb\",\"Al\n+15550000004\n",
        "${name}${note}",
        &["1 3 note 3 unclosed_quote"],
    );
}

#[test]
fn quotes_are_doubled_and_stand_around_a_cell() {
    for (cell, word) in [
        ("\"say \\\"hi\\\"\"", "backslash"),
        ("say \\\"hi\\\"", "backslash"),
        ("\"Al\" x", "between the closing quote and the separator"),
        (" \"Al\"", "before the opening quote"),
    ] {
        let findings = found(format!("SMS,name\n+15550000003,{cell}\n"), "${name}", &["1 2 name 2 bad_quote"]);
        assert!(findings[0].message.contains(word), "{}", findings[0].message);
    }
    found("SMS,name\n+15550000003,\"say \"\"hi\"\"\"\n+15550000004,5\" pipe\n", "${name}", &[]);
}

#[test]
fn identity_is_compared_trimmed() {
    found(
        "contact_id,n\nabc,1\nabc ,1\nabc\u{a0},1\n",
        "${n}",
        &[
            "2 3 contact_id 1 bad_identity",
            "3 4 contact_id 1 bad_identity",
            "2 3 contact_id 1 repeated_identity",
            "3 4 contact_id 1 repeated_identity",
        ],
    );
    found(
        "channel,identity\nMESSENGER,77 \nMESSENGER,77\n",
        "x",
        &["1 2 identity 2 bad_identity", "2 3 identity 2 repeated_identity"],
    );
    found("SMS\n+1 555 000-0004\n15550000004\n", "x", &["1 2 SMS 1 bad_number", "2 3 SMS 1 repeated_identity"]);
}

#[test]
fn placeholders_are_closed_and_ours() {
    let findings = found(
        "SMS,name\n+15550000003,Al\n",
        "Hi ${name",
        &["- 1 - - unclosed_placeholder", "- 1 name 2 unknown_column"],
    );
    assert!(findings[0].message.contains("`${name` needs a `}`"), "{}", findings[0].message);
    for text in [
        "Hi {{name}} ${name}",
        "Hi {name} ${name}",
        "Hi $name ${name}",
        "Hi %name% ${name}",
        "Hi ((name)) ${name}",
        "Hi {{1}} ${name}",
        r"Hi \${name}",
    ] {
        let (preflight, findings) = checked(b"SMS,name\n+15550000003,Al\n", Format::Csv, text);
        assert!(preflight.is_ok());
        let kinds: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.severity)).collect();
        assert_eq!(kinds, [(FindingKind::ForeignPlaceholder, Severity::Warning)], "{text}");
    }
}

#[test]
fn unused_columns_are_ignored_only_if_that_is_said() {
    let csv = b"SMS,name,city,age\n+15550000003,,x,1\n+15550000004,Al,x,1\n";
    let with = |reading| {
        check_message(csv, Message::text("Hi ${name}"), reading, &CheckOptions::new().with_skip_invalid(true))
    };
    let (all, findings, _) = with(ReadOptions::new());
    assert!(all.is_fatal() && !all.may_be_sent(true));
    assert_eq!(findings.iter().filter(|finding| finding.kind == FindingKind::UnknownColumn).count(), 2);
    for reading in
        [ReadOptions::new().with_ignored_columns(["city", "age"]), ReadOptions::new().with_unused_ignored(true)]
    {
        let (checked, findings, _) = with(reading);
        assert_eq!(findings.iter().map(short).collect::<Vec<_>>(), ["1 2 name 2 missing_value"]);
        assert!(checked.may_be_sent(true));
    }
    let (checked, findings, _) = with(ReadOptions::new().with_ignored_columns(["city", "age", "agee"]));
    assert_eq!((findings[0].kind, findings[0].severity), (FindingKind::MissingColumn, Severity::Warning));
    assert!(checked.may_be_sent(true));
}

#[test]
fn blank_values_and_control_characters_are_found() {
    for blank in ["\u{200b}", "\u{2800}", "\u{feff}", "\u{3164}", "\u{a0}"] {
        found(format!("SMS,n\n+15550000003,{blank}\n"), "${n}", &["1 2 n 2 blank_value"]);
    }
    for control in ["\0", "\u{1a}", "\u{1b}", "\r ", "\u{7f}", "\u{85}"] {
        found(format!("SMS,n\n+15550000003,\"a{control}b\"\n"), "${n}", &["1 2 n 2 control_character"]);
    }
    found("SMS,n,metadata.k\n+15550000003,a,b\0\n", "${n}", &["1 2 metadata.k 3 control_character"]);
    found("SMS,n\n+15550000003,\"a\nb\tc\"\n", "${n}", &[]);
    let json = "{\"recipient\":{\"contact_id\":\"c\"},\"parameters\":{\"n\":\"a\\u0000b\"}}";
    let (_, findings) = checked(json.as_bytes(), Format::JsonLines, "${n}");
    assert_eq!(findings[0].kind, FindingKind::ControlCharacter);
}

#[test]
fn file_is_named_at_once() {
    let utf_16: Vec<u8> = "\u{feff}SMS,name\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, expected) in [
        (utf_16, NotText::Utf16),
        (b"PK\x03\x04\x14\0[Content_Types].xml".to_vec(), NotText::Xlsx),
        (b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), NotText::Gzip),
        (b"PK\x03\x04\x14\0people.csv".to_vec(), NotText::Zip),
        (b"SMS,pr\xe9nom\n+15550000003,Al\n".to_vec(), NotText::Windows1252),
    ] {
        for format in [Format::Csv, Format::JsonLines] {
            let found = source(&bytes, format, "x").err();
            assert!(matches!(found, Some(SourceError::NotText(found)) if found == expected), "{found:?} {expected:?}");
        }
    }
}

#[test]
fn first_line_shows_the_separator() {
    for csv in [
        "SMS;name\n+15550000003;Al\n",
        "SMS\tname\n+15550000003\tAl\n",
        "SMS|name\n+15550000003|Al\n",
        "sep=;\nSMS;name\n+15550000003;Al\n",
        "\u{feff}sep=;\r\nSMS;name\r\n+15550000003;Al\r\n",
    ] {
        let options = CheckOptions::new().with_batch_size(10);
        let template = Template::new(Message::text("Hi ${name}"));
        let (checked, findings, mut file) =
            check_message(csv.as_bytes(), Message::text("Hi ${name}"), ReadOptions::new(), &options);
        assert_eq!(findings, [], "{csv:?}");
        let batch = checked.plan().next().unwrap();
        let recipients = file.read_batch(&template, &batch.range, &mut std::iter::once(1)).unwrap();
        assert_eq!(recipients.as_slice()[0].parameters.get("name").map(|name| &**name), Some("Al"), "{csv:?}");
    }
    let (_, findings) = checked(b"sep=;\nSMS;name\n+15550000003;\n", Format::Csv, "Hi ${name}");
    assert_eq!(findings.iter().map(short).collect::<Vec<_>>(), ["1 3 name 2 missing_value"]);
}

#[test]
fn headers_are_trimmed_and_numbers_are_recognized() {
    found("SMS , first_name \n+15550000003,Al\n", "${first_name}", &[]);
    for (csv, hint) in [
        ("phone,n\n+15550000003,Al\n", "column 1 `phone` looks like phone numbers: --identity phone --channel SMS"),
        ("n,mobile number\nAl,+1 555 000-0003\n", "--identity 'mobile number' --channel SMS"),
        ("n,contact\nAl,15550000003\n", "column 2 `contact` looks like phone numbers"),
        ("n,15550000004\nAl,15550000003\n", "recipient; this one looks like phone numbers: the first line must"),
    ] {
        let (_, findings) = checked(csv.as_bytes(), Format::Csv, "Hi ${n}");
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].message.contains(hint), "{}", findings[0].message);
    }
    let reading =
        ReadOptions::new().with_identity(Some(IdentityColumn::new("phone", Channel::Sms))).with_tidy_numbers(true);
    let options = CheckOptions::new().with_batch_size(10);
    let csv = b"phone,n\n+1 555 000-0003,Al\n'+15550000004,Bo\n";
    let (checked, findings, mut file) = check_message(csv, Message::text("${n}"), reading, &options);
    assert_eq!(findings, []);
    let batch = checked.plan().next().unwrap();
    let template = Template::new(Message::text("${n}"));
    let recipients = file.read_batch(&template, &batch.range, &mut [1, 2].into_iter()).unwrap();
    let numbers: Vec<_> =
        recipients.as_slice().iter().map(|it| it.recipient.channel_identities()[0].identity.to_string()).collect();
    assert_eq!(numbers, ["+15550000003", "+15550000004"]);
}

#[test]
fn blank_rows_at_the_end_are_ignored_and_counted() {
    let csv = b"SMS,name\n+15550000003,Al\n,\n , \n\"\",\n,\n";
    let options = CheckOptions::new().with_batch_size(10);
    let (checked, findings, _) = check_message(csv, Message::text("${name}"), ReadOptions::new(), &options);
    assert_eq!((findings.len(), checked.rows, checked.blank_rows, checked.n_batches()), (0, 1, 4, 1));
    found("SMS,name\n,\n+15550000003,Al\n,\n", "${name}", &["1 2 name 2 missing_value", "1 2 SMS 1 missing_identity"]);
}

#[test]
fn json_array_is_read_like_lines() {
    let person = |id: &str| format!(r#"{{"recipient":{{"contact_id":"{id}"}},"parameters":{{"n":"[,]\"{id}"}}}}"#);
    let (a, b, c) = (person("a"), person("b"), person("c"));
    for json in [
        format!("[{a},{b},{c}]"),
        format!("\u{feff}\n[\n  {a},\n  {b}\n,{c}\n]\n"),
        format!("[{},\n{b},{c}]", a.replace(",\"p", ",\n \"p")),
    ] {
        let options = CheckOptions::new().with_batch_size(2);
        let message = Message::text("${n}");
        let (checked, findings, mut file) =
            check_message(json.as_bytes(), message.clone(), ReadOptions::new(), &options);
        assert_eq!((findings.len(), checked.rows, checked.n_batches()), (0, 3, 2), "{findings:?}");
        let template = Template::new(message);
        let mut ids = Vec::new();
        for batch in checked.plan() {
            let mut rows = batch.rows.iter().map(|(row, _)| *row);
            let recipients = file.read_batch(&template, &batch.range, &mut rows).unwrap();
            ids.extend(recipients.as_slice().iter().map(|it| it.recipient.contact_id().unwrap().to_string()));
        }
        assert_eq!(ids, ["a", "b", "c"]);
    }
    let kinds = |json: &str| -> Vec<String> {
        checked(json.as_bytes(), Format::JsonArray, "${n}").1.iter().map(short).collect()
    };
    assert_eq!(kinds(&format!("[{a}\n{b}]")), ["2 2 - 1 bad_json"]);
    assert_eq!(kinds(&format!("[{a},\n{b}")), ["- 2 - - bad_json"]);
    assert_eq!(kinds(&format!("[{a},]")), ["2 1 - 1 bad_json", "- 1 - - bad_json"]);
    assert_eq!(kinds(&format!("[{a}] {b}")), ["2 1 - 1 bad_json"]);
    assert_eq!(kinds("[]"), ["- 1 - - empty_file"]);
    assert_eq!(kinds(&format!("[{a},{a}]")), ["2 1 /recipient/contact_id - repeated_identity"]);
}

#[test]
fn warnings_stop_nothing_unless_the_check_is_strict() {
    let long = "x".repeat(1025);
    let csv = format!(
        "SMS,n\n+15550000001,#REF!\n+15550000002,NULL\n+15550000003,n/a\n+15550000004,{long}\n+15550000005,Null\n"
    );
    let (checked, findings, _) =
        check_message(csv.as_bytes(), Message::text("${n}"), ReadOptions::new(), &CheckOptions::new());
    assert_eq!((checked.findings, checked.warnings, checked.is_ok()), (0, 4, true));
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
    let options = CheckOptions::new().with_strict(true).with_skip_invalid(true);
    let (checked, _, _) = check_message(csv.as_bytes(), Message::text("${n}"), ReadOptions::new(), &options);
    assert_eq!((checked.findings, checked.invalid_rows, checked.warnings), (4, 4, 0));
    assert!(!checked.may_be_sent(false) && checked.may_be_sent(true));
}

#[test]
fn template_parameters_are_on_one_line() {
    let message: Message = serde_json::from_str(
        r#"{"template_message":{"channel_template":{"WHATSAPP":{"template_id":"t","language_code":"en","parameters":{"body[1]text":"${n}"}}}}}"#,
    )
    .unwrap();
    let csv = b"WHATSAPP,SMS,n\n+15550000001,,\"a\nb\"\n+15550000002,,a     b\n,+15550000003,\"a\nb\"\n+15550000004,,a    b\n";
    let options = CheckOptions::new().with_batch_size(10);
    let (checked, findings, _) = check_message(csv, message.clone(), ReadOptions::new(), &options);
    assert_eq!(
        findings.iter().map(short).collect::<Vec<_>>(),
        ["1 2 n 3 template_whitespace", "2 4 n 3 template_whitespace"]
    );
    assert!(checked.is_ok());
    let (checked, findings, mut file) =
        check_message(csv, message.clone(), ReadOptions::new().with_flatten(true), &options);
    assert_eq!(findings, []);
    let batch = checked.plan().next().unwrap();
    let recipients = file.read_batch(&Template::new(message), &batch.range, &mut (1..=4)).unwrap();
    let values: Vec<_> = recipients.as_slice().iter().map(|it| it.parameters.get("n").unwrap().to_string()).collect();
    assert_eq!(values, ["a b", "a b", "a b", "a    b"]);
}

#[test]
fn values_keep_the_json_of_a_message_whole() {
    let message: Message =
        serde_json::from_str(r#"{"explicit_channel_message":{"LINE":"{\"text\":\"${n}\",\"count\":${c}}"}}"#).unwrap();
    let csv = "contact_id,n,c\na,Al,1\nb,\"say \"\"hi\"\"\",1\nc,back\\slash,1\nd,\"a\nb\",1\ne,Al,many\n";
    let (checked, findings, _) = check_message(csv.as_bytes(), message, ReadOptions::new(), &CheckOptions::new());
    assert_eq!(
        findings.iter().map(short).collect::<Vec<_>>(),
        ["2 3 n 2 breaks_json", "3 4 n 2 breaks_json", "4 5 n 2 breaks_json", "5 7 c 3 breaks_json"]
    );
    assert!(!checked.is_ok());
}

#[test]
fn sms_parts_are_counted_and_bounded() {
    let csv = format!(
        "SMS,n\n+15550000001,Al\n+15550000002,{}\n+447700900003,O’Neil\n+33100000004,{}\n",
        "a".repeat(200),
        "’".repeat(70)
    );
    let prices = Prices::read(b"prefix,currency,price\n1,USD,0.01\n44,GBP,0.03\n").unwrap();
    let options = CheckOptions::new().with_prices(Some(prices));
    let check = |options| check_message(csv.as_bytes(), Message::text("Hi ${n}"), ReadOptions::new(), options);
    let one_part = options.clone().with_max_parts(Some(1));
    let (checked, findings, _) = check(&one_part);
    assert_eq!(findings.iter().map(short).collect::<Vec<_>>(), ["2 3 - - too_many_parts", "4 5 n 2 too_many_parts"]);
    let sms = checked.sms.unwrap();
    assert_eq!((sms.rows, sms.parts, sms.worst), (2, 2, Vec::new()));
    let sms = check(&options).0.sms.unwrap();
    assert_eq!((sms.rows, sms.parts), (4, 6));
    assert_eq!(sms.spread.into_iter().collect::<Vec<_>>(), [(1, 2), (2, 2)]);
    assert_eq!(sms.worst.iter().map(|row| (row.line, row.parts)).collect::<Vec<_>>(), [(3, 2), (5, 2)]);
    assert_eq!(sms.ucs2.len(), 1);
    assert_eq!((sms.ucs2[0].to_string(), sms.ucs2[0].rows), ("`’` (U+2019) in column n".to_owned(), 2));
    let cost: Vec<_> = sms.cost.iter().map(|(currency, sum)| format!("{sum} {currency}")).collect();
    assert_eq!((cost, sms.no_price), (vec!["0.03 GBP".to_owned(), "0.03 USD".to_owned()], Some(1)));
}

#[test]
fn sms_estimate_counts_only_rows_that_will_be_sent() {
    let csv = format!(
        "SMS,n\n+15550000001,Al\n+1555,{long}\n+15550000003,{long}\n+15550000001,{long}\n+15550000005, \n+15550000006,\n+15550000001,Al\n",
        long = "a".repeat(200),
    );
    let sent_rows = |csv: &str, options: &CheckOptions| {
        let (checked, ..) = check_message(csv.as_bytes(), Message::text("Hi ${n}"), ReadOptions::new(), options);
        checked.sms.map(|sms| (sms.rows, sms.parts, sms.spread.into_iter().collect::<Vec<_>>()))
    };
    let valid = Some((2, 3, vec![(1, 1), (2, 1)]));
    assert_eq!(sent_rows(&csv, &CheckOptions::new()), valid);
    assert_eq!(sent_rows(&csv, &CheckOptions::new().with_batch_size(2).with_skip_invalid(true)), valid);

    let stop = SuppressionList::read(b"SMS\n+15550000003\n".as_slice(), "stop.csv").unwrap();
    let options = CheckOptions::new().with_suppression(Suppression::new(vec![stop]));
    assert_eq!(sent_rows(&csv, &options), Some((1, 1, vec![(1, 1)])), "repeated, so counted at the second pass");
    let unique: String = csv.lines().take(4).map(|line| format!("{line}\n")).collect();
    assert_eq!(sent_rows(&unique, &options), Some((1, 1, vec![(1, 1)])));
    assert_eq!(sent_rows("SMS,n\n+1555,Al\n", &options), None);
}

/// Whether a line is a row by itself, by a reading of its own.
fn is_row(line: &str) -> bool {
    let (number, rest) = line.split_once(',').unwrap_or((line, ""));
    let digits = number.strip_prefix('+').unwrap_or(number);
    !rest.contains(',') && line.contains(',') && digits.len() == 11 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_two_lines_that_are_rows_are_merged_without_a_word(
        lines in prop::collection::vec(("[1-9][0-9]{10}", prop::sample::select(vec![
            "Al", "\"Al\"", "\"Al", "Al\"", "\"\"", "\"\"Al", "Al\\\"", "\"Al\\\"", " \"Al", "\"A\"\"l", "A\"\"l\"", "'Al'", "",
        ])), 1..12),
        line_break in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let body: Vec<String> = lines.iter().map(|(number, name)| format!("+{number},{name}")).collect();
        let csv = format!("SMS,name{line_break}{}{line_break}", body.join(line_break));
        let template = Template::new(Message::text("${name}"));
        let mut file = file(csv.as_bytes(), Format::Csv);
        let options = CheckOptions::new().with_batch_size(1000).with_skip_invalid(true);
        let checked = file.check(&template, &options, &mut |_| {}).unwrap();
        for batch in checked.plan() {
            let mut rows = batch.rows.iter().map(|(row, _)| *row);
            for recipient in file.read_batch(&template, &batch.range, &mut rows).unwrap().as_slice() {
                let name = recipient.parameters.get("name").unwrap().to_string();
                prop_assert!(!name.lines().any(is_row), "{name:?} in {csv:?}");
            }
        }
        // Every line is a row that is checked, or part of one with a finding.
        prop_assert!(checked.rows == body.len() as u64 || checked.findings > 0);
    }

    #[test]
    fn any_bytes_are_checked_or_named(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for name in ["people.csv", "people.jsonl"] {
            let mut file = file(&bytes, Format::of(name, &bytes));
            let options = CheckOptions::new().with_batch_size(3).with_skip_invalid(true);
            match file.check(&Template::new(Message::text("${name}")), &options, &mut |_| {}) {
                Ok(checked) => prop_assert!(checked.invalid_rows <= checked.rows),
                Err(error) => prop_assert!(matches!(error, SourceError::NotText(_)), "{error}"),
            }
        }
    }
}
