//! The variant of a message for a channel.

use serde_json::Value;

/// What a channel is given of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant<'a> {
    /// The message, or what stands in its place for the channel.
    pub message: &'a Value,
    /// The words for it, unless the message itself is taken.
    pub badge: Option<&'static str>,
}

/// Where variants stand in a message, the first that is there counts, and the words for it.
const PLACES: [(&str, &str); 3] = [
    ("explicit_channel_message", "raw message for this channel"),
    ("channel_specific_message", "message of this channel"),
    ("explicit_channel_omni_message", "override for this channel"),
];

/// The variant of a message that a channel is given: an override for it, or the message itself.
pub fn variant<'a>(message: &'a Value, channel: &str) -> Variant<'a> {
    let special = PLACES.into_iter().find_map(|(place, badge)| {
        let message = message.get(place)?.get(channel).filter(|special| !is_nothing(special))?;
        Some(Variant { message, badge: Some(badge) })
    });
    special.unwrap_or(Variant { message, badge: None })
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn most_specific_variant_is_shown() {
        let message = json!({
            "text_message": {"text": "t"},
            "explicit_channel_message": {"LINE": "{}", "SMS": ""},
            "explicit_channel_omni_message": {"SMS": {"text_message": {"text": "s"}}, "LINE": {}},
        });
        assert_eq!(variant(&message, "LINE").message, "{}");
        assert_eq!(variant(&message, "SMS").message, &json!({"text_message": {"text": "s"}}));
        assert_eq!(variant(&message, "RCS"), Variant { message: &message, badge: None });
    }
}
