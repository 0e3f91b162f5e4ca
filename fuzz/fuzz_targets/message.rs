//! Any bytes as a message: no panic, nothing lost, and every error names a place that is there.
#![no_main]

mod tree;

use libfuzzer_sys::fuzz_target;
use sinch_batch_models::wire::parse;
use sinch_batch_models::{Message, Template};

fuzz_target!(|json: &[u8]| {
    let value = tree::read(json);
    match parse::<Message>(json) {
        Ok(message) => {
            let _ = format!("{message:?}");
            let written = serde_json::to_string(&message).expect("a message can be written");
            let again: Message = parse(written.as_bytes()).expect("what was written can be read");
            let template = Template::new(message.clone());
            let values = template.names().iter().map(|name| (name.clone(), "1".into())).collect();
            let _ = template.findings(&values);
            template.render(&values).expect("texts instead of texts make no other message");
            let Some(value) = value else { return };
            assert_eq!(again, message);
            assert_eq!(serde_json::to_string(&again).expect("as before"), written);
            for path in message.unknown_fields() {
                assert!(value.pointer(&path).is_some(), "{path} is not there");
            }
            for broken in message.violations() {
                assert!(value.pointer(&broken.path).is_some(), "{broken}: no such place");
            }
            let back = tree::read(written.as_bytes()).expect("it is JSON");
            assert_eq!(tree::without_nulls(back), tree::without_nulls(value));
        }
        Err(error) => {
            if let Some(value) = value {
                assert!(value.pointer(error.path()).is_some(), "{error}");
            }
        }
    }
});
