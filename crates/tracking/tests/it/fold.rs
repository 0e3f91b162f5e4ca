//! Folding receipts: order and repetition do not matter.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sinch_batch_models::{Callback, wire};
use sinch_batch_tracking::{MessageRef, MessageState, Observation, Progress, Tally, observe};

/// A receipt about one of a few messages, as the JSON of a callback.
fn receipt() -> impl Strategy<Value = String> {
    let status = prop::sample::select(vec![
        "QUEUED_ON_CHANNEL",
        "SWITCHING_CHANNEL",
        "DELIVERED",
        "READ",
        "FAILED",
        "SOMETHING_NEW",
    ]);
    let reason = prop::option::of((
        prop::option::of(prop::sample::select(vec!["BAD_REQUEST", "CHANNEL_FAILURE", "NEW_CODE"])),
        prop::option::of(prop::sample::select(vec!["no route", "number +15550100011", "no", ""])),
    ));
    (0..5_u32, any::<bool>(), status, reason).prop_map(|(message, by_index, status, reason)| {
        let reason = reason.map(|(code, description)| {
            let field = |name: &str, value: Option<&str>| {
                value.map_or(String::new(), |value| format!(r#","{name}":"{value}""#))
            };
            format!(
                r#","reason":{{"sub_code":"UNSPECIFIED_SUB_CODE"{}{}}}"#,
                field("code", code),
                field("description", description)
            )
        });
        let reason = reason.unwrap_or_default();
        if by_index {
            let top = format!(r#"{{\"batchId\":\"B\",\"messageIndex\":{message}}}"#);
            format!(r#"{{"message_delivery_report":{{"status":"{status}"{reason}}},"message_metadata":"{top}"}}"#)
        } else {
            let own = format!(r#"{{\"sinch_batch_row\":\"key.{message}\",\"_batch_id\":\"B\"}}"#);
            format!(r#"{{"message_delivery_report":{{"status":"{status}","metadata":"{own}"{reason}}}}}"#)
        }
    })
}

/// Everything known after the callbacks: each message's state, and the sums kept on the way.
fn fold(callbacks: &[String]) -> (BTreeMap<u64, MessageState>, Tally) {
    let mut messages = BTreeMap::new();
    let mut tally = Tally::default();
    for json in callbacks {
        let callback: Callback = wire::parse(json.as_bytes()).unwrap();
        let Some(Observation::Message(seen)) = observe(&callback) else { panic!("a receipt") };
        let message = match seen.message {
            MessageRef::Row(key) => key.row,
            MessageRef::Index { index, .. } => index.into(),
        };
        let known = messages.get(&message).map(|state: &MessageState| state.progress);
        let state = messages.entry(message).or_insert_with(|| MessageState::new(Progress::Accepted));
        state.observe(&seen.state);
        tally.move_message(known, state.progress);
    }
    (messages, tally)
}

/// Any receipts, and the same ones in any order, each as often as it pleases.
fn receipts_and_their_mess() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    prop::collection::vec(receipt(), 1..30).prop_flat_map(|receipts| {
        let again = prop::collection::vec(prop::sample::select(receipts.clone()), 0..30);
        let messy = (Just(receipts.clone()), again).prop_flat_map(|(mut all, again)| {
            all.extend(again);
            Just(all).prop_shuffle()
        });
        (Just(receipts), messy)
    })
}

/// `FAILED` may be said of one channel before or after another delivers.
#[test]
fn delivery_stands_above_failure_and_reading_above_both() {
    let report = |status: &str| {
        format!(r#"{{"message_delivery_report":{{"status":"{status}","metadata":"{{\"sinch_batch_row\":\"c.1\"}}"}}}}"#)
    };
    for (statuses, progress) in [
        (["FAILED", "DELIVERED"], Progress::Delivered),
        (["DELIVERED", "READ"], Progress::Read),
        (["FAILED", "READ"], Progress::Read),
        (["QUEUED_ON_CHANNEL", "FAILED"], Progress::Failed),
        (["SWITCHING_CHANNEL", "QUEUED_ON_CHANNEL"], Progress::Queued),
    ] {
        let [one, other] = statuses.map(report);
        for order in [[one.clone(), other.clone()], [other, one]] {
            let (messages, _) = fold(&order);
            let found: Vec<_> = messages.values().map(|state| state.progress).collect();
            assert_eq!(found, [progress], "{statuses:?}");
        }
    }
}

proptest! {
    #[test]
    fn promise_4_order_and_repetition_of_callbacks_do_not_matter(
        (receipts, messy) in receipts_and_their_mess()
    ) {
        let (messages, tally) = fold(&receipts);
        prop_assert_eq!(fold(&messy), (messages.clone(), tally));
        // The sums kept on the way are those of a recount.
        let mut recount = Tally::default();
        messages.values().for_each(|state| recount.add(state.progress, 1));
        prop_assert_eq!(tally, recount);
    }

    #[test]
    fn state_only_grows(receipts in prop::collection::vec(receipt(), 2..20)) {
        let (before, _) = fold(&receipts[..receipts.len() - 1]);
        let (after, _) = fold(&receipts);
        for (message, state) in before {
            prop_assert!(after[&message] >= state);
        }
    }
}
