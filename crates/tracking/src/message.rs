//! How far a message has got.

use serde::{Deserialize, Serialize};
use sinch_batch_models::{DeliveryReport, DeliveryStatus, Timestamp};

use crate::scrub::{CODE_LENGTH, DESCRIPTION_LENGTH, scrub_within};

/// How far a message has got. Ordered: of two reports the greater one counts.
///
/// `FAILED` may be said of one channel before another delivers, so delivery stands above failure.
///
/// Exhaustive: code that counts or stores states must give each its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// Not sent yet.
    #[default]
    Planned,
    /// Accepted by the service with its batch; no receipt yet that says more.
    Accepted,
    /// Handed to a channel, or going over to the next one.
    Queued,
    /// Will not arrive.
    Failed,
    /// On the device.
    Delivered,
    /// Seen by the person.
    Read,
}

impl Progress {
    /// The word for it in reports. `Accepted` is called `pending` there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Accepted => "pending",
            Self::Queued => "queued",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    /// Whether a campaign need not wait for more: failed, delivered or read.
    ///
    /// A delivered message may still become a read one.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Failed | Self::Delivered | Self::Read)
    }

    fn of(status: Option<&DeliveryStatus>) -> Self {
        match status {
            Some(DeliveryStatus::QueuedOnChannel | DeliveryStatus::SwitchingChannel) => Self::Queued,
            Some(DeliveryStatus::Failed) => Self::Failed,
            Some(DeliveryStatus::Delivered) => Self::Delivered,
            Some(DeliveryStatus::Read) => Self::Read,
            // A status newer than this release is not final; that the message exists is certain.
            _ => Self::Accepted,
        }
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known about a message.
///
/// Ordered by progress, then by code, description and time, which only break ties between reports of a
/// failure. The order is total, so folding with the maximum does not depend on the order of reports
/// or on repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageState {
    /// How far it has got.
    pub progress: Progress,
    /// The kind of cause, with [`Progress::Failed`] alone; the service's word such as `BAD_REQUEST`.
    pub code: Option<Box<str>>,
    /// The service's sentence about the cause, [scrubbed](crate::scrub()). An empty one is never said: it stands
    /// for a message whose descriptions are [not kept](Self::forget_description).
    pub description: Option<Box<str>>,
    /// When the service says that it got there, to the microsecond.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

impl MessageState {
    /// A state without a cause.
    pub fn new(progress: Progress) -> Self {
        Self { progress, code: None, description: None, at: None }
    }

    /// A failure: the cause's code and sentence are scrubbed before they are kept.
    pub fn failed(code: Option<&str>, description: Option<&str>) -> Self {
        Self::failed_for(code, description, None)
    }

    /// The state that a delivery report carries. Numbers and the report's own identity are removed from its texts.
    pub fn from_report(report: &DeliveryReport) -> Self {
        let progress = Progress::of(report.status.as_ref());
        let Some(reason) = report.reason.as_ref().filter(|_| progress == Progress::Failed) else {
            return Self::new(progress);
        };
        let identity = report.channel_identity.as_ref().and_then(|identity| identity.identity.as_deref());
        Self::failed_for(reason.code.as_ref().map(|code| code.as_str()), reason.description.as_deref(), identity)
    }

    /// Says when the service says that it got there.
    #[must_use]
    pub fn with_time(self, at: Option<Timestamp>) -> Self {
        // No time is so far away that it has no microsecond.
        let at = at.map(|at| Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at));
        Self { at, ..self }
    }

    /// Removes the description, and keeps none of what is seen later; whether that is news.
    pub fn forget_description(&mut self) -> bool {
        let is_news = !self.keeps_no_description();
        self.description = Some(Box::default());
        is_news
    }

    /// Whether descriptions of this message are not kept.
    pub fn keeps_no_description(&self) -> bool {
        self.description.as_deref() == Some("")
    }

    /// Applies another state of the same message; whether that changed anything.
    pub fn observe(&mut self, seen: &Self) -> bool {
        if self.keeps_no_description() && !seen.keeps_no_description() {
            return self.observe(&Self { description: Some(Box::default()), ..seen.clone() });
        }
        let more = *self < *seen;
        if more {
            self.clone_from(seen);
        }
        more
    }

    fn failed_for(code: Option<&str>, description: Option<&str>, identity: Option<&str>) -> Self {
        let keep = |text: Option<&str>, length| {
            text.map(|text| scrub_within(text, identity, length)).filter(|text| !text.is_empty()).map(Into::into)
        };
        Self {
            progress: Progress::Failed,
            code: keep(code, CODE_LENGTH),
            description: keep(description, DESCRIPTION_LENGTH),
            at: None,
        }
    }
}
