//! When the messages of a new campaign leave.

use std::time::Duration;

use sinch_batch::campaign::CampaignRequest;
use sinch_batch::models::Timestamp;

use crate::args::{ScheduleArgs, SendAt};
use crate::fail::Failure;
use crate::{exit, say};

/// The furthest that the service holds a batch back.
const FURTHEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long `--recallable` holds everything back.
const RECALLABLE: Duration = Duration::from_secs(120);

/// When the messages are to go, if that is not now.
pub(in crate::commands) fn schedule(args: &ScheduleArgs, request: CampaignRequest) -> Result<CampaignRequest, Failure> {
    let now = Timestamp::now();
    if args.recallable {
        return Ok(request.with_send_after(now + RECALLABLE));
    }
    let spread = args.spread.filter(|spread| spread.as_secs() > 0);
    const HINT: &str = "give a time within 7 days from now; beyond that cron or a systemd timer starts the send";
    let begins = args.at.as_ref().map_or(now, SendAt::timestamp);
    if let Some(spread) = spread.filter(|spread| begins.checked_add(*spread).is_ok_and(|ends| ends > now + FURTHEST)) {
        let ends = begins.checked_add(spread).unwrap_or(Timestamp::MAX);
        return Err(Failure::new(
            exit::USAGE,
            format!(
                "--spread ends at {ends:.0}, more than 7 days ahead, and the service holds nothing back for longer; \
                 nothing was sent"
            ),
        )
        .hint(HINT));
    }
    let spread_over = |request: CampaignRequest| match spread {
        Some(spread) => {
            say!("the batches leave evenly from {begins:.0} to {:.0}", begins + spread);
            request.with_send_after(begins).with_spread(spread)
        }
        None => request,
    };
    let Some(at) = &args.at else { return Ok(spread_over(request)) };
    let refused =
        |why: &str| Err(Failure::new(exit::USAGE, format!("--at {} {why}; nothing was sent", at.shown())).hint(HINT));
    if at.timestamp() <= now {
        return refused("has passed");
    }
    if at.timestamp() > now + FURTHEST {
        return refused("is more than 7 days ahead, and the service holds nothing back for longer");
    }
    say!("the messages leave at {}", at.shown());
    Ok(spread_over(request.with_send_after(at.timestamp())))
}
