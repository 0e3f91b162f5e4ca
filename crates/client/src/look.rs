//! What the body of an answer is, when it is not what the API says it is.

use std::fmt;

use crate::scrub::{Spoken, scrub};

/// The most characters shown of a body.
const LONGEST: usize = 120;

/// A body for a person's eyes: named for what it is, cut short, without what may be a person's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing, or nothing but space.
    Empty,
    /// A page, such as a proxy or a gateway makes, and its words.
    Page(String),
    /// JSON that ends too early, after so many bytes.
    BrokenOff(usize),
    /// Bytes that are no UTF-8, so many.
    NoText(usize),
    /// JSON, but of another form.
    Json,
    /// Some other text.
    Text(String),
}

impl Look {
    pub(crate) fn at(body: &[u8], spoken: &Spoken) -> Self {
        let Ok(text) = std::str::from_utf8(body) else {
            // A page stays a page with a letter of another alphabet in it.
            let text = String::from_utf8_lossy(body);
            return if is_page(&text) { Self::Page(words(&text, spoken)) } else { Self::NoText(body.len()) };
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Self::Empty;
        }
        if is_page(text) {
            return Self::Page(words(text, spoken));
        }
        match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Self::Json,
            Err(error) if error.is_eof() => Self::BrokenOff(body.len()),
            Err(_) => Self::Text(short(text, spoken)),
        }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty body"),
            Self::Page(words) if words.is_empty() => f.write_str("an HTML page"),
            Self::Page(words) => write!(f, "an HTML page, \"{words}\""),
            Self::BrokenOff(1) => f.write_str("JSON that breaks off after 1 byte"),
            Self::BrokenOff(bytes) => write!(f, "JSON that breaks off after {bytes} bytes"),
            Self::NoText(1) => f.write_str("1 byte that is no text"),
            Self::NoText(bytes) => write!(f, "{bytes} bytes that are no text"),
            Self::Json => f.write_str("JSON of another form"),
            Self::Text(text) => write!(f, "the text \"{text}\""),
        }
    }
}

fn is_page(text: &str) -> bool {
    let start: String = text.trim_start_matches('\u{feff}').trim_start().chars().take(1000).collect();
    let start = start.to_ascii_lowercase();
    start.starts_with('<')
        && ["<html", "<!doctype", "<head", "<body", "<title", "<h1", "<?xml"].iter().any(|tag| start.contains(tag))
}

/// The words of a page: its title, else the beginning of its text.
fn words(page: &str, spoken: &Spoken) -> String {
    // Titles stand at the beginning; what is megabytes away is not looked for.
    let page: String = page.chars().take(20_000).collect();
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let from = at + lower[at..].find('>')? + 1;
        let to = from + lower[from..].find("</title").unwrap_or(lower.len() - from);
        Some(without_tags(&page[from..to]))
    });
    short(&title.filter(|title| !title.trim().is_empty()).unwrap_or_else(|| without_tags(&page)), spoken)
}

/// The text between the tags; that of scripts and styles is not for people.
fn without_tags(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let name: String = tag.chars().take(6).collect::<String>().to_ascii_lowercase();
        let hidden = ["script", "style"].into_iter().find(|hidden| name.starts_with(hidden));
        rest = match hidden
            .and_then(|hidden| tag.to_ascii_lowercase().find(&format!("</{hidden}")).map(|at| &tag[at..]))
        {
            Some(end) => end.split_once('>').map_or("", |(_, after)| after),
            None => tag.split_once('>').map_or("", |(_, after)| after),
        };
    }
    text.push_str(rest);
    text
}

/// One line, scrubbed and cut.
fn short(text: &str, spoken: &Spoken) -> String {
    let line = text.chars().take(50 * LONGEST).collect::<String>();
    let line = scrub(&spoken.hide(&line.split_whitespace().collect::<Vec<_>>().join(" ")));
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bodies_are_named_for_what_they_are() {
        for (body, expected) in [
            ("", "an empty body"),
            (" \r\n\t ", "an empty body"),
            (
                "<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1>",
                "an HTML page, \"502 Bad Gateway\"",
            ),
            ("\u{feff}<!DOCTYPE html>\n<HTML><TITLE lang=en>\n Log in \n</TITLE>", "an HTML page, \"Log in\""),
            (
                "<html><style>p { color: red }</style><body><p>Dear +1 555 010 0001,<br>try <b>later</b>",
                "an HTML page, \"Dear [number], try later\"",
            ),
            ("<html>", "an HTML page"),
            (r#"{"batch_id": "01K"#, "JSON that breaks off after 17 bytes"),
            ("[", "JSON that breaks off after 1 byte"),
            ("[]", "JSON of another form"),
            ("upstream connect error", "the text \"upstream connect error\""),
            (r#"{"name": "Ines" oops"#, r#"the text "{"name": [value] oops""#),
        ] {
            assert_eq!(Look::at(body.as_bytes(), &Spoken::default()).to_string(), expected, "{body}");
        }
        assert_eq!(Look::at(b"\xff\xfe\x00", &Spoken::default()).to_string(), "3 bytes that are no text");
        assert_eq!(
            Look::at(b"<html><title>Caf\xe9</title>", &Spoken::default()).to_string(),
            "an HTML page, \"Caf\u{fffd}\""
        );
        let long = Look::at("word ".repeat(1000).as_bytes(), &Spoken::default()).to_string();
        assert!(long.chars().count() < LONGEST + 20 && long.ends_with("…\""), "{long}");
    }

    proptest! {
        #[test]
        fn any_body_can_be_looked_at(body in prop::collection::vec(any::<u8>(), 0..200), page in "<html>[a-z<>/ é\"]{0,100}") {
            let _ = Look::at(&body, &Spoken::default()).to_string();
            prop_assert!(matches!(Look::at(page.as_bytes(), &Spoken::default()), Look::Page(_)));
        }
    }
}
