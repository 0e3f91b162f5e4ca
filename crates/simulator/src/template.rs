//! Substitution of `${name}`: an own reading of the rules, on raw JSON.

use serde_json::Value;

/// The message of a batch, as it came.
pub(crate) struct Template(Value);

impl Template {
    pub(crate) fn new(message: Value) -> Self {
        Self(message)
    }

    /// What a recipient sees: the text of a text message, else the message as compact JSON.
    pub(crate) fn render<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> String {
        match self.0.pointer("/text_message/text") {
            Some(Value::String(text)) => substitute(text, &value_of),
            _ => replace(&self.0, &value_of).to_string(),
        }
    }

    /// The message as it came.
    pub(crate) fn raw(&self) -> &Value {
        &self.0
    }

    /// The whole message, placeholders filled in.
    pub(crate) fn fill<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> Value {
        replace(&self.0, &value_of)
    }

    /// Whether one of its texts, placeholders filled in, is meant.
    pub(crate) fn any_text<'a>(
        &self,
        value_of: impl Fn(&str) -> Option<&'a str>,
        is_meant: &mut impl FnMut(&str) -> bool,
    ) -> bool {
        any_text(&self.0, &value_of, is_meant)
    }
}

fn any_text<'a>(
    value: &Value,
    value_of: &impl Fn(&str) -> Option<&'a str>,
    is_meant: &mut impl FnMut(&str) -> bool,
) -> bool {
    match value {
        Value::String(text) => is_meant(&substitute(text, value_of)),
        Value::Array(items) => items.iter().any(|item| any_text(item, value_of, is_meant)),
        Value::Object(map) => map.values().any(|value| any_text(value, value_of, is_meant)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// One pass, no escaping; what has no value stays as it is.
fn substitute<'a>(text: &str, value_of: &impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            break;
        };
        match value_of(name) {
            Some(value) => out.push_str(value),
            None => out.extend(["${", name, "}"]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Every string at any depth; keys are left alone.
fn replace<'a>(value: &Value, value_of: &impl Fn(&str) -> Option<&'a str>) -> Value {
    match value {
        Value::String(text) => Value::String(substitute(text, value_of)),
        Value::Array(items) => items.iter().map(|item| replace(item, value_of)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), replace(value, value_of))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, expected: &str) {
        let value_of = |name: &str| match name {
            "a" => Some("1"),
            "b" => Some("${a}"),
            _ => None,
        };
        assert_eq!(Template::new(serde_json::from_str(message).unwrap()).render(value_of), expected);
    }

    #[test]
    fn placeholders_are_replaced_once_and_in_strings_only() {
        check(r#"{"text_message":{"text":"${a}${b} ${c} $a ${"}}"#, "1${a} ${c} $a ${");
        check(r#"{"text_message":{"text":"${x ${a}}"}}"#, "${x ${a}}");
        check(
            r#"{"card_message":{"title":"${a}","choices":[{"url_message":{"url":"https://e/${a}"}}],"${a}":1}}"#,
            r#"{"card_message":{"${a}":1,"choices":[{"url_message":{"url":"https://e/1"}}],"title":"1"}}"#,
        );
    }
}
