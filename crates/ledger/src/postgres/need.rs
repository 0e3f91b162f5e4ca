//! What decisions may ask for, and what was fetched of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sinch_batch_models::{Fingerprint, Timestamp};
use sinch_batch_tracking::MessageState;

use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::plan::Digest;
use crate::store::{Batch, Deferred, LeftInMinute, Orphan, Outstanding, Recount, Sums};
use crate::worker::Worker;

/// How many messages are fetched at once where a decision asks for one that no job has named: it will ask for
/// the next one too.
pub(super) const READ_AHEAD: u64 = 1024;

/// A batch of a campaign.
pub(super) type Place = (CampaignId, u32);

/// One question of a decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// The sums of a campaign, which is its lock.
    Campaign(CampaignId),
    /// The lock of what belongs to no campaign.
    Global,
    Record(CampaignId),
    Key(Box<str>),
    Name(Box<str>),
    Family(CampaignId),
    /// Project, app, service and message.
    Like(Box<[String; 4]>),
    /// Path and fingerprint of an input.
    Over(Box<[String; 2]>),
    NextCampaign,
    Recount(CampaignId),
    /// When something happened last.
    LastEvent(CampaignId),
    /// How many messages there are to remove, at most so many.
    Removable(CampaignId, u32),
    Batch(CampaignId, u32),
    /// The batch whose first row is this one or last before it.
    Before(CampaignId, u64),
    /// The batch of an id.
    Of(Box<str>),
    Digests(Arc<Vec<Digest>>),
    AnyWithoutId,
    Double(CampaignId, u32, Box<str>),
    Worker(Box<str>),
    HoldsAny(Box<str>),
    /// All batches of a campaign that somebody holds or is waited for.
    Held(CampaignId),
    Free(Box<FreeOf>, u32),
    /// What is outstanding of project, app and service, of practice or not.
    Outstanding(Box<[String; 3]>, bool),
    /// Rows of a campaign, accepted or of unknown outcome, that left between two times, in microseconds.
    LeftSince(CampaignId, i64, i64),
    Message(CampaignId, u64),
    /// [`READ_AHEAD`] messages from that row on.
    Messages(CampaignId, u64),
    Deferred(Box<str>),
    DeferredCount,
    Orphan(Box<str>, u64),
    Orphans(Box<str>),
}

/// Free batches of a campaign at a time, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FreeOf {
    pub(super) campaign: CampaignId,
    pub(super) now: i64,
    pub(super) only_unknown: bool,
    pub(super) except: BTreeSet<u32>,
}

impl Need {
    /// Whether it has to be locked before anything is read.
    pub(super) fn is_lock(&self) -> bool {
        matches!(self, Self::Campaign(_) | Self::Global)
    }

    pub(super) fn like(new: &NewCampaign) -> Self {
        let message = print(new.message_fingerprint);
        Self::Like(Box::new([&new.project, &new.app, &new.service, &message].map(|word| text(word))))
    }

    pub(super) fn outstanding(of: &CampaignRecord) -> Self {
        Self::Outstanding(Box::new([&of.project, &of.app, &of.service].map(|word| text(word))), of.practice)
    }

    pub(super) fn over(new: &NewCampaign) -> Self {
        Self::Over(Box::new([text(&new.input), print(new.input_fingerprint)]))
    }
}

/// A fingerprint as a column keeps it: empty for none.
pub(super) fn print(fingerprint: Option<Fingerprint>) -> String {
    fingerprint.map(|known| known.to_string()).unwrap_or_default()
}

/// A text as Postgres can keep it: without the one character that it refuses.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A key, id or name as it is looked for.
pub(super) fn key(of: &(impl AsRef<str> + ?Sized)) -> Box<str> {
    text(of.as_ref()).into()
}

/// From which row on, and up to before which, a batch is the last that begins; none before the first batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) to: u64,
    pub(super) number: Option<u32>,
}

/// Where the batches of campaigns begin, which never changes.
#[derive(Debug, Default)]
pub(super) struct Spans(BTreeMap<(CampaignId, u64), Span>);

