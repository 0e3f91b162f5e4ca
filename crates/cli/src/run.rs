//! Running a campaign that is in the ledger: sending, waiting, reporting.

use std::io::BufWriter;
use std::time::{Duration, Instant};

use sinch_batch::campaign::report::write_json;
use sinch_batch::campaign::{Campaign, CampaignError, CampaignProgress, Receipts, SendLimits, SendOutcome, StopReason};
use sinch_batch::ledger::{CampaignStatus, LedgerErrorKind, Phase};

use crate::args::RunArgs;
use crate::fail::Failure;
use crate::ledgers::{AnyLedger, Place};
use crate::output::{Stdout, count, grouped, json_out};
use crate::progress::Progress;
use crate::signals::{self, Stop};
use crate::{exit, ledgers, render, say};

/// How many failures the table after a send shows.
const SHOWN_FAILURES: usize = 20;

/// How often a worker looks whether a pause is over.
const PAUSE_LOOK: Duration = Duration::from_secs(1);

/// What bounds a run, as it was typed.
pub(crate) fn limits(args: &RunArgs) -> SendLimits {
    SendLimits::default()
        .with_in_flight(args.in_flight.into())
        .with_resend_after(args.resend_after)
        .with_takeover_grace(args.takeover_grace)
        .with_lease(args.lease)
        .with_window(args.window)
        .with_drain(args.drain)
        .with_max_rate(args.max_rate)
}

/// Everything a run needs.
pub(crate) struct Run<'a> {
    pub(crate) ledger_path: &'a Place,
    /// Whether the ledger outlives this process; one that is made up for trying locally does not.
    pub(crate) keeps: bool,
    pub(crate) ledger: AnyLedger,
    pub(crate) campaign: Campaign,
    /// Whether this process receives callbacks.
    pub(crate) receives: bool,
    /// Whether it waits until a pause is lifted by somebody else.
    pub(crate) waits: bool,
    pub(crate) json: bool,
    pub(crate) stop: Stop,
}

/// Whether sending ended because the campaign is paused or cancelled.
fn is_not_running(sent: &Result<SendOutcome, CampaignError>) -> bool {
    match sent {
        Ok(outcome) => outcome.stopped == Some(StopReason::NotRunning),
        Err(error) => error.ledger().is_some_and(|error| error.kind() == LedgerErrorKind::NotRunning),
    }
}

/// How a run ended.
struct End {
    outcome: SendOutcome,
    receipts: Option<Receipts>,
    status: CampaignStatus,
    /// The exit code of the signal that asked to stop.
    signal: Option<u8>,
}

