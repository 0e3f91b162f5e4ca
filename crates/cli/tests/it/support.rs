//! Runs the binary, and talks to the simulator's control side.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sinch_batch::ledger::PlannedRows;
use tempfile::{NamedTempFile, TempDir};

pub(crate) const SECRET: &str = "a-webhook-secret-for-tests";
pub(crate) const KEY_SECRET: &str = "a-key-secret-for-tests";

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The binary in a folder, with nothing of ours in its environment.
pub(crate) fn binary(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sinch-batch"));
    for (name, _) in std::env::vars() {
        if name.starts_with("SINCH_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null()).env("SINCH_BATCH_LOG", "debug");
    // The default ledger belongs to the test too.
    command.env("XDG_STATE_HOME", folder.join("state"));
    command
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the exit code, and that a failure is one sentence with a hint.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self:?}");
        if code != 0 {
            assert!(self.stderr.lines().any(|line| line.starts_with("error: ")), "{self:?}");
            assert!(self.stderr.lines().any(|line| line.starts_with("hint: ")), "{self:?}");
        }
        self
    }
}

pub(crate) fn run(command: &mut Command) -> Said {
    let output = command.output().expect("the binary runs");
    Said {
        status: output.status,
        stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
    }
}

/// A process that tells on its first line where it listens; it is killed at the end.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) ready: Value,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with_log(command.stderr(Stdio::null()))
    }

    /// Its standard error goes where the command says.
    pub(crate) fn start_with_log(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(ready["ready"], true);
        Self { child, ready }
    }

    pub(crate) fn url(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Asks it to end, as an operator does; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        assert!(Command::new("kill").args(["-TERM", &self.id()]).status().unwrap().success());
        self.wait()
    }

    /// Ends it at once: nothing of it runs any more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// What it has printed after its first line, once it has ended.
    pub(crate) fn printed(&mut self) -> String {
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        printed
    }

    /// What is left of its standard error, once it has ended.
    pub(crate) fn log(&mut self) -> String {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that runs while the test goes on; it is killed at the end.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
}

