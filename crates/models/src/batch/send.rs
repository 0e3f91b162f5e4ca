use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::object::object;
use crate::open_enum::open_enum;
use crate::unknown::{keeps_rules, leaf};
use crate::wire::{Metadata, PrivateText, UnknownFields, WireMap, WireTime, inside, push, without_lone_surrogates};
use crate::{AppId, BatchId, Channel, Message, Recipients};

object! {
    /// `POST /messages`: one message for up to 1000 recipients.
    ///
    /// Fields without another word are those of the Batch reference; `callback_url`,
    /// `channel_priority_order`, `ttl` and `channel_properties` are known from Sinch's own repository
    /// and a third party's client, `correlation_id` from the latter; their limits are those of the
    /// single send in the published description.
    pub struct SendBatchRequest {
        /// The app that sends (a ULID).
        pub app_id: AppId,
        /// What is sent; placeholders may stand in any of its strings.
        pub message: Message,
        /// Who gets it: 1 to 1000.
        pub recipients as "recipient_and_params": Recipients,
        /// Whether to use the app's processing mode or to dispatch only.
        pub processing_strategy: Option<ProcessingStrategy> => with_processing_strategy(ProcessingStrategy),
        /// Belongs to the batch; finds and cancels it. Comes back as `meta_data` in status answers.
        pub batch_metadata: Metadata,
        /// Default for every message; comes back in delivery reports.
        pub message_metadata: Metadata,
        /// Default for every conversation; comes back with replies.
        pub conversation_metadata: Metadata,
        /// Earliest sending time, at most 7 days ahead; the service may move it to a later 5-minute mark.
        pub send_after: Option<WireTime> => with_send_after(WireTime),
        /// Gets the delivery reports of this batch instead of the app's webhooks:
        /// `http://host[:port]/path`.
        pub callback_url: Option<PrivateText> => with_callback_url(PrivateText),
        /// Channels to try, in order. Each must be set up on the app.
        pub channel_priority_order: Option<Vec<Channel>> => with_channel_priority_order(Vec<Channel>),
        /// How long the service may try.
        pub ttl: Option<Ttl> => with_ttl(Ttl),
        /// Channel properties, such as `SMS_SENDER`; each value has at most 1024 characters and is a
        /// string even where it looks like a number.
        pub channel_properties: WireMap<PrivateText>,
        /// Copied to callbacks about these messages and the replies to them; at most 128 characters.
        pub correlation_id: Option<PrivateText> => with_correlation_id(PrivateText),
    }
    check within_limits;
}

/// The most characters of a `correlation_id`.
const CORRELATION_ID: usize = 128;
/// The most characters of the value of a channel property.
const CHANNEL_PROPERTY: usize = 1024;

/// Refuses on reading what the published description limits: of the message the lengths of its lists,
/// as a placeholder may still change those of its texts.
fn within_limits<E: Error>(request: &SendBatchRequest) -> Result<(), E> {
    keeps_rules("message", &request.message)?;
    if request.correlation_id.as_ref().is_some_and(|id| id.is_longer_than(CORRELATION_ID)) {
        return Err(inside("/correlation_id", format_args!("expected at most {CORRELATION_ID} characters")));
    }
    match request.channel_properties.iter().find(|(_, value)| value.is_longer_than(CHANNEL_PROPERTY)) {
        Some((name, _)) => {
            let mut path = String::from("/channel_properties");
            push(&mut path, name);
            Err(inside(&path, format_args!("expected at most {CHANNEL_PROPERTY} characters")))
        }
        None => Ok(()),
    }
}

impl SendBatchRequest {
    /// One message from an app to some recipients, now.
    pub fn new(app_id: AppId, message: Message, recipients: Recipients) -> Self {
        Self {
            app_id,
            message,
            recipients,
            processing_strategy: None,
            batch_metadata: Metadata::new(),
            message_metadata: Metadata::new(),
            conversation_metadata: Metadata::new(),
            send_after: None,
            callback_url: None,
            channel_priority_order: None,
            ttl: None,
            channel_properties: WireMap::new(),
            correlation_id: None,
            unknown_fields: UnknownFields::default(),
        }
    }

