//! `report` in a file, and as HTML.

use serde_json::json;

use crate::support::{Said, Stage, binary, run, write_recipients};

/// A campaign of 50 rows, of which `failed` failed, in `ledger.db`.
fn sent(outcome: &[&str]) -> Stage {
    let stage = Stage::with(outcome);
    write_recipients(stage.path(), 50);
    let args = ["send", "people.csv", "--message", "message.json", "--campaign", "c1", "--json"];
    run(&mut stage.command(&args)).ends(0);
    stage
}

fn report(stage: &Stage, more: &[&str]) -> Said {
    run(stage.command_without_service(&["report", "c1"]).args(more))
}

#[test]
fn report_html_is_one_file_with_the_numbers_of_the_ledger() {
    let stage = sent(&["--fail-percent", "100"]);
    let html = report(&stage, &["--format", "html"]).ends(0).stdout;
    let sums = report(&stage, &["--json"]).ends(0).json();
    assert_eq!(sums["messages"]["failed"], json!(50), "{sums}");
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("50 failed messages"), "{html}");
    assert!(html.contains("people.csv") && html.contains("report c1 --format csv --ledger"), "{html}");
    for from_elsewhere in ["<script", "src=", "url(", "@import"] {
        assert!(!html.contains(from_elsewhere), "{from_elsewhere}");
    }
    assert!(!html.contains("+1555"), "a number of somebody is in the report");
}

#[test]
fn report_goes_to_a_file_in_every_format() {
    let stage = sent(&["--fail-percent", "100"]);
    for format in ["table", "json", "csv", "html"] {
        let shown = report(&stage, &["--format", format]).ends(0).stdout;
        for flag in ["-o", "--output"] {
            // One that is there is replaced.
            stage.write("report.out", "before");
            let said = report(&stage, &["--format", format, flag, "report.out"]).ends(0);
            assert_eq!(said.stdout, "", "{said:?}");
            let written = std::fs::read_to_string(stage.path().join("report.out")).unwrap();
            assert!(!written.is_empty(), "{format}");
            if format != "html" {
                assert_eq!(written, shown, "{format}");
            }
        }
    }
}

#[test]
fn report_that_cannot_be_written_leaves_nothing() {
    let stage = sent(&["--fail-percent", "0"]);
    let said = report(&stage, &["--format", "html", "-o", "no-folder/report.html"]).ends(1);
    assert!(said.stderr.contains("no-folder/report.html cannot be written"), "{said:?}");
    assert!(said.stderr.contains("hint: ") && !said.stderr.contains(".tmp"), "{said:?}");
    let said = report(&stage, &["--format", "html", "-o", "."]).ends(2);
    assert!(said.stderr.contains(". is a folder"), "{said:?}");
    let folder = tempfile::tempdir().unwrap();
    run(binary(folder.path()).args(["report", "c1", "-o", "r.html", "--ledger", "none.db"])).ends(6);
    assert!(!folder.path().join("r.html").exists());
}
