//! What a message does with each placeholder, and what in it only looks like one.

use serde_json::Value;
use sinch_batch_models::{Channel, Template};

use super::text::{control, control_message, is_blank};
use crate::finding::{FindingKind, quoted};
use crate::sms::Septets;

/// What is known of a message before the first row.
pub(crate) struct Wording {
    /// Names of the placeholders, sorted, none blank.
    pub(crate) names: Box<[Box<str>]>,
    /// What each of them is used for, in the same order.
    uses: Box<[Use]>,
    /// Whether some placeholder needs more than a look at its value.
    pub(crate) has_uses: bool,
    /// The beginnings of placeholders that are not closed.
    pub(crate) unclosed: Vec<String>,
    /// All strings of the message.
    strings: Vec<String>,
    /// Placeholders in a template that are not the values of its parameters.
    outside: Vec<String>,
    /// The text that an SMS would have.
    pub(crate) text: Option<TextPieces>,
}

/// Where a placeholder stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    /// In JSON text inside of the message.
    pub(crate) in_json: bool,
    /// In a string of that JSON text.
    pub(crate) in_json_string: bool,
    /// In a parameter of a WhatsApp template.
    pub(crate) in_template: bool,
}

/// A text cut at its placeholders.
pub(crate) struct TextPieces {
    pub(crate) pieces: Vec<Piece>,
    /// Septets and characters of the literal parts together.
    pub(crate) literal: Septets,
}

pub(crate) enum Piece {
    Literal(Box<str>),
    /// A placeholder, by its index in the names.
    Name(usize),
}

impl Wording {
    pub(crate) fn new(template: &Template) -> Self {
        let names: Box<[Box<str>]> = template.names().iter().filter(|name| !is_blank(name)).cloned().collect();
        let mut wording = Self {
            uses: vec![Use::default(); names.len()].into(),
            names,
            has_uses: false,
            unclosed: Vec::new(),
            strings: Vec::new(),
            outside: Vec::new(),
            text: None,
        };
        // Writing a message into a value cannot fail: its keys are strings and its numbers finite.
        let message = serde_json::to_value(template.message()).unwrap_or_default();
        wording.visit(&message, Use::default());
        wording.has_uses = wording.uses.iter().any(|it| *it != Use::default());
        let text = message.pointer("/text_message/text").and_then(Value::as_str);
        wording.text = text.map(|text| wording.pieces(text));
        wording
    }

