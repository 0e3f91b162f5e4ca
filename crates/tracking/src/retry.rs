//! Whether a failed message may be sent again: what each reason means for it.
//!
//! The classes are our reading of the codes; the service publishes none.

use std::fmt;

use serde::{Deserialize, Serialize};
use sinch_batch_models::ReasonCode;

/// Whether a message that failed for a reason may be sent again. Exhaustive: what sends again has to
/// decide for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryClass {
    /// It did not arrive, and may arrive the next time.
    Again,
    /// It may have arrived: only a person can decide.
    Ask,
    /// It fails again until something is fixed: see [`Fix`].
    Fix,
    /// The recipient or a policy said no: it must not be sent again.
    Never,
}

impl RetryClass {
    /// The word for it: `again`, `ask`, `fix`, `never`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Ask => "ask",
            Self::Fix => "fix",
            Self::Never => "never",
        }
    }

    /// Whether `retry` sends it again without the reason being named.
    pub fn may_retry(self) -> bool {
        self == Self::Again
    }
}

impl fmt::Display for RetryClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What has to be fixed before a message of class [`RetryClass::Fix`] can arrive. Exhaustive: it is
/// something of the row, of the message or of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fix {
    /// The recipient's row.
    Row,
    /// The message, or its template.
    Message,
    /// The app, its channels or its rights.
    Account,
}

/// What a reason means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Meaning {
    code: &'static str,
    class: RetryClass,
    fix: Option<Fix>,
    advice: &'static str,
}

const fn meaning(code: &'static str, class: RetryClass, fix: Option<Fix>, advice: &'static str) -> Meaning {
    Meaning { code, class, fix, advice }
}

/// What stands for codes newer than this release, and for failures without a code.
const UNKNOWN: Meaning = meaning("UNKNOWN", RetryClass::Ask, None, "it may have arrived: ask before it is sent again");

/// Every known code with its class, by class.
const MEANINGS: [Meaning; 27] = [
    // A fault inside the service.
    meaning("INTERNAL_ERROR", RetryClass::Again, None, "a fault of the service: retry"),
    // Too many messages at once.
    meaning("RATE_LIMITED", RetryClass::Again, None, "too many at once: retry"),
    // Phone off, no network.
    meaning("RECIPIENT_NOT_REACHABLE", RetryClass::Again, None, "not reachable then: retry later"),
    // A fault of the channel.
    meaning("CHANNEL_FAILURE", RetryClass::Again, None, "a fault of the channel: retry"),
    // The file behind a link could not be fetched then.
    meaning("MEDIA_NOT_REACHABLE", RetryClass::Again, None, "check that the media URL is public, then retry"),
    // No receipt in time is not a proof of absence.
    meaning("DELIVERY_TIMED_OUT", RetryClass::Ask, None, "it may have arrived: ask before it is sent again"),
    // Channels refuse for reasons of their own, also after delivery to another device.
    meaning("CHANNEL_REJECT", RetryClass::Ask, None, "the channel refused it: find out why"),
    // One of the channels may have delivered it.
    meaning("NO_CHANNELS_LEFT", RetryClass::Ask, None, "every channel was tried: one may have delivered it"),
    UNKNOWN,
    // The row's values do not fit the message.
    meaning("BAD_REQUEST", RetryClass::Fix, Some(Fix::Row), "fix the values of the row"),
    // Not an identity of that channel.
    meaning("RECIPIENT_INVALID_CHANNEL_IDENTITY", RetryClass::Fix, Some(Fix::Row), "fix the recipient's identity"),
    // The contact was deleted or never made.
    meaning("CONTACT_NOT_FOUND", RetryClass::Fix, Some(Fix::Row), "fix the contact id, or create the contact"),
    // The contact lacks the channel.
    meaning(
        "NO_CHANNEL_IDENTITY_FOR_CONTACT",
        RetryClass::Fix,
        Some(Fix::Row),
        "give the contact an identity on the channel",
    ),
    // The channel knows no such person.
    meaning("NO_PROFILE_AVAILABLE", RetryClass::Fix, Some(Fix::Row), "the person is not on that channel: use another"),
    // The template is not approved under that name.
    meaning(
        "TEMPLATE_NOT_FOUND",
        RetryClass::Fix,
        Some(Fix::Message),
        "fix the template's name, then retry with --message",
    ),
    // The template wants more values.
    meaning(
        "TEMPLATE_INSUFFICIENT_PARAMETERS",
        RetryClass::Fix,
        Some(Fix::Message),
        "give all parameters of the template, then retry with --message",
    ),
    // The template lacks the language or version.
    meaning(
        "TEMPLATE_NON_EXISTING_LANGUAGE_OR_VERSION",
        RetryClass::Fix,
        Some(Fix::Message),
        "fix the template's language or version, then retry with --message",
    ),
    // Such media cannot be shown there.
    meaning(
        "MEDIA_TYPE_UNSUPPORTED",
        RetryClass::Fix,
        Some(Fix::Message),
        "use another type of media, then retry with --message",
    ),
    // Larger than the channel takes.
    meaning("MEDIA_TOO_LARGE", RetryClass::Fix, Some(Fix::Message), "use smaller media, then retry with --message"),
    // Only templates may be sent at that time.
    meaning(
        "OUTSIDE_ALLOWED_SENDING_WINDOW",
        RetryClass::Fix,
        Some(Fix::Message),
        "use an approved template, then retry with --message",
    ),
    // The channel lacks the feature.
    meaning(
        "UNSUPPORTED_OPERATION",
        RetryClass::Fix,
        Some(Fix::Message),
        "use what the channel can show, then retry with --message",
    ),
    // A wrong setting in the dashboard.
    meaning(
        "CHANNEL_BAD_CONFIGURATION",
        RetryClass::Fix,
        Some(Fix::Account),
        "fix the channel of the app in the dashboard",
    ),
    // No such channel in the app.
    meaning(
        "CHANNEL_CONFIGURATION_MISSING",
        RetryClass::Fix,
        Some(Fix::Account),
        "add the channel to the app in the dashboard",
    ),
    // The app was deleted, or belongs to another project.
    meaning("UNKNOWN_APP", RetryClass::Fix, Some(Fix::Account), "check SINCH_APP_ID and the project"),
    // A right is missing.
    meaning("NO_PERMISSION", RetryClass::Fix, Some(Fix::Account), "give the project the right to send there"),
    // The person said no, or never yes.
    meaning("RECIPIENT_NOT_OPTED_IN", RetryClass::Never, None, "never: the recipient has not opted in"),
    // The channel's policy said no.
    meaning("DELIVERY_REJECTED_DUE_TO_POLICY", RetryClass::Never, None, "never: the channel's policy refuses it"),
];

