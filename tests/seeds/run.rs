//! One process: the real client and the real campaign, from its start to its end or death.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use sinch_batch::auth::{AccessToken, AuthError, AuthErrorKind, IssuedToken, TokenCache};
use sinch_batch::campaign::retry::{RetryOptions, RetryPlan};
use sinch_batch::campaign::{Campaign, CampaignError, CampaignRequest, CheckedCampaign, SendLimits, SendOutcome};
use sinch_batch::client::transport::SendUntil;
use sinch_batch::client::{Client, TransportError};
use sinch_batch::ledger::{Ledger, MemoryLedger};
use sinch_batch::recipients::{CheckOptions, Repeatable};
use sinch_batch::{AppId, BatchRecipient, Channel, Message, ProjectId, Recipient};

use crate::process::{Fate, Fuse, Place, live};
use crate::service::Service;
use crate::world::World;

/// What every process of a story has in common.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) world: Arc<World>,
    pub(crate) service: Arc<Service>,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) n_rows: u64,
    pub(crate) batch_size: usize,
    pub(crate) timeouts: (Duration, Duration),
}

/// What one process is to do, and what is to happen to it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) limits: SendLimits,
    pub(crate) dies_at: Option<(Place, u32)>,
    /// It freezes there for so many milliseconds instead of dying.
    pub(crate) freezes_for: Option<u64>,
    pub(crate) fate: Fate,
    pub(crate) interrupted_at: Option<u64>,
    /// A row that is no longer what was checked.
    pub(crate) altered_row: Option<u64>,
}

impl Plan {
    pub(crate) fn calm(name: impl Into<String>, limits: SendLimits) -> Self {
        Self {
            name: name.into(),
            limits,
            dies_at: None,
            freezes_for: None,
            fate: Fate::default(),
            interrupted_at: None,
            altered_row: None,
        }
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Died,
    Failed(CampaignError),
    Sent(SendOutcome),
}

pub(crate) const NAME: &str = "story";

/// The campaign that sends again what has failed.
pub(crate) const RETRY: &str = "story again";

impl Scene {
    /// Begins the campaign, or goes on with it if there is one, and sends.
    pub(crate) async fn run(&self, plan: &Plan) -> Ended {
        let fuse = Arc::new(Fuse::new(plan.name.as_str(), plan.dies_at).that_freezes(plan.freezes_for));
        let work = self.work(plan, &fuse);
        let ended = match live(&self.world, &fuse, &plan.fate, work).await {
            None => Ended::Died,
            Some(Ok(outcome)) => Ended::Sent(outcome),
            Some(Err(error)) => Ended::Failed(error),
        };
        self.world.say(|| format!("{} ends: {}", plan.name, brief(&ended)));
        ended
    }

    async fn work(&self, plan: &Plan, fuse: &Arc<Fuse>) -> Result<SendOutcome, CampaignError> {
        let campaign = match self.begin(NAME, fuse).await {
            Ok(campaign) => campaign.with_limits(plan.limits.clone()),
            // There is one, begun before or by another: the guard says so.
            Err(CampaignError::Duplicate(_)) => self.resume(plan, fuse).await?,
            Err(error) => return Err(error),
        };
        self.send(&campaign, plan).await
    }

    async fn send(&self, campaign: &Campaign, plan: &Plan) -> Result<SendOutcome, CampaignError> {
        let stop = async {
            match plan.interrupted_at {
                Some(at) => {
                    self.world.sleep_until(at).await;
                    self.world.count("interrupted");
                    self.world.say(|| format!("{} is interrupted", plan.name));
                }
                None => std::future::pending().await,
            }
        };
        campaign.send(stop, |_| {}).await
    }

    /// Begins the campaign, unless the ledger has one that sends the same.
    pub(crate) async fn begin(&self, name: &str, fuse: &Arc<Fuse>) -> Result<Campaign, CampaignError> {
        let begun = Campaign::begin(self.ledger(fuse), name, self.client(fuse), self.checked()).await?;
        Ok(self.in_story(begun))
    }

    pub(crate) async fn resume(&self, plan: &Plan, fuse: &Arc<Fuse>) -> Result<Campaign, CampaignError> {
        self.resume_one(NAME, plan, fuse).await
    }

    async fn resume_one(&self, name: &str, plan: &Plan, fuse: &Arc<Fuse>) -> Result<Campaign, CampaignError> {
        let people = people(self.n_rows, plan.altered_row);
        let campaign = Campaign::resume(self.ledger(fuse), name, self.client(fuse), people).await?;
        Ok(self.in_story(campaign).with_limits(plan.limits.clone()))
    }

    /// Sends again what has failed and may arrive, or goes on with that.
    pub(crate) async fn retry(&self, plan: &Plan) -> Ended {
        let fuse = Arc::new(Fuse::new(plan.name.as_str(), plan.dies_at));
        let work = async {
            let again = match self.ledger.campaign(RETRY).await? {
                Some(_) => self.resume_one(RETRY, plan, &fuse).await?,
                None => self.begin_retry(plan, &fuse).await?,
            };
            self.send(&again, plan).await
        };
        match live(&self.world, &fuse, &plan.fate, work).await {
            None => Ended::Died,
            Some(Ok(outcome)) => Ended::Sent(outcome),
            Some(Err(error)) => Ended::Failed(error),
        }
    }

