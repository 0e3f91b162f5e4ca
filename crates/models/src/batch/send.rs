use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::open_enum::open_enum;
use crate::recipient::null_is_empty;
use crate::wire::{Extra, Metadata, Text, Time, WireMap};
use crate::{AppId, BatchId, Channel, Message, Recipients};

/// `POST /messages`: one message for up to 1000 recipients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SendBatchRequest {
    /// The app that sends.
    pub app_id: AppId,
    /// What is sent; placeholders may stand in any of its strings.
    pub message: Message,
    /// Who gets it.
    #[serde(rename = "recipient_and_params")]
    pub recipients: Recipients,
    /// Whether to use the app's processing mode or to dispatch only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing_strategy: Option<ProcessingStrategy>,
    /// Belongs to the batch; finds and cancels it. Comes back as `meta_data` in status answers.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Metadata::is_empty")]
    pub batch_metadata: Metadata,
    /// Default for every message; comes back in delivery reports.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Metadata::is_empty")]
    pub message_metadata: Metadata,
    /// Default for every conversation; comes back with replies.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Metadata::is_empty")]
    pub conversation_metadata: Metadata,
    /// Earliest sending time, at most 7 days ahead; the service may move it to a later 5-minute mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_after: Option<Time>,
    /// Gets the delivery reports of this batch instead of the app's webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<Text>,
    /// Channels to try, in order.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub channel_priority_order: Vec<Channel>,
    /// How long the service may try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Ttl>,
    /// Channel properties; each value has at most 1024 characters.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "WireMap::is_empty")]
    pub channel_properties: WireMap<Text>,
    /// Copied to callbacks about these messages; at most 128 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Text>,
    /// Fields that this release does not know, such as those of a single send.
    #[serde(flatten)]
    pub extra: Extra,
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
            channel_priority_order: Vec::new(),
            ttl: None,
            channel_properties: WireMap::new(),
            correlation_id: None,
            extra: Extra::default(),
        }
    }

    /// Sets one entry of the batch metadata.
    #[must_use]
    pub fn with_batch_metadata(mut self, name: impl Into<Box<str>>, value: impl Into<serde_json::Value>) -> Self {
        self.batch_metadata.insert(name, value.into());
        self
    }

    /// Sends at a later time.
    #[must_use]
    pub fn with_send_after(mut self, at: crate::Timestamp) -> Self {
        self.send_after = Some(at.into());
        self
    }

    /// Limits how long the service may try.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = Some(ttl);
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
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
        let seconds = crate::wire::from_str(deserializer, "text such as \"300s\"", |text| {
            let digits = text.strip_suffix('s').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse().ok()
        })?;
        let seconds = seconds.ok_or_else(|| D::Error::custom("expected whole seconds such as \"300s\""))?;
        Self::from_seconds(seconds).map_err(D::Error::custom)
    }
}

/// The answer to a send: the batch was accepted, which says nothing yet about its messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchSent {
    /// The batch.
    pub batch_id: BatchId,
    /// The time that will really be used; it can differ from the one asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_after: Option<Time>,
    /// Fields that this release does not know.
    #[serde(flatten)]
    pub extra: Extra,
}
