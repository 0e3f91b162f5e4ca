//! Placeholders: which ones a message has, and what one recipient will see.
//!
//! Published rules: `${name}` may stand in any string at any depth; keys may not be blank and
//! values may not be empty. Not published, and taken so here: there is no escaping, a placeholder
//! without a value stays as it is, a value is not searched again, map keys are left alone.

use serde_json::Value;

use crate::wire::Parameters;
use crate::{Message, ParseError};

/// A message together with the placeholders found in it.
#[derive(Clone, Debug)]
pub struct Template {
    message: Message,
    names: Box<[Box<str>]>,
}

impl Template {
    /// Finds the placeholders in every string of a message.
    pub fn new(message: Message) -> Self {
        let mut names = Vec::new();
        visit(&value_of(&message), &mut |text| {
            pieces(text, &mut |piece| {
                if let Piece::Placeholder(name) = piece {
                    names.push(Box::from(name));
                }
            });
        });
        names.sort_unstable();
        names.dedup();
        Self { message, names: names.into() }
    }

    /// The message with its placeholders.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The names of the placeholders, sorted, each once.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// Whether the message has a placeholder of that name.
    pub fn uses(&self, name: &str) -> bool {
        self.names.binary_search_by(|have| (**have).cmp(name)).is_ok()
    }

    /// Findings about the parameters of one recipient; sorted, each once.
    pub fn findings(&self, parameters: &Parameters) -> Vec<TemplateError> {
        let mut findings: Vec<_> = parameters
            .iter()
            .flat_map(|(name, value)| {
                let blank = name.trim().is_empty().then_some(TemplateError::BlankKey);
                let empty = value.is_empty().then(|| TemplateError::EmptyValue(name.into()));
                let unused = (blank.is_none() && !self.uses(name)).then(|| TemplateError::Unused(name.into()));
                [blank, empty, unused]
            })
            .flatten()
            .collect();
        let lacking = self.names.iter().filter(|name| !parameters.contains_key(name));
        findings.extend(lacking.cloned().map(TemplateError::NoValue));
        findings.sort_unstable();
        findings.dedup();
        findings
    }

    /// The message as a recipient with these parameters will see it.
    ///
    /// ```
    /// use sinch_batch_models::{Message, Parameters, Template};
    ///
    /// let template = Template::new(Message::text("Hello ${name}"));
    /// let parameters: Parameters = [("name", "Ines".into())].into_iter().collect();
    /// assert_eq!(template.render(&parameters)?, Message::text("Hello Ines"));
    /// # Ok::<(), sinch_batch_models::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// If the message with the values in it is no longer a message, which no published kind allows.
    pub fn render(&self, parameters: &Parameters) -> Result<Message, ParseError> {
        let mut value = value_of(&self.message);
        replace(&mut value, parameters);
        crate::wire::parse(value.to_string().as_bytes())
    }
}

/// Something about the parameters of one recipient that the sender would want to know.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum TemplateError {
    /// A key is blank. Published: the service fails this one message after acceptance.
    BlankKey,
    /// The value of this key is empty. Published: the service fails this one message after acceptance.
    EmptyValue(Box<str>),
    /// This placeholder has no value. Nothing is published; taken to stay in the text as it is.
    NoValue(Box<str>),
    /// No placeholder has the name of this key. The service does not mind, but it may be misspelt.
    Unused(Box<str>),
}

impl TemplateError {
    /// Whether the service is known to fail the message for it.
    pub fn fails_the_message(&self) -> bool {
        matches!(self, Self::BlankKey | Self::EmptyValue(_))
    }
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BlankKey => f.write_str("a parameter has a blank name"),
            Self::EmptyValue(name) => write!(f, "the parameter `{name}` has no value in it"),
            Self::NoValue(name) => write!(f, "the placeholder `${{{name}}}` has no parameter"),
            Self::Unused(name) => write!(f, "the parameter `{name}` is used nowhere in the message"),
        }
    }
}

/// One text with the values of its placeholders in place.
pub fn render_text(text: &str, parameters: &Parameters) -> String {
    let mut out = String::with_capacity(text.len());
    pieces(text, &mut |piece| match piece {
        Piece::Text(text) => out.push_str(text),
        Piece::Placeholder(name) => match parameters.get(name) {
            Some(value) => out.push_str(value),
            None => {
                out.push_str("${");
                out.push_str(name);
                out.push('}');
            }
        },
    });
    out
}

enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

fn pieces<'a>(mut text: &'a str, found: &mut impl FnMut(Piece<'a>)) {
    while let Some(start) = text.find("${") {
        let Some(len) = text[start + 2..].find('}') else { break };
        if start > 0 {
            found(Piece::Text(&text[..start]));
        }
        found(Piece::Placeholder(&text[start + 2..start + 2 + len]));
        text = &text[start + 2 + len + 1..];
    }
    if !text.is_empty() {
        found(Piece::Text(text));
    }
}

fn value_of(message: &Message) -> Value {
    // Writing a message into a value cannot fail: its keys are strings and its numbers finite.
    serde_json::to_value(message).unwrap_or_default()
}

fn visit(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().for_each(|item| visit(item, found)),
        Value::Object(map) => map.values().for_each(|value| visit(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replace(value: &mut Value, parameters: &Parameters) {
    match value {
        Value::String(text) if text.contains("${") => *text = render_text(text, parameters),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, parameters)),
        Value::Object(map) => map.values_mut().for_each(|value| replace(value, parameters)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, names: &[&str], rendered: &str) {
        let template = Template::new(serde_json::from_str(message).unwrap());
        assert_eq!(template.names().iter().map(|name| &**name).collect::<Vec<_>>(), names);
        let parameters = [("a", "1".into()), ("b", "${a}".into())].into_iter().collect();
        assert_eq!(serde_json::to_string(&template.render(&parameters).unwrap()).unwrap(), rendered);
    }

    #[test]
    fn parameters_that_the_service_or_the_sender_would_mind_are_found() {
        use TemplateError::{BlankKey, EmptyValue, NoValue, Unused};
        let template = Template::new(Message::text("${a} ${b} ${c}"));
        let parameters = [(" ", "x"), ("a", ""), ("b", "ok"), ("d", "y")];
        let parameters = parameters.map(|(name, value)| (name, value.into())).into_iter().collect();
        let findings = template.findings(&parameters);
        assert_eq!(findings, [BlankKey, EmptyValue("a".into()), NoValue("c".into()), Unused("d".into())]);
        assert_eq!(findings.iter().filter(|finding| finding.fails_the_message()).count(), 2);
    }

    #[test]
    fn placeholders_are_found_and_replaced_at_any_depth_once() {
        check(
            r#"{"text_message":{"text":"${b}-${a}-${b}"}}"#,
            &["a", "b"],
            r#"{"text_message":{"text":"${a}-1-${a}"}}"#,
        );
        check(r#"{"text_message":{"text":"$a ${ ${c} $"}}"#, &[" ${c"], r#"{"text_message":{"text":"$a ${ ${c} $"}}"#);
        check(
            r#"{"card_message":{"choices":[{"url_message":{"title":"t","url":"https://e/${a}"}}]},"explicit_channel_message":{"${b}":"x${a}"}}"#,
            &["a"],
            r#"{"card_message":{"choices":[{"url_message":{"title":"t","url":"https://e/1"}}]},"explicit_channel_message":{"${b}":"x1"}}"#,
        );
    }
}
