//! What is kept of a campaign, and for how long.

use std::path::Path;

use serde_json::json;

use crate::support::{Running, Stage, run};

/// A campaign of nine rows, of which three fail.
fn sent() -> Stage {
    sent_from(Stage::new())
}

fn sent_from(stage: Stage) -> Stage {
    let mut csv = String::from("SMS,name\n");
    for row in 1..=9 {
        let number = format!("+155590100{row:02}");
        csv.push_str(&format!("{number},Person {row}\n"));
        let outcome = match row % 3 {
            0 => json!({"identity": number, "outcome": "failed", "code": "RATE_LIMITED"}),
            _ => json!({"identity": number, "outcome": "delivered"}),
        };
        stage.outcome(outcome);
    }
    stage.write("people.csv", &csv);
    let args = ["send", "people.csv", "--text", "Hi ${name}", "--campaign", "autumn", "--batch-size", "4"];
    run(&mut stage.command(&args)).ends(0);
    stage
}

#[test]
fn prune_removes_single_results_and_keeps_sums_and_guards() {
    let stage = sent();
    let prune = |more: &[&str]| run(&mut stage.command_without_service(&[&["prune", "--older-than"], more].concat()));
    let said = prune(&["90d"]).ends(0);
    assert!(said.stdout.contains("no campaign is old enough"), "{said:?}");
    let said = prune(&["90d", "--campaign", "autumn"]).ends(5);
    assert!(said.stderr.contains("the last thing happened to campaign autumn"), "{said:?}");
    let before = stage.status("autumn");
    assert_eq!(before["failures"].as_array().unwrap().len(), 3);
    let said = prune(&["0s", "--dry-run"]).ends(0);
    assert!(
        said.stdout.contains("autumn: results of 9 rows") && said.stdout.contains("nothing was changed"),
        "{said:?}"
    );
    assert_eq!(stage.status("autumn"), before);

    let said = prune(&["0s", "--json"]).ends(0).json();
    assert_eq!((&said["campaigns"][0]["campaign"], &said["campaigns"][0]["messages"]), (&json!("autumn"), &json!(9)));
    let after = stage.status("autumn");
    for sums in ["messages", "batches", "reasons", "rows", "accepted", "phase", "callbacks"] {
        assert_eq!(after[sums], before[sums], "{sums}");
    }
    assert_eq!((&after["failures"], &after["pruned"]), (&json!([]), &json!(true)));
    let said = run(&mut stage.command_without_service(&["report", "autumn"])).ends(0);
    assert!(said.stdout.contains("pruned: results of single rows"), "{said:?}");

    // What needs single rows says so, and does nothing.
    for args in [
        &["report", "autumn", "--rows", "failed", "--with-file"][..],
        &["report", "autumn", "--format", "csv"],
        &["retry", "autumn"],
    ] {
        let said = run(&mut stage.command(args)).ends(5);
        assert!(said.stderr.contains("the messages of campaign autumn were pruned"), "{said:?}");
    }
    // And nobody gets it twice.
    let args = ["send", "people.csv", "--text", "Hi ${name}", "--campaign", "again"];
    let said = run(&mut stage.command(&args)).ends(5);
    assert!(said.stderr.contains("autumn"), "{said:?}");
    assert_eq!(stage.messages().len(), 9);
    let said = prune(&["0s"]).ends(0);
    assert!(said.stdout.contains("none has anything left"), "{said:?}");
}

#[test]
fn prune_leaves_an_unfinished_campaign_and_its_parent() {
    let stage = sent();
    stage.fault(json!({"operation": "send_batch", "fault": "hang", "times": 10}));
    let mut retry = Running::start(&mut stage.command(&["retry", "autumn", "--campaign", "again", "--no-wait"]));
    // Its outcome is not known until somebody looks it up.
    retry.until("an intent", || {
        let said = run(&mut stage.command_without_service(&["status", "again", "--json"]));
        said.code() == 0 && said.json()["unknown"] == 3
    });
    retry.kill();
    for name in ["autumn", "again"] {
        let args = ["prune", "--older-than", "0s", "--campaign", name];
        let said = run(&mut stage.command_without_service(&args)).ends(5);
        assert!(said.stderr.contains("or a retry of it, is unfinished"), "{said:?}");
    }
    let said = run(&mut stage.command_without_service(&["prune", "--older-than", "0s"])).ends(0);
    assert!(said.stdout.contains("no campaign is old enough"), "{said:?}");
    assert_eq!(stage.status("autumn")["failures"].as_array().unwrap().len(), 3);
}

