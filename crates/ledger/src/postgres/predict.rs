//! What jobs will ask for, as far as it is known before they are decided: a guess that only saves time.

use std::collections::BTreeSet;

use sinch_batch_tracking::{MessageRef, Observation};

use super::need::{Base, Need, key};
use crate::campaign::CampaignId;
use crate::entry::Entry;

/// What a job is about.
#[derive(Clone, Debug)]
pub(super) enum Hint {
    /// It asks for that in any case.
    Needs(Need),
    /// A receipt for a row, perhaps with the id of its batch.
    Row(Box<str>, u64, Option<Box<str>>),
    /// A receipt by position.
    Index(Box<str>, u32),
    /// News of a batch, perhaps with our key.
    Batch(Box<str>, Option<(Box<str>, u32)>),
    /// A fact about a batch, with the ids that it names.
    Entry(CampaignId, u32, Vec<Box<str>>),
}

impl Hint {
    pub(super) fn of(observation: &Observation) -> Option<Self> {
        match observation {
            Observation::Message(seen) => Some(match &seen.message {
                MessageRef::Row(row) => {
                    Self::Row(key(&row.campaign), row.row, seen.batch_id.as_ref().map(|id| key(id.as_str())))
                }
                MessageRef::Index { batch_id, index } => Self::Index(key(batch_id.as_str()), *index),
            }),
            Observation::Batch(seen) => {
                let ours = seen.key.as_ref().map(|ours| (key(&ours.campaign), ours.number));
                Some(Self::Batch(key(seen.batch_id.as_str()), ours))
            }
            _ => None,
        }
    }

    pub(super) fn entry(campaign: CampaignId, entry: &Entry) -> Self {
        let ids = match entry {
            Entry::Accepted { batch_id, .. } => vec![key(batch_id.as_str())],
            Entry::Doubled { batch_ids, .. } => batch_ids.iter().map(|id| key(id.as_str())).collect(),
            _ => Vec::new(),
        };
        Self::Entry(campaign, entry.number(), ids)
    }
}

/// Adds what can be known of the needs, with what was fetched until now.
pub(super) fn predict<'a>(hints: impl Iterator<Item = &'a Hint>, base: &Base, wanted: &mut BTreeSet<Need>) {
    for hint in hints {
        match hint {
            Hint::Needs(need) => {
                wanted.insert(need.clone());
                for record in base.like.values().flatten() {
                    wanted.insert(Need::Campaign(record.id));
                }
            }
            Hint::Row(key, row, id) => predict_row(base, wanted, key, *row, id.as_deref()),
            Hint::Index(id, index) => {
                if let Some(place) = of(base, wanted, id) {
                    if let Some(Some(batch)) = base.batches.get(&place)
                        && let Some((row, _)) = batch.rows.row_at((*index).into())
                    {
                        wanted.insert(Need::Message(place.0, row));
                    }
                } else if let Some(None) = base.ids.get(id) {
                    wanted.extend([Need::Global, Need::AnyWithoutId, Need::Deferred(id.clone()), Need::DeferredCount]);
                }
            }
            Hint::Batch(id, ours) => {
                if of(base, wanted, id).is_some() || !matches!(base.ids.get(id), Some(None)) {
                    continue;
                }
                let Some((key, number)) = ours else {
                    wanted.extend([Need::Global, Need::AnyWithoutId, Need::Deferred(id.clone()), Need::DeferredCount]);
                    continue;
                };
                match base.campaign_of(key) {
                    Some(Some(campaign)) => predict_id(base, wanted, campaign, *number, id),
                    Some(None) => {}
                    None => {
                        wanted.insert(Need::Key(key.clone()));
                    }
                }
            }
            Hint::Entry(campaign, number, ids) => {
                wanted.extend([Need::Campaign(*campaign), Need::Batch(*campaign, *number)]);
                // Most likely these ids are news, and what waits for them is looked for.
                for id in ids {
                    wanted.extend([Need::Global, Need::Of(id.clone()), Need::Deferred(id.clone())]);
                }
            }
        }
    }
}

/// Where the batch of an id is, if that is known.
fn of(base: &Base, wanted: &mut BTreeSet<Need>, id: &str) -> Option<super::need::Place> {
    let place = match base.ids.get(id) {
        Some(place) => *place,
        None => base.cache.ids.get(id).copied(),
    };
    match place {
        Some(place) => {
            wanted.extend([Need::Campaign(place.0), Need::Batch(place.0, place.1)]);
            // It had that id when it was seen.
            if base.batches.contains_key(&place) && !base.ids.contains_key(id) {
                wanted.insert(Need::Of(id.into()));
            }
            Some(place)
        }
        None => {
            wanted.insert(Need::Of(id.into()));
            None
        }
    }
}

/// A batch that may be about to get an id.
fn predict_id(base: &Base, wanted: &mut BTreeSet<Need>, campaign: CampaignId, number: u32, id: &str) {
    wanted.extend([Need::Campaign(campaign), Need::Batch(campaign, number)]);
    if let Some(Some(batch)) = base.batches.get(&(campaign, number))
        && batch.batch_id.is_none()
    {
        wanted.extend([Need::Global, Need::Deferred(id.into())]);
    }
}

fn predict_row(base: &Base, wanted: &mut BTreeSet<Need>, key: &str, row: u64, id: Option<&str>) {
    if let Some(id) = id {
        wanted.insert(Need::Of(id.into()));
    }
    let campaign = match base.campaign_of(key) {
        Some(Some(campaign)) => campaign,
        Some(None) => {
            wanted.extend([Need::Global, Need::Orphan(key.into(), row)]);
            return;
        }
        None => {
            wanted.insert(Need::Key(key.into()));
            return;
        }
    };
    wanted.extend([Need::Campaign(campaign), Need::Message(campaign, row)]);
    match base.cache.spans.find(campaign, row) {
        Some(Some(number)) => {
            wanted.insert(Need::Batch(campaign, number));
            if let Some(id) = id {
                predict_id(base, wanted, campaign, number, id);
            }
        }
        Some(None) => {}
        None => {
            wanted.insert(Need::Before(campaign, row));
        }
    }
}
