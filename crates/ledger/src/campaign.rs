//! A campaign: what is sent to whom, from where.

use serde::{Deserialize, Serialize};
use sinch_batch_models::{Fingerprint, Timestamp};
use sinch_batch_tracking::CampaignKey;

use crate::plan::Digest;
use crate::status::CampaignStatus;

/// Identifies a campaign within one ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CampaignId(i64);

impl CampaignId {
    /// Takes the number a ledger gave.
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// A campaign to be created. Paths and settings are the caller's words; the ledger only keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewCampaign {
    /// What people call it; unique in the ledger.
    pub name: String,
    /// What the metadata on the wire calls it; unique everywhere, 32 hex digits.
    pub key: CampaignKey,
    /// The project it is sent under.
    pub project: String,
    /// The app that sends it.
    pub app: String,
    /// The service it is sent to: its base URL.
    pub service: String,
    /// Where the recipients come from: the absolute path of a file, or empty.
    pub input: String,
    /// Shows whether the input is still the same.
    pub input_fingerprint: Option<Fingerprint>,
    /// The message as its author wrote it, placeholders and all: never a person's values.
    pub message: String,
    /// Equal for equal messages.
    pub message_fingerprint: Option<Fingerprint>,
    /// What else each request says, as JSON without recipients.
    pub request: String,
    /// Equal for equal requests.
    pub request_fingerprint: Option<Fingerprint>,
    /// Rows in the input, skipped ones included.
    pub rows: u64,
    /// Rows that are not sent because they are invalid.
    pub skipped: u64,
    /// The most rows a batch holds.
    pub batch_size: u32,
    /// Whether it is tried locally, with a simulator: such a campaign is compared with no other.
    pub practice: bool,
    /// Whether it may send what another campaign has sent, or is about to send.
    pub allow_duplicate: bool,
    /// Digests of earlier campaigns' batches that this input has at the same place: they are compared as those of the
    /// plan are, so that a file that rows were added to is known although its batches are cut in another way.
    pub has_batches: Vec<Digest>,
    /// The caller's settings, opaque to the ledger.
    pub settings: String,
    /// When it was created.
    pub created: Timestamp,
    /// The campaign whose failed rows it sends again, over the same input.
    pub parent: Option<CampaignId>,
    /// The first of the chain of parents; decided when it is created.
    pub(crate) root: Option<CampaignId>,
}

impl NewCampaign {
    /// A campaign of that many rows, none of them skipped, in batches of 1000.
    ///
    /// The other fields are empty; set those that are of use.
    pub fn new(name: impl Into<String>, key: impl Into<CampaignKey>, rows: u64, created: Timestamp) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
            project: String::new(),
            app: String::new(),
            service: String::new(),
            input: String::new(),
            input_fingerprint: None,
            message: String::new(),
            message_fingerprint: None,
            request: String::new(),
            request_fingerprint: None,
            rows,
            skipped: 0,
            batch_size: 1000,
            practice: false,
            allow_duplicate: false,
            has_batches: Vec::new(),
            settings: String::new(),
            created,
            parent: None,
            root: None,
        }
    }

    /// The campaign, once the ledger has a number for it. For implementations of
    /// [`Ledger`](crate::Ledger).
    pub fn with_id(self, id: CampaignId) -> CampaignRecord {
        CampaignRecord {
            id,
            name: self.name,
            key: self.key,
            project: self.project,
            app: self.app,
            service: self.service,
            input: self.input,
            input_fingerprint: self.input_fingerprint,
            message: self.message,
            message_fingerprint: self.message_fingerprint,
            request: self.request,
            request_fingerprint: self.request_fingerprint,
            rows: self.rows,
            skipped: self.skipped,
            batch_size: self.batch_size,
            practice: self.practice,
            settings: self.settings,
            created: self.created,
            parent: self.parent,
            root: self.root,
        }
    }
}

/// A campaign in the ledger. What it says never changes.
///
/// A ledger makes it with [`NewCampaign::with_id`] and keeps it field by field or, with serde, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CampaignRecord {
    /// The ledger's number for it.
    pub id: CampaignId,
    /// What people call it; unique in the ledger.
    pub name: String,
    /// What the metadata on the wire calls it; unique everywhere, 32 hex digits.
    pub key: CampaignKey,
    /// The project it is sent under.
    pub project: String,
    /// The app that sends it.
    pub app: String,
    /// The service it is sent to: its base URL.
    pub service: String,
    /// Where the recipients come from: the absolute path of a file, or empty.
    pub input: String,
    /// Shows whether the input is still the same.
    pub input_fingerprint: Option<Fingerprint>,
    /// The message as its author wrote it, placeholders and all.
    pub message: String,
    /// Equal for equal messages.
    pub message_fingerprint: Option<Fingerprint>,
    /// What else each request says, as JSON without recipients.
    pub request: String,
    /// Equal for equal requests.
    pub request_fingerprint: Option<Fingerprint>,
    /// Rows in the input, skipped ones included.
    pub rows: u64,
    /// Rows that are not sent because they are invalid.
    pub skipped: u64,
    /// The most rows a batch holds.
    pub batch_size: u32,
    /// Whether it is tried locally, with a simulator.
    pub practice: bool,
    /// The caller's settings, opaque to the ledger.
    pub settings: String,
    /// When it was created.
    pub created: Timestamp,
    /// The campaign whose failed rows it sends again.
    #[serde(default)]
    pub parent: Option<CampaignId>,
    /// The first of the chain of parents, for a retry.
    #[serde(default)]
    pub root: Option<CampaignId>,
}

impl CampaignRecord {
    /// The campaign that a retry, a retry of a retry and so on began with: itself, if it is not a retry.
    pub fn family(&self) -> CampaignId {
        self.root.unwrap_or(self.id)
    }
}

/// The result of creating a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// The campaign.
    pub campaign: CampaignRecord,
    /// An unfinished campaign that sends another message to the same input. Is that meant?
    pub same_input: Option<String>,
}

impl Created {
    /// A new campaign, and the name of an unfinished one over the same input.
    pub fn new(campaign: CampaignRecord, same_input: Option<String>) -> Self {
        Self { campaign, same_input }
    }
}

/// The campaign that sent the same message to the same recipients, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DuplicateOf {
    /// That campaign.
    pub campaign: CampaignRecord,
    /// Reads the campaign's status from the ledger.
    pub status: CampaignStatus,
}

impl DuplicateOf {
    /// The earlier campaign and how it stands.
    pub fn new(campaign: CampaignRecord, status: CampaignStatus) -> Self {
        Self { campaign, status }
    }
}
