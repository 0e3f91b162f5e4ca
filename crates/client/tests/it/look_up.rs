//! What a look-up proves, with its questions by id.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use sinch_batch_auth::AccessToken;
use sinch_batch_client::{Client, Found, Region, RetryPolicy};
use sinch_batch_models::{BatchId, ProjectId};

/// A client whose service answers a look-up and the status of each batch, and the paths that were asked for.
fn over(list: &'static str, status: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> (Client, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let client = Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_region(Region::Us)
        .with_retry(RetryPolicy::none())
        .with_transport(move |request: Request<Bytes>| {
            let id = request.uri().path().strip_prefix("/v1/projects/p/messages").unwrap().trim_start_matches('/');
            let (code, body) = if id.is_empty() { (200, list.to_owned()) } else { status(id) };
            if !id.is_empty() {
                seen.lock().unwrap().push(id.to_owned());
            }
            let answer = http::Response::builder().status(code).header("x-request-id", "r-1").body(Bytes::from(body));
            async move { Ok(answer.unwrap()) }
        })
        .build()
        .unwrap();
    (client, asked)
}

type Asked = Arc<Mutex<Vec<String>>>;

/// The status of a batch that is ours if its id says so.
fn by_name(id: &str) -> (u16, String) {
    let value = if id.starts_with("ours") { "v" } else { "w" };
    (200, format!(r#"{{"batch_id":"{id}","meta_data":{{"k":"{value}"}}}}"#))
}

fn batches(ids: &[&str]) -> Found {
    Found::Batches(ids.iter().copied().map(BatchId::new).collect())
}

fn without_our_key() -> Found {
    Found::Unclear { shape: "a batch that does not show our key".into() }
}

#[tokio::test]
async fn batch_that_does_not_show_our_key_is_asked_for_by_id() {
    for (list, expected, asked) in [
        ("[]", Found::None, &[][..]),
        ("{}", Found::Unclear { shape: "an empty object".into() }, &[]),
        (r#"[{"batch_id":"a","meta_data":{"k":"v"}}]"#, batches(&["a"]), &[]),
        (r#"[{"batch_id":"ours"}]"#, batches(&["ours"]), &["ours"]),
        (r#"[{"batch_id":"other"}]"#, without_our_key(), &["other"]),
        (r#"[{"batch_id":"other"},{"batch_id":"other"}]"#, without_our_key(), &["other"]),
        // In the order of the service, none twice.
        (
            r#"[{"batch_id":"ours1"},{"batch_id":"b","meta_data":{"k":"v"}},7,{"batch_id":"ours1","meta_data":{"k":"v"}},{"batch_id":"x"}]"#,
            batches(&["ours1", "b"]),
            &["ours1", "x"],
        ),
        // What an id cannot be is not asked for.
        (r#"[{"batch_id":".."}]"#, without_our_key(), &[]),
        // No more than five questions.
        (
            r#"[{"batch_id":"1"},{"batch_id":"2"},{"batch_id":"3"},{"batch_id":"4"},{"batch_id":"5"},{"batch_id":"ours6"},{"batch_id":"7"}]"#,
            without_our_key(),
            &["1", "2", "3", "4", "5"],
        ),
    ] {
        let (client, seen) = over(list, by_name);
        let found = client.look_up("k", "v").await.unwrap();
        assert_eq!(found.body, expected, "{list}");
        assert_eq!((found.http_status, found.request_id.as_deref()), (200, Some("r-1")));
        assert_eq!(*seen.lock().unwrap(), asked, "{list}");
    }
}

#[tokio::test]
async fn question_by_id_that_fails_proves_nothing() {
    let list = r#"[{"batch_id":"a"}]"#;
    let look_up = |code| async move { over(list, move |_| (code, "{}".to_owned())).0.look_up("k", "v").await };
    assert_eq!(look_up(404).await.unwrap().body, without_our_key());
    assert_eq!(look_up(503).await.unwrap_err().status(), Some(503));
    assert!(look_up(401).await.unwrap_err().is_credentials());
    // The status of another batch is not that of ours.
    let other = |_: &str| (200, r#"{"batch_id":"b","meta_data":{"k":"v"}}"#.to_owned());
    assert_eq!(over(list, other).0.look_up("k", "v").await.unwrap().body, without_our_key());
    // What is found is found.
    let list = r#"[{"batch_id":"a"},{"batch_id":"b","meta_data":{"k":"v"}}]"#;
    let (client, _) = over(list, |_| (503, String::new()));
    assert_eq!(client.look_up("k", "v").await.unwrap().body, batches(&["b"]));
}

#[tokio::test]
async fn unreadable_response_shows_no_value() {
    let (client, _) = over(r#"[{"meta_data":{"k":"+15550100001"}}]"#, by_name);
    let found = format!("{:?}", client.look_up("k", "v").await.unwrap());
    assert!(found.contains("a batch without a batch_id") && !found.contains("555"), "{found}");
    let (client, _) = over(r#"[{"meta_data":{"k":"+15550100001"#, by_name);
    let error = format!("{:?}", client.look_up("k", "v").await.unwrap_err());
    assert!(!error.contains("555"), "{error}");
}
