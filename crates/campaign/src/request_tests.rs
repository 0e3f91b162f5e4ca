//! What a request says, reads back and refuses.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use sinch_batch_client::transport::SendUntil;
use sinch_batch_ledger::{Ledger, MemoryLedger};
use sinch_batch_models::BatchId;
use sinch_batch_recipients::{FindingKind, Repeatable};

use super::*;
use crate::{BatchSender, BoxFuture, Campaign, CampaignError, LookUpFailure, SendFailure, SentBatch, Service};

const APP: &str = "01KZ4EBHKN27EZJ4Q91V5C36G1";

fn app() -> AppId {
    AppId::new(APP)
}

fn request() -> CampaignRequest {
    CampaignRequest::new(app(), Message::text("Hello ${name}"))
}

fn value(request: &CampaignRequest) -> Value {
    serde_json::from_str(&request.to_json()).unwrap()
}

fn read(json: &str) -> Result<CampaignRequest, RequestError> {
    CampaignRequest::from_json(json.as_bytes(), Some(&app()))
}

#[track_caller]
fn refused(json: &str) -> String {
    read(json).unwrap_err().to_string()
}

fn full() -> CampaignRequest {
    request()
        .with_channel_property("SMS_SENDER", "Acme")
        .with_ttl(Ttl::from_seconds(7200).unwrap())
        .with_processing_strategy(ProcessingStrategy::DispatchOnly)
        .with_channel_priority_order(vec![Channel::Rcs, Channel::Sms])
        .with_callback_url("https://example.com/sinch")
        .with_correlation_id("order 7")
        .with_send_after("2031-09-14T10:05:00Z".parse().unwrap())
        .with_batch_metadata("team", "blue")
        .with_message_metadata("wave", 2)
}

#[test]
fn request_with_every_field_says_what_the_wire_says() {
    let wire = json!({
        "app_id": APP,
        "message": {"text_message": {"text": "Hello ${name}"}},
        "channel_properties": {"SMS_SENDER": "Acme"},
        "ttl": "7200s",
        "processing_strategy": "DISPATCH_ONLY",
        "channel_priority_order": ["RCS", "SMS"],
        "callback_url": "https://example.com/sinch",
        "correlation_id": "order 7",
        "send_after": "2031-09-14T10:05:00Z",
        "batch_metadata": {"team": "blue"},
        "message_metadata": {"wave": 2},
    });
    assert_eq!(value(&full()), wire);
    let back = read(&wire.to_string()).unwrap();
    assert_eq!(back, full());
    assert_eq!((back.fingerprint(), back.to_json()), (full().fingerprint(), full().to_json()));
}

#[test]
fn fingerprint_changes_with_every_field() {
    let wire = value(&full());
    let mut seen = vec![full().fingerprint()];
    for name in wire.as_object().unwrap().keys().filter(|name| !matches!(name.as_str(), "app_id" | "message")) {
        let mut less = wire.clone();
        less.as_object_mut().unwrap().remove(name);
        seen.push(read(&less.to_string()).unwrap().fingerprint());
    }
    assert_eq!(seen.len(), 10);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10);
    assert_eq!(full().message_fingerprint(), request().message_fingerprint());
}

#[test]
fn app_of_the_text_counts_before_the_default() {
    let message = r#""message": {"text_message": {"text": "Hi"}}"#;
    assert_eq!(read(&format!("{{{message}}}")).unwrap().app().as_str(), APP);
    let other = read(&format!("{{\"app_id\": \"another\", {message}}}")).unwrap();
    assert_eq!(other.app().as_str(), "another");
    let none = CampaignRequest::from_json(format!("{{{message}}}").as_bytes(), None).unwrap_err();
    assert!(none.to_string().contains("app_id"), "{none}");
}

#[test]
fn extra_are_kept() {
    let json = json!({"app_id": APP, "message": {"text_message": {"text": "Hi"}, "new": 1}, "newer": {"a": [null]}});
    let request = read(&json.to_string()).unwrap();
    assert_eq!(value(&request), json);
    assert_eq!(request.unknown_fields(), ["/message/new", "/newer"]);
    assert_eq!(full().unknown_fields(), [""; 0]);
}