impl Run<'_> {
    /// Sends what is left, waits for receipts, prints the report.
    pub(crate) async fn execute(self, args: &RunArgs) -> Result<u8, Failure> {
        let began = Instant::now();
        let name = self.campaign.record().name.clone();
        let next = Next { campaign: &name, ledger: self.ledger_path, keeps: self.keeps };
        let record = self.campaign.record();
        let progress = Progress::start();
        signals::end_with_words(next.command("go on", "resume", TRY_AGAIN));
        let mut talk = Talk { next: &next, said: None, progress: &progress };
        signals::end_at_once_with(Some(exit::LOOK));

        let sent = loop {
            let sent = self.campaign.send(self.stopped(), |progress| talk.about(progress)).await;
            if !self.waits || !is_not_running(&sent) || self.status().await?.phase != Phase::Paused {
                break sent;
            }
            if self.pause_ends(&next, &progress).await? {
                continue;
            }
            break sent;
        };
        let sent = sent.map_err(|error| self.failed(&next, error));
        // The ledger knows best: a receipt may have proved what no response said.
        let status = self.status().await?;
        let receipts = match &sent {
            Ok(_) if status.planned + status.unknown == 0 => {
                signals::end_at_once_with(None);
                self.look_for_doubles().await?;
                self.receipts(args, &progress).await?
            }
            _ => None,
        };
        progress.end();
        let outcome = sent?;

        let written = if self.json {
            write_json(&*self.ledger, record, BufWriter::new(json_out())).await.map(drop)
        } else {
            let see_all = next.command("see them all", "report", "--ledger FILE keeps them for a report");
            let shown = (SHOWN_FAILURES, see_all.as_str());
            render::report(&*self.ledger, record, Some(began.elapsed()), shown, BufWriter::new(Stdout)).await
        };
        written.map_err(|error| render::report_failed(self.ledger_path, error))?;
        let end = End { outcome, receipts, status: self.status().await?, signal: *self.stop.borrow() };
        self.conclude(&next, &end).await
    }

    async fn status(&self) -> Result<CampaignStatus, Failure> {
        self.campaign.status().await.map_err(|error| match error.ledger() {
            Some(error) => ledgers::failed(self.ledger_path, error),
            None => Failure::because(exit::UNEXPECTED, "the campaign has no status", &error),
        })
    }

    /// Waits until a pause is over; `false` if somebody asks this process to stop before.
    async fn pause_ends(&self, next: &Next<'_>, progress: &Progress) -> Result<bool, Failure> {
        say!("the campaign is paused; {}", next.command("this worker waits, and all go on with", "resume", TRY_AGAIN));
        let mut stop = std::pin::pin!(self.stopped());
        let mut look = tokio::time::interval(PAUSE_LOOK);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return Ok(false),
                _ = look.tick() => {}
            }
            let status = self.status().await?;
            if status.phase != Phase::Paused {
                return Ok(true);
            }
            progress.show(&status, true, Some("paused"));
        }
    }

    fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let stop = self.stop.clone();
        async move {
            signals::stopped(stop).await;
        }
    }

    async fn look_for_doubles(&self) -> Result<(), Failure> {
        let found = self.campaign.look_for_doubles(self.stopped()).await;
        let (_, without_answer) = found.map_err(|error| match error.ledger() {
            Some(error) => ledgers::failed(self.ledger_path, error),
            None => Failure::because(exit::UNEXPECTED, "the last look-up failed", &error),
        })?;
        if without_answer > 0 {
            let batches = count(without_answer.into(), "batch", "batches");
            say!("{batches} that were sent more than once could not be looked up again");
        }
        Ok(())
    }

    async fn receipts(&self, args: &RunArgs, progress: &Progress) -> Result<Option<Receipts>, Failure> {
        if args.no_wait || self.stop.borrow().is_some() {
            return Ok(None);
        }
        if !self.receives {
            say!("waiting for receipts, which sinch-batch listen must receive; --no-wait does not wait");
        }
        let waited = self
            .campaign
            .receipts(args.receipt_timeout, self.stopped(), |stand| progress.show(&stand.status, false, None))
            .await;
        waited.map(Some).map_err(|error| match error.ledger() {
            Some(error) => ledgers::failed(self.ledger_path, error),
            None => Failure::because(exit::UNEXPECTED, "waiting for receipts failed", &error),
        })
    }

    /// Sending ended with an error.
    fn failed(&self, next: &Next<'_>, error: CampaignError) -> Failure {
        let resume = next.command("go on when it is fixed", "resume", TRY_AGAIN);
        match &error {
            CampaignError::Ledger(error) if error.kind() == LedgerErrorKind::NotRunning => {
                Failure::new(exit::LOOK, ledgers::told(error)).hint(next.command("see", "status", TRY_AGAIN))
            }
            CampaignError::Ledger(error) if error.kind() == LedgerErrorKind::Behind => {
                Failure::new(exit::LEDGER, format!("{}; nothing was sent", ledgers::told(error))).hint(BEHIND)
            }
            CampaignError::Ledger(error) => Failure::new(
                exit::LEDGER,
                format!("ledger {}: {}; nothing more was sent", next.ledger, ledgers::told(error)),
            )
            .hint(resume),
            other => Failure::because(exit::LOOK, "sending stopped", other).hint(resume),
        }
    }

    /// The exit code, and what to type next if it is not the end.
    async fn conclude(&self, next: &Next<'_>, end: &End) -> Result<u8, Failure> {
        let status = &end.status;
        if status.phase == Phase::Paused && end.outcome.stopped == Some(StopReason::NotRunning) {
            let planned = count(status.planned, "row", "rows");
            say!("the campaign was paused; {planned} still planned");
            say!("{}", next.command("go on", "resume", TRY_AGAIN));
            return Ok(exit::OK);
        }
        if status.phase == Phase::Halted {
            return Err(halted(next, end.outcome.why.as_deref(), status));
        }
        if status.planned + status.unknown > 0 {
            return Err(unfinished(next, end));
        }
        if status.doubled > 0 {
            let rows = count(status.doubled, "row was", "rows were");
            return Err(Failure::new(exit::LOOK, format!("everything was sent, but {rows} sent more than once"))
                .hint(next.command("see which batches", "report", TRY_AGAIN)));
        }
        let awaiting = status.awaiting();
        if let Some(signal) = end.signal {
            let what = match awaiting {
                0 => "stopped; everything was sent".to_owned(),
                n => format!(
                    "stopped; everything was sent, and {} still awaited",
                    count(n, "receipt is", "receipts are")
                ),
            };
            return Err(Failure::new(signal, what).hint(next.command("see them come", "status", TRY_AGAIN)));
        }
        if end.receipts == Some(Receipts::TimedOut) {
            let receipts = count(awaiting, "receipt is", "receipts are");
            let asked = if self.receives { "" } else { ". Is sinch-batch listen running with this ledger?" };
            say!("everything was sent; {receipts} still awaited{asked}");
            say!("{}", next.command("see them come", "status", TRY_AGAIN));
        }
        Ok(exit::OK)
    }
}

