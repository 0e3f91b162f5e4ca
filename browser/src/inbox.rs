//! The simulator's inbox, served by the real binary: what people of every channel got.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::hostile::TEXTS;

const PROJECT: &str = "demo";
const APP: &str = "01KZ4EBHKN27EZJ4Q91V5C36G1";
/// The person who gets a message of every kind.
pub(crate) const EVERYTHING: &str = "+15550100042";

/// A receiver and a simulator, as a user starts them.
pub(crate) struct Inbox {
    pub(crate) url: String,
    api: String,
    token: String,
    http: reqwest::Client,
    children: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl Inbox {
    pub(crate) async fn start(binary: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ledger = folder.path().join("ledger.db");
        let mut children = Vec::new();
        let mut listen = Command::new(binary);
        listen.args(["listen", "--addr", "127.0.0.1:0", "--ledger"]).arg(&ledger);
        let receiver = ready(&mut listen, &mut children).await?;
        let mut simulate = Command::new(binary);
        simulate.args(["simulate", "--addr", "127.0.0.1:0", "--control", "127.0.0.1:0", "--fail-percent", "12"]);
        simulate.args(["--callback-url", text(&receiver, "url")?]);
        let simulator = ready(&mut simulate, &mut children).await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let answer = http
            .post(text(&simulator, "auth")?)
            .basic_auth("key", Some("secret"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials")
            .send()
            .await?;
        let token: Value = serde_json::from_str(&answer.text().await?)?;
        Ok(Self {
            url: text(&simulator, "inbox")?.to_owned(),
            api: text(&simulator, "api")?.to_owned(),
            token: text(&token, "access_token")?.to_owned(),
            http,
            children,
            _folder: folder,
        })
    }

    /// Sends what the pictures show, and texts that would like to be more.
    pub(crate) async fn fill(&self) -> anyhow::Result<()> {
        let hostile: Vec<(&str, String, &str)> =
            TEXTS.iter().map(|text| ("SMS", "+15550100066".to_owned(), *text)).collect();
        self.send(&json!({"text_message": {"text": "${name}"}}), &hostile).await?;
        for text in TEXTS {
            let card = json!({"card_message": {"title": text, "description": text, "media_message": {"url": text},
                "choices": [{"text_message": {"text": text}, "postback_data": text},
                            {"url_message": {"title": text, "url": text}}]}});
            self.send(&card, &[("WHATSAPP", "+15550100066".to_owned(), text)]).await?;
        }
        for (message, channel) in kinds() {
            self.send(&message, &[(channel, EVERYTHING.to_owned(), "Amara")]).await?;
        }
        let names = ["Mateo", "Renée", "Zoë", "Chidi", "Yusuf", "Åsa", "Bjorn", "Ciara", "Müge", "Tariq"];
        for (round, (channel, message)) in everyday().into_iter().enumerate() {
            let people: Vec<(&str, String, &str)> = names
                .iter()
                .enumerate()
                .skip(round % 3)
                .step_by(3)
                .map(|(at, name)| (channel, format!("+155501{:05}", 1000 + round * 137 + at * 29), *name))
                .collect();
            self.send(&message, &people).await?;
        }
        Ok(())
    }

    pub(crate) async fn send(&self, message: &Value, people: &[(&str, String, &str)]) -> anyhow::Result<()> {
        let people: Vec<Value> = people
            .iter()
            .map(|(channel, identity, name)| {
                json!({"recipient": {"identified_by": {"channel_identities": [{"channel": channel, "identity": identity}]}},
                       "parameters": {"name": name, "day": "Tuesday"}})
            })
            .collect();
        let body = json!({"app_id": APP, "message": message, "recipient_and_params": people});
        let url = format!("{}/v1/projects/{PROJECT}/messages", self.api);
        let answer = self.http.post(url).bearer_auth(&self.token).body(body.to_string()).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "a batch was answered {status}: {}", answer.text().await?);
        Ok(())
    }

    pub(crate) async fn page(&self, path: &str) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.url);
        Ok(self.http.get(url).header("accept", "text/html").send().await?.error_for_status()?.text().await?)
    }

    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        for child in &mut self.children {
            child.kill().await?;
        }
        Ok(())
    }
}