#[test]
fn recipients_of_the_text_are_refused() {
    for recipients in ["[]", "null", r#"[{"recipient": {"contact_id": "c"}}]"#] {
        let text =
            format!(r#"{{"message": {{"text_message": {{"text": "Hi"}}}}, "recipient_and_params": {recipients}}}"#);
        assert!(matches!(read(&text), Err(RequestError::Recipients)), "{text}");
    }
}

#[test]
fn reserved_keys_are_refused_wherever_they_stand() {
    for place in ["batch_metadata", "message_metadata", "conversation_metadata"] {
        for key in ["_batch_id", "sinch_batch_key", "sinch_batch_row", "sinch_batch_"] {
            let json = json!({"message": {"text_message": {"text": "Hi"}}, place: {"a": 1, key: 2}});
            assert_eq!(refused(&json.to_string()), format!("the key `{key}` is reserved for the campaign's own marks"));
        }
    }
    assert!(matches!(request().with_batch_metadata("_batch_id", 1).validate(), Err(RequestError::ReservedKey(_))));
    assert!(request().with_batch_metadata("sinch_batch", 1).validate().is_ok());
}

#[test]
fn callback_url_that_is_not_a_web_address_is_refused() {
    for url in ["", "example.com/sinch", "ftp://example.com", "https://", "nonsense"] {
        let json = json!({"message": {"text_message": {"text": "Hi"}}, "callback_url": url});
        assert!(refused(&json.to_string()).contains("/callback_url"), "{url}");
        assert!(request().with_callback_url(url).validate().is_err(), "{url}");
    }
    assert!(request().with_callback_url("http://127.0.0.1:8080/").validate().is_ok());
}

#[test]
fn values_over_a_limit_are_refused() {
    let long = |n: usize| "ü".repeat(n);
    let at = |request: CampaignRequest| match request.validate() {
        Ok(()) => String::new(),
        Err(RequestError::Refused { at, .. }) => at,
        Err(other) => other.to_string(),
    };
    assert_eq!(at(request().with_correlation_id(long(128))), "");
    assert_eq!(at(request().with_correlation_id(long(129))), "/correlation_id");
    assert_eq!(at(request().with_channel_property("SMS_SENDER", long(1024))), "");
    assert_eq!(at(request().with_channel_property("SMS_SENDER", long(1025))), "/channel_properties/SMS_SENDER");
    // {"a":"…"} has 8 characters besides.
    assert_eq!(at(request().with_message_metadata("a", long(504))), "");
    assert_eq!(
        at(request().with_message_metadata("a", long(505))),
        "the request's `message_metadata` has 513 characters as JSON; 512 fit beside that of the rows"
    );
    assert_eq!(at(request().with_batch_metadata("a", long(5000))), "");
}

#[test]
fn errors_name_the_place_in_the_text() {
    let text = "\n  {\n  \"message\": {\"text_message\": {\"text\": \"Hi\"}},\n  \"ttl\": \"2 hours\"\n}\n";
    let expected = "line 4, column 18, /ttl: expected whole seconds such as \"300s\"";
    assert_eq!(refused(text), expected);
    // On the line of the brace, where recipients and app are put in.
    let column = "{\"ttl\": \"2 hours\"".len();
    let text = "{\"ttl\": \"2 hours\", \"message\": {\"text_message\": {\"text\": \"Hi\"}}}";
    assert_eq!(refused(text), expected.replace("line 4, column 18", &format!("line 1, column {column}")));
    assert!(refused("{\"message\": \n 7}").starts_with("line 2, column "), "{}", refused("{\"message\": \n 7}"));
    assert_eq!(refused("{}"), "line 1, column 2: missing field `message`");
    assert!(refused("").starts_with("line 1, column "));
    assert!(refused("{\n\"message\" 1}").starts_with("line 2, column 11"), "{}", refused("{\n\"message\" 1}"));
    // No value is ever shown.
    for text in ["\"secret\"", "{\"message\": \"secret\"}", "[\"secret\"]", "{\"app_id\": {\"secret\": 1}}"] {
        assert!(!refused(text).contains("secret"), "{}", refused(text));
    }
}

#[test]
fn debug_shows_neither_text_nor_metadata() {
    let shown = format!("{:?}", full());
    assert!(shown.contains(APP));
    assert!(["Hello", "Acme", "blue", "order", "example.com"].iter().all(|word| !shown.contains(word)), "{shown}");
}

#[test]
fn batch_of_a_request_has_recipients_key_and_everything_else() {
    let key = BatchKey::new("0192f3c6a1b27c3d8e4f5a6b7c8d9e0f", 3);
    let nobody = BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001"));
    let batch = full().batch(Recipients::try_from(vec![nobody]).unwrap(), &key, 1);
    let mut batch = serde_json::to_value(batch).unwrap();
    let recipients = batch.as_object_mut().unwrap().remove("recipient_and_params").unwrap();
    assert_eq!(recipients.as_array().unwrap().len(), 1);
    assert_eq!(batch["batch_metadata"], json!({"team": "blue", "sinch_batch_key": key.to_string()}));
    batch["batch_metadata"].as_object_mut().unwrap().remove("sinch_batch_key");
    assert_eq!(batch, value(&full()));
}

/// What the request says of every message and what a row says of its own go out together.
#[test]
fn metadata_of_a_row_has_to_fit_beside_that_of_the_request() {
    let check = |own: usize, shared: usize| {
        let row = move || {
            let mut row = BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001"));
            if own > 0 {
                row.message_metadata.insert("b", "x".repeat(own - 8).into());
            }
            row.with_parameter("name", "Ines")
        };
        let mut request = request();
        if shared > 0 {
            request = request.with_message_metadata("a", "x".repeat(shared - 8));
        }
        let mut kinds = Vec::new();
        let source = Repeatable::new(move || std::iter::once(row()));
        let checked = request.check(source, |finding| kinds.push(finding.kind)).unwrap();
        assert_eq!(checked.may_be_sent(), kinds.is_empty());
        kinds
    };
    assert_eq!(check(960, 0), []);
    assert_eq!(check(961, 0), [FindingKind::TooLong]);
    assert_eq!(check(448, 512), []);
    assert_eq!(check(449, 512), [FindingKind::TooLong]);
    assert_eq!(check(0, 512), []);
}

fn metadata() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-z]{1,5}", any::<String>(), 0..4).prop_map(|map| json!(map))
}