    /// The index of a placeholder.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|have| (**have).cmp(name)).ok()
    }

    pub(crate) fn use_of(&self, index: usize) -> Use {
        self.uses.get(index).copied().unwrap_or_default()
    }

    fn visit(&mut self, value: &Value, at: Use) {
        match value {
            Value::String(text) => {
                each_placeholder(text, &mut |name| match name {
                    Ok(name) => {
                        if let Some(found) = self.index(name).and_then(|index| self.uses.get_mut(index)) {
                            found.in_json |= at.in_json && !in_string(text, name);
                            found.in_json_string |= at.in_json && in_string(text, name);
                            found.in_template |= at.in_template;
                        }
                    }
                    Err(open) => self.unclosed.push(open.to_owned()),
                });
                self.strings.push(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| self.visit(item, at)),
            Value::Object(map) => {
                for (key, value) in map {
                    match key.as_str() {
                        "explicit_channel_message" => self.visit(value, Use { in_json: true, ..at }),
                        "template_message" => self.visit_template(value),
                        _ => self.visit(value, at),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The templates of a message: those that WhatsApp may get are its own, and the one for all channels.
    fn visit_template(&mut self, value: &Value) {
        let Some(map) = value.as_object() else { return self.visit(value, Use::default()) };
        for (key, value) in map {
            match (key.as_str(), value.as_object()) {
                ("omni_template", _) => {
                    self.look_outside(value);
                    self.visit(value, Use { in_template: true, ..Use::default() });
                }
                ("channel_template", Some(channels)) => {
                    for (channel, template) in channels {
                        self.look_outside(template);
                        let in_template = channel.eq_ignore_ascii_case(Channel::WhatsApp.as_str());
                        self.visit(template, Use { in_template, ..Use::default() });
                    }
                }
                _ => self.visit(value, Use::default()),
            }
        }
    }

    /// Notes the placeholders in a template's own fields and in the names of its parameters.
    fn look_outside(&mut self, template: &Value) {
        for (field, value) in template.as_object().into_iter().flatten() {
            match (field.as_str(), value) {
                ("parameters", Value::Object(parameters)) => self.outside.extend(
                    parameters
                        .keys()
                        .filter(|name| name.contains("${"))
                        .map(|name| format!("the name of the template's parameter {} has a placeholder", quoted(name))),
                ),
                (_, Value::String(text)) if text.contains("${") => {
                    self.outside.push(format!("the template's {} has a placeholder", quoted(field)));
                }
                _ => {}
            }
        }
    }

    /// What is wrong with, or odd about, the message whatever the rows are.
    pub(crate) fn faults(&self) -> Vec<(FindingKind, String)> {
        let mut faults = Vec::new();
        if let Some(found) = self.strings.iter().find_map(|text| control(text)) {
            let message = format!("the message is at fault: {}", control_message(found));
            faults.push((FindingKind::ControlCharacter, message));
        }
        let outside = self.outside.iter().map(|what| format!("{what}, and only values of its parameters are replaced"));
        faults.extend(outside.map(|message| (FindingKind::TemplatePlaceholder, message)));
        faults
    }

    /// What in the message can only be a placeholder of another tool, whatever the columns are: each once.
    pub(crate) fn foreign_anywhere(&self) -> Vec<&str> {
        const AROUND: [(&str, &str); 5] = [("{{", "}}"), ("[[", "]]"), ("*|", "|*"), ("<%=", "%>"), ("%%", "%%")];
        const LONGEST: usize = 60;
        let is_name = |open: &str, text: &str| {
            let bare = text.trim();
            // The places of a WhatsApp template.
            if open == "{{" && (1..=2).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_digit()) {
                return true;
            }
            let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ' ');
            bare.starts_with(char::is_alphabetic) && bare.len() <= LONGEST && bare.chars().all(is_part)
        };
        let mut found = Vec::new();
        for text in &self.strings {
            for (open, close) in AROUND {
                for (at, _) in text.match_indices(open) {
                    let inside = &text[at + open.len()..];
                    let Some(length) = inside.find(close) else { continue };
                    let seen = &text[at..at + open.len() + length + close.len()];
                    let is_percentage = open == "%%" && inside[..length].contains(' ');
                    if is_name(open, &inside[..length]) && !is_percentage && !found.contains(&seen) {
                        found.push(seen);
                    }
                }
            }
        }
        found
    }

    /// The first placeholder behind a backslash, which does not escape it but is sent.
    pub(crate) fn escaped(&self) -> Option<&str> {
        self.strings.iter().find_map(|text| {
            let at = text.find("\\${")?;
            let length = text[at..].find('}')?;
            Some(&text[at..=at + length])
        })
    }

    fn pieces(&self, text: &str) -> TextPieces {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut literal = Septets::default();
        let mut push = |text: &str, pieces: &mut Vec<Piece>| {
            if !text.is_empty() {
                literal.add(text);
                pieces.push(Piece::Literal(text.into()));
            }
        };
        while let Some((before, name, after)) = next_placeholder(rest) {
            match self.index(name) {
                Some(index) => {
                    push(before, &mut pieces);
                    pieces.push(Piece::Name(index));
                }
                None => push(&rest[..rest.len() - after.len()], &mut pieces),
            }
            rest = after;
        }
        push(rest, &mut pieces);
        TextPieces { pieces, literal }
    }

    /// What in the message looks like a placeholder of another tool for a column of this name.
    pub(crate) fn foreign(&self, column: &str) -> Option<String> {
        const AROUND: [(&str, &str); 13] = [
            ("{{", "}}"),
            ("«", "»"),
            ("((", "))"),
            ("[[", "]]"),
            ("<<", ">>"),
            ("%%", "%%"),
            ("*|", "|*"),
            ("<%=", "%>"),
            ("{", "}"),
            ("%", "%"),
            ("[", "]"),
            ("<", ">"),
            ("#", "#"),
        ];
        let is_name = |text: &str| {
            let bare = text.trim_matches(|character: char| {
                character.is_whitespace() || matches!(character, '.' | '$' | '{' | '}')
            });
            !bare.is_empty() && bare.eq_ignore_ascii_case(column)
        };
        for text in &self.strings {
            for (open, close) in AROUND {
                for (at, _) in text.match_indices(open) {
                    let inside = &text[at + open.len()..];
                    let Some(length) = inside.find(close) else { continue };
                    let is_ours = open == "{" && text[..at].ends_with('$');
                    if !is_ours && length <= column.len() + 8 && is_name(&inside[..length]) {
                        return Some(text[at..at + open.len() + length + close.len()].to_owned());
                    }
                }
            }
            for (at, _) in text.match_indices('$') {
                let inside = &text[at + 1..];
                let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
                let length = inside.find(|character| !is_part(character)).unwrap_or(inside.len());
                let name = inside[..length].trim_end_matches(['.', '-']);
                if name.eq_ignore_ascii_case(column) {
                    return Some(format!("${name}"));
                }
            }
        }
        None
    }
}

/// Whether the first placeholder of that name stands in a string of a JSON text.
fn in_string(json: &str, name: &str) -> bool {
    let Some(at) = json.find(&format!("${{{name}}}")) else { return false };
    let (mut quoted, mut escaped) = (false, false);
    for byte in json[..at].bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

/// What stands before the next placeholder, its name, and what comes after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// Every placeholder of a text, and the beginnings of those that are not closed.
fn each_placeholder<'a>(text: &'a str, found: &mut dyn FnMut(Result<&'a str, &'a str>)) {
    /// How much of it is shown.
    const SHOWN: usize = 20;
    let open = |text: &'a str| {
        let end = text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len());
        let end = text[..end].char_indices().nth(SHOWN).map_or(end, |(at, _)| at);
        Err(&text[..end])
    };
    let mut rest = text;
    while let Some((_, name, after)) = next_placeholder(rest) {
        found(match name.find("${") {
            // The closing bracket belongs to a later one.
            Some(_) => open(name),
            None => Ok(name),
        });
        rest = after;
    }
    if let Some((_, name)) = rest.split_once("${") {
        found(open(name));
    }
}

#[cfg(test)]
mod tests {
    use sinch_batch_models::Message;

    use super::*;

    fn wording(text: &str) -> Wording {
        Wording::new(&Template::new(Message::text(text)))
    }

    #[test]
    fn placeholders_of_other_tools_are_seen() {
        for (text, seen) in [
            ("Hi {{name}}", Some("{{name}}")),
            ("Hi {{ name }}", Some("{{ name }}")),
            ("Hi {name}!", Some("{name}")),
            ("Hi $name", Some("$name")),
            ("Hi $NAME.", Some("$NAME")),
            ("Hi %name%", Some("%name%")),
            ("Hi ((name))", Some("((name))")),
            ("Hi [name]", Some("[name]")),
            ("Hi <<name>>", Some("<<name>>")),
            ("Hi *|NAME|*", Some("*|NAME|*")),
            ("Hi «Name»", Some("«Name»")),
            ("Hi ${name}", None),
            ("Hi $names", None),
            ("Hi name", None),
            ("Hi {nickname}", None),
            ("5 % of name, 10 %", None),
        ] {
            assert_eq!(wording(text).foreign("name").as_deref(), seen, "{text}");
        }
    }

    #[test]
    fn placeholders_of_other_tools_are_seen_whatever_the_columns() {
        for (text, seen) in [
            ("Hi {{first name}}, {{ contact.city }}, {{first name}}", &["{{first name}}", "{{ contact.city }}"][..]),
            ("Hi *|FNAME|* %%x%% [[y]] <%= z %>", &["[[y]]", "*|FNAME|*", "<%= z %>", "%%x%%"]),
            ("Hi {{1}}, {{ 2 }}", &["{{1}}", "{{ 2 }}"]),
            ("{\"a\":{\"b\":1}} {{123}} {{1.5}} [[1]] 100%% of 5%%", &[]),
            ("Hi ${name} {name}", &[]),
        ] {
            assert_eq!(wording(text).foreign_anywhere(), seen, "{text}");
        }
    }

    #[test]
    fn message_is_at_fault_whatever_the_rows() {
        let kinds = |message: &str| -> Vec<FindingKind> {
            let message = serde_json::from_str(message).unwrap();
            Wording::new(&Template::new(message)).faults().into_iter().map(|(kind, _)| kind).collect()
        };
        assert_eq!(kinds(r#"{"text_message":{"text":"a\u0007\n\t"}}"#), [FindingKind::ControlCharacter]);
        assert_eq!(kinds(r#"{"text_message":{"text":"a\n\tb"}}"#), []);
        let template =
            |inside: &str| format!(r#"{{"template_message":{{"omni_template":{{"version":"1",{inside}}}}}}}"#);
        assert_eq!(kinds(&template(r#""template_id":"t","parameters":{"x":"${a}"}"#)), []);
        for inside in [r#""template_id":"t","parameters":{"${a}":"x"}"#, r#""template_id":"${t}""#] {
            assert_eq!(kinds(&template(inside)), [FindingKind::TemplatePlaceholder], "{inside}");
        }
    }

    #[test]
    fn placeholders_that_are_not_closed_are_seen() {
        for (text, open) in [
            ("Hi ${name", &["name"][..]),
            ("Hi ${name, your code is ${code}", &["name"]),
            ("Hi ${", &[""]),
            ("Hi ${name} and ${code", &["code"]),
            ("Hi ${name}", &[]),
            ("costs $5 {", &[]),
        ] {
            assert_eq!(wording(text).unclosed, open, "{text}");
        }
    }

    #[test]
    fn uses_are_distinguished() {
        let message = r#"{"template_message":{"channel_template":{"WHATSAPP":{"template_id":"t","parameters":{"body[1]text":"${a}"}},"RCS":{"template_id":"t","parameters":{"x":"${b}"}}}},"explicit_channel_message":{"LINE":"{\"t\":\"${c}\"}"}}"#;
        let wording = Wording::new(&Template::new(serde_json::from_str(message).unwrap()));
        let uses: Vec<_> =
            (0..3).map(|index| wording.use_of(index)).map(|it| (it.in_template, it.in_json_string)).collect();
        assert_eq!(uses, [(true, false), (false, false), (false, true)]);
        assert!(wording.text.is_none() && wording.has_uses);
    }
}
