//! What people bring and type, as they see it.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Said, Stage, binary, run};

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn check(folder: &tempfile::TempDir, args: &[&str]) -> Said {
    run(binary(folder.path()).arg("check").args(args))
}

#[test]
fn findings_are_a_table_then_twenty_then_how_to_see_all() {
    let mut csv = String::from("SMS,name\n");
    for row in 0..30 {
        csv.push_str(&format!("+1 555 000-{row:04},#REF!\n"));
    }
    let folder = folder(&[("p.csv", csv.as_bytes())]);
    let said = check(&folder, &["p.csv", "--text", "Hi ${name}"]).ends(3);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].starts_with("kind "), "{said:?}");
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["bad_number", "SMS", "30", "2"]);
    assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["warning:", "spreadsheet_error", "name", "30", "2"]);
    assert_eq!(lines.iter().filter(|line| line.contains("p.csv, line ")).count(), 20);
    assert!(said.stdout.contains("and 40 more; see all: sinch-batch check p.csv --text … --all"), "{said:?}");
    assert!(said.stdout.contains("30 rows, 30 with mistakes, 30 warnings"), "{said:?}");
    let all = check(&folder, &["p.csv", "--text", "Hi ${name}", "--all"]).ends(3);
    assert_eq!(all.stdout.lines().filter(|line| line.contains("p.csv, line ")).count(), 60);
    check(&folder, &["p.csv", "--text", "Hi ${name}", "--tidy-numbers"]).ends(0);
    check(&folder, &["p.csv", "--text", "Hi ${name}", "--tidy-numbers", "--strict"]).ends(3);
    let json = check(&folder, &["p.csv", "--text", "Hi ${name}", "--json"]).ends(3).json();
    assert_eq!(
        (json["rows"].as_u64(), json["ok"].as_bool(), json["warnings"].as_u64()),
        (Some(30), Some(false), Some(30))
    );
    assert_eq!(
        (json["counts"][0]["kind"].as_str(), json["counts"][0]["count"].as_u64()),
        (Some("bad_number"), Some(30))
    );
    assert_eq!(json["findings"][0]["severity"], "warning");
}

#[test]
fn findings_of_one_kind_and_column_say_why_they_are_two() {
    let csv = b"\xef\xbb\xbfSMS;name\r\n4,91E+11;Al\r\n+1 555 000-0003;Bo\r\n;\r\n;\r\n";
    let folder = folder(&[("p.csv", csv)]);
    let said = check(&folder, &["p.csv", "--text", "Hi ${name}"]).ends(3);
    let table: Vec<&str> = said.stdout.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(table.len(), 5, "{said:?}");
    assert!(table[2].starts_with("    a spreadsheet has rounded it"), "{said:?}");
    assert!(table[4].starts_with("    it has spaces, dashes"), "{said:?}");

    // What none of the first twenty says, the table says.
    let mut csv = "SMS,name\n".to_owned() + &"x,Al\n".repeat(30);
    csv.push_str("+15550000003,\n");
    std::fs::write(folder.path().join("q.csv"), csv).unwrap();
    let said = check(&folder, &["q.csv", "--text", "Hi ${name}"]).ends(3);
    assert!(said.stdout.contains("\n    it is empty, and the message needs a value for `name`\n"), "{said:?}");
}

#[test]
fn files_that_are_not_text_are_named_with_the_way_out() {
    let utf_16: Vec<u8> = "\u{feff}{\"text_message\":{}}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let folder = folder(&[
        ("p.csv", b"SMS\n+15550000003\n"),
        ("p.xlsx", b"PK\x03\x04[Content_Types].xml"),
        ("p.gz", b"\x1f\x8b\x08\0\0\0\0"),
        ("w.csv", b"SMS,n\n+15550000003,Ren\xe9\n+15550000004,Zo\xeb\n"),
        ("m16.json", &utf_16),
        ("mark.json", b"\xef\xbb\xbf{\"text_message\":{\"text\":\"Hi\"}}"),
    ]);
    for (file, words) in [("p.xlsx", "Excel workbook"), ("p.gz", "gzip"), ("w.csv", "Windows-1252")] {
        let said = check(&folder, &[file, "--text", "Hi"]).ends(3);
        assert!(said.stderr.contains(words) && said.stdout.is_empty(), "{said:?}");
        assert_eq!(said.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1);
        for list in [["consents", "insert"], ["contacts", "create"]] {
            let said = run(binary(folder.path()).args(list).arg(file)).ends(3);
            assert!(said.stderr.contains(words), "{said:?}");
        }
    }
    let said = check(&folder, &["p.csv", "--message", "m16.json"]).ends(3);
    assert!(said.stderr.contains("UTF-16") && said.stderr.contains("iconv -f UTF-16 -t UTF-8 m16.json"), "{said:?}");
    check(&folder, &["p.csv", "--message", "mark.json"]).ends(0);
}

