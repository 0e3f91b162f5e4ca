//! Whether a failed message is worth another try, and what to do, by the service's code.
//!
//! The service publishes the codes, and nobody publishes what to do about them: this is our reading.

use sinch_batch::models::ReasonCode;
use sinch_batch::pages::report::RetryAdvice;

/// What to do about a code.
pub(super) fn advice(code: &str) -> (RetryAdvice, &'static str) {
    use ReasonCode as Code;
    use RetryAdvice::{Ask, Fix, Never, TryAgain};

    match Code::from(code) {
        Code::InternalError => (TryAgain, "Send them again: the fault was in the service."),
        Code::RateLimited => (TryAgain, "Send them again, more slowly."),
        Code::RecipientNotReachable => (TryAgain, "Send them again later: the phone was off or out of reach."),
        Code::ChannelFailure => (TryAgain, "Send them again: the fault was in the channel."),
        Code::MediaNotReachable => {
            (TryAgain, "Check that the media can be fetched from anywhere, then send them again.")
        }
        Code::DeliveryTimedOut => (Ask, "Some may still arrive: wait for late receipts before sending them again."),
        Code::ChannelReject => (Ask, "Read what the channel said in each description."),
        Code::NoChannelsLeft => (Ask, "Every channel was tried: add another channel, or leave them out."),
        Code::UnknownReason => (Ask, "The service does not know why either: some may have arrived."),
        Code::BadRequest => (Fix, "Fix the row: its parameters do not fit the message."),
        Code::RecipientInvalidChannelIdentity => (Fix, "Fix the number or identity in the file."),
        Code::ContactNotFound => (Fix, "Fix the contact in the file, or create it."),
        Code::NoChannelIdentityForContact => (Fix, "Give the contact an identity on the channel."),
        Code::NoProfileAvailable => (Fix, "Use another channel for these rows."),
        Code::TemplateNotFound => (Fix, "Fix the name of the template, or have it approved."),
        Code::TemplateInsufficientParameters => (Fix, "Give every parameter the template asks for."),
        Code::TemplateNonExistingLanguageOrVersion => (Fix, "Fix the language or version of the template."),
        Code::MediaTypeUnsupported => (Fix, "Use media of a type the channel takes."),
        Code::MediaTooLarge => (Fix, "Use smaller media."),
        Code::OutsideAllowedSendingWindow => (Fix, "Use a template: the time for free messages is over."),
        Code::UnsupportedOperation => (Fix, "Use a kind of message the channel can show."),
        Code::ChannelBadConfiguration => (Fix, "Check the channel's settings in the Sinch dashboard."),
        Code::ChannelConfigurationMissing => (Fix, "Set the channel up for this app in the Sinch dashboard."),
        Code::UnknownApp => (Fix, "Check the app's id and region."),
        Code::NoPermission => (Fix, "Check what the access key may do."),
        Code::RecipientNotOptedIn => (Never, "Leave them out: they have not opted in."),
        Code::DeliveryRejectedDueToPolicy => (Never, "Leave them out: the channel's policy does not allow it."),
        _ => (Ask, "This code is newer than the program: read the service's documentation."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_code_has_its_advice() {
        let (_, newer) = advice("SOMETHING_NEW");
        for code in ReasonCode::KNOWN {
            let (_, what_to_do) = advice(code);
            assert!(what_to_do != newer && what_to_do.ends_with('.'), "{code}: {what_to_do}");
        }
    }
}
