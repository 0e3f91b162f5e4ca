//! Opt-outs as they are received: a list that grows, and in which nobody is named.
//!
//! Each line is an event: somebody opted out, or in again. The newest event counts, in whatever order the
//! lines stand and however often.
//!
//! ```text
//! #sinch-batch opt-outs 1,<mark of the key>
//! <digest of the identity>,<channel>,<all | marketing | notification>,<out | in>,<time of the event>
//! ```
//!
//! The digest is the first 16 bytes of HMAC-SHA-256 under an [`IdentityKey`], so the file tells nothing about
//! anybody without the key. An empty channel stands for all of them.

mod callback;
mod file;
mod key;

use std::collections::HashMap;
use std::fmt;

use sinch_batch_models::{Channel, Timestamp};

use crate::identity::{BLANK, fault_of_any, fault_on, tidied};
use crate::source::text::is_blank;

pub use self::callback::StopWords;
pub(crate) use self::file::{Followed, MAGIC};
pub use self::file::{OptOutFile, OptOutFileError};
pub(crate) use self::key::comparable_on_any;
pub use self::key::{BadIdentityKey, IdentityKey};
use self::key::{IdentityDigest, hex, of_hex};

/// Why nobody could be found by an identity, in one sentence: on this channel, or on any if none is named. Untidy
/// numbers are fine, for they are only compared.
#[must_use]
pub fn identity_fault(channel: Option<&Channel>, identity: &str) -> Option<String> {
    if is_blank(identity) {
        return Some(BLANK.to_owned());
    }
    let fault = match channel {
        Some(channel) if channel.has_phone_numbers() => fault_on(channel, &tidied(identity)),
        Some(channel) => fault_on(channel, identity),
        None => fault_of_any(&tidied(identity)),
    };
    fault.map(|fault| fault.message)
}

/// What somebody does not want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OptOutKind {
    /// Anything.
    All,
    /// Messages marked as marketing.
    Marketing,
    /// Messages marked as notifications.
    Notification,
}

impl OptOutKind {
    /// Its word in a list.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Marketing => "marketing",
            Self::Notification => "notification",
        }
    }
}

/// Somebody opted out, or in again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOutEvent {
    digest: IdentityDigest,
    channel: Option<Channel>,
    kind: OptOutKind,
    is_out: bool,
    at: Timestamp,
}

impl OptOutEvent {
    /// Somebody opted out; on all channels if none is named.
    pub fn out(key: &IdentityKey, channel: Option<Channel>, identity: &str, kind: OptOutKind, at: Timestamp) -> Self {
        Self::new(key, (channel, identity), kind, true, at)
    }

    /// Somebody opted in again.
    pub fn back_in(
        key: &IdentityKey,
        channel: Option<Channel>,
        identity: &str,
        kind: OptOutKind,
        at: Timestamp,
    ) -> Self {
        Self::new(key, (channel, identity), kind, false, at)
    }

    fn new(
        key: &IdentityKey,
        (channel, identity): (Option<Channel>, &str),
        kind: OptOutKind,
        is_out: bool,
        at: Timestamp,
    ) -> Self {
        // A name that would break its line is on no recipient; such an opt-out counts everywhere.
        let is_word =
            |channel: &Channel| channel.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let channel = channel.filter(|channel| !channel.as_str().is_empty() && is_word(channel));
        let digest = key.digest(channel.as_ref(), identity);
        Self { digest, channel, kind, is_out, at }
    }
}

impl fmt::Display for OptOutEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = hex(&self.digest.0);
        let channel = self.channel.as_ref().map_or("", Channel::as_str);
        let (kind, way) = (self.kind.as_str(), if self.is_out { "out" } else { "in" });
        write!(f, "{digest},{channel},{kind},{way},{}", self.at)
    }
}

impl OptOutEvent {
    /// What a line of a list says; nothing if that cannot be understood.
    fn of_line(line: &str) -> Option<Self> {
        let mut parts = line.split(',');
        let digest = IdentityDigest(of_hex(parts.next()?)?.try_into().ok()?);
        let channel = Some(parts.next()?).filter(|name| !name.is_empty()).map(Channel::from);
        let kind = parts.next()?;
        let kinds = [OptOutKind::All, OptOutKind::Marketing, OptOutKind::Notification];
        let kind = kinds.into_iter().find(|known| known.as_str() == kind)?;
        let is_out = match parts.next()? {
            "out" => true,
            "in" => false,
            _ => return None,
        };
        let at = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { digest, channel, kind, is_out, at })
    }
}

/// The newest events of one identity on one channel, by kind. At the same time *out* is newer than *in*, so that
/// order means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Newest {
    all: Option<(Timestamp, bool)>,
    marketing: Option<(Timestamp, bool)>,
    notification: Option<(Timestamp, bool)>,
}