#[test]
fn shell_that_took_the_placeholder_is_named() {
    let folder = folder(&[("p.csv", b"SMS,name\n+15550000003,Al\nx,Bo\n")]);
    let said = check(&folder, &["p.csv", "--text", "Hi "]).ends(3);
    assert!(said.stderr.contains("use '…'"), "{said:?}");
    let stage = Stage::new();
    std::fs::copy(folder.path().join("p.csv"), stage.path().join("p.csv")).unwrap();
    run(&mut stage.command(&["send", "p.csv", "--text", "Hi ", "--skip-invalid"])).ends(3);
    assert!(stage.messages().is_empty());
    run(&mut stage.command(&["send", "p.csv", "--text", "Hi ", "--skip-invalid", "--unused-columns", "ignore"]))
        .ends(0);
    assert_eq!(stage.messages().len(), 1);
}

#[test]
fn send_that_receives_does_not_ask_for_a_receiver() {
    let stage = Stage::silent();
    stage.write("p.csv", "SMS\n+15550000003\n");
    let send = |text: &str, listen: &[&str]| {
        let mut command = stage.command(&["send", "p.csv", "--text", text, "--receipt-timeout", "1s"]);
        run(command.args(listen).env("SINCH_WEBHOOK_SECRET", "x")).ends(0).stderr
    };
    for (text, listen, asks) in [("one", &[][..], true), ("two", &["--listen", "127.0.0.1:0"], false)] {
        let said = send(text, listen);
        assert!(said.contains("everything was sent; 1 receipt is still awaited"), "{said}");
        assert_eq!(said.contains("Is sinch-batch listen running"), asks, "{said}");
    }
}

#[test]
fn output_is_never_a_file_that_is_read() {
    let stage = Stage::new();
    let csv = b"SMS,name\n+15550000003,Al\nx,Bo\n";
    let path = |name: &str| stage.path().join(name);
    std::fs::write(path("p.csv"), csv).unwrap();
    std::fs::write(path("m.json"), "{\"text_message\":{\"text\":\"Hi ${name}\"}}").unwrap();
    std::fs::write(path("other.csv"), "somebody's work").unwrap();
    std::fs::hard_link(path("p.csv"), path("q.csv")).unwrap();
    for output in ["p.csv", "./p.csv", "q.csv", "m.json", "other.csv"] {
        let before = std::fs::read(path(output)).unwrap();
        let send = ["send", "p.csv", "--message", "m.json", "--skip-invalid", "--skipped-file", output];
        run(&mut stage.command(&send)).ends(2);
        assert_eq!(std::fs::read(path(output)).unwrap(), before, "{output}");
    }
    assert!(stage.messages().is_empty());
}

#[test]
fn pipe_is_read_from_standard_input() {
    let folder = folder(&[]);
    let mut child = binary(folder.path())
        .args(["check", "-", "--text", "Hi ${name}"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"SMS,name\n+15550000003,Al\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("1 row, 0 with mistakes"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("private temporary file"), "{output:?}");
}

#[test]
fn opt_out_names_a_number_as_a_send_does() {
    let folder = folder(&[("c.csv", b"identification,consent_type\n+1 555 0002,OPT_OUT_ALL\n")]);
    let said = run(binary(folder.path()).args(["consents", "insert", "c.csv"])).ends(3);
    assert!(said.stderr.contains("bad_number") && said.stderr.contains("line 2"), "{said:?}");
}

#[test]
fn sms_parts_are_shown_by_check_and_preview() {
    let folder = folder(&[("p.csv", "SMS,name\n+15550000003,Al\n+15550000004,O’Neil\n".as_bytes())]);
    let text = format!("Hi ${{name}}{}", "x".repeat(100));
    let said = check(&folder, &["p.csv", "--text", &text]).ends(0);
    assert!(said.stdout.contains("SMS: 3 parts for 2 rows (rows by parts: 1: 1, 2: 1)"), "{said:?}");
    assert!(said.stdout.contains("`’` (U+2019) in column name"), "{said:?}");
    check(&folder, &["p.csv", "--text", &text, "--max-parts", "1"]).ends(3);
    let json =
        run(binary(folder.path()).args(["preview", "p.csv", "--text", &text, "--row", "2", "--json"])).ends(0).json();
    assert_eq!((json["sms"]["parts"].as_u64(), json["sms"]["encoding"].as_str()), (Some(2), Some("ucs2")));
}
