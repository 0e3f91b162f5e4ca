//! The seven operations against a server that holds each request against the description of the wire,
//! and answers with its samples.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};

use serde::de::DeserializeOwned;
use serde_json::Value;
use sinch_batch_client::{Accepted, Client};
use sinch_batch_models::wire::parse;
use sinch_batch_models::{BatchId, BatchState, CancelBatchRequest};
use sinch_batch_wire::{self as wire, schema};

use crate::loopback::{answer, client, listen, request};

/// The samples of a kind of request that can be read, in order of names.
fn samples<T: DeserializeOwned>(prefix: &str) -> Vec<T> {
    let names = wire::names(prefix).into_iter().filter(|name| !name.contains(".query."));
    names.map(|name| parse(wire::text(&name).as_bytes()).unwrap()).collect()
}

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| wire::json("openapi.json"));

/// A reference followed, or the value itself.
fn followed(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DESCRIPTION.pointer(&reference[1..]).unwrap(),
        None => value,
    }
}

/// The operation that a request is of, if it obeys all that is said about it; else what it breaks.
fn check(request: &str) -> Result<&'static str, String> {
    let (head, body) = request.split_once("\r\n\r\n").ok_or("no head")?;
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: Vec<(String, &str)> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value)).collect();
    let header = |name: &str| headers.iter().find(|(have, _)| have == name).map(|(_, value)| *value);

    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, have)| part == have || part.starts_with('{') && !have.is_empty())
    };
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let item = &paths.iter().find(|(template, _)| fits(template)).ok_or(format!("no such path: {path}"))?.1;
    let operation = item.get(method.to_lowercase()).ok_or(format!("no {method} on {path}"))?;

    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice).iter().map(followed);
    let names: Vec<(&str, bool)> = parameters
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| (parameter["name"].as_str().unwrap(), parameter["required"] == true))
        .collect();
    let given: Vec<&str> = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    if let Some((name, _)) = names.iter().find(|(name, required)| *required && !given.contains(name)) {
        return Err(format!("lacks the parameter {name}"));
    }
    for name in given {
        if !names.iter().any(|(known, _)| *known == name) {
            return Err(format!("the parameter {name} is not known"));
        }
    }
    if header("authorization") != Some("Bearer made-up") {
        return Err("no token".to_owned());
    }
    match operation.pointer("/requestBody/content/application~1json/schema/$ref") {
        Some(reference) => {
            if header("content-type") != Some("application/json") {
                return Err("the body is not said to be JSON".to_owned());
            }
            let body = serde_json::from_str(body).map_err(|error| error.to_string())?;
            let faults = schema::check(reference.as_str().unwrap(), &body);
            if !faults.is_empty() {
                return Err(faults.join("; "));
            }
        }
        None if !body.is_empty() => return Err("there is a body".to_owned()),
        None => {}
    }
    Ok(operation["operationId"].as_str().unwrap())
}

/// Serves the contract, on as many connections as it gets.
async fn serve() -> (Client, Arc<Mutex<Vec<&'static str>>>) {
    let (listener, base_url) = listen().await;
    let seen = Arc::<Mutex<Vec<&'static str>>>::default();
    let log = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let log = log.clone();
            tokio::spawn(async move {
                loop {
                    let said = request(&mut socket).await;
                    if said.is_empty() {
                        return;
                    }
                    let operation = match check(&said) {
                        Ok(operation) => operation,
                        Err(why) => {
                            let body = serde_json::json!({"error": {"code": 400, "message": why}}).to_string();
                            answer(&mut socket, "400 Bad Request", &body).await;
                            continue;
                        }
                    };
                    log.lock().unwrap().push(operation);
                    let body = match operation {
                        "sendBatch" => wire::text("response/send_batch.scheduled.json"),
                        "cancelBatch" => wire::text("response/cancel_batch.json"),
                        "getBatchStatus" => wire::text("response/batch_status.scheduled.json"),
                        "getBatchStatusesByMetadata" => wire::text("response/batch_statuses.by_metadata.json"),
                        "createContacts" => wire::text("response/create_contacts.json"),
                        "deleteContacts" => String::new(),
                        "insertConsents" => wire::text("response/insert_consents.json"),
                        other => panic!("no answer to {other}"),
                    };
                    answer(&mut socket, "200 OK\r\nx-request-id: r-1", &body).await;
                }
            });
        }
    });
    (client(&base_url), seen)
}

