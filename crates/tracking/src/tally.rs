//! How many messages stand where.

use serde::{Deserialize, Serialize};

use crate::message::Progress;

/// How many messages of accepted batches stand where; each message is in exactly one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tally {
    /// Accepted, without a receipt that says more.
    pub pending: u64,
    /// Handed to a channel.
    pub queued: u64,
    /// On the device.
    pub delivered: u64,
    /// Seen by the person.
    pub read: u64,
    /// Will not arrive.
    pub failed: u64,
    /// Recalled with their batch before they left; nothing was received of them since.
    #[serde(default)]
    pub cancelled: u64,
}

impl Tally {
    /// All messages counted.
    pub fn total(&self) -> u64 {
        self.pending + self.queued + self.delivered + self.read + self.failed + self.cancelled
    }

    /// Messages of which nothing more has to be awaited: delivered, read, failed or
    /// cancelled.
    pub fn settled(&self) -> u64 {
        self.delivered + self.read + self.failed + self.cancelled
    }

    /// Counts messages that were not counted before.
    pub fn add(&mut self, progress: Progress, n_messages: u64) {
        *self.count(progress) += n_messages;
    }

    /// Moves one message from where it was counted, if it was, to where it stands now.
    pub fn move_message(&mut self, from: Option<Progress>, to: Progress) {
        if let Some(from) = from {
            let count = self.count(from);
            *count = count.saturating_sub(1);
        }
        *self.count(to) += 1;
    }

    /// Moves messages of a recalled batch from pending to cancelled.
    pub fn cancel(&mut self, n_messages: u64) {
        let moved = n_messages.min(self.pending);
        self.pending -= moved;
        self.cancelled += moved;
    }

    /// Moves messages of a batch that was not recalled after all from cancelled to pending.
    pub fn uncancel(&mut self, n_messages: u64) {
        let moved = n_messages.min(self.cancelled);
        self.cancelled -= moved;
        self.pending += moved;
    }

    fn count(&mut self, progress: Progress) -> &mut u64 {
        match progress {
            Progress::Planned | Progress::Accepted => &mut self.pending,
            Progress::Queued => &mut self.queued,
            Progress::Failed => &mut self.failed,
            Progress::Delivered => &mut self.delivered,
            Progress::Read => &mut self.read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_counted_once_wherever_it_goes() {
        let mut tally = Tally::default();
        tally.add(Progress::Accepted, 3);
        tally.move_message(Some(Progress::Accepted), Progress::Queued);
        tally.move_message(Some(Progress::Queued), Progress::Read);
        tally.move_message(Some(Progress::Accepted), Progress::Failed);
        tally.move_message(None, Progress::Delivered);
        assert_eq!(tally, Tally { pending: 1, queued: 0, delivered: 1, read: 1, failed: 1, cancelled: 0 });
        assert_eq!((tally.total(), tally.settled()), (4, 3));
    }
}
