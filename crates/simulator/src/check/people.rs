//! `POST` and `DELETE /contacts`, `POST /consents`.

use serde_json::Value;

use super::send::channels;
use super::{CHANNELS, Length, Object, Path, Violation, Violations, is_ulid};

/// Languages that a contact may have. Source: the published Conversation API description.
const LANGUAGES: &str = "AF SQ AR AZ BN BG CA ZH ZH_CN ZH_HK ZH_TW HR CS DA NL EN EN_GB EN_US ET FIL FI FR DE EL GU \
                         HA HE HI HU ID GA IT JA KN KK KO LO LV LT MK MS ML MR NB FA PL PT PT_BR PT_PT PA RO RU SR \
                         SK SL ES ES_AR ES_ES ES_MX SW SV TA TE TH TR UK UR UZ VI ZU";

/// Channels on which an identity belongs to one app.
const OF_AN_APP: [&str; 4] = ["MESSENGER", "INSTAGRAM", "LINE", "WECHAT"];

const OPT_OUTS: [&str; 3] = ["OPT_OUT_ALL", "OPT_OUT_NOTIFICATION", "OPT_OUT_MARKETING"];

fn check(body: &Value, look: impl FnOnce(&Object<'_>, &mut Violations)) -> Result<(), Vec<Violation>> {
    let mut wrong = Violations::default();
    if let Some(request) = Object::of(body, &Path::Root, &mut wrong) {
        look(&request, &mut wrong);
    }
    wrong.into_result()
}

pub(crate) fn create(body: &Value) -> Result<(), Vec<Violation>> {
    let languages: Vec<&str> = LANGUAGES.split_whitespace().collect();
    check(body, |request, wrong| {
        request.require("contacts", wrong);
        request.each("contacts", 1..=1000, wrong, |contact, wrong| {
            contact.require("channel_identities", wrong);
            contact.each("channel_identities", 1..=usize::MAX, wrong, identity);
            contact.require("language", wrong);
            contact.one_of("language", &languages, wrong);
            channels(contact, "channel_priority", wrong);
            for name in ["display_name", "email", "external_id"] {
                contact.text(name, Length::Any, wrong);
            }
            contact.text("metadata", Length::UpTo(1024), wrong);
        });
    })
}

fn identity(identity: &Object<'_>, wrong: &mut Violations) {
    identity.texts(&["channel", "identity"], wrong);
    identity.one_of("channel", &CHANNELS, wrong);
    identity.text("app_id", Length::Any, wrong);
    let channel = identity.get("channel").and_then(Value::as_str).unwrap_or_default();
    if OF_AN_APP.contains(&channel) && !identity.has("app_id") {
        identity.complain("app_id", "is required on this channel", wrong);
    }
}

pub(crate) fn delete(body: &Value) -> Result<(), Vec<Violation>> {
    check(body, |request, wrong| {
        request.require("contact_ids", wrong);
        request.list("contact_ids", 1..=1000, wrong, |id, at, wrong| {
            if id.as_str().is_none_or(str::is_empty) {
                wrong.add(at, "must be a string that is not empty");
            }
        });
    })
}

pub(crate) fn consents(body: &Value) -> Result<(), Vec<Violation>> {
    check(body, |request, wrong| {
        request.texts(&["app_id"], wrong);
        if request.get("app_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty() && !is_ulid(id)) {
            request.complain("app_id", "must be a ULID", wrong);
        }
        request.require("consent_records", wrong);
        request.each("consent_records", 0..=usize::MAX, wrong, |record, wrong| {
            record.texts(&["identification"], wrong);
            record.one_of("consent_type", &OPT_OUTS, wrong);
        });
    })
}
