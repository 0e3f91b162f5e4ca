//! Messages that receipts have changed in a transaction, written together in the order of their keys.

use std::collections::BTreeMap;

use sinch_batch_tracking::MessageState;

use crate::campaign::CampaignId;

/// How many are kept before they are written between two jobs.
const KEPT: usize = 8192;

type Key = (CampaignId, u64);

/// Messages as this transaction has them, until they are written.
#[derive(Debug, Default)]
pub(super) struct Messages {
    changed: BTreeMap<Key, MessageState>,
    /// What was kept before each change since the savepoint.
    before: Vec<(Key, Option<MessageState>)>,
}

impl Messages {
    pub(super) fn get(&self, campaign: CampaignId, row: u64) -> Option<&MessageState> {
        self.changed.get(&(campaign, row))
    }

    pub(super) fn change(&mut self, campaign: CampaignId, row: u64, state: MessageState) {
        let key = (campaign, row);
        self.before.push((key, self.changed.insert(key, state)));
    }

    /// What has to be written, in the order of the table.
    pub(super) fn changed(&self) -> impl Iterator<Item = (CampaignId, u64, &MessageState)> {
        self.changed.iter().map(|((campaign, row), state)| (*campaign, *row, state))
    }

    pub(super) fn is_full(&self) -> bool {
        self.changed.len() >= KEPT
    }

    pub(super) fn savepoint(&mut self) {
        self.before.clear();
    }

    pub(super) fn undo_savepoint(&mut self) {
        for (key, before) in self.before.drain(..).rev() {
            match before {
                Some(state) => self.changed.insert(key, state),
                None => self.changed.remove(&key),
            };
        }
    }

    pub(super) fn clear(&mut self) {
        self.changed.clear();
        self.before.clear();
    }
}

#[cfg(test)]
mod tests {
    use sinch_batch_tracking::Progress;

    use super::*;

    #[test]
    fn undone_job_leaves_what_earlier_jobs_changed() {
        let campaign = CampaignId::new(1);
        let mut messages = Messages::default();
        messages.savepoint();
        messages.change(campaign, 1, MessageState::new(Progress::Queued));
        messages.savepoint();
        messages.change(campaign, 1, MessageState::new(Progress::Delivered));
        messages.change(campaign, 1, MessageState::new(Progress::Read));
        messages.change(campaign, 2, MessageState::new(Progress::Read));
        messages.undo_savepoint();
        let left: Vec<_> = messages.changed().map(|(_, row, state)| (row, state.progress)).collect();
        assert_eq!(left, [(1, Progress::Queued)]);
    }
}
