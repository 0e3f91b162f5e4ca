//! This program as a child: a sender or a receiver, signals to it, and its end.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sinch_batch::simulator::Simulator;

use crate::ledgers::Place;

use super::story::{LEASE, RESEND_AFTER, Story, TAKEOVER_GRACE, TIMEOUT};

pub(super) const CAMPAIGN: &str = "torture";
pub(super) const LEDGER: &str = "ledger.db";
pub(super) const PEOPLE: &str = "people.csv";
pub(super) const SECRET: &str = "the-webhook-secret-of-torture";
/// A made-up app in the form of a ULID.
const APP: &str = "01KZ4EBHKN27EZJ4Q91V5C36G1";

/// Makes the commands of one story.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    program: PathBuf,
    folder: PathBuf,
    api: String,
    auth: String,
    /// Another ledger than the file in the folder.
    ledger: Option<Place>,
}

impl Commands {
    pub(super) fn new(program: &Path, folder: &Path, ledger: Option<Place>) -> Self {
        let (program, folder) = (program.to_owned(), folder.to_owned());
        Self { program, folder, api: String::new(), auth: String::new(), ledger }
    }

    /// Where the ledger is.
    pub(super) fn place(&self) -> Place {
        self.ledger.clone().unwrap_or_else(|| Place::File(self.folder.join(LEDGER)))
    }

    /// Where the senders send to.
    pub(super) fn send_to(&mut self, simulator: &Simulator) {
        (self.api, self.auth) = (simulator.api_url(), simulator.auth_url());
    }

    pub(super) fn listen(&self, address: &str) -> Command {
        let mut command = self.bare();
        command.args(["listen", "--addr", address]).env("SINCH_WEBHOOK_SECRET", SECRET);
        command
    }

    pub(super) fn send(&self, story: &Story) -> Command {
        let mut command = self.bare();
        let size = story.batch_size.to_string();
        command.args(["send", PEOPLE, "--text", "Hello ${name}", "--campaign", CAMPAIGN, "--batch-size", &size]);
        if story.life.is_scheduled() {
            command.arg("--recallable");
        }
        self.sender(command, story)
    }

    /// Sends rows of an earlier campaign again, as a campaign of its own.
    pub(super) fn retry(&self, story: &Story, parent: &str, name: &str, flags: &[&str]) -> Command {
        let mut command = self.bare();
        command.args(["retry", parent, "--campaign", name]).args(flags);
        self.sender(command, story)
    }

    pub(super) fn resume(&self, story: &Story, name: &str) -> Command {
        let mut command = self.bare();
        command.args(["resume", name]);
        if story.life.is_scheduled() {
            command.args(["--late", "send"]);
        }
        self.sender(command, story)
    }

    /// One more worker.
    pub(super) fn work(&self, story: &Story, name: &str) -> Command {
        let mut command = self.bare();
        command.args(["work", name]);
        if story.waits {
            command.arg("--no-wait");
        }
        self.sender(command, story)
    }

    pub(super) fn pause(&self, name: &str) -> Command {
        let mut command = self.bare();
        command.args(["pause", name]);
        command
    }

    pub(super) fn cancel(&self, name: &str) -> Command {
        let mut command = self.bare();
        command.args(["cancel", name, "--wait", "20s", "--json"]);
        command.arg("--timeout").arg(format!("{}ms", TIMEOUT.as_millis()));
        self.service(command)
    }

    /// Every row of the file with what became of it.
    pub(super) fn report(&self, name: &str) -> Command {
        let mut command = self.bare();
        command.args(["report", name, "--rows", "all", "--with-file"]);
        command
    }

    fn sender(&self, mut command: Command, story: &Story) -> Command {
        let times = [
            ("--resend-after", RESEND_AFTER),
            ("--lease", LEASE),
            ("--takeover-grace", TAKEOVER_GRACE),
            ("--timeout", TIMEOUT),
            ("--receipt-timeout", Duration::from_secs(2)),
        ];
        for (flag, time) in times {
            command.arg(flag).arg(format!("{}ms", time.as_millis()));
        }
        command.args(["--json", "--in-flight", &story.in_flight.to_string()]);
        if !story.waits {
            command.arg("--no-wait");
        }
        self.service(command)
    }

    fn service(&self, mut command: Command) -> Command {
        command
            .env("SINCH_BATCH_BASE_URL", &self.api)
            .env("SINCH_AUTH_URL", &self.auth)
            .env("SINCH_PROJECT_ID", "torture")
            .env("SINCH_APP_ID", APP)
            .env("SINCH_KEY_ID", "torture")
            .env("SINCH_KEY_SECRET", "torture");
        command
    }

    /// With nothing of ours in its environment.
    fn bare(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SINCH_") {
                command.env_remove(name);
            }
        }
        // What may hold a password is on no command line.
        match self.place() {
            Place::File(path) => command.env("SINCH_BATCH_LEDGER", path),
            Place::Postgres(url) => command.env("SINCH_BATCH_LEDGER", url.text()),
        };
        command.current_dir(&self.folder).stdin(Stdio::null()).env("SINCH_BATCH_LOG", "warn");
        command
    }
}

/// A child, which is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    /// When one that is stopped goes on.
    goes_on: Option<Instant>,
    /// Whether it got a signal that ends it, soon or at once.
    is_ending: bool,
}

impl Process {
    /// Starts a command; what it says goes into two files of this name.
    pub(super) fn start(mut command: Command, folder: &Path, name: &str) -> io::Result<Self> {
        let (stdout, stderr) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")));
        command.stdout(File::create(&stdout)?).stderr(File::create(&stderr)?);
        // Ctrl-C in a terminal goes to the whole group; ours are killed by us.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(Self { child: command.spawn()?, stdout, stderr, goes_on: None, is_ending: false })
    }

    /// How it ended, if it has: its exit code, or -1 if a signal ended it.
    pub(super) fn ended(&mut self) -> Option<i32> {
        match self.child.try_wait() {
            Ok(status) => status.map(|status| status.code().unwrap_or(-1)),
            // Nobody can tell any more.
            Err(_) => Some(-1),
        }
    }

    /// Sends it a signal; false if it has ended.
    pub(super) fn signal(&mut self, signal: Signal) -> bool {
        let sent = self.ended().is_none() && kill_process(Pid::from_child(&self.child), signal).is_ok();
        self.is_ending |= sent && ![Signal::STOP, Signal::CONT].contains(&signal);
        sent
    }

    /// Whether it got a signal that ends it. One more may end it at once, with another code.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Stops it for this time. [`wake`](Self::wake) must be called for it to go on.
    pub(super) fn stop(&mut self, time: Duration) -> bool {
        let stopped = self.signal(Signal::STOP);
        if stopped {
            self.goes_on = Some(Instant::now() + time);
        }
        stopped
    }

    /// Lets it go on if its time has come; says whether it is still stopped.
    pub(super) fn wake(&mut self) -> bool {
        match self.goes_on {
            Some(when) if when > Instant::now() => return true,
            Some(_) => {
                self.signal(Signal::CONT);
                self.goes_on = None;
            }
            None => {}
        }
        false
    }

    /// What it has said on standard output so far.
    pub(super) fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    /// What it has said on standard error so far.
    pub(super) fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; one that is stopped dies too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
