//! What a campaign says: everything in a send request but its recipients.

use std::fmt;
use std::time::Duration;

use sinch_batch_models::batch::ProcessingStrategy;
use sinch_batch_models::wire::{ParseError, PrivateText, WireTime, parse, parse_strict};
use sinch_batch_models::{
    AppId, BatchRecipient, Channel, ContactId, Fingerprint, Message, Recipient, Recipients, SendBatchRequest, Template,
    Timestamp, Ttl,
};
use sinch_batch_recipients::fingerprint_of;
use sinch_batch_tracking::{BATCH_KEY, BatchKey};
use thiserror::Error;

use crate::spread::send_after;

/// What every batch of a campaign says: a send request without recipients.
///
/// The ledger remembers it, so that a resume cannot say something else.
#[derive(Clone, PartialEq)]
pub struct CampaignRequest {
    /// Its recipients stand for those of a batch, and never leave.
    request: SendBatchRequest,
    /// Over how long its batches leave, from the time of sending on.
    spread: Option<Duration>,
}

/// The key of the spread, in whole seconds. It is kept with the request and never sent.
const SPREAD_KEY: &str = "sinch_batch_spread_seconds";

/// Why a text is not a request for a campaign.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is not the wire's object of a send request; says where.
    #[error("line {line}, column {column}{at}: {why}")]
    Invalid {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The JSON pointer of the value, after a comma.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// It says something that the service would refuse.
    #[error("{at}: {why}")]
    Refused {
        /// The JSON pointer of the value.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// It holds recipients, which come from elsewhere.
    #[error("a campaign's request has no `recipient_and_params`: its recipients come from the file")]
    Recipients,
    /// It uses a key that the campaign needs for itself.
    #[error("the key `{0}` is reserved for the campaign's own marks")]
    ReservedKey(String),
    /// Its message metadata leaves too little room for that of the rows.
    #[error("the request's `message_metadata` has {found} characters as JSON; {most} fit beside that of the rows")]
    MetadataTooLong {
        /// Its characters as JSON.
        found: usize,
        /// The most that it may have.
        most: usize,
    },
}

impl RequestError {
    fn invalid(error: &ParseError, line: usize, column: usize) -> Self {
        let at = if error.path().is_empty() { String::new() } else { format!(", {}", error.path()) };
        Self::Invalid { line, column, at, why: error.message().to_owned() }
    }
}

/// The most characters of the message metadata that all rows share: half of what a message may have.
const MESSAGE_METADATA: usize = 512;

impl CampaignRequest {
    /// A message from an app.
    pub fn new(app: AppId, message: Message) -> Self {
        Self { request: SendBatchRequest::new(app, message, stand_in()), spread: None }
    }

    /// Reads the wire's object of a send request, without recipients. What it lacks of `app_id` is
    /// `default_app`.
    ///
    /// # Errors
    /// [`RequestError`] says what is wrong and where.
    pub fn from_json(json: &[u8], default_app: Option<&AppId>) -> Result<Self, RequestError> {
        let object: serde_json::Map<String, serde_json::Value> =
            parse_strict(json).map_err(|error| RequestError::invalid(&error, error.line(), error.column()))?;
        if object.contains_key("recipient_and_params") {
            return Err(RequestError::Recipients);
        }
        // Into the text rather than the value, so that a mistake is reported with its place.
        let mut put = format!("\"recipient_and_params\":{}", serde_json::to_string(&stand_in()).unwrap_or_default());
        if let (false, Some(app)) = (object.contains_key("app_id"), default_app) {
            put.push_str(&format!(",\"app_id\":{}", serde_json::Value::from(app.as_str())));
        }
        if !object.is_empty() {
            put.push(',');
        }
        let inside = json.iter().position(|byte| *byte == b'{').map_or(0, |brace| brace + 1);
        let text = [&json[..inside], put.as_bytes(), &json[inside..]].concat();
        let mut request: SendBatchRequest = parse(&text).map_err(|error| {
            let line = 1 + json[..inside].iter().filter(|byte| **byte == b'\n').count();
            let moved = if error.line() == line { put.len() } else { 0 };
            RequestError::invalid(&error, error.line(), error.column().saturating_sub(moved).max(1))
        })?;
        let spread = match request.unknown_fields.remove(SPREAD_KEY) {
            None => None,
            Some(seconds) => Some(Duration::from_secs(seconds.as_u64().ok_or_else(|| RequestError::Refused {
                at: format!("/{SPREAD_KEY}"),
                why: "expected whole seconds".to_owned(),
            })?)),
        };
        let request = Self { request, spread };
        request.validate()?;
        Ok(request)
    }

    /// Finds what the service would refuse for its form, or what the campaign needs for itself.
    /// [`from_json`](Self::from_json) and [`Campaign::begin`](crate::Campaign::begin) ask it too.
    ///
    /// # Errors
    /// [`RequestError::Refused`], [`RequestError::ReservedKey`] or [`RequestError::MetadataTooLong`].
    pub fn validate(&self) -> Result<(), RequestError> {
        if let Some(name) = self.reserved_key() {
            return Err(RequestError::ReservedKey(name));
        }
        let found = self.message_metadata_length();
        if found > MESSAGE_METADATA {
            return Err(RequestError::MetadataTooLong { found, most: MESSAGE_METADATA });
        }
        let url = self.request.callback_url.as_ref();
        if url.is_some_and(|url| !is_web_address(url.as_str())) {
            let why = "expected a URL such as https://example.com/sinch".to_owned();
            return Err(RequestError::Refused { at: "/callback_url".to_owned(), why });
        }
        let text = serde_json::to_vec(&self.request).unwrap_or_default();
        match parse::<SendBatchRequest>(&text) {
            Ok(_) => Ok(()),
            Err(error) => Err(RequestError::Refused { at: error.path().to_owned(), why: error.message().to_owned() }),
        }
    }

    /// The object of the wire, without recipients; and, beside what is sent, the spread.
    pub fn to_json(&self) -> String {
        let mut value = serde_json::to_value(&self.request).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.remove("recipient_and_params");
            if let Some(spread) = self.spread {
                object.insert(SPREAD_KEY.to_owned(), spread.as_secs().into());
            }
        }
        value.to_string()
    }

    /// Says another message.
    #[must_use]
    pub fn with_message(mut self, message: Message) -> Self {
        self.request.message = message;
        self
    }

    /// The time at which the service is asked to send.
    pub fn send_after(&self) -> Option<Timestamp> {
        self.request.send_after.as_ref().and_then(WireTime::timestamp)
    }

    /// Goes at once, all of it.
    #[must_use]
    pub fn without_send_after(mut self) -> Self {
        self.request.send_after = None;
        self.spread = None;
        self
    }

    /// Over how long its batches leave, from the time of sending on.
    pub fn spread(&self) -> Option<Duration> {
        self.spread
    }

    /// Spreads the batches evenly over that long, in whole seconds, from [`send_after`](Self::send_after) on: the
    /// first leaves then, each of the others later, down to the service's grid of 5 minutes. Without a time of
    /// sending nothing is spread.
    #[must_use]
    pub fn with_spread(mut self, spread: Duration) -> Self {
        self.spread = Some(Duration::from_secs(spread.as_secs()));
        self
    }

    /// The time at which one of its batches, counted from 1, is to be sent.
    pub fn send_after_of(&self, number: u32, n_batches: u64) -> Option<Timestamp> {
        let at = self.send_after()?;
        Some(self.spread.map_or(at, |spread| send_after(at, spread, number, n_batches)))
    }

    /// The app that sends.
    pub fn app(&self) -> &AppId {
        &self.request.app_id
    }

    /// The message, placeholders and all.
    pub fn message(&self) -> &Message {
        &self.request.message
    }

    /// JSON pointers of the fields that this release does not know; they are sent as they are.
    pub fn unknown_fields(&self) -> Vec<String> {
        self.request.unknown_fields()
    }

    /// Sets one channel property, such as `SMS_SENDER`, without which many accounts cannot send SMS.
    #[must_use]
    pub fn with_channel_property(
        mut self,
        name: impl Into<std::sync::Arc<str>>,
        value: impl Into<PrivateText>,
    ) -> Self {
        self.request = self.request.with_channel_property(name, value);
        self
    }

    /// Sets how long the service may try.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Ttl) -> Self {
        self.request.ttl = Some(ttl);
        self
    }

    /// Sets whether to use the app's processing mode or to dispatch only.
    #[must_use]
    pub fn with_processing_strategy(mut self, strategy: ProcessingStrategy) -> Self {
        self.request.processing_strategy = Some(strategy);
        self
    }

    /// Sets the channels to try, in order.
    #[must_use]
    pub fn with_channel_priority_order(mut self, channels: Vec<Channel>) -> Self {
        self.request.channel_priority_order = Some(channels);
        self
    }

    /// Sets where receipts go instead of the app's webhooks.
    #[must_use]
    pub fn with_callback_url(mut self, url: impl Into<PrivateText>) -> Self {
        self.request.callback_url = Some(url.into());
        self
    }

    /// Sets what is copied to callbacks about these messages; at most 128 characters.
    #[must_use]
    pub fn with_correlation_id(mut self, id: impl Into<PrivateText>) -> Self {
        self.request.correlation_id = Some(id.into());
        self
    }

    /// Sets the earliest time of sending, at most 7 days ahead.
    #[must_use]
    pub fn with_send_after(mut self, time: Timestamp) -> Self {
        self.request.send_after = Some(time.into());
        self
    }

    /// Sets one entry of the batch metadata; every batch of the campaign has it.
    #[must_use]
    pub fn with_batch_metadata(
        mut self,
        name: impl Into<std::sync::Arc<str>>,
        value: impl Into<serde_json::Value>,
    ) -> Self {
        self.request = self.request.with_batch_metadata(name, value);
        self
    }

    /// Sets one entry of the default message metadata, which comes back in receipts.
    #[must_use]
    pub fn with_message_metadata(
        mut self,
        name: impl Into<std::sync::Arc<str>>,
        value: impl Into<serde_json::Value>,
    ) -> Self {
        self.request = self.request.with_message_metadata(name, value);
        self
    }

    /// A key of the metadata that belongs to the service or to the campaign.
    fn reserved_key(&self) -> Option<String> {
        let request = &self.request;
        let all = [&request.batch_metadata, &request.message_metadata, &request.conversation_metadata];
        let mut names = all.into_iter().flat_map(|metadata| metadata.iter().map(|(name, _)| name));
        names.find(|name| *name == "_batch_id" || name.starts_with("sinch_batch_")).map(str::to_owned)
    }

    /// How many characters the message metadata takes of each message, as JSON.
    pub(crate) fn message_metadata_length(&self) -> usize {
        if self.request.message_metadata.is_empty() {
            return 0;
        }
        serde_json::to_string(&self.request.message_metadata).unwrap_or_default().chars().count()
    }

    pub(crate) fn template(&self) -> Template {
        Template::new(self.request.message.clone())
    }

    /// Equal for equal messages.
    pub(crate) fn message_json(&self) -> String {
        serde_json::to_string(&self.request.message).unwrap_or_default()
    }

    /// Equal for messages, with channel overrides, that say the same.
    pub(crate) fn message_fingerprint(&self) -> Fingerprint {
        fingerprint_of(self.message_json().as_bytes())
    }

    /// Equal for equal requests.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        fingerprint_of(self.to_json().as_bytes())
    }

    /// The request of one batch of so many.
    pub(crate) fn batch(&self, recipients: Recipients, key: &BatchKey, n_batches: u64) -> SendBatchRequest {
        let mut request = self.request.clone();
        request.recipients = recipients;
        // Without a spread it stays as it was written.
        if self.spread.is_some()
            && let Some(at) = self.send_after_of(key.number, n_batches)
        {
            request.send_after = Some(at.into());
        }
        request.with_batch_metadata(BATCH_KEY, key.to_string())
    }
}

impl fmt::Debug for CampaignRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CampaignRequest").field("app", &self.request.app_id).finish_non_exhaustive()
    }
}

fn stand_in() -> Recipients {
    let nobody = BatchRecipient::new(Recipient::contact(ContactId::new("stand-in")));
    match Recipients::try_from(vec![nobody]) {
        Ok(recipients) => recipients,
        Err(_) => unreachable!("one recipient is within 1 to 1000"),
    }
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
