//! What a send is about, before it begins; and the question whether to.

use std::path::Path;

use sinch_batch::campaign::{CampaignRequest, CheckedCampaign};
use sinch_batch::models::Template;
use sinch_batch::recipients::ReadOptions;

use crate::args::SendArgs;
use crate::fail::Failure;
use crate::output::count;
use crate::{exit, input, progress};

/// How many rows are looked at to find one that says its channel.
const LOOKED_AT: u64 = 20;

/// What a person wants to know before everybody gets the message.
#[derive(Debug)]
pub(super) struct Heading {
    people: u64,
    channel: Option<String>,
    app: String,
    place: String,
    /// Messages per second.
    drain: u32,
    /// SMS parts, and the rows that have them.
    parts: Option<(u64, u64)>,
}

impl Heading {
    pub(super) fn of(args: &SendArgs, checked: &CheckedCampaign) -> Self {
        let request = checked.request();
        let place = match (&args.service.base_url, &args.service.region) {
            _ if args.simulate => "simulator".to_owned(),
            (Some(url), _) => {
                url.parse::<url::Url>().ok().and_then(|url| Some(url.host_str()?.to_owned())).unwrap_or_default()
            }
            (None, region) => region.clone().unwrap_or_default(),
        };
        let people = checked.checked().valid_rows() - checked.checked().suppressed_rows;
        let channel = channels(&args.input.file, &args.read.options(), request);
        let parts = checked.checked().sms.as_ref().map(|sms| (sms.parts, sms.rows));
        Self { people, channel, app: short(request.app().as_str()), place, drain: args.run.drain, parts }
    }

    /// `49,564 rows by SMS, app …X5C36G1, eu, about 42m`
    pub(super) fn line(&self) -> String {
        format!("{}{}", count(self.people, "row", "rows"), self.rest())
    }

    fn question(&self) -> String {
        format!("{}{}. Send? [y/N]", count(self.people, "person", "people"), self.rest())
    }

    fn rest(&self) -> String {
        let channel = self.channel.as_ref().map(|channel| format!(" by {channel}")).unwrap_or_default();
        let estimate = progress::estimate(self.people, self.drain);
        let parts = self.parts.filter(|(parts, rows)| parts > rows).map(|(parts, rows)| {
            // Rounded up: what is said is never less than what is sent.
            let tenths = (parts * 10).div_ceil(rows.max(1));
            format!(", {}.{} parts each", tenths / 10, tenths % 10)
        });
        let parts = parts.unwrap_or_default();
        format!("{channel}, app {}, {}, about {estimate}{parts}", self.app, self.place)
    }

    /// Asks on a terminal; elsewhere nobody could answer.
    pub(super) async fn ask(&self) -> Result<(), Failure> {
        if input::confirmed(&self.question()).await? {
            return Ok(());
        }
        Err(Failure::new(exit::USAGE, "not confirmed; nothing was sent").hint("answer y, or give --yes in scripts"))
    }
}

/// The end of an id, enough to tell two apart.
fn short(id: &str) -> String {
    let skipped = id.chars().count().saturating_sub(7);
    match skipped {
        0 => id.to_owned(),
        skipped => format!("…{}", id.chars().skip(skipped).collect::<String>()),
    }
}

/// The channels that are tried, in order: those of the request, else of the first valid row.
fn channels(file: &Path, reading: &ReadOptions, request: &CampaignRequest) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(&request.to_json()).ok()?;
    if let Some(order) = json["channel_priority_order"].as_array().filter(|order| !order.is_empty()) {
        return Some(order.iter().filter_map(|channel| channel.as_str()).collect::<Vec<_>>().join(", "));
    }
    // What can be read only once is being read elsewhere.
    if !file.is_file() {
        return None;
    }
    let template = Template::new(request.message().clone());
    let mut rows = input::open(file).ok()?.with_reading(reading.clone());
    let row = (1..=LOOKED_AT).find_map(|row| rows.row(&template, row).ok())?;
    let mut channels: Vec<&str> =
        row.recipient.recipient.channel_identities().iter().map(|identity| identity.channel.as_str()).collect();
    channels.dedup();
    (!channels.is_empty()).then(|| channels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heading_and_question_say_the_same() {
        let heading = Heading {
            people: 49_564,
            channel: Some("SMS".to_owned()),
            app: short("01KZ4EBHKN27EZJ4Q91V5C36G1"),
            place: "eu".to_owned(),
            drain: 20,
            parts: Some((49_564, 49_564)),
        };
        assert_eq!(heading.line(), "49,564 rows by SMS, app …V5C36G1, eu, about 41m");
        assert_eq!(heading.question(), "49,564 people by SMS, app …V5C36G1, eu, about 41m. Send? [y/N]");
        let long = Heading { parts: Some((58_000, 49_564)), channel: None, ..heading };
        assert_eq!(long.line(), "49,564 rows, app …V5C36G1, eu, about 41m, 1.2 parts each");
        let heading = Heading { parts: None, ..long };
        assert_eq!(
            Heading { people: 1, channel: None, ..heading }.question(),
            "1 person, app …V5C36G1, eu, about 1s. Send? [y/N]"
        );
    }
}
