//! Whether a campaign is running: pausing, resuming, ending.

use super::known_sums;
use crate::campaign::CampaignId;
use crate::error::LedgerError;
use crate::status::Phase;
use crate::store::Store;

/// Lets nothing more leave until it is resumed: [`Ledger::pause`](crate::Ledger::pause).
///
/// # Errors
/// `NoSuchCampaign`; `NotRunning` if it is cancelled, or being cancelled.
pub fn pause<S: Store>(store: &mut S, campaign: CampaignId) -> Result<(), LedgerError> {
    if known_sums(store, campaign)?.phase == Phase::Halted {
        // It waits already, and why is not to be forgotten.
        return Ok(());
    }
    move_to(store, campaign, Phase::Paused)
}

/// Lets nothing more leave until somebody has looked: [`Ledger::halt`](crate::Ledger::halt).
///
/// # Errors
/// `NoSuchCampaign`; `NotRunning` if it is cancelled, or being cancelled.
pub fn halt<S: Store>(store: &mut S, campaign: CampaignId) -> Result<(), LedgerError> {
    move_to(store, campaign, Phase::Halted)
}

/// Lifts a pause or a halt: [`Ledger::unpause`](crate::Ledger::unpause).
///
/// # Errors
/// `NoSuchCampaign`; `NotRunning` if it is cancelled, or being cancelled.
pub fn unpause<S: Store>(store: &mut S, campaign: CampaignId) -> Result<(), LedgerError> {
    move_to(store, campaign, Phase::Running)
}

fn move_to<S: Store>(store: &mut S, campaign: CampaignId, phase: Phase) -> Result<(), LedgerError> {
    let mut sums = known_sums(store, campaign)?;
    if matches!(sums.phase, Phase::Stopping | Phase::Cancelled) {
        return Err(LedgerError::not_running(sums.phase));
    }
    sums.phase = phase;
    store.put_sums(campaign, &sums)
}

/// Lets nothing more leave, ever, while what left is recalled: [`Ledger::stop`](crate::Ledger::stop).
///
/// # Errors
/// `NoSuchCampaign`.
pub fn stop<S: Store>(store: &mut S, campaign: CampaignId) -> Result<(), LedgerError> {
    let mut sums = known_sums(store, campaign)?;
    if sums.phase != Phase::Cancelled {
        sums.phase = Phase::Stopping;
    }
    store.put_sums(campaign, &sums)
}

/// Ends a campaign, so that nothing more of it leaves: [`Ledger::cancel`](crate::Ledger::cancel).
///
/// # Errors
/// `NoSuchCampaign`.
pub fn cancel<S: Store>(store: &mut S, campaign: CampaignId) -> Result<(), LedgerError> {
    let mut sums = known_sums(store, campaign)?;
    sums.phase = Phase::Cancelled;
    store.put_sums(campaign, &sums)
}
