//! Running a campaign that is in the ledger: sending, waiting, reporting.

use std::io::{BufWriter, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use sinch_batch::campaign::plan::Plan;
use sinch_batch::campaign::report::write_json;
use sinch_batch::campaign::{CampaignError, Ended, Limits, Runner, Stop, Watch};
use sinch_batch::client::Client;
use sinch_batch::ledger::{Campaign, CampaignStatus, Ledger, SqliteLedger};
use sinch_batch::models::{AppId, Message};

use crate::args::RunArgs;
use crate::fail::Failure;
use crate::output::can_show_progress;
use crate::{exit, ledgers, render, say, signals};
use sinch_batch::recipients::Rows;

/// How many failures the table after a send shows.
const SHOWN_FAILURES: usize = 20;

/// What the ledger keeps for a resume, besides what it has fields for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) app_id: String,
    pub(crate) project_id: String,
    pub(crate) base_url: String,
    pub(crate) skip_bad: bool,
}

/// Everything a run needs.
pub(crate) struct Run {
    pub(crate) ledger_path: PathBuf,
    /// Whether the ledger outlives this process; one made up for practice does not.
    pub(crate) keeps: bool,
    pub(crate) ledger: Arc<SqliteLedger>,
    pub(crate) campaign: Campaign,
    pub(crate) client: Client,
    pub(crate) app_id: AppId,
    pub(crate) message: Message,
    pub(crate) rows: Rows<'static>,
    /// Whether somebody in this process hears callbacks.
    pub(crate) hears: bool,
    pub(crate) json: bool,
}

impl Run {
    /// Sends what is left, waits for receipts, prints the report.
    pub(crate) async fn execute(self, args: &RunArgs) -> Result<u8, Failure> {
        let began = Instant::now();
        let next = Next { campaign: &self.campaign.name, ledger: &self.ledger_path, keeps: self.keeps };
        let stop = signals::watch();
        let failed = |error| ledgers::failed(&self.ledger_path, &error);
        let open = self.ledger.open_batches(self.campaign.id).await.map_err(failed)?;
        let frontier = self.ledger.frontier(self.campaign.id).await.map_err(failed)?;
        let plan = Plan::new(self.rows, &self.campaign, open, frontier);
        let limits = Limits::default()
            .with_in_flight(usize::from(args.in_flight))
            .with_settle(Duration::from_secs_f64(args.settle));
        let runner =
            Runner::new(self.ledger.clone(), Arc::new(self.client), self.campaign.clone(), self.app_id, self.message)
                .with_limits(limits);

        let progress = Progress::new(self.campaign.rows - self.campaign.skipped);
        let ended = runner.send(plan, signals::stopped(stop.clone()), |standing| progress.show(standing)).await;
        // The ledger knows best: a receipt may have proved what no answer told.
        let standing = self.ledger.status(self.campaign.id).await.map_err(failed)?;
        let waited = match &ended {
            Ok(_) if standing.planned + standing.unknown == 0 && !args.no_wait => {
                if !self.hears {
                    progress.say("waiting for receipts, which sinch-batch listen must hear; --no-wait does not wait");
                }
                let quiet = Duration::from_secs_f64(args.quiet);
                Some(
                    runner
                        .wait_for_receipts(quiet, signals::stopped(stop), |standing| progress.show(standing))
                        .await
                        .map_err(|error| campaign_failed(&next, &error))?,
                )
            }
            _ => None,
        };
        progress.end();
        let ended = ended.map_err(|error| campaign_failed(&next, &error))?;

        let out = BufWriter::new(stdout());
        let written = if self.json {
            write_json(&*self.ledger, &self.campaign, out).await.map(drop)
        } else {
            let see_all = next.command("see them all", "report", "--ledger FILE keeps them for a report");
            let shown = (SHOWN_FAILURES, see_all.as_str());
            render::report(&*self.ledger, &self.campaign, Some(began.elapsed()), shown, out).await
        };
        written.map_err(|error| render::report_failed(&self.ledger_path, error))?;
        let standing = self.ledger.status(self.campaign.id).await.map_err(failed)?;
        conclude(&next, &ended, waited, &standing)
    }
}

const PRACTICE_IS_OVER: &str = "practise again; with --ledger FILE a campaign can be gone on with";

