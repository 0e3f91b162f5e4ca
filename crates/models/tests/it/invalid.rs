//! Bodies that must be refused are, with the path of the fault.

use serde_json::Value;
use sinch_batch_models::wire::parse;
use sinch_batch_models::*;
use sinch_batch_wire::schema;

#[test]
fn bodies_that_must_be_refused_are() {
    let bodies = sinch_batch_wire::text("invalid_requests.json");
    let bodies: Vec<Value> = serde_json::from_str(&bodies).unwrap();
    for entry in bodies {
        let (name, schema) = (entry["name"].as_str().unwrap(), entry["schema"].as_str().unwrap());
        assert!(!schema::check(schema, &entry["body"]).is_empty(), "{name} obeys its schema");
        let body = entry["body"].to_string();
        let read = match schema.rsplit('/').next().unwrap() {
            "SendBatchRequest" => parse::<SendBatchRequest>(body.as_bytes()).err(),
            "CancelBatchRequest" => parse::<CancelBatchRequest>(body.as_bytes()).err(),
            "CreateContactsRequest" => parse::<CreateContactsRequest>(body.as_bytes()).err(),
            "DeleteContactsRequest" => parse::<DeleteContactsRequest>(body.as_bytes()).err(),
            "InsertConsentsRequest" => parse::<InsertConsentsRequest>(body.as_bytes()).err(),
            other => panic!("no model for {other}"),
        };
        let expected = match name {
            "no app_id" => ("", "missing field `app_id`"),
            "no recipients" => ("/recipient_and_params", "a batch carries 1 to 1000 recipients, not 0"),
            "messages array" => ("", "missing field `message`"),
            "two message types" => ("/message", "more than one of `text_message`, "),
            "empty message" => ("/message", "one kind of message is required, such as `text_message`"),
            "recipient named twice" => {
                ("/recipient_and_params/0/recipient", "more than one of `contact_id` or `identified_by` is set")
            }
            "ttl as a number" => ("/ttl", "invalid type: an integer, expected text such as \"300s\""),
            "ttl in minutes" => ("/ttl", "expected whole seconds such as \"300s\""),
            "numeric parameter" => {
                ("/recipient_and_params/0/parameters/n", "invalid type: an integer, expected a string")
            }
            "correlation id too long" => ("/correlation_id", "expected at most 128 characters"),
            "channel property too long" => ("/channel_properties/SMS_SENDER", "expected at most 1024 characters"),
            "eleven choices" => ("/message/choice_message/choices", "expected 0 to 10 entries, not 11"),
            "omni template without version" => ("/message/template_message/omni_template", "missing field `version`"),
            "cancel with nothing" => {
                ("", "missing field `batch_id`, or the fields `metadata_key` and `metadata_value`")
            }
            "cancel with both" => ("", "expected `batch_id`, or `metadata_key` and `metadata_value`, not both"),
            "contact without language" => ("/contacts/0", "missing field `language`"),
            "contact without identity" => ("/contacts/0/channel_identities", "expected at least 1 entries, not 0"),
            "contact metadata too long" => ("/contacts/0/metadata", "expected at most 1024 characters"),
            "no contact ids" => ("/contact_ids", "expected 1 to 1000 entries, not 0"),
            "consent without identification" => ("/consent_records/0", "missing field `identification`"),
            // The service owns these names: a new one must not need a new release to be sent. It
            // refuses the ones it does not have.
            "unknown channel" => {
                let request: SendBatchRequest = parse(body.as_bytes()).unwrap();
                assert!(request.channel_priority_order.is_some_and(|order| order.iter().all(|c| !c.is_known())));
                continue;
            }
            "unknown consent type" => {
                let request: InsertConsentsRequest = parse(body.as_bytes()).unwrap();
                assert!(request.consent_records[0].consent_type.as_ref().is_some_and(|kind| !kind.is_known()));
                continue;
            }
            other => panic!("nothing said about {other}"),
        };
        let error = read.unwrap_or_else(|| panic!("{name} was taken"));
        assert_eq!(error.path(), expected.0, "{name}: {error}");
        assert!(error.message().starts_with(expected.1), "{name}: {error}");
    }
}

#[track_caller]
fn refused(message: &str, path: &str, said: &str) {
    let error = parse::<Message>(message.as_bytes()).unwrap_err();
    assert_eq!(error.path(), path, "{error}");
    assert!(error.message().contains(said), "{error}");
}

