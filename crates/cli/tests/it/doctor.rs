//! `doctor`: each thing that can be wrong, one at a time.

use serde_json::{Value, json};

use crate::support::{KEY_SECRET, SECRET, Said, Stage, binary, run};

fn result<'a>(said: &'a Value, check: &str) -> &'a Value {
    let findings = said["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{check}: {said}"))
}

#[track_caller]
fn fails(said: Said, code: i32, check: &str, words: &str) {
    let said = said.ends(code);
    let report = said.json();
    assert_eq!(report["ok"], false);
    let finding = result(&report, check);
    assert_eq!(finding["result"], "fail", "{report}");
    assert!(finding["message"].as_str().unwrap().contains(words), "{report}");
    assert!(finding["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{report}");
    assert!(!said.stdout.contains(KEY_SECRET) && !said.stderr.contains(KEY_SECRET));
}

#[test]
fn all_is_well_with_the_simulator() {
    let stage = Stage::new();
    let said = run(stage.api(&["doctor", "--json"]).env("SINCH_WEBHOOK_SECRET", SECRET)).ends(0);
    let report = said.json();
    assert_eq!(report["ok"], true);
    for check in ["credentials", "app", "service", "token", "reach", "clock", "webhook"] {
        assert_eq!(result(&report, check)["result"], "ok", "{report}");
    }
    assert!(!said.stdout.contains(SECRET) && !said.stdout.contains(KEY_SECRET), "{said:?}");

    let said = run(stage.api(&["doctor"]).env_remove("SINCH_APP_ID")).ends(0);
    assert_eq!(said.stdout.lines().count(), 7, "one line each: {said:?}");
    assert!(said.stdout.contains("warn  app "), "{said:?}");
    assert!(said.stdout.contains("warn  webhook "), "{said:?}");
}

#[test]
fn mistakes_are_named() {
    let stage = Stage::new();
    let doctor = || stage.api(&["doctor", "--json"]);
    let nothing = || binary(stage.path());
    fails(
        run(nothing().args(["doctor", "--json"])),
        4,
        "credentials",
        "SINCH_PROJECT_ID, SINCH_KEY_ID, SINCH_KEY_SECRET",
    );
    fails(run(doctor().env_remove("SINCH_KEY_ID")), 4, "credentials", "SINCH_KEY_ID");
    fails(run(doctor().env_remove("SINCH_BATCH_BASE_URL")), 2, "service", "SINCH_REGION");
    fails(run(doctor().env_remove("SINCH_BATCH_BASE_URL").env("SINCH_REGION", "asia")), 2, "service", "asia");
    fails(run(doctor().env("SINCH_BATCH_BASE_URL", "http://example.com")), 2, "service", "http to another machine");
    fails(run(doctor().env("SINCH_AUTH_URL", "http://example.com/token")), 2, "token", "token URL");
    fails(run(doctor().env("SINCH_AUTH_URL", "http://127.0.0.1:1/")), 7, "token", "could not be reached");
    let origin = stage.simulator.url("auth").replace("/oauth2/token", "");
    let bare = run(doctor().env("SINCH_AUTH_URL", origin)).ends(7);
    assert!(bare.stderr.contains("hint: SINCH_AUTH_URL (or --auth-url) is the whole URL, path included"), "{bare:?}");
    fails(run(doctor().env("SINCH_BATCH_BASE_URL", "http://127.0.0.1:1")), 7, "reach", "could not be connected to");
    // Something else answers there: the control side knows no batches.
    let elsewhere = stage.simulator.url("control");
    fails(run(doctor().env("SINCH_BATCH_BASE_URL", elsewhere)), 7, "reach", "not the Batch API");
    stage.fault(json!({"operation": "batch_status", "fault": "refuse_503"}));
    fails(run(&mut doctor()), 7, "reach", "503");
    let report = run(doctor().env("SINCH_KEY_SECRET", "")).ends(4).json();
    assert_eq!(result(&report, "token")["message"], "not tried");
}