impl Newest {
    fn add(&mut self, kind: OptOutKind, event: (Timestamp, bool)) {
        let slot = match kind {
            OptOutKind::All => &mut self.all,
            OptOutKind::Marketing => &mut self.marketing,
            OptOutKind::Notification => &mut self.notification,
        };
        *slot = (*slot).max(Some(event));
    }

    fn and(self, other: Self) -> Self {
        Self {
            all: self.all.max(other.all),
            marketing: self.marketing.max(other.marketing),
            notification: self.notification.max(other.notification),
        }
    }

    /// Whether some kind of message is not wanted: nobody knows of which kind a campaign is.
    fn is_out(self) -> bool {
        [self.marketing, self.notification].into_iter().any(|one| one.max(self.all).is_some_and(|(_, is_out)| is_out))
    }
}

/// Who has opted out, by the newest event of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptOuts {
    people: HashMap<(IdentityDigest, u16), Newest>,
    /// Channels by the number they have in here; 0 stands for all of them.
    channels: HashMap<Channel, u16>,
    events: u64,
}

impl OptOuts {
    /// Adds an event, newer or older than those before it.
    pub fn add(&mut self, event: &OptOutEvent) {
        self.events += 1;
        let number = match &event.channel {
            None => 0,
            Some(channel) => match self.channels.get(channel) {
                Some(number) => *number,
                None => {
                    // A list with more channels than that is not one of ours; they count everywhere.
                    let number = u16::try_from(self.channels.len() + 1).unwrap_or(0);
                    self.channels.insert(channel.clone(), number);
                    number
                }
            },
        };
        self.people.entry((event.digest, number)).or_default().add(event.kind, (event.at, event.is_out));
    }

    /// Number of events.
    pub fn n_events(&self) -> u64 {
        self.events
    }

    /// Number of opted-out identities by channel: `(channel, number)`; no channel stands
    /// for all of them.
    pub fn counts(&self) -> Vec<(Option<Channel>, u64)> {
        let mut counts: Vec<_> = self.channels.keys().map(|channel| Some(channel.clone())).collect();
        counts.push(None);
        counts.sort_by(|one, other| one.as_ref().map(Channel::as_str).cmp(&other.as_ref().map(Channel::as_str)));
        let numbered = counts.into_iter().map(|channel| {
            let number = channel.as_ref().map_or(0, |channel| self.channels[channel]);
            let out = self.people.iter().filter(|((_, on), newest)| *on == number && newest.is_out()).count();
            (channel, out as u64)
        });
        numbered.filter(|(_, out)| *out > 0).collect()
    }

    /// Whether somebody has opted out: on this channel, or on any at all if none is named.
    pub fn is_out(&self, key: &IdentityKey, channel: Option<&Channel>, identity: &str) -> bool {
        let of_any = key.digest(None, identity);
        let everywhere = self.newest(of_any, 0);
        match channel {
            Some(channel) => self.is_out_on(channel, key.digest(Some(channel), identity), everywhere),
            None => {
                everywhere.is_out()
                    || self.channels.keys().any(|on| self.is_out_on(on, key.digest(Some(on), identity), everywhere))
            }
        }
    }

    fn is_out_on(&self, channel: &Channel, digest: IdentityDigest, everywhere: Newest) -> bool {
        let on = self.channels.get(channel).map(|number| self.newest(digest, *number)).unwrap_or_default();
        on.and(everywhere).is_out()
    }

    /// The same for an identity as it is compared; no channel stands for a contact's id.
    pub(crate) fn is_out_comparable(&self, key: &IdentityKey, channel: Option<&Channel>, comparable: &str) -> bool {
        if self.people.is_empty() {
            return false;
        }
        let on_any = comparable_on_any(comparable);
        let of_any = key.digest_of_comparable(&on_any);
        let everywhere = self.newest(of_any, 0);
        match channel {
            Some(channel) => {
                let digest = if on_any == comparable { of_any } else { key.digest_of_comparable(comparable) };
                self.is_out_on(channel, digest, everywhere)
            }
            // Of a contact it is unknown on which channel it will be reached.
            None => everywhere.is_out() || self.channels.keys().any(|on| self.is_out_on(on, of_any, everywhere)),
        }
    }

    fn newest(&self, digest: IdentityDigest, channel: u16) -> Newest {
        self.people.get(&(digest, channel)).copied().unwrap_or_default()
    }
}

