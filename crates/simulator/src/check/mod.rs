//! Checks of raw request bodies: what the service refuses at once.

pub(crate) mod cancel;
mod message;
pub(crate) mod people;
pub(crate) mod send;

use std::fmt::Write;

use serde_json::{Map, Value};

/// Channels that requests may name. Source: the published Conversation API description.
pub(crate) const CHANNELS: [&str; 13] = [
    "SMS",
    "RCS",
    "WHATSAPP",
    "MMS",
    "KAKAOTALK",
    "KAKAOTALKCHAT",
    "VIBERBM",
    "LINE",
    "INSTAGRAM",
    "MESSENGER",
    "WECHAT",
    "TELEGRAM",
    "APPLEBC",
];

/// What is wrong with one field. Values are never quoted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) field: String,
    pub(crate) description: String,
}

/// Everything that is wrong with a body.
#[derive(Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    fn add(&mut self, at: &Path<'_>, description: impl Into<String>) {
        // The list is for people: a thousand of the same do not help.
        if self.0.len() < 20 {
            self.0.push(Violation { field: at.text(), description: description.into() });
        }
    }

    pub(crate) fn into_result(self) -> Result<(), Vec<Violation>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// Where in a body we are; written only when there is something to say.
pub(crate) enum Path<'a> {
    Root,
    Field(&'a Self, &'a str),
    Item(&'a Self, usize),
}

impl<'a> Path<'a> {
    fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Root => {}
            Self::Field(Self::Root, name) => out.push_str(name),
            Self::Field(parent, name) => {
                parent.write(out);
                out.extend([".", name]);
            }
            Self::Item(parent, index) => {
                parent.write(out);
                let _ = write!(out, "[{index}]");
            }
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

/// An object being checked: its fields, where it is, and where complaints go.
pub(crate) struct Object<'a> {
    pub(crate) map: &'a Map<String, Value>,
    at: &'a Path<'a>,
}

/// How long a text may be, in characters.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    Any,
    Filled,
    UpTo(usize),
}

impl<'a> Object<'a> {
    /// The value as an object, or a complaint.
    pub(crate) fn of(value: &'a Value, at: &'a Path<'a>, wrong: &mut Violations) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { map, at }),
            _ => {
                wrong.add(at, "must be an object");
                None
            }
        }
    }

    /// The value of a field; `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn complain(&self, name: &str, description: impl Into<String>, wrong: &mut Violations) {
        wrong.add(&self.at.field(name), description);
    }

    /// A text, if the field is there.
    pub(crate) fn text(&self, name: &str, length: Length, wrong: &mut Violations) -> Option<&'a str> {
        let value = self.get(name)?;
        let Value::String(text) = value else {
            self.complain(name, "must be a string", wrong);
            return None;
        };
        match length {
            Length::Filled if text.is_empty() => {
                self.complain(name, "must not be empty", wrong);
                None
            }
            Length::UpTo(limit) if text.chars().count() > limit => {
                self.complain(name, format!("must have at most {limit} characters"), wrong);
                None
            }
            _ => Some(text),
        }
    }

    /// Texts that must be there; the message model does not ask for more.
    pub(crate) fn strings(&self, names: &[&str], wrong: &mut Violations) {
        for name in names {
            if self.require(name, wrong).is_some() {
                self.text(name, Length::Any, wrong);
            }
        }
    }

    /// Texts that must be there and hold something.
    pub(crate) fn texts(&self, names: &[&str], wrong: &mut Violations) {
        for name in names {
            if self.require(name, wrong).is_some() {
                self.text(name, Length::Filled, wrong);
            }
        }
    }

    pub(crate) fn require(&self, name: &str, wrong: &mut Violations) -> Option<&'a Value> {
        let value = self.get(name);
        if value.is_none() {
            self.complain(name, "is required", wrong);
        }
        value
    }

    /// A text out of a closed list, if the field is there. In a message a placeholder may stand for it.
    pub(crate) fn one_of(&self, name: &str, known: &[&str], wrong: &mut Violations) {
        if let Some(text) = self.text(name, Length::Any, wrong)
            && !known.contains(&text)
            && !text.contains("${")
        {
            self.complain(name, format!("must be one of {}", known.join(", ")), wrong);
        }
    }

    /// Looks into an object, if the field is there.
    pub(crate) fn inside(&self, name: &str, wrong: &mut Violations, look: impl FnOnce(&Object<'_>, &mut Violations)) {
        let at = self.at.field(name);
        if let Some(value) = self.get(name)
            && let Some(object) = Object::of(value, &at, wrong)
        {
            look(&object, wrong);
        }
    }

    /// Looks into each object of a list, if the field is there.
    pub(crate) fn each(
        &self,
        name: &str,
        sizes: std::ops::RangeInclusive<usize>,
        wrong: &mut Violations,
        mut look: impl FnMut(&Object<'_>, &mut Violations),
    ) {
        self.list(name, sizes, wrong, |item, at, wrong| {
            if let Some(object) = Object::of(item, at, wrong) {
                look(&object, wrong);
            }
        });
    }

    /// Looks at each item of a list, if the field is there.
    pub(crate) fn list(
        &self,
        name: &str,
        sizes: std::ops::RangeInclusive<usize>,
        wrong: &mut Violations,
        mut look: impl FnMut(&Value, &Path<'_>, &mut Violations),
    ) {
        let at = self.at.field(name);
        let Some(value) = self.get(name) else { return };
        let Value::Array(items) = value else { return wrong.add(&at, "must be a list") };
        if !sizes.contains(&items.len()) {
            let size = match *sizes.end() {
                usize::MAX => "must not be empty".to_owned(),
                end => format!("size must be between {} and {end}", sizes.start()),
            };
            return wrong.add(&at, size);
        }
        for (index, item) in items.iter().enumerate() {
            look(item, &at.item(index), wrong);
        }
    }

    /// Looks at the value of each entry of a map, if the field is there.
    pub(crate) fn entries(
        &self,
        name: &str,
        wrong: &mut Violations,
        mut look: impl FnMut(&str, &Value, &Path<'_>, &mut Violations),
    ) {
        self.inside(name, wrong, |map, wrong| {
            for (key, value) in map.map {
                look(key, value, &map.at.field(key), wrong);
            }
        });
    }

    /// The one field of these that is there, or a complaint.
    pub(crate) fn exactly_one<'n>(&self, names: &[&'n str], wrong: &mut Violations) -> Option<&'n str> {
        let mut there = names.iter().copied().filter(|name| self.has(name));
        match (there.next(), there.next()) {
            (Some(name), None) => Some(name),
            (None, _) => {
                wrong.add(self.at, format!("must have one of {}", names.join(", ")));
                None
            }
            (Some(one), Some(other)) => {
                wrong.add(self.at, format!("must not have both {one} and {other}"));
                None
            }
        }
    }
}

/// Whether an id has the form of a ULID: 26 letters and digits.
fn is_ulid(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