/// Every file below a folder, but those of the user.
fn ours(folder: &Path, of_user: &[&str]) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&ours(&path, of_user));
        } else if !of_user.iter().any(|name| path.ends_with(name)) {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    all
}

#[test]
fn forget_leaves_nothing_of_a_person_in_files_of_ours_and_all_sums() {
    let key = [("SINCH_BATCH_IDENTITY_KEY", "5c0bd2f41e9a77c86d3f20ab94e15d7806c9be32f7410da58e6b9c24d1f083a7")];
    let mut stage = sent_from(Stage::listening(&["--journal", "journal", "--opt-outs", "outs"], &key, &[]));
    // What the person wrote, and that they want no more.
    stage.order("/inbox/message", json!({"identity": "+15559010003", "text": "It is raining in Utopia"}));
    stage.order("/inbox/opt-out", json!({"identity": "+15559010003"}));
    let journal = stage.path().join("journal");
    while !(ours(&journal, &[]).contains("Utopia") && ours(&journal, &[]).contains("opt_out_notification")) {
        std::thread::yield_now();
    }
    let forget = |stage: &Stage, identity: &str, more: &[&str]| {
        let args = ["forget", identity, "--input", "people.csv", "--journal", "journal", "--opt-outs", "outs"];
        run(&mut stage.command_without_service(&[&args[..], more].concat()))
    };
    let said = forget(&stage, "+15559010003", &[]).ends(3);
    assert!(said.stderr.contains("another process writes the journal"), "{said:?}");
    stage._receiver.as_mut().unwrap().stop();
    let copy = stage.path().join("before");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(journal.join("callbacks-00000001.jsonl"), copy.join("callbacks-00000001.jsonl")).unwrap();

    let before = stage.status("autumn");
    let said = forget(&stage, "+1 555-901-0003", &["--json"]).ends(0).json();
    assert_eq!(said["files"], json!([{"file": "people.csv", "rows": [{"row": 3, "line": 4}]}]));
    assert_eq!(said["campaigns"], json!([{"campaign": "autumn", "rows": 1}]));
    assert!(
        said["journal"]["removed"].as_u64().unwrap() >= 3 && said["journal"]["kept"].as_u64().unwrap() >= 8,
        "{said}"
    );
    assert_eq!((&said["opt_outs"], said["contact_ids"].as_array().map(Vec::len)), (&json!("stays"), Some(1)));

    let check = |stage: &Stage| {
        let kept = ours(stage.path(), &["people.csv", "before/callbacks-00000001.jsonl"]);
        for of_person in ["+15559010003", "15559010003", "Utopia", "Person 3", said["contact_ids"][0].as_str().unwrap()]
        {
            assert!(!kept.contains(of_person), "{of_person} is still there");
        }
        assert!(kept.contains("15559010004"), "others stay in the journal");
        let mut after = stage.status("autumn");
        assert_eq!(after["failures"][0]["row"], 3, "{after}");
        assert_eq!(after["failures"][0]["description"], "");
        after["failures"][0]["description"] = before["failures"][0]["description"].clone();
        after["callbacks"] = before["callbacks"].clone();
        assert_eq!(after, before, "sums, states and codes stay");
    };
    assert_ne!(before["failures"][0]["description"], "");
    check(&stage);
    // What comes later is folded, and keeps no description.
    run(&mut stage.command_without_service(&["replay", "before"])).ends(0);
    check(&stage);

    let said = forget(&stage, "+15559010003", &[]).ends(0);
    for words in ["people.csv: row 3, line 4", "journal: 0 callbacks removed", "outs: stays as it is"] {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
    assert!(!said.stdout.contains("5559010003") && !said.stderr.contains("5559010003"), "{said:?}");
    forget(&stage, "12", &[]).ends(2);
    forget(&stage, "0155", &[]).ends(2);
}
