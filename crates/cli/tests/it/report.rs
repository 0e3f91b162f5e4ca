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
            stage.write("report.out", "before");
            let args = ["--format", format, flag, "report.out"];
            let said = report(&stage, &args).ends(2);
            assert!(
                said.stderr.contains("report.out is there already") && said.stderr.contains("--overwrite"),
                "{said:?}"
            );
            assert_eq!(std::fs::read_to_string(stage.path().join("report.out")).unwrap(), "before");
            let said = report(&stage, &[&args[..], &["--overwrite"]].concat()).ends(0);
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
fn report_is_never_a_file_that_is_read_and_rows_are_for_their_user_only() {
    let stage = sent(&["--fail-percent", "100"]);
    let read = |name: &str| std::fs::read(stage.path().join(name)).unwrap();
    let (people, ledger) = (read("people.csv"), read("ledger.db"));
    let rows = ["--rows", "failed", "--with-file"];
    for output in ["people.csv", "./people.csv", "ledger.db"] {
        let args = [&rows[..], &["--overwrite", "-o", output]].concat();
        let said = report(&stage, &args).ends(2);
        assert!(said.stderr.contains("which would be overwritten"), "{said:?}");
    }
    report(&stage, &["--overwrite", "-o", "ledger.db"]).ends(2);
    assert!(read("people.csv") == people && read("ledger.db") == ledger, "what was read stays");
    report(&stage, &[&rows[..], &["-o", "failed.csv"]].concat()).ends(0);
    assert_eq!(report(&stage, &[&rows[..], &["-o", "-"]].concat()).ends(0).stdout.as_bytes(), read("failed.csv"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(stage.path().join("failed.csv")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
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
