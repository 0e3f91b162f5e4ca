//! `send --simulate --inbox`: the simulator stays, and what is pressed in its inbox changes the campaign's ledger.

use std::path::Path;

use serde_json::Value;

use crate::support::{Running, binary, run, try_http, write_recipients};

/// The URL that stands after these words on standard error.
fn url_after(said: &str, words: &str) -> String {
    let (_, rest) = said.split_once(words).unwrap_or_else(|| panic!("no {words:?} in {said}"));
    rest.split_whitespace().next().unwrap().trim_end_matches('/').to_owned()
}

#[test]
fn inbox_stays_open_after_the_report_and_a_pressed_receipt_changes_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    write_recipients(folder.path(), 20);
    let mut send = binary(folder.path());
    send.args(["send", "people.csv", "--message", "message.json", "--campaign", "c1", "--ledger", "ledger.db"]);
    let mut send = Running::start(send.args(["--simulate", "--inbox"]));
    send.until_said("stays open at ");
    let inbox = url_after(&send.stderr(), "stays open at ");

    let (status, page) = try_http("GET", &format!("{inbox}/"), &[("accept", "text/html")], "").unwrap();
    assert_eq!(status, 200);
    assert!(page.contains("Hello Person 20") && page.contains("+15559000020"), "{page}");

    let read = |folder: &Path| -> Value {
        let status = run(binary(folder).args(["status", "c1", "--json", "--ledger", "ledger.db"]));
        status.ends(0).json()["messages"]["read"].clone()
    };
    let before = read(folder.path());
    let (_, list) =
        try_http("GET", &format!("{inbox}/inbox?status=delivered"), &[("accept", "text/html")], "").unwrap();
    let (_, rest) = list.split_once("/inbox/message?at=").expect("a delivered message");
    let at = rest.split('"').next().unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let order = format!("at={at}&status=read");
    assert_eq!(try_http("POST", &format!("{inbox}/inbox/receipt"), &form, &order).unwrap().0, 303);
    let path = folder.path().to_owned();
    send.until("the receipt in the ledger", || read(&path) != before);
    assert_eq!(read(folder.path()).as_u64(), before.as_u64().map(|n| n + 1));

    // Pages of others may not press anything.
    let foreign = [form[0], ("origin", "https://evil.example")];
    assert_eq!(try_http("POST", &format!("{inbox}/inbox/receipt"), &foreign, &order).unwrap().0, 403);

    send.signal("INT");
    let said = send.end();
    assert_eq!(said.code(), 0, "{said:?}");
    assert!(said.stdout.contains("got it: 20 of 20"), "{said:?}");
    assert!(try_http("GET", &format!("{inbox}/"), &[], "").is_err(), "the inbox is still there");
}
