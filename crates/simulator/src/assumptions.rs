//! Every behaviour that the simulator takes for granted about the real service, with its source.
//!
#![doc = include_str!("../ASSUMPTIONS.md")]

use serde::Serialize;

/// How sure a behaviour is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Source {
    /// Sinch's published machine-readable description.
    Spec,
    /// Sinch's reference pages or guides.
    Docs,
    /// What Sinch's own SDKs do.
    Sdk,
    /// Other material in a repository owned by Sinch.
    Repo,
    /// A third party's code or notes.
    Third,
    /// Not published: inferred.
    Inferred,
    /// A choice of the simulator, where the service may do anything.
    Choice,
}

/// One behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Assumption {
    /// What it is about.
    pub about: &'static str,
    /// What the simulator does.
    pub behaviour: &'static str,
    /// Where that comes from.
    pub source: Source,
}

const fn it(about: &'static str, behaviour: &'static str, source: Source) -> Assumption {
    Assumption { about, behaviour, source }
}

/// All of them.
pub const ASSUMPTIONS: &[Assumption] = &[
    it("token", "HTTP Basic with key id and secret, form body grant_type=client_credentials", Source::Docs),
    it("token", "Basic credentials may be plain or form-encoded", Source::Choice),
    it("token", "errors are OAuth2 objects: 400 for the request, 401 for the credentials", Source::Sdk),
    it("token", "tokens look like a JWT and live 3599 seconds", Source::Sdk),
    it(
        "token",
        "the token endpoint's rate limit (a bucket of 30, refilled at 10 per second) is not simulated",
        Source::Sdk,
    ),
    it(
        "401",
        "an expired token is answered with WWW-Authenticate: Bearer error=\"invalid_token\" and \"Jwt expired at\"",
        Source::Sdk,
    ),
    it("401", "an unknown token is answered without the word expired", Source::Choice),
    it("401", "the answer has an error body; the batch pages describe none", Source::Choice),
    it("403", "another project than the expected one", Source::Docs),
    it("404", "another app than the expected one, an unknown batch, an unknown path", Source::Docs),
    it(
        "429",
        "the queue of the app has no room for the messages of the batch; nothing of it is accepted",
        Source::Spec,
    ),
    it("429", "the limit of 800 requests per second and project is not simulated", Source::Spec),
    it("errors", "bodies are wrapped in \"error\"; a switch makes them flat", Source::Docs),
    it("send", "app_id must look like a ULID: 26 letters and digits; for consents too", Source::Docs),
    it("send", "exactly one generic message, or none and a message per channel", Source::Spec),
    it("send", "1 to 1000 recipients, each with a contact_id or with channel identities", Source::Docs),
    it("send", "contact_id is refused with DISPATCH_ONLY", Source::Spec),
    it("send", "parameter values must be strings", Source::Third),
    it("send", "unknown fields are taken and ignored", Source::Choice),
    it("send", "lengths of metadata are not checked", Source::Choice),
    it("send", "the contents of channel_specific_message are not checked", Source::Choice),
    it("send", "ttl is 3s to 315576000000s; it has no other effect", Source::Spec),
    it("send", "an accepted batch is answered 200", Source::Repo),
    it("send", "there is no idempotency: the same body twice is two batches", Source::Inferred),
    it("send_after", "more than a minute ahead it is rounded up to a 5-minute mark; on a mark it stays", Source::Repo),
    it("send_after", "past or less than a minute ahead the batch goes at once and is READY", Source::Inferred),
    it("send_after", "more than 7 days ahead it is refused with 400", Source::Inferred),
    it(
        "placeholders",
        "replaced in every string at any depth, once, without escaping; map keys are left alone",
        Source::Inferred,
    ),
    it("placeholders", "a placeholder without a parameter stays as it is", Source::Inferred),
    it("placeholders", "a blank key or an empty value fails that one message after acceptance", Source::Docs),
    it("metadata", "the recipient's is laid over the batch's, one level deep, and _batch_id is added", Source::Docs),
    it(
        "status",
        "READY, SCHEDULED, PROCESSED, CANCELLED; PROCESSED when the last message has left the queue",
        Source::Inferred,
    ),
    it("find", "the answer is an array, empty without a match; values are compared as text", Source::Third),
    it(
        "find",
        "a batch shows up in look-ups at once, or after a delay that can be set; by id as well as by metadata",
        Source::Choice,
    ),
    it(
        "cancel",
        "by batch_id; or by metadata_key with metadata_value, or by batch_metadata with one key",
        Source::Inferred,
    ),
    it("cancel", "neither or both forms at once are refused with 400", Source::Inferred),
    it("cancel", "only scheduled batches are cancelled; the answer is 200 whatever happens", Source::Docs),
    it(
        "cancel",
        "takes effect at once, or after a delay that can be set; a batch that is due before is sent",
        Source::Choice,
    ),
    it("contacts", "1 to 1000 a call; a body that is wrong anywhere is refused as a whole, with 400", Source::Inferred),
    it("contacts", "language is required, metadata has at most 1024 characters", Source::Spec),
    it("contacts", "app_id is required on MESSENGER, INSTAGRAM, LINE and WECHAT", Source::Spec),
    it("contacts", "the answer is 200 with an empty object; no body is described", Source::Choice),
    it("contacts", "each one made or deleted causes one CONTACT_CREATE or CONTACT_DELETE callback", Source::Docs),
    it(
        "contacts",
        "every entry makes a contact, also the same one twice; unified ids are not simulated",
        Source::Inferred,
    ),
    it("contacts", "an id that names no contact is ignored", Source::Docs),
    it(
        "contacts",
        "callbacks show every field, empty if not given; Unknown for the name, the channels of the identities for the priority",
        Source::Inferred,
    ),
    it("contacts", "a contact_id in a send is not looked up among them", Source::Choice),
    it(
        "consents",
        "answered with a batch_id; whether it has a status is not published, so that is answered 501",
        Source::Docs,
    ),
    it("consents", "consent_type may be absent; the number of records is not limited", Source::Docs),
    it("consents", "all of a call are recorded or none; the reference says not atomic", Source::Choice),
    it("consents", "each record causes an OPT_OUT callback without a channel", Source::Choice),
    it("queue", "drained at 20 messages per second if realistic, else at once", Source::Spec),
    it("queue", "a scheduled batch enters the queue when it is due, whatever the limit", Source::Choice),
    it(
        "callbacks",
        "one webhook with all triggers gets everything; 25 callbacks per second if realistic",
        Source::Spec,
    ),
    it(
        "callbacks",
        "signed with HMAC-SHA256 over body, nonce and timestamp; each attempt is signed again",
        Source::Docs,
    ),
    it(
        "callbacks",
        "any 2xx is success; no connection, a timeout, 5xx and 429 are tried again; other answers are final",
        Source::Third,
    ),
    it("callbacks", "one that is sent twice on demand is signed again, with another nonce", Source::Choice),
    it("callbacks", "12 attempts in all, after 100 ms, then twice as long each time, up to 30 s", Source::Choice),
    it("callbacks", "up to 32 at once: they arrive in any order between messages", Source::Choice),
    it("receipts", "QUEUED_ON_CHANNEL, then DELIVERED, READ or FAILED by seed; no SWITCHING_CHANNEL", Source::Choice),
    it(
        "receipts",
        "the first channel identity of a recipient is used, whatever channel_priority_order says",
        Source::Choice,
    ),
    it(
        "receipts",
        "DISPATCH for channel identities; CONVERSATION and no channel identity for contacts",
        Source::Choice,
    ),
    it(
        "replies",
        "sent on demand only; message_metadata has the _batch_id of the last batch for that identity, without conversation metadata",
        Source::Choice,
    ),
    it("opt-outs", "an OPT_OUT callback says OPT_OUT_SUCCEEDED", Source::Choice),
    it(
        "opt-outs",
        "block nothing; with a switch, every later message to that identity fails with RECIPIENT_NOT_OPTED_IN, without delay and whatever its kind",
        Source::Choice,
    ),
    it("receipts", "messageIndex counts from zero", Source::Inferred),
    it(
        "receipts",
        "a callback_url in the request gets them, signed with the same secret, if it is on this machine; else they are not sent",
        Source::Choice,
    ),
    it(
        "batch updates",
        "one at the end, BATCH_STATUS_PROCESSED or BATCH_STATUS_CANCELLED, always to the app's webhook",
        Source::Inferred,
    ),
    it("batch updates", "the shape with batch_status_update_notification, of two that are published", Source::Repo),
];

/// The page made of [`ASSUMPTIONS`].
pub fn page() -> String {
    let mut page = String::from("| About | What the simulator does | Source |\n| --- | --- | --- |\n");
    for Assumption { about, behaviour, source } in ASSUMPTIONS {
        let source = match source {
            Source::Spec => "published description",
            Source::Docs => "reference pages and guides",
            Source::Sdk => "Sinch's SDKs",
            Source::Repo => "other material of Sinch's",
            Source::Third => "a third party",
            Source::Inferred => "inferred",
            Source::Choice => "our choice",
        };
        page.extend(["| ", about, " | ", behaviour, " | ", source, " |\n"]);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_made_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ASSUMPTIONS.md");
        if std::env::var_os("UPDATE_PAGES").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert!(written == page(), "ASSUMPTIONS.md is out of date: run this test with UPDATE_PAGES=1");
    }
}