#[tokio::test]
async fn all_seven_operations_obey_the_description_and_read_its_samples() {
    let (client, seen) = serve().await;
    for request in samples("request/send_batch.") {
        let sent = client.send_batch(&request).await.unwrap();
        assert!(sent.send_after.is_some() && !sent.batch_id.is_empty());
        assert_eq!((sent.http_status, sent.request_id.as_deref()), (200, Some("r-1")));
    }
    for request in samples("request/cancel_batch.") {
        assert!(matches!(&*client.cancel_batch(&request).await.unwrap(), Accepted(Some(said)) if said.is_object()));
    }
    let status = client.batch_status(&BatchId::new("01KZ2D9R6AYBT8DN9B4MPA14Y8")).await.unwrap();
    assert_eq!(status.status, Some(BatchState::Scheduled));
    let found: Value = serde_json::from_str(&wire::text("response/batch_statuses.by_metadata.json")).unwrap();
    let (key, value) = found[0]["meta_data"].as_object().unwrap().iter().next().unwrap();
    assert!(!client.find_batches(key, value.as_str().unwrap()).await.unwrap().is_empty());
    for request in samples("request/create_contacts.") {
        client.create_contacts(&request).await.unwrap();
    }
    for request in samples("request/delete_contacts.") {
        assert_eq!(*client.delete_contacts(&request).await.unwrap(), Accepted(None));
    }
    for request in samples("request/insert_consents.") {
        assert!(client.insert_consents(&request).await.unwrap().batch_id.is_some());
    }
    let seen: BTreeSet<_> = seen.lock().unwrap().iter().copied().collect();
    let known = DESCRIPTION["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let known: BTreeSet<_> =
        known.filter_map(|it| it["operationId"].as_str()).filter(|id| *id != "createToken").collect();
    assert_eq!(seen, known);
}

#[test]
fn server_finds_what_breaks_the_description() {
    let head = "host: x\r\nauthorization: Bearer made-up\r\n";
    let json = "content-type: application/json\r\n";
    for (request, fault) in [
        (format!("GET /v1/projects/p/messages/b HTTP/1.1\r\n{head}\r\n"), None),
        (format!("GET /v1/projects//messages/b HTTP/1.1\r\n{head}\r\n"), Some("no such path")),
        (format!("PUT /v1/projects/p/messages HTTP/1.1\r\n{head}\r\n"), Some("no PUT")),
        (format!("GET /v1/projects/p/messages?metadataKey=k HTTP/1.1\r\n{head}\r\n"), Some("metadataValue")),
        (
            format!("GET /v1/projects/p/messages?metadataKey=k&metadataValue=v&x=y HTTP/1.1\r\n{head}\r\n"),
            Some("x is not known"),
        ),
        ("GET /v1/projects/p/messages/b HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), Some("no token")),
        (
            format!("DELETE /v1/projects/p/contacts HTTP/1.1\r\n{head}\r\n{{\"contact_ids\":[\"a\"]}}"),
            Some("not said to be JSON"),
        ),
        (
            format!("DELETE /v1/projects/p/contacts HTTP/1.1\r\n{head}{json}\r\n{{\"contact_ids\":[]}}"),
            Some("too few items"),
        ),
        (format!("GET /v1/projects/p/messages/b HTTP/1.1\r\n{head}{json}\r\n{{}}"), Some("there is a body")),
    ] {
        match (check(&request), fault) {
            (Ok(_), None) => {}
            (Err(why), Some(fault)) => assert!(why.contains(fault), "{why}"),
            (found, expected) => panic!("{found:?}, expected {expected:?}: {request}"),
        }
    }
}

#[tokio::test]
async fn metadata_of_any_kind_goes_through_the_query() {
    let (client, seen) = serve().await;
    client.find_batches("campaign & id", "a=b/ä?#").await.unwrap();
    client.cancel_batch(&CancelBatchRequest::metadata("campaign & id", "a=b/ä?#")).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["getBatchStatusesByMetadata", "cancelBatch"]);
}
