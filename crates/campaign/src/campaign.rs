//! A campaign: the one door.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sinch_batch_ledger::{self as ledger, CampaignStatus, Ledger, NewCampaign};
use sinch_batch_models::Timestamp;
use sinch_batch_recipients::{RecipientSource, Suppression};
use sinch_batch_tracking::CampaignKey;
use tokio::time::MissedTickBehavior;

use crate::CampaignError;
use crate::checked::{CheckedCampaign, CheckedPlan};
use crate::earlier::batches_of_earlier;
use crate::limits::SendLimits;
use crate::outcome::SendOutcome;
use crate::receipts::{LOOK_EVERY, Receipts, Watcher};
use crate::request::CampaignRequest;
use crate::retry::RetryPlan;
use crate::runner::{CampaignProgress, Clock, Runner};
use crate::sender::{BatchSender, Service};
use crate::time::Time;

/// One campaign over a ledger: it sends each of its batches once, whatever happens, and waits for their
/// receipts.
///
/// Any number of these, in this process and in others, may be of the same campaign: the ledger decides
/// which batch is whose.
pub struct Campaign {
    ledger: Arc<dyn Ledger>,
    sender: Arc<dyn BatchSender>,
    source: Arc<Mutex<Box<dyn RecipientSource>>>,
    request: CampaignRequest,
    record: ledger::CampaignRecord,
    same_input: Option<String>,
    limits: SendLimits,
    suppression: Suppression,
    time: Time,
    worker: Option<Arc<str>>,
}

impl Campaign {
    /// Begins a campaign: writes it into the ledger with its plan, unless an earlier one sent the same.
    ///
    /// # Errors
    /// [`CampaignError::Duplicate`] if an earlier campaign sent this message to these recipients, or is
    /// about to; [`CampaignError::Invalid`] if some rows are invalid and not skipped;
    /// [`CampaignError::Ledger`] with kind `NameTaken` or `PlanTooLarge`, or one that speaks of the storage.
    pub async fn begin(
        ledger: Arc<dyn Ledger>,
        name: impl Into<String>,
        sender: impl BatchSender,
        checked: CheckedCampaign,
    ) -> Result<Self, CampaignError> {
        let rows = checked.checked.rows;
        let invalid_rows = checked.checked.invalid_rows;
        if !checked.may_be_sent() {
            return Err(CampaignError::Invalid { rows, invalid_rows });
        }
        checked.request.validate()?;
        let CheckedCampaign {
            request,
            mut source,
            checked,
            batch_size,
            practice,
            allow_duplicate,
            settings,
            suppression,
            ..
        } = checked;
        let Service { project, url } = sender.service();
        let mut new = NewCampaign::new(name, fresh_key(), rows, Timestamp::now());
        new.project = project;
        new.app = request.app().to_string();
        new.service = url;
        new.input = source.location().to_owned();
        new.input_fingerprint = Some(checked.fingerprint);
        new.message = request.message_json();
        new.message_fingerprint = Some(request.message_fingerprint());
        new.request = request.to_json();
        new.request_fingerprint = Some(request.fingerprint());
        new.skipped = invalid_rows;
        new.batch_size = u32::try_from(batch_size).unwrap_or(u32::MAX);
        new.practice = practice;
        new.allow_duplicate = allow_duplicate;
        new.settings = settings;
        if !practice && !allow_duplicate {
            (source, new.has_batches) = batches_of_earlier(&ledger, &new, source).await?;
        }
        let created = ledger.create(new, Box::new(CheckedPlan(checked))).await?;
        Ok(Self {
            ledger,
            sender: Arc::new(sender),
            source: Arc::new(Mutex::new(source)),
            request,
            record: created.campaign,
            same_input: created.same_input,
            limits: SendLimits::default(),
            suppression,
            time: Time::default(),
            worker: None,
        })
    }

    /// Continues a campaign that was begun before, here or elsewhere: after a crash, or beside a worker
    /// that is still at it. What it says comes from the ledger; its recipients are those of `source`,
    /// which are compared with the plan batch by batch. A pause is lifted.
    ///
    /// # Errors
    /// [`CampaignError::NoSuchCampaign`]; [`CampaignError::Practice`]; [`CampaignError::OtherService`] if
    /// the sender is for another project or service; [`CampaignError::Changed`] if the recipients have
    /// another length; [`CampaignError::Ledger`] with kind `NotRunning` if it was cancelled.
    pub async fn resume(
        ledger: Arc<dyn Ledger>,
        name: &str,
        sender: impl BatchSender,
        source: impl RecipientSource,
    ) -> Result<Self, CampaignError> {
        let campaign = Self::join(ledger, name, sender, source).await?;
        if campaign.status().await?.phase == ledger::Phase::Paused {
            campaign.ledger.unpause(campaign.record.id).await?;
        }
        Ok(campaign)
    }

