//! The pages of the inbox, and who may use the control side.

use jiff::Timestamp;
use serde_json::{Value, json};
use sinch_batch_simulator::{Fault, FaultKind, SimulatedOperation, SimulatorConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{APP, Caller, Webhook, batch, crowd, to};

/// What a browser is answered: status, headers, page.
struct Page {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Page {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn open(caller: &Caller, path: &str) -> Page {
    let url = format!("{}{path}", caller.simulator.control_url());
    page(caller.http.get(url).header("accept", "text/html,*/*;q=0.8")).await
}

/// A form as our own page sends it. Its answer is not followed.
async fn press(caller: &Caller, path: &str, form: &str) -> Page {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = format!("{}{path}", caller.simulator.control_url());
    let request = http.post(url).header("sec-fetch-site", "same-origin").header("accept", "text/html");
    page(request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())).await
}

async fn page(request: reqwest::RequestBuilder) -> Page {
    let answer = request.send().await.unwrap();
    Page { status: answer.status().as_u16(), headers: answer.headers().clone(), text: answer.text().await.unwrap() }
}

/// A request with these lines of a head, as bytes; its answer.
async fn raw(caller: &Caller, first: &str, head: &[&str]) -> String {
    let addr = caller.simulator.control_url();
    let mut stream = TcpStream::connect(addr.trim_start_matches("http://")).await.unwrap();
    let request =
        format!("{first} HTTP/1.1\r\n{}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}", head.join("\r\n"));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn other_hosts_and_other_pages_are_refused() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let host = caller.simulator.control_url().trim_start_matches("http://").to_owned();
    let ours = format!("Host: {host}");
    for (first, head, status) in [
        ("GET /stats", vec![&*ours], "200"),
        ("GET /stats", vec!["Host: evil.example"], "403"),
        ("GET /stats", vec!["Host: 127.0.0.1:1"], "403"),
        ("GET /", vec![], "400"),
        ("DELETE /faults", vec![&*ours], "200"),
        ("DELETE /faults", vec![&*ours, "Origin: https://evil.example"], "403"),
        ("DELETE /faults", vec![&*ours, "Sec-Fetch-Site: cross-site"], "403"),
        ("POST /clock", vec![&*ours, "Origin: null"], "403"),
        ("POST /inbox/clock", vec![&*ours, "Sec-Fetch-Site: same-site"], "403"),
    ] {
        let answer = raw(&caller, first, &head).await;
        // Without a host, hyper or the guard refuses.
        let refused = status == "400" && (answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 403"));
        assert!(refused || answer.starts_with(&format!("HTTP/1.1 {status}")), "{first} {head:?}: {answer}");
    }
}

#[tokio::test]
async fn further_name_may_be_given() {
    let caller = Caller::start(SimulatorConfig::default().with_control_name("inbox.test:80")).await;
    assert!(raw(&caller, "GET /stats", &["Host: inbox.test:80"]).await.starts_with("HTTP/1.1 200"));
    assert!(raw(&caller, "GET /stats", &["Host: inbox.test:81"]).await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn with_a_key_only_its_holders_are_served() {
    let caller = Caller::start(SimulatorConfig::default().with_control_key(7)).await;
    assert_eq!(open(&caller, "/inbox").await.status, 403);
    assert_eq!(caller.control("GET", "/stats", Value::Null).await.status, 403);
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let visit = page(http.get(caller.simulator.inbox_url())).await;
    assert_eq!((visit.status, visit.header("location")), (303, "/"));
    let cookie = visit.header("set-cookie").split(';').next().unwrap().to_owned();
    let url = format!("{}/inbox", caller.simulator.control_url());
    assert_eq!(page(http.get(&url).header("cookie", cookie)).await.status, 200);
    let key = format!("{:032x}", 7);
    assert_eq!(page(http.get(&url).bearer_auth(key)).await.status, 200);
}

#[tokio::test]
async fn browsers_get_pages_and_programs_get_json() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    assert!(caller.control("GET", "/", Value::Null).await.body.is_object());
    let inbox = open(&caller, "/").await;
    assert_eq!(inbox.header("content-type"), "text/html; charset=utf-8");
    assert!(inbox.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(inbox.header("cache-control"), "no-store");
    assert!(inbox.text.contains("Nothing has been sent yet"), "{}", inbox.text);
    for asset in inbox.text.split('"').filter(|part| part.starts_with("/assets/")) {
        let asset = open(&caller, asset).await;
        assert!(asset.status == 200 && asset.header("cache-control").contains("immutable"));
    }
    assert_eq!(open(&caller, "/inbox/message?at=0.0").await.status, 404);
    assert_eq!(open(&caller, "/assets/none.css").await.status, 404);
}

/// The identities of a list, in order.
fn identities(page: &str) -> Vec<String> {
    let links = page.split("/inbox/person?identity=%2B").skip(1);
    links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

fn link_to(page: &str, words: &str) -> Option<String> {
    let before = page.split(&format!("{words}</a>")).next().filter(|before| before.len() < page.len())?;
    let href = before.rsplit("href=\"").next()?.split('"').next()?;
    Some(href.replace("&amp;", "&"))
}

#[tokio::test]
async fn list_goes_back_page_by_page_and_misses_nothing() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    for first in [0, 70, 75] {
        caller.send(&crowd(first, if first == 70 { 5 } else { 70 })).await;
    }
    let mut seen = Vec::new();
    let mut path = "/inbox".to_owned();
    loop {
        let page = open(&caller, &path).await;
        let found = identities(&page.text);
        assert!(found.len() <= 50);
        seen.extend(found);
        match link_to(&page.text, "Older") {
            Some(older) => path = older,
            None => break,
        }
    }
    let expected: Vec<String> = (0..145).rev().map(|number| format!("1555{number:07}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn list_is_searched_and_filtered() {
    let caller = Caller::start(SimulatorConfig::default().with_fail_percent(0.0).with_read_percent(0.0)).await;
    let people = [("+15550000001", json!({"name": "Zoë"})), ("+15550000002", json!({"name": "Bob"}))];
    let mut body = batch("Hello ${name}", &people);
    body["recipient_and_params"][1]["recipient"]["identified_by"]["channel_identities"][0]["channel"] =
        "WHATSAPP".into();
    caller.send(&body).await;
    caller.simulator.idle().await;
    for (query, expected) in [
        ("", vec!["15550000002", "15550000001"]),
        ("q=hello+ZO%C3%8B", vec!["15550000001"]),
        ("q=%2B15550000002", vec!["15550000002"]),
        ("q=0000002", vec![]),
        ("q=text_message", vec![]),
        ("channel=WHATSAPP", vec!["15550000002"]),
        ("status=delivered", vec!["15550000002", "15550000001"]),
        ("status=read", vec![]),
        ("channel=SMS&status=delivered&q=hello", vec!["15550000001"]),
    ] {
        let page = open(&caller, &format!("/inbox?{query}")).await;
        assert_eq!(identities(&page.text), expected, "{query}");
    }
}

#[tokio::test]
async fn receipt_by_a_click_reaches_the_webhook() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(to(&webhook).with_fail_percent(0.0).with_read_percent(0.0)).await;
    caller.send(&crowd(1, 1)).await;
    caller.simulator.idle().await;
    for status in ["read", "again", "late", "failed&code=CHANNEL_REJECT"] {
        let form = format!("at=0.0&status={status}&back=%2Finbox%2Fmessage%3Fat%3D0.0");
        let pressed = press(&caller, "/inbox/receipt", &form).await;
        assert_eq!((pressed.status, pressed.header("location")), (303, "/inbox/message?at=0.0"), "{}", pressed.text);
        caller.simulator.idle().await;
    }
    let expected = ["QUEUED_ON_CHANNEL", "DELIVERED", "READ", "READ", "QUEUED_ON_CHANNEL", "FAILED"];
    assert_eq!(webhook.receipts("+15550000001"), expected);
    let last = webhook.received().last().unwrap().clone();
    assert_eq!(last["message_delivery_report"]["reason"]["code"], "CHANNEL_REJECT");
    assert_eq!(caller.simulator.stats().messages.failed, 1);
    let page = open(&caller, "/inbox/message?at=0.0").await;
    assert_eq!(page.text.matches("QUEUED_ON_CHANNEL").count(), 2);
    assert!(page.text.contains("x-sinch-webhook-signature"));
    for wrong in ["at=0.1&status=read", "at=x&status=read", "at=0.0&status=eaten", "at=0.0", ""] {
        assert!([400, 404].contains(&press(&caller, "/inbox/receipt", wrong).await.status), "{wrong}");
    }
}

#[tokio::test]
async fn replies_and_opt_outs_by_a_click_reach_the_webhook() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(to(&webhook)).await;
    let choice = json!({"choice_message": {"text_message": {"text": "Coming?"}, "choices": [
        {"text_message": {"text": "Yes"}, "postback_data": "yes"}, {"text_message": {"text": "No"}}]}});
    let mut body = crowd(1, 1);
    body["message"] = choice;
    let batch_id = caller.send(&body).await.body["batch_id"].clone();
    caller.simulator.idle().await;
    for form in ["at=0.0&text=I+will+come", "at=0.0&title=Yes&choice=yes", "at=0.0&title=No&choice="] {
        assert_eq!(press(&caller, "/inbox/reply", form).await.status, 303);
        caller.simulator.idle().await;
    }
    assert_eq!(press(&caller, "/inbox/opt-out", "identity=%2B15550000001&channel=SMS").await.status, 303);
    caller.simulator.idle().await;
    let received = webhook.received();
    let message_id = received.iter().find_map(|it| it["message_delivery_report"]["message_id"].as_str()).unwrap();
    let said: Vec<&Value> = received.iter().filter_map(|it| it.get("message")).collect();
    assert_eq!(said[0]["contact_message"], json!({"text_message": {"text": "I will come"}}));
    let expected = json!({"choice_response_message": {"message_id": message_id, "postback_data": "yes"},
        "reply_to": {"message_id": message_id}});
    assert_eq!(said[1]["contact_message"], expected);
    let postback = &said[2]["contact_message"]["choice_response_message"]["postback_data"];
    assert_eq!(*postback, json!(format!("{message_id}_No")));
    assert_eq!(said[1]["channel_identity"]["identity"], "+15550000001");
    let reply = received.iter().find(|it| it.get("message").is_some()).unwrap();
    let metadata: Value = serde_json::from_str(reply["message_metadata"].as_str().unwrap()).unwrap();
    assert_eq!((&metadata["_batch_id"], &reply["app_id"]), (&batch_id, &json!(APP)));
    assert!(received.iter().any(|it| it["opt_out_notification"]["identity"] == "+15550000001"));

    let person = open(&caller, "/inbox/person?identity=%2B15550000001").await;
    for words in ["Coming?", "I will come", "opted out of", "Opt out of SMS", ">Yes<"] {
        assert!(person.text.contains(words), "{words} in {}", person.text);
    }
    assert_eq!(press(&caller, "/inbox/reply", "at=0.0").await.status, 400);
}

#[tokio::test]
async fn outcomes_for_a_person_are_set_by_a_form() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let form = "identity=%2B15550000001&outcome=failed&code=CHANNEL_REJECT";
    assert_eq!(press(&caller, "/inbox/outcome", form).await.status, 303);
    caller.send(&crowd(1, 1)).await;
    caller.simulator.idle().await;
    assert_eq!(caller.simulator.stats().messages.failed, 1);
    let wrong = press(&caller, "/inbox/outcome", "identity=%2B1&outcome=eaten").await;
    assert!(wrong.status == 400 && wrong.text.contains("expected queued, delivered"), "{}", wrong.text);
}

#[tokio::test]
async fn faults_and_clock_are_forms_too() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let form = "operation=send_batch&fault=refuse_503&times=2&after=0&seconds=";
    assert_eq!(press(&caller, "/inbox/faults", form).await.status, 303);
    assert!(open(&caller, "/inbox/faults").await.text.contains("2 times"));
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 503);
    let wrong = press(&caller, "/inbox/faults", "operation=send_batch&fault=stale").await;
    assert!(wrong.status == 400 && wrong.text.contains("cannot happen to send_batch"), "{}", wrong.text);
    assert_eq!(press(&caller, "/inbox/faults", "clear=yes").await.status, 303);
    caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::Delay));
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 200);
    let before = caller.control("POST", "/clock", json!({"advance_seconds": 0})).await.body["now"].clone();
    assert_eq!(press(&caller, "/inbox/clock", "advance_seconds=3600").await.status, 303);
    let after = caller.control("POST", "/clock", json!({"advance_seconds": 0})).await.body["now"].clone();
    let time = |text: &Value| text.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time(&after).as_second() - time(&before).as_second() >= 3600);
}

#[tokio::test]
async fn stream_counts_what_is_new_within_the_filter() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    caller.send(&crowd(0, 3)).await;
    let url = format!("{}/inbox/live?q=%2B15550000005&after=0.2", caller.simulator.control_url());
    let now = page(caller.http.get(&url).header("accept", "application/json")).await;
    let state: Value = serde_json::from_str(&now.text).unwrap();
    assert_eq!((&state["new"], &state["all"]), (&json!("0"), &json!("3")));
    let mut stream = caller.http.get(&url).header("accept", "text/event-stream").send().await.unwrap();
    let first = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("data: {") && first.contains(r#""new":"0""#), "{first}");
    caller.send(&crowd(4, 3)).await;
    let mut last = String::new();
    while !last.contains(r#""new":"1""#) {
        last = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    }
    assert!(last.contains(r#""all":"6""#), "{last}");
}