impl Spans {
    pub(super) fn put(&mut self, campaign: CampaignId, from: u64, span: Span) {
        self.0.insert((campaign, from), span);
    }

    pub(super) fn find(&self, campaign: CampaignId, row: u64) -> Option<Option<u32>> {
        let (_, span) = self.0.range((campaign, 0)..=(campaign, row)).next_back()?;
        (row < span.to).then_some(span.number)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// What was read and can never change. It is kept as long as the connection is not lost.
#[derive(Debug, Default)]
pub(super) struct Cache {
    pub(super) keys: HashMap<Box<str>, CampaignId>,
    pub(super) spans: Spans,
    /// Where ids were seen: a hint only.
    pub(super) ids: HashMap<Box<str>, Place>,
}

impl Cache {
    /// Forgets all when it has grown too large.
    pub(super) fn bound(&mut self) {
        const LARGE: usize = 200_000;
        if self.keys.len() + self.spans.len() + self.ids.len() > LARGE {
            *self = Self::default();
        }
    }
}

/// What was fetched in this transaction.
#[derive(Debug, Default)]
pub(super) struct Base {
    pub(super) cache: Cache,
    pub(super) global: bool,
    /// The server's clock, when the locks were taken; none if callers say what time it is.
    pub(super) now: Option<Timestamp>,
    pub(super) sums: HashMap<CampaignId, Option<Sums>>,
    pub(super) records: HashMap<CampaignId, Option<CampaignRecord>>,
    pub(super) keys: HashMap<Box<str>, Option<CampaignId>>,
    pub(super) names: HashMap<Box<str>, Option<CampaignId>>,
    pub(super) families: HashMap<CampaignId, Vec<CampaignId>>,
    pub(super) like: BTreeMap<Need, Vec<CampaignRecord>>,
    pub(super) next_campaign: Option<CampaignId>,
    pub(super) recounts: HashMap<CampaignId, Recount>,
    /// In microseconds.
    pub(super) last_events: HashMap<CampaignId, Option<i64>>,
    pub(super) removable: HashMap<(CampaignId, u32), u64>,
    pub(super) batches: BTreeMap<Place, Option<Batch>>,
    pub(super) ids: HashMap<Box<str>, Option<Place>>,
    pub(super) digests: Option<HashMap<Digest, Vec<(CampaignId, bool)>>>,
    pub(super) without_id: Option<Vec<Place>>,
    pub(super) doubles: HashMap<(CampaignId, u32, Box<str>), bool>,
    pub(super) workers: HashMap<Box<str>, Option<Worker>>,
    pub(super) holds: HashMap<Box<str>, Vec<Place>>,
    pub(super) held: HashMap<CampaignId, Vec<u32>>,
    pub(super) free: BTreeMap<(FreeOf, u32), Vec<u32>>,
    pub(super) outstanding: BTreeMap<Need, Vec<Outstanding>>,
    pub(super) left: BTreeMap<Need, Vec<LeftInMinute>>,
    pub(super) messages: HashMap<(CampaignId, u64), Option<MessageState>>,
    pub(super) ranges: BTreeSet<(CampaignId, u64)>,
    pub(super) deferred: HashMap<Box<str>, Vec<Deferred>>,
    pub(super) deferred_count: Option<u64>,
    pub(super) orphan: HashMap<(Box<str>, u64), Option<Orphan>>,
    pub(super) orphans: HashMap<Box<str>, Vec<Orphan>>,
}

impl Base {
    pub(super) fn put_batch(&mut self, batch: Batch) {
        let place = (batch.campaign, batch.number);
        if let Some(id) = &batch.batch_id {
            let id = key(id.as_str());
            self.cache.ids.insert(id.clone(), place);
            self.ids.insert(id, Some(place));
        }
        self.batches.insert(place, Some(batch));
    }

    pub(super) fn campaign_of(&self, key: &str) -> Option<Option<CampaignId>> {
        self.cache.keys.get(key).map(|id| Some(*id)).or_else(|| self.keys.get(key).copied())
    }

    /// Forgets what was fetched, but not what never changes.
    pub(super) fn renew(&mut self) {
        *self = Self { cache: std::mem::take(&mut self.cache), ..Self::default() };
    }
}