impl<'a> FromIterator<&'a OptOutEvent> for OptOuts {
    fn from_iter<I: IntoIterator<Item = &'a OptOutEvent>>(events: I) -> Self {
        let mut list = Self::default();
        events.into_iter().for_each(|event| list.add(event));
        list
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> IdentityKey {
        IdentityKey::new([7; 32])
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    const NUMBER: &str = "+15550100001";

    #[track_caller]
    fn check(events: &[(Option<Channel>, OptOutKind, bool, i64)], on: Option<Channel>, expected: bool) {
        let events: Vec<_> = events
            .iter()
            .map(|(channel, kind, is_out, second)| {
                OptOutEvent::new(&key(), (channel.clone(), NUMBER), *kind, *is_out, at(*second))
            })
            .collect();
        let list: OptOuts = events.iter().collect();
        assert_eq!(list.is_out(&key(), on.as_ref(), "1 555 010-0001"), expected);
        if let Some(on) = on {
            assert_eq!(list.is_out_comparable(&key(), Some(&on), "15550100001"), expected);
        }
    }

    #[test]
    fn newest_event_counts() {
        use OptOutKind::{All, Marketing, Notification};
        let sms = || Some(Channel::Sms);
        let whatsapp = || Some(Channel::WhatsApp);
        check(&[], sms(), false);
        check(&[(sms(), All, true, 1)], sms(), true);
        check(&[(sms(), All, true, 1)], whatsapp(), false);
        check(&[(sms(), All, true, 1)], None, true);
        check(&[(None, All, true, 1)], whatsapp(), true);
        check(&[(sms(), All, true, 1), (sms(), All, false, 2)], sms(), false);
        check(&[(sms(), All, true, 2), (sms(), All, false, 1)], sms(), true);
        // At the same time nobody is sent what they may not want.
        check(&[(sms(), All, true, 1), (sms(), All, false, 1)], sms(), true);
        check(&[(None, All, true, 1), (sms(), All, false, 2)], sms(), false);
        check(&[(None, All, true, 1), (sms(), All, false, 2)], whatsapp(), true);
        check(&[(sms(), Marketing, true, 1)], sms(), true);
        check(&[(sms(), Marketing, true, 1), (sms(), Notification, false, 2)], sms(), true);
        check(&[(sms(), All, true, 1), (sms(), Marketing, false, 2)], sms(), true);
        check(&[(sms(), Marketing, true, 1), (sms(), All, false, 2)], sms(), false);
    }

    #[test]
    fn line_comes_back() {
        let event = OptOutEvent::out(&key(), Some(Channel::Sms), NUMBER, OptOutKind::Marketing, at(1));
        let line = event.to_string();
        assert!(line.ends_with(",SMS,marketing,out,2030-03-17T17:46:41Z"), "{line}");
        assert_eq!(OptOutEvent::of_line(&line), Some(event));
        for bad in
            ["", "x", &line[1..], &format!("{line},"), &line.replace("out", "gone"), &line.replace("marketing", "")]
        {
            assert_eq!(OptOutEvent::of_line(bad), None, "{bad}");
        }
        let odd = OptOutEvent::out(&key(), Some(Channel::from("a,b\n")), NUMBER, OptOutKind::All, at(1));
        assert_eq!(OptOutEvent::of_line(&odd.to_string()), Some(odd));
    }

    proptest! {
        #[test]
        fn order_and_repetition_mean_nothing(
            (events, shuffled) in prop::collection::vec((0..4_u8, 0..3_u8, 0..3_u8, any::<bool>(), 0..4_i64), 0..12)
                .prop_flat_map(|events| {
                    let twice: Vec<_> = events.iter().chain(&events).copied().collect();
                    (Just(events), Just(twice).prop_shuffle())
                })
        ) {
            let read = |events: &[(u8, u8, u8, bool, i64)]| -> OptOuts {
                let mut list = OptOuts::default();
                for (person, channel, kind, is_out, second) in events {
                    let channel = [None, Some(Channel::Sms), Some(Channel::WhatsApp)][usize::from(*channel)].clone();
                    let kind = [OptOutKind::All, OptOutKind::Marketing, OptOutKind::Notification][usize::from(*kind)];
                    let identity = format!("+1555010000{person}");
                    list.add(&OptOutEvent::new(&key(), (channel, &identity), kind, *is_out, at(*second)));
                }
                list
            };
            let (one, other) = (read(&events), read(&shuffled));
            prop_assert_eq!(one.counts(), other.counts());
            for person in 0..4 {
                for channel in [None, Some(Channel::Sms), Some(Channel::WhatsApp), Some(Channel::Rcs)] {
                    let identity = format!("1555010000{person}");
                    prop_assert_eq!(
                        one.is_out(&key(), channel.as_ref(), &identity),
                        other.is_out(&key(), channel.as_ref(), &identity)
                    );
                }
            }
        }
    }
}
