//! Every mistake a CSV file can have, by row, line and column.

use sinch_batch_recipients::Format;

use super::{TEXT, checked, short};

#[track_caller]
fn check_text(text: &str, csv: impl AsRef<[u8]>, expected: &[&str]) {
    let (preflight, findings) = checked(csv.as_ref(), Format::Csv, text);
    assert_eq!(findings.iter().map(short).collect::<Vec<_>>(), expected, "{findings:#?}");
    assert_eq!(preflight.is_ok(), expected.is_empty());
}

/// `expected`: `row line column column_number kind`.
#[track_caller]
fn check(csv: impl AsRef<[u8]>, expected: &[&str]) {
    check_text(TEXT, csv, expected);
}

#[track_caller]
fn is_fatal(csv: impl AsRef<[u8]>, fatal: bool) {
    assert_eq!(checked(csv.as_ref(), Format::Csv, TEXT).0.is_fatal(), fatal);
}

#[test]
fn bad_data_is_found_before_anything_is_sent() {
    // Promise 3: all of it, by row and column, in one pass.
    check(
        "SMS,name,code,metadata.note\n\
         +15550100001,Ines,1,\n\
         +1555o100002,,\" \",x\n\
         ,Tomas,3,y\n\
         +15550100004,Amara,4\n\
         15550100001,Bjorn,5,\n",
        &[
            "2 3 name 2 missing_value",
            "2 3 code 3 blank_value",
            "2 3 SMS 1 bad_number",
            "3 4 SMS 1 missing_identity",
            "4 5 - - ragged_line",
            "5 6 SMS 1 repeated_identity",
        ],
    );
}

#[test]
fn valid_files_have_no_findings() {
    check("SMS,name,code\n+15550100001,Ines,1\n", &[]);
    check("\u{feff}SMS,name,code\r\n+15550100001,\"Ines, \"\"I\"\"\",1\r\n\r\n", &[]);
    check("contact_id,param.name,code,#why\nabc,Ines,1,\n", &[]);
    check("channel,identity,name,code\nsms,15550100001,Ines,1\nLINE,15550100001,Ines,1\n", &[]);
    check("#line,#reason,whatsapp,SMS,name,code\n1,x,,+15550100001,I,1\n2,x,15550100002,,I,1\n", &[]);
    // The same number on two channels is two identities.
    check("SMS,RCS,name,code\n+15550100001,+15550100001,I,1\n", &[]);
    // A remark may be in any encoding.
    check(b"#old,SMS,name,code\n\xFF,+15550100001,I,1\n", &[]);
}

#[test]
fn values() {
    check("SMS,name,code\n+15550100001,,1\n", &["1 2 name 2 missing_value"]);
    check("SMS,name,code\n+15550100001,\"\",\"\t \"\n", &["1 2 name 2 missing_value", "1 2 code 3 blank_value"]);
    check("SMS,name,code\n+15550100001,\u{2003},1\n", &["1 2 name 2 blank_value"]);
    check(b"SMS,name,code\n+15550100001,Zo\xEB,1\n", &["1 2 name 2 not_utf8"]);
    // A character cut by the comma is in neither cell.
    check(b"SMS,name,code\n+15550100001,\xC3,\xAB\n", &["1 2 name 2 not_utf8", "1 2 code 3 not_utf8"]);
}

#[test]
fn columns() {
    check("SMS,name,code,nmae\n+15550100001,I,1,x\n", &["- 1 nmae 4 unknown_column"]);
    check("SMS,name\n+15550100001,I\n", &["- 1 code - missing_column"]);
    check("SMS,Name,code\n+15550100001,I,1\n", &["- 1 Name 2 unknown_column", "- 1 name - missing_column"]);
    check("SMS,name,code,param.name\n+15550100001,I,1,J\n", &["- 1 param.name 4 repeated_column"]);
    check("SMS,name,sms,code\n+15550100001,I,+15550100002,1\n", &["- 1 sms 3 repeated_column"]);
    check("SMS,name,code,\n+15550100001,I,1,\n", &["- 1  4 blank_key"]);
    check("SMS,name,code,metadata. \n+15550100001,I,1,x\n", &["- 1 metadata. 4 blank_key"]);
    check("SMS,name,code,metadata._batch_id\n+15550100001,I,1,x\n", &["- 1 metadata._batch_id 4 reserved_key"]);
    check(
        "SMS,name,code,conversation_metadata.sinch_batch_x\n+15550100001,I,1,x\n",
        &["- 1 conversation_metadata.sinch_batch_x 4 reserved_key"],
    );
    check(b"SMS,name,code,\xFF\n+15550100001,I,1,x\n", &["- 1 - 4 not_utf8"]);
    // The header stands on the first line that is not blank.
    check("\n\nSMS,name\n\n+15550100001,\n", &["- 3 code - missing_column", "1 5 name 2 missing_value"]);
}

