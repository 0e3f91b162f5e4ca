//! A walk over every object: which fields the types do not know, and which rules for what is sent do
//! not hold.

use std::fmt;

use crate::wire::{UnknownFields, push};

/// A rule for what is sent that does not hold: where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {rule}")]
#[non_exhaustive]
pub struct Violation {
    /// JSON pointer of the value that breaks it.
    pub path: String,
    /// What was expected.
    pub rule: String,
}

/// Something that can stand in a field.
pub(crate) trait Part {
    /// Whether the field is left out when written.
    fn is_absent(&self) -> bool {
        false
    }

    /// Notes the unknown fields and the broken rules in here.
    fn walk(&self, at: &mut Pointer) {
        let _ = at;
    }
}

/// Where the walk stands, and what it has found.
#[derive(Default)]
pub(crate) struct Pointer {
    path: String,
    found: Vec<String>,
    broken: Vec<Violation>,
}

impl Pointer {
    pub(crate) fn enter(&mut self, name: &str, part: &(impl Part + ?Sized)) {
        let length = self.path.len();
        push(&mut self.path, name);
        part.walk(self);
        self.path.truncate(length);
    }

    pub(crate) fn unknown_fields(&mut self, unknown_fields: &UnknownFields) {
        for (name, _) in unknown_fields.iter() {
            let length = self.path.len();
            push(&mut self.path, name);
            self.here();
            self.path.truncate(length);
        }
    }

    /// What stands here is unknown.
    pub(crate) fn here(&mut self) {
        self.found.push(self.path.clone());
    }

    /// What stands here breaks a rule.
    pub(crate) fn breaks(&mut self, rule: impl fmt::Display) {
        self.broken.push(Violation { path: self.path.clone(), rule: rule.to_string() });
    }
}

pub(crate) fn unknown_fields(part: &impl Part) -> Vec<String> {
    let mut pointer = Pointer::default();
    part.walk(&mut pointer);
    pointer.found
}

pub(crate) fn violations(part: &impl Part) -> Vec<Violation> {
    let mut pointer = Pointer::default();
    part.walk(&mut pointer);
    pointer.broken
}

/// Refuses on reading a request whatever breaks a rule in its part of that name.
pub(crate) fn keeps_rules<E: serde::de::Error>(name: &str, part: &impl Part) -> Result<(), E> {
    let mut pointer = Pointer::default();
    pointer.enter(name, part);
    match pointer.broken.first() {
        Some(broken) => Err(crate::wire::inside(&broken.path, &broken.rule)),
        None => Ok(()),
    }
}

impl<T: Part> Part for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
    fn walk(&self, at: &mut Pointer) {
        if let Some(part) = self {
            part.walk(at);
        }
    }
}

impl<T: Part> Part for Box<T> {
    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
    fn walk(&self, at: &mut Pointer) {
        (**self).walk(at);
    }
}

impl<T: Part> Part for [T] {
    fn walk(&self, at: &mut Pointer) {
        for (index, part) in self.iter().enumerate() {
            at.enter(&index.to_string(), part);
        }
    }
}

impl<T: Part> Part for Vec<T> {
    fn walk(&self, at: &mut Pointer) {
        self.as_slice().walk(at);
    }
}

/// Parts without fields of their own, or whose fields are anybody's.
macro_rules! leaf {
    ($($ty:ty),+ $(,)?) => {
        $( impl $crate::unknown::Part for $ty {} )+
    };
}
pub(crate) use leaf;

leaf!(bool, i64, u32, u64, Box<str>, serde_json::Value);
