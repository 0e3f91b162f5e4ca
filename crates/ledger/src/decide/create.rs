//! A campaign with its plan, unless the same was sent before.

use std::collections::HashMap;

use crate::campaign::{CampaignId, CampaignRecord, Created, DuplicateOf, NewCampaign};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::plan::{MAX_BATCHES, Plan};
use crate::status::{CampaignStatus, Phase};
use crate::store::{Batch, Store, Sums};

/// Rows are numbered up to here, so that every number fits a signed column.
const LAST_ROW: u64 = i64::MAX as u64;

/// Adds a campaign with its plan, unless the same was sent before: [`Ledger::create`](crate::Ledger::create).
///
/// # Errors
/// `Duplicate`, `NameTaken`, `PlanTooLarge`, `Impossible`.
pub fn create<S: Store>(store: &mut S, mut new: NewCampaign, plan: &dyn Plan) -> Result<Created, LedgerError> {
    check_new(&new)?;
    let n_batches = check_plan(&new, plan)?;
    super::retry::check_parent(store, &mut new)?;
    // A retry is guarded by its parent instead.
    if !new.practice && !new.allow_duplicate && new.parent.is_none() {
        refuse_duplicate(store, &new, plan)?;
    }
    if store.campaign_by_name(&new.name)?.is_some() {
        return Err(LedgerError::name_taken(&new.name));
    }
    if store.campaign_by_key(&new.key)?.is_some() {
        return Err(LedgerError::key_taken());
    }
    let same_input = same_input(store, &new)?;
    let sums = Sums::new(new.rows, new.skipped, n_batches);
    let campaign = store.put_campaign(new)?;
    store.put_sums(campaign.id, &sums)?;
    for (number, planned) in (1..).zip(plan.batches()) {
        store.add_batch(&Batch::new(campaign.id, number, planned))?;
    }
    // Receipts for it may have come before it: from a ledger that it was copied from.
    for orphan in store.take_orphans(&campaign.key)? {
        super::apply::apply_row(store, &orphan.key, orphan.batch_id.as_ref(), &orphan.state)?;
    }
    Ok(Created { campaign, same_input })
}

fn check_new(new: &NewCampaign) -> Result<(), LedgerError> {
    let impossible = |sentence: &str| Err(LedgerError::impossible(sentence));
    if new.name.is_empty() {
        impossible("a campaign needs a name")
    } else if new.key.is_empty() {
        impossible("a campaign needs a key")
    } else if new.rows > LAST_ROW {
        impossible("a campaign cannot have that many rows")
    } else if new.skipped > new.rows {
        impossible("a campaign cannot skip more rows than it has")
    } else {
        Ok(())
    }
}

/// How many batches the plan has, if each row that is not skipped is in exactly one of them.
fn check_plan(new: &NewCampaign, plan: &dyn Plan) -> Result<u64, LedgerError> {
    let mut n_batches = 0;
    let mut n_rows = 0_u64;
    let mut last_row = 0;
    for (number, planned) in (1..=MAX_BATCHES + 1).zip(plan.batches()) {
        if number > MAX_BATCHES {
            return Err(LedgerError::new(
                LedgerErrorKind::PlanTooLarge,
                format!("the campaign has more than {MAX_BATCHES} batches; use a larger batch size"),
            ));
        }
        let wrong = |what: &str| Err(super::impossible(number, what));
        let (Some(first), Some(last)) = (planned.rows.first_row(), planned.rows.last_row()) else {
            return wrong("has no rows");
        };
        if !planned.rows.is_ascending() {
            return wrong("has rows out of order");
        }
        let begins = planned.first_row.unwrap_or(first);
        if first <= last_row || begins <= last_row {
            return wrong("has rows of an earlier batch");
        }
        if begins > first {
            return wrong("has rows before its range");
        }
        if last > new.rows {
            return wrong("has rows that the campaign has not");
        }
        last_row = last;
        n_rows = n_rows.saturating_add(planned.rows.len());
        n_batches = u64::from(number);
    }
    if n_rows != new.rows - new.skipped {
        return Err(LedgerError::impossible("the batches of a campaign have to hold every row that is not skipped"));
    }
    Ok(n_batches)
}

/// The same message to the same recipients is refused for ever, whatever its state.
fn refuse_duplicate<S: Store>(store: &mut S, new: &NewCampaign, plan: &dyn Plan) -> Result<(), LedgerError> {
    let mut earlier = HashMap::new();
    // The latest first: it is the one people remember.
    for campaign in store.campaigns_like(new)?.into_iter().rev() {
        let status = super::known_sums(store, campaign.id)?.status();
        if is_same_input(&campaign, &status, new) {
            return Err(LedgerError::duplicate(DuplicateOf { campaign, status }));
        }
        earlier.insert(campaign.id, (campaign, status));
    }
    if earlier.is_empty() {
        return Ok(());
    }
    let mut retries = HashMap::new();
    for digest in plan.batches().map(|planned| planned.digest).chain(new.has_batches.iter().copied()) {
        for (id, may_have_arrived) in store.batches_like(&digest)? {
            let Some((campaign, status)) = earlier.get(&id) else { continue };
            let guard = if status.phase != Phase::Cancelled || may_have_arrived {
                Some(id)
            } else if let Some(known) = retries.get(&id) {
                *known
            } else {
                *retries.entry(id).or_insert(guarding_relative(store, campaign, &earlier)?)
            };
            if let Some((campaign, status)) = guard.and_then(|guard| earlier.remove(&guard)) {
                return Err(LedgerError::duplicate(DuplicateOf { campaign, status }));
            }
        }
    }
    Ok(())
}

/// A retry that may have sent what a cancelled campaign did not, in other batches: its digests say nothing of that.
fn guarding_relative<S: Store>(
    store: &mut S,
    cancelled: &CampaignRecord,
    earlier: &HashMap<CampaignId, (CampaignRecord, CampaignStatus)>,
) -> Result<Option<CampaignId>, LedgerError> {
    let family = store.family(cancelled.family())?;
    let guards = |status: &CampaignStatus| status.accepted > 0 || status.unknown > 0 || status.is_unfinished();
    let is_guarding = |id: &CampaignId| earlier.get(id).is_some_and(|(_, status)| guards(status));
    Ok(family.into_iter().rev().find(|id| *id > cancelled.id && is_guarding(id)))
}

/// Whether a campaign is over the input of a new one, by its bytes or, as long as it is unfinished, by
/// its path.
fn is_same_input(campaign: &CampaignRecord, status: &CampaignStatus, new: &NewCampaign) -> bool {
    let same = |one: &str, other: &str| !one.is_empty() && one == other;
    // A cancelled campaign guards what may have arrived, and nothing else.
    let may_have_arrived = status.accepted > 0 || status.unknown > 0;
    let counts = status.phase != Phase::Cancelled || may_have_arrived;
    (counts && new.input_fingerprint.is_some() && campaign.input_fingerprint == new.input_fingerprint)
        || (status.is_unfinished() && same(&campaign.input, &new.input))
}

/// An unfinished campaign that sends something else to the same input.
fn same_input<S: Store>(store: &mut S, new: &NewCampaign) -> Result<Option<String>, LedgerError> {
    if new.practice || new.parent.is_some() {
        return Ok(None);
    }
    for campaign in store.campaigns_over(new)?.into_iter().rev() {
        let unfinished = super::known_sums(store, campaign.id)?.status().is_unfinished();
        if unfinished && campaign.message_fingerprint != new.message_fingerprint {
            return Ok(Some(campaign.name));
        }
    }
    Ok(None)
}