#[test]
fn names_that_clash_are_said_to_clash() {
    let (_, findings) = checked(b"SMS,channel\n+15550100001,x\n", Format::Csv, "${channel}");
    assert_eq!(
        findings.iter().map(short).collect::<Vec<_>>(),
        ["- 1 - - no_recipient_column", "- 1 channel - missing_column"]
    );
    assert!(findings[0].message.ends_with("a parameter of such a name is called `param.NAME`"));
    assert!(findings[1].message.ends_with("call the parameter `param.channel`"), "{}", findings[1].message);
    check_text("${channel}", "SMS,param.channel\n+15550100001,x\n", &[]);
}

#[test]
fn recipients() {
    check("name,code\nI,1\n", &["- 1 - - no_recipient_column"]);
    check("channel,name,code\nSMS,I,1\n", &["- 1 - - no_recipient_column"]);
    check("identity,name,code\nx,I,1\n", &["- 1 - - no_recipient_column"]);
    check("contact_id,SMS,name,code\nx,+15550100001,I,1\n", &["- 1 - - no_recipient_column"]);
    check(
        "contact_id,name,code\n,I,1\n \t,I,1\nabc,I,1\nabc,J,2\n",
        &["1 2 contact_id 1 missing_identity", "2 3 contact_id 1 blank_value", "4 5 contact_id 1 repeated_identity"],
    );
    check(
        "channel,identity,name,code\n,x,I,1\nSMS,,I,1\nPIGEON,x,I,1\nSMS,x,I,1\nTelegram,\" \",I,1\n",
        &[
            "1 2 channel 1 missing_identity",
            "2 3 identity 2 missing_identity",
            "3 4 channel 1 unknown_channel",
            "4 5 identity 2 bad_number",
            "5 6 identity 2 blank_value",
        ],
    );
    check(
        "SMS,line,name,code\n,,I,1\n,u1,I,1\n+15550100001,u1,I,1\n",
        &["1 2 - - missing_identity", "3 4 line 2 repeated_identity"],
    );
}

#[test]
fn repeats_name_the_first_by_row_and_line() {
    let csv = "SMS,name,code\n\n+15550100001,\"I\nJ\",1\n+15550100002,I,1\n15550100001,I,1\n+15550100001,I,1\n";
    let (preflight, findings) = checked(csv.as_bytes(), Format::Csv, TEXT);
    let found: Vec<_> = findings.iter().map(|finding| (short(finding), finding.message.as_str())).collect();
    let message = "the same identity is in row 1 (line 3); only one of the two may stay";
    assert_eq!(
        found,
        [("3 6 SMS 1 repeated_identity".to_owned(), message), ("4 7 SMS 1 repeated_identity".to_owned(), message)]
    );
    assert_eq!((preflight.rows, preflight.bad_rows, preflight.good_rows()), (4, 2, 2));
}

#[test]
fn what_names_nobody_is_not_repeated() {
    for id in ["1.5555E+10", "#N/A", "\u{a0}", "( )"] {
        let csv = format!("SMS,name,code\n{id},I,1\n{id},I,1\n");
        check(&csv, &["1 2 SMS 1 bad_number", "2 3 SMS 1 bad_number"]);
    }
}