/// What to type after this run.
struct Next<'a> {
    campaign: &'a str,
    ledger: &'a Path,
    keeps: bool,
}

impl Next<'_> {
    /// A command on this campaign; something else where nothing of it is kept.
    fn command(&self, lead: &str, verb: &str, otherwise: &str) -> String {
        if self.keeps {
            format!("{lead}: sinch-batch {verb} {} --ledger {}", self.campaign, self.ledger.display())
        } else {
            otherwise.to_owned()
        }
    }
}

/// The exit code, and what to type next if it is not the end.
fn conclude(next: &Next<'_>, ended: &Ended, waited: Option<Watch>, standing: &CampaignStatus) -> Result<u8, Failure> {
    let resume = |lead: &str| next.command(lead, "resume", PRACTICE_IS_OVER);
    let left = standing.planned + standing.unknown;
    if left > 0 {
        let why = ended.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let rows = format!("{} rows planned, {} unknown", standing.planned, standing.unknown);
        let (code, sentence, hint) = match ended.stopped {
            Some(Stop::Credentials) => (
                exit::BAD_CREDENTIALS,
                format!("the service refused the credentials{why} ({rows})"),
                resume("check SINCH_KEY_ID, SINCH_KEY_SECRET and SINCH_PROJECT_ID, then go on"),
            ),
            Some(Stop::Credit) => (
                exit::NOT_FINISHED,
                format!("the service refused{why} ({rows})"),
                resume("settle the balance in the Sinch dashboard, then go on"),
            ),
            Some(Stop::Refused) => (
                exit::NOT_FINISHED,
                format!("the service refused{why} ({rows})"),
                resume("check SINCH_APP_ID, SINCH_REGION and the message, then go on"),
            ),
            Some(Stop::Unreachable) => (
                exit::NOT_FINISHED,
                format!("the service could not be reached or kept failing{why} ({rows})"),
                resume("nothing is sent twice; go on when it is back"),
            ),
            Some(Stop::Interrupted) => (exit::NOT_FINISHED, format!("stopped ({rows})"), resume("go on")),
            _ => (exit::NOT_FINISHED, format!("the campaign did not finish{why} ({rows})"), resume("go on")),
        };
        return Err(Failure::new(code, sentence).hint(hint));
    }
    let messages = standing.messages;
    let waiting = messages.pending + messages.queued;
    let look = next.command("see what comes", "status", PRACTICE_IS_OVER);
    match waited {
        Some(Watch::Quiet) => {
            Err(Failure::new(exit::NOT_FINISHED, format!("all was sent, but {waiting} messages have no final receipt"))
                .hint(format!("is sinch-batch listen running with this ledger? {look}")))
        }
        Some(Watch::Interrupted) => Err(Failure::new(
            exit::NOT_FINISHED,
            format!("stopped waiting: all was sent, {waiting} messages have no final receipt yet"),
        )
        .hint(look)),
        _ => Ok(exit::OK),
    }
}

fn campaign_failed(next: &Next<'_>, error: &CampaignError) -> Failure {
    let resume = next.command("go on when it is mended", "resume", PRACTICE_IS_OVER);
    match error {
        CampaignError::Ledger(error) => Failure::new(
            exit::LEDGER,
            format!("ledger {}: {}; nothing more was sent", next.ledger.display(), ledgers::told(error)),
        )
        .hint(resume),
        other => Failure::because(exit::NOT_FINISHED, "sending stopped", other).hint(resume),
    }
}

/// A bar on a terminal, nothing elsewhere.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn new(rows: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {msg}").ok().filter(|_| can_show_progress());
        Self(style.map(|style| ProgressBar::new(rows * 2).with_style(style)))
    }

    /// Half of the bar is sending, the other half receipts.
    fn show(&self, standing: &CampaignStatus) {
        let Some(bar) = &self.0 else { return };
        let tally = standing.messages;
        let settled = tally.delivered + tally.read + tally.failed;
        bar.set_position(standing.accepted + settled);
        bar.set_message(format!(
            "{} of {} accepted, {} delivered, {} read, {} failed",
            standing.accepted,
            standing.rows - standing.skipped,
            tally.delivered,
            tally.read,
            tally.failed
        ));
    }

    fn say(&self, text: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| say!("{text}")),
            None => say!("{text}"),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
