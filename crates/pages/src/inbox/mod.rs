//! Who got what: the pages of a simulator.
//!
//! Every page is made of a view that its server fills. Forms go to paths under `/inbox`, and carry in `back`
//! the page that they were on.

mod faults;
mod list;
mod message;
mod person;
mod problem;

use maud::{Markup, html};
use sinch_batch_models::Timestamp;

use crate::assets;
use crate::chart::{Tone, key};
use crate::layout::Page;

pub use self::faults::{FaultKindView, FaultView, FaultsView, OperationView};
pub use self::list::{Filter, ListView, RowView};
pub use self::message::{CallbackView, MessageView};
pub use self::person::{BubbleView, InboundView, LineView, PersonView};
pub use self::problem::problem;

/// Where a message stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// In the queue, or waiting for its time.
    #[default]
    Pending,
    /// With the channel.
    Queued,
    /// On the device.
    Delivered,
    /// Seen by the person.
    Read,
    /// Will not arrive.
    Failed,
}

impl Status {
    /// All of them, in the order in which a message goes through them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Queued, Self::Delivered, Self::Read, Self::Failed];

    /// The word for it, on the page and in a query.
    pub fn word(self) -> &'static str {
        self.tone().class()
    }

    fn tone(self) -> Tone {
        match self {
            Self::Pending => Tone::Pending,
            Self::Queued => Tone::Queued,
            Self::Delivered => Tone::Delivered,
            Self::Read => Tone::Read,
            Self::Failed => Tone::Failed,
        }
    }

    fn show(self) -> Markup {
        key(self.tone(), self.word())
    }
}

/// What the state of a message becomes, as a choice in a form: the value and the words.
pub(crate) const OUTCOMES: [(&str, &str); 5] = [
    ("delivered", "delivered"),
    ("delivered_then_read", "delivered, then read"),
    ("read", "read at once"),
    ("queued", "queued, and nothing more"),
    ("failed", "failed"),
];

/// Codes that a form offers for a failure.
const CODES: [&str; 6] = [
    "RECIPIENT_NOT_REACHABLE",
    "CHANNEL_REJECT",
    "DELIVERY_TIMED_OUT",
    "RECIPIENT_NOT_OPTED_IN",
    "OUTSIDE_ALLOWED_SENDING_WINDOW",
    "CHANNEL_FAILURE",
];

const NAV: [(&str, &str); 2] = [("/inbox", "Inbox"), ("/inbox/faults", "Faults and clock")];

fn page(title: &str, here: Option<usize>, live: Option<&str>, content: &Markup) -> String {
    Page { title, nav: &NAV, here, live, style: Some(assets::inbox()) }.render(content)
}

/// A path with a query, its values encoded; pairs without a value are left out.
pub fn url(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut url = String::from(path);
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.extend([name, "="]);
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(byte)),
                other => url.push_str(&format!("%{other:02X}")),
            }
        }
    }
    url
}

/// The page of a person.
fn person_url(identity: &str) -> String {
    url("/inbox/person", &[("identity", identity)])
}

/// The page of a message.
fn message_url(at: &str) -> String {
    url("/inbox/message", &[("at", at)])
}

/// How long ago something was, in the largest unit.
fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second());
    match seconds {
        ..1 => "now".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn ago(then: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(format!("{then:.0}")) title=(format!("{then:.0}")) { (age(then, now)) } }
}

/// `14:05:07`
fn clock(time: Timestamp) -> Markup {
    html! { time datetime=(format!("{time:.3}")) { (time.strftime("%H:%M:%S").to_string()) } }
}

/// A drop-down list.
fn select(id: &str, name: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        select id=(id) name=(name) {
            @for (value, words) in options { option value=(value) selected[*value == chosen] { (words) } }
        }
    }
}

/// The field for a failure's code, with those that are common.
fn code_field(id: &str) -> Markup {
    html! {
        input id=(id) name="code" list={ (id) "-codes" } placeholder=(CODES[0]) autocomplete="off" size="28";
        datalist id={ (id) "-codes" } { @for code in CODES { option value=(code) {} } }
    }
}

fn back_field(back: &str) -> Markup {
    html! { input type="hidden" name="back" value=(back); }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_hold_what_is_put_into_them() {
        assert_eq!(
            url("/inbox", &[("q", "+1 &=ü"), ("channel", ""), ("status", "read")]),
            "/inbox?q=%2B1%20%26%3D%C3%BC&status=read"
        );
    }

    #[test]
    fn ages_are_in_their_largest_unit() {
        let at = |second| Timestamp::from_second(second).unwrap_or_default();
        for (seconds, words) in [(-5, "now"), (0, "now"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (172_800, "2 d")]
        {
            assert_eq!(age(at(1000), at(1000 + seconds)), words);
        }
    }
}
