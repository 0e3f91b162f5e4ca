//! The sums of campaigns, kept within a transaction and written once with its end.

use std::collections::HashMap;

use crate::campaign::CampaignId;
use crate::store::Sums;

/// Sums as this transaction has them. Nobody else can change them before it ends.
#[derive(Debug, Default)]
pub(super) struct Standing {
    kept: HashMap<CampaignId, Kept>,
    /// What was there before each change since the savepoint.
    before: Vec<(CampaignId, Option<Kept>)>,
}

#[derive(Clone, Debug)]
struct Kept {
    sums: Sums,
    is_changed: bool,
}

impl Standing {
    pub(super) fn get(&self, campaign: CampaignId) -> Option<&Sums> {
        self.kept.get(&campaign).map(|kept| &kept.sums)
    }

    /// Sums as they are in the file.
    pub(super) fn keep(&mut self, campaign: CampaignId, sums: Sums) {
        self.put(campaign, Kept { sums, is_changed: false });
    }

    pub(super) fn change(&mut self, campaign: CampaignId, sums: Sums) {
        self.put(campaign, Kept { sums, is_changed: true });
    }

    fn put(&mut self, campaign: CampaignId, kept: Kept) {
        let before = self.kept.insert(campaign, kept);
        // The oldest is enough.
        if self.before.iter().all(|(known, _)| *known != campaign) {
            self.before.push((campaign, before));
        }
    }

    /// What has to be written.
    pub(super) fn changed(&self) -> impl Iterator<Item = (CampaignId, &Sums)> {
        self.kept.iter().filter(|(_, kept)| kept.is_changed).map(|(campaign, kept)| (*campaign, &kept.sums))
    }

    pub(super) fn savepoint(&mut self) {
        self.before.clear();
    }

    pub(super) fn undo_savepoint(&mut self) {
        for (campaign, before) in self.before.drain(..) {
            match before {
                Some(kept) => self.kept.insert(campaign, kept),
                None => self.kept.remove(&campaign),
            };
        }
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.before.clear();
    }
}