/// Starts a server of ours; what it says when it is ready.
async fn ready(command: &mut Command, children: &mut Vec<Child>) -> anyhow::Result<Value> {
    command.env("SINCH_WEBHOOK_SECRET", "a secret of the browser's checks");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
    let output = child.stdout.take().context("no output")?;
    children.push(child);
    let line = BufReader::new(output).lines().next_line().await?.context("a server ended before it was ready")?;
    serde_json::from_str(&line).with_context(|| line.clone())
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name].as_str().with_context(|| format!("no {name} in {value}"))
}

fn choices() -> Value {
    json!([
        {"text_message": {"text": "Yes, I will come"}, "postback_data": "yes"},
        {"text_message": {"text": "Another day"}, "postback_data": "move"},
        {"url_message": {"title": "Directions", "url": "https://example.com/way"}},
        {"call_message": {"title": "Call us", "phone_number": "+15550199001"}},
    ])
}

/// A message of every kind.
fn kinds() -> Vec<(Value, &'static str)> {
    let card = |title: &str, file: &str| {
        json!({"title": title, "description": "Wool, made for rain. See https://example.com/coats.",
            "media_message": {"url": format!("https://static.example.com/{file}")},
            "choices": [{"text_message": {"text": "Keep one for me"}, "postback_data": "keep"}]})
    };
    vec![
        (
            json!({"text_message": {"text": "Hello ${name}, your parcel is *on its way*: https://example.com/p/1"}}),
            "WHATSAPP",
        ),
        (json!({"card_message": card("Autumn coats", "coat.jpg")}), "WHATSAPP"),
        (json!({"carousel_message": {"cards": [card("Red", "red.jpg"), card("Green", "green.jpg")]}}), "RCS"),
        (json!({"choice_message": {"text_message": {"text": "See you on ${day}?"}, "choices": choices()}}), "WHATSAPP"),
        (
            json!({"list_message": {"title": "Pick a flavour", "description": "One scoop", "sections": [
            {"title": "Fruit", "items": [{"choice": {"title": "Lemon", "description": "Sharp", "postback_data": "lemon"}}]},
            {"title": "Shop", "items": [{"product": {"id": "sku-7", "marketplace": "FACEBOOK", "quantity": 2, "item_price": 4.5, "currency": "EUR"}}]}]}}),
            "WHATSAPP",
        ),
        (json!({"media_message": {"url": "https://static.example.com/plan.pdf"}}), "RCS"),
        (
            json!({"location_message": {"title": "Our shop", "label": "By the bridge", "coordinates": {"latitude": 59.3293, "longitude": 18.0686}}}),
            "RCS",
        ),
        (
            json!({"contact_info_message": {"name": {"full_name": "Ada Berg"}, "phone_numbers": [{"phone_number": "+15550199002"}]}}),
            "RCS",
        ),
        (
            json!({"template_message": {"omni_template": {"template_id": "reminder", "version": "1", "language_code": "en", "parameters": {"name": "${name}"}}}}),
            "RCS",
        ),
        (
            json!({"text_message": {"text": "for others"}, "explicit_channel_message": {"LINE": "{\"type\": \"flex\"}"}}),
            "LINE",
        ),
        (json!({"card_message": card("A card", "coat.jpg")}), "SMS"),
    ]
}

/// What stands on top of the list.
fn everyday() -> Vec<(&'static str, Value)> {
    let text = |text: &str| json!({"text_message": {"text": text}});
    vec![
        ("SMS", text("Hello ${name}, your code is 146538.")),
        ("RCS", json!({"media_message": {"url": "https://static.example.com/ticket.pdf"}})),
        ("WHATSAPP", text("Hello ${name}, your parcel is on its way: https://example.com/p/1")),
        ("SMS", text("Hello ${name}, we open again on ${day} at 9.")),
        (
            "RCS",
            json!({"card_message": {"title": "Autumn coats are here, ${name}", "description": "Wool, made for rain."}}),
        ),
        (
            "WHATSAPP",
            json!({"choice_message": {"text_message": {"text": "${name}, will we see you on ${day}?"}, "choices": choices()}}),
        ),
        ("VIBERBM", text("Thank you, ${name}. Your table is kept for ${day}.")),
    ]
}