#[test]
fn shapes() {
    check("SMS,name,code\n+15550100001,I\n+15550100002,I,1,\n", &["1 2 - - ragged_line", "2 3 - - ragged_line"]);
    check("SMS,name,code\n+15550100001,I,\"1\n+15550100002,I,1\n", &["1 2 code 3 unclosed_quote"]);
    check("", &["- 1 - - empty_file"]);
    check(
        "\n \n",
        &[
            "- 2  1 blank_key",
            "- 2 - - no_recipient_column",
            "- 2 code - missing_column",
            "- 2 name - missing_column",
            "- 1 - - empty_file",
        ],
    );
    check("SMS,name,code\n\n", &["- 1 - - empty_file"]);
    check_text("Hello ${ }", "SMS\n+15550100001\n", &["- 1 - - blank_key"]);
}

#[test]
fn limits_are_those_that_are_documented() {
    let row = |bytes: usize| format!("SMS,name,code,metadata.k\n+15550100001,I,1,{}\n", "é".repeat(bytes));
    // {"k":"…"} takes 8 characters; 64 of 1024 are a campaign's.
    check(row(1024 - 64 - 8), &[]);
    check(row(1024 - 64 - 7), &["1 2 metadata.k 4 too_long"]);
    let row = |bytes: usize| format!("SMS,name,code,conversation_metadata.k\n+15550100001,I,1,{}\n", "x".repeat(bytes));
    check(row(2048 - 8), &[]);
    check(row(2048 - 7), &["1 2 conversation_metadata.k 4 too_long"]);
}

#[test]
fn row_of_more_than_8_mib_ends_the_reading() {
    let mut csv = b"SMS,name,code\n+15550100001,I,1\n+15550100002,\"".to_vec();
    csv.extend(std::iter::repeat_n(b"rows and rows\n", 700_000).flatten());
    check(&csv, &["- 3 - - too_large"]);
    is_fatal(&csv, true);
}

#[test]
fn findings_are_fatal_only_if_nothing_is_left_to_send() {
    is_fatal("SMS,name\n+15550100001,I\n", true);
    is_fatal("name,code\nI,1\n", true);
    is_fatal("SMS,name,code,name\n+15550100001,I,1,J\n", true);
    is_fatal("SMS,name,code,metadata._batch_id\n+15550100001,I,1,J\n", true);
    is_fatal("SMS,name,code\n+15550100001,I,\"1\n", true);
    is_fatal("SMS,name,code\n", true);
    // No skipping of rows forgives a column without a use.
    is_fatal("SMS,name,code,more,\n+15550100001,I,1,,\n", true);
    is_fatal("SMS,name,code\n+15550100001,,1\n", false);
    is_fatal("SMS,name,code\n+15550100001,I\n", false);
}

#[test]
fn findings_never_show_a_value() {
    let csv = b"SMS,name,code,metadata.k\n\
        +1555SECRET1,,1,\n+155501SECRET,SECRET\xFF,1,\n+15550100001,SECRET,1,\n+15550100001,SECRET,,SECRET\n+15550100001,SECRET\n";
    let (preflight, findings) = checked(csv, Format::Csv, TEXT);
    let all = format!("{preflight:?} {findings:?} {}", serde_json::to_string(&findings).unwrap());
    assert!(!all.contains("SECRET") && !all.contains("1555"), "{all}");
    // A file without a header: its first row is taken for one.
    let (_, findings) = checked(b"+15550100001,Ines,1\n", Format::Csv, TEXT);
    let all = format!("{findings:?} {}", serde_json::to_string(&findings).unwrap());
    assert!(!all.contains("1555"), "{all}");
}

#[test]
fn findings_are_json_of_a_fixed_shape() {
    let (_, findings) = checked(b"SMS,name,code\n+15550100001,,1\n", Format::Csv, TEXT);
    assert_eq!(
        serde_json::to_string(&findings).unwrap(),
        r#"[{"severity":"mistake","row":1,"line":2,"column":"name","column_number":2,"kind":"missing_value","message":"it is empty, and the message needs a value for `name`"}]"#
    );
}

#[test]
fn header_in_the_middle_of_a_file_is_named() {
    let (_, findings) = super::checked(b"SMS,n\n+15550100001,a\nsms,n\n", sinch_batch_recipients::Format::Csv, "${n}");
    assert_eq!(
        findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["line 3, column SMS: it is the column's name: the header stands here once more, so delete the line"],
    );
}
