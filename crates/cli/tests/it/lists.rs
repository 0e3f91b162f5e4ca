//! `contacts create`, `contacts delete` and `consents insert`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::{Stage, run};

fn opt_outs(rows: usize) -> String {
    let mut csv = String::from("identification,consent_type,#note\n");
    for row in 1..=rows {
        csv.push_str(&format!("+1555900{row:04},OPT_OUT_MARKETING,x\n"));
    }
    csv
}

#[test]
fn contacts_are_made_and_deleted() {
    let stage = Stage::new();
    stage.write("new.csv", "SMS,language,external_id\n+15559000001,en-us,a\n+15559000002,PT_BR,b\n+15559000003,EN,c\n");
    let said = run(&mut stage.api(&["contacts", "create", "new.csv", "--batch-size", "2", "--json"])).ends(0).json();
    assert_eq!(
        said,
        json!({"file": "new.csv", "rows": 3, "passed_over": 0, "accepted": 3, "refused": 0, "unknown": 0, "not_sent": 0, "calls": [
            {"first_line": 2, "last_line": 3, "rows": 2, "outcome": "accepted", "status": 200},
            {"first_line": 4, "last_line": 4, "rows": 1, "outcome": "accepted", "status": 200},
        ]})
    );
    let contacts = stage.there("/contacts");
    assert_eq!(contacts.len(), 3);
    assert_eq!((&contacts[0]["language"], &contacts[0]["external_id"]), (&json!("EN_US"), &json!("a")));

    let ids: String = contacts[..2].iter().map(|it| format!("{}\n", it["id"])).collect();
    stage.write("gone.jsonl", &ids);
    let said = run(&mut stage.api(&["contacts", "delete", "gone.jsonl"])).ends(0);
    assert_eq!(said.stdout, "lines 1 to 2, 2 rows: accepted\n2 rows, 2 accepted\n");
    assert_eq!(stage.there("/contacts"), contacts[2..]);
}

#[test]
fn whole_request_body_can_be_given_too() {
    let stage = Stage::new();
    let said =
        run(stage.api(&["contacts", "create", "--json"]).arg(sinch_batch_wire::path("request/create_contacts.json")))
            .ends(0);
    assert_eq!(said.json()["accepted"], 2);
    assert_eq!(stage.there("/contacts").len(), 2);
    run(stage.api(&["contacts", "delete"]).arg(sinch_batch_wire::path("request/delete_contacts.json"))).ends(0);
    stage.write(
        "body.json",
        r#"{"app_id": "01KZ000000000000000000000Z", "consent_records": [
        {"identification": "+15559000001", "consent_type": "OPT_OUT_ALL"}]}"#,
    );
    run(&mut stage.api(&["consents", "insert", "body.json"])).ends(0);
    assert_eq!(stage.there("/consents")[0]["app_id"], "01KZ000000000000000000000Z");
}

#[test]
fn opt_outs_are_cut_to_1000_a_call_and_each_recorded_once() {
    let stage = Stage::new();
    stage.write("out.csv", &opt_outs(2345));
    let said = run(&mut stage.api(&["consents", "insert", "out.csv", "--json"])).ends(0).json();
    assert_eq!((&said["rows"], &said["accepted"]), (&json!(2345), &json!(2345)));
    let calls = said["calls"].as_array().unwrap();
    let spans: Vec<_> = calls.iter().map(|call| (call["first_line"].as_u64(), call["last_line"].as_u64())).collect();
    assert_eq!(spans, [(Some(2), Some(1001)), (Some(1002), Some(2001)), (Some(2002), Some(2346))]);
    let recorded = stage.there("/consents");
    assert_eq!(recorded.len(), 2345);
    assert_eq!(recorded[2344]["identification"], "+15559002345");
    assert_eq!(recorded[2344]["batch_id"], calls[2]["batch_id"]);
    assert_eq!(stage.stats()["requests"]["insert_consents"], json!({"200": 3}));
}

#[test]
fn file_with_mistakes_sends_nothing_and_names_them_all() {
    let stage = Stage::new();
    let text = format!("{}+15559009999,OPT_IN,\n,OPT_OUT_ALL,x\n", opt_outs(1500));
    stage.write("out.csv", &text);
    let said = run(&mut stage.api(&["consents", "insert", "out.csv"])).ends(3);
    assert!(said.stderr.contains("out.csv, line 1502, column consent_type: not an opt-out"), "{said:?}");
    assert!(said.stderr.contains("out.csv, line 1503, column identification: the cell is empty"), "{said:?}");
    assert!(said.stderr.contains("2 mistakes; nothing was sent"), "{said:?}");
    assert!(!said.stderr.contains("+1555"), "{said:?}");
    let said = run(&mut stage.api(&["consents", "insert", "out.csv", "--json"])).ends(3).json();
    assert_eq!((&said["ok"], &said["rows"]), (&json!(false), &json!(1502)));
    assert_eq!((&said["findings"][0]["line"], &said["findings"][0]["kind"]), (&json!(1502), &json!("unknown_name")));

    stage.write("new.csv", "SMS\n+15559000001\n");
    let said = run(&mut stage.api(&["contacts", "create", "new.csv"])).ends(3);
    assert!(said.stderr.contains("there is no column `language`"), "{said:?}");
    run(&mut stage.api(&["contacts", "delete", "none.csv"])).ends(3);
    run(&mut stage.api(&["contacts", "delete", "."])).ends(3);
    assert_eq!(stage.stats()["requests"]["token"], json!({}), "not even a token was asked for");
}

