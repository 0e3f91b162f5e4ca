//! Identifiers: opaque, and never mixed up with one another.

/// Defines one kind of identifier.
macro_rules! id {
    ($( $(#[$meta:meta])* pub struct $name:ident; )+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes the text of an identifier as it is.
            pub fn new(id: impl Into<Box<str>>) -> Self {
                Self(id.into())
            }

            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the text is empty: in callbacks that means "absent".
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::wire::from_str(deserializer, concat!("the text of a ", stringify!($name)), |text| {
                    Self(text.into())
                })
            }
        }

        $crate::unknown::leaf!($name);
    )+};
}

id! {
    /// Identifies a Conversation API app (a ULID).
    pub struct AppId;
    /// Identifies one batch that the service has accepted.
    pub struct BatchId;
    /// Identifies a contact.
    pub struct ContactId;
    /// Identifies a conversation.
    pub struct ConversationId;
    /// Identifies one message; first seen in callbacks, never in the answer to a send.
    pub struct MessageId;
    /// Identifies a Sinch project.
    pub struct ProjectId;
}
