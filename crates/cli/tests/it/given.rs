//! What people bring and type, kind by kind, and the words that they get: one snapshot a kind.
//!
//! Signals, callbacks and readers that go away have tests of their own: `life`, `callbacks`, `faults` and `screen`.

use std::io::Write;
use std::process::Stdio;

use crate::support::binary;

/// One thing that somebody types, in a folder with these files.
struct Case {
    name: &'static str,
    files: Vec<(&'static str, Vec<u8>)>,
    commands: Vec<Vec<&'static str>>,
    input: &'static [u8],
    variables: &'static [(&'static str, &'static str)],
}

fn case(name: &'static str, files: &[(&'static str, &[u8])], commands: &[&[&'static str]]) -> Case {
    let files = files.iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect();
    let commands = commands.iter().map(|command| command.to_vec()).collect();
    Case { name, files, commands, input: b"", variables: &[] }
}

impl Case {
    /// What the commands print, with their exit codes, and without what differs from run to run.
    fn play(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let mut text = String::new();
        for args in &self.commands {
            let mut command = binary(folder.path());
            command.args(args).env("SINCH_BATCH_LOG", "error").envs(self.variables.iter().copied());
            let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = pipes.spawn().unwrap();
            // One that refuses at once does not read it.
            let _ = child.stdin.take().unwrap().write_all(self.input);
            let output = child.wait_with_output().unwrap();
            text.push_str(&format!("$ sinch-batch {}\n", args.join(" ")));
            text.push_str(&String::from_utf8(output.stdout).unwrap());
            text.push_str(&String::from_utf8(output.stderr).unwrap());
            text.push_str(&format!("exit {}\n\n", output.status.code().unwrap()));
        }
        for (name, bytes) in &self.files {
            assert_eq!(&std::fs::read(folder.path().join(name)).unwrap(), bytes, "{name} stays as it is");
        }
        text.replace(&folder.path().display().to_string(), "[folder]")
    }
}

const HI: [&str; 2] = ["--text", "Hi ${name}"];

fn check(file: &str) -> [&str; 4] {
    ["check", file, HI[0], HI[1]]
}

fn utf_16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

const PEOPLE: (&str, &[u8]) = ("p.csv", b"SMS,name\n+15550000003,Al\n");

fn with_text(text: &'static str) -> [&'static str; 4] {
    ["check", "p.csv", "--text", text]
}

fn cases() -> Vec<Case> {
    let csv = |text: &'static str| -> (&'static str, &'static [u8]) { ("p.csv", text.as_bytes()) };
    let message = |text: &'static str| -> (&'static str, &'static [u8]) { ("m.json", text.as_bytes()) };
    let with_message = ["check", "p.csv", "--message", "m.json"];
    let bad = csv("SMS,name\nx,Al\n+15550000004,Bo\n");
    let mut invalid = String::from("SMS,name\n");
    for row in 0..1000 {
        invalid.push_str(&format!("{row},Al\n"));
    }
    vec![
        case("01-stray-quote", &[csv("SMS,name\n+15550000003,\"Al, +1\n+15550000004,Zed\"\n+15550000005,Eve\n")], &[&check("p.csv")]),
        case("01-unclosed-quote", &[csv("SMS,name\n+15550000003,\"Al\n+15550000004,Bo\n")], &[&check("p.csv")]),
        case(
            "01-stray-quote-in-lists",
            &[
                ("consents.csv", b"identification,consent_type\n+15550000003,\"OPT_OUT_ALL\n+15550000004,OPT_OUT_ALL\"\n"),
                ("contacts.csv", b"SMS,language\n+15550000003,\"EN_US\n+15550000004,EN_US\"\n"),
            ],
            &[&["consents", "insert", "consents.csv"], &["contacts", "create", "contacts.csv"]],
        ),
        case("01-stray-quote-in-prices", &[PEOPLE, ("prices.csv", b"prefix,currency,price\n1,USD,\"0.01\n2,USD,1\"\n")], &[
            &["check", "p.csv", HI[0], HI[1], "--prices", "prices.csv"],
        ]),
        case("02-backslash-quotes", &[csv("SMS,name\n+15550000003,\"say \\\"hi\\\"\"\n")], &[&check("p.csv")]),
        case("04-outputs-are-new", &[bad, ("other.csv", b"somebody's work"), ("l.db", b"")], &[
            &["send", "p.csv", HI[0], HI[1], "--simulate", "--skip-invalid", "--skipped-file", "p.csv"],
            &["send", "p.csv", HI[0], HI[1], "--simulate", "--skip-invalid", "--skipped-file", "l.db", "--ledger", "l.db"],
            &["send", "p.csv", HI[0], HI[1], "--simulate", "--skip-invalid", "--skipped-file", "-"],
        ]),
        case("06-identities-with-something-around", &[
            csv("contact_id,name\nabc ,Al\nabc,Bo\n"),
            ("q.csv", "channel,identity,name\nMESSENGER,x\u{a0},Al\nMESSENGER,x,Bo\n".as_bytes()),
            ("d.csv", b"contact_id\nabc \nabc\n"),
        ], &[&check("p.csv"), &check("q.csv"), &["contacts", "delete", "d.csv"]]),
        case("07-placeholder-not-closed", &[PEOPLE], &[&with_text("Hi ${name")]),
        case("08-placeholders-of-other-tools", &[PEOPLE], &[
            &with_text("Hi {{name}}, ${name}"),
            &with_text("Hi {name}, ${name}"),
            &with_text("Hi $name, ${name}"),
            &with_text("Hi %name%, ${name}"),
            &with_text("Hi ((name)), ${name}"),
            &with_text("Hi {{first name}}, ${name}"),
            &with_text("Hi {{name}}"),
        ]),
        case("09-shell-took-the-placeholder", &[bad], &[
            &with_text("Hi "),
            &["send", "p.csv", "--text", "Hi ", "--simulate", "--skip-invalid"],
        ]),
        case("10-blank-values", &[csv("SMS,name\n+15550000003,\u{200b}\n+15550000004,\u{2800}\n+15550000005,\u{feff}\n")], &[&check("p.csv")]),
        case("11-control-characters", &[csv("SMS,name\n+15550000003,a\0b\n+15550000004,a\u{1a}b\n+15550000005,a\u{7}\n")], &[
            &check("p.csv"),
            &["check", "p.csv", "--text", "Hi ${name}\u{8}"],
        ]),
        Case {
            variables: &[("SINCH_BATCH_LEDGER", ""), ("SINCH_BATCH_BASE_URL", " "), ("SINCH_REGION", "\"eu\"")],
            ..case("12-environment", &[("ours.env", b"SINCH_PROJECT_ID=p # ours\rSINCH_KEY_ID='k'\rSINCH_APP_ID=\n"), ("u.env", &utf_16("SINCH_REGION=eu\n"))], &[
                &["doctor", "--env-file", "ours.env"],
                &["doctor", "--env-file", "u.env"],
                &["status"],
            ])
        },
        case("13-message-encodings", &[
            PEOPLE,
            ("mark.json", b"\xef\xbb\xbf{\"text_message\":{\"text\":\"Hi ${name}\"}}"),
            ("m16.json", &utf_16("{\"text_message\":{}}")),
            ("empty.json", b"\n"),
        ], &[
            &["check", "p.csv", "--message", "mark.json"],
            &["check", "p.csv", "--message", "m16.json"],
            &["check", "p.csv", "--message", "empty.json"],
        ]),
        case("14-separators", &[
            ("semicolon.csv", b"SMS;name\n+15550000003;Al\n"),
            ("tab.csv", b"SMS\tname\n+15550000003\tAl\n"),
            ("sep.csv", b"sep=;\nSMS;name\n+15550000003;Al\n"),
            ("cr.csv", b"SMS,name\r+15550000003,Al\r"),
        ], &[&check("semicolon.csv"), &check("tab.csv"), &check("sep.csv"), &check("cr.csv")]),
        case("14-files-that-are-not-csv", &[
            ("utf16.csv", &utf_16("SMS,name\n+15550000003,Al\n")),
            ("workbook.xlsx", b"PK\x03\x04..[Content_Types].xml"),
            ("people.csv.gz", b"\x1f\x8b\x08\0\0\0"),
            ("people.zip", b"PK\x03\x04..people.csv"),
            ("people.7z", b"7z\xbc\xaf\x27\x1c\0\x04"),
            ("windows.csv", b"SMS,name\n+15550000003,Ren\xe9\n+15550000004,Zo\xeb\n"),
            ("cyrillic.csv", b"SMS,name\n+15550000003,\xc8\xe2\xe0\xed\n+15550000004,\xcf\xb8\xf2\xf0\n"),
            ("page.csv", b"<table><tr><td>SMS</td></tr></table>\n"),
            ("one-row.csv", b"SMS,name\n+15550000003,Ren\xe9\n+15550000004,\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\n"),
        ], &[
            &check("utf16.csv"),
            &check("workbook.xlsx"),
            &check("people.csv.gz"),
            &check("people.zip"),
            &check("people.7z"),
            &check("windows.csv"),
            &check("cyrillic.csv"),
            &check("page.csv"),
            &check("one-row.csv"),
        ]),
        case("16-escapes-are-shown", &[csv("SMS,na\u{1b}[31mme\n+15550000003,\u{1b}[2J\n")], &[
            &check("p.csv"),
            &["preview", "p.csv", "--text", "Hi", "--unused-columns", "ignore"],
        ]),
        Case {
            input: b"SMS,name\n+1 555,Al\n",
            ..case("18-pipes", &[], &[&check("-"), &["check", "-", "--message", "-"], &["send", "-", HI[0], HI[1], "--simulate"]])
        },
        case("20-many-invalid-rows", &[("p.csv", invalid.as_bytes())], &[&check("p.csv")]),
        case("21-columns-with-other-names", &[
            csv("phone,name\n+15550000003,Al\n"),
            ("m.csv", b"mobile number,name\n+15550000003,Al\n"),
            ("t.csv", b"SMS , name \n+15550000003,Al\n"),
            ("none.csv", b"+15550000003,Al\n+15550000004,Bo\n"),
        ], &[&check("p.csv"), &check("m.csv"), &check("t.csv"), &check("none.csv")]),
        case("22-numbers", &[
            csv("SMS,name\n+1 555 000-0004,a\n(1555) 000-0005,a\n'+15550000006,a\n1.5E+10,a\n4.9E+10,a\n0770090012,a\n00447700900123,a\n+44 (0)7700 900123,a\n15550000004.0,a\n#REF!,a\n"),
            ("o.csv", b"identification,consent_type\n+1 555 000-0004,OPT_OUT_ALL\n15550000004.0,OPT_OUT_ALL\n"),
        ], &[
            &check("p.csv"),
            &["check", "p.csv", HI[0], HI[1], "--tidy-numbers"],
            &["consents", "insert", "o.csv"],
        ]),
        case("23-blank-rows-at-the-end", &[csv("SMS,name\n+15550000003,Al\n,\n , \n,,,\n\n")], &[&check("p.csv")]),
        case("24-json-array", &[
            ("p.json", br#"[{"recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"+15550000003"}]}},"parameters":{"name":"Al"}}]"#),
            ("whole.json", br#"{"recipient_and_params":[{"recipient":{"contact_id":"c"}}]}"#),
        ], &[&check("p.json"), &check("whole.json")]),
        case("25-unknown-kind", &[PEOPLE, message("{\"text_mesage\":{\"text\":\"Hi ${name}\"}}")], &[&with_message]),
        case("25-text-alone", &[PEOPLE, message("{\"text\":\"Hi ${name}\"}")], &[&with_message]),
        case("25-blank-text", &[PEOPLE, message("{\"text_message\":{\"text\":\" \"}}")], &[&with_message]),
        case("25-placeholder-in-a-template", &[
            PEOPLE,
            message(r#"{"template_message":{"omni_template":{"template_id":"t","version":"1","parameters":{"${name}":"${name}"}}}}"#),
        ], &[&with_message]),
        case("26-opt-outs-are-numbers", &[("c.csv", b"identification,consent_type\n+1 555 0002,OPT_OUT_ALL\n")], &[&["consents", "insert", "c.csv"]]),
    ]
}

#[test]
fn input_errors_are_as_in_their_snapshots() {
    let shown: Vec<(&str, String)> = std::thread::scope(|scope| {
        let cases = cases();
        let playing: Vec<_> = cases.into_iter().map(|case| (case.name, scope.spawn(move || case.play()))).collect();
        playing.into_iter().map(|(name, text)| (name, text.join().unwrap())).collect()
    });
    for (name, text) in shown {
        insta::assert_snapshot!(format!("given-{name}"), text);
    }
}
