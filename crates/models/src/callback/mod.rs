//! Callbacks: what the service tells later.

mod batch_status;
mod delivery;

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use batch_status::{BatchAdditionalData, BatchStatusUpdate, BatchUpdateStatus, MessageBatchData};
pub use delivery::{
    CallbackIdentity, DeliveryReport, DeliveryStatus, ProcessingMode, Reason, ReasonCode, ReasonSubCode,
};

use crate::wire::{Extra, JsonText, Text, Time};
use crate::{AppId, ProjectId};

/// One callback: the envelope, and the one object that names its kind.
///
/// The kind is chosen by the known top-level key, never by order. A callback of a kind this release
/// does not know is read whole into [`extra`](Self::extra).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Callback {
    /// The app; empty on contact callbacks.
    pub app_id: Option<AppId>,
    /// The project; empty in some published examples.
    pub project_id: Option<ProjectId>,
    /// When the service took the event in.
    pub accepted_time: Option<Time>,
    /// When the channel says it happened.
    pub event_time: Option<Time>,
    /// JSON text whose meaning depends on the kind; see [`JsonText`].
    pub message_metadata: Option<JsonText>,
    /// From the send request.
    pub correlation_id: Option<Text>,
    /// What the callback is about.
    pub kind: CallbackKind,
    /// Fields that this release does not know; with [`CallbackKind::Unknown`], the kind's own too.
    pub extra: Extra,
}

/// What a callback is about.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallbackKind {
    /// `message_delivery_report`: how one message fared.
    MessageDelivery(Box<DeliveryReport>),
    /// `batch_status_update_notification`: how a batch fared.
    BatchStatusUpdate(Box<BatchStatusUpdate>),
    /// A kind that this release does not type; the callback's `extra` holds it. Answer 2xx.
    Unknown,
}

impl Serialize for Callback {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        fn entry<M: SerializeMap, T: Serialize>(map: &mut M, key: &str, value: &Option<T>) -> Result<(), M::Error> {
            value.as_ref().map_or(Ok(()), |value| map.serialize_entry(key, value))
        }
        entry(&mut map, "app_id", &self.app_id)?;
        entry(&mut map, "project_id", &self.project_id)?;
        entry(&mut map, "accepted_time", &self.accepted_time)?;
        entry(&mut map, "event_time", &self.event_time)?;
        match &self.kind {
            CallbackKind::MessageDelivery(report) => map.serialize_entry("message_delivery_report", report)?,
            CallbackKind::BatchStatusUpdate(update) => {
                map.serialize_entry("batch_status_update_notification", update)?;
            }
            CallbackKind::Unknown => {}
        }
        entry(&mut map, "message_metadata", &self.message_metadata)?;
        entry(&mut map, "correlation_id", &self.correlation_id)?;
        for (name, value) in self.extra.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Callback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Key<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Callback;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a callback object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Callback, A::Error> {
                let mut callback = Callback {
                    app_id: None,
                    project_id: None,
                    accepted_time: None,
                    event_time: None,
                    message_metadata: None,
                    correlation_id: None,
                    kind: CallbackKind::Unknown,
                    extra: Extra::default(),
                };
                while let Some(Key(key)) = map.next_key()? {
                    let unknown = matches!(callback.kind, CallbackKind::Unknown);
                    match &*key {
                        "app_id" => callback.app_id = map.next_value()?,
                        "project_id" => callback.project_id = map.next_value()?,
                        "accepted_time" => callback.accepted_time = map.next_value()?,
                        "event_time" => callback.event_time = map.next_value()?,
                        "message_metadata" => callback.message_metadata = map.next_value()?,
                        "correlation_id" => callback.correlation_id = map.next_value()?,
                        "message_delivery_report" if unknown => {
                            if let Some(report) = map.next_value()? {
                                callback.kind = CallbackKind::MessageDelivery(report);
                            }
                        }
                        "batch_status_update_notification" if unknown => {
                            if let Some(update) = map.next_value()? {
                                callback.kind = CallbackKind::BatchStatusUpdate(update);
                            }
                        }
                        _ => callback.extra.insert(key, map.next_value()?),
                    }
                }
                Ok(callback)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