    /// Continues a campaign as [`resume`](Self::resume) does, but does not lift a pause: as long as
    /// it lasts, [`send`](Self::send) fails with kind `NotRunning`.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub async fn join(
        ledger: Arc<dyn Ledger>,
        name: &str,
        sender: impl BatchSender,
        source: impl RecipientSource,
    ) -> Result<Self, CampaignError> {
        let record = ledger.campaign(name).await?.ok_or_else(|| CampaignError::NoSuchCampaign(name.to_owned()))?;
        if record.practice {
            return Err(CampaignError::Practice(name.to_owned()));
        }
        let Service { project, url } = sender.service();
        is_of(&record, &project, &url)?;
        let request = CampaignRequest::from_json(record.request.as_bytes(), None)
            .map_err(|error| CampaignError::Unreadable(error.to_string()))?;
        if record.request_fingerprint != Some(request.fingerprint()) {
            return Err(CampaignError::Unreadable("its request is not the one that it began with".to_owned()));
        }
        has_length_of(&record, &source)?;
        let campaign = Self {
            ledger,
            sender: Arc::new(sender),
            source: Arc::new(Mutex::new(Box::new(source))),
            request,
            record,
            same_input: None,
            limits: SendLimits::default(),
            suppression: Suppression::default(),
            time: Time::default(),
            worker: None,
        };
        let status = campaign.status().await?;
        if matches!(status.phase, ledger::Phase::Cancelled | ledger::Phase::Stopping) {
            return Err(CampaignError::Ledger(ledger::LedgerError::new(
                ledger::LedgerErrorKind::NotRunning,
                format!("campaign {name} was cancelled and cannot be resumed"),
            )));
        }
        Ok(campaign)
    }

    /// Begins a retry: a new campaign of the chosen rows over the same input, with the same request or with
    /// another message.
    ///
    /// Rows that get their receipt after all are cut out as long as their batch was not tried.
    ///
    /// # Errors
    /// [`CampaignError::OtherService`] if the sender is for another project or service than the first attempt;
    /// [`CampaignError::Changed`] if the recipients have another length; [`CampaignError::Ledger`] with kind
    /// `RetryUnderWay` if another retry of the same rows is unfinished, or `NameTaken`.
    pub async fn retry(
        ledger: Arc<dyn Ledger>,
        name: impl Into<String>,
        sender: impl BatchSender,
        source: impl RecipientSource,
        plan: RetryPlan,
        request: CampaignRequest,
    ) -> Result<Self, CampaignError> {
        request.validate()?;
        let parent = plan.parent().clone();
        let Service { project, url } = sender.service();
        is_of(&parent, &project, &url)?;
        has_length_of(&parent, &source)?;
        let mut new = NewCampaign::new(name, fresh_key(), parent.rows, Timestamp::now());
        new.project = project;
        new.app = request.app().to_string();
        new.service = url;
        new.input = source.location().to_owned();
        new.input_fingerprint = parent.input_fingerprint;
        new.message = request.message_json();
        new.message_fingerprint = Some(request.message_fingerprint());
        new.request = request.to_json();
        new.request_fingerprint = Some(request.fingerprint());
        new.skipped = parent.rows.saturating_sub(plan.rows());
        new.batch_size = parent.batch_size;
        // How the columns are read is part of what was planned.
        let (batches, settings) = plan.into_parts();
        new.settings = settings.unwrap_or(parent.settings);
        new.parent = Some(parent.id);
        let created = ledger.create(new, Box::new(batches)).await?;
        Ok(Self {
            ledger,
            sender: Arc::new(sender),
            source: Arc::new(Mutex::new(Box::new(source))),
            request,
            record: created.campaign,
            same_input: None,
            limits: SendLimits::default(),
            suppression: Suppression::default(),
            time: Time::default(),
            worker: None,
        })
    }

    /// Sets what bounds its runs.
    #[must_use]
    pub fn with_limits(mut self, limits: SendLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets who gets nothing: their rows are skipped, unless their batch was tried before. A campaign that was
    /// [begun](Self::begin) has those of its check.
    ///
    /// Lists of opt-outs are read on before each batch leaves.
    #[must_use]
    pub fn with_suppression(mut self, suppression: Suppression) -> Self {
        self.suppression = suppression;
        self
    }

    /// For tests and simulations: takes the time on the wall from here, and reads recipients where it runs, not
    /// on a thread. With tokio's time paused, and a ledger and a sender that start no threads, equal seeds
    /// then make equal runs.
    #[doc(hidden)]
    #[must_use]
    pub fn with_clock(mut self, wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.time = Time::simulated(wall);
        self
    }

    /// The campaign's record in the ledger.
    pub fn record(&self) -> &ledger::CampaignRecord {
        &self.record
    }

    /// The request that each of its batches makes.
    pub fn request(&self) -> &CampaignRequest {
        &self.request
    }

    /// The name of an unfinished campaign that sends another message to the same input. Is that meant?
    pub fn same_input(&self) -> Option<&str> {
        self.same_input.as_deref()
    }

    /// Reads the campaign's status from the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn status(&self) -> Result<CampaignStatus, CampaignError> {
        Ok(self.ledger.status(self.record.id).await?)
    }

    /// Sends under this name instead of one that is made for each run. Nobody else may have it at the same time.
    #[must_use]
    pub fn with_worker(mut self, name: impl Into<Arc<str>>) -> Self {
        self.worker = Some(name.into());
        self
    }

    /// Sends every batch that is left, until the service has all of them or nothing more can be done. When
    /// `stop` completes nothing new is started, and what is under way ends in order.
    ///
    /// If the future is dropped, what is on the wire may still arrive; another run finds out.
    ///
    /// # Errors
    /// When the ledger or the recipients fail. What was recorded stays, and the campaign can be resumed.
    pub async fn send(
        &self,
        stop: impl Future<Output = ()>,
        on_progress: impl FnMut(&CampaignProgress),
    ) -> Result<SendOutcome, CampaignError> {
        let runner = Runner {
            ledger: &*self.ledger,
            sender: &*self.sender,
            source: &self.source,
            campaign: &self.record,
            request: &self.request,
            limits: &self.limits,
            suppression: &self.suppression,
            time: &self.time,
            worker: self.worker.as_ref(),
        };
        runner.send(stop, on_progress).await
    }

    /// Looks once more at every batch that was tried more than once: whether the service has it twice. To be
    /// called when everything was sent.
    ///
    /// Returns how many rows are known to be doubled, and for how many batches there was no usable answer.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn look_for_doubles(&self, stop: impl Future<Output = ()>) -> Result<(u64, u32), CampaignError> {
        let runner = Runner {
            ledger: &*self.ledger,
            sender: &*self.sender,
            source: &self.source,
            campaign: &self.record,
            request: &self.request,
            limits: &self.limits,
            suppression: &self.suppression,
            time: &self.time,
            worker: self.worker.as_ref(),
        };
        runner.look_for_doubles(stop).await
    }

    /// Waits until every accepted message is delivered, read or failed, `stop` completes, or nothing was
    /// received for `timeout`.
    ///
    /// # Errors
    /// When the ledger cannot be read, and keeps failing.
    pub async fn receipts(
        &self,
        timeout: Duration,
        stop: impl Future<Output = ()>,
        mut on_progress: impl FnMut(&CampaignProgress),
    ) -> Result<Receipts, CampaignError> {
        let clock = Clock::start(&self.time);
        let mut watcher = Watcher::new(timeout, clock.now().steady);
        let mut stop = std::pin::pin!(stop);
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return Ok(Receipts::Interrupted),
                _ = look.tick() => {}
            }
            let status = self.ledger.status(self.record.id).await?;
            on_progress(&CampaignProgress::of(status));
            match watcher.look(&status, clock.now().steady) {
                Receipts::Waiting => {}
                end => return Ok(end),
            }
        }
    }
}

impl fmt::Debug for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Campaign")
            .field("name", &self.record.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A batch of unknown outcome is looked up where it was sent: elsewhere it would seem absent.
fn is_of(record: &ledger::CampaignRecord, project: &str, service: &str) -> Result<(), CampaignError> {
    for (what, before, now) in [("project", &record.project, project), ("service", &record.service, service)] {
        if before != now {
            return Err(CampaignError::OtherService { what, before: before.clone(), now: now.to_owned() });
        }
    }
    Ok(())
}

fn has_length_of(record: &ledger::CampaignRecord, source: &impl RecipientSource) -> Result<(), CampaignError> {
    let known = record.input_fingerprint.map(|fingerprint| fingerprint.length());
    match (known, source.len_bytes()?) {
        (Some(before), Some(now)) if before != now => Err(CampaignError::Changed),
        _ => Ok(()),
    }
}

/// A new campaign key, from the clock and the system's randomness (UUID version 7): 32 hex digits.
///
/// It stands in the metadata of every batch and message of the campaign, so that a batch whose outcome is
/// unknown can be looked up, and a receipt leads to its row.
fn fresh_key() -> CampaignKey {
    uuid::Uuid::now_v7().simple().to_string().into()
}