/// Too many messages failed: why, and what to do about it.
pub(crate) fn halted(next: &Next<'_>, why: Option<&str>, status: &CampaignStatus) -> Failure {
    let why = why.map_or_else(
        || format!("{} of {} failed", grouped(status.systemic), grouped(status.messages.settled())),
        str::to_owned,
    );
    let rows = format!("{} rows planned, {} unknown", grouped(status.planned), grouped(status.unknown));
    let anyway = next.command("go on anyway", "resume", TRY_AGAIN);
    let flag = if next.keeps { " --past-halt" } else { "" };
    Failure::new(exit::LOOK, format!("campaign {} halted: {why} ({rows})", next.campaign))
        .hint(format!("{anyway}{flag}"))
}

/// Something is planned or unknown: why, and what to do about it.
fn unfinished(next: &Next<'_>, end: &End) -> Failure {
    let End { outcome, status, .. } = end;
    let resume = |lead: &str| next.command(lead, "resume", TRY_AGAIN);
    let why = outcome.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let rows = format!("{} planned, {} unknown", count(status.planned, "row", "rows"), grouped(status.unknown));
    let nothing_happened = status.accepted + status.unknown == 0;
    let refused = if nothing_happened { exit::SERVICE } else { exit::LOOK };
    let (code, sentence, hint) = match outcome.stopped {
        Some(StopReason::Credentials) => (
            exit::BAD_CREDENTIALS,
            format!("the service refused the credentials{why} ({rows})"),
            resume("check SINCH_KEY_ID, SINCH_KEY_SECRET and SINCH_PROJECT_ID, then go on"),
        ),
        Some(StopReason::Credit) => (
            refused,
            format!("the service refused{why} ({rows})"),
            resume("settle the balance in the Sinch dashboard, then go on"),
        ),
        Some(StopReason::Refused) => {
            (
                refused,
                format!("the service refused{why} ({rows})"),
                if next.keeps {
                    format!(
                    "{}; {}",
                    resume("check SINCH_APP_ID and SINCH_REGION, then go on"),
                    next.command("or if the message is at fault, send the fixed one as a campaign of its own, and end this one", "cancel", "")
                )
                } else {
                    "check SINCH_APP_ID, SINCH_REGION and the message, then send again".to_owned()
                },
            )
        }
        Some(StopReason::Unreachable) => (
            refused,
            format!("the service could not be reached or kept failing{why} ({rows})"),
            resume("nothing is sent twice; go on when it is back"),
        ),
        Some(StopReason::Interrupted) => (exit::LOOK, format!("stopped ({rows})"), resume("go on")),
        Some(StopReason::LedgerBehind) => (
            exit::LEDGER,
            format!("the ledger is older than the truth{why}; nothing was sent ({rows})"),
            BEHIND.to_owned(),
        ),
        Some(StopReason::NotVerified) => {
            (exit::SERVICE, format!("nothing was sent{why} ({rows})"), resume("go on when look-ups work again"))
        }
        Some(StopReason::NotRunning) => (
            exit::LOOK,
            format!("the campaign was ended meanwhile{why} ({rows})"),
            next.command("see how it stands", "status", TRY_AGAIN),
        ),
        Some(StopReason::InputChanged) => (
            exit::LOOK,
            format!(
                "the recipients have changed since they were checked{why}; {} of {} batches were sent, nothing of the \
                 others ({rows})",
                grouped(status.batches.accepted),
                grouped(status.batches.total())
            ),
            resume("put the file back as it was and go on; or cancel the campaign and send the new one"),
        ),
        _ if nothing_happened => (
            exit::SERVICE,
            format!("the service refused every batch{why} ({rows})"),
            next.command(
                "fix the message or the recipients and send them as a new campaign; end this one",
                "cancel",
                "fix the message or the recipients, then send again",
            ),
        ),
        _ => (exit::LOOK, format!("the campaign did not finish{why} ({rows})"), resume("go on")),
    };
    Failure::new(code, sentence).hint(hint)
}

