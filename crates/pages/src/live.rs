//! What keeps a page live: server-sent events with the whole of a small state.
//!
//! Each event replaces what the one before it said, so none can be missed. The module on the page writes
//! each value as text into the elements with that name (`data-live-text`), and shows how many new things
//! there are above a list instead of moving the list.

use std::fmt::Write;
use std::time::Duration;

/// The least time between two events of a page.
pub const BETWEEN: Duration = Duration::from_millis(250);

/// The `Content-Type` of an event stream.
pub const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";

/// The values of a page at one moment, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveState(Vec<(&'static str, String)>);

impl LiveState {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// The state as JSON: one object of texts. Answered to a browser that asks instead of listening.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        for (at, (name, value)) in self.0.iter().enumerate() {
            json.push_str(if at == 0 { "" } else { "," });
            quote(&mut json, name);
            json.push(':');
            quote(&mut json, value);
        }
        json.push('}');
        json
    }

    /// The state as one event of a stream.
    pub fn to_event(&self) -> String {
        format!("data: {}\n\n", self.to_json())
    }
}

/// A text as JSON, without line breaks and without characters that end an HTML element.
fn quote(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '<' | '\0'..='\u{1f}' | '\u{7f}' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(letter));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_cannot_end_its_event() {
        let state = LiveState::new().with("new", "3").with("line", "a\n\ndata: \"x\"\\</script>\r\u{2028}ü");
        assert_eq!(
            state.to_event(),
            "data: {\"new\":\"3\",\"line\":\"a\\u000a\\u000adata: \\\"x\\\"\\\\\\u003c/script>\\u000d\\u2028ü\"}\n\n"
        );
        assert_eq!(LiveState::new().to_json(), "{}");
    }
}
