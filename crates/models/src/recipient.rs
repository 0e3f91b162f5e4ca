//! Who gets the message, and with which parameters.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error as ThisError;

use crate::object::{Key, KindSlot, Kinds, no_kind, object};
use crate::unknown::{Part, Pointer};
use crate::wire::{Few, Metadata, Parameters, PrivateText, UnknownFields, list};
use crate::{Channel, ContactId};

object! {
    /// One way to reach a person: a channel and the identity on it.
    pub struct ChannelIdentity {
        /// The channel. A name newer than this release is taken; the service decides.
        pub channel: Channel,
        /// The identity on that channel; a phone number on SMS, MMS, RCS, WhatsApp and Viber Business.
        pub identity: PrivateText,
    }
}

impl ChannelIdentity {
    /// A channel and the identity on it.
    pub fn new(channel: Channel, identity: impl Into<PrivateText>) -> Self {
        Self { channel, identity: identity.into(), unknown_fields: UnknownFields::default() }
    }
}

/// One person: a contact the service knows, or identities on channels, never both.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recipient {
    /// How the person is named.
    pub by: RecipientBy,
    /// Fields that this release does not know.
    pub unknown_fields: UnknownFields,
}

/// How a person is named.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RecipientBy {
    /// A contact of the app. Not possible in dispatch mode.
    ContactId(ContactId),
    /// Identities; several mean several channels of the same person, tried in order.
    Identities(Identities),
}

object! {
    /// Identities of one person, in the order in which channels are tried.
    pub struct Identities {
        /// The identities.
        pub channel_identities: Few<ChannelIdentity>,
    }
}

impl Recipient {
    /// A contact of the app.
    pub fn contact(id: ContactId) -> Self {
        Self { by: RecipientBy::ContactId(id), unknown_fields: UnknownFields::default() }
    }

    /// One identity on one channel.
    pub fn identity(channel: Channel, identity: impl Into<PrivateText>) -> Self {
        Self::by_identities(Few::one(ChannelIdentity::new(channel, identity)))
    }

    /// Several identities of the same person, in the order in which channels are tried.
    pub fn identities(channel_identities: Vec<ChannelIdentity>) -> Self {
        Self::by_identities(channel_identities.into())
    }

    fn by_identities(channel_identities: Few<ChannelIdentity>) -> Self {
        Self {
            by: RecipientBy::Identities(Identities { channel_identities, unknown_fields: UnknownFields::default() }),
            unknown_fields: UnknownFields::default(),
        }
    }

    /// The contact, if the person is named by one.
    pub fn contact_id(&self) -> Option<&ContactId> {
        match &self.by {
            RecipientBy::ContactId(id) => Some(id),
            RecipientBy::Identities(_) => None,
        }
    }

    /// The identities, if the person is named by them; else none.
    pub fn channel_identities(&self) -> &[ChannelIdentity] {
        match &self.by {
            RecipientBy::ContactId(_) => &[],
            RecipientBy::Identities(identities) => &identities.channel_identities,
        }
    }
}