impl Running {
    /// What it says goes into files, so that it never waits for its reader.
    pub(crate) fn start(command: &mut Command) -> Self {
        let (stdout, stderr) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        command.stdout(stdout.reopen().unwrap()).stderr(stderr.reopen().unwrap());
        Self { child: command.spawn().expect("the binary runs"), stdout, stderr }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a step; the command must still be there when it comes.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut is_there: impl FnMut() -> bool) {
        let began = Instant::now();
        while !is_there() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status} before {what}: {}", self.said(status).stderr);
            }
            assert!(began.elapsed() < Duration::from_secs(60), "no sign of {what}: {}", self.stderr());
            std::thread::yield_now();
        }
        self.still_runs();
    }

    /// Waits until it says something on standard error.
    #[track_caller]
    pub(crate) fn until_said(&mut self, words: &str) {
        let path = self.stderr.path().to_owned();
        self.until(words, || std::fs::read_to_string(&path).unwrap().contains(words));
    }

    #[track_caller]
    pub(crate) fn still_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("it has ended with {status}: {}", self.said(status).stderr);
        }
    }

    #[track_caller]
    pub(crate) fn signal(&mut self, name: &str) {
        self.still_runs();
        let id = self.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// SIGKILL: nothing of it runs any more.
    #[track_caller]
    pub(crate) fn kill(mut self) {
        self.still_runs();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Said {
        let status = self.child.wait().unwrap();
        self.said(status)
    }

    /// What it has said so far on standard error.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(self.stderr.path()).unwrap()
    }

    fn said(&self, status: ExitStatus) -> Said {
        Said { status, stdout: std::fs::read_to_string(self.stdout.path()).unwrap(), stderr: self.stderr() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; one that was stopped dies too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a ledger, a receiver and a simulator around it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) simulator: Server,
    pub(crate) _receiver: Option<Server>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(simulate: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut listen = binary(folder.path());
        listen.args(["listen", "--addr", "127.0.0.1:0", "--ledger", "ledger.db"]).env("SINCH_WEBHOOK_SECRET", SECRET);
        let receiver = Server::start(&mut listen);
        let simulator = simulator(folder.path(), &[&["--callback-url", receiver.url("url")], simulate].concat());
        Self { folder, simulator, _receiver: Some(receiver) }
    }

    /// With a receiver that has these flags and variables, too.
    pub(crate) fn listening(listen: &[&str], env: &[(&str, &str)], simulate: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = binary(folder.path());
        command.args(["listen", "--addr", "127.0.0.1:0", "--ledger", "ledger.db"]).args(listen);
        command.env("SINCH_WEBHOOK_SECRET", SECRET).envs(env.iter().copied());
        let receiver = Server::start(&mut command);
        let simulator = simulator(folder.path(), &[&["--callback-url", receiver.url("url")], simulate].concat());
        Self { folder, simulator, _receiver: Some(receiver) }
    }

    /// An order to the simulator's control side.
    pub(crate) fn order(&self, path: &str, order: Value) {
        http("POST", self.simulator.url("control"), path, &order.to_string());
    }

    /// Without a receiver: nothing else writes to the ledger, and no receipt proves anything.
    pub(crate) fn silent() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let simulator = simulator(folder.path(), &[]);
        Self { folder, simulator, _receiver: None }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A command that knows the ledger and the service.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = binary(self.path());
        command.args(args).args(["--ledger", "ledger.db"]);
        self.service(&mut command);
        command
    }

    /// A command that knows the ledger alone.
    pub(crate) fn command_without_service(&self, args: &[&str]) -> Command {
        let mut command = binary(self.path());
        command.args(args).args(["--ledger", "ledger.db"]);
        command
    }

    /// A command that knows the service alone.
    pub(crate) fn api(&self, args: &[&str]) -> Command {
        let mut command = binary(self.path());
        command.args(args);
        self.service(&mut command);
        command
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Lines of JSON from the simulator's control side.
    pub(crate) fn there(&self, path: &str) -> Vec<Value> {
        let body = get(self.simulator.url("control"), path);
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn service(&self, command: &mut Command) {
        command
            .env("SINCH_BATCH_BASE_URL", self.simulator.url("api"))
            .env("SINCH_AUTH_URL", self.simulator.url("auth"))
            .env("SINCH_PROJECT_ID", "a-project")
            .env("SINCH_APP_ID", "01KZ4EBHKN27EZJ4Q91V5C36G1")
            .env("SINCH_KEY_ID", "a-key-id")
            .env("SINCH_KEY_SECRET", KEY_SECRET);
    }

    /// Every message the simulator has accepted.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let body = get(self.simulator.url("control"), "/messages");
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn stats(&self) -> Value {
        serde_json::from_str(&get(self.simulator.url("control"), "/stats")).unwrap()
    }

    /// How many requests of an operation it has seen, however they ended.
    pub(crate) fn calls(&self, operation: &str) -> u64 {
        let stats = self.stats();
        let ends = stats["requests"][operation].as_object().cloned().unwrap_or_default();
        ends.values().filter_map(Value::as_u64).sum()
    }

    /// How a campaign of the ledger stands.
    pub(crate) fn status(&self, campaign: &str) -> Value {
        run(&mut self.command_without_service(&["status", campaign, "--json"])).ends(0).json()
    }

    pub(crate) fn fault(&self, fault: Value) {
        http("POST", self.simulator.url("control"), "/faults", &fault.to_string());
    }

    /// Sets what becomes of messages to a recipient.
    pub(crate) fn outcome(&self, outcome: Value) {
        http("POST", self.simulator.url("control"), "/outcomes", &outcome.to_string());
    }

    /// Moves the simulator's clock on.
    pub(crate) fn advance(&self, seconds: u64) {
        let body = serde_json::json!({"advance_seconds": seconds}).to_string();
        http("POST", self.simulator.url("control"), "/clock", &body);
    }

    pub(crate) fn no_faults(&self) {
        http("DELETE", self.simulator.url("control"), "/faults", "");
    }

    /// Checks that the simulator has each recipient exactly once.
    #[track_caller]
    pub(crate) fn has_each_once(&self, rows: usize) {
        let mut identities: Vec<String> =
            self.messages().iter().map(|message| message["identity"].as_str().unwrap().to_owned()).collect();
        assert_eq!(identities.len(), rows);
        identities.sort();
        identities.dedup();
        assert_eq!(identities.len(), rows, "someone was sent to twice");
    }
}

fn simulator(folder: &Path, args: &[&str]) -> Server {
    let mut command = binary(folder);
    command.args(["simulate", "--addr", "127.0.0.1:0", "--control", "127.0.0.1:0"]).args(args);
    Server::start(command.env("SINCH_WEBHOOK_SECRET", SECRET))
}

pub(crate) fn get(base: &str, path: &str) -> String {
    http("GET", base, path, "")
}

fn http(method: &str, base: &str, path: &str, body: &str) -> String {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let (status, answer) = try_http(method, &url, &[("content-type", "application/json")], body).unwrap();
    assert!(matches!(status, 200 | 204), "{method} {path}: {status}\n{answer}");
    answer
}

/// One exchange in HTTP/1.0, which needs no library: the answer ends with the connection.
pub(crate) fn try_http(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> io::Result<(u16, String)> {
    let rest = url.trim_start_matches("http://");
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut request = format!("{method} /{path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let broken = || io::Error::other("the answer is cut short");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok((status, body.to_owned()))
}

/// A file of that many good recipients, and a message for them.
pub(crate) fn write_recipients(folder: &Path, rows: usize) {
    let mut csv = String::from("SMS,name\n");
    for row in 1..=rows {
        csv.push_str(&format!("+15559{row:06},Person {row}\n"));
    }
    std::fs::write(folder.join("people.csv"), csv).unwrap();
    std::fs::write(folder.join("message.json"), r#"{"text_message":{"text":"Hello ${name}"}}"#).unwrap();
}

/// `rows = skipped + planned + accepted + unknown`, and the messages add up to the accepted.
#[track_caller]
pub(crate) fn adds_up(report: &Value) {
    let n = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("{name}: {report}"));
    assert_eq!(n("rows"), n("skipped") + n("planned") + n("accepted") + n("unknown"), "{report}");
    let messages = report["messages"].as_object().unwrap();
    assert_eq!(messages.len(), 6);
    assert_eq!(messages.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), n("accepted"), "{report}");
}

/// A batch of these rows, for a ledger that is made by hand; each row is one line after the header.
pub(crate) fn planned(rows: Range<u64>) -> PlannedRows {
    let at_byte = rows.start;
    PlannedRows {
        first_row: None,
        rows: rows.map(|row| (row, row + 1)).collect(),
        at_byte,
        n_bytes: 1,
        digest: at_byte.to_be_bytes(),
    }
}