fn meaning_of(code: &str) -> &'static Meaning {
    MEANINGS.iter().find(|meaning| meaning.code == code).unwrap_or(&UNKNOWN)
}

/// Whether a message that failed for this reason may be sent again.
///
/// A code newer than this release is [`RetryClass::Ask`].
///
/// ```
/// use sinch_batch_models::ReasonCode;
/// use sinch_batch_tracking::{RetryClass, class};
///
/// assert_eq!(class(&ReasonCode::from("RECIPIENT_NOT_REACHABLE")), RetryClass::Again);
/// assert_eq!(class(&ReasonCode::from("A_CODE_OF_TOMORROW")), RetryClass::Ask);
/// ```
pub fn class(code: &ReasonCode) -> RetryClass {
    class_of(Some(code.as_str()))
}

/// The class of a code as a ledger keeps it; of a failure without a code [`RetryClass::Ask`].
pub fn class_of(code: Option<&str>) -> RetryClass {
    meaning_of(code.unwrap_or_default()).class
}

/// The thing to be fixed, where the class is [`RetryClass::Fix`].
pub fn fix(code: &ReasonCode) -> Option<Fix> {
    meaning_of(code.as_str()).fix
}

/// Whether more of the same would fail for this reason too, for any recipient: a fault of the message, the
/// account, the channel or the service.
pub fn is_systemic(code: Option<&str>) -> bool {
    let meaning = meaning_of(code.unwrap_or_default());
    match meaning.class {
        RetryClass::Fix => matches!(meaning.fix, Some(Fix::Message | Fix::Account)),
        RetryClass::Again => meaning.code != "RECIPIENT_NOT_REACHABLE",
        RetryClass::Ask | RetryClass::Never => false,
    }
}

/// Advice for a person about failures of a code, in one short sentence.
pub fn advice(code: Option<&str>) -> &'static str {
    meaning_of(code.unwrap_or_default()).advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_recipient_are_not_systemic() {
        for (code, expected) in [
            ("TEMPLATE_NOT_FOUND", true),
            ("UNKNOWN_APP", true),
            ("INTERNAL_ERROR", true),
            ("RECIPIENT_NOT_REACHABLE", false),
            ("RECIPIENT_INVALID_CHANNEL_IDENTITY", false),
            ("CHANNEL_REJECT", false),
            ("RECIPIENT_NOT_OPTED_IN", false),
            ("NEWER_THAN_THIS", false),
        ] {
            assert_eq!(is_systemic(Some(code)), expected, "{code}");
        }
        assert!(!is_systemic(None));
    }

    #[test]
    fn every_known_code_has_its_class() {
        for code in ReasonCode::KNOWN {
            assert!(MEANINGS.iter().any(|meaning| meaning.code == *code), "{code} has no class");
        }
        for meaning in MEANINGS {
            assert_eq!(meaning.fix.is_some(), meaning.class == RetryClass::Fix, "{}", meaning.code);
        }
    }

    #[test]
    fn codes_of_tomorrow_and_failures_without_a_code_are_asked_for() {
        assert_eq!(class_of(Some("OF_TOMORROW")), RetryClass::Ask);
        assert_eq!(class_of(None), RetryClass::Ask);
    }
}
