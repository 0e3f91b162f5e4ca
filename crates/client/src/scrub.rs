//! Takes what may be a person's out of words the service wrote.

/// The most characters that are kept of a text.
const LONGEST: usize = 300;

/// Shortens a text and takes out of it
///
/// * what stands in quotes, unless it is the name of a field: `[value]`,
/// * addresses with an `@`: `[address]`,
/// * runs of seven or more digits, among which single spaces, dashes, dots and brackets may stand, and
///   before which a `+` may stand: `[number]`.
pub(crate) fn scrub(text: &str) -> String {
    let clean = without_numbers(&without_addresses(&without_values(text.trim())));
    let clean: String = clean.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// What a request says about people: an answer may not be shown to repeat it.
#[derive(Default)]
pub(crate) struct Spoken(Vec<String>);

/// Keys whose values are the same for everybody.
const IMPERSONAL: [&str; 14] = [
    "app_id",
    "batch_id",
    "batch_metadata",
    "callback_url",
    "channel",
    "channel_priority",
    "channel_priority_order",
    "channel_properties",
    "consent_type",
    "language",
    "metadata_key",
    "metadata_value",
    "processing_strategy",
    "ttl",
];

impl Spoken {
    /// Reads a request once its answer turned out to be an error; any other call pays nothing for it.
    pub(crate) fn of(request: &[u8]) -> Self {
        let mut spoken = Vec::new();
        if let Ok(request) = serde_json::from_slice(request) {
            gather(&request, &mut spoken);
        }
        spoken.retain(|said| said.chars().count() >= 3);
        spoken.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        spoken.dedup();
        Self(spoken)
    }

    /// The text with `[value]` wherever it repeats something of the request as words of their own. No more of
    /// it than can be of use.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut clean: String = text.chars().take(20 * LONGEST).collect();
        for said in &self.0 {
            if clean.contains(said.as_str()) {
                clean = without(&clean, said);
            }
        }
        clean
    }
}

/// Every string, and the words of which one with spaces is made; texts in the parts between placeholders.
fn gather(value: &serde_json::Value, spoken: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => {
            for part in text.split("${") {
                let part = part.split_once('}').map_or(part, |(_, after)| after);
                let edge = |c: char| !c.is_alphanumeric();
                spoken.push(part.trim_matches(edge).to_owned());
                if !text.contains("${") {
                    spoken.extend(part.split_whitespace().map(|word| word.trim_matches(edge).to_owned()));
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| gather(value, spoken)),
        serde_json::Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| !IMPERSONAL.contains(&key.as_str()))
            .for_each(|(_, value)| gather(value, spoken)),
        _ => {}
    }
}

