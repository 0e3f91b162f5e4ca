//! Whatever a text holds, it stays text.

use proptest::prelude::*;
use sinch_batch_pages::chart::{Bar, Line, Part, Tone, bars, lines, stacked};
use sinch_batch_pages::layout::Page;
use sinch_batch_pages::report::{BatchView, FailureView, ReasonView, ReportView, RetryAdvice};
use sinch_batch_pages::text::{link, outside};

use crate::support::{Tag, campaign, tags};

/// Texts that mean something to a browser, and others.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let known = [
        "<img src=x onerror=alert(1)>",
        "\"><script>alert(1)</script>",
        "' onmouseover='alert(1)",
        "</style></title><svg onload=alert(1)>",
        "<!--",
        "]]>",
        "&lt;script&gt;",
        "javascript:alert(1)",
        "https://example.org/\" onclick=\"alert(1)",
        "\u{202e}gnp.exe",
        "\u{0}<\u{0}script>",
        "{{7*7}}${7*7}",
    ];
    let letters = prop::collection::vec(prop_oneof![any::<char>(), Just('<'), Just('"'), Just('\''), Just('>')], 0..40);
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        letters.prop_map(|letters| letters.into_iter().collect()),
        (prop::sample::select(known.to_vec()), any::<String>()).prop_map(|(known, any)| format!("{any}{known}")),
    ]
}

/// The report with that text in each of its texts.
fn report_of(text: &str) -> ReportView {
    let mut view = campaign();
    let fill = |field: &mut String| text.clone_into(field);
    for field in [
        &mut view.name,
        &mut view.phase,
        &mut view.message_kind,
        &mut view.message_fingerprint,
        &mut view.input,
        &mut view.input_fingerprint,
        &mut view.all_failures,
        &mut view.version,
    ] {
        fill(field);
    }
    view.unknown = 1;
    view.next = Some(text.to_owned());
    view.reasons = vec![ReasonView::new(text, 3, RetryAdvice::Ask, text)];
    view.failures = vec![FailureView { row: 1, line: 2, code: text.to_owned(), description: text.to_owned() }];
    view.odd_batches = vec![BatchView {
        status: text.to_owned(),
        batch_id: text.to_owned(),
        why: text.to_owned(),
        ..BatchView::default()
    }];
    view
}

/// Names and attributes, without values and without the marks of hidden characters, whose number differs.
fn shape(html: &str) -> Vec<(String, Vec<String>)> {
    let is_mark = |tag: &Tag| tag.attributes.iter().any(|(_, value)| value == "hidden");
    let mut shape = Vec::new();
    let mut in_mark = false;
    for tag in tags(html) {
        if is_mark(&tag) {
            in_mark = true;
        } else if in_mark {
            in_mark = false;
        } else {
            shape.push((tag.name, tag.attributes.into_iter().map(|(name, _)| name).collect()));
        }
    }
    shape
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn report_has_the_same_tags_whatever_its_texts_say(text in hostile()) {
        // A word that is as long and as short as any, but not empty: an empty one may leave out its place.
        prop_assume!(!text.is_empty());
        let html = report_of(&text).render();
        prop_assert_eq!(shape(&html), shape(&report_of("word").render()));
        for tag in tags(&html) {
            for (name, value) in &tag.attributes {
                prop_assert!(!name.starts_with("on") && name != "style", "{:?}", tag);
                prop_assert!(!matches!(name.as_str(), "href" | "src") || value == "data:,", "{:?}", tag);
            }
        }
    }

    #[test]
    fn link_leads_to_https_or_nowhere(text in hostile()) {
        for tag in tags(&link(&text).into_string()) {
            for (name, value) in tag.attributes {
                prop_assert!(name != "href" || value.to_ascii_lowercase().starts_with("https://"), "{value}");
                prop_assert!(["href", "rel", "class", "dir"].contains(&name.as_str()), "{name}");
            }
        }
        let names: Vec<String> = tags(&outside(&text).into_string()).into_iter().map(|tag| tag.name).collect();
        prop_assert!(names.iter().all(|name| ["bdi", "/bdi", "span", "/span"].contains(&name.as_str())), "{names:?}");
    }

    #[test]
    fn charts_and_page_keep_their_tags(text in hostile()) {
        let draw = |text: &str| {
            let content = stacked("a", text, text, &[Part::new(text, 1, Tone::Read)]).into_string()
                + &bars("b", text, (text, text), &[Bar::new(text, 1, Tone::Plain)]).into_string()
                + &lines("c", text, &[text.to_owned()], &[Line::new(text, vec![1], Tone::Failed)]).into_string();
            let page = Page { title: text, nav: &[("/", text)], here: Some(0), live: Some("/live"), style: None };
            page.render(&outside(text)) + &content
        };
        prop_assert_eq!(shape(&draw(&text)), shape(&draw("word")));
    }
}

/// What is HTML already is made in two places, which are looked at closely.
#[test]
fn nothing_else_writes_html_unescaped() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![sources];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let allowed = path.ends_with("src/layout.rs") || path.parent().is_some_and(|at| at.ends_with("chart"));
            for word in ["PreEscaped", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(allowed || !text.contains(word), "{word} in {}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}