    async fn begin_retry(&self, plan: &Plan, fuse: &Arc<Fuse>) -> Result<Campaign, CampaignError> {
        let chosen = RetryPlan::choose(&*self.ledger, NAME, &RetryOptions::new()).await;
        let chosen = chosen.map_err(|error| CampaignError::Unreadable(error.to_string()))?;
        let (client, people) = (self.client(fuse), people(self.n_rows, None));
        let begun = Campaign::retry(self.ledger(fuse), RETRY, client, people, chosen, request()).await?;
        Ok(self.in_story(begun).with_limits(plan.limits.clone()))
    }

    fn in_story(&self, campaign: Campaign) -> Campaign {
        let world = Arc::clone(&self.world);
        campaign.with_clock(move || world.wall())
    }

    fn checked(&self) -> CheckedCampaign {
        let request = request();
        let options = CheckOptions::new().with_batch_size(self.batch_size);
        request.check_with(people(self.n_rows, None), &options, |_| {}).unwrap()
    }

    pub(crate) fn ledger(&self, fuse: &Arc<Fuse>) -> Arc<dyn Ledger> {
        let (inner, world, fuse) = (Arc::clone(&self.ledger), Arc::clone(&self.world), Arc::clone(fuse));
        Arc::new(crate::ledger::Door { inner, world, fuse })
    }

    fn client(&self, fuse: &Arc<Fuse>) -> Client {
        let (clock, other_clock, jitter) = (Arc::clone(&self.world), Arc::clone(&self.world), Arc::clone(&self.world));
        let (world, service, fuse) = (Arc::clone(&self.world), Arc::clone(&self.service), Arc::clone(fuse));
        let tokens = TokenCache::new(fetch(Arc::clone(&self.world))).with_clock(move || clock.wall());
        let (attempt, call) = self.timeouts;
        Client::builder(ProjectId::new("p"), tokens)
            .with_base_url("https://simulated.example")
            .with_chance(move || other_clock.wall(), move || jitter.choose(|choices| choices.part()))
            .with_attempt_timeout(attempt)
            .with_timeout(call)
            .with_transport(move |request| {
                exchange(Arc::clone(&world), Arc::clone(&service), Arc::clone(&fuse), request)
            })
            .build()
            .unwrap()
    }
}

/// The way there and back. Everything of it is dropped with the process but what has left.
async fn exchange(
    world: Arc<World>,
    service: Arc<Service>,
    fuse: Arc<Fuse>,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, TransportError> {
    fuse.pass(Place::CallBegins).await;
    let way = {
        let mut state = world.state();
        let slow = state.faults.calls > 0 && state.choices.percent(5);
        if slow { state.choices.between(500, 4000) } else { state.choices.between(1, 50) }
    };
    tokio::time::sleep(Duration::from_millis(way)).await;
    if request.extensions().get::<SendUntil>().is_some_and(|until| until.is_over_at(world.wall())) {
        world.say(|| format!("{fuse} is too late: a request does not leave"));
        world.count("too late");
        return Err(TransportError::too_late());
    }
    let (arrives_at, response) = service.receive(&request);
    fuse.pass(Place::CallLeft).await;
    world.sleep_until(arrives_at).await;
    fuse.pass(Place::CallEnds).await;
    response
}

type Fetched = Result<IssuedToken, AuthError>;

fn fetch(world: Arc<World>) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = Fetched> + Send>> + Send + Sync {
    move || {
        let world = Arc::clone(&world);
        Box::pin(async move {
            let (wait, number, fails) = {
                let mut state = world.state();
                let percent = state.faults.calls / 4;
                (state.choices.between(5, 300), state.choices.between(0, 1 << 40), state.choices.percent(percent))
            };
            tokio::time::sleep(Duration::from_millis(wait)).await;
            if fails {
                world.say(|| "there is no token".to_owned());
                return Err(AuthError::new(AuthErrorKind::Server));
            }
            let token = AccessToken::new(format!("t{number}"));
            Ok(IssuedToken::new(token).with_lifetime(Duration::from_secs(3600)))
        })
    }
}

fn request() -> CampaignRequest {
    CampaignRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), Message::text("Hello ${name}"))
}

fn people(n_rows: u64, altered_row: Option<u64>) -> Repeatable {
    Repeatable::new(move || {
        (1..=n_rows).map(move |row| {
            let name = if altered_row == Some(row) { "Nobody".to_owned() } else { format!("Person {row}") };
            BatchRecipient::new(Recipient::identity(Channel::Sms, format!("+1555010{row:04}")))
                .with_parameter("name", name)
        })
    })
}

fn brief(ended: &Ended) -> String {
    match ended {
        Ended::Died => "dead".to_owned(),
        Ended::Failed(error) => format!("{error}: {:?}", error.ledger().map(|error| error.kind())),
        Ended::Sent(outcome) => format!("{outcome:?}"),
    }
}
