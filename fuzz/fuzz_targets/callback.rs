//! Any bytes as a callback: no panic, nothing lost, and every error names a place that is there.
#![no_main]

mod tree;

use libfuzzer_sys::fuzz_target;
use sinch_batch_models::Callback;
use sinch_batch_models::wire::parse;

fuzz_target!(|json: &[u8]| {
    let value = tree::read(json);
    match parse::<Callback>(json) {
        Ok(callback) => {
            let _ = callback.origin();
            let _ = format!("{callback:?}");
            let written = serde_json::to_string(&callback).expect("a callback can be written");
            let again: Callback = parse(written.as_bytes()).expect("what was written can be read");
            let unknown = callback.unknown_fields();
            let Some(value) = value else { return };
            assert_eq!(again, callback);
            assert_eq!(serde_json::to_string(&again).expect("as before"), written);
            for path in unknown {
                assert!(value.pointer(&path).is_some(), "{path} is not there");
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
