//! Identifiers: opaque, and never mixed up with one another.
//!
//! Each is made from text (`new`, `From<&str>`, `From<String>`, `FromStr`) and read as text (`as_str`,
//! `AsRef<str>`, `Display`). Any text is taken: the service decides which ids exist.
//!
//! ```
//! use sinch_batch_models::AppId;
//!
//! let from_config: AppId = "01KZ4EBHKN27EZJ4Q91V5C36G1".parse()?;
//! assert_eq!(from_config, AppId::from("01KZ4EBHKN27EZJ4Q91V5C36G1"));
//! # Ok::<(), std::convert::Infallible>(())
//! ```

/// Defines one kind of identifier.
macro_rules! id {
    ($( $(#[$meta:meta])* pub struct $name:ident = $noun:literal; )+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// An identifier of this text, taken as it is.
            pub fn new(id: impl Into<Box<str>>) -> Self {
                Self(id.into())
            }

            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the text is empty, which in callbacks means "absent".
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(id: &str) -> Result<Self, Self::Err> {
                Ok(Self(id.into()))
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::wire::from_str(deserializer, concat!("a string (", $noun, ")"), |text| Self(text.into()))
            }
        }

        $crate::unknown::leaf!($name);
    )+};
}

id! {
    /// Identifies a Conversation API app (a ULID).
    pub struct AppId = "app id";
    /// Identifies one batch that the service has accepted.
    pub struct BatchId = "batch id";
    /// Identifies a contact.
    pub struct ContactId = "contact id";
    /// Identifies a conversation.
    pub struct ConversationId = "conversation id";
    /// Identifies one message; first seen in callbacks, never in the answer to a send.
    pub struct MessageId = "message id";
    /// Identifies a Sinch project.
    pub struct ProjectId = "project id";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_made_from_text_in_every_usual_way() {
        let id = AppId::new("a1");
        assert_eq!(id, "a1");
        assert_eq!(id, AppId::from("a1"));
        assert_eq!(id, AppId::from("a1".to_owned()));
        assert_eq!(Ok(&id), "a1".parse().as_ref());
        assert_eq!((id.as_ref(), id.to_string(), String::from(id.clone())), ("a1", "a1".to_owned(), "a1".to_owned()));
    }

    #[test]
    fn id_that_is_not_a_string_is_an_error_that_names_it() {
        let error = crate::wire::parse::<MessageId>(b"7").unwrap_err();
        assert_eq!(error.message(), "invalid type: an integer, expected a string (message id)");
    }
}
