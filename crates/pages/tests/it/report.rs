//! The report as one file.

use std::path::Path;

use sinch_batch_models::Timestamp;
use sinch_batch_pages::report::{BatchView, FailureView, PulseView, ReasonView, ReportView, RetryAdvice};

use crate::support::{campaign, tags};

/// Byte for byte the file beside this one; run with `UPDATE_GOLDEN=1` to write it anew, and look at it.
#[test]
fn report_of_the_seeded_campaign_is_as_it_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report.html");
    let html = campaign().render();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &html).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let differs = html.bytes().zip(golden.bytes()).position(|(a, b)| a != b);
    assert!(html == golden, "the report differs from {} at byte {differs:?}", path.display());
}

#[test]
fn report_makes_no_request_and_runs_no_script() {
    let html = campaign().render();
    let tags = tags(&html);
    let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    for name in ["script", "img", "iframe", "form", "object", "base"] {
        assert!(!names.contains(&name), "{name}");
    }
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert!(!style.contains("url(") && !style.contains("@import"));
    let policy = tags
        .iter()
        .filter(|tag| tag.name == "meta")
        .find_map(|tag| tag.attributes.iter().find(|(_, value)| value.contains("default-src")))
        .map(|(_, value)| value.clone());
    assert!(policy.unwrap().starts_with("default-src 'none'; style-src 'sha256-"));
}

#[test]
fn report_says_what_must_not_be_overlooked() {
    assert!(!campaign().render().contains("class=\"alarm\""));
    let mut view = campaign();
    (view.doubled, view.unknown, view.planned) = (1_000, 1, 2_000);
    view.next = Some("sinch-batch resume autumn-sale".to_owned());
    let html = view.render();
    for sentence in [
        "1,000 rows were sent more than once.",
        "The outcome of 1 row is not known",
        "2,000 rows have not been sent.",
        "sinch-batch resume autumn-sale",
    ] {
        assert!(html.contains(sentence), "{sentence}");
    }
}

#[test]
fn report_of_nothing_reads() {
    let html = ReportView::new("empty", Timestamp::UNIX_EPOCH).render();
    assert!(html.contains("0 rows") && !html.contains("Failures by"), "{html}");
    let headings = tags(&html).iter().filter(|tag| tag.name == "h1").count();
    assert_eq!(headings, 1);
}

/// 10 million rows, each text as long as the ledger keeps it and made of what escapes to most.
#[test]
fn report_stays_below_a_megabyte() {
    let mut view = campaign();
    (view.rows, view.accepted, view.messages.failed) = (10_000_000, 10_000_000, 4_213_000);
    let long = "\u{202e}".repeat(300);
    view.failures = (1..=1000)
        .map(|row| FailureView { row, line: row + 1, code: "<".repeat(64), description: long.clone() })
        .collect();
    view.odd_batches = (1..=1000)
        .map(|number| BatchView { number, first_row: number, rows: 1000, why: long.clone(), ..BatchView::default() })
        .collect();
    view.n_odd_batches = 10_000;
    view.pulse = (0..5_000)
        .map(|minute| PulseView {
            from: Timestamp::from_second(minute * 60).unwrap(),
            accepted: 1_000_000_000_000,
            delivered: 1_000_000_000_000,
            ..PulseView::default()
        })
        .collect();
    view.reasons = (0..28).map(|_| ReasonView::new(&*long, 9, RetryAdvice::Fix, &*long)).collect();
    let html = view.render();
    assert!(html.len() < 1_000_000, "{}", html.len());
    assert!(html.contains("of 4,213,000 failed messages") && html.contains("of 10,000 batches"));
}
