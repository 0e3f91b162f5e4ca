//! Chromium without a window, and its driver.

use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use serde_json::{Value, json};
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities, WebDriver};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What is given to Chromium besides its own folder.
const OPTIONS: [&str; 9] = [
    "--headless",
    "--no-sandbox", // root has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// How wide the window is, and light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) dark: bool,
}

impl Look {
    pub(crate) const ALL: [Self; 4] = [
        Self { width: 1280, dark: false },
        Self { width: 1280, dark: true },
        Self { width: 320, dark: false },
        Self { width: 320, dark: true },
    ];
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.width, if self.dark { "dark" } else { "light" })
    }
}

pub(crate) struct Browser {
    driver: WebDriver,
    process: Child,
    // Chromium's own folder, which vanishes with this.
    _folder: tempfile::TempDir,
}

impl Browser {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start chromedriver (Debian: apt-get install chromium chromium-driver)")?;
        let output = process.stdout.take().context("chromedriver has no output")?;
        let port = tokio::time::timeout(Duration::from_secs(30), port(BufReader::new(output)))
            .await
            .context("chromedriver did not say its port within 30s")??;
        let folder = tempfile::tempdir()?;
        let mut wanted = ChromeCapabilities::new();
        for option in OPTIONS {
            wanted.add_arg(option)?;
        }
        wanted.add_arg(&format!("--user-data-dir={}", folder.path().display()))?;
        wanted.set_logging_prefs("browser", LoggingPrefsLogLevel::All)?;
        wanted.set_logging_prefs("performance", LoggingPrefsLogLevel::All)?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.context("no browser")?;
        Ok(Self { driver, process, _folder: folder })
    }

    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        self.driver.clone().quit().await?;
        self.process.kill().await?;
        Ok(())
    }

    /// A command of the debugging protocol.
    pub(crate) async fn tell(&self, command: &str, with: Value) -> anyhow::Result<Value> {
        self.driver.cdp().send_raw(command, with).await.with_context(|| command.to_owned())
    }

    /// Opens a page in a look.
    pub(crate) async fn open(&self, url: &str, look: Look) -> anyhow::Result<()> {
        // What was logged before is not this page's.
        self.log("browser").await?;
        self.log("performance").await?;
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": false}),
        )
        .await?;
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tell("Emulation.setEmulatedMedia", json!({"features": features})).await?;
        self.driver.goto(url).await?;
        Ok(())
    }

    /// Lets pages run scripts, or not.
    pub(crate) async fn scripts(&self, may_run: bool) -> anyhow::Result<()> {
        self.tell("Emulation.setScriptExecutionDisabled", json!({"value": !may_run})).await?;
        Ok(())
    }

    /// What a script returns. It is the driver's, so no policy of the page stops it.
    pub(crate) async fn ask(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// What a script gives to its last argument.
    pub(crate) async fn ask_later(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.driver.execute_async(script, Vec::new()).await?.json().clone())
    }

    pub(crate) async fn press(&self, key: thirtyfour::Key) -> anyhow::Result<()> {
        Ok(self.driver.action_chain().send_keys(key).perform().await?)
    }

    /// What was logged since the last call.
    pub(crate) async fn log(&self, kind: &str) -> anyhow::Result<Vec<String>> {
        let entries = self.driver.get_log(kind).await.with_context(|| format!("no log {kind}"))?;
        Ok(entries.into_iter().map(|entry| entry.message).collect())
    }

    /// Takes a picture of the page, so high at most.
    pub(crate) async fn picture(&self, path: &Path, look: Look, highest: u32) -> anyhow::Result<()> {
        let height = self.ask(&format!("return Math.min({highest}, document.documentElement.scrollHeight)")).await?;
        let clip = json!({"x": 0, "y": 0, "width": look.width, "height": height, "scale": 1});
        let shot = self
            .tell("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true, "clip": clip}))
            .await?;
        let data = shot["data"].as_str().context("the picture has no data")?;
        let png = base64::engine::general_purpose::STANDARD.decode(data)?;
        std::fs::write(path, png).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Reads the line that names the port.
async fn port(output: impl tokio::io::AsyncBufRead + Unpin) -> anyhow::Result<u16> {
    let mut lines = output.lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().with_context(|| line.clone());
        }
    }
    bail!("chromedriver ended without saying its port")
}
