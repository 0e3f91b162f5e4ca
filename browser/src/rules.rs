//! What every page keeps to, in every look.

use anyhow::Context;
use serde_json::Value;
use thirtyfour::Key;

use crate::browser::{Browser, Look};

/// What can be reached by keyboard.
const REACHABLE: &str = "a[href], button, input, select, textarea, summary, [tabindex='0']";

/// How the page looks and reads: width, keyboard, axe.
pub(crate) async fn looks(browser: &Browser, look: Look, axe: &str) -> anyhow::Result<Vec<String>> {
    let mut faults = fits(browser, look).await?;
    faults.extend(keyboard_reaches_all(browser).await?);
    // Folded tables are looked at too.
    browser.ask("document.querySelectorAll('details').forEach(details => details.open = true)").await?;
    faults.extend(fits(browser, look).await?);
    faults.extend(axe_is_content(browser, axe).await?);
    let hostile = browser.ask("return window.hostile === undefined ? '' : 'a text was run as a script'").await?;
    faults.extend(hostile.as_str().filter(|text| !text.is_empty()).map(str::to_owned));
    Ok(faults)
}

/// Nothing is wider than the window.
async fn fits(browser: &Browser, look: Look) -> anyhow::Result<Vec<String>> {
    let width = browser.ask("return document.documentElement.scrollWidth").await?;
    let width = width.as_u64().context("the page has no width")?;
    Ok((width > look.width.into()).then(|| format!("{width} points wide")).into_iter().collect())
}

/// The tab key goes through everything that can be used, in order, and shows where it is.
async fn keyboard_reaches_all(browser: &Browser) -> anyhow::Result<Vec<String>> {
    let mark = format!(
        "document.activeElement.blur(); window.scrollTo(0, 0);
         window.reachable = [...document.querySelectorAll(\"{REACHABLE}\")].filter(e => e.checkVisibility());
         return window.reachable.length"
    );
    let n_reachable = browser.ask(&mark).await?.as_u64().context("nothing was counted")?;
    let mut faults = Vec::new();
    for expected in 0..n_reachable {
        browser.press(Key::Tab).await?;
        let here = browser
            .ask(
                "const here = document.activeElement; const style = getComputedStyle(here);
                 return [window.reachable.indexOf(here), here.outerHTML.slice(0, 60),
                         style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]",
            )
            .await?;
        if here[0].as_u64() != Some(expected) {
            faults.push(format!("tab {expected} leads to {}", here[1]));
            break;
        }
        if here[2] != Value::Bool(true) {
            faults.push(format!("the focus cannot be seen on {}", here[1]));
        }
    }
    Ok(faults)
}

async fn axe_is_content(browser: &Browser, axe: &str) -> anyhow::Result<Vec<String>> {
    browser.ask(axe).await?;
    let found = browser
        .ask_later(
            "const done = arguments[arguments.length - 1];
             axe.run(document, {resultTypes: ['violations']})
                .then(found => done({violations: found.violations.map(v =>
                    ({id: v.id, impact: v.impact, help: v.help,
                      nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 100))}))}))
                .catch(error => done({error: String(error)}))",
        )
        .await?;
    if let Some(error) = found["error"].as_str() {
        anyhow::bail!("axe-core did not run: {error}");
    }
    let violations = found["violations"].as_array().context("axe-core said nothing")?;
    let serious = violations.iter().filter(|found| found["impact"] != "minor");
    Ok(serious
        .map(|found| format!("axe: {} ({}): {} {}", found["id"], found["impact"], found["help"], found["nodes"]))
        .collect())
}

/// Whether what is asked for comes from where the page does. A file has nothing but itself.
fn is_of(asked: &str, url: &str) -> bool {
    let origin = |url: &str| url.split('/').take(3).collect::<Vec<_>>().join("/");
    asked == url || url.starts_with("http") && origin(asked) == origin(url)
}

/// Nothing was said on the console, and nothing was asked for but the page itself.
pub(crate) async fn is_quiet(browser: &Browser, url: &str) -> anyhow::Result<Vec<String>> {
    let mut faults: Vec<String> =
        browser.log("browser").await?.into_iter().map(|line| format!("on the console: {line}")).collect();
    let mut asked_for_page = false;
    for line in browser.log("performance").await? {
        let entry: Value = serde_json::from_str(&line).context("a line of the performance log")?;
        if entry["message"]["method"] != "Network.requestWillBeSent" {
            continue;
        }
        // The browser's own pages ask for their own.
        let request = &entry["message"]["params"];
        if request["documentURL"] != url {
            continue;
        }
        let asked = request["request"]["url"].as_str().unwrap_or_default();
        asked_for_page |= asked == url;
        if !is_of(asked, url) && !asked.starts_with("data:") {
            faults.push(format!("asks for {asked}"));
        }
    }
    // Else the rule could not fail.
    if !asked_for_page {
        faults.push("the page itself was not seen to be asked for".to_owned());
    }
    Ok(faults)
}