impl Kinds for RecipientBy {
    const NAMES: &'static [&'static str] = &["contact_id", "identified_by"];

    fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::ContactId(_) => "contact_id",
            Self::Identities(_) => "identified_by",
        })
    }

    fn read<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Option<Self>, A::Error> {
        Ok(match name {
            "contact_id" => map.next_value::<Option<ContactId>>()?.map(Self::ContactId),
            "identified_by" => map.next_value::<Option<Identities>>()?.map(Self::Identities),
            _ => None,
        })
    }

    fn into_json(self) -> serde_json::Value {
        // Writing a model into a value cannot fail: its keys are strings and its numbers finite.
        match self {
            Self::ContactId(id) => serde_json::to_value(id),
            Self::Identities(identities) => serde_json::to_value(identities),
        }
        .unwrap_or_default()
    }
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.by {
            RecipientBy::ContactId(id) => map.serialize_entry("contact_id", id)?,
            RecipientBy::Identities(identities) => map.serialize_entry("identified_by", identities)?,
        }
        self.unknown_fields.write(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Recipient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Recipient;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `contact_id` or `identified_by`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Recipient, A::Error> {
                let mut by = KindSlot::new();
                let mut unknown_fields = UnknownFields::default();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    if KindSlot::<RecipientBy>::is_kind(&key) {
                        by.only(&key, &mut map)?;
                    } else {
                        unknown_fields.read(key, &mut map)?;
                    }
                }
                let by = by.end()?.ok_or_else(no_kind::<RecipientBy, A::Error>)?;
                Ok(Recipient { by, unknown_fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl Part for Recipient {
    fn walk(&self, at: &mut Pointer) {
        match &self.by {
            RecipientBy::ContactId(id) => at.enter("contact_id", id),
            RecipientBy::Identities(identities) => at.enter("identified_by", identities),
        }
        at.unknown_fields(&self.unknown_fields);
    }
}

object! {
    /// One entry of `recipient_and_params`: a person, and what is theirs in the message.
    pub struct BatchRecipient {
        /// The person.
        pub recipient: Recipient,
        /// Values for the `${name}` placeholders. Keys may not be blank and values may not be empty:
        /// a breach fails that one message after acceptance.
        pub parameters: Parameters,
        /// Laid over the batch's `message_metadata`; comes back in delivery reports. The key
        /// `_batch_id` is reserved.
        pub message_metadata: Metadata,
        /// Laid over the batch's `conversation_metadata`; comes back with replies.
        pub conversation_metadata: Metadata,
    }
}

impl BatchRecipient {
    /// A person who gets the message as it is.
    pub fn new(recipient: Recipient) -> Self {
        Self {
            recipient,
            parameters: Parameters::new(),
            message_metadata: Metadata::new(),
            conversation_metadata: Metadata::new(),
            unknown_fields: UnknownFields::default(),
        }
    }

    /// Sets the value of a placeholder.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<Arc<str>>, value: impl Into<PrivateText>) -> Self {
        self.parameters.insert(name, value.into());
        self
    }

    /// Sets one entry of the message metadata.
    #[must_use]
    pub fn with_message_metadata(mut self, name: impl Into<Arc<str>>, value: impl Into<serde_json::Value>) -> Self {
        self.message_metadata.insert(name, value.into());
        self
    }

    /// Sets one entry of the conversation metadata.
    #[must_use]
    pub fn with_conversation_metadata(
        mut self,
        name: impl Into<Arc<str>>,
        value: impl Into<serde_json::Value>,
    ) -> Self {
        self.conversation_metadata.insert(name, value.into());
        self
    }
}

/// Between 1 and 1000 recipients: what one call may carry. Source: the Batch reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipients(Vec<BatchRecipient>);

impl Recipients {
    /// The most recipients one call may carry.
    pub const MAX: usize = 1000;

    /// Batches of up to [`MAX`](Self::MAX) recipients, in order; none if there are no recipients.
    ///
    /// ```
    /// use sinch_batch_models::{BatchRecipient, Channel, Recipient, Recipients};
    ///
    /// let everyone: Vec<BatchRecipient> = (0..2500)
    ///     .map(|n| BatchRecipient::new(Recipient::identity(Channel::Sms, format!("+1555{n:07}"))))
    ///     .collect();
    /// let sizes: Vec<usize> = Recipients::split(everyone).map(|batch| batch.len()).collect();
    /// assert_eq!(sizes, [1000, 1000, 500]);
    /// ```
    pub fn split(recipients: Vec<BatchRecipient>) -> impl Iterator<Item = Self> {
        let mut rest = recipients.into_iter();
        std::iter::from_fn(move || {
            let batch: Vec<_> = rest.by_ref().take(Self::MAX).collect();
            (!batch.is_empty()).then_some(Self(batch))
        })
    }

    /// The recipients, in order; a receipt's `messageIndex` counts from 0 in this order.
    pub fn as_slice(&self) -> &[BatchRecipient] {
        &self.0
    }

    /// The recipients, given away.
    pub fn into_vec(self) -> Vec<BatchRecipient> {
        self.0
    }

    /// Number of recipients: 1 to 1000.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// An invalid number of recipients: a batch carries 1 to 1000, see [`Recipients::split`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("a batch carries 1 to 1000 recipients, not {found}")]
pub struct RecipientCount {
    /// How many there were.
    pub found: usize,
}

impl TryFrom<Vec<BatchRecipient>> for Recipients {
    type Error = RecipientCount;

    fn try_from(recipients: Vec<BatchRecipient>) -> Result<Self, RecipientCount> {
        match recipients.len() {
            1..=Self::MAX => Ok(Self(recipients)),
            found => Err(RecipientCount { found }),
        }
    }
}

impl Serialize for Recipients {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        list(deserializer, |recipients: Vec<BatchRecipient>| Self::try_from(recipients))
    }
}

impl Part for Recipients {
    fn walk(&self, at: &mut Pointer) {
        self.0.walk(at);
    }
}
