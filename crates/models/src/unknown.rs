//! Which fields the types do not know: a walk over the `extra` of every object.

use crate::Extra;

/// Something that can stand in a field.
pub(crate) trait Part {
    /// Whether the field is left out when written.
    fn is_absent(&self) -> bool {
        false
    }

    /// Notes the unknown fields in here.
    fn unknown(&self, at: &mut Pointer) {
        let _ = at;
    }
}

/// Where the walk stands, and what it has found.
#[derive(Default)]
pub(crate) struct Pointer {
    path: String,
    found: Vec<String>,
}

impl Pointer {
    pub(crate) fn enter(&mut self, name: &str, part: &(impl Part + ?Sized)) {
        let length = self.path.len();
        push(&mut self.path, name);
        part.unknown(self);
        self.path.truncate(length);
    }

    pub(crate) fn extra(&mut self, extra: &Extra) {
        for (name, _) in extra.iter() {
            let length = self.path.len();
            push(&mut self.path, name);
            self.here();
            self.path.truncate(length);
        }
    }

    pub(crate) fn here(&mut self) {
        self.found.push(self.path.clone());
    }
}

/// Adds a step to a JSON pointer.
pub(crate) fn push(path: &mut String, step: &str) {
    path.push('/');
    for letter in step.chars() {
        match letter {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            letter => path.push(letter),
        }
    }
}

pub(crate) fn unknown_fields(part: &impl Part) -> Vec<String> {
    let mut pointer = Pointer::default();
    part.unknown(&mut pointer);
    pointer.found
}

impl<T: Part> Part for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
    fn unknown(&self, at: &mut Pointer) {
        if let Some(part) = self {
            part.unknown(at);
        }
    }
}

impl<T: Part> Part for Box<T> {
    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
    fn unknown(&self, at: &mut Pointer) {
        (**self).unknown(at);
    }
}

impl<T: Part> Part for [T] {
    fn unknown(&self, at: &mut Pointer) {
        for (index, part) in self.iter().enumerate() {
            at.enter(&index.to_string(), part);
        }
    }
}

impl<T: Part> Part for Vec<T> {
    fn unknown(&self, at: &mut Pointer) {
        self.as_slice().unknown(at);
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