/// It is read and written back, but the rule it breaks is named, and a request refuses it.
#[track_caller]
fn broken(message: &str, path: &str, said: &str) {
    let read = parse::<Message>(message.as_bytes()).unwrap();
    let written: Value = serde_json::to_value(&read).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(message).unwrap());
    let rules = read.violations();
    assert_eq!(rules.len(), 1, "{rules:?}");
    assert_eq!(rules[0].path, path);
    assert!(rules[0].rule.contains(said), "{rules:?}");
    let request = format!(
        r#"{{"app_id":"a","message":{message},"recipient_and_params":[{{"recipient":{{"contact_id":"c"}}}}]}}"#
    );
    let error = parse::<SendBatchRequest>(request.as_bytes()).unwrap_err();
    assert_eq!((error.path(), error.message()), (format!("/message{path}").as_str(), rules[0].rule.as_str()));
}

#[test]
fn messages_outside_of_documented_rules_are_refused_where_the_fault_is() {
    refused(r#"{"text_message":{}}"#, "/text_message", "missing field `text`");
    refused(r#"{"agent":{"display_name":"a"}}"#, "", "one kind of message is required");
    refused(
        r#"{"template_message":{}}"#,
        "/template_message",
        "one of `omni_template` or `channel_template` is required",
    );
    refused(r#"{"card_message":{"choices":[{}]}}"#, "/card_message/choices/0", "one of `text_message`, ");
    refused(
        r#"{"card_message":{"choices":[{"text_message":{"text":"a"},"url_message":{"title":"t","url":"u"}}]}}"#,
        "/card_message/choices/0",
        "more than one of `text_message`, ",
    );
    broken(
        r#"{"carousel_message":{"cards":[],"choices":[{"text_message":{"text":"a"}},{"text_message":{"text":"b"}},{"text_message":{"text":"c"}},{"text_message":{"text":"d"}}]}}"#,
        "/carousel_message/choices",
        "expected at most 3 choices below a carousel, not 4",
    );
    broken(
        r#"{"carousel_message":{"cards":[],"choices":[{"text_message":{"text":"a"},"display_mode":"PERSISTENT"}]}}"#,
        "/carousel_message/choices",
        "without `display_mode`",
    );
    broken(
        r#"{"list_message":{"title":"t","sections":[{"items":[{"choice":{"title":"a"}},{"product":{"id":"i","marketplace":"m"}}]}]}}"#,
        "/list_message/sections",
        "choices or products",
    );
    refused(
        r#"{"location_message":{"title":"t","coordinates":{"latitude":"1","longitude":2}}}"#,
        "/location_message/coordinates/latitude",
        "expected a number",
    );
    for (other, said) in [("[1]", "sequence"), ("[[1]]", "sequence"), (r#"{"a":1}"#, "map"), ("true", "boolean `true`")]
    {
        refused(
            &format!(r#"{{"location_message":{{"title":"t","coordinates":{{"latitude":{other},"longitude":2}}}}}}"#),
            "/location_message/coordinates/latitude",
            &format!("invalid type: {said}, expected a number"),
        );
    }
    // Kinds told by a field are read from a buffer, which knows its paths too.
    let commerce = |button: &str| {
        format!(
            r#"{{"channel_specific_message":{{"KAKAOTALK":{{"message":{{"buttons":[{button}],"image":{{"image_url":"i"}},
            "commerce":{{"type":"REGULAR_PRICE_COMMERCE","title":"t","regular_price":1}}}},"message_type":"COMMERCE"}}}}}}"#
        )
    };
    let at = "/channel_specific_message/KAKAOTALK/message/buttons";
    assert!(parse::<Message>(commerce(r#"{"type":"BK","name":"n"}"#).as_bytes()).is_ok());
    refused(&commerce(r#"{"type":"BK","name":7}"#), &format!("{at}/0/name"), "expected a string");
    refused(&commerce(r#"{"type":"WL","name":"n"}"#), &format!("{at}/0"), "missing field `link_mo`");
    refused(&commerce(r#"{"type":7}"#), &format!("{at}/0/type"), "names the kind");
    refused(&commerce(r#"{}"#), &format!("{at}/0"), "missing field `type`");
    broken(&commerce(""), at, "expected 1 to 2 entries, not 0");
    let price = commerce(r#"{"type":"BK","name":"n"}"#).replace(r#""regular_price":1"#, r#""regular_price":1.5"#);
    refused(
        &price,
        "/channel_specific_message/KAKAOTALK/message/commerce/regular_price",
        "invalid type: a number, expected an integer",
    );
}
