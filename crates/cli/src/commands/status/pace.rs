//! What bounds the pace of a campaign, and whether anybody is at it.

use serde::Serialize;
use sinch_batch::campaign::{Activity, CampaignRequest, SendLimits};
use sinch_batch::ledger::{CampaignRecord, CampaignStatus, Held, LedgerError};
use sinch_batch::models::Timestamp;

use crate::ledgers::AnyLedger;
use crate::output::grouped;
use crate::progress::fill;
use crate::settings::{BegunPace, Settings};

/// What bounds the pace, as far as the ledger knows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pace {
    /// How fast it was begun; nothing if another program began it.
    #[serde(flatten)]
    begun: Option<BegunPace>,
    /// Messages that may be in the service's queue.
    outstanding: u64,
    /// Whether nothing new leaves before receipts come.
    window_full: bool,
    /// Until when the service wants no requests of the project, if workers share that.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_until: Option<Timestamp>,
}

impl Pace {
    pub(super) async fn of(
        ledger: &AnyLedger,
        campaign: &CampaignRecord,
        status: &CampaignStatus,
    ) -> Result<Self, LedgerError> {
        let held_until = match ledger {
            AnyLedger::Sqlite(_) => None,
            AnyLedger::Postgres(ledger) => ledger.pace_held_until(&campaign.project).await?,
        };
        let begun = Settings::read(&campaign.settings).ok().and_then(|settings| settings.pace);
        let window = limits(campaign).window;
        let begun = begun.map(|begun| BegunPace { window, ..begun });
        let outstanding = status.outstanding();
        let window_full = begun.is_some() && window > 0 && outstanding >= window;
        Ok(Self { begun, outstanding, window_full, held_until })
    }

    /// One line, or several on a narrow screen.
    pub(super) fn text(&self, width: u16) -> String {
        let mut parts = Vec::new();
        match self.begun {
            Some(BegunPace { max_rate, window }) => {
                parts.push(format!("pace: begun with {} requests/s at most", grouped(max_rate.into())));
                parts.push(match window {
                    0 => "no window".to_owned(),
                    window => format!("window {} messages", grouped(window)),
                });
                parts.push(format!("{} outstanding", grouped(self.outstanding)));
            }
            None => parts.push(format!("pace: {} outstanding", grouped(self.outstanding))),
        }
        if self.window_full {
            parts.push("nothing new leaves before receipts come".to_owned());
        }
        if let Some(until) = self.held_until {
            parts.push(format!("held until {until:.0} after a 429"));
        }
        format!("{}\n", fill(&parts, width.into()))
    }
}

/// The limits that a campaign was begun with, as far as the ledger knows them.
fn limits(campaign: &CampaignRecord) -> SendLimits {
    let settings = Settings::read(&campaign.settings).unwrap_or_default();
    let limits = SendLimits::default().with_halt(settings.must_halt);
    let limits = settings.pace.map_or(limits.clone(), |pace| limits.with_window(pace.window));
    let window = CampaignRequest::from_json(campaign.request.as_bytes(), None)
        .map_or(limits.window, |request| limits.window_for(&request, Timestamp::now()));
    limits.with_window(window)
}

/// What an unfinished campaign is at.
pub(crate) fn activity(campaign: &CampaignRecord, status: &CampaignStatus, held: &[Held]) -> Activity {
    Activity::of(status, held, &limits(campaign))
}

/// The word for it, where the sums do not say enough.
pub(crate) fn word(activity: Activity) -> Option<&'static str> {
    match activity {
        Activity::Stopped => Some("stopped"),
        Activity::MayWait => Some("waiting for receipts, or stopped"),
        Activity::Paused => Some("paused"),
        Activity::Halted => Some("halted"),
        _ => None,
    }
}

/// That nobody is at it; nothing if somebody is, or the phase says it.
pub(super) fn activity_text(activity: Activity) -> String {
    match activity {
        Activity::Stopped | Activity::MayWait => {
            word(activity).map(|word| format!("{word}: no worker holds a batch\n")).unwrap_or_default()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_fits_60_and_80_columns() {
        let begun = BegunPace { max_rate: 100, window: 400_000 };
        let pace = Pace { begun: Some(begun), outstanding: 12_300, window_full: false, held_until: None };
        let held_until = Some("2031-09-14T10:00:00Z".parse().unwrap());
        let full = Pace { outstanding: 400_000, window_full: true, held_until, ..pace.clone() };
        let unbounded = Pace { begun: Some(BegunPace { max_rate: 800, window: 0 }), ..pace.clone() };
        let unknown = Pace { begun: None, ..pace.clone() };
        let screens = [60, 80].map(|width| {
            let text: String = [&pace, &full, &unbounded, &unknown].map(|pace| pace.text(width)).concat();
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
            format!("{width}\n{text}")
        });
        insta::assert_snapshot!(screens.join("\n"));
    }
}