proptest! {
    #[test]
    fn request_reads_back(
        text in any::<String>(),
        ttl in prop::option::of(3..315_576_000_000_u64),
        strategy in prop::option::of("[A-Z_]{1,9}"),
        channels in prop::option::of(prop::collection::vec(prop::sample::select(Channel::KNOWN.to_vec()), 0..4)),
        url in prop::option::of("https?://[a-z]{1,9}(/[a-z ü?#]{0,9})?"),
        id in prop::option::of(".{0,128}"),
        properties in prop::collection::btree_map("[A-Z_]{1,9}", ".{0,20}", 0..4),
        (in_batch, in_message) in (metadata(), prop::collection::btree_map("[a-z]{1,5}", "[a-z\"]{0,9}", 0..4)),
        unknown in prop::option::of(any::<i64>()),
    ) {
        let mut wire = json!({"app_id": APP, "message": {"text_message": {"text": text}}});
        let mut put = |name: &str, value: Option<Value>| if let Some(value) = value { wire[name] = value };
        put("ttl", ttl.map(|ttl| json!(format!("{ttl}s"))));
        put("processing_strategy", strategy.map(Value::from));
        put("channel_priority_order", channels.map(Value::from));
        put("callback_url", url.map(Value::from));
        put("correlation_id", id.map(Value::from));
        put("channel_properties", (!properties.is_empty()).then(|| json!(properties)));
        put("batch_metadata", (in_batch != json!({})).then_some(in_batch));
        put("message_metadata", (!in_message.is_empty()).then(|| json!(in_message)));
        put("of_tomorrow", unknown.map(Value::from));
        let request = read(&wire.to_string()).unwrap();
        prop_assert_eq!(value(&request), wire);
        let again = CampaignRequest::from_json(request.to_json().as_bytes(), None).unwrap();
        prop_assert_eq!(again.fingerprint(), request.fingerprint());
        prop_assert_eq!(again, request);
    }
}

/// A sender that nobody may ask to send.
struct Nobody;

impl BatchSender for Nobody {
    fn service(&self) -> Service {
        Service { project: "p".to_owned(), url: "https://example.com".to_owned() }
    }

    fn send<'a>(&'a self, _: &'a SendBatchRequest, _: SendUntil) -> BoxFuture<'a, Result<SentBatch, SendFailure>> {
        unreachable!("nothing may be sent")
    }

    fn look_up<'a>(&'a self, _: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>> {
        unreachable!("nothing was sent")
    }
}

#[tokio::test]
async fn campaign_with_an_invalid_request_does_not_begin() {
    let row = || BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001")).with_parameter("name", "Ines");
    for request in [
        request().with_correlation_id("x".repeat(129)),
        request().with_message_metadata("sinch_batch_row", "x"),
        request().with_message_metadata("a", "x".repeat(600)),
    ] {
        let ledger = Arc::new(MemoryLedger::new());
        let checked = request.check(Repeatable::new(move || std::iter::once(row())), |_| {}).unwrap();
        let begun = Campaign::begin(ledger.clone(), "autumn", Nobody, checked).await;
        assert!(matches!(begun, Err(CampaignError::Request(_))));
        assert_eq!(ledger.campaigns().await.unwrap(), []);
    }
}
