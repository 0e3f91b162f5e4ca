//! What a callback says of somebody's opt-out.

use sinch_batch_models::callback::{ContactMessageBody, InboundMessage, OptInStatus, OptOutStatus};
use sinch_batch_models::{Callback, CallbackKind, ContactId, Timestamp, WireTime};

use super::{IdentityKey, OptOutEvent, OptOutKind};
use crate::source::text::is_blank;

/// Texts that count as an opt-out when they are all that somebody replies, whatever their case and spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopWords(Vec<String>);

impl StopWords {
    /// The words that people in English-speaking countries are told to send.
    pub const COMMON: [&str; 6] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"];

    /// No text is an opt-out: the service's own keywords send callbacks of their own.
    pub fn none() -> Self {
        Self::default()
    }

    /// These words; blank ones mean nothing.
    pub fn new(words: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(words.into_iter().map(|word| bare(word.as_ref())).filter(|word| !word.is_empty()).collect())
    }

    /// Whether a text is one of them.
    pub fn matches(&self, text: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&bare(text))
    }
}

/// A text without case and without what cannot be seen.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|character| !is_blank(character.encode_utf8(&mut [0; 4])))
        .flat_map(char::to_lowercase)
        .collect()
}

impl OptOutEvent {
    /// What a callback says: that somebody opted out or in, or replied with a stop word. Nothing if it says neither,
    /// or that it failed; two if it names both an identity and a contact.
    ///
    /// `now` is the time of a callback that has none.
    pub fn of_callback(callback: &Callback, words: &StopWords, key: &IdentityKey, now: Timestamp) -> Vec<Self> {
        let time = |time: &Option<WireTime>| time.as_ref().and_then(WireTime::timestamp);
        let at = time(&callback.event_time).or_else(|| time(&callback.accepted_time)).unwrap_or(now);
        let (channel, identity, contact, is_out) = match &callback.kind {
            CallbackKind::OptOut(notice) if notice.status == Some(OptOutStatus::Succeeded) => {
                (notice.channel.as_ref(), notice.identity.as_ref(), notice.contact_id.as_ref(), true)
            }
            CallbackKind::OptIn(notice) if notice.status == Some(OptInStatus::Succeeded) => {
                (notice.channel.as_ref(), notice.identity.as_ref(), notice.contact_id.as_ref(), false)
            }
            CallbackKind::MessageInbound(message) if is_stop(message, words) => {
                let from = message.channel_identity.as_ref();
                let channel = from.and_then(|from| from.channel.as_ref());
                (channel, from.and_then(|from| from.identity.as_ref()), message.contact_id.as_ref(), true)
            }
            _ => return Vec::new(),
        };
        let identity = identity.map(|identity| identity.as_str()).filter(|identity| !is_blank(identity));
        let contact = contact.map(ContactId::as_str).filter(|contact| !is_blank(contact));
        let channel = channel.filter(|channel| !channel.as_str().ends_with("UNSPECIFIED"));
        let event = |id| Self::new(key, (channel.cloned(), id), OptOutKind::All, is_out, at);
        identity.into_iter().chain(contact).map(event).collect()
    }
}

fn is_stop(message: &InboundMessage, words: &StopWords) -> bool {
    let body = message.contact_message.as_ref().and_then(|said| said.body.as_ref());
    matches!(body, Some(ContactMessageBody::Text(text)) if words.matches(text.text.as_str()))
}

#[cfg(test)]
mod tests {
    use sinch_batch_models::Channel;
    use sinch_batch_models::callback::parse;

    use super::*;
    use crate::opt_outs::OptOuts;

    fn key() -> IdentityKey {
        IdentityKey::new([7; 32])
    }

    #[track_caller]
    fn list(words: &StopWords, callbacks: &[&str]) -> OptOuts {
        let events: Vec<_> = callbacks
            .iter()
            .flat_map(|text| {
                let callback = parse(text.as_bytes()).unwrap();
                OptOutEvent::of_callback(&callback, words, &key(), Timestamp::UNIX_EPOCH)
            })
            .collect();
        events.iter().collect()
    }

    fn is_out(list: &OptOuts) -> bool {
        list.is_out(&key(), Some(&Channel::Sms), "+15550100001")
    }

    const OUT: &str = r#"{"event_time": "2031-01-01T10:00:00Z", "opt_out_notification":
        {"channel": "SMS", "identity": "15550100001", "status": "OPT_OUT_SUCCEEDED"}}"#;
    const IN: &str = r#"{"event_time": "2031-01-01T11:00:00Z", "opt_in_notification":
        {"channel": "SMS", "identity": "15550100001", "status": "OPT_IN_SUCCEEDED"}}"#;

    #[test]
    fn only_what_succeeded_counts() {
        let none = StopWords::none();
        assert!(is_out(&list(&none, &[OUT])));
        assert!(!is_out(&list(&none, &[OUT, IN])) && !is_out(&list(&none, &[IN, OUT])));
        assert!(!is_out(&list(&none, &[&OUT.replace("SUCCEEDED", "FAILED")])));
        assert!(is_out(&list(&none, &[OUT, &IN.replace("SUCCEEDED", "FAILED")])));
    }

    #[test]
    fn contact_is_out_as_long_as_it_is_on_one_channel() {
        let none = StopWords::none();
        let of_contact = |text: &str| text.replace("\"identity\": \"15550100001\"", "\"contact_id\": \"01KZ4EBHKN\"");
        let other = of_contact(OUT).replace("SMS", "WHATSAPP");
        let out = |list: &OptOuts| list.is_out_comparable(&key(), None, "01KZ4EBHKN");
        assert!(out(&list(&none, &[&of_contact(OUT)])));
        assert!(!out(&list(&none, &[&of_contact(OUT), &of_contact(IN)])));
        assert!(out(&list(&none, &[&of_contact(OUT), &other, &of_contact(IN)])));
    }

    #[test]
    fn replies_count_only_when_they_are_stop_words() {
        let reply = |text: &str| {
            format!(
                r#"{{"message": {{"contact_message": {{"text_message": {{"text": "{text}"}}}},
                "channel_identity": {{"channel": "SMS", "identity": "15550100001"}}}}}}"#
            )
        };
        let words = StopWords::new(StopWords::COMMON);
        for stop in ["STOP", " stop ", "S t o p", "Unsubscribe\u{a0}"] {
            assert!(is_out(&list(&words, &[&reply(stop)])), "{stop}");
            assert!(!is_out(&list(&StopWords::none(), &[&reply(stop)])), "{stop}");
        }
        for other in ["please stop", "stopping", "", "HALT"] {
            assert!(!is_out(&list(&words, &[&reply(other)])), "{other}");
        }
        assert!(is_out(&list(&StopWords::new(["Halt ", " "]), &[&reply("HALT")])));
    }
}
