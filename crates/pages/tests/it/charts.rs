//! Charts of nothing, of one thing, and of more than anybody has.

use sinch_batch_pages::chart::{Bar, Line, Part, Tone, bars, lines, stacked};

use crate::support::tags;

const NUMBERS: [(u64, &str); 3] = [(0, "0"), (1, "1"), (1_000_000_000_000, "1,000,000,000,000")];

/// Every number in a shape is one that a browser draws.
fn assert_drawn(html: &str) {
    for tag in tags(html) {
        for (name, value) in tag.attributes {
            if ["x", "width", "d"].contains(&name.as_str()) {
                assert!(!value.is_empty() && !value.contains("NaN") && !value.contains('-'), "{name}={value}");
            }
        }
    }
}

#[test]
fn stacked_of_0_1_and_many() {
    for (number, text) in NUMBERS {
        let parts = [Part::new("delivered", number, Tone::Delivered), Part::new("failed", 1, Tone::Failed)];
        let html = stacked("s", "Rows", "Rows", &parts).into_string();
        assert_drawn(&html);
        assert!(html.contains(&format!("<td class=\"n\">{text}</td>")), "{html}");
        // Both parts can be seen, or there is but one.
        assert_eq!(html.matches("<rect class=\"").count(), if number == 0 { 2 } else { 3 }, "{html}");
    }
    let nothing = stacked("s", "Rows", "Rows", &[]).into_string();
    assert!(nothing.contains("Rows: nothing"), "{nothing}");
}

#[test]
fn bars_of_0_1_and_many() {
    for (number, text) in NUMBERS {
        let html = bars("b", "Reasons", ("Reason", "Messages"), &[Bar::new("A", number, Tone::Failed)]).into_string();
        assert_drawn(&html);
        assert!(html.contains(&format!("aria-label=\"Reasons: A {text}\"")), "{html}");
    }
    assert!(bars("b", "Reasons", ("Reason", "Messages"), &[]).into_string().contains("Reasons: nothing"));
}

#[test]
fn lines_of_0_1_and_many() {
    for (number, text) in NUMBERS {
        for moments in [1, 2, 3] {
            let moments: Vec<String> = (0..moments).map(|at| format!("14:0{at}")).collect();
            let values = vec![number; moments.len()];
            let html = lines("l", "By minute", &moments, &[Line::new("read", values, Tone::Read)]).into_string();
            assert_drawn(&html);
            assert!(html.contains(&format!("<td class=\"n\">{text}</td>")), "{html}");
        }
    }
    assert!(lines("l", "By minute", &[], &[]).into_string().contains("By minute: nothing"));
}