#[test]
fn call_of_unknown_outcome_stops_and_says_where_to_go_on() {
    let stage = Stage::new();
    stage.write("out.csv", &opt_outs(50));
    let insert = |from: &'static str| {
        stage.api(&["consents", "insert", "out.csv", "--batch-size", "20", "--json", "--from-line", from])
    };
    stage.fault(json!({"operation": "insert_consents", "fault": "refuse_500", "after": 1, "times": 1000}));
    let said = run(&mut insert("1")).ends(5);
    let report = said.json();
    assert_eq!(
        (&report["accepted"], &report["unknown"], &report["not_sent"]),
        (&json!(20), &json!(20), &json!(10)),
        "{said:?}"
    );
    assert_eq!(report["calls"][1]["outcome"], "unknown");
    assert!(said.stderr.contains("lines 22 to 41"), "{said:?}");
    assert!(
        said.stderr.contains("is safe to do it again: sinch-batch consents insert out.csv --from-line 22"),
        "{said:?}"
    );
    stage.no_faults();
    let report = run(&mut insert("22")).ends(0).json();
    assert_eq!((&report["passed_over"], &report["accepted"], &report["not_sent"]), (&json!(20), &json!(30), &json!(0)));
    assert_eq!(stage.there("/consents").len(), 50);
    let said = run(&mut insert("900")).ends(2);
    assert!(said.stderr.contains("no row of out.csv begins at the line of --from-line"), "{said:?}");

    // Contacts would be made twice: the call is made once, and the hint goes on behind it.
    stage.write("new.csv", "SMS,language\n+15559000001,EN\n+15559000002,EN\n+15559000003,EN\n");
    stage.fault(json!({"operation": "create_contacts", "fault": "accept_then_drop", "after": 1}));
    let said = run(&mut stage.api(&["contacts", "create", "new.csv", "--batch-size", "1"])).ends(5);
    assert!(said.stdout.contains("line 3, 1 row: unknown whether they went through"), "{said:?}");
    assert!(said.stdout.ends_with("3 rows, 1 accepted, 1 unknown, 1 not sent\n"), "{said:?}");
    assert!(said.stderr.contains("CONTACT_CREATE callbacks of line 3"), "{said:?}");
    assert!(said.stderr.contains("sinch-batch contacts create new.csv --from-line 4"), "{said:?}");
    assert_eq!(stage.there("/contacts").len(), 2);
    assert_eq!(stage.stats()["requests"]["create_contacts"], json!({"200": 1, "dropped": 1}));
}

#[test]
fn refusals_stop_or_go_on_as_is_right() {
    let stage = Stage::new();
    stage.write("out.csv", &opt_outs(30));
    // 429 that does not end: nothing went through, and nothing is unknown.
    stage.fault(json!({"operation": "insert_consents", "fault": "rate_limit", "times": 1000, "retry_after": "3600"}));
    let said = run(&mut stage.api(&["consents", "insert", "out.csv", "--batch-size", "10", "--json"])).ends(7);
    assert_eq!((&said.json()["not_sent"], &said.json()["unknown"]), (&json!(30), &json!(0)));
    assert!(said.stderr.contains("--from-line 2"), "{said:?}");
    stage.no_faults();

    // The service finds fault with a call: others might pass, so it goes on.
    let mut command = stage.api(&["consents", "insert", "out.csv", "--batch-size", "10"]);
    let said = run(command.env("SINCH_APP_ID", "no-ulid")).ends(7);
    assert!(said.stdout.starts_with("lines 2 to 31, 30 rows: refused: "), "{said:?}");
    assert!(said.stderr.contains("0 of 30 rows were accepted, 30 refused"), "{said:?}");
    assert_eq!(stage.stats()["requests"]["insert_consents"]["400"], 3);

    let said = run(stage.api(&["consents", "insert", "out.csv"]).env("SINCH_APP_ID", "")).ends(4);
    assert!(said.stderr.contains("SINCH_APP_ID"), "{said:?}");
    run(stage.api(&["consents", "insert", "out.csv"]).env_remove("SINCH_KEY_SECRET")).ends(4);
    run(stage.api(&["consents", "insert", "out.csv"]).env("SINCH_BATCH_BASE_URL", "http://127.0.0.1:1")).ends(7);
    assert!(stage.there("/consents").is_empty());
}

#[test]
fn stop_names_the_lines_of_the_call_under_way() {
    let stage = Stage::new();
    stage.write("new.csv", "SMS,language\n+15559000001,EN\n+15559000002,EN\n+15559000003,EN\n");
    stage.fault(json!({"operation": "create_contacts", "fault": "accept_then_hang", "after": 1}));
    let mut command = stage.api(&["contacts", "create", "new.csv", "--batch-size", "1", "--timeout", "3600"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let interrupt = || assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    while stage.stats()["requests"]["create_contacts"] != json!({"200": 1, "hung": 1}) {}
    interrupt();
    // The second one must find the program waiting for it.
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut talk = String::new();
    while !talk.contains("once more gives it up") {
        assert_ne!(said.read_line(&mut talk).unwrap(), 0, "{talk}");
    }
    interrupt();
    said.read_to_string(&mut talk).unwrap();
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(report.contains("line 3, 1 row: unknown whether they went through: the call was given up"), "{report}");
    assert!(report.ends_with("3 rows, 1 accepted, 1 unknown, 1 not sent\n"), "{report}");
    assert!(talk.contains("CONTACT_CREATE callbacks of line 3"), "{talk}");
}