    /// Sets one entry of the batch metadata.
    #[must_use]
    pub fn with_batch_metadata(mut self, name: impl Into<Arc<str>>, value: impl Into<serde_json::Value>) -> Self {
        self.batch_metadata.insert(name, value.into());
        self
    }

    /// Sets one entry of the default message metadata.
    #[must_use]
    pub fn with_message_metadata(mut self, name: impl Into<Arc<str>>, value: impl Into<serde_json::Value>) -> Self {
        self.message_metadata.insert(name, value.into());
        self
    }

    /// Sets one entry of the default conversation metadata.
    #[must_use]
    pub fn with_conversation_metadata(
        mut self,
        name: impl Into<Arc<str>>,
        value: impl Into<serde_json::Value>,
    ) -> Self {
        self.conversation_metadata.insert(name, value.into());
        self
    }

    /// Sets one channel property, such as `SMS_SENDER`.
    #[must_use]
    pub fn with_channel_property(mut self, name: impl Into<Arc<str>>, value: impl Into<PrivateText>) -> Self {
        self.channel_properties.insert(name, value.into());
        self
    }
}

open_enum! {
    /// How the service processes the messages of a request.
    pub enum ProcessingStrategy {
        /// As the app is set up.
        Default = "DEFAULT",
        /// Without contacts and conversations; recipients must be given by identity.
        DispatchOnly = "DISPATCH_ONLY",
    }
}

/// How long the service may try: 3 s to 315 576 000 000 s, written as `"300s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ttl(u64);

/// A time to live outside of what the service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time to live has 3 to 315576000000 seconds, not {seconds}")]
pub struct TtlError {
    /// The seconds given.
    pub seconds: u64,
}

impl Ttl {
    /// A time to live in whole seconds.
    ///
    /// # Errors
    /// Outside of 3 to 315 576 000 000 seconds.
    pub fn from_seconds(seconds: u64) -> Result<Self, TtlError> {
        match seconds {
            3..=315_576_000_000 => Ok(Self(seconds)),
            _ => Err(TtlError { seconds }),
        }
    }

    /// The seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}s", self.0))
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::wire::try_from_str(deserializer, "text such as \"300s\"", |text| {
            let digits = text.strip_suffix('s').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            let seconds =
                digits.and_then(|digits| digits.parse().ok()).ok_or("expected whole seconds such as \"300s\"");
            Self::from_seconds(seconds.map_err(str::to_owned)?).map_err(|error| error.to_string())
        })
    }
}

leaf!(Ttl);

object! {
    /// The answer to a send: the batch was accepted, which says nothing yet about its messages.
    pub struct BatchSent {
        /// The batch.
        pub batch_id: BatchId,
        /// The time that will really be used; it can differ from the one asked for.
        pub send_after: Option<WireTime>,
    }
}

impl BatchSent {
    /// Reads a response of which nothing but the batch id is as expected. The other fields that cannot be read are
    /// in `unknown_fields`; without a batch id there is none.
    ///
    /// ```
    /// use sinch_batch_models::BatchSent;
    ///
    /// let sent = BatchSent::lenient(br#"{"batch_id": "b1", "send_after": 1790000000}"#).unwrap();
    /// assert_eq!((sent.batch_id.as_str(), &sent.send_after), ("b1", &None));
    /// assert_eq!(sent.unknown_fields.get("send_after").unwrap(), 1_790_000_000);
    /// assert!(BatchSent::lenient(br#"{"batch_id": 7}"#).is_none());
    /// assert!(BatchSent::lenient(b"{\"batch_id\": \"\xff\"}").is_none());
    /// ```
    pub fn lenient(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&without_lone_surrogates(&text)).ok()?;
        // An id that was not text is none: a batch cannot be asked for by it.
        let id = fields.get("batch_id")?.as_str().filter(|id| !id.is_empty() && !id.contains('\u{fffd}'))?;
        let mut sent = Self { batch_id: BatchId::new(id), send_after: None, unknown_fields: Default::default() };
        for (name, value) in fields {
            match (name.as_str(), value.as_str()) {
                ("batch_id", _) => {}
                ("send_after", Some(time)) => sent.send_after = Some(WireTime::from(time)),
                _ => sent.unknown_fields.insert(name, value),
            }
        }
        Some(sent)
    }
}
