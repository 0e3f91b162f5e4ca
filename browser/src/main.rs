//! Our pages in a real browser: `cargo xtask browser` runs it.
//!
//! `sinch-batch-browser AXE FOLDER BINARY [REPORT..]`: AXE is axe-core's script, FOLDER takes the pictures,
//! BINARY is `sinch-batch`, whose inbox is looked at, each REPORT is a page in a file. A report full of
//! hostile texts is looked at besides.
//!
//! Each page is opened at two widths, light and dark, and held to the same [`rules`].

mod browser;
mod hostile;
mod inbox;
mod live;
mod rules;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::browser::{Browser, Look};
use crate::inbox::Inbox;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match run(&args).await {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            for fault in &faults {
                eprintln!("  {fault}");
            }
            eprintln!("error: {} faults in the pages", faults.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let [axe, folder, binary, reports @ ..] = args else {
        anyhow::bail!("usage: sinch-batch-browser AXE FOLDER BINARY [REPORT..]")
    };
    let axe = std::fs::read_to_string(axe).with_context(|| format!("cannot read {}", axe.display()))?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let hostile = folder.join("hostile.html");
    std::fs::write(&hostile, hostile::report()).with_context(|| format!("cannot write {}", hostile.display()))?;
    let mut browser = Browser::start().await?;
    let mut faults = Vec::new();
    for report in reports.iter().chain([&hostile]) {
        let path = report.canonicalize().with_context(|| format!("no page {}", report.display()))?;
        let name = report.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let page = Page { name, url: format!("file://{}", path.display()) };
        faults.extend(page.look_at(&browser, &axe, folder).await?);
        faults.extend(page.reads_without_scripts(&browser).await?);
    }
    let inbox = Inbox::start(binary).await?;
    inbox.fill().await?;
    for page in live::pages(&inbox).await? {
        faults.extend(page.look_at(&browser, &axe, folder).await?);
        faults.extend(page.reads_without_scripts(&browser).await?);
    }
    faults.extend(live::is_live(&browser, &inbox).await?);
    inbox.end().await?;
    browser.end().await?;
    Ok(faults)
}

/// A page to look at, and what its pictures are called.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Page {
    /// In every look; breaches are printed, too.
    async fn look_at(&self, browser: &Browser, axe: &str, folder: &Path) -> anyhow::Result<Vec<String>> {
        let mut faults = Vec::new();
        for look in Look::ALL {
            browser.open(&self.url, look).await?;
            browser.picture(&folder.join(format!("{}-{look}.png", self.name)), look, 2000).await?;
            if look == Look::ALL[0] {
                // As a window shows it, for the README.
                browser.picture(&folder.join(format!("{}.png", self.name)), look, 860).await?;
            }
            let mut found = rules::looks(browser, look, axe).await?;
            found.extend(rules::is_quiet(browser, &self.url).await?);
            println!("{}, {look}: {}", self.name, if found.is_empty() { "ok" } else { "FAULTS" });
            faults.extend(found.into_iter().map(|fault| format!("{}, {look}: {fault}", self.name)));
        }
        Ok(faults)
    }

    /// What a reader without JavaScript sees is what others see.
    async fn reads_without_scripts(&self, browser: &Browser) -> anyhow::Result<Vec<String>> {
        // Ages pass, and what is spoken comes with the stream.
        let words = "const main = document.querySelector('main').cloneNode(true);
             main.querySelectorAll('time, [data-live-spoken]').forEach(passing => passing.remove());
             return main.textContent";
        browser.open(&self.url, Look::ALL[0]).await?;
        let with = browser.ask(words).await?;
        browser.scripts(false).await?;
        browser.open(&self.url, Look::ALL[0]).await?;
        let without = browser.ask(words).await?;
        browser.scripts(true).await?;
        let same = with == without && with.as_str().is_some_and(|text| text.len() > 20);
        Ok((!same).then(|| format!("{}: reads otherwise without JavaScript", self.name)).into_iter().collect())
    }
}
