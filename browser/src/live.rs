//! Pages of the inbox, and that they live: new messages, presses.

use anyhow::Context;
use serde_json::json;
use thirtyfour::Key;

use crate::Page;
use crate::browser::{Browser, Look};
use crate::inbox::{EVERYTHING, Inbox};

/// The pages that are looked at, full, empty and with hostile texts.
pub(crate) async fn pages(inbox: &Inbox) -> anyhow::Result<Vec<Page>> {
    let person = |identity: &str| format!("inbox/person?identity={}", identity.replace('+', "%2B"));
    let message = first_message(inbox, &person(EVERYTHING)).await?;
    let hostile = first_message(inbox, &person("+15550100066")).await?;
    let page = |name: &str, path: &str| Page { name: name.to_owned(), url: format!("{}{path}", inbox.url) };
    Ok(vec![
        page("inbox", "inbox"),
        page("inbox-empty", "inbox?q=nobody%20at%20all"),
        page("inbox-hostile", "inbox?q=%2B15550100066"),
        page("person", &person(EVERYTHING)),
        page("person-hostile", &person("+15550100066")),
        page("message", &message),
        page("message-hostile", &hostile),
        page("faults", "inbox/faults"),
    ])
}

async fn first_message(inbox: &Inbox, path: &str) -> anyhow::Result<String> {
    let page = inbox.page(path).await?;
    let (_, rest) = page.split_once("\"/inbox/message?").with_context(|| format!("no message on {path}"))?;
    let query = rest.split('"').next().unwrap_or_default();
    Ok(format!("inbox/message?{query}"))
}

/// Says how many messages are new, and what a press did.
pub(crate) async fn is_live(browser: &Browser, inbox: &Inbox) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    browser.open(&format!("{}inbox?q=%2B15550107", inbox.url), Look::ALL[0]).await?;
    let text = json!({"text_message": {"text": "Hello ${name}"}});
    inbox
        .send(&text, &[("SMS", "+15550107001".to_owned(), "Mateo"), ("SMS", "+15550999999".to_owned(), "Zoë")])
        .await?;
    let told = browser
        .ask_later(
            "const done = arguments[arguments.length - 1]; const frame = document.querySelector('[data-live-frame]');
             const said = () => frame.checkVisibility() && frame.innerText.startsWith('1 new');
             const end = performance.now() + 5000;
             const look = () => said() || performance.now() > end ? done(said()) : requestAnimationFrame(look); look()",
        )
        .await?;
    if told != true {
        faults.push("the list does not say that one message within its filter is new".to_owned());
    }
    let path = first_message(inbox, "inbox?q=%2B15550107").await?;
    browser.open(&format!("{}{path}", inbox.url), Look::ALL[0]).await?;
    browser.ask("document.querySelector('button[value=failed]').focus()").await?;
    browser.press(Key::Enter).await?;
    let status = browser
        .ask_later(
            "const done = arguments[arguments.length - 1]; const end = performance.now() + 5000;
             const look = () => { const status = document.querySelector('.facts .sign').className;
               status.includes('failed') || performance.now() > end ? done(status) : requestAnimationFrame(look) }; look()",
        )
        .await?;
    if !status.as_str().is_some_and(|status| status.contains("failed")) {
        faults.push(format!("a press of Enter on the button sends no receipt: {status}"));
    }
    Ok(faults)
}
