//! Every mistake a file of JSON lines can have, by row, line and JSON pointer.

use sinch_batch_recipients::Format;

use super::{checked, short};

/// `expected`: `row line pointer byte kind`. The message has the placeholder `n`.
#[track_caller]
fn check(lines: impl AsRef<[u8]>, expected: &[&str]) {
    let (preflight, findings) = checked(lines.as_ref(), Format::JsonLines, "Hello ${n}");
    assert_eq!(findings.iter().map(short).collect::<Vec<_>>(), expected, "{findings:#?}");
    assert_eq!(preflight.is_ok(), expected.is_empty());
}

/// A row for a person and with more fields.
fn row(recipient: &str, more: &str) -> String {
    format!(r#"{{"recipient":{recipient},"parameters":{{"n":"1"}}{more}}}"#)
}

#[test]
fn valid_files_have_no_findings() {
    let ines = row(r#"{"contact_id":"ines"}"#, r#","message_metadata":{"a":1,"b":{"c":[]}}"#);
    let both = r#"{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"+15550100001"},{"channel":"LINE","identity":"u"}]}}"#;
    check(format!("\u{feff}{ines}\r\n\r\n# a remark\n  # another\n{}", row(both, "")), &[]);
}

#[test]
fn values() {
    let with = |parameters: &str| format!(r#"{{"recipient":{{"contact_id":"c"}}{parameters}}}"#);
    check(with(""), &["1 1 /parameters/n - missing_value"]);
    check(with(r#","parameters":{"n":""}"#), &["1 1 /parameters/n - missing_value"]);
    check(with(r#","parameters":{"n":" \t"}"#), &["1 1 /parameters/n - blank_value"]);
    check(with(r#","parameters":{"n":"1","a/b":"2"}"#), &["1 1 /parameters/a~1b - unknown_column"]);
    check(with(r#","parameters":{"n":"1"," ":"2"}"#), &["1 1 /parameters - blank_key"]);
    check(with(r#","parameters":{"n":1}"#), &["1 1 /parameters/n 51 bad_json"]);
    check(
        with(r#","parametres":{"n":"1"}"#),
        &["1 1 /parametres - unknown_column", "1 1 /parameters/n - missing_value"],
    );
}

#[test]
fn repeated_keys_are_mistakes_at_any_depth() {
    let ines = |more: &str| row(r#"{"contact_id":"ines"}"#, more);
    check(
        [
            r#"{"to":"+1","to":"+2"}"#.to_owned(),
            r#"{"recipient":{"contact_id":"c"},"parameters":{"n":"1","n":"2"}}"#.to_owned(),
            r#"{"recipient":{"contact_id":"c","contact_id":"d"},"parameters":{"n":"1"}}"#.to_owned(),
            r#"{"recipient":{"contact_id":"c"},"parameters":{"n":"1"},"parameters":{"n":"2"}}"#.to_owned(),
            ines(r#","message_metadata":{"a":{"x":1,"y":[{"z":1,"\u007a":2}]}}"#),
        ]
        .join("\n"),
        &[
            "1 1 /to 16 bad_json",
            "2 2 /parameters/n 58 bad_json",
            "3 3 /recipient/contact_id 44 bad_json",
            "4 4 /parameters 68 bad_json",
            "5 5 /message_metadata/a/y/0/z 110 bad_json",
        ],
    );
    let text = format!("[{},\n{{\"recipient\":\n{{\"contact_id\":\"c\",\n\"contact_id\":\"d\"}}}}]", ines(""));
    let (_, findings) = checked(text.as_bytes(), Format::JsonArray, "Hello ${n}");
    assert_eq!(
        findings[0].to_string(),
        "line 4, column /recipient/contact_id: the entry is not a recipient: \
         the key `contact_id` stands here twice; only one of the two may stay",
    );
}

#[test]
fn half_of_a_surrogate_pair_is_named_with_its_place() {
    let (_, findings) =
        checked(br#"{"recipient":{"contact_id":"c"},"parameters":{"n":"\ud83d"}}"#, Format::JsonLines, "Hello ${n}");
    assert_eq!(
        findings[0].to_string(),
        r"line 1, column /parameters/n: the line is not a recipient: half of a surrogate pair, such as `\ud83d` alone: write both halves, or the character itself",
    );
}

#[test]
fn recipients() {
    const AT: &str = "/recipient/identified_by/channel_identities";
    let check_one = |identities: &str, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|expected| expected.replace('@', AT)).collect();
        check(
            row(&format!(r#"{{"identified_by":{{"channel_identities":[{identities}]}}}}"#), ""),
            &expected.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    };
    check_one("", &["1 1 @ - missing_identity"]);
    check_one(r#"{"channel":"SMS","identity":"12x4567"}"#, &["1 1 @/0/identity - bad_number"]);
    check_one(r#"{"channel":"SMS","identity":""}"#, &["1 1 @/0/identity - missing_identity"]);
    check_one(
        r#"{"channel":"LINE","identity":"u"},{"channel":"sms","identity":" "}"#,
        &["1 1 @/1/channel - unknown_channel", "1 1 @/1/identity - blank_value"],
    );
    check_one(
        r#"{"channel":"SMS","identity":"15550100001"},{"channel":"SMS","identity":"+15550100001"}"#,
        &["1 1 @/1/identity - repeated_identity"],
    );
    check_one(r#"{"channel":"LINE","identity":"u","app":"x"}"#, &["1 1 @/0/app - unknown_column"]);
    let many: Vec<String> = (0..32).map(|n| format!(r#"{{"channel":"LINE","identity":"{n}"}}"#)).collect();
    check_one(&many.join(","), &["1 1 @ - too_large"]);
    check_one(&many[..31].join(","), &[]);
    check(row(r#"{"contact_id":""}"#, ""), &["1 1 /recipient/contact_id - missing_identity"]);
    let ines = row(r#"{"contact_id":"ines"}"#, "");
    check(format!("{ines}\n\n{ines}\n"), &["2 3 /recipient/contact_id - repeated_identity"]);
}

#[test]
fn metadata() {
    let with = |more: &str| row(r#"{"contact_id":"c"}"#, more);
    check(with(r#","message_metadata":{"_batch_id":"x"}"#), &["1 1 /message_metadata/_batch_id - reserved_key"]);
    check(
        with(r#","conversation_metadata":{"sinch_batch_row":"x","":1}"#),
        &["1 1 /conversation_metadata - blank_key", "1 1 /conversation_metadata/sinch_batch_row - reserved_key"],
    );
    let long = |characters: usize| with(&format!(r#","message_metadata":{{"k":"{}"}}"#, "x".repeat(characters - 8)));
    check(long(960), &[]);
    check(long(961), &["1 1 /message_metadata - too_long"]);
}

#[test]
fn lines_that_are_not_recipients() {
    check("{\n", &["1 1 - 1 bad_json"]);
    check("\n[]\n", &["1 2 - 1 bad_json"]);
    check(r#"{"recipient":{}}"#, &["1 1 /recipient 15 bad_json"]);
    check(b"{\"recipient\":\xFF}", &["1 1 - 14 not_utf8"]);
    check("", &["- 1 - - empty_file"]);
    check("# nothing\n\n", &["- 1 - - empty_file"]);
    check(vec![b' '; 9 << 20], &["- 1 - - too_large"]);
}

#[test]
fn findings_never_show_a_value() {
    let lines = [
        r#"{"recipient":{"contact_id":"SECRET"},"parameters":{"n":{"SECRET":1}}}"#,
        r#"{"recipient":"SECRET"}"#,
        r#"{"recipient":{"contact_id":"c"},"parameters":{"n":"1"},"message_metadata":"SECRET"}"#,
        r#"{"recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"SECRET"}]}},"parameters":{"+15550100001":"SECRET"}}"#,
        r#"{"SECRET"#,
    ];
    let (_, findings) = checked(lines.join("\n").as_bytes(), Format::JsonLines, "Hello ${n}");
    assert!(findings.len() >= 5);
    let all = format!("{findings:?}");
    assert!(!all.contains("SECRET") && !all.contains("1555"), "{all}");
}