fn without(text: &str, said: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(said) {
        let (before, found) = rest.split_at(at);
        let after = &found[said.len()..];
        let within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        clean.push_str(before);
        let whole = !within(clean.chars().next_back()) && !within(after.chars().next());
        clean.push_str(if whole { "[value]" } else { said });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// Opening quotes and what closes them.
const QUOTES: [(char, char); 6] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('«', '»')];

fn without_values(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some((at, open, close)) = next_quote(rest, clean.chars().next_back()) {
        let inside = &rest[at + open.len_utf8()..];
        let (value, after) = match end_of(inside, close) {
            Some(end) => (&inside[..end], &inside[end + close.len_utf8()..]),
            // A quote that never closes: the text was cut off within a value.
            None => (inside, ""),
        };
        clean.push_str(&rest[..at]);
        if is_name(value, after) {
            clean.push(open);
            clean.push_str(value);
            clean.push(close);
        } else {
            clean.push_str("[value]");
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// Where the next quote opens: not within a word, where it is an apostrophe.
fn next_quote(text: &str, before: Option<char>) -> Option<(usize, char, char)> {
    let mut last = before;
    for (at, c) in text.char_indices() {
        if let Some((open, close)) = QUOTES.into_iter().find(|(open, _)| *open == c)
            && !last.is_some_and(char::is_alphanumeric)
        {
            return Some((at, open, close));
        }
        last = Some(c);
    }
    None
}

/// Where a quote closes: before the end of a word, an apostrophe does not; nor does what a backslash
/// stands before.
fn end_of(inside: &str, close: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        let followed = inside[at + c.len_utf8()..].chars().next();
        if c == close && !escaped && !(matches!(c, '\'' | '’') && followed.is_some_and(char::is_alphanumeric)) {
            return Some(at);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// Whether what stands in quotes names a field: a key of JSON, or words joined by `_`.
fn is_name(quoted: &str, after: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'[' | b']' | b'/');
    !quoted.is_empty()
        && quoted.len() <= 60
        && quoted.bytes().all(plain)
        && quoted.bytes().any(|byte| byte.is_ascii_alphabetic())
        && (quoted.contains('_') || after.trim_start().starts_with(':'))
}

fn without_addresses(text: &str) -> String {
    let is_address = |word: &str| {
        word.split_once('@').is_some_and(|(user, host)| {
            user.ends_with(|c: char| !c.is_whitespace()) && host.starts_with(char::is_alphanumeric)
        })
    };
    let words = text.split(' ').map(|word| if is_address(word) { "[address]" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn without_numbers(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit() || c == '+') {
        let (before, run) = rest.split_at(at);
        clean.push_str(before);
        let (length, digits) = measure(run);
        if digits >= 7 {
            clean.push_str("[number]");
        } else {
            clean.push_str(&run[..length]);
        }
        rest = &run[length..];
    }
    clean.push_str(rest);
    clean
}

/// How many bytes the run at the start of a text has, up to its last digit, and how many digits.
fn measure(run: &str) -> (usize, usize) {
    let (mut end, mut digits, mut between) = (1, 0, 0);
    for (at, byte) in run.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                between = 0;
                end = at + 1;
            }
            b'+' if at == 0 => {}
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if between < 2 => between += 1,
            _ => break,
        }
    }
    (end, digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_people_go_and_the_rest_stays() {
        for (text, expected) in [
            ("no such app", "no such app"),
            ("invalid number +15550100001", "invalid number [number]"),
            ("15550100001: bad", "[number]: bad"),
            ("+1 (555) 010-0001 is bad", "[number] is bad"),
            ("code 404, 1000 at most", "code 404, 1000 at most"),
            ("a+b + 3", "a+b + 3"),
            ("  two\nlines ", "two lines"),
            ("123456 and 7654321", "123456 and [number]"),
            ("parameter 'Ines Müller' is bad", "parameter [value] is bad"),
            ("the key's access isn't given", "the key's access isn't given"),
            ("'it's me' is no name", "[value] is no name"),
            (
                r#"field "recipient_and_params[3].recipient" is bad"#,
                r#"field "recipient_and_params[3].recipient" is bad"#,
            ),
            (r#"{"message": "Hello \"Ines\", dear"} and more"#, r#"{"message": [value]} and more"#),
            (r#"{"message": "Hello In"#, r#"{"message": [value]"#),
            ("“Ines” and «Tomás» at ines@example.org.", "[value] and [value] at [address]"),
            ("@ noon", "@ noon"),
        ] {
            assert_eq!(scrub(text), expected);
        }
        assert_eq!(scrub(&"x".repeat(500)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn what_the_request_says_of_people_is_not_repeated() {
        let request = serde_json::json!({
            "app_id": "01KZ4EBHKN27EZJ4Q91V5C36G1",
            "message": {"text_message": {"text": "Dear ${name}, your code is ${code}."}},
            "recipient_and_params": [{
                "recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": "@ines"}]}},
                "parameters": {"name": "Ines Müller", "code": "6082", "x": "as"},
            }],
            "batch_metadata": {"campaign": "autumn"},
        });
        let spoken = Spoken::of(&serde_json::to_vec(&request).unwrap());
        for (text, expected) in [
            ("Dear Ines Müller, your code is 6082.", "[value] [value], [value] [value]."),
            ("Ines: no such person as @ines", "[value]: no such person as @[value]"),
            ("6082 is bad, 60825 is not", "[value] is bad, 60825 is not"),
            ("no SMS for app 01KZ4EBHKN27EZJ4Q91V5C36G1, campaign autumn", ""),
            ("parameter name is missing in recipient_and_params", ""),
        ] {
            assert_eq!(spoken.hide(text), if expected.is_empty() { text } else { expected });
        }
        assert_eq!(Spoken::of(b"").hide("Ines"), "Ines");
    }

    proptest! {
        #[test]
        fn no_value_of_the_request_is_left(
            before in "[a-zA-Z0-9 ]{0,20}", value in "[a-zA-Zäö0-9]{3,12}( [a-zA-Z]{3,12}){0,2}", after in "[a-zA-Z0-9 ]{0,20}",
        ) {
            let request = serde_json::to_vec(&serde_json::json!({"parameters": {"name": value}})).unwrap();
            let clean = Spoken::of(&request).hide(&format!("{before} {value}, {after}"));
            prop_assert!(!format!(" {clean} ").contains(&format!(" {value},")), "{}", clean);
        }

        #[test]
        fn no_run_of_seven_digits_is_left(text in ".{0,40}[0-9+ -]{0,30}.{0,40}") {
            let clean = scrub(&text);
            prop_assert!(!clean.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() >= 7), "{}", clean);
        }

        #[test]
        fn no_quoted_words_are_left(
            before in "[a-z ]{0,20}", value in "[A-Za-zäöü ,.]{1,30}", after in "[ ,.][a-z ]{0,20}", quote in 0..QUOTES.len(),
        ) {
            let (open, close) = QUOTES[quote];
            let clean = scrub(&format!("{before} {open}{value}{close}{after}"));
            prop_assert!(value.trim().len() < 2 || !clean.contains(&format!("{open}{value}")), "{}", clean);
        }
    }
}