const BEHIND: &str = "is it a copy, or a backup? go on with the ledger that sent the rest";
const TRY_AGAIN: &str = "try again; with --ledger FILE a campaign can be looked at later";

/// What to type after a run.
pub(crate) struct Next<'a> {
    pub(crate) campaign: &'a str,
    pub(crate) ledger: &'a Place,
    pub(crate) keeps: bool,
}

impl Next<'_> {
    /// A command on this campaign; something else where nothing of it is kept.
    pub(crate) fn command(&self, lead: &str, verb: &str, otherwise: &str) -> String {
        if self.keeps {
            format!("{lead}: sinch-batch {verb} {}{}", self.campaign, ledgers::option(self.ledger))
        } else {
            otherwise.to_owned()
        }
    }
}

/// The command that a campaign needs next, if it is kept.
pub(crate) fn next_command(next: &Next<'_>, status: &CampaignStatus) -> Option<String> {
    let command = |verb: &str| format!("sinch-batch {verb} {}{}", next.campaign, ledgers::option(next.ledger));
    match status.phase {
        Phase::Cancelled if status.unknown == 0 => None,
        Phase::Stopping => Some(command("cancel")),
        Phase::Halted => Some(format!("{} --past-halt", command("resume"))),
        Phase::Cancelled | Phase::Done => Some(command("report")),
        _ => Some(command("resume")),
    }
}

/// What is said while a run goes on, each thing once.
struct Talk<'a> {
    next: &'a Next<'a>,
    said: Option<String>,
    progress: &'a Progress,
}

impl Talk<'_> {
    fn about(&mut self, progress: &CampaignProgress) {
        let canary = progress.waits_for_canary.then(|| "waiting for the canary".to_owned());
        let late = progress.receipts_late.then(|| "receipts late".to_owned());
        let held = progress.waits_for.first().map(|held| format!("waiting for worker {}", held.worker));
        let room = progress.waits_for_room.then(|| "waiting for receipts".to_owned());
        let held = held.or(canary).or(late).or(room);
        self.progress.show(&progress.status, true, held.as_deref());
        let waiting = progress.waits_for.first().map(|held| {
            format!(
                "waiting for worker {}, which holds {}; if it is gone for good: sinch-batch resume {} --dead {}{}",
                held.worker,
                count(held.batches.into(), "batch", "batches"),
                self.next.campaign,
                held.worker,
                ledgers::option(self.next.ledger),
            )
        });
        let takeover = (progress.takeovers > 0).then(|| {
            format!(
                "{} tried by a worker that fell silent; looked up, and sent again only when that worker cannot send \
                 any more (--takeover-grace)",
                count(progress.takeovers as u64, "batch was", "batches were"),
            )
        });
        let canary = progress
            .waits_for_canary
            .then(|| "the canary is sent; the other rows wait for its receipts (--canary-wait)".to_owned());
        let room = progress.waits_for_room.then(|| {
            "as many messages are outstanding as may be; the other rows wait for receipts (--window)".to_owned()
        });
        if let Some(sentence) = takeover.or(waiting).or(canary).or(room)
            && self.said.as_ref() != Some(&sentence)
        {
            say!("{sentence}");
            self.said = Some(sentence);
        }
    }
}
